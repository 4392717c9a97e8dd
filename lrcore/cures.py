"""What to write in the place of a parameter that cannot be updated in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableSequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .trees import entries

Trail = list[tuple[str, Any]]  # from the root to an array: how to write it, and what is there


def cure(params: Any, i: int) -> str:
    """How to make an array of what stands in the place of the i-th one; empty if nobody knows.

    >>> cure({"A": 1.0}, 0)
    'write p["A"] = np.array(1.0)'
    >>> cure({"A": np.array(1)}, 0)
    'write p["A"] = p["A"].astype(np.float64)'
    """
    trail = next(found for k, found in enumerate(_trails("p", params)) if k == i)
    place, leaf = trail[-1]
    if isinstance(leaf, Real | np.bool_):
        return _number(trail)
    if isinstance(leaf, np.ndarray):
        return _written(trail, _array(place, leaf))
    if leaf is None:
        return "leave it out"
    if type(leaf).__module__.partition(".")[0] == "torch":
        return _written(trail, f"{place}.detach().cpu().numpy()")
    if hasattr(leaf, "__array__"):
        return _written(trail, f"np.array({place}, dtype=np.float64)")
    if isinstance(leaf, Iterable) and not isinstance(leaf, str | bytes):
        return _written(trail, f"list({place})")
    return ""


def _trails(place: str, node: Any) -> Iterator[Trail]:
    """One for each array."""
    below = entries(node)
    if below is None:
        yield [(place, node)]
        return
    for key, child in below:
        index = f'"{key}"' if isinstance(key, str) and key.isprintable() else repr(key)
        for trail in _trails(f"{place}[{index}]", child):
            yield [(place, node), *trail]


def _number(trail: Trail) -> str:
    """A number becomes an array, and so does all of a list that holds numbers alone."""
    whole = len(trail) - 1
    while whole and _is_list_of_numbers(trail[whole - 1][1]):
        whole -= 1
    if whole == len(trail) - 1:
        try:
            return _written(trail, f"np.array({float(trail[-1][1])!r})")
        except OverflowError:
            return ""
    return _written(trail[: whole + 1], f"np.array({trail[whole][0]}, dtype=np.float64)")


def _is_list_of_numbers(node: Any) -> bool:
    if isinstance(node, Mapping):
        return False
    below = entries(node)
    if below is None:
        return isinstance(node, Real | np.bool_)
    return all(_is_list_of_numbers(child) for _, child in below)


def _array(place: str, array: NDArray[Any]) -> str:
    plain = array.dtype.newbyteorder("=")
    if isinstance(array, np.ma.MaskedArray):
        return f"{place}.data"
    if plain in (np.float32, np.float16):
        wanted = "float32"
    elif plain.kind in "biufO":
        wanted = "float64"
    else:
        return ""
    if array.dtype.isnative and plain in (np.float32, np.float64):
        return f"{place}.copy()"
    return f"{place}.astype(np.{wanted})"


def _written(trail: Trail, expression: str) -> str:
    """An assignment, if what holds it can be assigned to."""
    if not expression:
        return ""
    if len(trail) == 1 or isinstance(trail[-2][1], Mapping | MutableSequence):
        return f"write {trail[-1][0]} = {expression}"
    return f"give {expression} in its place"
