"""What of a saved state is whose here, and what of it does not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from .._core import Rule
from ..checks.arguments import Fraction, NonNegative, Range, range_of
from ..checks.arrays import Array
from .averages import COUNT, LETTER
from .besides import to_save
from .groups import Place
from .roster import Roster
from .saved_state import SavedParameter, SavedState, differences


@dataclass
class Fit:
    """The entries that fit, by the names here; and in words what does not."""

    entries: dict[str, SavedParameter] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    wrong: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)  # which nothing of can be taken

    def absent(self) -> list[str]:
        """What is missing and unexpected, in words."""
        parts = {"missing": sorted(self.missing), "unexpected": sorted(map(str, self.unexpected))}
        words = [f"{word} {names}" for word, names in parts.items() if names]
        return [f"parameters in state: {', '.join(words)}"] if words else []


def fit(roster: Roster, state: SavedState, pairs: Mapping[str, str]) -> Fit:
    """Each parameter gets what was saved of it, under the name that `paired` gives."""
    missing = tuple(name for name in roster.tensors if name not in pairs)
    taken = {*pairs.values()}
    found = Fit(missing=missing, unexpected=tuple(n for n in state.parameters if n not in taken))
    for name in roster.tensors:
        if name in pairs:
            entry = state.parameters[pairs[name]]
            problems = _problems(roster, name, entry, state)
            found.wrong += problems
            if problems:
                entry = _but_for_average(roster, name, entry)
            if not problems or not _problems(roster, name, entry, state):
                found.entries[name] = entry
    rules = {name: roster.rule(name) for name in found.entries}
    found.torn = shared_problems(rules, found.entries)
    return found


def paired(roster: Roster, state: SavedState) -> dict[str, str]:
    """The saved name of each parameter of which something was saved.

    The same name, and where a name came of itself (without and with the number of a group, which
    depends on whether a group was there from the start or added) that of the same group and path,
    or of the same path alone if it stands in one place only, here and there.
    """
    names = [*roster.tensors]
    places = {name: tensor.place for name, tensor in roster.tensors.items()}
    here = {name: place for name, place in places.items() if name in place.names}
    there = {
        name: entry.place
        for name, entry in state.parameters.items()
        if entry.place is not None and name in entry.place.names
    }
    pairs = {name: name for name in names if name in state.parameters}
    left = {name: place for name, place in here.items() if name not in pairs}
    free = {place: name for name, place in there.items() if name not in pairs}
    pairs |= {name: free[place] for name, place in left.items() if place in free}
    taken = set(pairs.values())
    mine, saved = _by_path(here), _by_path(there)
    across = {
        name: saved[place.path]
        for name, place in left.items()
        if name not in pairs and mine.get(place.path) == name and place.path in saved
    }
    across = {name: other for name, other in across.items() if other not in taken}
    if across:  # groups are numbered otherwise, so a number tells nothing where a path is not sole
        sole = mine.keys() & saved.keys()
        pairs = {n: o for n, o in pairs.items() if n not in here or here[n].path in sole}
    return pairs | across


def _by_path(places: Mapping[str, Place]) -> dict[str, str]:
    """The name of each path that stands in one place alone."""
    count = Counter(place.path for place in places.values())
    return {place.path: name for name, place in places.items() if count[place.path] == 1}


def _problems(roster: Roster, name: str, saved: SavedParameter, state: SavedState) -> list[str]:
    """Why what was saved of a parameter cannot become its state."""
    misfits = _misfits(roster, name, saved, state.pending)
    return misfits or _other_forms(roster, name, saved, state)


def _misfits(roster: Roster, name: str, saved: SavedParameter, pending: int) -> list[str]:
    """Where it is of another form."""
    state = to_save(roster.tensors[name].state, pending)
    found = differences(f'state of "{name}"', state.keys(), saved.state.keys())
    for key, array in state.items():
        found += unlike(f'{key} of "{name}"', saved.state.get(key, array), array)
    limits = _limits(roster.rule(name))
    found += differences(f'carried of "{name}"', limits.keys(), saved.carried.keys())
    return found + [
        f'{key} of "{name}" is {value!r}, expected {limits[key]}'
        for key, value in saved.carried.items()
        if key in limits and not limits[key].accepts(value)
    ]


def _other_forms(roster: Roster, name: str, saved: SavedParameter, state: SavedState) -> list[str]:
    """Where a flag has another form there than here, whose state is in other units."""
    here, settings = roster.checked(roster.tensors[name].place.group), state.settings
    groups = settings.groups if saved.place is None else settings.groups[saved.place.group :][:1]
    found = []
    for option in (option for option in roster.kind.options.values() if option.forms):
        mine, there = here[option.name], settings.options.get(option.name)
        theirs = [group.get(option.name, there) for group in groups] or [there]
        if mine not in theirs and any(x in option.forms for x in (mine, *theirs)):
            found.append(
                f'state of "{name}" was made with {option.name}={theirs[0]!r}, '
                f"expected {option.name}={mine!r}"
            )
    return found


def _but_for_average(roster: Roster, name: str, saved: SavedParameter) -> SavedParameter:
    """The same with an average that has not begun, or without one, as is wanted here."""
    state, carried = dict(saved.state), dict(saved.carried)
    mine = roster.tensors[name].state
    if LETTER not in mine:
        state.pop(LETTER, None)
        carried.pop(COUNT, None)
    elif LETTER not in state and COUNT not in carried:
        state[LETTER], carried[COUNT] = mine[LETTER], 0.0
    return saved._replace(state=state, carried=carried)


@cache
def _limits(rule: Rule) -> Mapping[str, Range]:
    """Where carried scalars lie: products start at 1 and fall, counts and sums at 0."""
    kinds = [Fraction if start == 1 else NonNegative for start in rule.starts]
    return {key: range_of(kind) for key, kind in zip(rule.carried, kinds, strict=True)}


def shared_problems(rules: Mapping[str, Rule], entries: Mapping[str, SavedParameter]) -> list[str]:
    """Where scalars of the whole optimizer are not the same for all arrays."""
    found: dict[str, set[float]] = {}
    for name, saved in entries.items():
        for key in rules[name].kept if rules[name].shared else ():
            found.setdefault(key, set()).add(saved.carried[key])
    return [
        f"{key} is of all arrays, but {', '.join(map(str, sorted(values)))} were saved"
        for key, values in found.items()
        if len(values) > 1
    ]


def parameter_problems(roster: Roster, saved: Any) -> list[str]:
    """Why these cannot be the values of the parameters."""
    if not isinstance(saved, Mapping):
        return ["no parameters were saved with it"]
    found = differences("parameters", roster.tensors.keys(), saved.keys())
    for name, array in roster.arrays.items():
        if name in saved:
            wrong = unlike(f'"{name}"', saved[name], array)
            found += wrong
            same = saved[name].tobytes() == array.tobytes() if not wrong else False
            if not array.flags.writeable and (roster.tensors[name].kept is None or not same):
                found.append(f'"{name}" is read-only')
    return found


def unlike(what: str, given: Any, array: Array) -> list[str]:
    """Why an array cannot be copied to another bit for bit."""
    if not isinstance(given, np.ndarray) or given.dtype != array.dtype:
        kind = given.dtype if isinstance(given, np.ndarray) else type(given).__name__
        return [f"{what} is {kind}, expected {array.dtype}"]
    if given.shape != array.shape:
        return [f"{what} has shape {given.shape}, expected {array.shape}"]
    return []
