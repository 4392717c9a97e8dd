"""A perceptron with hidden layers in plain NumPy, trained by any optimizer and schedule of ours.

In this order: the network with its gradients by hand, the training loop, and the data.
"""

from __future__ import annotations

import csv
import inspect
import math
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .optimizers import OPTIMIZERS
from .reference import Reference
from .schedules import SCHEDULES, Schedule

Array = NDArray[Any]
Params = dict[str, Array]
Random = np.random.Generator


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
class Data:
    """Rows to learn from and rows to be judged by; `y` holds indices into `classes`.

    Normal noise of size `noise` is added to the former whenever they are drawn, so that a few
    images are not learnt by heart.
    """

    name: str
    classes: list[str]
    X_train: Array
    y_train: Array
    X_test: Array
    y_test: Array
    noise: float = 0.0


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
    plain_times: list[float] = field(default_factory=list)  # of NumPy in the place of the step

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
    twin, sampled = Reference(opt), math.ceil(history.updates / 100)
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
                    history.plain_times.append(_time(twin, grads))
                watch(history)
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
    if warmup:
        schedule = schedule.warmup(warmup)
    params = create([features, *settings.hidden, len(data.classes)], rng)
    return History(settings.optimizer, schedule, params, updates, epoch_updates)


def _batches(data: Data, size: int, rng: Random) -> Iterator[tuple[Array, Array]]:
    """All training rows in random order; the last batch may be smaller."""
    order = rng.permutation(len(data.y_train))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        noise = data.noise * rng.standard_normal((len(rows), data.X_train.shape[1]), np.float32)
        yield data.X_train[rows] + noise, data.y_train[rows]


def _time(twin: Reference, grads: Params) -> float:
    """Of the second of two steps: the first brings the twin's arrays back into the caches."""
    twin.step(grads)
    began = perf_counter()
    twin.step(grads)
    return perf_counter() - began


def load(path: Path | None = None, seed: int = 0) -> Data:
    """The user's file, or else the 1797 handwritten digits that scikit-learn ships.

    Parameters
    ----------
    path : Path, optional
        A .csv file with the label in the last column, or an .npz file with the arrays X and y.
    seed : int
        Decides which fifth of every class is kept for the test.

    Raises
    ------
    OSError, ValueError
        For a file that cannot be read or used; the message says where and why.
    ImportError
        If the digits are wanted and scikit-learn is missing.
    """
    if path is None:
        try:
            from sklearn.datasets import load_digits
        except ModuleNotFoundError:
            message = "the digits come with scikit-learn: pip install 'lrcore[demo]'"
            raise ImportError(message) from None
        X, labels = load_digits(return_X_y=True)
        return _split("handwritten digits", X, labels, seed, one_unit=True, noise=0.6)
    readers = {".csv": _read_csv, ".npz": _read_npz}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path}: the name must end in {' or '.join(readers)}")
    try:
        X, labels = readers[path.suffix.lower()](path)
        return _split(str(path), *_checked(X, labels), seed)
    except (ValueError, EOFError, RuntimeError, csv.Error, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: {error}") from None


def _read_csv(path: Path) -> tuple[Array, Array]:
    """What is not a number becomes NaN; lines before the first number are headers."""
    values = array("d")
    labels: list[str] = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        for *cells, label in filter(None, csv.reader(file, skipinitialspace=True)):
            row = [_number(cell) for cell in cells]
            if not labels and all(map(math.isnan, row)):
                continue
            labels.append(label.strip())
            values.extend(row)
            if len(values) != len(labels) * len(row):
                raise ValueError(f"data row {len(labels)} has another number of columns")
    if not labels:
        raise ValueError("no line has numbers and then a label, separated by commas")
    return np.array(values).reshape(len(labels), -1), np.array(labels)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _read_npz(path: Path) -> tuple[Array, Array]:
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError("not an .npz file, or a part of one")
        arrays = np.load(file, allow_pickle=False)
        if not {"X", "y"} <= set(arrays.files):
            raise ValueError(f"the arrays X and y are wanted; it holds {', '.join(arrays.files)}")
        return arrays["X"], arrays["y"]


def _checked(X: Array, labels: Array) -> tuple[Array, Array]:
    if X.ndim < 2 or X.size == 0 or labels.shape != X.shape[:1]:
        shapes = f"X has shape {X.shape} and y {labels.shape}"
        raise ValueError(f"{shapes}, wanted: (rows, features) and (rows,)")
    for name, values, kinds in (("X", X, "biuf"), ("y", labels, "biufU")):
        if values.dtype.kind not in kinds:
            raise ValueError(f"{name} has dtype {values.dtype}, wanted: numbers")
    X = X.reshape(len(X), -1).astype(np.float64)
    unfit = np.argwhere(~np.isfinite(X))
    if len(unfit):
        row, column = unfit[0] + 1
        raise ValueError(f"data row {row}, column {column} is not a finite number")
    unlabelled = np.flatnonzero(np.isin(labels.astype(str), ("", "nan")))
    if len(unlabelled):
        raise ValueError(f"data row {unlabelled[0] + 1} has no label")
    return X, labels


def _split(
    name: str, X: Array, labels: Array, seed: int, *, one_unit: bool = False, noise: float = 0.0
) -> Data:
    """Keeps a fifth of every class for the test; with `one_unit` the columns share their scale."""
    classes, y, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"every label is {classes[0]}; at least 2 classes are needed")
    if counts.min() < 2:
        rare = classes[counts.argmin()]
        raise ValueError(f"class {rare} has 1 row; one to learn from and one to test are needed")
    shuffled = np.random.default_rng((seed, 0)).permutation(len(y))
    by_class = shuffled[np.argsort(y[shuffled], kind="stable")]
    rank = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    for_test = rank < np.repeat(np.maximum(counts // 5, 1), counts)
    train, test = by_class[~for_test], by_class[for_test]
    with np.errstate(all="ignore"):
        X = X - X[train].mean(axis=0)
        spread = X[train].std(axis=None if one_unit else 0)
        X = (X / np.where(spread > 0, spread, 1)).astype(np.float32)
    if not (np.isfinite(spread).all() and np.isfinite(X).all()):
        raise ValueError("there are values too large to be brought to a common scale")
    names = [str(label) for label in classes]
    return Data(name, names, X[train], y[train], X[test], y[test], noise)
