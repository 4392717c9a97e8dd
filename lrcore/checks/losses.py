"""A loss as a number: one rule for all that losses and metrics are reported to."""

from __future__ import annotations

import math
from typing import Any, SupportsFloat

import numpy as np


def loss_of(value: Any, wanted: str) -> float:
    """A real number as a float: Python's, NumPy's, or an array of any library that holds one.

    What is too large for a float is infinite. A TypeError begins with `wanted`.

    >>> loss_of(1, ""), loss_of(np.float32(0.5), ""), loss_of(np.array([[2.0]]), "")
    (1.0, 0.5, 2.0)
    """
    one = value.item() if isinstance(value, np.ndarray | np.generic) and value.size == 1 else value
    if np.ma.isMaskedArray(value) and np.ma.is_masked(value):
        one = None  # what is masked is no number, whatever lies below
    if isinstance(one, SupportsFloat) and not isinstance(one, np.ndarray | complex):
        try:
            return float(one)
        except OverflowError:
            return math.inf if one > 0 else -math.inf  # type: ignore[operator]  # a large integer
        except (TypeError, ValueError, RuntimeError):  # an array that holds several
            pass
    raise TypeError(f"{wanted}, got {value!r:.80}")
