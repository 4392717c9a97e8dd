"""The functions that formulas of schedules are written in, for floats and for arrays alike."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..checks.arguments import EXACT

Array = NDArray[np.float64]
Number = TypeVar("Number", float, Array)
Shape = Literal["linear", "cosine", "exp"]  # of a warm-up


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

    def rank(self, table: Sequence[float], x: Number, /) -> Number:
        """How many entries of a sorted table are at most x."""

    def each(self, function: Callable[[float], float], x: Number, /) -> Number:
        """`function` of each element, one by one."""

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

    rank = staticmethod(bisect_right)

    @staticmethod
    def each(function: Callable[[float], float], x: float, /) -> float:
        return function(x)

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


class _Arrays:
    sin = staticmethod(_core.each_sin)
    log1p = staticmethod(_core.each_log1p)
    exp = staticmethod(_core.each_exp)

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
    def rank(table: Sequence[float], x: Array, /) -> Array:
        return np.searchsorted(np.array(table, np.float64), x, side="right").astype(np.float64)

    @staticmethod
    def each(function: Callable[[float], float], x: Array, /) -> Array:
        return np.fromiter(map(function, x.data), np.float64, x.size)

    @staticmethod
    def times(x: Array | float, y: Array, /) -> Array:
        product = x * y
        product[np.isnan(product)] = 0.0
        return product

    @staticmethod
    def power(scale: Array | float, base: Array | float, n: Array | float, /) -> Array:
        return ARRAYS.times(scale, _core.each_power(base, n))

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


def between(a: float, b: float, w: Number, m: Maths[Number]) -> Number:
    """`a + (b - a) * w` for w from 0 to 1: exactly a at 0 and b at 1, and never outside."""
    if a > b:
        a, b, w = b, a, 1.0 - w
    span = b - a
    if a + span == b:
        return a + span * w
    return m.min(a + math.nextafter(span, math.inf) * w, b)


def half_cosine(x: Number, m: Maths[Number]) -> Number:
    """`(1 - cos(pi * x)) / 2` for x from 0 to 1, without the cancellation near 0."""
    root = m.sin(x * (math.pi / 2))
    return root * root


def first(reached: Callable[[int], bool]) -> int | None:
    """The first `t` at which a condition holds that, once true, stays true."""
    t = bisect_left(range(EXACT), True, key=reached)
    return t if t < EXACT else None


def moved(length: int | None, way: Callable[[int], int | None]) -> int | None:
    """Where `way` leads from a length; none stays none, and what never changes stays so."""
    return way(length) if length else length


def rise(top: float, start: float, x: Number, shape: Shape, m: Maths[Number]) -> Number:
    """From `start * top` at x = 0 to `top` at 1, in a line, along half a cosine or by factors."""
    if shape == "exp":
        return m.power(top, start, 1.0 - x)
    way = half_cosine(x, m) if shape == "cosine" else x
    return m.times(top, between(start, 1.0, way, m))
