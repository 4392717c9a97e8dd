"""An optimizer's hyperparameters as plain data, beside those it is going to go on with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any, Final

from ..schedules.catalogue import Schedule
from ..schedules.from_data import schedule_from_dict
from ..schedules.value import arguments
from ..schedules.views import NAME
from .averages import AVERAGES, Average
from .groups import Group
from .options import check_common
from .roster import Roster
from .saved_state import SavedSettings

SHARED: Final = ("maximize", "clip_norm", "clip_value", "nonfinite", "average")
_CODE: Final = "function"  # the key of what is no data
_AVERAGE: Final = "class"  # the key of what an average is
_ABSENT: Final = "not given"
# Flags that came later than files: unsaid while they are off, so that these stay as they were.
_LATER: Final = {
    "Adam": ("nesterov",),
    "AdamW": ("nesterov",),
    "RMSprop": ("nesterov", "lr_in_momentum", "bias_correction"),
}


def describe(roster: Roster) -> SavedSettings:
    """All that decides the updates besides the state, fit for JSON; functions by their names."""
    groups: list[dict[str, Any]] = [
        {"lr_scale": group.lr_scale, "frozen": [], **roster.kind.plain(group.overrides)}
        for group in roster.groups
    ]
    for name, tensor in roster.tensors.items():
        if tensor.kept is not None:
            groups[tensor.place.group]["frozen"].append(name)
    shared = {name: roster.common[name] for name in SHARED}
    unsaid = [(name, False) for name in _LATER.get(roster.kind.name, ())]
    options = dict(item for item in roster.options.items() if item not in unsaid)
    whole = [name for name, option in roster.kind.options.items() if option.whole]
    encoded = [_encoded(values, whole) for values in (options, *groups)]
    return SavedSettings(encoded[0], _encoded(shared), encoded[1:])


def _encoded(values: Mapping[str, Any], whole: Sequence[str] = ()) -> dict[str, Any]:
    return {name: int(x) if name in whole else _encode(x) for name, x in values.items()}


def _encode(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_encode(item) for item in value]
    if isinstance(value, Schedule) and value._is_pure:
        return value.to_dict()
    if isinstance(value, Average):
        given = {k: v if isinstance(v, int) else _encode(v) for k, v in arguments(value).items()}
        return {_AVERAGE: type(value).__name__, **given}
    if callable(value):
        return {_CODE: getattr(value, "__qualname__", type(value).__name__)}
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    return value


def taken_over(roster: Roster, saved: SavedSettings, pairs: Mapping[str, str]) -> Roster:
    """The roster with the saved settings, checked; pairs: the saved name of each parameter.

    Raises
    ------
    TypeError, ValueError
        For functions, for what `describe` does not write, and for settings that want other state.
    """
    me, saved = roster.kind.name, _completed(roster, saved)
    options, shared = _decoded(saved.options), _decoded(saved.shared)
    if len(saved.groups) != len(roster.groups):
        raise ValueError(f"{len(saved.groups)} groups, expected {len(roster.groups)}")
    records = [_decoded(record) for record in saved.groups]
    frozen = {name for record in records for name in record.pop("frozen")}
    groups = tuple(
        Group(group.params, names=group.names, **record)
        for group, record in zip(roster.groups, records, strict=True)
    )
    unknown = (set(options) ^ set(roster.options)) | (set(shared) ^ set(SHARED))
    if unknown:
        raise ValueError(f"{me} and the saved options differ in {sorted(unknown)}")
    common = {**roster.common, **shared}
    check_common(me, common)
    now = {name for name, was in pairs.items() if was in frozen}
    if len(now) < len(frozen):
        raise ValueError(f"some of {sorted(frozen)}, which were frozen, are not among these")
    new = replace(roster.freezing(now), options=options, common=common, groups=groups)
    for recipe in new.recipes:
        if recipe.rule != new.wanted_rule(new.groups[recipe.group]):
            raise ValueError(f"{me}: they ask for another rule, with other state")
    return new


def _completed(roster: Roster, saved: SavedSettings) -> SavedSettings:
    """With flags off of which nothing was saved: there were none when that was written."""
    flags = (name for name, option in roster.kind.options.items() if option.choices)
    missing = {name: False for name in flags if name not in saved.options}
    return saved._replace(options={**saved.options, **missing})


def _decoded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _decode(name, value) for name, value in values.items()}


def _decode(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decode(name, item) for item in value)
    if not isinstance(value, dict):
        return value
    if _AVERAGE in value:
        return _average(value)
    if NAME not in value:
        raise ValueError(f"{name} was {value.get(_CODE)!r}, a function, which is no data")
    return schedule_from_dict(value)


def _average(saved: Mapping[str, Any]) -> Average:
    given = _decoded(saved)
    kind = given.pop(_AVERAGE)
    if kind not in AVERAGES:
        raise ValueError(f"there is no average {kind!r:.40}: {', '.join(AVERAGES)}")
    return AVERAGES[kind](**given)


def differences(roster: Roster, saved: SavedSettings) -> tuple[list[str], list[str]]:
    """Where other settings were saved than there are, in words: schedules, and all of them."""
    found, schedules = [], []
    mine = _completed(roster, describe(roster))
    for place, here, there in _pairs(mine._asdict(), _completed(roster, saved)._asdict()):
        if here == there or _is_code(here) or _is_code(there):
            continue
        text = f"{place} is {_show(here)} here and was {_show(there)} when it was saved"
        found.append(text)
        if _is_schedule(here) or _is_schedule(there):
            schedules.append(text)
    return schedules, found


def _pairs(mine: Any, saved: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """What stands in the same place on both sides, place by place."""
    both_mappings = isinstance(mine, dict) and isinstance(saved, dict)
    if both_mappings and not {NAME, _CODE, _AVERAGE} & (mine.keys() | saved.keys()):
        for name in [*mine, *(name for name in saved if name not in mine)]:
            yield from _pairs(
                mine.get(name, _ABSENT), saved.get(name, _ABSENT), f"{place}.{name}".lstrip(".")
            )
    elif isinstance(mine, list) and isinstance(saved, list) and len(mine) == len(saved):
        for i, (here, there) in enumerate(zip(mine, saved, strict=True)):
            yield from _pairs(here, there, f"{place}[{i}]")
    else:
        place = place.removeprefix("options.").removeprefix("shared.")
        yield place, mine, saved


def _is_code(value: Any) -> bool:
    return isinstance(value, dict) and _CODE in value


def _is_schedule(value: Any) -> bool:
    return isinstance(value, dict) and _AVERAGE not in value


def _show(value: Any) -> str:
    kind = next((key for key in (NAME, _AVERAGE) if isinstance(value, dict) and key in value), None)
    if kind is not None:
        try:
            return repr(_decode("", value))
        except (TypeError, ValueError):
            return f"a {value[kind]!r:.40}"
    return f"{value!r:.60}"
