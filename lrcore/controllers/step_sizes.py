"""Step sizes from the loss and the gradients: Polyak, Barzilai-Borwein, hypergradient, DoG."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, final

import numpy as np

from ..arrays.gradients import global_norm
from ..checks.arguments import (
    Decay,
    Finite,
    Fraction,
    NonNegative,
    Positive,
    Range,
)
from ..checks.arrays import Array
from .controller import Follower, State, with_settings
from .kept import GRADIENT, Change

Products: TypeAlias = tuple[float, float, float]


@dataclass(eq=False, repr=False)
class ScaleState(State):
    """Everything that changes in these controllers, kept arrays apart."""

    scale: NonNegative = 1.0


@final
@with_settings
class Polyak(Follower):
    """Polyak's step size: the gap of the loss to its minimum, over the square of the gradient norm.

    ``scale = min((value - f_min) / |g|**2, max_scale)``, and 0 at or below `f_min`. The rate is
    ``lr * scale``: with ``lr=1`` Polyak's own, with less the cautious ``lr * (f - f_min) / |g|**2``
    (stochastic: ``lr = 1/c`` of Loizou et al.).

    Report the loss and the gradients of the point the next step starts from, before that step. A
    report that is not finite, in value or gradients, leaves the scale as it was.

    Parameters
    ----------
    f_min : float
        The least the loss can be, or a lower bound of it: 0 for squared errors of a model that can
        fit its data.
    max_scale : float > 0, optional
        The scale is not above it. Wanted where `f_min` is only a bound: near the minimum the
        gradients vanish, the gap does not, and the steps grow without limit.

    Raises
    ------
    TypeError
        From `update` without `grads`.

    Notes
    -----
    For plain gradient steps (`SGD` without momentum): the formula is not one for the directions of
    adaptive methods. It needs no curvature and no rate, and on a convex loss with the true minimum
    the distance to it falls at every step. Not good for losses whose minimum is not known, nor for
    noisy ones that cannot all be fitted: there `max_scale`, or a schedule in `lr`, must end it.
    Of torch, Keras and optax only the last has it: `optax.polyak_sgd`, whose scale is not above 1
    unless told otherwise.
    References: Polyak 1969, 1987; Loizou, Vaswani, Laradji & Lacoste-Julien 2021.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([3.0, 4.0])
    >>> opt = lrc.SGD(w, lr=1.0, controller=lrc.Polyak())
    >>> for _ in range(3):
    ...     loss, g = w @ w / 2, w.copy()
    ...     _ = opt.controller.update(loss, grads=g)
    ...     _ = opt.step(g)
    >>> w  # half the way at each step
    array([0.375, 0.5  ])
    """

    f_min: Finite = 0.0
    _: KW_ONLY
    max_scale: Positive | None = None

    _State: ClassVar = ScaleState

    def _follow(self, state: ScaleState, value: float, grads: Any) -> tuple[bool, Change | None]:
        self._demand(grads)
        norm = global_norm(self._watched.moving(grads) if self._watched else grads)
        if not (math.isfinite(norm) and math.isfinite(value)):
            return False, None
        gap = value - self.f_min
        scale = gap / norm / norm if gap > 0 and norm > 0 else 0.0
        limit = sys.float_info.max if self.max_scale is None else self.max_scale
        return _assign(state, min(scale, limit)), None


@final
@with_settings
class BarzilaiBorwein(Follower):
    """Barzilai and Borwein's step size: the curvature along the last step, from two gradients.

    With ``s = x - x_before`` (parameters) and ``y = g - g_before`` (gradients) of the last two
    reports, ``scale = s.s / s.y`` ("long") or ``s.y / y.y`` ("short"), at most `max_scale`. The
    rate is ``lr * scale``: with ``lr=1`` their own. Where ``s.y <= 0`` (no convexity along the
    step) or a number is not finite the scale stays as it was.

    Report the gradients of the point the next step starts from, before that step. The parameters
    come from the optimizer whose `controller` it is, or from `bind`. Copies of parameters and
    gradients are kept, and a report reads them once more.

    Parameters
    ----------
    first : float > 0
        The scale from the first report to the second, which has no difference to go by. A little
        below ``2 / L`` is safe (`L`: largest curvature).
    kind : "long" or "short"
        The short step is never longer (Cauchy-Schwarz) and the more careful.
    max_scale : float > 0
        The scale is not above it.

    Raises
    ------
    TypeError, ValueError
        From `update` without `grads`, or for gradients that do not fit the parameters.
    RuntimeError
        From `update` where the parameters are not known.

    Notes
    -----
    For full gradients of smooth losses, with `SGD` without momentum: on convex quadratics it
    converges far faster than any constant rate, without a bound on L, though not monotonically:
    the loss may rise for a few steps. Not good for mini-batches (y is then mostly the difference
    of the batches; Tan et al. 2016 average over epochs), nor, without a line search, for losses
    far from convex. Sums are in float64 and in an order that does not depend on the layout.
    torch, Keras and optax have no counterpart; scipy uses the long one inside `root(method=
    "df-sane")`.
    References: Barzilai & Borwein 1988; Raydan 1997 (safeguards); Fletcher 2005.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> curvature = np.array([1.0, 10.0, 100.0])
    >>> w = np.ones(3)
    >>> opt = lrc.SGD(w, lr=1.0, controller=lrc.BarzilaiBorwein(first=0.01))
    >>> for _ in range(40):
    ...     g = curvature * w
    ...     _ = opt.controller.update(w @ g / 2, grads=g)
    ...     _ = opt.step(g)
    >>> bool(abs(w).max() < 1e-8)
    True
    """

    first: Positive = 1e-3
    _: KW_ONLY
    kind: Literal["long", "short"] = "long"
    max_scale: Positive = 1e10

    _letters: ClassVar[tuple[str, ...]] = ("x", GRADIENT)
    _State: ClassVar = ScaleState

    def _follow(self, state: ScaleState, value: float, grads: Any) -> tuple[bool, Change | None]:
        watched, gradients = self._point(grads)
        if not _finite(value, gradients):
            return False, None
        memory = self._room()
        scale = self.first
        if memory.full:
            steps = _changes(watched.arrays, memory.letter("x", watched))
            bends = _changes(gradients, memory.letter(GRADIENT, watched))
            scale = self._step_size(_products(steps, bends), state.scale)
        return _assign(state, min(scale, self.max_scale)), memory.keeping(watched, gradients)

    def _step_size(self, dots: Products, before: float) -> float:
        ss, sy, yy = dots
        up, down = (ss, sy) if self.kind == "long" else (sy, yy)
        # yy may be 0 where sy is not, by underflow
        usable = sy > 0 and down > 0 and all(map(math.isfinite, dots))
        return up / down if usable else before


@final
@with_settings
class Hypergradient(Follower):
    """A rate that grows while steps agree with the next gradient and shrinks while they do not.

    ``scale *= 1 + beta * c`` with the cosine ``c = -g.s / (|g| * |s|)`` between the descent
    direction ``-g`` and the last step ``s = x - x_before``, kept from `min_scale` to `max_scale`.
    The derivative of the loss with respect to the rate of the last step is ``g.s / rate``: this
    descends along its sign and size, freed of units.

    **For research**: opt in knowing that it replaces one sensitive number by a less sensitive one,
    `beta`, and guarantees nothing.

    Report the gradients of the point the next step starts from, before that step. The parameters
    come from the optimizer whose `controller` it is, or from `bind`; a copy is kept, and a report
    reads both once more. A report without a step before it, or that is not finite, leaves the scale
    as it was.

    Parameters
    ----------
    beta : float in [0, 1)
        The most that the scale changes at one report, as a fraction.
    min_scale : float, 0 to 1
        The scale is not below it.
    max_scale : float >= 1
        The scale is not above it.

    Raises
    ------
    TypeError, ValueError
        From `update` without `grads`, or for gradients that do not fit the parameters.
    RuntimeError
        From `update` where the parameters are not known.

    Notes
    -----
    Range of use: a rate that is off by an order or two at the start of a run, with any optimizer
    (the step is measured, whatever rule made it). Not good for long noisy runs: near the noise
    floor the cosines average to zero or below and the rate drifts with them, and it is blind to
    what a lower rate would gain later, so it is no replacement for a decay: multiply by one.
    For plain SGD this is the multiplicative rule of the paper's section on it; the paper's main
    rule adds ``beta * g.g_before`` to the rate, and its `beta` has units. torch, Keras and optax
    have no counterpart.
    References: Almeida et al. 1998; Baydin, Cornish, Martinez Rubio, Schmidt & Wood 2018.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0])
    >>> opt = lrc.SGD(w, lr=1e-3, controller=lrc.Hypergradient(0.1))
    >>> for _ in range(11):
    ...     _ = opt.controller.update(w @ w / 2, grads=w)
    ...     _ = opt.step(w)
    >>> round(opt.controller.scale / 1.1**10, 12)  # ten steps, all in agreement
    1.0
    """

    beta: Decay = 0.02
    _: KW_ONLY
    min_scale: Fraction = 1e-3
    max_scale: Annotated[float, Range(float, 1)] = 1e3

    _letters: ClassVar[tuple[str, ...]] = ("x",)
    _State: ClassVar = ScaleState

    def _follow(self, state: ScaleState, value: float, grads: Any) -> tuple[bool, Change | None]:
        watched, gradients = self._point(grads)
        if not _finite(value, gradients):
            return False, None
        memory = self._room()
        scale = state.scale
        if memory.full:
            steps = _changes(watched.arrays, memory.letter("x", watched))
            scale *= 1.0 - self.beta * _cosine(_products(steps, gradients))
        scale = min(max(scale, self.min_scale), self.max_scale)
        return _assign(state, scale), memory.keeping(watched)


@dataclass(eq=False, repr=False)
class DistanceState(ScaleState):
    """Also the longest distance from the start, and the norm of all gradients together."""

    distance: NonNegative = 0.0
    norm: NonNegative = 0.0


@final
@with_settings
class DoG(Follower):
    """Distance over gradients: a rate without a rate to choose.

    ``scale = r / sqrt(G)`` with ``r``, the longest Euclidean distance from the first point so far
    (at least ``start * (1 + |x_first|)``), and ``G``, the sum of ``|g|**2`` of all reports. The
    rate is ``lr * scale``: with ``lr=1`` the paper's.

    Report the gradients of the point the next step starts from, before that step. The parameters
    come from the optimizer whose `controller` it is, or from `bind`; a copy of the first point is
    kept, and a report reads both once more. A report that is not finite leaves the scale as it was.

    Parameters
    ----------
    start : float > 0
        The first distance, over ``1 + |x_first|``. Too small costs some steps, since the distance
        grows geometrically at first; too large is what it avoids.

    Raises
    ------
    TypeError, ValueError
        From `update` without `grads`, or for gradients that do not fit the parameters.
    RuntimeError
        From `update` where the parameters are not known.

    Notes
    -----
    For `SGD` without momentum, full gradients or mini-batches, where no rate is known. The scale is
    as good as that of the best constant rate, up to logarithms, on convex losses whose gradients
    are bounded. It falls only as the sum of squares grows: the paper evaluates averages of the
    iterates, and with l2 or after a restart the first point is not a good origin. torch and Keras
    have no counterpart; optax has it as ``optax.contrib.dog``.
    Reference: Ivgi, Hinder & Carmon 2023, "DoG is SGD's best friend".

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([100.0])
    >>> opt = lrc.SGD(w, lr=1.0, controller=lrc.DoG())
    >>> for _ in range(200):
    ...     _ = opt.controller.update(w @ w / 2, grads=w)
    ...     _ = opt.step(w)
    >>> bool(abs(w[0]) < 1.0)
    True
    """

    start: Positive = 1e-6

    _letters: ClassVar[tuple[str, ...]] = ("x",)
    _State: ClassVar = DistanceState

    def _follow(self, state: DistanceState, value: float, grads: Any) -> tuple[bool, Change | None]:
        watched, gradients = self._point(grads)
        if not _finite(value, gradients):
            return False, None
        memory = self._room()
        if memory.full:
            change = Change(memory)
            moved = _changes(watched.arrays, memory.letter("x", watched))
            distance = max(state.distance, math.sqrt(_products(moved, gradients)[0]))
        else:
            change = memory.keeping(watched)
            distance = self.start * (1 + global_norm(list(watched.arrays)))
        norm = math.hypot(state.norm, global_norm(gradients))
        if norm == 0 or not (math.isfinite(distance) and math.isfinite(distance / norm)):
            return False, change
        state.distance, state.norm = distance, norm
        return _assign(state, distance / norm), change


def _finite(value: float, gradients: list[Array]) -> bool:
    return math.isfinite(value) and math.isfinite(global_norm(gradients))


def _changes(now: Iterable[Array], before: Iterable[Array]) -> Iterator[Array]:
    for a, b in zip(now, before, strict=True):
        yield np.subtract(a, b, dtype=np.float64)


def _products(a: Iterable[Array], b: Iterable[Array]) -> Products:
    """a.a, a.b and b.b of two vectors that are spread over many arrays."""
    total = [0.0, 0.0, 0.0]
    with np.errstate(all="ignore"):  # what is not finite then is not used
        for left, right in zip(a, b, strict=True):
            # C order, so that the sums have one order whatever the layout
            x, y = (np.asarray(each, np.float64, order="C") for each in (left, right))
            for i, (u, v) in enumerate(((x, x), (x, y), (y, y))):
                total[i] += float(np.sum(u * v))
    return total[0], total[1], total[2]


def _cosine(dots: Products) -> float:
    aa, ab, bb = dots
    lengths = math.sqrt(aa) * math.sqrt(bb)
    if not all(map(math.isfinite, dots)) or lengths == 0:
        return 0.0
    return ab / lengths


def _assign(state: ScaleState, scale: float) -> bool:
    changed = scale != state.scale
    state.scale = scale
    return changed
