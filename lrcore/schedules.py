"""Learning-rate schedules: pure functions of the update index, and the operators that combine them.

A schedule is called with `t`, the number of updates made so far: the first update uses `s(0)`.
An int gives a float, an array gives a float64 array of its shape, with the same bits. Past its end
a schedule holds its last value. There is no state: nothing is stepped, nothing is saved but `t`.

A new schedule is one class: fields whose types say what they accept, the formula in `_at`, `length`
and `example`.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import cache, partial
from itertools import accumulate, repeat
from numbers import Integral, Real
from operator import mul
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    NamedTuple,
    Protocol,
    Self,
    TypeVar,
    final,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Number = TypeVar("Number", float, Array)

EXACT: Final = 2**53  # every whole number up to here is a float64
QUARTER_TURN: Final = math.pi / 2


class Maths(Protocol[Number]):
    """The functions a formula is written in, once, for floats and for one-dimensional arrays alike.

    Besides these a formula uses `+ - * / // %`, which Python and NumPy compute to the same bit.
    NumPy's own `sin`, `exp` and `power` are another matter: their vector code rounds differently.
    """

    def sin(self, x: Number, /) -> Number:
        """Sine."""

    def log1p(self, x: Number, /) -> Number:
        """`log(1 + x)`."""

    def exp(self, x: Number, /) -> Number:
        """Exponential function; inf where it overflows."""

    def min(self, x: Number, y: Number | float, /) -> Number:
        """The lower of the two."""

    def max(self, x: Number, y: Number | float, /) -> Number:
        """The higher of the two."""

    def item(self, table: Sequence[float], index: Number, /) -> Number:
        """`table[index]`."""

    def times(self, x: Number | float, y: Number, /) -> Number:
        """`x * y`, where 0 times a value that has overflowed is 0."""

    def power(self, scale: Number | float, base: Number | float, n: Number | float, /) -> Number:
        """`scale * base**n`; at least one of `base` and `n` is no constant."""

    def split(
        self, x: Number, at: float, below: Callable[..., Number], beyond: Callable[..., Number], /
    ) -> Number:
        """`below` where `x < at`, else `beyond`; each sees its own elements only."""


class _Floats:
    sin = staticmethod(math.sin)
    log1p = staticmethod(math.log1p)

    @staticmethod
    def exp(x: float, /) -> float:
        try:
            return math.exp(x)
        except OverflowError:
            return math.inf

    # the built-in min and max take longer than the rest of a formula
    @staticmethod
    def min(x: float, y: float, /) -> float:
        if x < y:
            return x
        return y

    @staticmethod
    def max(x: float, y: float, /) -> float:
        if x > y:
            return x
        return y

    @staticmethod
    def item(table: Sequence[float], index: float, /) -> float:
        return table[int(index)]

    @staticmethod
    def times(x: float, y: float, /) -> float:
        return x * y if x and y else 0.0

    @staticmethod
    def power(scale: float, base: float, n: float, /) -> float:
        try:
            return scale * math.pow(base, n)
        except OverflowError:
            return math.inf if scale else 0.0

    @staticmethod
    def split(
        x: float, at: float, below: Callable[..., float], beyond: Callable[..., float], /
    ) -> float:
        return below(x, FLOATS) if x < at else beyond(x, FLOATS)


def _each(function: Callable[..., float], *columns: Array | float) -> Array:
    """`function` of the C library, element by element."""
    size = next(len(column) for column in columns if isinstance(column, np.ndarray))
    rows: list[Iterable[Any]] = [
        column.data if isinstance(column, np.ndarray) else repeat(column) for column in columns
    ]
    return np.fromiter(map(function, *rows), np.float64, size)


class _Arrays:
    @staticmethod
    def sin(x: Array, /) -> Array:
        return _each(math.sin, x)

    @staticmethod
    def log1p(x: Array, /) -> Array:
        return _each(math.log1p, x)

    @staticmethod
    def exp(x: Array, /) -> Array:
        try:
            return _each(math.exp, x)
        except OverflowError:
            return _each(FLOATS.exp, x)

    @staticmethod
    def min(x: Array, y: Array | float, /) -> Array:
        return np.minimum(x, y, dtype=np.float64)

    @staticmethod
    def max(x: Array, y: Array | float, /) -> Array:
        return np.maximum(x, y, dtype=np.float64)

    @staticmethod
    def item(table: Sequence[float], index: Array, /) -> Array:
        return np.array(table)[index.astype(np.intp)]

    @staticmethod
    def times(x: Array | float, y: Array, /) -> Array:
        product = x * y
        product[np.isnan(product)] = 0.0
        return product

    @staticmethod
    def power(scale: Array | float, base: Array | float, n: Array | float, /) -> Array:
        try:
            return scale * _each(math.pow, base, n)
        except OverflowError:
            return _each(FLOATS.power, scale, base, n)

    @staticmethod
    def split(
        x: Array, at: float, below: Callable[..., Array], beyond: Callable[..., Array], /
    ) -> Array:
        low = x < at
        high = ~low
        y = np.empty_like(x)
        y[low] = below(x[low], ARRAYS)
        y[high] = beyond(x[high], ARRAYS)
        return y


FLOATS: Final = _Floats()
ARRAYS: Final = _Arrays()


class Range(NamedTuple):
    """The finite numbers of one kind from `low` to `high`, without these two if `open`."""

    kind: type[int | float]
    low: float
    high: float = math.inf
    open: bool = False

    def accepts(self, x: Any) -> bool:
        """Whether a number lies in the range."""
        inside = self.low < x < self.high if self.open else self.low <= x <= self.high
        return bool(inside and abs(x) <= sys.float_info.max)

    def __str__(self) -> str:
        noun = "an integer" if self.kind is int else "a finite number"
        left, right = "(" if self.open else "[", ")" if self.open or self.high == math.inf else "]"
        return f"{noun} in {left}{self.low}, {self.high}{right}"


NonNegative = Annotated[float, Range(float, 0)]
Positive = Annotated[float, Range(float, 0, open=True)]
Finite = Annotated[float, Range(float, -math.inf, open=True)]
Count = Annotated[int, Range(int, 1, EXACT)]
Natural = Annotated[int, Range(int, 0, EXACT)]


def convert(value: Any, kind: Any) -> Any:
    """`value` as a type annotation wants it, or a TypeError or ValueError that states the want."""
    origin, options = get_origin(kind), get_args(kind)
    if isinstance(value, np.generic):
        value = value.item()
    if type(None) in options:
        return None if value is None else convert(value, options[0])
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError("a sequence")
        return tuple(convert(item, options[0]) for item in value)
    if origin is Literal:
        wanted = "one of " + ", ".join(map(repr, options))
        if not isinstance(value, str):
            raise TypeError(wanted)
        if value not in options:
            raise ValueError(wanted)
        return value
    if origin is Annotated:
        limits: Range = options[1]
        abstract: Any = Integral if limits.kind is int else Real
        if isinstance(value, bool) or not isinstance(value, abstract):
            raise TypeError(limits)
        if not limits.accepts(value):
            raise ValueError(limits)
        return limits.kind(value) + 0  # turns -0.0 into 0.0
    if not isinstance(value, kind):
        raise TypeError(f"a {kind.__name__}")
    return value


def check(owner: object, name: str, kind: Any) -> None:
    """Store an attribute as its type annotation wants it, or refuse it."""
    value = getattr(owner, name)
    try:
        object.__setattr__(owner, name, convert(value, kind))
    except (TypeError, ValueError) as wanted:
        message = f"{type(owner).__name__}: {name} must be {wanted}, got {value!r}"
        raise type(wanted)(message) from None


_types: Callable[[type], dict[str, Any]] = cache(partial(get_type_hints, include_extras=True))


def check_fields(owner: Any) -> None:
    """Hold the arguments of a dataclass against the types of its fields."""
    kinds = _types(type(owner))
    for f in fields(owner):
        if f.init:
            check(owner, f.name, kinds[f.name])


Shape = Literal["linear", "cosine", "exp"]


class Schedule(ABC):
    """A learning rate as a pure function of the update index `t` (0-based).

    Schedules are frozen, hashable, picklable and compared by value; `eval(repr(s)) == s`.

    >>> s = CosineAnnealing(0.1, steps=100).warmup(10)
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

        >>> Constant(1.0).warmup(4)(range(6))
        array([0.25, 0.5 , 0.75, 1.  , 1.  , 1.  ])
        >>> Constant(1.0).warmup(4, skip_zero=False)(range(6))
        array([0.  , 0.25, 0.5 , 0.75, 1.  , 1.  ])
        """
        return Warmup(self, steps, start=start, shape=shape, skip_zero=skip_zero)

    def then(self, other: Schedule, at: int | None = None) -> Schedule:
        """This schedule for `t < at`, then `other(t - at)`; without `at`, from `self.length` on.

        >>> Constant(0.1).then(Constant(0.2), at=2)(range(4))
        array([0.1, 0.1, 0.2, 0.2])
        """
        if at is None:
            at = self.length
            if not at:
                raise ValueError(f"Then: {self!r} has no end of its own, so at= must say when")
        return Then(self, other, at)

    def per_epoch(self, n: int, *, smooth: bool = False) -> Schedule:
        """This schedule in epochs of `n` updates: `self(t // n)`, or `self(t / n)` if `smooth`.

        >>> StepDecay(1.0, every=10).per_epoch(390)([0, 3899, 3900])
        array([1. , 1. , 0.1])
        """
        return PerEpoch(self, n, smooth=smooth)

    def clip(self, lo: float, hi: float) -> Schedule:
        """This schedule, never below `lo` nor above `hi` (0 <= lo <= hi).

        >>> ExponentialDecay(1.0, gamma=0.5).clip(0.1, 0.6)([0, 1, 9])
        array([0.6, 0.5, 0.1])
        """
        return Clip(self, lo, hi)

    def shift(self, n: int) -> Schedule:
        """This schedule `n` updates later: `self(max(t - n, 0))`; a negative `n` makes it earlier.

        >>> StepDecay(1.0, every=2).shift(3)(range(6))
        array([1. , 1. , 1. , 1. , 1. , 0.1])
        """
        return Shift(self, n)

    def stretch(self, k: float) -> Schedule:
        """This schedule, `k` times as long: `self(t / k)`, `k > 0`.

        >>> StepDecay(1.0, every=2).stretch(2)([0, 3, 4])
        array([1. , 1. , 0.1])
        """
        return Stretch(self, k)

    def minimum(self, other: Schedule) -> Schedule:
        """The lower of two schedules at each `t`.

        >>> Constant(0.5).minimum(ExponentialDecay(1.0, gamma=0.5))(range(4))
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


