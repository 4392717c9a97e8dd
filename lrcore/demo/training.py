"""A perceptron with hidden layers in plain NumPy, trained by any optimizer and schedule of ours.

In this order: the network with its gradients by hand, and the training loop.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from statistics import fmean, median
from time import perf_counter

import numpy as np

from ..finding.run import Run
from ..optimizers.catalogue import OPTIMIZERS
from ..reference.plain import Plain
from ..reference.twin import Reference
from ..schedules.catalogue import SCHEDULES, Schedule
from .datasets import Array, Data, Random, load

Params = dict[str, Array]


def create(sizes: Sequence[int], rng: Random, dtype: type = np.float32) -> Params:
    """Normal weights of variance 2 / fan-in (He et al. 2015) and zero biases, layer by layer."""
    params: Params = {}
    for k, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        weights = rng.standard_normal((fan_in, fan_out)) * math.sqrt(2 / fan_in)
        params[f"W{k}"] = weights.astype(dtype)
        params[f"b{k}"] = np.zeros(fan_out, dtype)
    return params


def forward(params: Params, X: Array) -> list[Array]:
    """What enters each layer, and at the end the logits; a row for each row of X."""
    layers = len(params) // 2
    values = [X]
    for k in range(layers):
        z = values[-1] @ params[f"W{k}"] + params[f"b{k}"]
        values.append(z if k == layers - 1 else np.maximum(z, 0))
    return values


def loss_and_gradients(params: Params, X: Array, y: Array) -> tuple[float, Params]:
    """The mean cross-entropy of the softmax, and its gradient in every parameter."""
    *inputs, logits = forward(params, X)
    rows = np.arange(len(y))
    logits -= logits.max(axis=1, keepdims=True)
    exps = np.exp(logits)
    total = exps.sum(axis=1, keepdims=True)
    loss = float(np.mean(np.log(total[:, 0]) - logits[rows, y]))

    delta = exps / total
    delta[rows, y] -= 1
    delta /= len(y)
    grads: Params = {}
    for k in reversed(range(len(inputs))):
        grads[f"W{k}"] = inputs[k].T @ delta
        grads[f"b{k}"] = delta.sum(axis=0)
        if k > 0:
            delta = (delta @ params[f"W{k}"].T) * (inputs[k] > 0)
    return loss, {name: grads[name] for name in params}


def accuracy(params: Params, X: Array, y: Array) -> float:
    """The fraction of the rows whose largest logit is that of their class."""
    return float(np.mean(forward(params, X)[-1].argmax(axis=1) == y))


@dataclass(frozen=True)
class Settings:
    """How to train. Without `lr` at the optimizer's default, without `warmup` with 5 % of it."""

    optimizer: str = "Adam"
    schedule: str = "CosineAnnealing"
    lr: float | None = None
    epochs: int = 60
    batch: int = 16
    hidden: tuple[int, ...] = (400,)
    warmup: int | None = None
    seed: int = 0


@dataclass
class History:
    """A run, update by update, with the test accuracy after each epoch; times in seconds."""

    optimizer: str
    schedule: Schedule
    params: Params
    updates: int
    epoch_updates: int
    loss: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    gradient_times: list[float] = field(default_factory=list)
    step_times: list[float] = field(default_factory=list)
    plain_times: list[float] = field(default_factory=list)  # of lines by hand in its place
    reference_times: list[float] = field(default_factory=list)

    @property
    def final_loss(self) -> float:
        """The mean over the last epoch."""
        return fmean(self.loss[-self.epoch_updates :])

    def share(self, step_times: Sequence[float]) -> float:
        """The part that such a step takes of a typical update: a gradient and a step."""
        return median(step_times) / (median(step_times) + median(self.gradient_times))


@np.errstate(all="ignore")  # what overflows ends in a gradient that is not finite
def train(
    data: Data, settings: Settings, watch: Callable[[History], None] = lambda history: None
) -> History:
    """Train a network on `data`; `watch` sees the history after every update.

    Raises
    ------
    ValueError
        If the batch or the warm-up does not fit the data.
    FloatingPointError
        If training diverges.
    """
    rng = np.random.default_rng((settings.seed, 1))
    history = _plan(data, settings, rng)
    params = history.params
    opt = OPTIMIZERS[settings.optimizer](params, lr=history.schedule)  # type: ignore[call-arg]
    plain, twin, sampled = Plain(opt), Reference(opt), math.ceil(history.updates / 100)
    try:
        for _ in range(settings.epochs):
            for X, y in _batches(data, settings.batch, rng):
                began = perf_counter()
                loss, grads = loss_and_gradients(params, X, y)
                halfway = perf_counter()
                opt.step(grads)
                ended = perf_counter()
                history.loss.append(loss)
                history.rate.append(opt.last_lr)
                history.gradient_times.append(halfway - began)
                history.step_times.append(ended - halfway)
                if opt.t % sampled == 0:
                    by_hand = partial(plain.step, lr=opt.last_lr)
                    history.plain_times.append(_time(by_hand, grads))
                    history.reference_times.append(_time(twin.step, grads))
                watch(history)
            history.accuracy.append(accuracy(params, data.X_test, data.y_test))
        if not all(np.isfinite(array).all() for array in params.values()):
            raise FloatingPointError
    except FloatingPointError:
        when = f"after update {opt.t} of {history.updates}, at rate {opt.last_lr:.3g}"
        raise FloatingPointError(f"training diverged {when}; try a lower --lr") from None
    return history


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
            loss, grads = loss_and_gradients(params, _noisy(data, rows, rng), data.y_train[rows])
            opt.step(grads)
        return loss

    def score() -> float:
        with np.errstate(all="ignore"):
            return loss_and_gradients(params, data.X_test, data.y_test)[0]

    return Run(opt, step, rng, score)


def _plan(data: Data, settings: Settings, rng: Random) -> History:
    rows, features = data.X_train.shape
    if settings.batch > rows:
        raise ValueError(f"a batch of {settings.batch} is more than the {rows} training rows")
    epoch_updates = math.ceil(rows / settings.batch)
    updates = settings.epochs * epoch_updates
    warmup = round(0.05 * updates) if settings.warmup is None else settings.warmup
    if warmup >= updates:
        raise ValueError(f"a warm-up of {warmup} leaves nothing of a run of {updates} updates")
    lr = settings.lr
    if lr is None:
        lr = inspect.signature(OPTIMIZERS[settings.optimizer]).parameters["lr"].default
    schedule = SCHEDULES[settings.schedule].example(lr, updates - warmup)
    if warmup:
        schedule = schedule.warmup(warmup)
    params = create([features, *settings.hidden, len(data.classes)], rng)
    return History(settings.optimizer, schedule, params, updates, epoch_updates)


def _batches(data: Data, size: int, rng: Random) -> Iterator[tuple[Array, Array]]:
    """All training rows in random order; the last batch may be smaller."""
    order = rng.permutation(len(data.y_train))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield _noisy(data, rows, rng), data.y_train[rows]


def _noisy(data: Data, rows: Array, rng: Random) -> Array:
    noise: Array = rng.standard_normal((len(rows), data.X_train.shape[1]), np.float32)
    noisy: Array = data.X_train[rows] + data.noise * noise
    return noisy


def _time(step: Callable[[Params], object], grads: Params) -> float:
    """Of the second of two steps: the first brings their arrays back into the caches."""
    step(grads)
    began = perf_counter()
    step(grads)
    return perf_counter() - began
