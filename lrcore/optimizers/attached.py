"""The part of an optimizer that its roster and the compiled core share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from math import isnan
from types import MappingProxyType
from typing import Any, TypeVar, cast

from .. import _core
from .._core import Serial, Stepper
from ..controllers.controller import binding
from .gathering import cleared
from .hyperparameters import Rate
from .roster import Roster, Scalars

Method = TypeVar("Method", bound=Callable[..., Any])


def exclusive(method: Method) -> Method:
    """A method that runs while no step is under way, and no callback of one."""

    @wraps(method)
    def alone(self: Serial, *args: Any, **kwargs: Any) -> Any:
        return self._alone(lambda: method(self, *args, **kwargs))

    return cast(Method, alone)


def reading(method: Method) -> Method:
    """The same for one that reads the state, which `eval_params` does not change."""

    @wraps(method)
    def alone(self: Stepper, *args: Any, **kwargs: Any) -> Any:
        return self._alone(lambda: method(self, *args, **kwargs), reading=True)

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

    def _check_rate(self, what: str) -> None:
        if self._is_attached():
            self.roster.kind.check_rate(what)

    @property
    def scalars(self) -> dict[str, Scalars]:
        """Of each parameter the scalars that live from step to step, and the hyperparameters of its
        last update: none before the first."""
        return self._scalars()

    @between
    def _scalars(self) -> dict[str, Scalars]:
        roster = self.roster
        rules = [roster.recipes[i].rule for i in roster.used]
        applied = [{} if isnan(used["lr"]) else used for used in self._get_applied(rules)]
        known = zip(self._get_carried(rules), applied, strict=True)
        moving = dict(zip(roster.moving, known, strict=True))
        return {name: moving.get(name) or t.kept or ({}, {}) for name, t in roster.tensors.items()}

    def _bind(self, roster: Roster, known: Mapping[str, Scalars]) -> None:
        """Takes another roster, and tells the controllers its parameters."""
        before = self.roster.moving if known else ()
        shared = {key: value for name in before for key, value in known[name][0].items()}
        scalars = {**roster.fresh(), **known}
        for name, (carried, _) in scalars.items():  # those of the whole optimizer are one
            if roster.rule(name).shared:
                carried |= {key: shared[key] for key in roster.rule(name).kept if key in shared}
        roster = roster.settled(scalars)
        told = binding(roster.controllers, roster.watched, self._refusals)
        new = self._prepare(*roster.handed(scalars), keep_bound=known.keys() == scalars.keys())
        _core.commit([(self._cell, roster), *told], cleared(roster, self.pending), attach=new)

    def _follow_rate(self, rate: Rate) -> None:
        """Takes another rate before all scales, for the groups that have none of their own."""
        options = MappingProxyType({**self.roster.options, "lr": rate})
        roster = replace(self.roster, options=options)
        _core.commit([(self._cell, roster)], attach=self._prepare_rates(roster.rates()))
