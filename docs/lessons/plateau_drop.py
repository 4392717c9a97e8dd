"""# Drop the rate on a plateau

When a loss stays level because of noise, a tenth of the rate buys a tenth of the loss, and then
again.

"Divide by 10 when the loss has stopped falling" is the oldest of the schedules, and this is why it
works: at a constant rate SGD comes down to a floor that is proportional to the rate (see
noise_floor.py) and then walks about on it. The plateau is no minimum; it is the floor of this rate.

`ReduceOnPlateau(factor=0.1, patience=8)` does it unattended. `factor` is what the rate is
multiplied by: "reduce by a factor of 10" is 0.1, "by a factor of 2" is 0.5. After `patience`
evaluations in a row without an improvement on the best one the rate falls, and the count begins
anew.

It is a controller, a factor on whatever rate or schedule the optimizer has. Tell it a loss on data
of its own after each epoch; the training loss of single batches is too noisy to judge by.

- Patience is the price of a drop: so many epochs go by at each floor. Here patience 1 is below 0.05
  after a third of the epochs, because each floor is reached within a few.
- Too little patience takes bad luck for a floor, and what was left to learn is then learnt at a
  tenth of the speed. The extreme is to begin with the lowest rate: it takes four times the epochs.
- The gain ends where the noise is no longer what is left of the loss: then a drop only slows down.
- A loss that is level from the first epoch is another matter: there the rate is too low.
"""

import numpy as np

import lrcore as lrc
from lesson import BLUE, GREEN, GREY, ORANGE, main

FEATURES, BATCH, UPDATES, EPOCHS = 100, 16, 50, 110
SCALE = np.geomspace(1.0, 0.5, FEATURES)


def train(rate, plateau=None):
    """The loss above its minimum after each epoch of a linear model, and the epoch's rate."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(FEATURES)
    w = np.zeros(FEATURES)
    opt = lrc.SGD(w, lr=rate, controller=plateau)
    losses, rates = [], []
    for _ in range(EPOCHS):
        for _ in range(UPDATES):
            X = rng.standard_normal((BATCH, FEATURES)) * SCALE
            y = X @ truth + rng.standard_normal(BATCH)
            opt.step(X.T @ (X @ w - y) / BATCH)
        losses.append(0.5 * np.sum((SCALE * (w - truth)) ** 2))
        rates.append(opt.last_lr)
        if plateau:
            plateau.update(losses[-1])
    return np.array(losses), np.round(rates, 9)


runs = {
    "constant 0.2": train(0.2),
    "constant 0.002": train(0.002),
    "ReduceOnPlateau(0.1, 1)": train(0.2, lrc.ReduceOnPlateau(0.1, 1, min_scale=0.01)),
    "ReduceOnPlateau(0.1, 8)": train(0.2, lrc.ReduceOnPlateau(0.1, 8, min_scale=0.01)),
}
losses, rates = runs["ReduceOnPlateau(0.1, 8)"]
levels = np.unique(rates)[::-1]
floors = np.array([np.median(losses[rates == rate][-5:]) for rate in levels])
for rate, level in zip(levels, floors, strict=True):
    epochs = np.sum(rates == rate)
    print(f"rate {rate:<6.3g} for {epochs} epochs, in the end {level:.4f} above the minimum")

np.testing.assert_allclose(levels, [0.2, 0.02, 0.002])
# in proportion to the rate; 0.2 is near the limit of stability, where the floor is higher still
assert np.all(floors[:-1] / floors[1:] > 7)
assert np.all(np.median(runs["constant 0.2"][0][-10:]) > 100 * losses[-10:])

below = {name: loss < 0.05 for name, (loss, _) in runs.items()}
reached = {name: int(np.argmax(low)) + 1 for name, low in below.items() if low.any()}
print(f"epochs until the loss is below 0.05: {reached}")
assert reached["constant 0.002"] > 3 * reached["ReduceOnPlateau(0.1, 8)"]
assert reached["ReduceOnPlateau(0.1, 8)"] > 2 * reached["ReduceOnPlateau(0.1, 1)"]


def draw(figure):
    """The loss and the rate over the epochs."""
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    epochs = np.arange(1, EPOCHS + 1)
    for (name, (loss, rate)), color in zip(runs.items(), (ORANGE, GREY, GREEN, BLUE), strict=True):
        left.plot(epochs, loss, color=color, marker=".", label=name)
        right.plot(epochs, rate, color=color, drawstyle="steps-mid")
    for axes, label in ((left, "loss above its minimum"), (right, "learning rate")):
        axes.set(xlabel="epoch", ylabel=label, yscale="log")
    left.legend(fontsize="small", loc="upper right")


if __name__ == "__main__":
    main(draw)
