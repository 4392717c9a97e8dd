"""Where the state of parameters lies in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .._core import BLOCK, address
from ..checks import arrays as parameters
from ..checks.arrays import Array

_LINE = 64  # bytes of a line of the cache, and of the widest vector
# Between blocks of state, so that those of arrays of a power of two do not fall on the same sets of
# the cache.
_STAGGER = 17 * _LINE


def new_state(
    arrays: list[Array], dtype: np.dtype[Any], names: tuple[str, ...], fill: Mapping[str, float]
) -> Iterator[dict[str, Array]]:
    """State for each array in turn, all in one allocation: per name one block after the other.

    State of small arrays begins at a line of the cache. That of others lies relative to lines as
    its array does: a step goes through them all without a vector that crosses a line.
    """
    shifts = [
        address(array) % _LINE if array.size >= BLOCK and array.dtype == dtype else 0
        for array in arrays
    ]
    sizes = [
        -(-(array.size * dtype.itemsize + shift) // _LINE) * _LINE
        for array, shift in zip(arrays, shifts, strict=True)
    ]
    block = sum(sizes) + _STAGGER
    arena = np.zeros(len(names) * block + _LINE, np.uint8)
    start = -address(arena) % _LINE
    offsets = np.cumsum([start, *sizes])[:-1] + shifts
    for array, offset in zip(arrays, offsets, strict=True):
        strides = np.empty(array.ndim, int)
        step = dtype.itemsize
        for axis in reversed(parameters.memory_order(array)):
            strides[axis] = step
            step *= max(array.shape[axis], 1)
        state = {
            name: np.ndarray(array.shape, dtype, arena, offset + k * block, tuple(strides))
            for k, name in enumerate(names)
        }
        for name, value in fill.items():
            if value:
                state[name].fill(value)
        yield state
