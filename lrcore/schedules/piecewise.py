"""Schedules that look their values up: by whole periods, in tables, or from a function of yours."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, field
from itertools import pairwise
from typing import Self, final

from ..checks.arguments import (
    Length,
    Natural,
    NonNegative,
    Place,
    Positive,
    check_fields,
    checked,
)
from .algebra import Schedule
from .maths import Maths, Number
from .value import frozen


def _check_rising(owner: object, name: str) -> None:
    given: Sequence[int] = getattr(owner, name)
    if any(a >= b for a, b in pairwise(given)):
        raise ValueError(
            f"{type(owner).__name__}: {name} must be strictly increasing, got {given!r}"
        )


def _last_change(schedule: Schedule, times: Sequence[int]) -> int:
    """The last of some times at which the value differs from the one before, or 0."""
    return next((t for t in reversed(times) if schedule(t) != schedule(t - 1)), 0)


@final
@frozen
class StepDecay(Schedule, pure=True):
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
    every: Length
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
@frozen
class MultiStepDecay(Schedule, pure=True):
    """`lr * factor**k`, where k is the number of milestones that are at most t.

    Parameters
    ----------
    lr : float >= 0
    milestones : sequence of int >= 1
        Strictly increasing; a drop belongs to the update of the milestone itself.
    factor : float > 0
        Each drop multiplies by it; above 1 the rate grows.

    Notes
    -----
    torch's `MultiStepLR(milestones, gamma=factor)`, where a milestone may stand twice and drops
    twice then. timm's `MultiStepLRScheduler` drops one update earlier, and Keras's
    `PiecewiseConstantDecay` one update later.

    >>> MultiStepDecay(1.0, [10, 15])([0, 9, 10, 14, 15])
    array([1.  , 1.  , 0.1 , 0.1 , 0.01])
    """

    lr: NonNegative
    milestones: Sequence[Place]
    _: KW_ONLY
    factor: Positive = 0.1

    def __post_init__(self) -> None:
        check_fields(self)
        _check_rising(self, "milestones")

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.power(self.lr, self.factor, m.rank(self.milestones, t))

    def _length(self) -> int | None:
        return _last_change(self, self.milestones)

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        third = max(steps // 3, 1)
        return cls(lr, (third, 2 * third))


@final
@frozen
class PiecewiseConstant(Schedule, pure=True):
    """`values[k]`, where k is the number of boundaries that are at most t.

    Parameters
    ----------
    boundaries : sequence of int >= 1
        Strictly increasing; update `boundaries[k]` is the first to have `values[k + 1]`.
    values : sequence of float >= 0
        One more than the boundaries.

    Notes
    -----
    Keras's `PiecewiseConstantDecay` gives a boundary the old value still: take its boundaries plus
    1. optax's `piecewise_constant_schedule` has factors in place of values, and the boundaries as
    here.

    >>> PiecewiseConstant([2, 5], [1.0, 0.5, 0.1])(range(7))
    array([1. , 1. , 0.5, 0.5, 0.5, 0.1, 0.1])
    """

    boundaries: Sequence[Place]
    values: Sequence[NonNegative]

    def __post_init__(self) -> None:
        check_fields(self)
        _check_rising(self, "boundaries")
        wanted = len(self.boundaries) + 1
        if len(self.values) != wanted:
            raise ValueError(
                f"PiecewiseConstant: values must be {wanted} numbers, one more than the "
                f"boundaries, got {self.values!r}"
            )

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.item(self.values, m.rank(self.boundaries, t))

    def _length(self) -> int | None:
        return _last_change(self, self.boundaries)

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        third = max(steps // 3, 1)
        return cls((third, 2 * third), (lr, lr / 3, lr / 10))


@final
@frozen
class Interp(Schedule, pure=True):
    """Along straight lines through the points `(steps[k], values[k])`.

    Before the first point the rate is `values[0]`, from the last one on `values[-1]`.

    Parameters
    ----------
    steps : sequence of int >= 0
        Strictly increasing, at least one.
    values : sequence of float >= 0
        As many.

    Notes
    -----
    `numpy.interp(t, steps, values)`, and optax's `piecewise_interpolate_schedule("linear", ...)`,
    which has factors in place of values. The points themselves are met exactly.

    >>> Interp([0, 4, 8], [0.0, 1.0, 0.5])(range(10))
    array([0.   , 0.25 , 0.5  , 0.75 , 1.   , 0.875, 0.75 , 0.625, 0.5  ,
           0.5  ])
    """

    steps: Sequence[Natural]
    values: Sequence[NonNegative]
    # of each line: when it begins, where, how far it goes, in how many updates
    _lines: tuple[tuple[float, ...], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_fields(self)
        _check_rising(self, "steps")
        if not self.steps:
            raise ValueError("Interp: steps must be at least one integer, got ()")
        if len(self.values) != len(self.steps):
            raise ValueError(
                f"Interp: values must be {len(self.steps)} numbers, as many as the steps, "
                f"got {self.values!r}"
            )
        lines = [(0.0, self.values[0], 0.0, 1.0)]
        ends = pairwise(zip(self.steps, self.values, strict=True))
        lines += [(float(t), v, after - v, float(then - t)) for (t, v), (then, after) in ends]
        lines.append((0.0, self.values[-1], 0.0, 1.0))
        object.__setattr__(self, "_lines", tuple(zip(*lines, strict=True)))

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        line = m.rank(self.steps, t)
        begin, value, rise, length = self._lines
        x = (t - m.item(begin, line)) / m.item(length, line)
        return m.item(value, line) + m.item(rise, line) * x

    def _length(self) -> int | None:
        level = self.values[-1]
        changes = (t for t, v in zip(self.steps[1:], self.values, strict=False) if v != level)
        return max(changes, default=0)

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        top = max(steps // 10, 1)
        return cls((0, top, top + steps), (lr / 10, lr, lr / 100))


@final
@frozen
class Lambda(Schedule):
    """`fn(t)`: a function of yours, to be combined with other schedules.

    Parameters
    ----------
    fn : callable, int -> float
        It is called with a Python int, never for a later t than the one that is asked for, but
        perhaps more than once for one; between whole updates (`stretch`, `smooth`) the rate is that
        of the last one. Each value must be a finite number of at least 0, or the call is a
        TypeError or ValueError. It should depend on t alone.
    name : str, optional
        What to call it.

    Notes
    -----
    An optimizer takes the function without a `Lambda` too. Two are equal if function and name are.
    It can be pickled if the function can: one that is defined in a module, not a `lambda`. torch's
    `LambdaLR` multiplies the rate by its function, and drops a `lambda` from its `state_dict`
    without a word.

    >>> Lambda(lambda t: 1 / (1 + t)).warmup(2)(range(4))
    array([0.5, 1. , 1. , 0.5])
    """

    fn: Callable[[int], float]
    name: str | None = None

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.each(self._value, t)

    def _value(self, t: float) -> float:
        value = self.fn(int(t))
        if type(value) is float and 0.0 <= value < math.inf:
            return value + 0.0  # turns -0.0 into 0.0
        number: float = checked(repr(self), f"the value at update {int(t)}", value, NonNegative)
        return number

    def __repr__(self) -> str:
        fn = getattr(self.fn, "__qualname__", None) or repr(self.fn)
        return f"Lambda(fn={fn})" if self.name is None else f"Lambda(fn={fn}, name={self.name!r})"

    def _length(self) -> int | None:
        return None

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(StepDecay.example(lr, steps))
