"""Schedules in the terminal: a plot in characters, tables."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from textwrap import wrap
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..pictures.rates import spans_decades
from ..schedules.algebra import Schedule
from ..schedules.in_words import sample
from ..schedules.maths import Array

ROWS: Final = 12
_LISTED: Final = 21  # rows of a table
_CHUNK: Final = 4096  # updates that are computed at a time


def overview(schedule: Schedule, steps: int, width: int) -> Iterator[str]:
    """The plot, first, highest and last rate, and the description, as lines."""
    t = sample(schedule, steps)
    y = schedule(t)
    yield from chart(schedule, steps, width)
    yield ""
    for name, i in (("first", 0), ("highest", int(y.argmax())), ("last", -1)):
        yield f"{name:8}{y[i]:.6g} at update {t[i]}"
    yield ""
    yield from wrap(schedule.describe(steps), width)


def chart(schedule: Schedule, steps: int, width: int) -> list[str]:
    """The rates of updates 0 to `steps - 1` as lines of at most `width` characters.

    >>> from lrcore import Constant
    >>> s = Constant(0.5).then(Constant(0.25), at=20)
    >>> print(*chart(s, steps=40, width=24)[-9:], sep="\\n")
              |     *******
              |
              |
              |
              |
              |
            0 |
              +------------
               0         39
    """
    columns = max(width - 12, 10)
    edges = np.minimum(np.arange(columns + 1) * steps // columns, steps - 1)
    t = np.union1d(sample(schedule, steps), edges)
    y = np.clip(schedule(t), 0, np.finfo(np.float64).max)
    return _drawn(*_heights(y), np.searchsorted(t, edges), ("0", str(steps - 1)))


def curve(y: Array, width: int, ends: tuple[str, str]) -> list[str]:
    """Values equally far apart, between the lowest and the highest; `ends` name the first and last.

    >>> print(*curve(np.array([3.0, 3, 5, 3, 3]), 17, ("0", "4"))[-3:], sep="\\n")
            3 |*****
              +-----
               0   4
    """
    columns = min(max(width - 12, 10), y.size)
    top, low = float(y.max()), float(y.min())
    heights = np.rint((y - low) / (top - low or 1.0) * (ROWS - 1)).astype(np.int64)
    labels = {0: f"{top:.4g}", ROWS - 1: f"{low:.4g}"}
    starts = np.minimum(np.arange(columns + 1) * y.size // columns, y.size - 1)
    return _drawn(heights, labels, starts, ends)


def _drawn(
    heights: NDArray[np.int64],
    labels: dict[int, str],
    starts: NDArray[np.int64],
    ends: tuple[str, str],
) -> list[str]:
    """Rows, a column for each start but the last, which ends the one before it; and the axis."""
    columns = starts.size - 1
    marks = np.full((ROWS, columns), " ")
    for column, (start, end) in enumerate(pairwise(starts)):
        part = heights[start : end + 1]  # with the next column's first: a line without gaps
        marks[ROWS - 1 - part.max() : ROWS - part.min(), column] = "*"
    lines = [f"{labels.get(i, ''):>9} |{''.join(row)}".rstrip() for i, row in enumerate(marks)]
    first, last = ends
    axis = f"{'':9}  {first}{last:>{max(columns - len(first), len(last) + 1)}}"
    return [*lines, f"{'':9} +{'-' * columns}", axis]


def _heights(y: Array) -> tuple[NDArray[np.int64], dict[int, str]]:
    """The rows of values, counted from below, and the labels of rows, counted from above."""
    top, low = float(y.max()), float(y.min())
    labels = {0: f"{top:.4g}", ROWS - 1: "0"}
    share = y / (top or 1.0)
    if spans_decades(y):
        labels |= {ROWS // 2: "log", ROWS - 1: f"{low:.4g}"}
        share = np.log(y / low) / np.log(top / low)
    return np.rint(share * (ROWS - 1)).astype(np.int64), labels


def table(schedule: Schedule, steps: int) -> Iterator[str]:
    """Rates at updates spread evenly over a run, the first and the last among them.

    >>> from lrcore import ExponentialDecay
    >>> print(*table(ExponentialDecay(1.0, gamma=0.5), steps=3), sep="\\n")
      update  rate
           0  1
           1  0.5
           2  0.25
    """
    t = np.unique(np.linspace(0, steps - 1, _LISTED).astype(np.int64))
    width = max(8, len(str(t[-1])))
    yield f"{'update':>{width}}  rate"
    for update, rate in zip(t.tolist(), schedule(t).tolist(), strict=True):
        yield f"{update:>{width}}  {rate:.6g}"


def csv(schedule: Schedule, steps: int) -> Iterator[str]:
    """Every update with its rate, to the last digit.

    >>> from lrcore import ExponentialDecay
    >>> list(csv(ExponentialDecay(1.0, gamma=0.9), steps=2))
    ['update,rate', '0,1.0', '1,0.9']
    """
    yield "update,rate"
    for start in range(0, steps, _CHUNK):
        t = np.arange(start, min(start + _CHUNK, steps))
        for update, rate in zip(t.tolist(), schedule(t).tolist(), strict=True):
            yield f"{update},{rate!r}"
