"""The suggestions of other range tests, for comparison; re-implemented from fastai 2.8.12 and
Lightning 2.6.6: an average with weight 0.98, a stop at four times its lowest, and their rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def suggestions(lrs: Array, losses: Array) -> dict[str, float]:
    """Each rule's rate for a whole curve; those that need more points are left out."""
    found = {}
    x, y = _cut(lrs, _averaged(losses, late=0), 10, 5)
    if x.size > 5:
        found["fastai, steep"] = x[np.argmin(np.diff(y) / np.diff(np.log(x)))]
        found["fastai, minimum"] = x[y.argmin()] / 10
        found["fastai, valley"] = _longest_valley(x, y)
        found["fastai, slide"] = _slide(x, y)
    x, y = _cut(lrs, _averaged(losses, late=1), 10, 1)
    if x.size > 5:
        found["Lightning"] = x[np.gradient(y, x).argmin()]
    return {name: float(rate) for name, rate in found.items()}


def _averaged(losses: Array, late: int) -> Array:
    """Lightning's correction of the first values is `late` by one power."""
    average, out = 0.0, np.empty_like(losses)
    for k, loss in enumerate(losses):
        average = 0.98 * average + 0.02 * loss
        out[k] = average / (1 - 0.98 ** (k + 1 + late))
    return out


def _cut(lrs: Array, losses: Array, first: int, last: int) -> tuple[Array, Array]:
    """Up to the stop, without the first and last points."""
    over = np.flatnonzero(losses > 4 * np.minimum.accumulate(losses))
    stop = over[0] + 1 if over.size else losses.size
    return lrs[first : stop - last], losses[first : stop - last]


def _longest_valley(lrs: Array, losses: Array) -> Any:
    """In the middle of the longest falling subsequence, taken for a span."""
    longest = np.ones(losses.size, int)
    for i in range(1, losses.size):
        for j in range(i):
            if losses[i] < losses[j]:
                longest[i] = max(longest[i], longest[j] + 1)
    end = int(longest.argmax())
    third = longest[end] // 3
    return lrs[end - longest[end] + third + third // 2]


def _slide(lrs: Array, losses: Array) -> Any:
    """From the right, until the slopes at both ends of a window of 15 are alike."""
    slopes = np.gradient(losses)
    right, left = -1, -15
    rate = lrs[left] if lrs.size >= 15 else np.nan
    while left >= -losses.size and abs(slopes[right] - slopes[left]) > 0.005:
        rate = lrs[left]
        right, left = right - 1, left - 1
    return rate
