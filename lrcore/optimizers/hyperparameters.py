"""Hyperparameters: what the type of an argument accepts, and what of it the core is handed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NamedTuple,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np

from .._core import Hyper
from ..checks.arguments import Decay, NonNegative, Range, checked, range_of
from ..schedules.catalogue import Schedule

T = TypeVar("T")
Scheduled: TypeAlias = T | Callable[[int], float]  # a number or a schedule
Rate: TypeAlias = Scheduled[NonNegative]
Betas: TypeAlias = tuple[Scheduled[Decay], Scheduled[Decay]]
# At least 0; what is above stays so in float32: a zero gradient is not divided by what rounds to 0.
_APART: Final = "not to be rounded to 0"
Epsilon = Annotated[float, Range(float, 0), _APART]
Bound = Annotated[float, Range(float, 0, open="low"), _APART]


class Hyperparameter(NamedTuple):
    """An argument of a constructor, as its signature declares it."""

    name: str
    kinds: tuple[Any, ...]  # bool, bool or words, or a range of numbers; of several one for each
    scheduled: bool  # whether a schedule may stand for the number
    size: int  # of numbers, 0 for one that stands alone
    optional: bool  # whether None leaves it out

    @property
    def kind(self) -> Any:
        """What is accepted of the number, of several of the first."""
        return self.kinds[0]

    def kind_of(self, letter: str) -> Any:
        """What is accepted of the number that rules call so."""
        return self.kinds[self.letters.index(letter)]

    @property
    def letters(self) -> tuple[str, ...]:
        """What rules call it: of `betas` each by itself, beta1, beta2."""
        if not self.size:
            return (self.name,)
        return tuple(f"{self.name.removesuffix('s')}{i + 1}" for i in range(self.size))

    @property
    def forms(self) -> tuple[str, ...]:
        """Words in the place of a flag, for forms of what it switches on that have other state."""
        kinds = (part for part in get_args(self.kind) if get_origin(part) is Literal)
        return tuple(word for kind in kinds for word in get_args(kind))

    @property
    def choices(self) -> tuple[Any, ...]:
        """All that a flag may be; nothing for a number."""
        return (False, True, *self.forms) if self.kind is bool or self.forms else ()

    @property
    def whole(self) -> bool:
        """Whether it is a whole number."""
        return not self.choices and range_of(self.kind).kind is int

    def checked(self, owner: str, value: Any) -> dict[str, Any]:
        """The value in its range, by letter; values of a schedule are checked when used."""
        if not self.size:
            return {self.name: self._one(owner, self.name, value, self.kind)}
        if not isinstance(value, Sequence | np.ndarray) or len(value) != self.size:
            wanted = "a pair of" if self.size == 2 else f"{self.size}"
            raise TypeError(
                f"{owner}: {self.name} must be {wanted} numbers or schedules, got {value!r}"
            )
        return {
            letter: self._one(owner, f"{self.name}[{i}]", each, self.kinds[i])
            for i, (letter, each) in enumerate(zip(self.letters, value, strict=True))
        }

    def _one(self, owner: str, where: str, value: Any, kind: Any) -> Any:
        if (self.scheduled and callable(value)) or (self.optional and value is None):
            return value
        return checked(owner, where, value, kind)


@cache
def declared(constructor: Callable[..., None]) -> Mapping[str, Hyperparameter]:
    """The hyperparameters among the arguments of a constructor, by name."""
    kinds = get_type_hints(constructor, include_extras=True)
    others = ("params", "common", "return")
    return {name: _declared(name, kind) for name, kind in kinds.items() if name not in others}


def _declared(name: str, kind: Any) -> Hyperparameter:
    several = get_args(kind) if get_origin(kind) is tuple else ()
    each = [get_args(one) if get_origin(one) is Union else (one,) for one in several or (kind,)]
    scheduled = any(get_origin(part) is Callable for part in each[0])
    words = any(get_origin(part) is Literal for part in each[0])
    kinds = (kind,) if words else tuple(parts[0] for parts in each)
    return Hyperparameter(name, kinds, scheduled, len(several), type(None) in each[0])


def as_hyper(name: str, value: Scheduled[float], kind: Any = NonNegative) -> Hyper:
    """A checked hyperparameter as the core takes it, with what its later values are checked by."""
    numbers = range_of(kind) if kind is not bool else Range(float, 0)  # flags are numbers as well
    known = numbers.low == 0 and not numbers.open.startswith(("low", "both"))
    ends = numbers.high if numbers.open == "high" else math.nan
    return Hyper(
        name,
        value,
        lambda where, given: checked(where, name, given, kind),
        high=numbers.high if known else 0.0,
        narrow=0 if _APART in get_args(kind) else ends,
        pure=isinstance(value, Schedule) and value._is_pure,
    )
