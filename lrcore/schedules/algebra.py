"""Schedules and the operators that combine them."""

from __future__ import annotations

from dataclasses import KW_ONLY
from numbers import Real
from typing import Annotated, ClassVar, Final, Self, final

from ..checks.arguments import Factor, NonNegative, Offset, Positive, Ramp, Range, Round, Turn, Unit
from ..checks.catalogues import named
from .maths import FLOATS, Maths, Number, Shape, first, moved, rise
from .value import frozen
from .views import Viewable


class Schedule(Viewable):
    """A learning rate as a pure function of the update index `t` (0-based).

    Schedules are frozen, hashable, picklable and compared by value; `eval(repr(s)) == s`.

    >>> import lrcore as lrc
    >>> s = lrc.CosineAnnealing(0.1, steps=100).warmup(10)
    >>> s
    CosineAnnealing(lr=0.1, steps=100).warmup(10)
    >>> s(0), s(9), s(110)
    (0.010000000000000002, 0.1, 0.0)
    >>> s([0, 9, 110])
    array([0.01, 0.1 , 0.  ])
    """

    __slots__ = ()
    _role: ClassVar = "Schedule"
    __array_ufunc__: ClassVar[None] = None  # so that np.float64(2) * s is left to __rmul__

    def warmup(
        self, steps: int, *, start: float = 0.0, shape: Shape = "linear", skip_zero: bool = True
    ) -> Schedule:
        """This schedule, delayed by a ramp of `steps` updates from `start * self(0)` to `self(0)`.

        Parameters
        ----------
        steps : int >= 1
            Length of the ramp in updates. It is put in front: the schedule keeps its own length.
        start : float >= 0
            The fraction of `self(0)` where the ramp begins; above 0 for shape "exp".
        shape : "linear", "cosine" or "exp"
            `start*(1-x) + x`, the same with `x` replaced by `(1-cos(pi*x))/2`, or `start**(1-x)`.
        skip_zero : bool
            `x = (t+1)/steps` if True: no update is spent on a rate of zero, and the ramp is up at
            update `steps-1`. `x = t/steps` if False, as Hugging Face and optax have it.

        >>> import lrcore as lrc
        >>> lrc.Constant(1.0).warmup(4)(range(6))
        array([0.25, 0.5 , 0.75, 1.  , 1.  , 1.  ])
        >>> lrc.Constant(1.0).warmup(4, skip_zero=False)(range(6))
        array([0.  , 0.25, 0.5 , 0.75, 1.  , 1.  ])
        """
        return Warmup(self, steps, start=start, shape=shape, skip_zero=skip_zero)

    def then(self, other: Schedule, at: int | None = None) -> Schedule:
        """This schedule for `t < at`, then `other(t - at)`; without `at`, from `self.length` on.

        >>> import lrcore as lrc
        >>> lrc.Constant(0.1).then(lrc.Constant(0.2), at=2)(range(4))
        array([0.1, 0.1, 0.2, 0.2])
        """
        if at is None:
            at = self.length
            if not at:
                raise ValueError(f"Then: {self!r} has no end of its own, so at= must say when")
        return Then(self, other, at)

    def per_epoch(self, n: int, *, smooth: bool = False) -> Schedule:
        """This schedule in epochs of `n` updates: `self(t // n)`, or `self(t / n)` if `smooth`.

        >>> import lrcore as lrc
        >>> lrc.StepDecay(1.0, every=10).per_epoch(390)([0, 3899, 3900])
        array([1. , 1. , 0.1])
        """
        return PerEpoch(self, n, smooth=smooth)

    def clip(self, lo: float, hi: float) -> Schedule:
        """This schedule, never below `lo` nor above `hi` (0 <= lo <= hi).

        >>> import lrcore as lrc
        >>> lrc.ExponentialDecay(1.0, gamma=0.5).clip(0.1, 0.6)([0, 1, 9])
        array([0.6, 0.5, 0.1])
        """
        return Clip(self, lo, hi)

    def shift(self, n: int) -> Schedule:
        """This schedule `n` updates later: `self(max(t - n, 0))`; a negative `n` makes it earlier.

        >>> import lrcore as lrc
        >>> lrc.StepDecay(1.0, every=2).shift(3)(range(6))
        array([1. , 1. , 1. , 1. , 1. , 0.1])
        """
        return Shift(self, n)

    def stretch(self, k: float) -> Schedule:
        """This schedule, `k` times as long: `self(t / k)`, `k > 0`.

        >>> import lrcore as lrc
        >>> lrc.StepDecay(1.0, every=2).stretch(2)([0, 3, 4])
        array([1. , 1. , 0.1])
        """
        return Stretch(self, k)

    def repeat(self, period: int, *, decay: float = 1.0) -> Schedule:
        """The first `period` updates of this schedule, again and again.

        `self(t % period) * decay**(t // period)`: each round is `decay` times as high as the last.
        torch's `CosineAnnealingWarmRestarts(T_0=n)` is `CosineAnnealing(lr, n).repeat(n)`.

        Parameters
        ----------
        period : int >= 1
            Updates in a round; what the schedule does from there on is never seen.
        decay : float > 0
            Above 1 the rounds grow.

        >>> import lrcore as lrc
        >>> lrc.ExponentialDecay(1.0, gamma=0.5).repeat(3, decay=0.1)(range(6))
        array([1.   , 0.5  , 0.25 , 0.1  , 0.05 , 0.025])
        """
        return Repeat(self, period, decay=decay)

    def minimum(self, other: Schedule) -> Schedule:
        """The lower of two schedules at each `t`.

        >>> import lrcore as lrc
        >>> lrc.Constant(0.5).minimum(lrc.ExponentialDecay(1.0, gamma=0.5))(range(4))
        array([0.5  , 0.5  , 0.25 , 0.125])
        """
        return Minimum(self, other)

    def __mul__(self, other: Schedule | float) -> Schedule:
        if isinstance(other, Schedule):
            return Product(self, other)
        if isinstance(other, Real):
            return Scaled(self, other)
        return NotImplemented

    __rmul__ = __mul__

    def __add__(self, other: Schedule | float) -> Schedule:
        if isinstance(other, Schedule):
            return Sum(self, other)
        if isinstance(other, Real):
            return Sum(self, Constant(other))
        return NotImplemented

    __radd__ = __add__


