"""Setups to try `lrcore find` and `lrcore sweep` on: `lrcore.demo:digits`."""

from __future__ import annotations

import numpy as np

from ..finding.run import Run
from ..optimizers.catalogue import OPTIMIZERS
from .datasets import load, noisy
from .network import create, loss_and_gradients


def digits(lr: float, seed: int = 0) -> Run:
    """A network of 400 units on the handwritten digits, trained by Adam on batches of 16.

    The setup of the examples of `lrcore find` and `lrcore sweep`. Its score is the loss on the rows
    kept for the test.

    >>> import lrcore.demo
    >>> run = lrcore.demo.digits(1e-3)
    >>> losses = list(run.losses(300))
    >>> losses[-1] < losses[0], run.score() < 0.5
    (True, True)
    """
    data = load(seed=seed)
    rng = np.random.default_rng((seed, 1))
    params = create([data.X_train.shape[1], 400, len(data.classes)], rng)
    opt = OPTIMIZERS["Adam"](params, lr=lr)  # type: ignore[call-arg]

    def step() -> float:
        rows = rng.integers(len(data.y_train), size=16)
        with np.errstate(all="ignore"):  # what overflows ends in a gradient that is not finite
            loss, grads = loss_and_gradients(params, noisy(data, rows, rng), data.y_train[rows])
            opt.step(grads)
        return loss

    def score() -> float:
        with np.errstate(all="ignore"):
            return loss_and_gradients(params, data.X_test, data.y_test)[0]

    return Run(opt, step, rng, score)
