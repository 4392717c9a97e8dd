"""The schedules that look their values up: what holds of one of them alone."""

from __future__ import annotations

import math
import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedule_cases import halving

import lrcore as lrc
from lrcore.checks.arguments import EXACT
from lrcore.schedules.piecewise import (
    Interp,
    Lambda,
    MultiStepDecay,
    PiecewiseConstant,
    StepDecay,
)
from lrcore.schedules.ramps import Linear

N = np.arange(400)
RATES = st.floats(0, 10)


def test_step_decay_with_offset_one_is_that_of_wikipedia() -> None:
    """Coverage S44: lr * d**floor((1 + n) / r) drops at n = 9, 19 for r = 10; S10: at 10, 20."""
    n = range(40)
    drops = {o: np.flatnonzero(np.diff(StepDecay(1.0, every=10, offset=o)(n))) + 1 for o in (0, 1)}
    assert drops[1].tolist() == [9, 19, 29, 39]
    assert drops[0].tolist() == [10, 20, 30]


def test_step_decay_gives_the_boundary_the_new_value() -> None:
    """Coverage S33: a tenth from epoch 30 on."""
    s = StepDecay(1.0, every=30)
    assert [s(29), s(30), s(59), s(60)] == [1.0, 0.1, 0.1, 0.1**2]


def test_step_decay_per_epoch_is_constant_inside_an_epoch() -> None:
    """Coverage S22: StepLR(step_size=10, gamma=.1), stepped once an epoch of 390 updates."""
    s = StepDecay(1.0, every=10, factor=0.1).per_epoch(390)(range(390 * 11))
    assert (s[: 390 * 10] == 1.0).all()
    assert (s[390 * 10 :] == 0.1).all()


