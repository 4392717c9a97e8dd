"""Averages of the parameters, updated after them."""

from __future__ import annotations

from ..optimizers.averages import EMA, Average, Mean
from .rounding import Array, halt


def gain(kind: Average, t: int, at: int) -> float:
    """The weight of the parameters after the update of an array that t were applied before; `at`:
    the index of the update, which decays that are schedules follow."""
    if isinstance(kind, EMA):
        decay = kind.decay(at) if callable(kind.decay) else kind.decay
        return 1.0 - decay if t > 0 else 1.0
    assert isinstance(kind, Mean)
    if t <= kind.start:
        return 1.0
    return 0.0 if (t - kind.start) % kind.every else 1 / ((t - kind.start) // kind.every + 1)


def averaged(a: Array, p: Array, weight: float) -> Array:
    """The average after an update: p itself for a weight of 1, in the dtype."""
    c = a.dtype.type(weight)
    if weight == 0:
        return a
    return halt(a + c * (p - a)) if c < 1 else p.astype(a.dtype)
