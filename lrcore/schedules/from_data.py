"""Schedules as plain data: dicts, lists, numbers and words, fit for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any, Final

from ..checks.suggestions import suggest
from ..checks.synonyms import synonym
from .algebra import OPERATORS
from .catalogue import SCHEDULES, Schedule
from .value import argument_fields
from .views import DEEPEST, NAME, OWN_CODE

CLASSES: Final[Mapping[str, type[Schedule]]] = {**SCHEDULES, **OPERATORS}


def schedule_from_dict(d: Mapping[str, Any]) -> Schedule:
    """The schedule that `Schedule.to_dict` described.

    Parameters
    ----------
    d : dict
        The name of a class under "schedule", and its arguments under their names. Schedules inside
        are such dicts again, to a depth of 100. Arguments that have a default may be left out.

    Raises
    ------
    TypeError
        For what is no dict, for an argument of a wrong type, and for a schedule that calls a
        function of yours.
    ValueError
        For an unknown schedule, an unknown or missing key, an argument out of its range, and too
        great a depth. Messages begin with the place: `d["inner"]["other"]`.

    >>> import lrcore as lrc
    >>> d = lrc.StepDecay(0.1, every=30).warmup(5).to_dict()
    >>> d["inner"]
    {'schedule': 'StepDecay', 'lr': 0.1, 'every': 30, 'factor': 0.1, 'offset': 0}
    >>> lrc.schedule_from_dict(d)
    StepDecay(lr=0.1, every=30).warmup(5)
    """
    return _build(d, "d", 0)


def _build(record: Any, place: str, depth: int) -> Schedule:
    if not isinstance(record, dict):
        raise TypeError(f"{place}: a schedule is a dict, got {record!r}")
    if depth > DEEPEST:
        raise ValueError(f"{place[:40]}...: more than {DEEPEST} schedules inside of one another")
    cls = _class_of(record, place)
    _check_keys(record, cls, place)
    given: dict[str, Any] = {}
    for key, argument in record.items():
        if isinstance(argument, dict):
            argument = _build(argument, f'{place}["{key}"]', depth + 1)
        if key != NAME:
            given[key] = argument
    try:
        return cls(**given)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{place}: {error}") from None


def _class_of(record: dict[Any, Any], place: str) -> type[Schedule]:
    if NAME not in record:
        raise ValueError(f'{place}: the key "{NAME}" with the name of a schedule is missing')
    name = record[NAME]
    if not isinstance(name, str):
        raise TypeError(f'{place}["{NAME}"] must be the name of a schedule, got {name!r}')
    if name not in CLASSES:
        raise ValueError(f"{place}: there is no schedule {name!r}; {suggest(name, CLASSES)}")
    cls = CLASSES[name]
    if not cls._pure:
        raise TypeError(f"{place}: {name} {OWN_CODE}")
    return cls


def _check_keys(record: dict[Any, Any], cls: type[Schedule], place: str) -> None:
    required = [f.name for f in argument_fields(cls) if f.default is MISSING]
    known = {f.name for f in argument_fields(cls)}
    for key in record.keys() - known - {NAME}:
        hint = "keys are words"
        if isinstance(key, str):
            hint = synonym(cls.__name__, key, sorted(known)) or suggest(key, sorted(known))
        raise ValueError(f"{place}: {cls.__name__} has no key {key!r}; {hint}")
    for key in required:
        if key not in record:
            raise ValueError(f"{place}: {cls.__name__} lacks the key {key!r}")
