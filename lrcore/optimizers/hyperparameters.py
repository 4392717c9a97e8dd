"""Hyperparameters: their ranges, their checks, and what of it the compiled core is handed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from .._core import Hyper
from ..checks.arguments import Decay, Fraction, NonNegative, checked, range_of
from ..schedules.catalogue import Schedule

Scheduled: TypeAlias = float | Callable[[int], float]  # a number or a schedule

# The float hyperparameters of all optimizers; any of these may also be a schedule.
SCHEDULABLE: Final[dict[str, Any]] = {
    "lr": NonNegative,
    "momentum": Decay,
    "dampening": Fraction,
    "rho": Decay,
    "beta1": Decay,
    "beta2": Decay,
    "eps": NonNegative,
    "eps_root": NonNegative,
    "l2": NonNegative,
    "weight_decay": NonNegative,
    "trust": NonNegative,
}
# Those that are used before the first update, and so cannot be schedules.
FIXED: Final[dict[str, Any]] = {"initial_accumulator_value": NonNegative}
_EPS: Final = ("eps", "eps_root")  # a zero gradient must not be divided by what rounds to zero
FLAGS: Final = frozenset(
    {"nesterov", "lr_in_momentum", "centered", "amsgrad", "eps_hat", "joint_norm"}
)
OPTIONAL: Final = frozenset({"trust"})  # None leaves it out


def number_or_schedule(owner: str, name: str, value: Any, hyper: str) -> Any:
    """A hyperparameter: a checked number, or a callable, whose values are checked when used."""
    return value if callable(value) else checked(owner, name, value, SCHEDULABLE[hyper])


def as_hyper(name: str, value: Scheduled) -> Hyper:
    """A checked hyperparameter as the core takes it, with what its later values are checked by."""
    kind = SCHEDULABLE.get(name, NonNegative)  # flags are numbers as well
    return Hyper(
        name,
        value,
        lambda where, given: checked(where, name, given, kind),
        high=range_of(kind).high,
        narrow=1 if kind is Decay else 0 if name in _EPS else math.nan,
        pure=isinstance(value, Schedule) and value._is_pure,
    )


def check_hyper(me: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a group, each in its range."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        if name == "betas":
            found |= _betas(me, value)
        elif name in FLAGS:
            found[name] = checked(me, name, value, bool)
        elif value is None and name in OPTIONAL:
            found[name] = None
        elif name in FIXED:
            found[name] = checked(me, name, value, FIXED[name])
        else:
            found[name] = number_or_schedule(me, name, value, name)
    return found


def _betas(owner: str, value: Any) -> dict[str, Scheduled]:
    if not isinstance(value, Sequence | np.ndarray) or len(value) != 2:
        raise TypeError(f"{owner}: betas must be a pair of numbers or schedules, got {value!r}")
    return {
        f"beta{i + 1}": number_or_schedule(owner, f"betas[{i}]", beta, f"beta{i + 1}")
        for i, beta in enumerate(value)
    }
