"""An optimizer's hyperparameters as plain data, beside those it is going to go on with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .._core import RULES
from ..schedules.catalogue import Schedule
from ..schedules.from_data import schedule_from_dict
from ..schedules.views import NAME
from .groups import Group
from .options import Plan, check_common

if TYPE_CHECKING:
    from .base import Optimizer

SHARED: Final = ("maximize", "clip_norm", "clip_value", "nonfinite")
_CODE: Final = "function"  # the key of what is no data


class Settings(NamedTuple):
    """What a constructor was given: hyperparameters, shared options, and those of each group."""

    options: dict[str, Any]
    shared: dict[str, Any]
    groups: list[Group]


def describe(opt: Optimizer) -> dict[str, Any]:
    """All that decides the updates besides the state, fit for JSON; functions by their names."""
    return {
        "options": {name: _encode(value) for name, value in opt._options.items()},
        "shared": {name: _encode(opt._common[name]) for name in SHARED},
        "groups": [
            {
                "lr_scale": group.lr_scale,
                **{name: _encode(value) for name, value in group.overrides.items()},
            }
            for group in opt._groups
        ],
    }


def _encode(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_encode(item) for item in value]
    if isinstance(value, Schedule) and value._is_pure:
        return value.to_dict()
    if callable(value):
        return {_CODE: getattr(value, "__qualname__", type(value).__name__)}
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    return value


class Planned(NamedTuple):
    """Settings ready to be used: what `Stepper._prepare` takes, and what else changes in `opt`."""

    plan: Plan
    common: dict[str, Any]
    changes: dict[str, Any]


def present(opt: Optimizer) -> Planned:
    """Those that an optimizer has."""
    return Planned(opt._plan, check_common(type(opt).__name__, opt._common), {})


def prepare(opt: Optimizer, saved: Mapping[str, Any]) -> Planned:
    """The saved settings, checked.

    Raises
    ------
    TypeError, ValueError
        For functions, for what `describe` does not write, and for settings that want other state.
    """
    me, new, plan = type(opt).__name__, _rebuild(opt, saved), Plan([], [], opt._plan.tensors)
    unknown = (set(new.options) ^ set(opt._options)) | (set(new.shared) ^ set(SHARED))
    if unknown:
        raise ValueError(f"{me} and the saved options differ in {sorted(unknown)}")
    shared = {**opt._common, **new.shared}
    common = check_common(me, shared)
    checked = [opt._checked(group.overrides, new.options) for group in new.groups]
    for recipe in opt._plan.recipes:
        options = checked[recipe.group]
        choice = opt._choose(options)
        if recipe.rule != RULES[choice.rule]:
            raise ValueError(f"{me}: they ask for another rule, with other state")
        plan.recipes.append(recipe._replace(hyper=choice.hyper, l2=options.get("l2", 0.0)))
    plan.rates.extend(
        (options["lr"], group.lr_scale) for options, group in zip(checked, new.groups, strict=True)
    )
    mine = {"_common": shared, "_options": new.options, "_groups": new.groups}
    return Planned(plan, common, mine)


def _rebuild(opt: Optimizer, saved: Mapping[str, Any]) -> Settings:
    """The settings that `describe` described, for the arrays of `opt`."""
    options = {name: _decode(name, value) for name, value in saved["options"].items()}
    shared = {name: _decode(name, value) for name, value in saved["shared"].items()}
    if len(saved["groups"]) != len(opt._groups):
        raise ValueError(f"{len(saved['groups'])} groups, expected {len(opt._groups)}")
    groups = []
    for group, record in zip(opt._groups, saved["groups"], strict=True):
        overrides = {name: _decode(name, value) for name, value in record.items()}
        groups.append(Group(group.params, names=group.names, **overrides))
    return Settings(options, shared, groups)


def _decode(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decode(name, item) for item in value)
    if not isinstance(value, dict):
        return value
    if NAME not in value:
        raise ValueError(f"{name} was {value.get(_CODE)!r}, a function, which is no data")
    return schedule_from_dict(value)


def differences(opt: Optimizer, saved: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Where other settings were saved than `opt` has, in words: schedules, and all of them."""
    mine, found, schedules = describe(opt), [], []
    for place, here, there in _pairs(mine, saved):
        if here == there or _is_code(here) or _is_code(there):
            continue
        text = f"{place} is {_show(here)} here and was {_show(there)} when it was saved"
        found.append(text)
        if isinstance(here, dict) or isinstance(there, dict):
            schedules.append(text)
    return schedules, found


def _pairs(mine: Any, saved: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """What stands in the same place on both sides, place by place."""
    both_mappings = isinstance(mine, dict) and isinstance(saved, dict)
    if both_mappings and not {NAME, _CODE} & (mine.keys() | saved.keys()):
        for name in [*mine, *(name for name in saved if name not in mine)]:
            yield from _pairs(mine.get(name), saved.get(name), f"{place}.{name}".lstrip("."))
    elif isinstance(mine, list) and isinstance(saved, list) and len(mine) == len(saved):
        for i, (here, there) in enumerate(zip(mine, saved, strict=True)):
            yield from _pairs(here, there, f"{place}[{i}]")
    else:
        place = place.removeprefix("options.").removeprefix("shared.")
        yield place, mine, saved


def _is_code(value: Any) -> bool:
    return isinstance(value, dict) and _CODE in value


def _show(value: Any) -> str:
    if isinstance(value, dict) and NAME in value:
        try:
            return repr(schedule_from_dict(value))
        except (TypeError, ValueError):
            return f"a {value[NAME]!r:.40}"
    return f"{value!r:.60}"


def problems(saved: Any) -> list[str]:
    """Why these are not the words of `describe`."""
    parts = {"options": Mapping, "shared": Mapping, "groups": list}
    if not isinstance(saved, Mapping) or saved.keys() != parts.keys():
        return [f"hyperparameters are not {', '.join(parts)}"]
    found = [
        f"{name} of the hyperparameters is a {type(saved[name]).__name__}"
        for name, kind in parts.items()
        if not isinstance(saved[name], kind)
    ]
    if not found and not all(isinstance(record, Mapping) for record in saved["groups"]):
        found = ["a group of the hyperparameters is not a mapping"]
    return found
