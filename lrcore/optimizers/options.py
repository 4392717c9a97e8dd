"""The options that all optimizers have in common, and what of all options the core is handed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, TypedDict

from .. import threads
from .._core import Hyper, Rule
from ..checks import arguments
from ..checks.arrays import Array
from ..controllers.catalogue import Controller
from .hyperparameters import Scheduled, as_hyper

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


class Recipe(NamedTuple):
    """What some tensors of a group share: the rule and its hyperparameters, in one dtype."""

    rule: Rule
    dtype: int  # place in DTYPES
    group: int
    hyper: Mapping[str, Scheduled]
    l2: Scheduled

    def handed(self) -> tuple[Rule, int, int, list[Hyper], Hyper]:
        """The same as `Stepper._prepare` takes it."""
        hypers = [as_hyper(name, self.hyper[name]) for name in self.rule.hyper[1:]]
        return self.rule, self.dtype, self.group, hypers, as_hyper("l2", self.l2)


class Tensor(NamedTuple):
    """A parameter and its state; `axes` are in the order in which they lie in memory."""

    recipe: int
    parameter: Array
    state: list[Array]
    axes: tuple[int, ...]


class RuleChoice(NamedTuple):
    """A row of the rule list, its hyperparameters, and state that does not start at zero."""

    rule: str
    hyper: Mapping[str, Scheduled]
    fill: Mapping[str, float] = {}


class Plan(NamedTuple):
    """What an optimizer has decided on; `rates` has each group's, and the factor on it."""

    rates: list[tuple[Scheduled, float]]
    recipes: list[Recipe]
    tensors: list[Tensor]

    def copied(self) -> Plan:
        """One that can grow while this stays."""
        return Plan(list(self.rates), list(self.recipes), list(self.tensors))

    def handed(self) -> tuple[list[tuple[Hyper, float]], list[Any], list[Any]]:
        """The same as `Stepper._prepare` takes it."""
        rates = [(as_hyper("lr", value), scale) for value, scale in self.rates]
        return rates, [recipe.handed() for recipe in self.recipes], self.tensors


def check_common(me: str, common: Mapping[str, Any]) -> dict[str, Any]:
    """The options that all optimizers share, as `Stepper._prepare` takes them."""
    return {
        "clip_norm": _threshold(me, "clip_norm", common["clip_norm"]),
        "clip_value": _threshold(me, "clip_value", common["clip_value"]),
        "maximize": arguments.checked(me, "maximize", common["maximize"], bool),
        "nonfinite": arguments.checked(me, "nonfinite", common["nonfinite"], Policy),
        "controllers": _as_controllers(me, common["controller"]),
        "num_threads": threads.number_or_none(me, common["num_threads"]),
        "default_threads": threads.get_num_threads,
    }


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
