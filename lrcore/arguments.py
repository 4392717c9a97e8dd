"""Checks of numbers and flags, and the ranges of the hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple

import numpy as np


class Interval(NamedTuple):
    """The accepted values from `low` up to `high`, which belongs to them only if `closed`."""

    low: float
    high: float = math.inf
    closed: bool = False

    def __contains__(self, x: object) -> bool:
        if not isinstance(x, float):
            return False
        return self.low <= x < self.high or (self.closed and x == self.high)

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"a finite number, at least {self.low:g}"
        return f"in [{self.low:g}, {self.high:g}{']' if self.closed else ')'}"


RATE = Interval(0.0)
_DECAY = Interval(0.0, 1.0)

# Every float hyperparameter of every optimizer; any of these may also be a schedule.
SCHEDULABLE: dict[str, Interval] = {
    "lr": RATE,
    "momentum": _DECAY,
    "dampening": Interval(0.0, 1.0, closed=True),
    "rho": _DECAY,
    "beta1": _DECAY,
    "beta2": _DECAY,
    "eps": Interval(0.0),
    "eps_root": Interval(0.0),
    "l2": Interval(0.0),
    "weight_decay": Interval(0.0),
}
# Numbers that are used before the first update, and so cannot be schedules.
FIXED: dict[str, Interval] = {"initial_accumulator_value": Interval(0.0)}
FLAGS = frozenset({"nesterov", "lr_in_momentum", "centered", "amsgrad", "eps_hat"})


def number(owner: str, name: str, value: Any, accepted: Interval) -> float:
    """`value` as a float, or an error that names the argument and what is accepted."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{owner}: {name}={value!r} is not a number; accepted: {accepted}")
    x = float(value)
    if x not in accepted:
        raise ValueError(f"{owner}: {name}={value!r} is out of range; accepted: {accepted}")
    return x


def number_or_schedule(owner: str, name: str, value: Any) -> float | Callable[[int], float]:
    """A checked number, or a callable as it is: its values are checked when they are used."""
    if callable(value):
        return value  # type: ignore[no-any-return]
    return number(owner, name, value, SCHEDULABLE[name])


def flag(owner: str, name: str, value: Any) -> bool:
    """`value` as a bool, or an error that names the argument."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{owner}: {name}={value!r} is not True or False")
    return bool(value)


def optional_positive(owner: str, name: str, value: Any) -> float:
    """A threshold; None means that there is none, which is infinity."""
    if value is None:
        return math.inf
    x = number(owner, name, value, Interval(0.0, math.inf, closed=True))
    if x == 0.0:
        raise ValueError(f"{owner}: {name}={value!r} would stop every update; give more than 0")
    return x
