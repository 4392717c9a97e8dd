"""The joint norm of gradients, added up in an order of its own: the bits of `clip_norm`."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from .._core import BLOCK, CHUNK, ENLARGE, LANES, SMALL_SUM
from .rounding import Array


def norm(gradients: Sequence[Array]) -> tuple[float, float]:
    """The joint Euclidean norm times a power of two, and that power.

    Added up in the order of the compiled core: lanes of a block, blocks of a chunk, chunks in turn.
    The power is 1 unless squares leave the range of double.
    """
    total = _sum_of_squares(gradients, 1.0)
    factor = ENLARGE if total < SMALL_SUM else 1 / ENLARGE if total == np.inf else 1.0
    if factor != 1.0 and all(np.isfinite(g).all() for g in gradients):
        return sqrt(_sum_of_squares(gradients, factor)), factor
    return sqrt(total), 1.0


def _sum_of_squares(gradients: Sequence[Array], factor: float) -> float:
    total = 0.0
    for g in gradients:
        flat = factor * np.asarray(g, np.float64).reshape(-1)
        for start in range(0, flat.size, CHUNK):
            chunk = flat[start : start + CHUNK]
            total += _in_turn([_squares(chunk[i : i + BLOCK]) for i in range(0, chunk.size, BLOCK)])
    return total


def _in_turn(values: Sequence[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total


def _squares(block: Array) -> float:
    rows = np.zeros((block.size // LANES + 1, LANES))
    rows.flat[: block.size] = block
    lanes = np.zeros(LANES)
    for row in rows:
        lanes += row * row
    while lanes.size > 1:
        lanes = lanes[: lanes.size // 2] + lanes[lanes.size // 2 :]
    return float(lanes[0])
