"""Schedules and the operators that combine them."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from functools import partial
from numbers import Real
from typing import Annotated, Any, ClassVar, Final, Literal, Self, final, overload

import numpy as np
from numpy.typing import NDArray

from .arguments import EXACT, Count, NonNegative, Positive, Range, check, check_fields
from .maths import ARRAYS, FLOATS, Array, Maths, Number, between

QUARTER_TURN: Final = math.pi / 2
Shape = Literal["linear", "cosine", "exp"]


class Schedule(ABC):
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
    __array_ufunc__: ClassVar[None] = None  # so that np.float64(2) * s is left to __rmul__
    _form: ClassVar[str] = ""  # how repr writes an operator
    _pure: ClassVar[bool] = False  # whether `_at` may be asked for any t at any time, for arrays

    def __init_subclass__(cls) -> None:
        # so do all of this package, but one that calls a function of the user's
        if "_pure" not in cls.__dict__:
            cls._pure = cls.__module__.partition(".")[0] == __package__

    def __post_init__(self) -> None:
        check_fields(self)

    @abstractmethod
    def _at(self, t: Number, m: Maths[Number]) -> Number:
        """The formula, for one `t` or for a one-dimensional array of them."""

    @abstractmethod
    def _length(self) -> int | None: ...

    @classmethod
    @abstractmethod
    def _example(cls, lr: float, steps: int) -> Self: ...

    @property
    def length(self) -> int | None:
        """The first `t` from which the value no longer changes; None if it always may.

        Of a combination it follows from the parts: at times later than the first, never earlier.
        """
        return self._length()

    @property
    def _is_pure(self) -> bool:
        """Whether an optimizer may compute values ahead."""
        if not self._pure:
            return False
        parts = (value for value in _arguments(self).values() if isinstance(value, Schedule))
        return all(part._is_pure for part in parts)

    @classmethod
    def example(cls, lr: float, steps: int) -> Self:
        """A sensible instance for a run of `steps` updates (at least 1) with peak rate `lr`."""
        return cls._example(lr, steps)

    @overload
    def __call__(self, t: float | np.integer[Any] | np.floating[Any]) -> float: ...
    @overload
    def __call__(self, t: NDArray[Any] | Sequence[Any]) -> Array: ...
    def __call__(self, t: Any) -> float | Array:
        """The rate of update `t`; `t` is at least 0, and exact up to 2**53."""
        if type(t) is int and 0 <= t <= EXACT:
            return self._at(t + 0.0, FLOATS)
        if isinstance(t, np.generic):
            t = t.item()
        if isinstance(t, int | float) and not isinstance(t, bool):
            if not 0 <= t <= sys.float_info.max:
                raise ValueError(f"{type(self).__name__}: t must be finite and >= 0, got {t!r}")
            return self._at(float(t), FLOATS)
        points = np.asarray(t)
        if points.dtype.kind not in "iuf":
            raise TypeError(f"{type(self).__name__}: t must be a number or an array, got {t!r}")
        flat = points.astype(np.float64).ravel()
        if not np.all((flat >= 0) & (flat < math.inf)):
            raise ValueError(f"{type(self).__name__}: every t must be finite and >= 0, got {t!r}")
        with np.errstate(all="ignore"):
            return self._at(flat, ARRAYS).reshape(points.shape)

    def __repr__(self) -> str:
        values = _arguments(self)
        options = [
            f"{f.name}={values[f.name]!r}"
            for f in fields(self)  # type: ignore[arg-type]
            if f.init and f"{{{f.name}}}" not in self._form and values[f.name] != f.default
        ]
        if not self._form:
            return f"{type(self).__name__}({', '.join(options)})"
        infix = Scaled | Product | Sum
        texts = {k: f"({v!r})" if isinstance(v, infix) else repr(v) for k, v in values.items()}
        return self._form.format(**texts, options="".join(f", {option}" for option in options))

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), **_arguments(self)), ()  # what is loaded is checked again

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


def _arguments(schedule: Any) -> dict[str, Any]:
    return {f.name: getattr(schedule, f.name) for f in fields(schedule) if f.init}


@final
@dataclass(frozen=True, slots=True, repr=False)
class Constant(Schedule):
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


def first(reached: Callable[[int], bool]) -> int | None:
    """The first `t` at which a condition holds that, once true, stays true."""
    t = bisect_left(range(EXACT), True, key=reached)
    return t if t < EXACT else None


@dataclass(frozen=True, slots=True, repr=False)
class Combination(Schedule):
    """What an operator makes of schedules: its arguments are described with the operator."""

    inner: Schedule

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        raise TypeError(f"{cls.__name__} is an operator: apply it to the example of a schedule")


@final
@dataclass(frozen=True, slots=True, repr=False)
class Warmup(Combination):
    """`inner.warmup(steps, start=start, shape=shape, skip_zero=skip_zero)`."""

    _form = "{inner}.warmup({steps}{options})"
    steps: Count
    _: KW_ONLY
    start: NonNegative = 0.0
    shape: Shape = "linear"
    skip_zero: bool = True

    def __post_init__(self) -> None:
        check_fields(self)
        if self.shape == "exp":
            check(self, "start", Positive)

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.split(t, self.steps, self._ramp, self._rest)

    def _ramp(self, t: Number, m: Maths[Number]) -> Number:
        top = self.inner._at(0.0, FLOATS)
        x = m.min((t + self.skip_zero) / self.steps, 1.0)
        if self.shape == "exp":
            return m.power(top, self.start, 1.0 - x)
        if self.shape == "cosine":
            root = m.sin(x * QUARTER_TURN)
            x = root * root
        return m.times(top, between(self.start, 1.0, x, m))

    def _rest(self, t: Number, m: Maths[Number]) -> Number:
        return self.inner._at(t - self.steps, m)

    def _length(self) -> int | None:
        rest = self.inner.length
        if rest != 0:
            return rest and self.steps + rest
        level = self.start == 1 or self.inner(0) == 0
        return 0 if level else self.steps - self.skip_zero


@final
@dataclass(frozen=True, slots=True, repr=False)
class Then(Combination):
    """`inner.then(other, at)`."""

    _form = "{inner}.then({other}, {at})"
    other: Schedule
    at: Count

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.split(t, self.at, self.inner._at, self._rest)

    def _rest(self, t: Number, m: Maths[Number]) -> Number:
        return self.other._at(t - self.at, m)

    def _length(self) -> int | None:
        rest = self.other.length
        return None if rest is None else self.at + rest


@final
@dataclass(frozen=True, slots=True, repr=False)
class PerEpoch(Combination):
    """`inner.per_epoch(n, smooth=smooth)`."""

    _form = "{inner}.per_epoch({n}{options})"
    n: Count
    _: KW_ONLY
    smooth: bool = False

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return self.inner._at(t / self.n if self.smooth else t // self.n, m)

    def _length(self) -> int | None:
        rest = self.inner.length
        return rest and rest * self.n


@final
@dataclass(frozen=True, slots=True, repr=False)
class Shift(Combination):
    """`inner.shift(n)`."""

    _form = "{inner}.shift({n})"
    n: Annotated[int, Range(int, -EXACT, EXACT)]

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return self.inner._at(m.max(t - self.n, 0.0), m)

    def _length(self) -> int | None:
        rest = self.inner.length
        return rest and max(rest + self.n, 0)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Stretch(Combination):
    """`inner.stretch(k)`."""

    _form = "{inner}.stretch({k})"
    k: Positive

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return self.inner._at(m.min(t / self.k, 2.0**53), m)

    def _length(self) -> int | None:
        rest = self.inner.length
        return rest and first(lambda t: t / self.k >= rest)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Clip(Combination):
    """`inner.clip(lo, hi)`."""

    _form = "{inner}.clip({lo}, {hi})"
    lo: NonNegative
    hi: NonNegative

    def __post_init__(self) -> None:
        check_fields(self)
        check(self, "hi", Annotated[float, Range(float, self.lo)])

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.min(m.max(self.inner._at(t, m), self.lo), self.hi)

    def _length(self) -> int | None:
        return 0 if self.lo == self.hi else self.inner.length


@final
@dataclass(frozen=True, slots=True, repr=False)
class Scaled(Combination):
    """`inner * factor`."""

    _form = "{inner} * {factor}"
    factor: NonNegative

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.times(self.factor, self.inner._at(t, m))

    def _length(self) -> int | None:
        return self.inner.length if self.factor else 0


@dataclass(frozen=True, slots=True, repr=False)
class Pair(Combination):
    """A combination of two schedules that run side by side."""

    other: Schedule

    def _length(self) -> int | None:
        a, b = self.inner.length, self.other.length
        return None if a is None or b is None else max(a, b)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Product(Pair):
    """`inner * other`."""

    _form = "{inner} * {other}"

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.times(self.inner._at(t, m), self.other._at(t, m))


@final
@dataclass(frozen=True, slots=True, repr=False)
class Sum(Pair):
    """`inner + other`."""

    _form = "{inner} + {other}"

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return self.inner._at(t, m) + self.other._at(t, m)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Minimum(Pair):
    """`inner.minimum(other)`."""

    _form = "{inner}.minimum({other})"

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.min(self.inner._at(t, m), self.other._at(t, m))
