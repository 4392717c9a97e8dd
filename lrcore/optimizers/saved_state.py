"""A saved state: read once into a typed record, or refused with all that is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Final, NamedTuple

import numpy as np

from ..checks.arguments import Finite, Natural, NonNegative, convert
from ..checks.arrays import Array
from .groups import Place

FORMAT: Final = 2
_SETTINGS: Final[Mapping[str, type]] = {"options": Mapping, "shared": Mapping, "groups": list}
# What the first files do not know, and files without it do not say.
_UNSAID_SHARED: Final[Mapping[str, Any]] = {
    "average": None,
    "clip_norm_each": None,
    "accumulate": 1,
}
_UNSAID_OF_GROUP: Final[Mapping[str, Any]] = {"frozen": []}
_CONTROLLER: Final[Mapping[str, type]] = {"class": str, "settings": Mapping, "state": Mapping}


class RefusedError(ValueError):
    """All reasons why something saved cannot be used."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class SavedSettings(NamedTuple):
    """Hyperparameters, shared options, and those of each group, as plain data."""

    options: Mapping[str, Any]
    shared: Mapping[str, Any]
    groups: Sequence[Mapping[str, Any]]


class SavedParameter(NamedTuple):
    """What was saved of one parameter."""

    carried: Mapping[str, float]
    state: Mapping[str, Array]
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
    settings: SavedSettings
    parameters: Mapping[str, SavedParameter]
    controllers: tuple[SavedController, ...]
    pending: int = 0  # files do not say that none is

    def as_data(self) -> dict[str, Any]:
        """The words that `parse` reads."""
        entries = self.parameters
        options, shared, groups = self.settings
        said = [_said(group, _UNSAID_OF_GROUP) for group in groups]
        settings = SavedSettings(options, _said(shared, _UNSAID_SHARED), said)
        return {
            "format": FORMAT,
            "optimizer": self.optimizer,
            "t": self.t,
            "skipped": self.skipped,
            **({"pending": self.pending} if self.pending else {}),
            "last_lr": None if math.isnan(self.last_lr) else self.last_lr,
            "lr_scale": self.lr_scale,
            "hyperparameters": settings._asdict(),
            "carried": {name: entry.carried for name, entry in entries.items()},
            "state": {name: entry.state for name, entry in entries.items()},
            "places": {name: e.place._asdict() for name, e in entries.items() if e.place},
            "controllers": [dict(zip(_CONTROLLER, c, strict=True)) for c in self.controllers],
        }


