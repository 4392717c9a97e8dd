"""Arguments: what is accepted, written as types, and the errors for what is not."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache, partial
from numbers import Integral, Real
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NamedTuple,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np

EXACT: Final = 2**53  # every whole number up to here is a float64


class Range(NamedTuple):
    """The finite numbers of one kind from `low` to `high`, without the ends that are `open`.

    `zero` says what to write where a number came out as 0, if that is not accepted.
    """

    kind: type[int | float]
    low: float
    high: float = math.inf
    open: Literal["", "low", "high", "both"] = ""
    zero: str = ""

    def accepts(self, x: Any) -> bool:
        """Whether a number lies in the range."""
        above = self.low < x if self.open in ("low", "both") else self.low <= x
        below = x < self.high if self.open in ("high", "both") else x <= self.high
        return bool(above and below and abs(x) <= sys.float_info.max)

    def __str__(self) -> str:
        noun = "an integer" if self.kind is int else "a finite number"
        left = "(" if self.open in ("low", "both") else "["
        right = ")" if self.open in ("high", "both") or self.high == math.inf else "]"
        return f"{noun} in {left}{self.low}, {self.high}{right}"


NonNegative = Annotated[float, Range(float, 0)]
_RANGED: Final = type(NonNegative)
Positive = Annotated[float, Range(float, 0, open="low")]
Decay = Annotated[float, Range(float, 0, 1, open="high")]
Shrinkage = Annotated[float, Range(float, 0, 1, open="both")]
Growth = Annotated[float, Range(float, 1, open="low")]
Fraction = Annotated[float, Range(float, 0, 1)]
Finite = Annotated[float, Range(float, -math.inf, open="both")]
Count = Annotated[int, Range(int, 1, EXACT)]
Natural = Annotated[int, Range(int, 0, EXACT)]
Offset = Annotated[int, Range(int, -EXACT, EXACT)]

# Counts that programs compute, so that they may come out as 0.
_CONSTANT: Final = "a run without this phase is Constant(lr), or Constant(lr).warmup(n)"
_ROUNDED_UP: Final = "an epoch has at least one update: round up, -(-rows // batch)"
_DROPPED: Final = "what drops at 0 is a lower rate from the start"
_AT_ONCE: Final = "1 acts at the first bad evaluation"
Length = Annotated[int, Range(int, 1, EXACT, zero=_CONSTANT)]
Unit = Annotated[int, Range(int, 1, EXACT, zero=_ROUNDED_UP)]
Place = Annotated[int, Range(int, 1, EXACT, zero=_DROPPED)]
Patience = Annotated[int, Range(int, 1, EXACT, zero=_AT_ONCE)]
Ramp = Annotated[int, Range(int, 1, EXACT, zero="without a ramp, leave .warmup out")]
Turn = Annotated[int, Range(int, 1, EXACT, zero="to begin with the second one, write it alone")]
Round = Annotated[int, Range(int, 1, EXACT, zero="without rounds, leave .repeat out")]
Factor = Annotated[float, Range(float, 0, open="low", zero="of no length, it is Constant(end)")]


def range_of(kind: Any) -> Range:
    """The range of one of these types."""
    limits: Range = kind.__metadata__[0]
    return limits


def convert(value: Any, kind: Any) -> Any:
    """`value` as a type annotation wants it, or a TypeError or ValueError that states the want."""
    if isinstance(value, np.generic):
        value = value.item()
    if type(kind) is _RANGED:
        return _in_range(value, range_of(kind))
    origin, options = get_origin(kind), get_args(kind)
    if type(None) in options:
        return None if value is None else convert(value, options[0])
    if origin is Union:
        return _either(value, options)
    if origin is tuple or origin is Sequence:
        return _sequence(value, options[0])
    if origin is Callable:
        if not callable(value):
            raise TypeError("callable")
        return value
    if origin is Literal:
        wanted = "one of " + ", ".join(map(repr, options))
        if not isinstance(value, str):
            raise TypeError(wanted)
        if value not in options:
            raise ValueError(wanted)
        return value
    if not isinstance(value, kind):
        raise TypeError(f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}")
    return value


def _either(value: Any, kinds: Sequence[Any]) -> Any:
    """The value as the first of these types that accepts it."""
    wants: list[tuple[type[Exception], str]] = []  # errors would hold on to this frame
    for kind in kinds:
        try:
            return convert(value, kind)
        except (TypeError, ValueError) as wanted:
            wants.append((type(wanted), str(wanted)))
    raise wants[-1][0](" or ".join(text for _, text in wants))


def _in_range(value: Any, limits: Range) -> int | float:
    if type(value) is not limits.kind:
        abstract: Any = Integral if limits.kind is int else Real
        if isinstance(value, bool) or not isinstance(value, abstract):
            raise TypeError(limits)
    if not limits.accepts(value):
        raise ValueError(limits)
    return limits.kind(value) + 0  # turns -0.0 into 0.0


def _sequence(value: Any, kind: Any) -> tuple[Any, ...]:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple | range):
        raise TypeError("a sequence")
    try:
        return tuple(convert(item, kind) for item in value)
    except (TypeError, ValueError) as wanted:
        raise type(wanted)(f"a sequence, each item {wanted}") from None


def checked(owner: str, name: str, value: Any, kind: Any) -> Any:
    """`value` as a type wants it, or an error that names the argument, the want and the value."""
    try:
        return convert(value, kind)
    except (TypeError, ValueError) as wanted:
        way = _at_zero(value, kind) or misplaced(value, name)
        message = f"{owner}: {name} must be {wanted}, got {value!r}{way and '; ' + way}"
        raise type(wanted)(message) from None


_PLACES: Final = {
    "Optimizer": "the optimizer takes the schedule, as lr=, or the controller, as controller=",
    "Schedule": "a schedule is given to the optimizer, as lr=",
    "Controller": "a controller is given to the optimizer, as controller=",
}


def misplaced(value: Any, name: str) -> str:
    """Where an optimizer, schedule or controller belongs that was given as `name`; else empty."""
    role = getattr(type(value), "_role", "")  # which the base class of each says
    fits = role in name.title() or (role == "Schedule" and name == "lr")
    return "" if fits else _PLACES.get(role, "")


def _at_zero(value: Any, kind: Any) -> str:
    """What to write in the place of a 0 that is refused."""
    origin, options = get_origin(kind), get_args(kind)
    if origin is Annotated:
        is_zero = isinstance(value, Real) and not isinstance(value, bool) and value == 0
        return range_of(kind).zero if is_zero else ""
    if origin is Sequence and isinstance(value, list | tuple | range):
        return next(filter(None, (_at_zero(item, options[0]) for item in value)), "")
    return _at_zero(value, options[0]) if type(None) in options else ""


def check(owner: object, name: str, kind: Any) -> None:
    """Store an attribute as its type annotation wants it, or refuse it."""
    value = checked(type(owner).__name__, name, getattr(owner, name), kind)
    object.__setattr__(owner, name, value)


_types: Callable[[type], dict[str, Any]] = cache(partial(get_type_hints, include_extras=True))


def check_fields(owner: Any) -> None:
    """Hold the arguments of a dataclass against the types of its fields."""
    kinds = _types(type(owner))
    for f in fields(owner):
        if f.init:
            check(owner, f.name, kinds[f.name])


def assign(owner: Any, name: str, value: Any) -> None:
    """Set an argument of a dataclass to a value that the type of its field accepts."""
    arguments = [f.name for f in fields(owner) if f.init]
    if name not in arguments:
        raise AttributeError(
            f"{type(owner).__name__}.{name} cannot be assigned; {', '.join(arguments)} can"
        )
    value = checked(type(owner).__name__, name, value, _types(type(owner))[name])
    object.__setattr__(owner, name, value)
