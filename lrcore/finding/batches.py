"""The batch size: how noisy its gradients are, and how the rate goes with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from ..checks import pickles
from ..checks.arguments import NonNegative, Positive, checked
from ..checks.trees import flatten
from ..schedules.catalogue import Schedule


class NoiseScale(NamedTuple):
    """Estimates of the noise and of the signal in gradients; `scale` is their ratio.

    Parameters
    ----------
    trace : float
        Of the covariance of the gradients of single examples, ``tr(Sigma)``.
    squared_norm : float
        Of the true gradient, ``|G|**2``. Unbiased, and so negative at times where noise prevails.
    """

    trace: float
    squared_norm: float

    @property
    def scale(self) -> float:
        """``tr(Sigma) / |G|**2``, in examples; inf where no gradient is seen beside the noise."""
        if self.squared_norm > 0:
            return self.trace / self.squared_norm
        return math.inf if self.trace > 0 else math.nan

    def __reduce__(self) -> pickles.Recipe:
        return pickles.recipe(type(self), tuple(self), {})


def noise_scale(gradients: Iterable[Any], batch: float = 1) -> NoiseScale:
    """The simple noise scale of McCandlish et al.: the batch size at which noise equals signal.

    ``tr(Sigma) / |G|**2`` with, from m gradients g_i of b examples each,

        tr(Sigma) = b * sum(|g_i - mean|**2) / (m - 1),   |G|**2 = |mean|**2 - tr(Sigma) / (b * m)

    both unbiased. Far below this size twice the batch does the work of two steps, far above it
    twice the batch gains nothing.

    Parameters
    ----------
    gradients : iterable
        Two or more, of batches that were drawn independently at the same parameters: rows of a
        matrix, or arrays nested as the parameters of an optimizer. They are taken one by one, and
        two vectors of their size are kept.
    batch : int >= 1
        Examples in each.

    Returns
    -------
    NoiseScale
        The ratio, `scale`, of two single estimates is noisy and biased: average `trace` and
        `squared_norm` over many steps, then divide.

    Raises
    ------
    TypeError, ValueError
        For fewer than two gradients, or such as differ in shape or are not real.

    Notes
    -----
    A property of the point and not of the problem: it grows during training, often tenfold. It
    leaves curvature out. torch, Keras and optax have no counterpart.
    Reference: McCandlish, Kaplan & Amodei 2018, appendix A.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> rng = np.random.default_rng(0)
    >>> examples = np.array([3.0, 4.0]) + 10 * rng.standard_normal((4000, 2))
    >>> found = lrc.noise_scale(examples)  # truth: 2 * 100 / 25 = 8
    >>> round(found.trace), round(found.squared_norm), round(found.scale)
    (201, 25, 8)
    """
    batch = checked("noise_scale", "batch", batch, Positive)
    if isinstance(gradients, str | bytes | Mapping) or not isinstance(gradients, Iterable):
        raise TypeError(f"noise_scale: gradients must be an iterable, got {gradients!r:.80}")
    number, mean, squares = 0, np.zeros(0), 0.0
    for gradient in gradients:
        g = _vector(gradient)
        if number and g.shape != mean.shape:
            raise ValueError(
                f"noise_scale: gradient {number} has {g.size} elements, not {mean.size}"
            )
        number += 1
        apart = g - (mean if number > 1 else 0.0)
        mean = apart / number + (mean if number > 1 else 0.0)
        squares += float(apart @ (g - mean))
    if number < 2:
        raise ValueError(f"noise_scale: gradients must be two or more, got {number}")
    trace = batch * squares / (number - 1)
    return NoiseScale(trace, float(mean @ mean) - trace / (batch * number))


def noise_scale_from_norms(
    small: float, squared_small: float, big: float, squared_big: float
) -> NoiseScale:
    """The same from the squared gradient norms at two batch sizes, as data parallelism has them.

    ``tr(Sigma) = (|g_small|**2 - |g_big|**2) / (1 / small - 1 / big)`` and
    ``|G|**2 = (big * |g_big|**2 - small * |g_small|**2) / (big - small)``, both unbiased, but of
    much variance: pass norms that are averaged over workers and over steps.

    Parameters
    ----------
    small, big : float > 0
        The sizes, `small` below `big`: examples on one worker and on all, for instance.
    squared_small, squared_big : float >= 0
        ``|g|**2`` at them.

    Returns
    -------
    NoiseScale

    Raises
    ------
    TypeError, ValueError
        For other numbers.

    Examples
    --------
    >>> import lrcore as lrc
    >>> lrc.noise_scale_from_norms(1, 225.0, 100, 27.0)
    NoiseScale(trace=200.0, squared_norm=25.0)
    """
    me = "noise_scale_from_norms"
    small = checked(me, "small", small, Positive)
    big = checked(me, "big", big, Positive)
    if not small < big:
        raise ValueError(f"{me}: small must be below big, {big:g}, got {small:g}")
    squared_small = checked(me, "squared_small", squared_small, NonNegative)
    squared_big = checked(me, "squared_big", squared_big, NonNegative)
    trace = (squared_small - squared_big) * (small * big / (big - small))
    return NoiseScale(trace, (big * squared_big - small * squared_small) / (big - small))


@overload
def scale_lr(
    lr: float, batch: float, base_batch: float, rule: Literal["linear", "sqrt"] = ...
) -> float: ...
@overload
def scale_lr(
    lr: Schedule, batch: float, base_batch: float, rule: Literal["linear", "sqrt"] = ...
) -> Schedule: ...
def scale_lr(
    lr: float | Schedule,
    batch: float,
    base_batch: float,
    rule: Literal["linear", "sqrt"] = "linear",
) -> float | Schedule:
    """A rate found at one batch size, for another: ``lr * k`` or ``lr * sqrt(k)``.

    ``k = batch / base_batch``.

    Parameters
    ----------
    lr : float >= 0 or Schedule
        What works at `base_batch`.
    batch, base_batch : float > 0
        In examples for each update.
    rule : "linear" or "sqrt"
        "linear" is for SGD, with momentum or without (Goyal et al. 2017), "sqrt" for Adam, RMSprop
        and their like (Malladi et al. 2022).

    Returns
    -------
    float or Schedule
        A schedule is scaled as a whole. Its length in updates stays: with batches k times as large
        an epoch has k times fewer of them, which `Schedule.stretch` can follow.

    Raises
    ------
    TypeError, ValueError
        For other arguments.

    Notes
    -----
    A starting point for a range test, no law. One reads that large batches want a lower rate. That
    contradicts both rules, and is true in one sense only: lower than the *scaled* rate. The first
    updates do not bear that one, so give it a warm-up (``.warmup(n)``; Goyal et al. took 5 epochs),
    and beyond the critical batch size, about `noise_scale`, the best rate stops growing:
    ``lr_max / (1 + noise_scale / batch)`` (McCandlish et al. 2018). The largest rate that is stable
    does not depend on the batch: `stability_limit`. For Adam the full square-root rule
    scales ``1 - beta`` of both betas by k and eps by ``1 / sqrt(k)`` as well.
    References: Goyal et al. 2017; Malladi, Lyu, Panigrahi & Arora 2022; McCandlish et al. 2018.

    Examples
    --------
    >>> import lrcore as lrc
    >>> lrc.scale_lr(0.1, 1024, 256), lrc.scale_lr(1e-3, 1024, 256, "sqrt")
    (0.4, 0.002)
    >>> lrc.scale_lr(lrc.CosineAnnealing(0.1, steps=1000), 1024, 256).warmup(50)(50)
    0.4
    """
    if not isinstance(lr, Schedule):
        lr = checked("scale_lr", "lr", lr, NonNegative)
    batch = checked("scale_lr", "batch", batch, Positive)
    base_batch = checked("scale_lr", "base_batch", base_batch, Positive)
    rule = checked("scale_lr", "rule", rule, Literal["linear", "sqrt"])
    factor = batch / base_batch
    return lr * (factor if rule == "linear" else math.sqrt(factor))


def _vector(gradient: Any) -> NDArray[np.float64]:
    """All elements of a nested structure of arrays."""
    parts = []
    for name, leaf in flatten(gradient)[1]:
        part = np.asarray(leaf)
        if part.dtype.kind not in "iuf":
            raise TypeError(f'noise_scale: gradient "{name}" has dtype {part.dtype}, not real')
        parts.append(part.astype(np.float64).ravel())
    return np.concatenate(parts) if parts else np.zeros(0)
