"""Parameters and gradients as nested structures of arrays: walking, naming and checking them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Tree = Any  # None for an array, a tuple for a sequence, a dict for a mapping
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def flatten(params: Any) -> tuple[Tree, list[tuple[str, Any]]]:
    """The structure of `params` and its arrays with their names, in a fixed order."""
    leaves: list[tuple[str, Any]] = []
    tree = _walk(params, "", leaves)
    return tree, leaves


def entries(node: Any) -> list[tuple[Any, Any]] | None:
    """What a mapping or sequence holds, by key or index; None for what is neither."""
    if isinstance(node, Mapping):
        return list(node.items())
    if isinstance(node, Sequence) and not isinstance(node, str | bytes):
        return list(enumerate(node))
    return None


def _walk(node: Any, path: str, leaves: list[tuple[str, Any]]) -> Tree:
    below = entries(node)
    if below is None:
        leaves.append((path or "0", node))
        return None
    prefix = f"{path}." if path else ""
    trees = {key: _walk(child, f"{prefix}{key}", leaves) for key, child in below}
    return trees if isinstance(node, Mapping) else tuple(trees.values())


def check_names(names: Sequence[str]) -> None:
    """Refuses a name that occurs twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f'two parameters are called "{name}"; name them with Group(names=...)')
        seen.add(name)


def check_parameters(named: Sequence[tuple[str, Any]], params: Any) -> None:
    """Refuses what cannot be updated in place, of the arrays in `params` with their names."""
    for i, (name, array) in enumerate(named):
        try:
            _check_parameter(name, array)
        except (TypeError, ValueError) as error:
            from .cures import cure  # wanted after an error alone

            way = cure(params, i)
            raise type(error)(f"{error}{way and '; ' + way}") from None


def _check_parameter(name: str, array: Any) -> None:
    what = f'parameter "{name}"'
    if not isinstance(array, np.ndarray):
        raise TypeError(
            f"{what} is a {type(array).__name__}; it must be a NumPy array, to be changed in place"
        )
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{what} is a masked array")
    if array.dtype.newbyteorder("=") not in DTYPES:
        raise TypeError(f"{what} has dtype {array.dtype}; it must be float32 or float64")
    if not array.dtype.isnative:
        raise TypeError(f"{what} has dtype {array.dtype}, which is not in native byte order")
    if not array.flags.aligned:
        raise ValueError(f"{what} is not aligned in memory")
    if not array.flags.writeable:
        raise ValueError(f"{what} is read-only")
    if overlaps_itself(array):
        raise ValueError(f"{what} has elements that share memory (a broadcast or windowed view)")


def overlaps_itself(array: Array) -> bool:
    """Whether two indices of `array` lead to the same bytes."""
    axes = [(abs(k), n) for n, k in zip(array.shape, array.strides, strict=True) if n > 1]
    reach = array.itemsize
    for stride, size in sorted(axes):
        if stride < reach:
            break
        reach += stride * (size - 1)
    else:
        return False
    if array.size == 0:
        return False
    # The axes interleave, so only the addresses themselves tell.
    first = np.zeros(array.shape, np.int64)
    for axis, (size, stride) in enumerate(zip(array.shape, array.strides, strict=True)):
        shape = [-1 if k == axis else 1 for k in range(array.ndim)]
        first += np.arange(size).reshape(shape) * stride
    return bool((np.diff(np.sort(first, axis=None)) < array.itemsize).any())


def check_distinct(named: Sequence[tuple[str, Array]], kind: str = "parameters") -> None:
    """Refuses arrays that share memory: each would be changed more than once."""
    from .._core import extent  # which needs the functions of this module

    spans = sorted((*extent(array), i) for i, (_, array) in enumerate(named) if array.size)
    reaching: list[tuple[int, int, int]] = []
    for span in spans:
        reaching = [other for other in reaching if other[1] > span[0]]
        for other in reaching:
            (first, a), (second, b) = (named[i] for i in sorted((other[2], span[2])))
            if _shares(a, b):
                raise ValueError(
                    f'{kind} "{first}" and "{second}" share memory; '
                    "give a tied parameter once and sum its gradients"
                )
        reaching.append(span)


def _shares(a: Array, b: Array) -> bool:
    try:
        return np.shares_memory(a, b, max_work=1_000_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def memory_order(array: Array) -> tuple[int, ...]:
    """The axes from the slowest to the fastest, as the array lies in memory."""
    return tuple(sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis])))