@final
@frozen
class Constant(Schedule, pure=True):
    """The same rate always.

    Parameters
    ----------
    lr : float >= 0

    >>> import lrcore as lrc
    >>> lrc.Constant(0.1)(10**6)
    0.1
    """

    lr: NonNegative

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return self.lr + 0.0 * t

    def _length(self) -> int | None:
        return 0

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr)


@frozen
class Combination(Schedule):
    """What an operator makes of schedules: its arguments are described with the operator."""

    inner: Schedule

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        raise TypeError(f"{cls.__name__} is an operator: apply it to the example of a schedule")


@final
@frozen
class Warmup(Combination, pure=True):
    """`inner.warmup(steps, start=start, shape=shape, skip_zero=skip_zero)`."""

    _form = "{inner}.warmup({steps}{options})"
    steps: Ramp
    _: KW_ONLY
    start: NonNegative = 0.0
    shape: Shape = "linear"
    skip_zero: bool = True

    def __post_init__(self) -> None:
        Combination.__post_init__(self)
        if self.shape == "exp":
            self._check("start", Positive)

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.split(t, self.steps, self._ramp, self._rest)

    def _ramp(self, t: Number, m: Maths[Number]) -> Number:
        top = self.inner._at(0.0, FLOATS)
        x = m.min((t + self.skip_zero) / self.steps, 1.0)
        return rise(top, self.start, x, self.shape, m)

    def _rest(self, t: Number, m: Maths[Number]) -> Number:
        return self.inner._at(t - self.steps, m)

    def _length(self) -> int | None:
        rest = self.inner.length
        if rest != 0:
            return None if rest is None else self.steps + rest
        level = self.start == 1 or self.inner(0) == 0
        return 0 if level else self.steps - self.skip_zero


