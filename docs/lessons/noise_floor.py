"""# The noise floor

Turning the rate down lowers the noise of SGD in proportion, and slows down everything after it.

Near a minimum of curvature `h`, with gradients that have noise of variance `s2`, an update is

    x -= rate * (h * x + noise)

The noise pushes by `rate * noise`, the curvature pulls back by the factor `1 - rate * h`. In the
end the two are in balance: the variance `v` of `x` is what an update makes of it,

    v = (1 - rate * h)**2 * v + rate**2 * s2

    v = rate * s2 / (h * (2 - rate * h))        or about rate * s2 / (2 * h) at a low rate

That is the floor. A tenth of the rate is a tenth of the variance, and of the loss above its
minimum, `h * v / 2`: the sudden gain that one sees when the rate is dropped. It is not learning
that had been stuck, it is noise that goes away. What is left of the distance falls by a factor of
`1 - rate * h` at each update, with a time constant of `1 / (rate * h)` updates: ten times as long
after the drop. Drop too early, and the rest of the way takes ten times as long; so wait until the
loss is level.

Averaging is the alternative. The mean of the last `n` iterates has a variance of about
`s2 / (h**2 * n)` whatever the rate, as long as `n` is many time constants: keep the high rate, and
use the average. It costs an array of sums.

Below, 30 000 independent walkers are one array, and one call of `step` moves all of them.
"""

import numpy as np

import lrcore as lrc
from lesson import BLUE, GREEN, GREY, ORANGE, main

H, S2 = 1.0, 1.0
WALKERS, FAR = 30_000, 5.0
HIGH, LOW, DROP = 0.4, 0.04, 20


def walk(rate, updates, average_from=None):
    """The walkers' mean and mean square at each update; that of averages from a time on."""
    rng = np.random.default_rng(0)
    x = np.full(WALKERS, FAR)
    opt = lrc.SGD(x, lr=rate)
    means, squares, total = [FAR], [FAR**2], np.zeros(WALKERS)
    for t in range(updates):
        opt.step(H * x + np.sqrt(S2) * rng.standard_normal(WALKERS))
        means.append(x.mean())
        squares.append(x @ x / WALKERS)
        if average_from is not None and t >= average_from:
            total += x
            squares[-1] = np.mean((total / (t + 1 - average_from)) ** 2)
    return np.array(means), np.array(squares)


def floor(rate):
    """The variance that is left at a constant rate."""
    return rate * S2 / (H * (2 - rate * H))


rates = np.array([0.02, 0.04, 0.1, 0.2, 0.4, 0.8, 1.6])
floors = []
for rate in rates:
    # 12 time constants: what is left of the start is 25 * exp(-24), nothing beside the floor
    means, squares = walk(rate, round(12 / rate) + 40)
    floors.append(squares[-1])
    print(f"rate {rate:<5} variance {floors[-1]:.5f}, in theory {floor(rate):.5f}")
# the variance of 30 000 walkers is known to sqrt(2 / 30 000), 0.8 %: 5 % is six times that
np.testing.assert_allclose(floors, floor(rates), rtol=0.05)
assert 10 < floors[4] / floors[1] < 13  # exactly 10 * (2 - 0.04) / (2 - 0.4) = 12.25

runs = {
    f"constant {HIGH}": walk(HIGH, 300),
    f"constant {LOW}": walk(LOW, 300),
    f"{HIGH}, then {LOW}": walk(lrc.MultiStepDecay(HIGH, [DROP], factor=LOW / HIGH), 300),
    f"constant {HIGH}, averaged": walk(HIGH, 300, average_from=DROP),
}
for name, (_, squares) in runs.items():
    print(
        f"{name:24} mean square after 20, 100 and 300 updates: {squares[[20, 100, 300]].round(5)}"
    )

# what is slower: the updates until the walkers' mean is within 1/e of where it was
slow = np.argmax(runs[f"constant {LOW}"][0] < FAR / np.e)
fast = np.argmax(runs[f"constant {HIGH}"][0] < FAR / np.e)
print(f"a factor e nearer: {fast} updates at {HIGH}, {slow} at {LOW}")
assert (fast, slow) == (2, 25)  # whole updates: -1 / log(1 - rate * H) is 1.96 and 24.5

dropped, averaged = runs[f"{HIGH}, then {LOW}"][1], runs[f"constant {HIGH}, averaged"][1]
assert np.isclose(dropped[-1], floor(LOW), rtol=0.05)  # as above
# the theory for long averages is off by 1 / (rate * n), 1 % here, on top of 0.8 % of chance
assert np.isclose(averaged[-1], S2 / (H**2 * (300 - DROP)), rtol=0.05)
assert averaged[-1] < dropped[-1] / 4


def draw(figure):
    """The floors beside the theory, and the way there."""
    left, right = figure.subplots(1, 2)
    line = np.geomspace(0.015, 1.8)
    left.plot(line, floor(line), color=GREY, label="rate * s2 / (h * (2 - rate * h))")
    left.plot(rates, floors, "o", color=BLUE, label=f"{WALKERS} walkers")
    left.set(xlabel="rate", ylabel="variance of x in the end", xscale="log", yscale="log")
    left.legend(fontsize="small", loc="upper left")
    for (name, (_, squares)), color in zip(runs.items(), (ORANGE, GREY, BLUE, GREEN), strict=True):
        right.plot(squares, color=color, label=name)
    right.axvline(DROP, color="black", linestyle=":", linewidth=1)
    right.set(xlabel="update", ylabel="mean square distance", yscale="log")
    right.legend(fontsize="small", loc="upper right")


if __name__ == "__main__":
    main(draw)
