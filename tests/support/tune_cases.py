"""Functions to search with; in a module of their own so that other processes can import them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import lrcore as lrc


def bowl(lr: float) -> float:
    """The lowest at 0.01."""
    score: float = abs(np.log10(lr) + 2)
    return score


def descent(lr: float) -> Iterator[float]:
    """Gradient descent on x * x / 2: the best rate is 1, above 2 it diverges."""
    x = 1.0
    for _ in range(100):
        yield x * x / 2
        x -= lr * x


def setup(lr: float) -> lrc.Run:
    """Noisy least squares, by Adam, with a score that draws random numbers of its own."""
    w: dict[str, NDArray[Any]] = {"a": np.ones(3), "b": np.zeros((2, 2), np.float32)}
    rng = np.random.default_rng(3)
    opt = lrc.Adam(w, lr=lr, controller=lrc.ReduceOnPlateau(patience=5))

    def step() -> float:
        grads = {k: v - 0.5 + rng.standard_normal(v.shape) for k, v in w.items()}
        loss = float(sum(np.sum(g * g) for g in grads.values()))
        opt.controller.update(loss)
        opt.step(grads)
        return loss

    def score() -> float:
        rng.standard_normal(7)
        return float(sum(np.sum((v - 0.5) ** 2) for v in w.values()))

    return lrc.Run(opt, step, rng, score)


def unsteady(lr: float) -> lrc.Run:
    """Descent on noisy batches without a score; it diverges above a rate of 2."""
    w, rng = np.array([3.0]), np.random.default_rng(1)
    opt = lrc.SGD(w, lr=lr)

    def step() -> float:
        loss = float(w[0] ** 2 / 2 + rng.standard_normal())
        opt.step(w.copy())
        return loss

    return lrc.Run(opt, step, rng)


def catapult(lr: float) -> lrc.Run:
    """a * b is to be 1: above a rate of 0.02 the loss rises until the curvature has fallen."""
    w = np.array([10.0, 0.0])
    opt = lrc.SGD(w, lr=lr)

    def step() -> float:
        a, b = w
        error = a * b - 1
        opt.step(np.array([b * error, a * error]))
        return float(error * error / 2)

    return lrc.Run(opt, step)


def bursting(lr: float) -> lrc.Run:
    """Overflows after an update at an immense rate."""
    w = np.ones(1)
    opt = lrc.SGD(w, lr=lr)

    def step() -> float:
        loss = float((w * w)[0])
        opt.step(w.copy())
        return loss

    return lrc.Run(opt, step)


def failing(lr: float) -> float:
    if lr == 0.5:
        raise KeyError("the data")
    if lr == 0.7:
        time.sleep(600)
    return lr


def threads(lr: float) -> float:
    """Not a score: the threads that a step may use."""
    return float(lrc.get_num_threads())


def blas_threads(lr: float) -> float:
    from threadpoolctl import threadpool_info

    return float(max(pool["num_threads"] for pool in threadpool_info()))


def overflowing(lr: float) -> float:
    return lr if np.isinf(np.full(1, 1e308) * 10).all() else 0.0


def vanishing(lr: float) -> float:
    os._exit(3)


def sleeping(lr: float) -> float:
    os.write(1, f"begun {os.getpid()}\n".encode())  # in one piece, whatever others write
    time.sleep(600)
    return lr


def halving(lr: float, x: Any, updates: int) -> tuple[float, Any]:
    """Descent that tells in its state how it was called: the updates of each call."""
    x, calls = x or (1.0, [])
    x *= (1 - lr) ** (updates - sum(calls))
    return x * x / 2, (x, [*calls, updates - sum(calls)])
