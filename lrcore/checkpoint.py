"""The state of an optimizer as plain data: taken out whole, checked whole before it is put back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .arguments import Fraction, Natural, NonNegative, convert
from .parameters import Array

if TYPE_CHECKING:
    from .base import Optimizer

FORMAT = 1
_NUMBERS: dict[str, Any] = {
    "format": Natural,
    "t": Natural,
    "skipped": Natural,
    "lr_scale": NonNegative,
}
# Every entry with its type; numbers are looked at more closely.
_KINDS: dict[str, Any] = {
    **dict.fromkeys([*_NUMBERS, "last_lr"]),
    "optimizer": str,
    "carried": Mapping,
    "state": Mapping,
    "controllers": list | tuple,
}


def take(opt: Optimizer) -> dict[str, Any]:
    """Everything but the parameters and the options: copies of arrays, numbers and names."""
    carried = opt._get_carried(opt._rules())
    return {
        "format": FORMAT,
        "optimizer": type(opt).__name__,
        "t": opt.t,
        "skipped": opt.skipped,
        "last_lr": None if math.isnan(opt.last_lr) else opt.last_lr,
        "lr_scale": opt.lr_scale,
        "carried": dict(zip(opt.names, carried, strict=True)),
        "state": {
            name: {key: array.copy() for key, array in opt.state[name].items()}
            for name in opt.names
        },
        "controllers": [controller.state_dict() for controller in opt.controllers],
    }


def put(opt: Optimizer, saved: Mapping[str, Any]) -> None:
    """Sets `opt` to what `take` gave; an error changes nothing."""
    _refuse(opt, "state", _problems(opt, saved))
    _put(opt, saved, [], [])


class Snapshot(NamedTuple):
    """Parameters by name, and the state of their optimizer: copies of one moment."""

    params: Mapping[str, Array]
    state: Mapping[str, Any]

    @property
    def t(self) -> int:
        """The updates that had been applied."""
        return int(self.state["t"])


def snapshot(opt: Optimizer) -> Snapshot:
    """Parameters and state."""
    return Snapshot({name: array.copy() for name, array in opt._arrays()}, take(opt))


def restore(opt: Optimizer, saved: Snapshot) -> None:
    """Sets parameters and state to what `snapshot` gave; an error changes nothing."""
    if not isinstance(saved, Snapshot):
        raise TypeError(f"{type(opt).__name__}: {saved!r:.80} is not a Snapshot")
    arrays = dict(opt._arrays())
    found = _differences("parameters", arrays.keys(), saved.params.keys())
    for name in arrays.keys() & saved.params.keys():
        found += _unlike(f'"{name}"', saved.params[name], arrays[name])
        if not arrays[name].flags.writeable:
            found.append(f'"{name}" is read-only')
    _refuse(opt, "snapshot", found or _problems(opt, saved.state))
    _put(opt, saved.state, list(arrays.values()), [saved.params[name] for name in arrays])


def _refuse(opt: Optimizer, what: str, problems: list[str]) -> None:
    if problems:
        raise ValueError(f"{type(opt).__name__}: this {what} does not fit: {'; '.join(problems)}")


def _put(
    opt: Optimizer, saved: Mapping[str, Any], targets: list[Array], sources: list[Array]
) -> None:
    """Copies `sources` to `targets`, and what is `saved` to the state: all of it, or nothing."""
    numbers = {name: convert(saved[name], kind) for name, kind in _NUMBERS.items()}
    del numbers["format"]
    last_lr = math.nan if saved["last_lr"] is None else convert(saved["last_lr"], NonNegative)
    carried = [
        {key: convert(value, Fraction) for key, value in saved["carried"][name].items()}
        for name in opt.names
    ]
    for name in opt.names:
        for key, array in opt.state[name].items():
            targets.append(array)
            sources.append(saved["state"][name][key])
    before = [controller.state_dict() for controller in opt.controllers]
    try:
        for controller, state in zip(opt.controllers, saved["controllers"], strict=True):
            controller.load_state_dict(state)
        opt._go_back(targets, sources, opt._rules(), carried, last_lr=last_lr, **numbers)
    except BaseException:
        for controller, state in zip(opt.controllers, before, strict=True):
            controller.load_state_dict(state)
        raise


def _problems(opt: Optimizer, saved: Any) -> list[str]:
    if not isinstance(saved, Mapping):
        return [f"it is a {type(saved).__name__}, not a mapping"]
    found = _differences("entries", _KINDS.keys(), saved.keys())
    if found:
        return found
    for name, kind in _KINDS.items():
        if kind and not isinstance(saved[name], kind):
            found.append(f"{name} is a {type(saved[name]).__name__}")
    for name, kind in _NUMBERS.items():
        found += _number(name, saved[name], kind)
    found += _number("last_lr", saved["last_lr"], NonNegative | None)
    if not found and saved["format"] != FORMAT:
        found.append(f"its format is {saved['format']!r}; this version reads {FORMAT}")
    if not found and saved["optimizer"] != type(opt).__name__:
        found.append(f"it is of {saved['optimizer']}")
    return found or _part_problems(opt, saved)


def _part_problems(opt: Optimizer, saved: Mapping[str, Any]) -> list[str]:
    found = []
    if len(saved["controllers"]) != len(opt.controllers):
        found.append(f"{len(saved['controllers'])} controllers, expected {len(opt.controllers)}")
    parts = [("a controller", entry) for entry in saved["controllers"]]
    for part in ("carried", "state"):
        found += _differences(f"parameters in {part}", set(opt.names), saved[part].keys())
        parts += [(f'{part} of "{name}"', entry) for name, entry in saved[part].items()]
    for what, entry in parts:
        if not isinstance(entry, Mapping):
            found.append(f"{what} is a {type(entry).__name__}")
    return found or _array_problems(opt, saved) + _carried_problems(opt, saved["carried"])


def _array_problems(opt: Optimizer, saved: Mapping[str, Any]) -> list[str]:
    found = []
    for name in opt.names:
        arrays = saved["state"][name]
        found += _differences(f'state of "{name}"', opt.state[name].keys(), arrays.keys())
        for key, array in opt.state[name].items():
            found += _unlike(f'{key} of "{name}"', arrays.get(key, array), array)
    return found


def _unlike(what: str, given: Any, array: Array) -> list[str]:
    """Why an array cannot be copied to another bit for bit."""
    if not isinstance(given, np.ndarray) or given.dtype != array.dtype:
        kind = given.dtype if isinstance(given, np.ndarray) else type(given).__name__
        return [f"{what} is {kind}, expected {array.dtype}"]
    if given.shape != array.shape:
        return [f"{what} has shape {given.shape}, expected {array.shape}"]
    return []


def _carried_problems(opt: Optimizer, saved: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = []
    shared: dict[int, Mapping[str, Any]] = {}
    for name, row in zip(opt.names, opt._rows_of_arrays(), strict=True):
        rule = opt._rules()[row]
        found += _differences(f'carried of "{name}"', set(rule.carried), saved[name].keys())
        for key, value in saved[name].items():
            found += _number(f'{key} of "{name}"', value, Fraction)
        if saved[name] != shared.setdefault(row, saved[name]):
            found.append(f'"{name}" has made other updates than the rest of its group')
    return found


def _differences(what: str, expected: Any, given: Any) -> list[str]:
    missing, unexpected = sorted(expected - given), sorted(map(str, given - expected))
    parts = [f"missing {missing}"] if missing else []
    parts += [f"unexpected {unexpected}"] if unexpected else []
    return [f"{what}: {', '.join(parts)}"] if parts else []


def _number(name: str, value: Any, kind: Any) -> list[str]:
    try:
        convert(value, kind)
    except (TypeError, ValueError) as wanted:
        return [f"{name} is {value!r}, expected {wanted}"]
    return []
