"""What one does to gradients outside an optimizer: measure, clip and clear them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core
from ..checks import arguments
from ..checks.arrays import Array
from ..checks.trees import flatten, in_order
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
    return _changeable(owner, flatten(grads)[1])


def _changeable(owner: str, leaves: list[tuple[str, Any]]) -> list[Array]:
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


def clip_units_(
    grads: Any, params: Any, factor: float = 0.01, *, eps: float = 1e-3, keep: int = -1
) -> None:
    """Scale gradients in place, unit by unit, to a share of the norms of their parameters.

    Adaptive gradient clipping. A unit is one index of axis `keep`; an array of one axis or none is
    a single unit. For each, with the norms over the unit::

        most = factor * max(|p|, eps)
        g *= min(1, most / |g|)

    Parameters
    ----------
    grads : ndarray, sequence or mapping
        Float arrays in the structure and the shapes of `params`.
    params : ndarray, sequence or mapping
        Real arrays, nested as the parameters of an optimizer. Not changed.
    factor : float, default 0.01
        Above 0.
    eps : float, default 1e-3
        Above 0: the least norm that a unit of parameters counts with, so that weights of 0 move.
    keep : int, default -1
        The axis of the units: the last one for weights of shape (in, out), 0 for (out, in).

    Raises
    ------
    FloatingPointError
        If a gradient or a parameter is not finite.
    TypeError, ValueError
        For arrays that cannot be changed in place, of other shapes or structures, or without axis
        `keep`; for a senseless argument. Whatever is raised, nothing has been changed.

    Notes
    -----
    Norms are taken in float64, and their squares neither overflow nor vanish. A function and not
    an option, since it wants neither state nor a place in an order: call it before ``opt.step``.
    optax's ``adaptive_grad_clip`` is ``keep=-1`` for arrays of up to 2 and of 4 axes; of 3 it keeps
    the last two. timm keeps axis 0: on the same array it clips rows where optax clips columns.
    Reference: Brock et al. 2021, "High-Performance Large-Scale Image Recognition Without
    Normalization", arXiv:2102.06171.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([[3.0, 0.0], [4.0, 0.0]])
    >>> g = np.array([[1.0, 1.0], [0.0, 0.0]])
    >>> lrc.clip_units_(g, w, 0.1, eps=0.5)
    >>> g
    array([[0.5 , 0.05],
           [0.  , 0.  ]])
    """
    me = "clip_units_"
    share = arguments.checked(me, "factor", factor, arguments.Positive)
    least = arguments.checked(me, "eps", eps, arguments.Positive)
    keep = arguments.checked(me, "keep", keep, arguments.Offset)
    weights = _arrays(me, params)
    names = [name for name, _ in weights]
    found = in_order(flatten(params)[0], grads, names) if names else []
    arrays = _changeable(me, list(zip(names, found, strict=True)))
    for g, (name, p) in zip(arrays, weights, strict=True):
        if g.shape != p.shape:
            raise ValueError(f'{me}: gradient "{name}" has shape {g.shape}, expected {p.shape}')
        if g.ndim > 1 and not -g.ndim <= keep < g.ndim:
            raise ValueError(f'{me}: "{name}" has {g.ndim} axes, none of which is keep={keep}')
        for kind, array in (("gradient", g), ("parameter", p)):
            if not np.isfinite(array).all():
                raise FloatingPointError(
                    f'{me}: {kind} "{name}" is not finite; nothing was changed'
                )
    pairs = zip(arrays, weights, strict=True)
    scales = [_unit_scale(g, p, share, least, keep) for g, (_, p) in pairs if g.size]
    for g, scale in zip((g for g in arrays if g.size), scales, strict=True):
        g[...] = scale * g.astype(np.float64)


def _unit_scale(g: Array, p: Array, share: float, least: float, keep: int) -> Array:
    """What brings each unit of a gradient to the norm that it may have."""
    over = tuple(axis for axis in range(g.ndim) if g.ndim < 2 or axis != keep % g.ndim)
    size, power = _unit_norms(p, over)
    most = share * np.maximum(np.ldexp(size, power), least)
    size, power = _unit_norms(g, over)
    most = np.ldexp(most, -power)
    return np.where(size > most, most / np.where(size > most, size, 1.0), 1.0)


def _unit_norms(x: Array, over: tuple[int, ...]) -> tuple[Array, Array]:
    """The norms over these axes, each divided by two to the power beside it."""
    wide = np.abs(x.astype(np.float64))
    power = np.frexp(wide.max(axis=over, keepdims=True))[1]
    return np.sqrt(np.square(np.ldexp(wide, -power)).sum(axis=over, keepdims=True)), power


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
