"""# Shrinkage is a learning rate

Boosting adds trees one by one, each times a rate below 1: the same number, and the same trade-off.

Gradient boosting of the squared error fits a small tree to what is still unexplained, and adds it:

    F += rate * tree(X)        0 < rate < 1

That is a step of gradient descent on the predictions `F`, with the tree as minus the gradient. So
lrcore takes it as it is: `F` are the parameters, `opt.step(-tree.predict(X))` the update, and `lr=`
is the shrinkage: a number or any schedule, one value for each tree. xgboost and LightGBM take the
same schedules in their callbacks, because a schedule is a function from the index to a float.

What is seen here, on 300 noisy rows, with trees of depth 2, over five data sets:

- Without shrinkage, at rate 1, the loss on rows kept apart is at its best after a few trees, and
  far worse than any other. Each tree learns the noise of its rows, and nothing averages it out.
- At 0.3 the best is lower, and passed soon; at 0.15 it is lower still, and costs twice the trees.
- A rate that falls from 0.3 to 0 in a line gains as fast as 0.3 and loses little of it again: its
  end may be used as it is, where a constant rate has to be stopped in time.
- It ends above the constant 0.15, although its rates have the same sum. The first trees are taken
  in long steps, and no later tree takes back the noise they learnt. There is no floor of noise here
  for a falling rate to lower: with few trees to spend fall, with many stay low.

It needs scikit-learn for the trees and the data (Friedman 1991): `pip install 'lrcore[demo]'`.
"""

import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.tree import DecisionTreeRegressor

import lrcore as lrc
from lesson import BLUE, GREEN, GREY, ORANGE, main

ROWS, APART, TREES, SETS = 300, 1000, 100, 5


def boost(rate, seed):
    """The mean squared error on rows kept apart after each tree."""
    X, y = make_friedman1(ROWS + APART, noise=3.0, random_state=seed)
    fit, apart = slice(0, ROWS), slice(ROWS, None)
    F = np.full(ROWS + APART, y[fit].mean())
    opt = lrc.SGD(F, lr=rate)
    losses = []
    for _ in range(TREES):
        tree = DecisionTreeRegressor(max_depth=2, random_state=0).fit(X[fit], (y - F)[fit])
        opt.step(-tree.predict(X))
        losses.append(np.mean((y - F)[apart] ** 2))
    return losses


RATES = {
    "constant 1 (no shrinkage)": lrc.Constant(1.0),
    "constant 0.3": lrc.Constant(0.3),
    "constant 0.15": lrc.Constant(0.15),
    "0.3 to 0 in a line": lrc.Linear(0.3, 0.0, TREES),
}
curves = {
    name: np.mean([boost(rate, seed) for seed in range(SETS)], axis=0)
    for name, rate in RATES.items()
}
for name, curve in curves.items():
    best = curve.argmin()
    print(f"{name:26} best {curve[best]:.2f} after {best + 1} trees, {curve[-1]:.2f} after {TREES}")

none, high, low, falling = curves.values()
assert none.min() > 1.2 * max(curve.min() for curve in (high, low, falling))
assert none.argmin() < 10
assert low.min() < high.min()
assert low.argmin() > 1.5 * high.argmin()
assert high[-1] > 1.04 * high.min()
assert falling[-1] < 1.025 * falling.min()
fewer, more = np.argmax(falling < 15) + 1, np.argmax(low < 15) + 1
print(f"below 15 after {fewer} trees from 0.3 to 0, after {more} at 0.15")
assert fewer < 0.7 * more
assert low[-1] < falling[-1]

# the step is the textbook's F + rate * tree, to the bit
F, tree = np.linspace(0.0, 1.0, 5), np.linspace(3.0, 1.0, 5)
by_hand = F + 0.3 * tree
lrc.SGD(F, lr=0.3).step(-tree)
assert np.array_equal(F, by_hand)


def draw(figure):
    """The losses and the rates over the trees."""
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    trees = np.arange(1, TREES + 1)
    for (name, curve), color in zip(curves.items(), (ORANGE, GREY, GREEN, BLUE), strict=True):
        left.plot(trees, curve, color=color, label=name)
        right.plot(trees, RATES[name](trees - 1), color=color)
    left.set(xlabel="trees", ylabel="squared error, rows kept apart", ylim=(12, 32))
    left.legend(fontsize="small", loc="upper right", ncols=2)
    right.set(xlabel="trees", ylabel="shrinkage", ylim=(0, 1.05))


if __name__ == "__main__":
    main(draw)
