"""Sums in the order of the compiled core, and norms made of them: the bits of `clip_norm`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def own_norm(x: Array) -> float:
    """The Euclidean norm of one array; 0 where squares may have left the range of double."""
    found = _sum_of_squares([x], 1.0)
    return sqrt(found) if SMALL_SUM <= found < np.inf else 0.0


def _sum_of_squares(arrays: Sequence[Array], factor: float) -> float:
    found = 0.0
    for x in arrays:
        flat = factor * np.asarray(x, np.float64).reshape(-1)
        for partial in partials(flat * flat):
            found += partial
    return found


def partials(terms: Array) -> Iterator[float]:
    """The sums of each chunk of a flat array of float64."""
    for start in range(0, terms.size, CHUNK):
        chunk, found = terms[start : start + CHUNK], 0.0
        for i in range(0, chunk.size, BLOCK):
            found += _sum_of_block(chunk[i : i + BLOCK])
        yield found


def _sum_of_block(terms: Array) -> float:
    rows = np.zeros((terms.size // LANES + 1, LANES))
    rows.flat[: terms.size] = terms
    lanes = np.zeros(LANES)
    for row in rows:
        lanes += row
    while lanes.size > 1:
        lanes = lanes[: lanes.size // 2] + lanes[lanes.size // 2 :]
    return float(lanes[0])
