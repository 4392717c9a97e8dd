"""Where the state of parameters lies in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .._core import BLOCK, Rule, address
from ..checks import arrays as parameters
from ..checks.arrays import Array

_LINE = 64  # bytes of a line of the cache, and of the widest vector
# Between blocks of state, so that those of arrays of a power of two do not fall on the same sets of
# the cache.
_STAGGER = 17 * _LINE


def new_state(
    arrays: list[Array], dtype: np.dtype[Any], rule: Rule, fill: Mapping[str, float]
) -> Iterator[dict[str, Array]]:
    """The state that a rule wants for each array in turn: all that is like these in one allocation,
    per name one block after the other.

    State of small arrays begins at a line of the cache. That of others lies relative to lines as
    its array does: a step goes through them all without a vector that crosses a line. Rules that
    have state of another shape go through all by index.
    """
    by_index = any(kind != "LIKE" for kind in rule.shapes)
    names = [name for name, kind in zip(rule.state, rule.shapes, strict=True) if kind == "LIKE"]
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
        order = range(array.ndim) if by_index else parameters.memory_order(array)
        for axis in reversed(order):
            strides[axis] = step
            step *= max(array.shape[axis], 1)
        state = {
            name: np.ndarray(array.shape, dtype, arena, offset + k * block, tuple(strides))
            for k, name in enumerate(names)
        }
        for name, kind in zip(rule.state, rule.shapes, strict=True):
            if kind != "LIKE":
                state[name] = np.zeros(_reduced(array.shape, kind), dtype)
        for name, value in fill.items():
            if value:
                state[name].fill(value)
        yield {name: state[name] for name in rule.state}


def _reduced(shape: tuple[int, ...], kind: str) -> tuple[int, ...]:
    """The shape of state with a number for each row, for each column, or one."""
    return {"ROWS": shape[:-1], "COLS": shape[:-2] + shape[-1:], "ONE": ()}[kind]
