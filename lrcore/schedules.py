"""Learning-rate schedules: pure functions of the update index, and the operators that combine them.

A schedule is called with `t`, the number of updates made so far: the first update uses `s(0)`.
An int gives a float, an array gives a float64 array of its shape, with the same bits. Past its end
a schedule holds its last value. There is no state: nothing is stepped, nothing is saved but `t`.

A new schedule is one class: fields whose types say what they accept, the formula in `_at`, `length`
and `example`.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, field
from itertools import accumulate
from operator import mul
from typing import Annotated, Final, Literal, Self, final

from .algebra import QUARTER_TURN, Combination, first
from .algebra import Constant as Constant
from .algebra import Schedule as Schedule
from .arguments import Count, Finite, Natural, NonNegative, Positive, Range, check, check_fields
from .maths import Maths, Number, between


@final
@dataclass(frozen=True, slots=True, repr=False)
class StepDecay(Schedule):
    """`lr * factor**floor((t + offset) / every)`: the rate drops once in `every` updates.

    Parameters
    ----------
    lr : float >= 0
    every : int >= 1
        Updates between drops; the drop belongs to update `every` itself, as in torch and optax.
    factor : float > 0
        Each drop multiplies by it; above 1 the rate grows.
    offset : int >= 0
        Updates by which the first drop comes earlier.

    Notes
    -----
    torch's `StepLR(step_size=every, gamma=factor)`. Keras's `PiecewiseConstantDecay` gives update
    `every` the old value still. Wikipedia's step-based decay has `offset=1`: its first plateau is
    one update shorter.

    >>> StepDecay(1.0, every=10)([0, 9, 10, 20])
    array([1.  , 1.  , 0.1 , 0.01])
    """

    lr: NonNegative
    _: KW_ONLY
    every: Count
    factor: Positive = 0.1
    offset: Natural = 0

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.power(self.lr, self.factor, (t + self.offset) // self.every)

    def _length(self) -> int | None:
        return 0 if self.lr == 0 or self.factor == 1 else None

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr, every=max(steps // 3, 1))


@final
@dataclass(frozen=True, slots=True, repr=False)
class ExponentialDecay(Schedule):
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
    steps: Count = 1
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
@dataclass(frozen=True, slots=True, repr=False)
class TimeBasedDecay(Schedule):
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
@dataclass(frozen=True, slots=True, repr=False)
class InverseTimeDecay(Schedule):
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
    steps: Count = 1
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
@dataclass(frozen=True, slots=True, repr=False)
class CosineAnnealing(Schedule):
    """`end + (lr - end) * ((1 + cos(pi * min(t / steps, 1))) / 2)**exponent`.

    Parameters
    ----------
    lr : float >= 0
        The rate of update 0.
    steps : int >= 1
        The update from which the rate is `end`: it is held ever after.
    end : float >= 0
        May lie above `lr`.
    exponent : float > 0

    Notes
    -----
    torch's `CosineAnnealingLR(T_max=steps, eta_min=end)` climbs back to `lr` after `T_max`; optax's
    `cosine_decay_schedule` and Keras's `CosineDecay` hold, as here, but take `end / lr` as `alpha`.

    References
    ----------
    Loshchilov & Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts".

    >>> CosineAnnealing(1.0, steps=100, end=0.1)([0, 50, 100, 101])
    array([1.  , 0.55, 0.1 , 0.1 ])
    """

    lr: NonNegative
    steps: Count
    _: KW_ONLY
    end: NonNegative = 0.0
    exponent: Positive = 1.0

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        # (1 + cos(pi*x)) / 2 = sin(pi/2 * (1 - x))**2, which does not cancel near the end
        root = m.sin(m.max(self.steps - t, 0.0) / self.steps * QUARTER_TURN)
        w = root * root if self.exponent == 1.0 else m.power(1.0, root, 2.0 * self.exponent)
        return between(self.end, self.lr, w, m)

    def _length(self) -> int | None:
        return 0 if self.lr == self.end else self.steps

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr, steps)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Cyclical(Schedule):
    """From `low` to `high` in `up` updates, back in `down`, and again, at a height that may shrink.

    `low + (high - low) * triangle(t) * s`, where s is 1 ("triangular"), `2**-cycle` ("triangular2",
    cycle 0 first) or `gamma**t` ("exp_range").

    Parameters
    ----------
    low, high : float, 0 <= low <= high
    up : int >= 1
    down : int >= 1, optional
        As `up` if left out.
    mode : "triangular", "triangular2" or "exp_range"
    gamma : float > 0
        For "exp_range" alone; above 1 the peaks grow.

    Notes
    -----
    torch's `CyclicLR(low, high, up, down, mode, gamma)`, which cycles the momentum too unless told
    otherwise. thinc's `cyclic_triangular` is one update ahead. It has no end: nothing is held.

    References
    ----------
    Smith (2017), "Cyclical Learning Rates for Training Neural Networks".

    >>> Cyclical(0.0, 1.0, up=2, mode="triangular2")(range(9))
    array([0.  , 0.5 , 1.  , 0.5 , 0.  , 0.25, 0.5 , 0.25, 0.  ])
    """

    low: NonNegative
    high: NonNegative
    up: Count
    down: Count | None = None
    _: KW_ONLY
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    gamma: Positive = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
        check(self, "high", Annotated[float, Range(float, self.low)])

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        down = self.down or self.up
        period = self.up + down
        here = t % period
        w = m.min(here / self.up, (period - here) / down)
        if self.mode == "triangular2":
            w = m.power(w, 0.5, t // period)
        elif self.mode == "exp_range" and self.gamma <= 1.0:
            w = m.power(w, self.gamma, t)
        elif self.mode == "exp_range":
            return self.low + m.power((self.high - self.low) * w, self.gamma, t)
        return between(self.low, self.high, w, m)

    def _length(self) -> int | None:
        return 0 if self.low == self.high else None

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr / 10, lr, up=max(steps // 8, 1))


SCHEDULES: Final[dict[str, type[Schedule]]] = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, type)
    and issubclass(value, Schedule)
    and not issubclass(value, Combination)
    and value is not Schedule
}
