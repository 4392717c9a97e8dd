"""The state of an optimizer as plain data: taken out whole, checked whole before it is put back."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import settings
from .arguments import Fraction, Natural, NonNegative, convert
from .following import Controller, Follower, loading
from .parameters import Array

if TYPE_CHECKING:
    from ._core import Attachment, _Changes
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
    "hyperparameters": Mapping,
    "carried": Mapping,
    "state": Mapping,
    "controllers": list | tuple,
}


class LoadReport(NamedTuple):
    """What `load_state_dict` found; with ``strict=True`` only `differing` can be other than empty.

    Parameters
    ----------
    missing : tuple of str
        Parameters of the optimizer of which nothing was saved. Their state stays as it was.
    unexpected : tuple of str
        Parameters that were saved and that the optimizer does not have.
    mismatched : tuple of str
        What was saved and does not fit, in words; it was left out.
    differing : tuple of str
        Hyperparameters that were others when the state was saved, in words.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]
    differing: tuple[str, ...]


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
        "hyperparameters": settings.describe(opt),
        "carried": dict(zip(opt.names, carried, strict=True)),
        "state": {
            name: {key: array.copy() for key, array in opt.state[name].items()}
            for name in opt.names
        },
        "controllers": [controller.state_dict() for controller in opt.controllers],
    }


def put(
    opt: Optimizer,
    saved: Mapping[str, Any],
    *,
    strict: bool,
    hyperparameters: bool,
    params: Mapping[str, Array] | None = None,
) -> LoadReport:
    """Sets `opt` to what `take` gave, and its parameters; an error changes nothing."""
    _refuse(opt, "state", _problems(saved) or _kind_problems(opt, saved))
    schedules, differing = settings.differences(opt, saved["hyperparameters"])
    others = None
    if hyperparameters:
        schedules, others = [], _settings(opt, saved["hyperparameters"])
    misfits = {name: _misfits(opt, saved, name) for name in opt.names}
    wrong = [text for texts in misfits.values() for text in texts]
    wrong += _unlike_groups(opt, saved) + _controller_problems(opt, saved)
    missing = [name for name in opt.names if name not in saved["state"]]
    unexpected = [name for name in saved["state"] if name not in misfits]
    if strict:
        absent = _differences("parameters in state", set(opt.names), saved["state"].keys())
        if schedules:
            schedules.append("strict=False keeps what is here, hyperparameters=True what was saved")
        _refuse(opt, "state", absent + wrong + schedules)
    fitting = [name for name in opt.names if name not in missing and not misfits[name]]
    _put(opt, saved, fitting, params, others)
    return LoadReport(tuple(missing), tuple(unexpected), tuple(wrong), tuple(differing))


def _settings(opt: Optimizer, saved: Mapping[str, Any]) -> tuple[Attachment, _Changes]:
    try:
        return settings.prepare(opt, saved)
    except (TypeError, ValueError) as error:
        _refuse(opt, "state", [f"its hyperparameters cannot be used: {error}"])
        raise


def put_file(
    opt: Optimizer, saved: Mapping[str, Any], *, strict: bool, hyperparameters: bool, params: bool
) -> LoadReport:
    """The same with what was in a file."""
    if saved.keys() != {"params", "state"}:
        _refuse(opt, "file", [f"it holds {sorted(saved)!s:.80}, no state"])
    arrays = saved["params"] if params else None
    if params:
        _refuse(opt, "file", _parameter_problems(opt, arrays))
    return put(opt, saved["state"], strict=strict, hyperparameters=hyperparameters, params=arrays)


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
    found = _parameter_problems(opt, saved.params)
    found = found or _problems(saved.state) or _kind_problems(opt, saved.state)
    for name in () if found else opt.names:
        found += _misfits(opt, saved.state, name)
    if not found:
        found = _unlike_groups(opt, saved.state) + _controller_problems(opt, saved.state)
    _refuse(opt, "snapshot", found)
    _put(opt, saved.state, opt.names, saved.params)


def _parameter_problems(opt: Optimizer, saved: Any) -> list[str]:
    if not isinstance(saved, Mapping):
        return ["no parameters were saved with it"]
    arrays = dict(opt._arrays())
    found = _differences("parameters", arrays.keys(), saved.keys())
    for name in arrays.keys() & saved.keys():
        found += _unlike(f'"{name}"', saved[name], arrays[name])
        if not arrays[name].flags.writeable:
            found.append(f'"{name}" is read-only')
    return found


def _refuse(opt: Optimizer, what: str, problems: list[str]) -> None:
    if problems:
        raise ValueError(f"{type(opt).__name__}: this {what} does not fit: {'; '.join(problems)}")