def _between(a: float, b: float, w: Number, m: Maths[Number]) -> Number:
    """`a + (b - a) * w` for w from 0 to 1: exactly a at 0 and b at 1, and never outside."""
    if a > b:
        a, b, w = b, a, 1.0 - w
    span = b - a
    if a + span == b:
        return a + span * w
    return m.min(a + math.nextafter(span, math.inf) * w, b)


def _first(reached: Callable[[int], bool]) -> int | None:
    """The first `t` at which a condition holds that, once true, stays true."""
    t = bisect_left(range(EXACT), True, key=reached)
    return t if t < EXACT else None


@final
@dataclass(frozen=True, slots=True, repr=False)
class Constant(Schedule):
    """The same rate always.

    Parameters
    ----------
    lr : float >= 0

    >>> Constant(0.1)(10**6)
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
        return _first(lambda t: self(t) == self.end)

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
        return _between(self.end, self.lr, w, m)

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
        return _between(self.low, self.high, w, m)

    def _length(self) -> int | None:
        return 0 if self.low == self.high else None

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr / 10, lr, up=max(steps // 8, 1))


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
        return m.times(top, _between(self.start, 1.0, x, m))

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
        return rest and _first(lambda t: t / self.k >= rest)


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


SCHEDULES: Final[dict[str, type[Schedule]]] = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, type)
    and issubclass(value, Schedule)
    and not issubclass(value, Combination)
    and value is not Schedule
}
