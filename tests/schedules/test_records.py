"""Schedules as data: what is written, and the place of whatever cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import lrcore as lrc
from lrcore.schedules import from_data
from lrcore.schedules.algebra import OPERATORS
from lrcore.schedules.catalogue import SCHEDULES, Constant, Schedule
from lrcore.schedules.from_text import NAMES

NESTED = lrc.StepDecay(0.1, every=30).warmup(5).then(lrc.Constant(0.01), at=90)


def changed(change: Callable[[Any], object]) -> Any:
    d = NESTED.to_dict()
    change(d)
    return d


@pytest.mark.parametrize("name", NAMES)
def test_every_schedule_is_rebuilt_from_json(name: str) -> None:
    s = SCHEDULES[name].example(0.1, 100)
    assert lrc.schedule_from_dict(json.loads(json.dumps(s.to_dict()))) == s


def test_every_class_can_be_read() -> None:
    assert from_data.CLASSES.keys() == SCHEDULES.keys() | OPERATORS.keys()


def test_a_schedule_is_written_with_all_its_arguments() -> None:
    assert lrc.CosineAnnealing(1, 10).warmup(2).to_dict() == {
        "schedule": "Warmup",
        "inner": {"schedule": "CosineAnnealing", "lr": 1.0, "steps": 10, "end": 0.0, "exponent": 1},
        "steps": 2,
        "start": 0.0,
        "shape": "linear",
        "skip_zero": True,
    }


def test_arguments_with_a_default_may_be_left_out() -> None:
    d = {"schedule": "CosineAnnealing", "lr": 1, "steps": 10}
    assert lrc.schedule_from_dict(d) == lrc.CosineAnnealing(1.0, 10)


def test_the_dict_that_is_read_is_left_alone() -> None:
    d = NESTED.to_dict()
    lrc.schedule_from_dict(d)
    assert d == NESTED.to_dict()


WRONG: dict[str, tuple[Any, type[Exception]]] = {
    "d: a schedule is a dict, got 3": (3, TypeError),
    "d: a schedule is a dict, got [": ([NESTED.to_dict()], TypeError),
    'd: the key "schedule" with the name of a schedule is missing': ({}, ValueError),
    'd["schedule"] must be the name of a schedule, got 3': ({"schedule": 3}, TypeError),
    "d: there is no schedule 'Cosine'; did you mean CosineAnnealing": (
        {"schedule": "Cosine"},
        ValueError,
    ),
    'd["inner"]["inner"]: there is no schedule \'Stp\'; there is Constant': (
        changed(lambda d: d["inner"]["inner"].update(schedule="Stp")),
        ValueError,
    ),
    "d[\"inner\"]: Warmup has no key 'stpes'; did you mean steps or shape?": (
        changed(lambda d: d["inner"].update(stpes=3)),
        ValueError,
    ),
    "d: Then has no key 3; keys are words": (changed(lambda d: d.update({3: 4})), ValueError),
    "d[\"other\"]: Constant lacks the key 'lr'": (
        changed(lambda d: d["other"].pop("lr")),
        ValueError,
    ),
    "d: Then lacks the key 'inner'": (changed(lambda d: d.pop("inner")), ValueError),
    "d[\"other\"]: Constant: lr must be a finite number in [0, inf), got '0.1'": (
        changed(lambda d: d["other"].update(lr="0.1")),
        TypeError,
    ),
    'd["other"]: Constant: lr must be a finite number in [0, inf), got -1': (
        changed(lambda d: d["other"].update(lr=-1)),
        ValueError,
    ),
    "d: Then: other must be a Schedule, got 0.1": (
        changed(lambda d: d.update(other=0.1)),
        TypeError,
    ),
    'd["other"]: Constant: lr must be a finite number in [0, inf), got Constant(lr=1.0)': (
        changed(lambda d: d["other"].update(lr={"schedule": "Constant", "lr": 1})),
        TypeError,
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_cannot_be_read_is_refused_with_its_place(message: str) -> None:
    d, kind = WRONG[message]
    with pytest.raises(kind) as error:
        lrc.schedule_from_dict(d)
    assert str(error.value).startswith(message)


def nested(depth: int) -> Schedule:
    s: Schedule = Constant(0.1)
    for _ in range(depth):
        s = s.shift(1)
    return s


def test_the_greatest_depth_is_read_and_written() -> None:
    s = nested(from_data.DEEPEST)
    assert lrc.schedule_from_dict(s.to_dict()) == s


def test_a_greater_depth_is_neither_read_nor_written() -> None:
    s = nested(from_data.DEEPEST + 1)
    with pytest.raises(ValueError, match="more than 100 schedules inside of one another"):
        s.to_dict()
    d: Any = nested(from_data.DEEPEST).to_dict()
    for _ in range(2000):
        d = {"schedule": "Shift", "inner": d, "n": 1}
    with pytest.raises(ValueError, match="more than 100 schedules inside of one another"):
        lrc.schedule_from_dict(d)


def test_a_function_of_the_users_is_neither_read_nor_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s = lrc.Constant(0.1).warmup(5)
    monkeypatch.setattr(Constant, "_pure", False)
    with pytest.raises(TypeError, match="Constant calls a function of yours"):
        s.to_dict()
    with pytest.raises(TypeError, match=r"^d: Constant calls a function of yours"):
        lrc.schedule_from_dict({"schedule": "Constant", "lr": 0.1})


def test_a_schedule_of_the_users_is_not_written() -> None:
    class Mine(Schedule):
        def _at(self, t: Any, m: Any) -> Any:
            return t

        def _length(self) -> None:
            return None

        @classmethod
        def _example(cls, lr: float, steps: int) -> Mine:
            raise NotImplementedError

    with pytest.raises(TypeError, match="Mine is not a schedule of lrcore's"):
        Mine.to_dict(object.__new__(Mine))


def test_a_class_of_yours_is_no_data_even_if_it_calls_itself_pure() -> None:
    class Pure(lrc.Schedule, pure=True):
        def _at(self, t: Any, m: Any) -> Any:
            return 0.1 + 0.0 * t

        def _length(self) -> int | None:
            return 0

        @classmethod
        def _example(cls, lr: float, steps: int) -> Any:
            return cls()

    with pytest.raises(TypeError, match=r"^to_dict: Pure is not a schedule of lrcore's$"):
        object.__new__(Pure).to_dict()
