"""Controllers as plain data, and which of those that were saved is which of those that are here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..controllers.controller import Controller, Follower
from .saved_state import SavedController


def take(controllers: Iterable[Controller]) -> tuple[SavedController, ...]:
    """Class, settings and state of each."""
    return tuple(
        SavedController(type(c).__name__, settings_of(c), c.state_dict()) for c in controllers
    )


def settings_of(controller: Controller) -> dict[str, Any]:
    """The settings of one of ours; nothing is known of those of others."""
    return controller.settings if isinstance(controller, Follower) else {}


@dataclass
class Fit:
    """The states that were saved of the controllers here, and what does not fit."""

    states: dict[int, Mapping[str, Any]] = field(default_factory=dict)  # by place, here
    problems: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)


def fit(controllers: Sequence[Controller], saved: Sequence[SavedController]) -> Fit:
    """Each controller gets the state of its class and settings, wherever it stood.

    Where only one of a class is left over on both sides, and the others of the class stand where
    they stood, its settings were changed on purpose.
    States of format 1, which names no classes, are taken in turn.
    """
    found = Fit()
    if len(saved) != len(controllers):
        found.problems.append(f"{len(saved)} controllers, expected {len(controllers)}")
    if any(entry.kind is None for entry in saved):
        if not found.problems:
            found.states = {i: entry.state for i, entry in enumerate(saved)}
        return found
    for kind in dict.fromkeys([*(type(c).__name__ for c in controllers), *(s.kind for s in saved)]):
        here = [i for i, c in enumerate(controllers) if type(c).__name__ == kind]
        _fit_class(found, str(kind), controllers, here, [s for s in saved if s.kind == kind])
    return found


def _fit_class(
    found: Fit,
    kind: str,
    controllers: Sequence[Controller],
    here: list[int],
    saved: list[SavedController],
) -> None:
    if len(here) != len(saved) and not found.problems:
        found.problems.append(f"{len(saved)} controllers are {kind}, expected {len(here)}")
    left, rest, crossed = [], list(saved), False
    for place, i in enumerate(here):
        same = next((s for s in rest if s.settings == settings_of(controllers[i])), None)
        if same is None:
            left.append(i)
            continue
        rest.remove(same)
        found.states[i] = same.state
        crossed |= same is not (saved[place] if place < len(saved) else None)
    if len(left) == len(rest) == 1 and not crossed:
        ((i, entry),) = zip(left, rest, strict=True)
        found.states[i] = entry.state
        found.differing += _changes(f"controllers[{i}]", settings_of(controllers[i]), entry)
    elif left and rest:
        for i in here:
            found.states.pop(i, None)
        places = ", ".join(f"controllers[{i}]" for i in here)
        found.problems.append(
            f"{places}: {kind} with other settings than when they were saved, so that nobody can "
            "tell which is which; load with the settings as they were, and assign others then"
        )


def _changes(place: str, here: Mapping[str, Any], saved: SavedController) -> list[str]:
    return [
        f"{place}.{name} is {here.get(name)!r} here and was {saved.settings.get(name)!r} when it "
        "was saved"
        for name in [*here, *(name for name in saved.settings if name not in here)]
        if here.get(name) != saved.settings.get(name)
    ]
