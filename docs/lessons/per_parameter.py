"""# A rate for each parameter

Adaptive methods divide the rate by the size of each gradient, so that scales stop mattering.

A linear model reads features of very different sizes, as raw tables hold them: metres beside
millimetres. Curvature, and the gradient of a weight that is off by one, go with the square of the
feature. One rate for all must stay below `2 / h` of the largest curvature `h`, and the weights of
the small features hardly move: the lesson of the three regimes, with curvatures from 1 to 10**8.

Adam keeps a running mean square `v` of each gradient and steps by

    lr / (sqrt(v_hat) + eps)

times the mean gradient. That number, element by element, is `opt.effective_lr(name)`: where
gradients are a hundred times smaller it is a hundred times higher, and the update is again about
`lr`. So `lr` is in the units of the parameters, how far each may go in one update, and no longer
in those of the loss: multiplying the loss by 1000 changes nothing.

It is no remedy for everything. With updates of about `lr` everywhere, a weight that should be 1000
takes 1000 / lr of them, and one that should be 0.001 is overshot: the trouble has moved from the
gradients to the solution. Features that are correlated keep the curvature of the directions
between them, since only single coordinates are scaled. And near the end all updates are still
about `lr` long, so that a schedule must bring it down. Scaling the columns of a table beforehand
is better than either, where one can.
"""

import numpy as np

import lrcore as lrc
from lesson import BLUE, GREEN, GREY, ORANGE, main

SCALES = np.array([0.01, 0.1, 1.0, 10.0, 100.0])
ROWS, UPDATES = 200, 1500

rng = np.random.default_rng(0)
columns = np.linalg.qr(rng.standard_normal((ROWS, len(SCALES))))[0] * np.sqrt(ROWS)
X = columns * SCALES  # uncorrelated, and of these sizes
truth = np.ones(len(SCALES))
y = X @ truth


def fit(make, unit=1.0, updates=UPDATES):
    """The distance of each weight from its true value, update by update, and the optimizer."""
    w = np.zeros(len(SCALES))
    opt = make({"w": w})
    path = [np.abs(w - truth)]
    for _ in range(updates):
        opt.step({"w": unit * X.T @ (X @ w - y) / ROWS})
        path.append(np.abs(w - truth))
    return np.array(path), opt


h_max = np.linalg.eigvalsh(X.T @ X / ROWS)[-1]
schedule = lrc.CosineAnnealing(0.01, UPDATES)
plain, _ = fit(lambda w: lrc.SGD(w, lr=1 / h_max))
adam, opt = fit(lambda w: lrc.Adam(w, lr=schedule))
rates = opt.effective_lr("w") / opt.last_lr

print("size of the feature   left with SGD   left with Adam   effective rate / lr")
for size, *left in zip(SCALES, plain[-1], adam[-1], rates, strict=True):
    print(f"{size:<22g}{left[0]:<16.2g}{left[1]:<17.2g}{left[2]:.2g}")

# one rate for all: the two smallest features have learnt next to nothing
assert np.all(plain[-1][:2] > 0.99)
assert plain[-1][-1] < 1e-3
# a rate for each: all are there
assert np.all(adam[-1] < 1e-6)
# a tenth of the size, a hundredth of the gradient, a hundred times the rate; but for eps
np.testing.assert_allclose(rates[:-1] / rates[1:], 100, rtol=1e-2)
# the loss in other units: the same path but for eps, where SGD's rate is now too high
np.testing.assert_allclose(fit(lambda w: lrc.Adam(w, lr=schedule), 1000.0)[0], adam, atol=1e-3)
assert fit(lambda w: lrc.SGD(w, lr=1 / h_max), 3.0, updates=20)[0][-1].max() > 1e5


def draw(figure):
    """How far each weight still has to go, with one rate and with a rate for each."""
    colors = (GREY, "black", GREEN, BLUE, ORANGE)
    titles = ("SGD, one rate", "Adam, a rate for each")
    left, middle, right = figure.subplots(1, 3, width_ratios=(3, 3, 2))
    for axes, path, title in zip((left, middle), (plain, adam), titles, strict=True):
        for k, color in enumerate(colors):
            axes.semilogy(
                np.maximum(path[:, k], 1e-9), color=color, label=f"feature of size {SCALES[k]:g}"
            )
        axes.set(xlabel="update", ylabel="distance of the weight", ylim=(1e-9, 30), title=title)
    middle.legend(fontsize="x-small", loc="upper right")
    right.loglog(SCALES, rates, color=BLUE, marker="o")
    right.set(xlabel="size of the feature", ylabel="effective rate / lr")


if __name__ == "__main__":
    main(draw)
