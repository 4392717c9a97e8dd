"""Dicts, lists, numbers, words and arrays of real numbers as JSON and the arrays apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ..checks.arrays import Array

FORMAT: Final = 2
# The kinds of arrays that each format knows. More kinds need no other format: a file with a kind
# that is not listed is refused by name.
_FLOATS: Final = ("float32", "float64")
_INTEGERS: Final = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
KINDS: Final[Mapping[int, tuple[str, ...]]] = {
    1: _FLOATS,
    2: (*_FLOATS, "float16", *_INTEGERS, "bool"),
}
LONGEST: Final = 1 << 24  # bytes of JSON
_ARRAY, _NUMBER, _DICT = "array", "number", "dict"  # the keys of what JSON cannot hold


def encode(tree: Mapping[str, Any]) -> tuple[bytes, list[Array]]:
    """JSON in which numbers stand for the arrays, and the arrays: in C order, little-endian.

    Raises
    ------
    TypeError, ValueError
        For what is no such data.
    """
    arrays: list[Array] = []
    try:
        document = {"format": FORMAT, "tree": _encode(tree, arrays)}
    except RecursionError:
        raise ValueError("dicts and lists within one another without an end, or too deep") from None
    document["arrays"] = [
        {"kind": array.dtype.name, "shape": list(array.shape)} for array in arrays
    ]
    import json  # which `import lrcore` does without

    text = json.dumps(document, allow_nan=False).encode()
    if len(text) > LONGEST:
        raise ValueError(
            f"{len(text)} bytes of names and numbers, at most {LONGEST}; give long lists as arrays"
        )
    flat = [array.astype(array.dtype.newbyteorder("<"), order="C", copy=False) for array in arrays]
    return text, flat


def bytes_of(array: Array) -> memoryview:
    """The bytes of a contiguous array, where they are."""
    return array.reshape(-1).view(np.uint8).data


def _encode(value: Any, arrays: list[Array]) -> Any:
    if isinstance(value, np.generic) and value.dtype.kind in "biufU":
        value = value.item()
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError("a masked array is no plain data; give its .data and .mask")
    if isinstance(value, np.ndarray):
        if value.dtype.name not in KINDS[FORMAT]:
            kinds = ", ".join(KINDS[FORMAT])
            raise TypeError(f"an array of {value.dtype} is no plain data, which are {kinds}")
        arrays.append(value)
        return {_ARRAY: len(arrays) - 1}
    if isinstance(value, float) and not math.isfinite(value):
        return {_NUMBER: repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_encode(item, arrays) for item in value]
    if isinstance(value, Mapping):
        # in a list, so that no key can be taken for one of ours
        return {_DICT: [[_key(key), _encode(item, arrays)] for key, item in value.items()]}
    raise TypeError(f"a {type(value).__name__} is no plain data: {value!r:.80}")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the key {key!r:.80} is not a string")
    return key


def _decode(value: Any, arrays: list[Array], used: list[int]) -> Any:
    """The tree with the arrays in their places; adds the number of each to `used`."""
    if isinstance(value, list):
        return [_decode(item, arrays, used) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == _ARRAY:
        used.append(_index(content, len(arrays)))
        return arrays[content]
    if kind == _NUMBER:
        return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[content]
    if kind != _DICT:
        raise ValueError(f"there is no {kind!r:.40}")
    decoded = {_key(key): _decode(item, arrays, used) for key, item in content}
    if len(decoded) != len(content):
        raise ValueError("the same key twice")
    return decoded


def _index(i: Any, n: int) -> int:
    if type(i) is not int or not 0 <= i < n:
        raise ValueError(f"there is no array {i!r:.40}")
    return i


def _fields(entry: Any) -> tuple[Any, Any]:
    if not isinstance(entry, dict) or entry.keys() != {"kind", "shape"}:
        raise ValueError(f"{entry!r:.80} is no kind and shape")
    return entry["kind"], entry["shape"]


class Document:
    """The checked JSON of a file: its tree, and dtype, shape and bytes of its arrays."""

    def __init__(self, text: bytes) -> None:
        import json

        document = json.loads(text.decode())
        found = document.get("format") if isinstance(document, dict) else document
        if type(found) is not int or found not in KINDS:
            raise ValueError(f"its format is {found!r:.40}; this version reads 1 to {FORMAT}")
        if document.keys() != {"format", "tree", "arrays"}:
            raise ValueError(f"its entries are {sorted(document)!s:.80}")
        self.tree = document["tree"]
        entries = document["arrays"] if found == 1 else map(_fields, document["arrays"])
        self.arrays = [self._kind(KINDS[found], *entry) for entry in entries]

    @staticmethod
    def _kind(
        kinds: tuple[str, ...], dtype: Any, shape: Any
    ) -> tuple[np.dtype[Any], tuple[int, ...], int]:
        """dtype, shape and bytes."""
        if dtype not in kinds or not isinstance(shape, list) or len(shape) > 32:
            raise ValueError(f"there are no arrays of {dtype!r:.40} and shape {shape!r:.80}")
        if any(type(n) is not int or n < 0 for n in shape):
            raise ValueError(f"{shape!r:.80} is no shape")
        kind = np.dtype(dtype).newbyteorder("<")
        return kind, tuple(shape), kind.itemsize * math.prod(shape)

    def fill(self, arrays: list[Array]) -> dict[str, Any]:
        """The tree with these arrays in their places, each of them in one."""
        used: list[int] = []
        native = [array.astype(array.dtype.newbyteorder("="), copy=False) for array in arrays]
        tree = _decode(self.tree, native, used)
        if sorted(used) != list(range(len(arrays))):
            raise ValueError(f"not each of the {len(arrays)} arrays in one place")
        if not isinstance(tree, dict):
            raise ValueError("it holds no names")
        return tree
