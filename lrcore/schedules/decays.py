"""Schedules that fall for ever, and never end."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, field
from itertools import accumulate
from operator import mul
from typing import Final, Self, final

from ..checks.arguments import Finite, NonNegative, Positive, Unit, check_fields
from .algebra import Schedule
from .maths import Maths, Number, first
from .value import frozen


@final
@frozen
class ExponentialDecay(Schedule, pure=True):
    """`lr * gamma**x`, `lr * exp(-rate * x)` or `lr * 0.5**(x / half_life)`, with `x = t / steps`.

    Parameters
    ----------
    lr : float >= 0
    gamma, rate, half_life : float
        Exactly one. `gamma > 0`, above 1 the rate grows; any `rate`, below 0 the rate grows;
        `half_life > 0`.
    steps : int >= 1
        The unit of `x`, in updates: for instance the updates of an epoch.
    staircase : bool
        Round `x` down, so that the rate changes once in `steps` updates.
    end : float >= 0, optional
        A decaying rate never falls below `end`, a growing one never rises above it.

    Notes
    -----
    torch's `ExponentialLR(gamma)`, Keras's `ExponentialDecay(lr, steps, gamma, staircase)`, optax's
    `exponential_decay` (where a decay rate of 0 silently means a constant; here it is refused).

    >>> ExponentialDecay(1.0, gamma=0.9)([0, 1, 2])
    array([1.  , 0.9 , 0.81])
    >>> ExponentialDecay(1.0, half_life=100, end=0.1)([0, 100, 400])
    array([1. , 0.5, 0.1])
    """

    lr: NonNegative
    _: KW_ONLY
    gamma: Positive | None = None
    rate: Finite | None = None
    half_life: Positive | None = None
    steps: Unit = 1
    staircase: bool = False
    end: NonNegative | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        given = [n for n in ("gamma", "rate", "half_life") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(
                "ExponentialDecay: exactly one of gamma, rate and half_life must be given, "
                f"got {' and '.join(given) or 'none'}"
            )

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        x = t // self.steps if self.staircase else t / self.steps
        if self.gamma is not None:
            value = m.power(self.lr, self.gamma, x)
        elif self.rate is not None:
            value = m.times(self.lr, m.exp(-self.rate * x))
        elif self.half_life is not None:
            value = m.power(self.lr, 0.5, x / self.half_life)
        if self.end is None:
            return value
        return m.min(value, self.end) if self._grows else m.max(value, self.end)

    @property
    def _grows(self) -> bool:
        return (self.gamma or 0.0) > 1 or (self.rate or 0.0) < 0

    def _length(self) -> int | None:
        if self.lr == 0 or self.gamma == 1 or self.rate == 0:
            return 0
        if self.end is None or (self.end == 0 and not self._grows):
            return None
        return first(lambda t: self(t) == self.end)

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr, gamma=0.01, steps=steps)


_MULTIPLIED: Final = 64  # factors of TimeBasedDecay
_ATANH: Final = tuple(1 / k for k in range(25, 1, -2))


def _excess(u: Number, m: Maths[Number]) -> Number:
    """The integral of log1p from 0 to u: `(1+u)*log1p(u) - u`."""
    return (1.0 + u) * m.log1p(u) - u


def _small_excess(u: Number, m: Maths[Number]) -> Number:
    """The same for u < 1/2 without cancellation: log1p(u) = 2*atanh(w) in powers of w = u/(2+u)."""
    w = u / (2.0 + u)
    square = w * w
    series = 0.0 * w
    for coefficient in _ATANH:
        series = series * square + coefficient
    return 2.0 * square * (1.0 + (1.0 + w) * w * series) / (1.0 - w)


@final
@frozen
class TimeBasedDecay(Schedule, pure=True):
    """`lr[0] = lr`, `lr[n+1] = lr[n] / (1 + decay * n)`: that is `lr / prod(1 + decay * k, k < n)`.

    Parameters
    ----------
    lr : float >= 0
    decay : float >= 0

    Notes
    -----
    Wikipedia's time-based schedule. It falls faster than any exponential. What Keras and thinc do
    under this name is `InverseTimeDecay`: at `decay=0.1` update 7 has 0.59 of the first rate there,
    0.17 here. Between whole updates (`stretch`, `smooth`) the rate is that of the last one.

    Every value takes the same time: 64 factors are multiplied out, the logarithms of the others
    summed by the Euler-Maclaurin formula. It agrees with the recursion to about 1e-12 relative.

    >>> TimeBasedDecay(1.0, decay=0.5)([0, 1, 2, 3])
    array([1.        , 1.        , 0.66666667, 0.33333333])
    """

    lr: NonNegative
    decay: NonNegative
    _products: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_fields(self)
        factors = (1 + self.decay * k for k in range(_MULTIPLIED))
        object.__setattr__(self, "_products", tuple(accumulate(factors, mul, initial=1.0)))

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.split(t // 1.0, _MULTIPLIED, self._early, self._late)

    def _early(self, n: Number, m: Maths[Number]) -> Number:
        return self.lr / m.item(self._products, n)

    def _late(self, n: Number, m: Maths[Number]) -> Number:
        """`lr / (product of the first 64 factors) * exp(-sum(log1p(decay * k), 64 <= k < n))`."""
        # With c = 1/decay + 64 the term of k is log1p(64*decay) + log1p((k-64)/c).
        # The bounds keep 0 * inf out where decay is next to nothing or next to infinity.
        c = 1.0 / max(self.decay, 1e-300) + _MULTIPLIED
        first = math.log1p(min(self.decay * _MULTIPLIED, 1e300))
        more = n - _MULTIPLIED
        u = more / c
        total = c * m.split(u, 0.5, _small_excess, _excess) + more * first - 0.5 * m.log1p(u)
        p, q = 1.0 / c, 1.0 / (c + more)
        p2, q2 = p * p, q * q
        total = total + (q - p) / 12 - (q * q2 - p * p2) / 360 + (q * q2 * q2 - p * p2 * p2) / 1260
        return self.lr / self._products[-1] * m.exp(-total)

    def _length(self) -> int | None:
        return 0 if self.lr == 0 or self.decay == 0 else None

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr, decay=10 / steps**2)


@final
@frozen
class InverseTimeDecay(Schedule, pure=True):
    """`lr / (1 + rate * t / steps)`.

    Parameters
    ----------
    lr : float >= 0
    rate : float >= 0
    steps : int >= 1
        The unit of `t / steps`, in updates.
    staircase : bool
        Round `t / steps` down.

    Notes
    -----
    Keras's `InverseTimeDecay(lr, steps, rate, staircase)`, thinc's `decaying`, and the `decay`
    argument of old Keras optimizers. The first update has the full `lr`.

    >>> InverseTimeDecay(1.0, rate=1.0)([0, 1, 3])
    array([1.  , 0.5 , 0.25])
    """

    lr: NonNegative
    rate: NonNegative
    _: KW_ONLY
    steps: Unit = 1
    staircase: bool = False

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        x = t // self.steps if self.staircase else t / self.steps
        return self.lr / (1.0 + self.rate * x)

    def _length(self) -> int | None:
        return 0 if self.lr == 0 or self.rate == 0 else None

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr, rate=9.0, steps=steps)


@final
@frozen
class InverseScaling(Schedule, pure=True):
    """`lr / (t + 1)**power`.

    Parameters
    ----------
    lr : float >= 0
    power : float >= 0
        The default, 1/2, is that of online gradient descent for convex losses.

    Notes
    -----
    scikit-learn's `learning_rate="invscaling"` with `power_t=power`, but there `t` is not the
    number of updates: `SGDClassifier` and `MLPClassifier` count samples, and the latter changes the
    rate once an epoch only.

    References
    ----------
    Zinkevich (2003), "Online Convex Programming and Generalized Infinitesimal Gradient Ascent".

    >>> InverseScaling(1.0)([0, 3, 99])
    array([1. , 0.5, 0.1])
    """

    lr: NonNegative
    power: NonNegative = 0.5

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.power(self.lr, t + 1.0, -self.power)

    def _length(self) -> int | None:
        return 0 if self.lr == 0 or self.power == 0 else None

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr)
