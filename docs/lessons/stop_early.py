"""# Do not chase the training minimum

The training loss falls for ever; on rows kept apart a model is best early, and should stop there.

60 rows with 50 features, of which 5 matter, and noise: gradient descent on the squared error. Every
update lowers the loss on the training rows, and what it learns last is their noise. The loss on 500
rows kept apart falls, turns, and rises again.

`EarlyStopping(patience=50)` is told that second loss after each update. After 50 evaluations
in a row without a better one it sets `stop`, and puts the parameters of the best one back into
their arrays, bit for bit. `ReduceOnPlateau` looks at the same number and asks another question: it
lowers the rate, which helps against noise of the gradients (plateau_drop.py) and not against this.

The rate and the number of updates are two sides of one thing here: half of the rate takes twice the
updates to the same place. So a low rate looks like a cure for overfitting as long as nobody trains
for longer, and a schedule that falls to nothing stops early in its own way: `CosineAnnealing` over
as many updates goes half as far as its starting rate would. Better judge by rows kept apart.

The minimum of the loss on these rows is chosen by looking at them: for a figure to publish, keep a
third part of the rows that took no part in either.
"""

import numpy as np

import lrcore as lrc
from lesson import BLUE, GREEN, GREY, ORANGE, main

ROWS, FEATURES, UPDATES, RATE = 60, 50, 3000, 0.05

rng = np.random.default_rng(0)
truth = np.zeros(FEATURES)
truth[:5] = 1.0
X, X_apart = rng.standard_normal((ROWS, FEATURES)), rng.standard_normal((500, FEATURES))
y = X @ truth + 2 * rng.standard_normal(ROWS)
y_apart = X_apart @ truth + 2 * rng.standard_normal(500)


def train(rate, updates, stopping=None):
    """The loss on the training rows and on those apart after each update, and the parameters."""
    w = np.zeros(FEATURES)
    opt = lrc.SGD(w, lr=rate, controller=stopping)
    losses = []
    while len(losses) < updates and not (stopping and stopping.stop):
        opt.step(X.T @ (X @ w - y) / ROWS)
        losses.append((np.mean((X @ w - y) ** 2), np.mean((X_apart @ w - y_apart) ** 2)))
        if stopping:
            stopping.update(losses[-1][1])
    return np.array(losses), w


losses, w = train(RATE, UPDATES)
training, apart = losses.T
best = int(apart.argmin())
print(
    f"training rows: {training[best]:.3f} after {best + 1} updates, {training[-1]:.3f} at the end"
)
print(f"rows apart:    {apart[best]:.3f} after {best + 1} updates, {apart[-1]:.3f} at the end")
assert np.all(np.diff(training) < 0)
assert apart[-1] > 1.5 * apart[best]
assert training[-1] < training[best] / 2

stopping = lrc.EarlyStopping(patience=50)
stopped, kept = train(RATE, UPDATES, stopping)
print(f"EarlyStopping ends after {len(stopped)} updates with the best parameters")
assert len(stopped) == best + 1 + 50
assert np.array_equal(kept, train(RATE, best + 1)[1])
assert np.mean((X_apart @ kept - y_apart) ** 2) == apart[best]

half = int(train(RATE / 2, UPDATES)[0][:, 1].argmin())
print(f"at half the rate the best is after {half + 1} updates")
assert 1.9 < (half + 1) / (best + 1) < 2.1  # exactly 2 as the rate goes to 0

cosine = train(lrc.CosineAnnealing(RATE, 2 * best), 2 * best)[0][-1, 1]
assert np.isclose(cosine, apart[best], rtol=0.01)  # the rates sum up to the same


def draw(figure):
    """Both losses over the updates."""
    axes = figure.subplots()
    updates = np.arange(1, UPDATES + 1)
    axes.plot(updates, training, color=GREY, label="training rows")
    axes.plot(updates, apart, color=BLUE, label="rows apart")
    axes.plot(best + 1, apart[best], "o", color=GREEN, label="best: put back by EarlyStopping")
    axes.axvline(
        len(stopped), color=ORANGE, linestyle=":", label="EarlyStopping(patience=50) stops"
    )
    axes.set(xlabel="update", ylabel="mean squared error", xscale="log", ylim=(0, None))
    axes.legend(fontsize="small", loc="upper left")


if __name__ == "__main__":
    main(draw)