def test_step_decay_equals_torch_step_lr() -> None:
    """Coverage S10."""
    values = 0.1 * 0.5 ** (N // 30)
    np.testing.assert_allclose(StepDecay(0.1, every=30, factor=0.5)(N), values, rtol=1e-14)


def test_milestones_give_the_boundary_the_new_value() -> None:
    s = MultiStepDecay(1.0, [30, 80], factor=0.5)
    assert [s(29), s(30), s(79), s(80), s(EXACT)] == [1.0, 0.5, 0.5, 0.25, 0.25]


def test_equal_milestones_are_those_of_step_decay() -> None:
    steps = StepDecay(0.3, every=10, factor=0.7)
    s = MultiStepDecay(0.3, range(10, 400, 10), factor=0.7)
    np.testing.assert_array_equal(s(N), steps(N))


def test_boundaries_up_to_the_largest_index_are_exact() -> None:
    s = PiecewiseConstant([EXACT - 1, EXACT], [0.1, 0.2, 0.3])
    assert s([EXACT - 2, EXACT - 1, EXACT]).tolist() == [0.1, 0.2, 0.3]


def test_sequences_of_any_kind_are_the_same_schedule() -> None:
    s = PiecewiseConstant((2, 4), (0.5, 0.25, 0.125))
    assert s == PiecewiseConstant([2, 4], [0.5, 0.25, 0.125])
    assert s == PiecewiseConstant(range(2, 6, 2), np.array([0.5, 0.25, 0.125]))  # type: ignore[arg-type]
    assert s == PiecewiseConstant(np.array([2, 4]), [np.float32(0.5), 0.25, 0.125])  # type: ignore[arg-type]
    assert [type(x) for x in (*s.boundaries, *s.values)] == [int] * 2 + [float] * 3


def test_a_table_cannot_be_changed_from_outside() -> None:
    boundaries = [2, 4]
    s = PiecewiseConstant(boundaries, [0.5, 0.25, 0.125])
    boundaries[0] = 3
    assert s(2) == 0.25


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: MultiStepDecay(0.1, [30, 20]),
            r"MultiStepDecay: milestones must be strictly increasing, got \(30, 20\)",
        ),
        (
            lambda: MultiStepDecay(0.1, [30, 0]),
            r"milestones must be a sequence, each item an integer in \[1, \d+\], got \[30, 0\]",
        ),
        (
            lambda: PiecewiseConstant([30], [0.1]),
            r"values must be 2 numbers, one more than the boundaries, got \(0.1,\)",
        ),
        (
            lambda: Interp([0, 30], [0.1]),
            r"Interp: values must be 2 numbers, as many as the steps, got \(0.1,\)",
        ),
        (lambda: Interp([], []), r"Interp: steps must be at least one integer, got \(\)"),
        (lambda: Lambda(0.1), r"Lambda: fn must be callable, got 0.1"),  # type: ignore[arg-type]
    ],
)
def test_messages_say_what_is_wrong_with_a_table(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()


TABLE = st.lists(st.tuples(st.integers(1, 1000), RATES), min_size=1, max_size=8)


@given(st.integers(0, 1000), TABLE)
def test_interp_equals_that_of_numpy(begin: int, table: list[tuple[int, float]]) -> None:
    steps = np.cumsum([begin] + [gap for gap, _ in table[1:]])
    values = [value for _, value in table]
    t = np.arange(0, steps[-1] + 100, 7)
    # NumPy takes the slope first, and both round a few times
    s = Interp(steps, values)  # type: ignore[arg-type]
    np.testing.assert_allclose(s(t), np.interp(t, steps, values), rtol=1e-14, atol=1e-14)
    assert s(steps).tolist() == values


@given(TABLE, st.lists(st.floats(0, 1e4)))
def test_interp_is_never_negative(table: list[tuple[int, float]], t: list[float]) -> None:
    steps = np.cumsum([gap for gap, _ in table])
    assert (Interp(steps, [value for _, value in table])(t) >= 0).all()  # type: ignore[arg-type]


# Lambda


def test_a_lambda_calls_its_function_once_for_each_update_with_an_int() -> None:
    seen: list[Any] = []

    def fn(t: int) -> float:
        seen.append(t)
        return 0.1

    s = Lambda(fn)
    s(3)
    s([5, 5, 2])
    s(np.array([[7.0]]))
    assert seen == [3, 5, 5, 2, 7]
    assert {type(t) for t in seen} == {int}


def test_a_lambda_has_the_last_rate_between_updates() -> None:
    np.testing.assert_array_equal(Lambda(halving).stretch(3.0)(N), 0.5 ** (N // 3))


def test_an_optimizer_does_not_call_a_lambda_ahead() -> None:
    seen: list[int] = []

    def fn(t: int) -> float:
        seen.append(t)
        return 0.1

    s = Lambda(fn)
    assert not s._is_pure
    assert not (s * 0.5).warmup(3)._is_pure
    opt = lrc.SGD(np.zeros(1), lr=s)
    for _ in range(3):
        opt.step(np.ones(1))
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("value", [1, np.float32(0.25), np.int64(2), 0, -0.0])
def test_numbers_of_any_kind_are_rates(value: Any) -> None:
    s = Lambda(lambda t: value)
    assert type(s(0)) is float
    assert math.copysign(1.0, s(0)) == 1.0
    assert s(0) == s([0])[0] == float(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, -1e-300, 10**400])
def test_a_rate_out_of_range_is_a_value_error(value: Any) -> None:
    s = Lambda(lambda t: value if t == 3 else 0.1, name="mine")
    message = r"name='mine'\): the value at update 3 must be a finite number in \[0, inf\), got"
    assert s([0, 1, 2]).tolist() == [0.1, 0.1, 0.1]
    for t in (3, [2, 3]):
        with pytest.raises(ValueError, match=message):
            s(t)


@pytest.mark.parametrize("value", [None, "0.1", True, 1j, [0.1], np.ones(1)])
def test_what_is_no_number_is_no_rate(value: Any) -> None:
    for t in (3, [2, 3]):
        with pytest.raises(TypeError, match="must be a finite number"):
            Lambda(lambda t: value)(t)


def test_an_error_of_the_function_is_passed_on() -> None:
    with pytest.raises(ZeroDivisionError):
        Lambda(lambda t: 1 / t)(0)


def test_lambdas_are_equal_by_function_and_name() -> None:
    other = partial(halving)
    assert Lambda(halving) == Lambda(halving)
    assert hash(Lambda(halving, "a")) == hash(Lambda(halving, "a"))
    assert len({Lambda(halving), Lambda(halving, "a"), Lambda(other), Lambda(other, "a")}) == 4


def test_the_repr_of_a_lambda_names_its_function() -> None:
    assert repr(Lambda(halving)) == "Lambda(fn=halving)"
    assert repr(Lambda(math.exp, "e") * 0.5) == "Lambda(fn=exp, name='e') * 0.5"
    assert repr(Lambda(Linear(1, 0, 5))) == "Lambda(fn=Linear(start=1.0, end=0.0, steps=5))"


def test_a_lambda_that_cannot_be_pickled_says_so() -> None:
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(Lambda(lambda t: 0.1))
