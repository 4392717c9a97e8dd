"""What the formulas for the rates of elements share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..checks.arrays import Array

Scalars = Mapping[str, float]  # hyperparameters or carried scalars, by name
State = Mapping[str, Array]  # of one parameter, by letter, in float64


def over_root(rate: float, root: Array, dtype: np.dtype[Any]) -> Array:
    """`rate / root`; without eps an element whose root is 0 is left where it is."""
    with np.errstate(divide="ignore"):
        found = rate / root
    return np.where(root < np.sqrt(np.finfo(dtype).tiny), 0.0, found)


def same_for_all(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> float:
    """The rate itself, where no element has one of its own."""
    return h["lr"]
