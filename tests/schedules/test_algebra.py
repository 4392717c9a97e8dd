"""The algebra: repetition, and what holds for any combination of schedules."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import math
import pickle
import re
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from random_schedules import TIMES, schedules

import lrcore as lrc
from lrcore.checks.arguments import EXACT
from lrcore.schedules.algebra import OPERATORS
from lrcore.schedules.catalogue import SCHEDULES, Schedule
from lrcore.schedules.from_text import METHODS, parse

COSINE = lrc.CosineAnnealing(1.0, 100, end=0.125)
T = np.arange(300)


def bits(x: float) -> bytes:
    assert type(x) is float
    return struct.pack("<d", x)


# Repetition


def test_repeat_begins_again_after_its_period() -> None:
    np.testing.assert_array_equal(COSINE.repeat(70)(T), COSINE(T % 70))


def test_repeat_lowers_each_round() -> None:
    values = COSINE.repeat(70, decay=0.5)(T)
    np.testing.assert_array_equal(values, COSINE(T % 70) * 0.5 ** (T // 70))


def test_repeat_is_exact_at_the_largest_update() -> None:
    period = 3
    s = lrc.CosineAnnealing(1.0, period).repeat(period)
    for t in (EXACT, EXACT - 1, EXACT - 2):
        assert s(t) == s(t % period)


def test_a_repeated_growth_that_has_died_out_is_zero() -> None:
    s = lrc.ExponentialDecay(1.0, gamma=2.0).repeat(10**6, decay=0.01)
    assert s(10**9 - 1) == 0.0
    assert s([10**9 - 1]).tolist() == [0.0]


def test_the_length_of_a_repetition_is_that_of_a_level_one_or_none() -> None:
    level = lrc.Constant(0.1)
    assert level.repeat(5).length == 0
    assert lrc.Constant(0.0).repeat(5, decay=0.5).length == 0
    assert level.repeat(5, decay=0.5).length is None
    assert COSINE.repeat(5).length is None


@pytest.mark.parametrize("period", [0, -1, 1.5, True, None, EXACT + 1], ids=repr)
def test_a_senseless_period_is_refused(period: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^Repeat: period must be an integer in \[1"):
        COSINE.repeat(period)


@pytest.mark.parametrize("decay", [0.0, -1.0, math.nan, math.inf, True, None], ids=repr)
def test_a_senseless_decay_of_rounds_is_refused(decay: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^Repeat: decay must be a finite number"):
        COSINE.repeat(5, decay=decay)


# Every class


EVERY = [*SCHEDULES.values(), *OPERATORS.values()]
every_class = pytest.mark.parametrize("cls", EVERY, ids=lambda cls: cls.__name__)


def test_every_operator_is_a_method_or_a_sign() -> None:
    signs = {name for name, cls in OPERATORS.items() if cls._infix}
    assert signs == {"Scaled", "Product", "Sum"}
    assert len(METHODS) == len(OPERATORS) - len(signs)
    for name in METHODS:
        assert inspect.signature(getattr(Schedule, name)).return_annotation == "Schedule"


@every_class
def test_the_signature_shows_the_arguments(cls: Any) -> None:
    names = [f.name for f in dataclasses.fields(cls) if f.init]
    assert sorted(inspect.signature(cls).parameters) == sorted(names)


@every_class
def test_arguments_that_are_missing_or_unknown_are_refused_with_the_class(cls: Any) -> None:
    for arguments in ({}, {"nonsense": 1}):
        with pytest.raises(TypeError, match=rf"\b{cls.__name__}\b.* argument"):
            cls(**arguments)


@every_class
def test_no_instance_has_room_for_other_attributes(cls: type) -> None:
    assert "__slots__" in vars(cls)
    assert not hasattr(cls, "__dict__") or "__dict__" not in vars(cls)


def test_nothing_can_be_set_or_deleted() -> None:
    s = COSINE.warmup(3)
    for name in ("steps", "inner", "new"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=name):
            setattr(s, name, 3)
    with pytest.raises(dataclasses.FrozenInstanceError, match="steps"):
        del s.steps  # type: ignore[attr-defined]


def test_classes_with_equal_arguments_are_unequal() -> None:
    a, b = lrc.Constant(0.1), lrc.Constant(0.2)
    assert len({a * b, a + b, a.minimum(b)}) == 3
    assert a != 0.1


# Any combination


@given(schedules(), TIMES)
def test_any_combination_is_finite_and_not_negative(s: Schedule, t: list[float]) -> None:
    values = s(t)
    assert ((values >= 0) & (values < math.inf)).all()


@given(schedules(), TIMES)
def test_any_combination_gives_the_same_bits_one_by_one(s: Schedule, t: list[float]) -> None:
    assert [bits(s(x)) for x in t] == [bits(x) for x in s(t).tolist()]


@given(schedules())
def test_any_combination_is_rebuilt_from_its_repr(s: Schedule) -> None:
    assert parse(repr(s)) == s


@given(schedules())
def test_any_combination_is_rebuilt_from_json(s: Schedule) -> None:
    assert lrc.schedule_from_dict(json.loads(json.dumps(s.to_dict()))) == s


@given(schedules())
def test_any_combination_survives_pickling_and_copying(s: Schedule) -> None:
    others = [pickle.loads(pickle.dumps(s)), copy.copy(s), copy.deepcopy(s)]
    assert others == [s] * 3
    assert {hash(other) for other in others} == {hash(s)}


@given(schedules(), TIMES)
def test_any_combination_rests_after_its_length(s: Schedule, t: list[float]) -> None:
    if s.length is not None and s.length <= EXACT // 2:
        assert {s(s.length + x) for x in t} <= {s(s.length)}


# Descriptions


def point(s: Schedule, text: str) -> int:
    """The update of "RATE at update T", after a look at the rate."""
    rate, update = re.fullmatch(r"\D*?(\S+) at update (\d+)", text).groups()  # type: ignore[union-attr]
    assert rate == f"{s(int(update)):.4g}"
    return int(update)


@given(schedules())
def test_every_figure_of_a_description_is_a_value_of_the_schedule(s: Schedule) -> None:
    text = s.describe()
    points = re.findall(r"\S+ at update \d+", text)
    assert points or "Stays at" in text or "at every update" in text
    for found in points:
        point(s, found)


@given(schedules())
def test_a_description_names_the_first_the_highest_and_the_lowest_rate(s: Schedule) -> None:
    text, y = s.describe(steps=300), s(range(300))
    if text.startswith("Stays") or "every" in text:
        assert np.ptp(y) <= 1e-12 * y.max()  # turns of less are taken for rounding
        assert text.startswith((f"Stays at {y[0]:.4g}", f"{y[0]:.4g} at every update."))
    else:
        assert text.startswith(f"Starts at {y[0]:.4g}, ")
        wanted = f" Highest {y.max():.4g} at update {y.argmax()}, "
        assert wanted + f"lowest {y.min():.4g} at update {y.argmin()}." in text


@given(schedules())
def test_between_the_points_of_a_description_rates_go_as_it_says(s: Schedule) -> None:
    y = s(range(300))
    noise = 1e-11 * y.max()  # turns of less are taken for rounding
    here, verb, count = 0, "", 0
    story = s.describe(steps=300).split(". ")[0].removesuffix(".")
    for phrase in re.split(", | and ", story)[1:]:
        word, *more = phrase.split()
        verb = verb if word in ("to", "first", "last") else word
        if verb == "turns":
            return
        if phrase.endswith("times"):
            count = int(more[0])
        elif verb == "holds":
            there = int(more[-1])
            assert set(y[here : there + 1]) == {y[here]}
            here = there
        elif verb == "stays":
            assert np.ptp(y[here:]) <= noise
        elif word != "first":
            there = point(s, phrase)
            steps = np.diff(y[here : there + 1])
            sign = {"rises": 1, "jumps": 1, "falls": -1, "drops": -1}[verb]
            assert (sign * steps >= -noise).all()
            assert word != "last" or np.count_nonzero(steps) == count
            here = there


def test_descriptions_read_well() -> None:
    constant, cosine = lrc.Constant(0.1), lrc.CosineAnnealing(0.1, 1000)
    texts = {
        constant: "0.1 at every update.",
        cosine.warmup(100): (
            "Starts at 0.001, rises to 0.1 at update 99, falls to 0 at update 1100 and stays "
            "there. Highest 0.1 at update 99, lowest 0 at update 1100."
        ),
        constant.warmup(10).then(cosine, at=500): (
            "Starts at 0.01, rises to 0.1 at update 9, holds until update 500, falls to 0 at "
            "update 1500 and stays there. Highest 0.1 at update 9, lowest 0 at update 1500."
        ),
        lrc.StepDecay(1.0, every=10, factor=0.5): (
            "Starts at 1, drops 9 times, first to 0.5 at update 10, last to 0.001953 at update "
            "90. Highest 1 at update 0, lowest 0.001953 at update 90. This tells of updates 0 to "
            "99; it has no end."
        ),
        lrc.Cyclical(0.0, 1.0, 10): (
            "Starts at 0, turns 9 times, first with 1 at update 10, last with 1 at update 90, "
            "comes to 0.1 at update 99. Highest 1 at update 10, lowest 0 at update 0. This tells "
            "of updates 0 to 99; it has no end."
        ),
    }
    assert {s: s.describe() for s in texts} == texts


def test_a_long_schedule_is_described_by_a_sample_that_finds_its_turns() -> None:
    s = lrc.CosineAnnealing(0.1, 10**9).warmup(12_345_678).then(lrc.Constant(0.2), at=3 * 10**9 + 1)
    text = s.describe()
    assert "rises to 0.1 at update 12345677," in text
    assert "jumps to 0.2 at update 3000000001 and stays there" in text
    assert re.search(r"Looked at \d+ of 3000000002 updates: between them it may do more\.$", text)


def test_a_description_may_stop_before_the_end() -> None:
    text = lrc.CosineAnnealing(1.0, 100).describe(steps=51)
    assert text.startswith("Starts at 1, falls to 0.5 at update 50. ")
    assert text.endswith("This tells of updates 0 to 50; its end is at update 100.")


def test_a_growth_without_bound_is_described_as_such() -> None:
    text = lrc.ExponentialDecay(1.0, gamma=2.0).describe(steps=2000)
    assert text.startswith("Starts at 1, rises to inf at update 1024. Highest inf at update 1024, ")


def test_many_drops_at_odd_times_are_told_as_one_fall() -> None:
    s: Schedule = lrc.Constant(1.0)
    for k in range(1, 10):
        s = s.then(lrc.Constant(2.0**-k), at=4**k)
    assert s.describe().startswith("Starts at 1, falls to 0.001953 at update 262144 and stays ")


def test_a_function_of_the_users_is_not_asked_about_more_than_a_thousand_updates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lrc.InverseTimeDecay, "_pure", False)
    text = lrc.InverseTimeDecay(1.0, rate=1e-6).describe()
    assert text.endswith("This tells of updates 0 to 999; it has no end.")


@pytest.mark.parametrize("steps", [0, -1, 1.5, True], ids=repr)
def test_a_senseless_run_to_describe_is_refused(steps: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^describe: steps must be an integer"):
        COSINE.describe(steps)


def test_what_a_sample_misses_is_not_denied():
    low = lrc.Constant(0.1)
    hidden = low.then(lrc.Constant(0.2).then(low, at=5), at=200_000)
    text = hidden.describe()
    assert "every update" not in text
    assert text.endswith("between them it may do more.")


def test_a_sample_is_not_in_step_with_what_is_periodic():
    low = lrc.Constant(0.1)
    cycles = low.then(lrc.Cyclical(0.0, 0.1, 25), at=1000).then(low, at=200_001)
    turns = re.search(r"turns at least (\d+) times", cycles.describe())
    assert turns
    assert int(turns[1]) > 1000