def as_gradient(gradient: Any, parameter: Array, name: str, keep: bool) -> Array:
    """`gradient` as an aligned native float32 or float64 array of the parameter's shape.

    With `keep` the array itself is wanted again later, so that it must not be a copy.
    """
    what = f'gradient "{name}"'
    if gradient is None:
        raise TypeError(
            f"{what} is None; every parameter needs a gradient, zeros if it has none. But zeros do "
            "not freeze an array: its moments, its decay and its count go on. What is to stay as "
            "it is gets an optimizer of its own, which makes no step meanwhile"
        )
    if isinstance(gradient, np.ma.MaskedArray):
        raise TypeError(f"{what} is a masked array; fill it first")
    try:
        array = np.asarray(gradient)
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(f"{what} cannot be made an array: {error}") from error
    if array.dtype.kind not in "biuf" or not np.can_cast(
        array.dtype, parameter.dtype, casting="same_kind"
    ):
        raise TypeError(f"{what} has dtype {array.dtype}, which does not cast to {parameter.dtype}")
    if array.shape != parameter.shape:
        raise ValueError(f"{what} has shape {array.shape}, its parameter has {parameter.shape}")
    if array.dtype in DTYPES and array.dtype.isnative and array.flags.aligned:
        kept = isinstance(gradient, np.ndarray)
    else:
        with np.errstate(over="ignore"):  # what overflows is treated as infinite
            array = array.astype(parameter.dtype)
        kept = False
    if keep and not kept:
        raise TypeError(f"{what} is not an aligned float32 or float64 array, so it cannot be bound")
    return array


def check_disjoint(gradient: Array, written: Sequence[Array], name: str) -> None:
    """Refuses to bind a gradient that a step would change."""
    if any(_shares(gradient, array) for array in written):
        raise ValueError(
            f'gradient "{name}" shares memory with a parameter or with state, so it cannot be '
            "bound; step(grads) works on a copy of it"
        )


def same_sequence(tree: tuple[Tree, ...], grads: Any, name: str) -> tuple[Any, ...]:
    """`grads` as a tuple as long as `tree`; `name` is the first parameter below it."""
    if isinstance(grads, str | bytes | np.ndarray) or not isinstance(grads, Sequence):
        raise TypeError(
            f'gradients from "{name}" on: expected a sequence of {len(tree)} like the parameters, '
            f"not {_kind(grads)}"
        )
    entries = tuple(grads)
    if len(entries) != len(tree):
        raise ValueError(
            f'gradients from "{name}" on: expected {len(tree)} entries like the parameters, '
            f"not {len(entries)}"
        )
    return entries


def same_mapping(tree: dict[Any, Tree], grads: Any, name: str) -> None:
    """Refuses gradients without the keys of `tree`; `name` is the first parameter below it."""
    if not isinstance(grads, Mapping):
        raise TypeError(
            f'gradients from "{name}" on: expected a mapping with the keys {list(tree)} like the '
            f"parameters, not {_kind(grads)}"
        )
    missing = [key for key in tree if key not in grads]
    unexpected = [key for key in grads if key not in tree]
    if missing or unexpected:
        raise ValueError(
            f'gradients from "{name}" on: missing keys {missing}, unexpected keys {unexpected}'
        )


def in_order(tree: Tree, grads: Any, names: Sequence[str]) -> list[Any]:
    """The gradients in the order of the parameters, whatever the order of keys; gradients of
    another structure than `tree`, whose leaves have these names, are refused."""
    found: list[Any] = []

    def collect(tree: Tree, grads: Any) -> None:
        name = names[min(len(found), len(names) - 1)]
        if tree is None:
            found.append(grads)
        elif isinstance(tree, dict):
            same_mapping(tree, grads, name)
            for key, child in tree.items():
                collect(child, grads[key])
        else:
            for child, below in zip(tree, same_sequence(tree, grads, name), strict=True):
                collect(child, below)

    collect(tree, grads)
    return found


def raise_replaced(name: str, key: Any, is_array: bool) -> NoReturn:
    """Says that the entry `key`, with the parameter `name` in it, is no longer what it was."""
    what = f'parameter "{name}" was' if is_array else f'parameters from "{name}" on were'
    raise ValueError(
        f"{what} replaced: another object is now in the place [{key!r}], and the optimizer goes on "
        f"with the arrays that it was given. Change these in place, params[{key!r}][...] = value, "
        "or make a new optimizer"
    )


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return f"a {type(value).__name__}"


def raise_nonfinite(
    gradients: Sequence[Array], parameters: Sequence[Array], names: Sequence[str]
) -> NoReturn:
    """Says where infinities and NaNs are; nothing has been changed."""
    found = list(_nonfinite(gradients, parameters, names))
    raise FloatingPointError(
        f"not finite: {', '.join(found)}; nothing was changed "
        '(nonfinite="skip" leaves such updates out, "allow" lets them through)'
    )


def _nonfinite(
    gradients: Sequence[Array], parameters: Sequence[Array], names: Sequence[str]
) -> Iterator[str]:
    for name, gradient, parameter in zip(names, gradients, parameters, strict=True):
        gradient = np.asarray(gradient)
        with np.errstate(over="ignore"):  # a float64 gradient may overflow float32
            bad = np.flatnonzero(~np.isfinite(gradient.astype(parameter.dtype)))
        if bad.size:
            index = tuple(int(i) for i in np.unravel_index(bad[0], gradient.shape))
            at = f" at {list(index)}" if index else ""
            yield f'gradient "{name}" ({bad.size} of {gradient.size}, first {gradient[index]}{at})'