class _Reader:
    """Takes entries out of a mapping by their types; what is wrong is noted, and None given."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def number(self, name: str, value: Any, kind: Any) -> Any:
        try:
            return convert(value, kind)
        except (TypeError, ValueError) as wanted:
            self.problems.append(f"{name} is {value!r}, expected {wanted}")

    def typed(self, what: str, value: Any, kind: Any) -> Any:
        if isinstance(value, kind):
            return value
        self.problems.append(f"{what} is a {type(value).__name__}")
        return None

    def fields(self, what: str, owner: str, value: Any, kinds: Mapping[str, type]) -> Any:
        """The entries of a record, if it has these and no others."""
        if not isinstance(value, Mapping) or value.keys() != kinds.keys():
            self.problems.append(f"{what} not {', '.join(kinds)}")
            return None
        return [self.typed(f"{name} {owner}", value[name], kind) for name, kind in kinds.items()]

    def stop(self) -> None:
        """Refuses what has problems so far."""
        if self.problems:
            raise RefusedError(self.problems)


def parse(saved: Any) -> SavedState:
    """The record of what `Optimizer.state_dict` gave, whatever the optimizer.

    Raises
    ------
    RefusedError
        With all reasons why these are not its words.
    """
    read = _Reader()
    if not isinstance(saved, Mapping):
        raise RefusedError([f"it is a {type(saved).__name__}, not a mapping"])
    number = read.number("format", saved.get("format", FORMAT), Natural)
    if not read.problems and number not in (1, FORMAT):
        read.problems.append(f"its format is {number!r}; this version reads 1 to {FORMAT}")
    kinds: dict[str, Any] = {
        "optimizer": str,
        "hyperparameters": Mapping,
        "carried": Mapping,
        "state": Mapping,
    }
    kinds |= {"controllers": list | tuple, **({} if number == 1 else {"places": Mapping})}
    numbers: dict[str, Any] = {"t": Natural, "skipped": Natural, "lr_scale": NonNegative}
    numbers |= {"last_lr": NonNegative | None}
    numbers |= {"pending": Natural} if "pending" in saved else {}
    read.stop()
    read.problems += differences("entries", {"format", *kinds, *numbers}, saved.keys())
    read.stop()
    for name, kind in kinds.items():
        read.typed(name, saved[name], kind)
    of = {name: read.number(name, saved[name], kind) for name, kind in numbers.items()}
    read.stop()
    settings = _settings(read, saved["hyperparameters"])
    parameters = _parameters(read, saved)
    controllers = [_controller(read, entry, number) for entry in saved["controllers"]]
    read.stop()
    of["last_lr"] = math.nan if of["last_lr"] is None else of["last_lr"]
    return SavedState(saved["optimizer"], **of, settings=settings, parameters=parameters,
                      controllers=tuple(controllers))  # fmt: skip


def _settings(read: _Reader, given: Any) -> SavedSettings:
    found = read.fields("hyperparameters are", "of the hyperparameters", given, _SETTINGS)
    for group in (found and found[2]) or ():
        read.typed("a group of the hyperparameters", group, Mapping)
    if read.problems or not found:
        return SavedSettings({}, {}, [])
    options, shared, groups = found
    read.problems += [
        f"{name} of the hyperparameters is {value!r:.60}, no plain data"
        for part in (options, shared, *groups)
        for name, value in part.items()
        if not _is_plain(value)
    ]
    return SavedSettings(
        options, {**_UNSAID_SHARED, **shared}, [{**_UNSAID_OF_GROUP, **group} for group in groups]
    )


def _said(settings: Mapping[str, Any], unsaid: Mapping[str, Any]) -> dict[str, Any]:
    return dict(entry for entry in settings.items() if entry not in unsaid.items())


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping | list | tuple):
        inner = value.values() if isinstance(value, Mapping) else value
        return all(map(_is_plain, inner))
    return value is None or isinstance(value, str | Real | np.generic)


def _parameters(read: _Reader, saved: Mapping[str, Any]) -> dict[str, SavedParameter]:
    names = saved["state"].keys()
    for part in ("carried", "places"):
        if part in saved:
            read.problems += differences(f"parameters in {part}", names, saved[part].keys())
    found: dict[str, SavedParameter] = {}
    for name, state in saved["state"].items():
        carried = read.typed(f'carried of "{name}"', saved["carried"].get(name, {}), Mapping)
        state = read.typed(f'state of "{name}"', state, Mapping)
        place = saved.get("places", {}).get(name)
        found[name] = SavedParameter(
            {k: read.number(f'{k} of "{name}"', x, Finite) for k, x in (carried or {}).items()},
            {k: _array(read, f'{k} of "{name}"', x) for k, x in (state or {}).items()},
            None if place is None else _place(read, f'place of "{name}"', place),
        )
    return found


def _array(read: _Reader, what: str, value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        read.problems.append(f"{what} is {type(value).__name__}, expected an array")
    return value


def _place(read: _Reader, what: str, entry: Any) -> Any:
    found = read.fields(f"{what} is", f"in the {what}", entry, {"group": object, "path": str})
    if found:
        return Place(read.number(f"group in the {what}", found[0], Natural), found[1])
    return None


def _controller(read: _Reader, entry: Any, number: int) -> SavedController:
    if number == 1:
        return SavedController(None, {}, read.typed("a controller", entry, Mapping))
    found = read.fields("a controller is", "of a controller", entry, _CONTROLLER)
    return SavedController(*(found or (None, {}, {})))


def differences(what: str, expected: Any, given: Any) -> list[str]:
    """What is missing and what is unexpected, in words."""
    if expected == given:
        return []
    missing, unexpected = (
        sorted(map(str, names)) for names in (expected - given, given - expected)
    )
    parts = [f"missing {missing}"] if missing else []
    parts += [f"unexpected {unexpected}"] if unexpected else []
    return [f"{what}: {', '.join(parts)}"] if parts else []
