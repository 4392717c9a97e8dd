"""# Batch size and rate

A batch `k` times as large has `k` times less noise and bears `k` times the rate, up to a limit.

The gradient of a batch is a mean over its rows: its variance falls as 1 / batch. A batch of `k * b`
rows is used once where `b` rows were used `k` times, so to go as far per row its update must be `k`
times as long. With rate `k * rate` the small batch's `k` steps become one, and while
`k * rate` is far below the limit of stability the two runs are nearly the same, seen over the rows
they have read: the same slope, and the same floor, which is proportional to rate / batch.
This is the linear scaling rule (Goyal et al. 2017); for Adam and its like, whose step does not grow
with the gradient, the square root of `k` is the usual choice.

The limit is the curvature. Above `2 / h` every run diverges, however large its batch (see
three_regimes.py). Near it the rate cannot grow any more, and a larger batch spends more rows on the
same step: the "critical batch size". A warm-up helps where the curvature is highest at the start.

"Lower the rate for large batches" is often heard, and wrong as it stands: at the same rate a batch
16 times as large learns 16 times less from a row. It is true relative to the scaled rate: near the
limit less than `k * rate` is needed.

Below, 200 linear models at a time learn from a stream of rows; `factor` is what scales the rate.
"""

import numpy as np

import lrcore as lrc
from lesson import BLUE, GREEN, GREY, ORANGE, main

FEATURES, MODELS, ROWS = 10, 200, 8192
BATCH, RATE = 4, 0.01  # features of variance 1: the curvature is 1, and the limit 2


def gradients(w, batch, rng):
    """Of the squared error on a fresh batch for each model; the truth is w = 0 with noise 1."""
    X = rng.standard_normal((len(w), batch, FEATURES))
    errors = np.einsum("mbf,mf->mb", X, w) - rng.standard_normal((len(w), batch))
    return np.einsum("mb,mbf->mf", errors, X) / batch


def learn(batch, rate, rows=ROWS):
    """The mean loss above its minimum, over the rows read."""
    rng = np.random.default_rng(0)
    w = np.ones((MODELS, FEATURES))
    opt = lrc.SGD(w, lr=rate)
    losses = [0.5 * FEATURES]
    for _ in range(rows // batch):
        opt.step(gradients(w, batch, rng))
        losses.append(0.5 * np.mean(np.sum(w * w, axis=1)))
    return np.array(losses)


batches = np.array([1, 4, 16, 64, 256])
rng = np.random.default_rng(0)
ones = np.ones((1000, FEATURES))
noise = np.array([gradients(ones, batch, rng).var(axis=0).sum() for batch in batches])
print(f"variance of the gradient times the batch: {(noise * batches).round(1)}")
# 1000 gradients of 10 elements know their variance to about 2 %, a few more for batches of 1
np.testing.assert_allclose(noise * batches, np.mean(noise * batches), rtol=0.12)

rates = {factor: lrc.scale_lr(RATE, BATCH * factor, BATCH) for factor in (1, 4, 16, 256)}
scaled = {factor: learn(BATCH * factor, rate) for factor, rate in rates.items()}
unscaled = learn(BATCH * 16, RATE, 2 * ROWS)


def rows_until(losses, batch, level):
    """Between two updates along a line in the logarithm."""
    k = int(np.argmax(losses < level))
    before, after = np.log(losses[k - 1 : k + 1])
    return batch * (k - 1 + (before - np.log(level)) / (before - after))


fast, floors = [], []
for factor in (1, 4, 16):
    losses = scaled[factor]
    fast.append(rows_until(losses, BATCH * factor, 0.1))
    floors.append(losses[len(losses) // 2 :].mean())
    name = f"batch {BATCH * factor}, rate {rates[factor]:g}"
    print(f"{name}: 0.1 after {fast[-1]:.0f} rows, floor {floors[-1]:.4f}")
# in theory k * log(1 - rate) against log(1 - k * rate): 8 % at rate 0.16
np.testing.assert_allclose(fast, fast[0], rtol=0.1)
# rate / (2 - rate * (1 + 11 / batch)): 8 % at rate 0.16; and 2 % of chance
np.testing.assert_allclose(floors, floors[0], rtol=0.15)
assert scaled[256][-1] > 10 * scaled[256][0]  # rate 2.56 is beyond 2
slow = rows_until(unscaled, BATCH * 16, 0.1)
print(f"batch {BATCH * 16} at rate {RATE}: 0.1 after {slow:.0f} rows")
assert 13 < slow / fast[0] < 18


def draw(figure):
    """The noise over the batch, and the losses over the rows read."""
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    left.plot(batches, noise[0] / batches, color=GREY, label="proportional to 1 / batch")
    left.plot(batches, noise, "o", color=BLUE, label="measured")
    left.set(xlabel="batch", ylabel="variance of the gradient", xscale="log", yscale="log")
    left.legend(fontsize="small", loc="upper right")
    for factor, color, width in ((1, GREY, 4), (4, GREEN, 2), (16, BLUE, 1), (256, ORANGE, 1)):
        rows = BATCH * factor * np.arange(len(scaled[factor]))
        label = f"batch {BATCH * factor}, rate {rates[factor]:g}"
        marker = "." if factor == 256 else ""
        right.plot(rows, scaled[factor], marker=marker, color=color, lw=width, label=label)
    rows = BATCH * 16 * np.arange(len(unscaled))
    right.plot(rows, unscaled, "--", color=BLUE, label=f"batch {BATCH * 16}, rate {RATE}")
    right.set_xlim(-100, ROWS + 100)
    right.set(xlabel="rows read", ylabel="loss above its minimum", yscale="log", ylim=(0.003, 1e7))
    right.legend(fontsize="small", loc="upper right", ncols=2)


if __name__ == "__main__":
    main(draw)
