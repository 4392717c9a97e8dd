"""# Another valley

A low rate stays in its valley, a high one leaves it and cannot settle; restarts do both.

The loss `x**4 / 4 - x**2 / 2 + x / 5` has two valleys, a shallow one at 0.88 and one 0.4 lower at
-1.09. 2000 walkers start in the shallow one, with gradients that have noise of variance 1.

- At the rate 0.02 the noise is too weak to carry anyone over the ridge: they settle where they are.
- At 0.2 nearly all come over within 400 updates, since the ridge is less high from this side. But
  the same noise keeps them far above the bottom, and some are on their way back at any time.
- A rate that falls once and for all, here half a cosine over the whole run, first crosses and then
  settles. It must know beforehand how long the run will be: until near the end its loss is high.
- `CosineWarmRestarts(0.2, 400)` falls to 0 every 400 updates and begins again. Each time the rate
  is high, more of the stragglers come over; each time it is low the loss is, too. One can stop at
  the end of any cycle. `Cyclical` does the like along a triangle.

So a jump of the loss after a restart is meant to be. Compare the ends of the cycles, or keep the
best parameters with `EarlyStopping` and a patience longer than a cycle.

None of this finds the lowest valley by itself: what decides is how high the ridge is beside the
noise, which is about rate * variance / 2. And the lowest valley of the training loss need not be
the one to be in; stop_early.py shows why it is not worth chasing to its last digit.
"""

import numpy as np

import lrcore as lrc
from lesson import BLUE, GREEN, GREY, ORANGE, main

WALKERS, UPDATES, CYCLE = 2000, 2000, 400


def loss(x):
    """Two valleys: 0.88 and -1.09."""
    return x * x * (x * x / 4 - 0.5) + 0.2 * x


def slope(x):
    """Its derivative."""
    return x * (x * x - 1) + 0.2


SHALLOW, RIDGE, DEEP = sorted(np.roots([1, 0, -1, 0.2]).real, reverse=True)


def walk(rate):
    """The part of the walkers in the deep valley, and their mean loss above its bottom."""
    rng = np.random.default_rng(0)
    x = np.full(WALKERS, SHALLOW)
    opt = lrc.SGD(x, lr=rate)
    parts, losses = [], []
    for _ in range(UPDATES):
        opt.step(slope(x) + rng.standard_normal(WALKERS))
        parts.append(np.mean(x < RIDGE))
        losses.append(loss(x).mean() - loss(DEEP))
    return np.array(parts), np.array(losses)


RATES = {
    "constant 0.02": lrc.Constant(0.02),
    "constant 0.2": lrc.Constant(0.2),
    "CosineAnnealing(0.2, 2000)": lrc.CosineAnnealing(0.2, UPDATES),
    "CosineWarmRestarts(0.2, 400)": lrc.CosineWarmRestarts(0.2, CYCLE),
}
runs = {name: walk(schedule) for name, schedule in RATES.items()}
ends = np.arange(CYCLE, UPDATES + 1, CYCLE) - 1
for name, (parts, losses) in runs.items():
    print(f"{name:30} in the deep valley {parts[-1]:.1%}, loss above its bottom {losses[-1]:.4f}")
    print(f"{'':30} after each cycle: {losses[ends].round(4)}")

low, high, once, restarts = runs.values()
# shares of 2000 walkers: known to about 0.5 %
assert low[0][-1] < 0.02
assert high[0][ends[0]] > 0.93
assert high[1][-100:].mean() > 5 * restarts[1][-1]
assert restarts[0][-1] > 0.97
assert np.all(restarts[1][ends[1:3]] < once[1][ends[1:3]] / 2)  # one may stop earlier
assert once[1][-1] < restarts[1][-1]  # and pays for it, if the length is known


def draw(figure):
    """The landscape, the share that crossed, and the loss."""
    first, second, third = figure.subplots(1, 3)
    x = np.linspace(-1.75, 1.5, 200)
    first.plot(x, loss(x) - loss(DEEP), color="black")
    first.plot(SHALLOW, loss(SHALLOW) - loss(DEEP), "o", color=ORANGE, label="start")
    first.set(xlabel="x", ylabel="loss above the bottom", ylim=(-0.05, 0.95))
    first.legend(fontsize="small", loc="upper center")
    for (name, (parts, losses)), color in zip(
        runs.items(), (GREY, ORANGE, GREEN, BLUE), strict=True
    ):
        second.plot(100 * parts, color=color)
        third.plot(losses, color=color, label=name, linewidth=1)
    second.set(xlabel="update", ylabel="in the deep valley (%)", ylim=(-3, 103))
    third.set(xlabel="update", ylabel="mean loss above the bottom", yscale="log", ylim=(1e-3, 20))
    third.legend(fontsize="x-small", loc="upper right")


if __name__ == "__main__":
    main(draw)
