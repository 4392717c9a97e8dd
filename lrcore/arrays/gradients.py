"""What one does to gradients outside an optimizer: measure, clip and clear them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core
from ..checks import arguments
from ..checks.arrays import Array
from ..checks.trees import flatten
from .sharing import check_distinct


def _arrays(owner: str, grads: Any) -> list[tuple[str, Array]]:
    """The arrays of a nested structure, checked to be real."""
    leaves = [(name, np.asarray(g)) for name, g in flatten(grads)[1]]
    for name, g in leaves:
        if g.dtype.kind not in "biuf":
            raise TypeError(f'{owner}: "{name}" has dtype {g.dtype}; it must be real numbers')
    return leaves


def _writable(owner: str, grads: Any) -> list[Array]:
    """The arrays of a nested structure, checked to be floats, changeable and distinct."""
    leaves = flatten(grads)[1]
    for name, g in leaves:
        if not isinstance(g, np.ndarray) or g.dtype.kind != "f":
            kind = g.dtype if isinstance(g, np.ndarray) else type(g).__name__
            raise TypeError(f'{owner}: "{name}" is {kind}; it must be an array of floats')
        if not g.flags.writeable:
            raise ValueError(f'{owner}: "{name}" is read-only')
    check_distinct(leaves, f"{owner}: gradients")
    return [g for _, g in leaves]


def _scaled_norm(arrays: list[Array]) -> tuple[float, float]:
    """The norm times a power of two that keeps it in range, and that power."""
    numbers = {_core.DTYPES[i] for i in _core.COMPUTED}
    kept = [a.dtype if a.dtype in numbers else np.dtype(np.float64) for a in arrays]
    scaled, factor = _core.global_norm(
        [np.ascontiguousarray(a, dtype) for a, dtype in zip(arrays, kept, strict=True)]
    )
    return float(scaled), float(factor)


def global_norm(arrays: Any) -> float:
    """The Euclidean norm of all elements of all arrays together.

    ``sqrt(sum(x**2))``, summed in float64 in a fixed order, so that it has the same bits for every
    layout and instruction set; neither overflow nor underflow of the squares spoils it.

    Parameters
    ----------
    arrays : ndarray, sequence or mapping
        Real arrays, nested as the parameters of an optimizer. Not changed.

    Returns
    -------
    float
        inf or nan if an element is.

    Raises
    ------
    TypeError
        For arrays that are not real.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> lrc.global_norm({"W": np.array([[3.0]]), "b": np.array([4.0])})
    5.0
    """
    scaled, factor = _scaled_norm([array for _, array in _arrays("global_norm", arrays)])
    return scaled / factor


def clip_grad_norm_(grads: Any, max_norm: float) -> float:
    """Scale gradients in place to a joint norm of at most `max_norm`.

    ``g *= min(1, max_norm / norm)``, exactly: gradients within the norm keep their bits. An
    optimizer's ``clip_norm=`` does the same without changing the arrays.

    Parameters
    ----------
    grads : ndarray, sequence or mapping
        Float arrays, nested as the parameters of an optimizer.
    max_norm : float
        Above 0.

    Returns
    -------
    float
        The norm before clipping.

    Raises
    ------
    FloatingPointError
        If a gradient is not finite; nothing is changed then (torch fills the gradients with NaN).
    TypeError, ValueError
        For arrays that cannot be changed in place, or a senseless `max_norm`.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> g = np.array([3.0, 4.0])
    >>> lrc.clip_grad_norm_(g, 2.5)
    5.0
    >>> g
    array([1.5, 2. ])
    """
    limit = arguments.checked("clip_grad_norm_", "max_norm", max_norm, arguments.Positive)
    arrays = _writable("clip_grad_norm_", grads)
    scaled, factor = _scaled_norm(arrays)
    if not math.isfinite(scaled):
        raise FloatingPointError("clip_grad_norm_: a gradient is not finite; nothing was changed")
    if scaled > limit * factor:
        for g in arrays:
            g[...] = limit * factor / scaled * g.astype(np.float64)
    return scaled / factor


def zero_grads(grads: Any) -> None:
    """Set gradients to zero in place, for loops that add up into the same arrays.

    Parameters
    ----------
    grads : ndarray, sequence or mapping
        Float arrays, nested as the parameters of an optimizer.

    Raises
    ------
    TypeError, ValueError
        For arrays that cannot be changed in place; nothing is changed then.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> g = {"W": np.ones(2)}
    >>> lrc.zero_grads(g)
    >>> g["W"]
    array([0., 0.])
    """
    for g in _writable("zero_grads", grads):
        g.fill(0)
