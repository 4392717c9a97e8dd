"""What the demonstration learns from: handwritten digits, or a file of the user's."""

from __future__ import annotations

import csv
import math
import zipfile
import zlib
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Random = np.random.Generator


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


def noisy(data: Data, rows: Array, rng: Random) -> Array:
    """These training rows with the noise of the data."""
    noise: Array = rng.standard_normal((len(rows), data.X_train.shape[1]), np.float32)
    noisy: Array = data.X_train[rows] + data.noise * noise
    return noisy
