"""The training of a network by any optimizer and schedule of ours, and what it took."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean, median
from time import perf_counter

import numpy as np

from ..optimizers.catalogue import OPTIMIZERS
from ..reference.plain import Plain
from ..reference.twin import Reference
from ..schedules.catalogue import SCHEDULES, Schedule
from .datasets import Array, Data, Random, noisy
from .network import Params, accuracy, create, loss_and_gradients


@dataclass(frozen=True)
class Settings:
    """How to train. Without `lr` at the optimizer's default, without `warmup` with 5 % of it.

    An optimizer that a falling rate does not suit, as Rprop, FTRL and the Schedule-Free pair, has a
    constant one instead. Accuracy is that of what should be evaluated.
    """

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
    cls = OPTIMIZERS[settings.optimizer]
    opt = cls(params, lr=history.schedule if cls._kind().follows_rates else history.schedule(0))  # type: ignore[call-arg]
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
            with opt.eval_params():
                history.accuracy.append(accuracy(params, data.X_test, data.y_test))
        if not all(np.isfinite(array).all() for array in params.values()):
            raise FloatingPointError
    except FloatingPointError:
        when = f"after update {opt.t} of {history.updates}, at rate {opt.last_lr:.3g}"
        raise FloatingPointError(f"training diverged {when}; try a lower --lr") from None
    return history


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
    if not OPTIMIZERS[settings.optimizer]._anneals:
        schedule = SCHEDULES["Constant"].example(lr, updates)
    elif warmup:
        schedule = schedule.warmup(warmup)
    params = create([features, *settings.hidden, len(data.classes)], rng)
    return History(settings.optimizer, schedule, params, updates, epoch_updates)


def _batches(data: Data, size: int, rng: Random) -> Iterator[tuple[Array, Array]]:
    """All training rows in random order; the last batch may be smaller."""
    order = rng.permutation(len(data.y_train))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield noisy(data, rows, rng), data.y_train[rows]


def _time(step: Callable[[Params], object], grads: Params) -> float:
    """Of the second of two steps: the first brings their arrays back into the caches."""
    step(grads)
    began = perf_counter()
    step(grads)
    return perf_counter() - began
