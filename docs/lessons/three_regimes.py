"""# Three regimes of a rate

On a parabola a rate is too low, right or too high, and its curvature says where each begins.

The loss is `h * x**2 / 2`: its gradient is `h * x`, its curvature `h`. An update of gradient
descent

    x -= rate * h * x        that is        x *= 1 - rate * h

multiplies the distance to the minimum by the same factor every time, so everything follows from
the size of `1 - rate * h`:

| rate | factor | what you see |
|---|---|---|
| far below `1 / h` | just below 1 | too low: the loss hardly moves |
| up to `1 / h` | 0 to 1 | monotone: the nearer to `1 / h`, the faster |
| `1 / h` | 0 | there in one update: Newton's step |
| `1 / h` to `2 / h` | -1 to 0 | from side to side, and still converging |
| `2 / h` | -1 | from side to side for ever |
| above `2 / h` | below -1 | diverges, by the same factor at every update |

With several parameters each direction has a curvature of its own and one rate must serve them all:
the steepest direction sets the limit `2 / h_max`, the flattest one the pace `1 - rate * h_min`. The
best constant rate is `2 / (h_min + h_max)`; with `k = h_max / h_min` it gains a factor of
`(k - 1) / (k + 1)` at each update, which is why badly scaled inputs train slowly at any rate.
"""

import numpy as np

import lrcore as lrc
from lesson import BLUE, GREEN, GREY, ORANGE, main

H = 2.0
UPDATES = 30


def distances(rate, h=H):
    """Of x from the minimum, in the steepest direction last, before each update and at the end."""
    x = np.ones_like(h)
    opt = lrc.SGD(x, lr=rate)
    passed = [x.copy()]
    for _ in range(UPDATES):
        opt.step(h * x)
        passed.append(x.copy())
    return np.array(passed)


REGIMES = {
    "too low": 0.0001 / H,
    "monotone": 0.2 / H,
    "from side to side": 1.7 / H,
    "for ever": 2.0 / H,
    "diverges": 2.1 / H,
}
paths = {name: distances(rate) for name, rate in REGIMES.items()}
for name, path in paths.items():
    print(f"rate * h = {REGIMES[name] * H:<7.4g} {name:18} {path[-1]:+.4g} after {UPDATES} updates")

steps = {name: np.diff(np.abs(path)) for name, path in paths.items()}
assert paths["too low"][-1] > 0.99
assert np.all(steps["monotone"] < 0)
assert np.all(paths["monotone"] > 0)
assert np.all(steps["from side to side"] < 0)
assert np.all(np.sign(paths["from side to side"]) == (-1.0) ** np.arange(UPDATES + 1))
assert np.all(steps["for ever"] == 0)
assert np.all(steps["diverges"] > 0)
assert distances(1 / H)[1] == 0

# rounding of one update each, of UPDATES of them: far below 1e-12
for name, path in paths.items():
    np.testing.assert_allclose(path, (1 - REGIMES[name] * H) ** np.arange(UPDATES + 1), rtol=1e-12)

curvatures = np.array([1.0, 25.0])
ratio = curvatures[1] / curvatures[0]
best = 2 / curvatures.sum()
left = {rate: np.abs(distances(rate, curvatures)[-1]).max() for rate in (0.9 * best, best, 0.0801)}
print(f"curvatures 1 and 25: {left[best]:.4f} of the way left at the best rate {best:.4f}")
assert left[best] < left[0.9 * best] < 1 < left[0.0801]  # the limit is 2 / 25 = 0.08
assert np.isclose(left[best], ((ratio - 1) / (ratio + 1)) ** UPDATES, rtol=1e-9)  # as above


def draw(figure):
    """Where x goes, and the factor of one update over the rate."""
    left, right = figure.subplots(1, 2)
    colors = (GREY, BLUE, GREEN, "black", ORANGE)
    for (name, path), color in zip(paths.items(), colors, strict=True):
        label = f"{REGIMES[name] * H:g}/h: {name}"
        left.plot(path[:13], color=color, marker=".", label=label)
    left.set(xlabel="update", ylabel="x (the minimum is at 0)", ylim=(-7.5, 3.7))
    left.set_yticks(range(-3, 4))
    left.legend(fontsize="small", loc="lower center", ncols=2, title="rate")
    rates = np.linspace(0, 2.4, 97)
    right.plot(rates, np.abs(1 - rates), color=GREY, label="|1 - rate * h|")
    measured = rates[4::8]
    factors = [np.abs(distances(rate / H)[1]) for rate in measured]
    right.plot(measured, factors, "o", color=BLUE, label="one update of lrc.SGD")
    right.axhline(1, color=ORANGE, linewidth=1)
    for center, word in ((0.5, "monotone"), (1.5, "side to side"), (2.2, "diverges")):
        right.text(center, 1.85, word, ha="center", fontsize="small")
    for border in (1, 2):
        right.axvline(border, color=GREY, linestyle="--", linewidth=1)
    right.set(xlabel="rate * h", ylabel="factor on the distance, one update", ylim=(0, 2))
    right.legend(fontsize="small", loc="upper left", bbox_to_anchor=(0, 0.9))


if __name__ == "__main__":
    main(draw)
