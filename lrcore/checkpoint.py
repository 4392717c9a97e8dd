"""The state of an optimizer as plain data: taken out whole, checked whole before it is put back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .base import Optimizer

FORMAT = 1
_KEYS = frozenset(
    {
        "format",
        "optimizer",
        "t",
        "skipped",
        "last_lr",
        "lr_scale",
        "carried",
        "state",
        "controllers",
    }
)


def take(opt: Optimizer) -> dict[str, Any]:
    """Everything but the parameters and the options: copies of arrays, numbers and names."""
    carried = opt._get_carried(opt._rules())
    return {
        "format": FORMAT,
        "optimizer": type(opt).__name__,
        "t": opt.t,
        "skipped": opt.skipped,
        "last_lr": opt.last_lr,
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
    problems = list(_problems(opt, saved))
    if problems:
        raise ValueError(f"{type(opt).__name__}: this state does not fit: {'; '.join(problems)}")
    _put_controllers(opt, saved["controllers"])
    for name in opt.names:
        for key, array in opt.state[name].items():
            array[...] = saved["state"][name][key]
    carried = [{k: float(v) for k, v in saved["carried"][name].items()} for name in opt.names]
    opt._set_progress(opt._rules(), carried, saved["t"], saved["skipped"], saved["last_lr"])
    opt.lr_scale = saved["lr_scale"]


def _put_controllers(opt: Optimizer, saved: Sequence[Mapping[str, Any]]) -> None:
    before = [controller.state_dict() for controller in opt.controllers]
    try:
        for controller, state in zip(opt.controllers, saved, strict=True):
            controller.load_state_dict(state)
    except BaseException:
        for controller, state in zip(opt.controllers, before, strict=True):
            controller.load_state_dict(state)
        raise


def _problems(opt: Optimizer, saved: Mapping[str, Any]) -> list[str]:
    if not isinstance(saved, Mapping):
        return [f"it is a {type(saved).__name__}, not a mapping"]
    found = _differences("entries", _KEYS, saved.keys())
    if found:
        return found
    if saved["format"] != FORMAT:
        return [f"its format is {saved['format']!r}; this version reads {FORMAT}"]
    if saved["optimizer"] != type(opt).__name__:
        return [f"it is of {saved['optimizer']}"]
    found += _count("t", saved["t"]) + _count("skipped", saved["skipped"])
    found += _number("last_lr", saved["last_lr"], lambda x: x >= 0 or math.isnan(x))
    found += _number("lr_scale", saved["lr_scale"], lambda x: x >= 0)
    if len(saved["controllers"]) != len(opt.controllers):
        found.append(f"{len(saved['controllers'])} controllers, expected {len(opt.controllers)}")
    for part in ("carried", "state"):
        found += _differences(f"parameters in {part}", set(opt.names), saved[part].keys())
    return found or _array_problems(opt, saved) + _carried_problems(opt, saved["carried"])


def _array_problems(opt: Optimizer, saved: Mapping[str, Any]) -> list[str]:
    found = []
    for name in opt.names:
        arrays = saved["state"][name]
        found += _differences(f'state of "{name}"', opt.state[name].keys(), arrays.keys())
        for key, array in opt.state[name].items():
            value = arrays.get(key, array)
            if not isinstance(value, np.ndarray) or value.dtype != array.dtype:
                kind = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
                found.append(f'{key} of "{name}" is {kind}, expected {array.dtype}')
            elif value.shape != array.shape:
                found.append(f'{key} of "{name}" has shape {value.shape}, expected {array.shape}')
    return found


def _carried_problems(opt: Optimizer, saved: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = []
    shared: dict[int, Mapping[str, Any]] = {}
    for name, row in zip(opt.names, opt._rows_of_arrays(), strict=True):
        rule = opt._rules()[row]
        found += _differences(f'carried of "{name}"', set(rule.carried), saved[name].keys())
        for key, value in saved[name].items():
            found += _number(f'{key} of "{name}"', value, lambda x: 0 <= x <= 1)
        if saved[name] != shared.setdefault(row, saved[name]):
            found.append(f'"{name}" has made other updates than the rest of its group')
    return found


def _differences(what: str, expected: Any, given: Any) -> list[str]:
    missing, unexpected = sorted(expected - given), sorted(map(str, given - expected))
    parts = [f"missing {missing}"] if missing else []
    parts += [f"unexpected {unexpected}"] if unexpected else []
    return [f"{what}: {', '.join(parts)}"] if parts else []


def _count(name: str, value: Any) -> list[str]:
    sensible = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
    return [] if sensible else [f"{name} is {value!r}, expected a whole number of updates"]


def _number(name: str, value: Any, accepted: Callable[[float], bool]) -> list[str]:
    sensible = isinstance(value, float | int) and not isinstance(value, bool) and accepted(value)
    return [] if sensible and value != math.inf else [f"{name} is {value!r}, which is out of range"]
