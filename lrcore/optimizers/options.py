"""The options of an optimizer: what all have in common, and the check of each hyperparameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, TypedDict

import numpy as np

from .. import threads
from ..checks import arguments
from ..controllers.catalogue import Controller

Scheduled: TypeAlias = float | Callable[[int], float]  # a number or a schedule
Policy: TypeAlias = Literal["raise", "skip", "allow"]


class Common(TypedDict, total=False):
    """The options of every optimizer.

    Parameters
    ----------
    maximize : bool, default False
        Ascend instead of descend.
    clip_norm : float, optional
        Multiply all gradients by ``min(1, clip_norm / norm)``, with their joint Euclidean norm
        summed in float64 in a fixed order. The arrays given are not changed.
    clip_value : float, optional
        Limit every element of the gradients to ``[-clip_value, clip_value]``, after `clip_norm`.
    nonfinite : {"raise", "skip", "allow"}, default "raise"
        With a NaN or an infinity among the gradients: raise `FloatingPointError` before anything
        changes, leave the update out (`step` returns False, `skipped` counts, `t` stays), or let it
        through (unclipped, if the norm is not finite).
    controller : Controller or sequence of Controller, optional
        Scale the rate by what was reported to them, such as `ReduceOnPlateau`; several multiply.
    num_threads : int, optional
        The most threads that a step may use; `lrcore.get_num_threads` by default. Steps of fewer
        than about 512k elements use one.
    """

    maximize: bool
    clip_norm: float | None
    clip_value: float | None
    nonfinite: Policy
    controller: Controller | Sequence[Controller] | None
    num_threads: int | None


DEFAULTS = Common(
    maximize=False,
    clip_norm=None,
    clip_value=None,
    nonfinite="raise",
    controller=None,
    num_threads=None,
)


class RuleChoice(NamedTuple):
    """A row of the rule list, its hyperparameters, and state that does not start at zero."""

    rule: str
    hyper: Mapping[str, Scheduled]
    fill: Mapping[str, float] = {}


class Plan(NamedTuple):
    """What `Stepper._prepare` takes."""

    rates: list[tuple[Scheduled, float]]
    rows: list[tuple[Any, ...]]
    tensors: list[tuple[Any, ...]]


def check_common(me: str, common: Mapping[str, Any]) -> dict[str, Any]:
    """The options that all optimizers share, as `Stepper._prepare` takes them."""
    return {
        "clip_norm": _threshold(me, "clip_norm", common["clip_norm"]),
        "clip_value": _threshold(me, "clip_value", common["clip_value"]),
        "maximize": arguments.checked(me, "maximize", common["maximize"], bool),
        "nonfinite": arguments.checked(me, "nonfinite", common["nonfinite"], Policy),
        "controllers": _as_controllers(me, common["controller"]),
        "num_threads": threads.number_or_none(me, common["num_threads"]),
    }


def check_hyper(me: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a group, each in its range."""
    checked: dict[str, Any] = {}
    for name, value in options.items():
        if name == "betas":
            checked |= _betas(me, value)
        elif name in arguments.FLAGS:
            checked[name] = arguments.checked(me, name, value, bool)
        elif name in arguments.FIXED:
            checked[name] = arguments.checked(me, name, value, arguments.FIXED[name])
        else:
            checked[name] = arguments.number_or_schedule(me, name, value, name)
    return checked


def _as_controllers(owner: str, given: Any) -> list[Controller]:
    if given is None:
        return []
    controllers = list(given) if isinstance(given, list | tuple) else [given]
    for item in controllers:
        if not isinstance(item, Controller):
            raise TypeError(f"{owner}: controller={item!r} is not a Controller")
        if sum(item is other for other in controllers) > 1:
            raise ValueError(f"{owner}: the same controller is given twice")
    return controllers


def _threshold(owner: str, name: str, value: Any) -> float:
    """A positive number; None means that there is no threshold."""
    limit = arguments.checked(owner, name, value, arguments.Positive | None)
    return math.inf if limit is None else float(limit)


def _betas(owner: str, value: Any) -> dict[str, Scheduled]:
    if not isinstance(value, Sequence | np.ndarray) or len(value) != 2:
        raise TypeError(f"{owner}: betas must be a pair of numbers or schedules, got {value!r}")
    return {
        f"beta{i + 1}": arguments.number_or_schedule(owner, f"betas[{i}]", beta, f"beta{i + 1}")
        for i, beta in enumerate(value)
    }