def _put(
    opt: Optimizer,
    saved: Mapping[str, Any],
    names: Collection[str],
    params: Mapping[str, Array] | None = None,
    others: tuple[Attachment, _Changes] | None = None,
) -> None:
    """Copies parameters, and what is `saved` of these names: all of it, or nothing."""
    numbers = {name: convert(saved[name], kind) for name, kind in _NUMBERS.items()}
    del numbers["format"]
    last_lr = math.nan if saved["last_lr"] is None else convert(saved["last_lr"], NonNegative)
    targets: list[Array] = []
    sources: list[Array] = []
    if params is not None:
        targets += [array for _, array in opt._arrays()]
        sources += [params[name] for name in opt.names]
    for name in names:
        targets += opt.state[name].values()
        sources += [saved["state"][name][key] for key in opt.state[name]]
    carried = _carried(opt, saved["carried"], names)
    fit = not _controller_problems(opt, saved)
    states = saved["controllers"] if fit else [c.state_dict() for c in opt.controllers]
    new, changes = others or (None, [])
    strangers = [
        (controller, state)
        for controller, state in zip(opt.controllers, states, strict=True)
        if not isinstance(controller, Follower)
    ]
    before = [(controller, controller.state_dict()) for controller, _ in strangers]
    done = [False]
    try:
        changes = [*changes, *loading(opt.controllers, states)]
        arguments = (targets, sources, opt._rules(), carried, changes, new)
        _load(strangers)  # a loop in here would let an interrupt past `except`, in Python 3.13
        opt._go_back(*arguments, done, last_lr=last_lr, **numbers)
    except BaseException as error:
        # an interrupt that came during the copying is raised after it
        _load([] if done[0] else before)
        if isinstance(error, KeyError):  # what a controller says of missing and unknown entries
            _refuse(opt, "state", [str(error.args[0])])
        raise


def _load(states: Iterable[tuple[Controller, Any]]) -> None:
    for controller, state in states:
        controller.load_state_dict(state)


def _carried(
    opt: Optimizer, saved: Mapping[str, Mapping[str, Any]], names: Collection[str]
) -> list[dict[str, float]]:
    """The carried scalars of each array: the saved ones of its group, where there are any."""
    found = opt._get_carried(opt._rules())
    rows = opt._rows_of_arrays()
    known = {row: saved[name] for row, name in zip(rows, opt.names, strict=True) if name in names}
    for i, row in enumerate(rows):
        if row in known:
            found[i] = {key: convert(value, Fraction) for key, value in known[row].items()}
    return found


def _problems(saved: Any) -> list[str]:
    """Why these are not the words of `take`, whatever the optimizer."""
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
    return found or settings.problems(saved["hyperparameters"]) + _part_problems(saved)


def _part_problems(saved: Mapping[str, Any]) -> list[str]:
    parts = [("a controller", entry) for entry in saved["controllers"]]
    for part in ("carried", "state"):
        parts += [(f'{part} of "{name}"', entry) for name, entry in saved[part].items()]
    found = [
        f"{what} is a {type(entry).__name__}"
        for what, entry in parts
        if not isinstance(entry, Mapping)
    ]
    found += _differences("parameters in carried", saved["state"].keys(), saved["carried"].keys())
    return found


def _kind_problems(opt: Optimizer, saved: Mapping[str, Any]) -> list[str]:
    if saved["optimizer"] == type(opt).__name__:
        return []
    return [f"it is of {saved['optimizer']}"]


def _controller_problems(opt: Optimizer, saved: Mapping[str, Any]) -> list[str]:
    given, expected = len(saved["controllers"]), len(opt.controllers)
    return [] if given == expected else [f"{given} controllers, expected {expected}"]


def _misfits(opt: Optimizer, saved: Mapping[str, Any], name: str) -> list[str]:
    """Why what was saved of a parameter cannot be copied to its state; nothing if it was not."""
    if name not in saved["state"]:
        return []
    arrays, carried = saved["state"][name], saved["carried"][name]
    rule = opt._rules()[opt._rows_of_arrays()[opt.names.index(name)]]
    found = _differences(f'state of "{name}"', opt.state[name].keys(), arrays.keys())
    for key, array in opt.state[name].items():
        found += _unlike(f'{key} of "{name}"', arrays.get(key, array), array)
    found += _differences(f'carried of "{name}"', set(rule.carried), carried.keys())
    for key, value in carried.items():
        found += _number(f'{key} of "{name}"', value, Fraction)
    return found


def _unlike(what: str, given: Any, array: Array) -> list[str]:
    """Why an array cannot be copied to another bit for bit."""
    if not isinstance(given, np.ndarray) or given.dtype != array.dtype:
        kind = given.dtype if isinstance(given, np.ndarray) else type(given).__name__
        return [f"{what} is {kind}, expected {array.dtype}"]
    if given.shape != array.shape:
        return [f"{what} has shape {given.shape}, expected {array.shape}"]
    return []


def _unlike_groups(opt: Optimizer, saved: Mapping[str, Any]) -> list[str]:
    found = []
    shared: dict[int, Mapping[str, Any]] = {}
    for name, row in zip(opt.names, opt._rows_of_arrays(), strict=True):
        carried = saved["carried"].get(name)
        if carried is not None and carried != shared.setdefault(row, carried):
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
