"""The part of an optimizer that its roster and the compiled core share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from types import MappingProxyType
from typing import Any, TypeVar, cast

from .. import _core
from .._core import Rule, Serial, Stepper
from ..controllers.controller import binding
from .hyperparameters import Rate
from .roster import Roster

Method = TypeVar("Method", bound=Callable[..., Any])


def exclusive(method: Method) -> Method:
    """A method that runs while no step is under way, and no callback of one."""

    @wraps(method)
    def alone(self: Serial, *args: Any, **kwargs: Any) -> Any:
        return self._alone(lambda: method(self, *args, **kwargs))

    return cast(Method, alone)


def between(method: Method) -> Method:
    """A method that runs while no step is under way in another thread."""

    @wraps(method)
    def waiting(self: Serial, *args: Any, **kwargs: Any) -> Any:
        return self._between(lambda: method(self, *args, **kwargs))

    return cast(Method, waiting)


class Attached(Stepper):
    """The abstract part of an optimizer that holds its roster."""

    @property
    def roster(self) -> Roster:
        """What the optimizer was given and made of it, as one record; to be read."""
        roster: Roster = self._cell.value
        return roster

    @property
    def _rules(self) -> list[Rule]:
        return [recipe.rule for recipe in self.roster.recipes]

    def carried(self) -> dict[str, dict[str, float]]:
        """The scalars that live from step to step, of each parameter."""
        return dict(zip(self.roster.tensors, self._get_carried(self._rules), strict=True))

    def _bind(self, roster: Roster) -> None:
        """Takes another roster, and tells the controllers its parameters."""
        told = binding(roster.controllers, roster.watched, self._refusals)
        _core.commit([(self._cell, roster), *told], attach=self._prepare(*roster.handed()))

    def _follow_rate(self, rate: Rate) -> None:
        """Takes another rate before all scales, for the groups that have none of their own."""
        options = MappingProxyType({**self.roster.options, "lr": rate})
        roster = replace(self.roster, options=options)
        _core.commit([(self._cell, roster)], attach=self._prepare_rates(roster.rates()))
