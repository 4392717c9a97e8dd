"""How the rules round: what is stored as zero, what is not divided by, and decays as held.

Each scalar is computed in double and narrowed once, to the dtype of `p`; see src/rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np

from ..checks.arrays import Array as Array

Scalars = Mapping[str, float]  # `h`, the hyperparameters of a rule, or `k`, the carried scalars
Carried = dict[str, float]  # the carried scalars of the next update


def _zero_below(x: Array, least: float) -> Array:
    return np.where((x > -least) & (x < least), x.dtype.type(0), x)


def settle(x: Array) -> Array:
    """A second moment below the smallest normal number is stored as zero."""
    return np.where(x < np.finfo(x.dtype).tiny, x.dtype.type(0), x)


def halt(x: Array) -> Array:
    """First moments and velocities end at 65536 times that, for the sake of their products."""
    return _zero_below(x, 65536 * np.finfo(x.dtype).tiny)


def halt_root(x: Array) -> Array:
    """The same for what is squared."""
    return _zero_below(x, 256 * np.sqrt(np.finfo(x.dtype).tiny))


def least_root(dtype: Any) -> float:
    """The root of the smallest normal number."""
    return sqrt(np.finfo(dtype).tiny)


def over(x: Array, root: Array, least: float) -> Array:
    """`x / root`, or 0 where too little is left of the root to know it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(root < root.dtype.type(least), root.dtype.type(0), x / root)


def average(decay: float, real: type) -> tuple[Any, Any]:
    """A decay as the dtype can hold it, and its exact complement."""
    rounded = real(decay)
    return rounded, real(1 - float(rounded))
