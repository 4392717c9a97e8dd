"""Parameters and gradients as arrays: which are accepted, and the errors for those that are not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .cures import cure

Array = NDArray[Any]
Dtypes = Sequence[np.dtype[Any]]  # those that are accepted


def check_parameters(
    named: Sequence[tuple[str, Any]], params: Any, dtypes: Dtypes, frozen: Collection[str] = ()
) -> None:
    """Refuses what cannot be updated in place, of the arrays in `params` with their names; those
    that are frozen may be read-only."""
    for i, (name, array) in enumerate(named):
        try:
            _check_parameter(name, array, dtypes, name in frozen)
        except (TypeError, ValueError) as error:
            way = cure(params, i)
            raise type(error)(f"{error}{way and '; ' + way}") from None


def _check_parameter(name: str, array: Any, dtypes: Dtypes, frozen: bool) -> None:
    what = f'parameter "{name}"'
    if not isinstance(array, np.ndarray):
        raise TypeError(
            f"{what} is a {type(array).__name__}; it must be a NumPy array, to be changed in place"
        )
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{what} is a masked array")
    if array.dtype.newbyteorder("=") not in dtypes:
        raise TypeError(f"{what} has dtype {array.dtype}; it must be {either(dtypes)}")
    if not array.dtype.isnative:
        raise TypeError(f"{what} has dtype {array.dtype}, which is not in native byte order")
    if not array.flags.aligned:
        raise ValueError(f"{what} is not aligned in memory")
    if not array.flags.writeable and not frozen:
        raise ValueError(f"{what} is read-only")
    if overlaps_itself(array):
        raise ValueError(f"{what} has elements that share memory (a broadcast or windowed view)")


def either(dtypes: Dtypes) -> str:
    """Their names, in a sentence that says what is accepted."""
    *names, last = map(str, dtypes)
    return f"{', '.join(names)} or {last}"


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


def shares_memory(a: Array, b: Array) -> bool:
    """Whether two arrays have a byte in common, or NumPy cannot tell."""
    try:
        return np.shares_memory(a, b, max_work=1_000_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def memory_order(array: Array) -> tuple[int, ...]:
    """The axes from the slowest to the fastest, as the array lies in memory."""
    return tuple(sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis])))


def as_array(given: Any, what: str) -> Array:
    """What was given as an array, whatever is in it."""
    if isinstance(given, np.ma.MaskedArray):
        raise TypeError(f"{what} is a masked array; fill it first")
    try:
        return np.asarray(given)
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(f"{what} cannot be made an array: {error}") from error


def as_real(given: Any, dtype: np.dtype[Any], what: str) -> Array:
    """The same of real numbers that cast to the dtype."""
    array = as_array(given, what)
    if array.dtype.kind not in "biuf" or not np.can_cast(array.dtype, dtype, casting="same_kind"):
        raise TypeError(f"{what} has dtype {array.dtype}, which does not cast to {dtype}")
    return array


def as_gradient(gradient: Any, parameter: Array, name: str, dtypes: Dtypes, keep: bool) -> Array:
    """`gradient` as an aligned native array of the parameter's shape and one of the dtypes.

    With `keep` the array itself is wanted again later, so that it must not be a copy.
    """
    what = f'gradient "{name}"'
    if gradient is None:
        raise TypeError(
            f"{what} is None; every parameter needs a gradient, zeros if it has none. But zeros do "
            "not freeze an array: its moments, its decay and its count go on; opt.freeze(name) does"
        )
    array = as_real(gradient, parameter.dtype, what)
    if array.shape != parameter.shape:
        raise ValueError(f"{what} has shape {array.shape}, its parameter has {parameter.shape}")
    if array.dtype in dtypes and array.dtype.isnative and array.flags.aligned:
        kept = isinstance(gradient, np.ndarray)
    else:
        with np.errstate(over="ignore"):  # what overflows is treated as infinite
            array = array.astype(parameter.dtype)
        kept = False
    if keep and not kept:
        raise TypeError(f"{what} is not an aligned {either(dtypes)} array, so it cannot be bound")
    return array


def check_disjoint(gradient: Array, written: Sequence[Array], name: str) -> None:
    """Refuses to bind a gradient that a step would change."""
    if any(shares_memory(gradient, array) for array in written):
        raise ValueError(
            f'gradient "{name}" shares memory with a parameter or with state, so it cannot be '
            "bound; step(grads) works on a copy of it"
        )


def raise_nonfinite(
    gradients: Sequence[Array],
    parameters: Sequence[Array],
    names: Sequence[str],
    gathered: Sequence[Array] | None = None,
) -> NoReturn:
    """Says where infinities and NaNs are, or sums with what was gathered become such; nothing has
    been changed."""
    found = list(_nonfinite(gradients, parameters, names))
    if gathered is not None and not found:
        with np.errstate(over="ignore"):
            sums = [s + np.asarray(g, s.dtype) for s, g in zip(gathered, gradients, strict=True)]
        found = [f"the sum with {words}" for words in _nonfinite(sums, parameters, names)]
    found = found or ["the norm that was given"]
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