@final
@frozen
class Then(Combination, pure=True):
    """`inner.then(other, at)`."""

    _form = "{inner}.then({other}, {at})"
    other: Schedule
    at: Turn

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.split(t, self.at, self.inner._at, self._rest)

    def _rest(self, t: Number, m: Maths[Number]) -> Number:
        return self.other._at(t - self.at, m)

    def _length(self) -> int | None:
        rest = self.other.length
        return None if rest is None else self.at + rest


@final
@frozen
class PerEpoch(Combination, pure=True):
    """`inner.per_epoch(n, smooth=smooth)`."""

    _form = "{inner}.per_epoch({n}{options})"
    n: Unit
    _: KW_ONLY
    smooth: bool = False

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return self.inner._at(t / self.n if self.smooth else t // self.n, m)

    def _length(self) -> int | None:
        return moved(self.inner.length, lambda end: end * self.n)


@final
@frozen
class Shift(Combination, pure=True):
    """`inner.shift(n)`."""

    _form = "{inner}.shift({n})"
    n: Offset

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return self.inner._at(m.max(t - self.n, 0.0), m)

    def _length(self) -> int | None:
        return moved(self.inner.length, lambda end: max(end + self.n, 0))


@final
@frozen
class Stretch(Combination, pure=True):
    """`inner.stretch(k)`."""

    _form = "{inner}.stretch({k})"
    k: Factor

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return self.inner._at(m.min(t / self.k, 2.0**53), m)

    def _length(self) -> int | None:
        return moved(self.inner.length, lambda end: first(lambda t: t / self.k >= end))


@final
@frozen
class Repeat(Combination, pure=True):
    """`inner.repeat(period, decay=decay)`."""

    _form = "{inner}.repeat({period}{options})"
    period: Round
    _: KW_ONLY
    decay: Positive = 1.0

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        here = self.inner._at(t % self.period, m)
        return m.times(here, m.power(1.0, self.decay, t // self.period))

    def _length(self) -> int | None:
        level = self.inner.length == 0 and (self.decay == 1 or self.inner(0) == 0)
        return 0 if level else None


@final
@frozen
class Clip(Combination, pure=True):
    """`inner.clip(lo, hi)`."""

    _form = "{inner}.clip({lo}, {hi})"
    lo: NonNegative
    hi: NonNegative

    def __post_init__(self) -> None:
        Combination.__post_init__(self)
        self._check("hi", Annotated[float, Range(float, self.lo)])

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.min(m.max(self.inner._at(t, m), self.lo), self.hi)

    def _length(self) -> int | None:
        return 0 if self.lo == self.hi else self.inner.length


@final
@frozen
class Scaled(Combination, pure=True):
    """`inner * factor`."""

    _form = "{inner} * {factor}"
    _infix = True
    factor: NonNegative

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.times(self.factor, self.inner._at(t, m))

    def _length(self) -> int | None:
        return self.inner.length if self.factor else 0


@frozen
class Pair(Combination):
    """A combination of two schedules that run side by side."""

    other: Schedule

    def _length(self) -> int | None:
        a, b = self.inner.length, self.other.length
        return None if a is None or b is None else max(a, b)


@final
@frozen
class Product(Pair, pure=True):
    """`inner * other`."""

    _form = "{inner} * {other}"
    _infix = True

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.times(self.inner._at(t, m), self.other._at(t, m))


@final
@frozen
class Sum(Pair, pure=True):
    """`inner + other`."""

    _form = "{inner} + {other}"
    _infix = True

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return self.inner._at(t, m) + self.other._at(t, m)


@final
@frozen
class Minimum(Pair, pure=True):
    """`inner.minimum(other)`."""

    _form = "{inner}.minimum({other})"

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.min(self.inner._at(t, m), self.other._at(t, m))


OPERATORS: Final = named(
    Warmup, Then, PerEpoch, Shift, Stretch, Repeat, Clip, Scaled, Product, Sum, Minimum
)
