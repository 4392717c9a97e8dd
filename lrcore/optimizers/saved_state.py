"""A saved state: read once into a typed record, or refused with all that is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from .._core import Rule
from ..checks.arguments import Fraction, Natural, NonNegative, convert
from . import options_as_data

FORMAT: Final = 2
_NUMBERS: Final[Mapping[str, Any]] = {
    "format": Natural,
    "t": Natural,
    "skipped": Natural,
    "lr_scale": NonNegative,
}
# Every entry with its type; numbers are looked at more closely.
_FIRST: Final[Mapping[str, Any]] = {
    **dict.fromkeys([*_NUMBERS, "last_lr"]),
    "optimizer": str,
    "hyperparameters": Mapping,
    "carried": Mapping,
    "state": Mapping,
    "controllers": list | tuple,
}
_ENTRIES: Final[Mapping[int, Mapping[str, Any]]] = {1: _FIRST, 2: {**_FIRST, "places": Mapping}}
_CONTROLLER: Final = ("class", "settings", "state")


class Place(NamedTuple):
    """Where a parameter stood: the number of its group, and its path within it."""

    group: int
    path: str

    @property
    def names(self) -> tuple[str, str]:
        """The names that an optimizer gives of itself, without groups and with them."""
        return self.path, f"{self.group}.{self.path}"


class SavedParameter(NamedTuple):
    """What was saved of one parameter. The arrays have not been looked at."""

    carried: Mapping[str, Any]
    state: Mapping[str, Any]
    place: Place | None  # not known in format 1


class SavedController(NamedTuple):
    """What was saved of one controller. The state is checked by the controller that takes it."""

    kind: str | None  # the class; not known in format 1
    settings: Mapping[str, Any]
    state: Mapping[str, Any]


@dataclass(frozen=True)
class SavedState:
    """All that `Optimizer.state_dict` gave."""

    optimizer: str
    t: int
    skipped: int
    last_lr: float
    lr_scale: float
    hyperparameters: Mapping[str, Any]
    parameters: Mapping[str, SavedParameter]
    controllers: tuple[SavedController, ...]


def parse(saved: Any) -> tuple[SavedState | None, list[str]]:
    """The record, or all reasons why these are not the words of `state_dict`."""
    found = problems(saved)
    if found:
        return None, found
    places = saved.get("places", {})
    parameters = {
        name: SavedParameter(
            saved["carried"][name], state, _place(places[name]) if name in places else None
        )
        for name, state in saved["state"].items()
    }
    controllers = tuple(
        SavedController(None, {}, entry) if saved["format"] == 1 else _controller(entry)
        for entry in saved["controllers"]
    )
    record = SavedState(
        optimizer=saved["optimizer"],
        t=convert(saved["t"], Natural),
        skipped=convert(saved["skipped"], Natural),
        last_lr=math.nan if saved["last_lr"] is None else convert(saved["last_lr"], NonNegative),
        lr_scale=convert(saved["lr_scale"], NonNegative),
        hyperparameters=saved["hyperparameters"],
        parameters=parameters,
        controllers=controllers,
    )
    return record, []


def problems(saved: Any) -> list[str]:
    """Why these are not the words of `state_dict`, whatever the optimizer."""
    if not isinstance(saved, Mapping):
        return [f"it is a {type(saved).__name__}, not a mapping"]
    entries = _ENTRIES.get(_format(saved), _ENTRIES[FORMAT])
    found = number_problems("format", saved.get("format", FORMAT), Natural)
    if not found and _format(saved) not in _ENTRIES:
        found.append(f"its format is {saved['format']!r}; this version reads 1 to {FORMAT}")
    found = found or differences("entries", entries.keys(), saved.keys())
    if found:
        return found
    for name, kind in entries.items():
        if kind and not isinstance(saved[name], kind):
            found.append(f"{name} is a {type(saved[name]).__name__}")
    for name, kind in _NUMBERS.items():
        found += number_problems(name, saved[name], kind)
    found += number_problems("last_lr", saved["last_lr"], NonNegative | None)
    return found or options_as_data.problems(saved["hyperparameters"]) + _part_problems(saved)


def _format(saved: Mapping[str, Any]) -> int:
    found = saved.get("format", FORMAT)
    return found if type(found) is int else FORMAT


def _part_problems(saved: Mapping[str, Any]) -> list[str]:
    parts = [("a controller", entry) for entry in saved["controllers"]]
    for part in ("carried", "state"):
        parts += [(f'{part} of "{name}"', entry) for name, entry in saved[part].items()]
    found = [
        f"{what} is a {type(entry).__name__}"
        for what, entry in parts
        if not isinstance(entry, Mapping)
    ]
    names = saved["state"].keys()
    found += differences("parameters in carried", names, saved["carried"].keys())
    if found or saved["format"] == 1:
        return found
    found += differences("parameters in places", names, saved["places"].keys())
    for name, entry in saved["places"].items():
        found += _place_problems(f'place of "{name}"', entry)
    for entry in saved["controllers"]:
        found += _record_problems(entry)
    return found


def _place_problems(what: str, entry: Any) -> list[str]:
    if not isinstance(entry, Mapping) or entry.keys() != set(Place._fields):
        return [f"{what} is not {', '.join(Place._fields)}"]
    found = number_problems(f"group in the {what}", entry["group"], Natural)
    if not isinstance(entry["path"], str):
        found.append(f"path in the {what} is a {type(entry['path']).__name__}")
    return found


def _record_problems(entry: Mapping[str, Any]) -> list[str]:
    kinds: dict[str, Any] = {"class": str, "settings": Mapping, "state": Mapping}
    if entry.keys() != kinds.keys():
        return [f"a controller is not {', '.join(_CONTROLLER)}"]
    return [
        f"{name} of a controller is a {type(entry[name]).__name__}"
        for name, kind in kinds.items()
        if not isinstance(entry[name], kind)
    ]


def _place(entry: Mapping[str, Any]) -> Place:
    return Place(convert(entry["group"], Natural), entry["path"])


def _controller(entry: Mapping[str, Any]) -> SavedController:
    return SavedController(*(entry[name] for name in _CONTROLLER))


def differences(what: str, expected: Any, given: Any) -> list[str]:
    """What is missing and what is unexpected, in words."""
    missing, unexpected = (
        sorted(map(str, names)) for names in (expected - given, given - expected)
    )
    parts = [f"missing {missing}"] if missing else []
    parts += [f"unexpected {unexpected}"] if unexpected else []
    return [f"{what}: {', '.join(parts)}"] if parts else []


def number_problems(name: str, value: Any, kind: Any) -> list[str]:
    """Why this is no number of this kind."""
    try:
        convert(value, kind)
    except (TypeError, ValueError) as wanted:
        return [f"{name} is {value!r}, expected {wanted}"]
    return []


def carried_problems(name: str, rule: Rule, given: Mapping[str, Any]) -> list[str]:
    """Why these are not the carried scalars of the parameter `name`: products start at 1 and fall,
    counts and sums at 0."""
    starts = dict(zip(rule.carried, rule.starts, strict=True))
    found = differences(f'carried of "{name}"', starts.keys(), given.keys())
    for key, value in given.items():
        kind = Fraction if starts.get(key) == 1 else NonNegative
        found += number_problems(f'{key} of "{name}"', value, kind)
    return found


def shared_problems(rules: Mapping[str, Rule], given: Mapping[str, SavedParameter]) -> list[str]:
    """Where scalars of the whole optimizer are not the same for all arrays."""
    found: dict[str, set[Any]] = {}
    for name, saved in given.items():
        for key in rules[name].kept if rules[name].shared else ():
            found.setdefault(key, set()).add(saved.carried[key])
    return [
        f"{key} is of all arrays, but {', '.join(map(str, sorted(values)))} were saved"
        for key, values in found.items()
        if len(values) > 1
    ]
