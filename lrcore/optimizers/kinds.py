"""A class of optimizers as data: its options, and the rule that they ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .._core import Hyper
from ..checks.arrays import Array
from ..checks.synonyms import synonym
from .groups import Group
from .hyperparameters import Hyperparameter, Scheduled, as_hyper
from .options import OF_GROUPS

# A parameter, its state, its carried scalars -> what should be evaluated in its place, if anything
Evaluated: TypeAlias = Callable[[Array, Mapping[str, Array], Mapping[str, float]], Array | None]


class RuleChoice(NamedTuple):
    """A row of the rule list, its hyperparameters, and state that does not start at zero.

    `copies` names state that starts as the parameter.
    """

    rule: str
    hyper: Mapping[str, Any]
    fill: Mapping[str, float] = {}
    copies: tuple[str, ...] = ()


class Kind(NamedTuple):
    """A class of optimizers: its name, options, and the rule that these (checked) ask for."""

    name: str
    options: Mapping[str, Hyperparameter]
    choose: Callable[[Mapping[str, Any]], RuleChoice]
    decay: str  # what to take where weight_decay is refused
    decoupled: str  # the class to name there
    evaluated: Evaluated | None  # what the rule knows to be better than the parameter

    def no_weight_decay(self) -> str:
        """Why weight_decay is refused, and what to write."""
        return (
            f"{self.name} has no weight_decay: {self.decay}, "
            f"or {self.decoupled}, whose decay is decoupled"
        )

    @property
    def follows_rates(self) -> bool:
        """Whether the rate acts at every update: that of schedules, scales and controllers."""
        return self.options["lr"].scheduled

    def check_rate(self, what: str) -> None:
        """Refuses what would change the rate of an optimizer that has none but at the start."""
        if not self.follows_rates:
            raise TypeError(
                f"{self.name}: {what} cannot act: lr is the first step of each element, which "
                'changes from then on by signs alone; steps are state[name]["step"]'
            )

    def plain(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The same with tuples in the place of lists and arrays."""
        several = {name for name, option in self.options.items() if option.size}
        return {
            name: tuple(x) if name in several and isinstance(x, list | np.ndarray) else x
            for name, x in given.items()
        }

    def checked(self, options: Mapping[str, Any], group: Group | None = None) -> dict[str, Any]:
        """The options of a group, each in its range, under the names that rules have for them."""
        given = group.overrides if group else {}
        overrides = {name: value for name, value in given.items() if name not in OF_GROUPS}
        unknown = [name for name in overrides if name not in options]
        if "weight_decay" in unknown:
            raise TypeError(self.no_weight_decay())
        if "accumulate" in unknown:
            raise TypeError(
                f"Group: accumulate is of the whole optimizer, whose t counts the updates of all "
                f"groups: give it to {self.name}"
            )
        if unknown:
            known = synonym(self.name, unknown[0], ["lr_scale", *OF_GROUPS, *options])
            raise TypeError(
                f"Group: {unknown[0]} is not a hyperparameter of {self.name}; "
                f"{known and known + '; '}accepted: {', '.join([*options, *OF_GROUPS])}"
            )
        if callable(overrides.get("lr", options["lr"])):
            self.check_rate("a schedule")
        if group and group.lr_scale != 1.0:
            self.check_rate("lr_scale")
        found: dict[str, Any] = {}
        for name, value in {**options, **overrides}.items():
            found |= self.options[name].checked(self.name, value)
        return found

    def hyper(self, letter: str, value: Scheduled[float]) -> Hyper:
        """A checked hyperparameter as the core takes it."""
        for option in self.options.values():
            if letter in option.letters:
                return as_hyper(letter, value, option.kind_of(letter))
        return as_hyper(letter, value)
