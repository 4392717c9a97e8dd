"""The schedules: values, boundaries, agreement of calls, arguments, and the algebra."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
import operator
import pickle
import re
import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedule_cases import (
    BY_NAME,
    CASES,
    COUNT,
    FLAG,
    INF,
    MODES,
    NAN,
    NUMBER,
    OPTIONS,
    POSITIVE,
    Case,
    halving,
)

from lrcore.checks.arguments import EXACT
from lrcore.schedules import catalogue
from lrcore.schedules.catalogue import (
    SCHEDULES,
    WSD,
    Constant,
    CosineAnnealing,
    CosineWarmRestarts,
    Cyclical,
    ExponentialDecay,
    Interp,
    InverseScaling,
    InverseSqrt,
    InverseTimeDecay,
    Lambda,
    Linear,
    MultiStepDecay,
    OneCycle,
    PiecewiseConstant,
    PolynomialDecay,
    Schedule,
    StepDecay,
    Sweep,
    TimeBasedDecay,
)

every_case = pytest.mark.parametrize("case", CASES, ids=BY_NAME)
COSINE = CosineAnnealing(1.0, 100, end=0.125)
HALVING = ExponentialDecay(1.0, gamma=0.5)

COMBINATIONS: dict[str, Schedule] = {
    "linear warm-up": COSINE.warmup(10),
    "linear warm-up from zero": COSINE.warmup(10, skip_zero=False),
    "cosine warm-up": COSINE.warmup(10, start=0.1, shape="cosine"),
    "exponential warm-up": COSINE.warmup(10, start=0.01, shape="exp"),
    "warm-up of a growing schedule": (HALVING + Constant(1.0)).warmup(3, start=2.0),
    "sequence": COSINE.then(Constant(0.5), at=50),
    "sequence at the end": COSINE.then(HALVING),
    "epochs": COSINE.per_epoch(7),
    "smooth epochs": COSINE.per_epoch(7, smooth=True),
    "scaled": COSINE * 0.1,
    "scaled from the left": 0.1 * COSINE,
    "product": COSINE * HALVING,
    "product of a sum": (COSINE + HALVING) * (HALVING + 0.5),
    "sum": COSINE + HALVING,
    "sum with a number": 0.5 + COSINE,
    "clip": HALVING.clip(0.1, 0.9),
    "later": COSINE.shift(13),
    "earlier": COSINE.shift(-13),
    "stretched": COSINE.stretch(2.5),
    "shrunk": COSINE.stretch(0.3),
    "minimum": COSINE.minimum(HALVING),
    "nested": (COSINE.warmup(5) * 0.1).then(Constant(0.3).minimum(HALVING), 40).stretch(3.0),
}
every_combination = pytest.mark.parametrize("s", COMBINATIONS.values(), ids=COMBINATIONS)

VARIANTS: list[Schedule] = [
    *(case.schedule for case in CASES),
    *OPTIONS,
    *COMBINATIONS.values(),
]


def bits(x: float) -> bytes:
    assert type(x) is float
    return struct.pack("<d", x)


def rebuilt(s: Schedule) -> Any:
    return eval(repr(s), {**vars(catalogue), "halving": halving})


# The table


def test_every_schedule_has_a_case() -> None:
    assert BY_NAME.keys() == SCHEDULES.keys()


@every_case
def test_every_argument_has_values_to_refuse(case: Case) -> None:
    assert case.refused.keys() == {f.name for f in dataclasses.fields(case.schedule) if f.init}  # type: ignore[arg-type]


def test_operators_are_not_among_the_schedules() -> None:
    assert {type(s).__name__ for s in COMBINATIONS.values()}.isdisjoint(SCHEDULES)


# Values


@every_case
def test_values_are_those_of_the_formula(case: Case) -> None:
    for t, value in case.values.items():
        # libm rounds sin and pow to within an ulp, and the formula adds a few roundings
        assert case.schedule(t) == pytest.approx(value, rel=4e-15, abs=0), t


@every_case
def test_length_is_the_first_update_from_which_nothing_changes(case: Case) -> None:
    assert case.schedule.length == case.length


@pytest.mark.parametrize("s", VARIANTS, ids=repr)
def test_nothing_changes_from_length_on(s: Schedule) -> None:
    if s.length is not None:
        later = [*range(s.length, s.length + 200), EXACT]
        assert set(s(later).tolist()) == {s(s.length)}


@pytest.mark.parametrize("s", VARIANTS, ids=repr)
def test_something_changes_at_length(s: Schedule) -> None:
    if s.length:
        assert s(s.length - 1) != s(s.length)


def test_schedules_that_never_change_have_length_zero() -> None:
    level = [
        StepDecay(0.1, every=5, factor=1.0),
        StepDecay(0.0, every=5),
        ExponentialDecay(0.1, gamma=1.0),
        ExponentialDecay(0.1, rate=0.0, end=0.05),
        TimeBasedDecay(0.1, 0.0),
        InverseTimeDecay(0.1, 0.0),
        CosineAnnealing(0.1, 5, end=0.1),
        Cyclical(0.1, 0.1, 5),
        Constant(0.1).per_epoch(7).shift(3).stretch(2.0) * 2.0,
        COSINE * 0,
        COSINE.clip(0.5, 0.5),
        Constant(0.0).warmup(5),
        Constant(1.0).warmup(5, start=1.0),
    ]
    assert [s.length for s in level] == [0] * len(level)


def test_length_of_a_warmed_up_constant_counts_until_the_top() -> None:
    assert Constant(1.0).warmup(10).length == 9
    assert Constant(1.0).warmup(10, skip_zero=False).length == 10


def test_lengths_of_combinations_follow_from_their_parts() -> None:
    assert COSINE.warmup(10).length == 110
    assert COSINE.then(COSINE).length == 200
    assert COSINE.then(HALVING).length is None
    assert COSINE.per_epoch(7).length == 700
    assert COSINE.shift(5).length == 105
    assert COSINE.shift(-500).length == 0
    assert COSINE.stretch(0.3).length == 30
    assert (COSINE + Constant(1.0).warmup(500)).length == 499
    assert (COSINE * HALVING).length is None
    assert COSINE.clip(0.2, 0.3).length == 100


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 100_003])
@pytest.mark.parametrize("lr", [0.0, 1e-3])
def test_examples_start_or_peak_at_the_rate_asked_for(name: str, steps: int, lr: float) -> None:
    values = SCHEDULES[name].example(lr, steps)(range(steps + 1))
    assert values.max() == pytest.approx(lr, rel=1e-15)


@pytest.mark.parametrize("name", sorted(SCHEDULES.keys() - {"Constant"}))
def test_examples_have_much_to_show_in_their_run(name: str) -> None:
    values = SCHEDULES[name].example(1.0, 1000)(range(1000))
    assert 0 < values.min() < 0.2


def test_an_operator_has_no_example() -> None:
    with pytest.raises(TypeError, match="Warmup is an operator"):
        type(COSINE.warmup(3)).example(0.1, 10)


def test_zero_rates_growth_and_a_high_end_are_accepted() -> None:
    assert Constant(0)(5) == 0.0
    assert StepDecay(1.0, every=1, factor=2.0)(3) == 8.0
    assert CosineAnnealing(0.1, 10, end=0.5)(10) == 0.5
    assert ExponentialDecay(0.0, gamma=3.0)(10**6) == 0.0


def test_growth_that_overflows_is_infinite() -> None:
    for s in (
        StepDecay(1.0, every=1, factor=2.0),
        ExponentialDecay(1.0, gamma=2.0),
        ExponentialDecay(1.0, rate=-1.0),
    ):
        assert s(10**9) == INF
        assert s([1, 10**9])[1] == INF


def test_nothing_times_an_overflow_is_nothing() -> None:
    growth = ExponentialDecay(1.0, gamma=2.0)
    nothing = [
        ExponentialDecay(0.0, gamma=2.0),
        StepDecay(0.0, every=1, factor=2.0),
        Cyclical(0.0, 1.0, 512, mode="exp_range", gamma=2.0),
        growth * 0,
        growth * Constant(0.0),
    ]
    for s in nothing:
        assert s(2**20) == 0.0
        assert list(s([2**20])) == [0.0]


def test_decay_that_underflows_is_zero() -> None:
    for s in (HALVING, StepDecay(1.0, every=1), TimeBasedDecay(1.0, 1.0)):
        assert s(EXACT) == 0.0


# Calls


GRID = np.unique(np.r_[0:300, 990:1010, 10**6 + np.arange(50), 2 ** np.arange(54), EXACT - 1])


@pytest.mark.parametrize("s", VARIANTS, ids=repr)
def test_one_call_equals_the_array_call_bit_for_bit(s: Schedule) -> None:
    assert [bits(s(t)) for t in GRID.tolist()] == [bits(x) for x in s(GRID).tolist()]


@pytest.mark.parametrize("s", VARIANTS, ids=repr)
def test_one_call_equals_the_array_call_between_updates(s: Schedule) -> None:
    t = GRID / 7
    assert [bits(s(x)) for x in t.tolist()] == [bits(x) for x in s(t).tolist()]


@pytest.mark.parametrize("s", VARIANTS, ids=repr)
def test_the_order_of_an_array_does_not_matter(s: Schedule) -> None:
    assert s(GRID[::-1]).tolist() == s(GRID).tolist()[::-1]


@every_case
def test_any_kind_of_number_is_an_update_index(case: Case) -> None:
    wanted = bits(case.schedule(3))
    for t in (np.int64(3), np.uint8(3), np.float32(3), np.float64(3), 3.0):
        assert bits(case.schedule(t)) == wanted


@every_case
def test_arrays_keep_their_shape(case: Case) -> None:
    s = case.schedule
    for shape in [(), (0,), (3,), (2, 3), (0, 4), (2, 1, 3)]:
        values = s(np.ones(shape, np.int32))
        assert values.shape == shape
        assert values.dtype == np.float64
        assert (values == s(1)).all()
    assert s([1, 1]).shape == (2,)
    assert s([]).shape == (0,)


@every_case
@pytest.mark.parametrize("t", [-1, -0.5, NAN, INF, 10**400, [3, -1], [NAN], [INF]], ids=repr)
def test_an_impossible_update_index_is_refused(case: Case, t: Any) -> None:
    with pytest.raises(ValueError, match=r"t must be finite and >= 0, got"):
        case.schedule(t)


@every_case
@pytest.mark.parametrize("t", [True, "3", None, 1j, ["3"], [True], [1j], [None]], ids=repr)
def test_what_is_no_number_is_no_update_index(case: Case, t: Any) -> None:
    with pytest.raises(TypeError, match="t must be a number or an array"):
        case.schedule(t)


@every_case
def test_the_array_that_is_asked_about_is_left_alone(case: Case) -> None:
    t = np.arange(5.0)
    case.schedule(t)[:] = 7.0
    assert t.tolist() == [0, 1, 2, 3, 4]


# Values among values


@pytest.mark.parametrize("s", VARIANTS, ids=repr)
def test_repr_rebuilds_the_schedule(s: Schedule) -> None:
    assert rebuilt(s) == s


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("s", VARIANTS, ids=repr)
def test_pickle_rebuilds_the_schedule(s: Schedule, protocol: int) -> None:
    again = pickle.loads(pickle.dumps(s, protocol))
    assert (again, hash(again), repr(again)) == (s, hash(s), repr(s))
    assert again(1000) == s(1000)


@pytest.mark.parametrize("s", VARIANTS, ids=repr)
def test_copies_are_equal(s: Schedule) -> None:
    assert copy.copy(s) == copy.deepcopy(s) == s


def test_reprs_read_as_they_were_written() -> None:
    texts = [
        "CosineAnnealing(lr=0.001, steps=100).warmup(10)",
        "CosineAnnealing(lr=0.001, steps=100).warmup(10, start=0.1, shape='exp') * 0.5",
        "(Constant(lr=0.1) + Constant(lr=0.2)).then(Constant(lr=0.3), 7).per_epoch(3, smooth=True)",
        "Constant(lr=0.1).clip(0.0, 0.05).shift(-3).stretch(2.0).minimum(Constant(lr=0.2))",
        "(Constant(lr=0.1) * Constant(lr=0.2)) * (Constant(lr=0.1) + Constant(lr=0.2))",
    ]
    for text in texts:
        assert repr(eval(text, vars(catalogue))) == text


def test_different_schedules_are_unequal() -> None:
    assert len(set(VARIANTS)) == len({repr(s) for s in VARIANTS})
    assert Constant(0.1) != Constant(0.2)
    assert COSINE.warmup(3) != COSINE.warmup(4)
    assert HALVING * COSINE != HALVING + COSINE


@every_case
def test_schedules_are_frozen(case: Case) -> None:
    name = next(iter(case.refused))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(case.schedule, name, 1.0)


def test_numpy_scalars_are_stored_as_python_numbers() -> None:
    s = StepDecay(np.float32(0.5), every=np.int16(3), factor=np.float64(0.25), offset=np.uint8(1))  # type: ignore[arg-type]
    assert s == StepDecay(0.5, every=3, factor=0.25, offset=1)
    assert [type(x) for x in (s.lr, s.every, s.factor, s.offset)] == [float, int, float, int]
    assert type(ExponentialDecay(1.0, gamma=0.5, staircase=np.True_).staircase) is bool  # type: ignore[arg-type]


def test_a_negative_zero_is_stored_as_zero() -> None:
    assert bits(Constant(-0.0).lr) == bits(0.0)


# Arguments


def shown(value: Any) -> str:
    """Without an address in memory, which is another in every process."""
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))


REFUSED = [
    pytest.param(
        case.schedule, name, value, id=f"{type(case.schedule).__name__}-{name}-{shown(value)}"
    )
    for case in CASES
    for name, values in case.refused.items()
    for value in values
]


@pytest.mark.parametrize(("s", "name", "value"), REFUSED)
def test_senseless_arguments_are_refused_by_name(s: Any, name: str, value: Any) -> None:
    others = {"gamma": None, "rate": None, "half_life": None}
    if isinstance(s, ExponentialDecay) and name in others:
        changes = others | {name: value}
    else:
        changes = {name: value}
    with pytest.raises((TypeError, ValueError)) as error:
        dataclasses.replace(s, **changes)
    assert str(error.value).startswith(f"{type(s).__name__}: {name} must be ")
    assert repr(value) in str(error.value)


def test_numbers_out_of_range_are_value_errors() -> None:
    wanted = r"CosineAnnealing: lr must be a finite number in \[0, inf\), got -1"
    with pytest.raises(ValueError, match=wanted):
        CosineAnnealing(-1, 10)
    with pytest.raises(ValueError, match=r"steps must be an integer in \[1, \d+\], got 0"):
        CosineAnnealing(1, 0)


def test_what_is_no_number_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"lr must be a finite number in \[0, inf\), got True"):
        CosineAnnealing(True, 10)
    with pytest.raises(TypeError, match=r"steps must be an integer in .*, got 3.5"):
        CosineAnnealing(1, 3.5)  # type: ignore[arg-type]


def zeros(case: Case) -> Iterator[tuple[str, Any]]:
    """The arguments of a schedule that count updates, and zeros that none of them may be."""
    for name, refused in case.refused.items():
        if refused is not FLAG and refused[0] in (0, (0, 1, 2)) and type(refused[0]) is not float:
            yield name, refused[0]


@pytest.mark.parametrize(
    ("s", "name", "value"), [(c.schedule, *zero) for c in CASES for zero in zeros(c)], ids=repr
)
def test_a_length_that_came_out_as_zero_is_told_what_to_write(
    s: Any, name: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=r"got \(?0.*; ") as error:
        dataclasses.replace(s, **{name: value})
    way = str(error.value).partition("; ")[2]
    assert re.search(r"Constant\(lr\)\.warmup\(n\)|-\(-rows // batch\)|a lower rate", way)


@pytest.mark.parametrize(
    ("make", "way"),
    [
        (lambda: COSINE.warmup(0), "leave .warmup out"),
        (lambda: COSINE.then(HALVING, 0), "write it alone"),
        (lambda: COSINE.then(HALVING, at=np.int64(0)), "write it alone"),
        (lambda: COSINE.per_epoch(10 // 16), "-(-rows // batch)"),
        (lambda: COSINE.repeat(0), "leave .repeat out"),
        (lambda: COSINE.stretch(0.0), "Constant(end)"),
    ],
)
def test_an_operator_of_no_length_is_told_what_to_write(make: Any, way: str) -> None:
    with pytest.raises(ValueError, match="; ") as error:
        make()
    assert way in str(error.value)


@pytest.mark.parametrize("steps", [-1, False, 0.5, None])
def test_what_is_not_zero_is_told_its_range_alone(steps: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"got [^;]+$"):
        CosineAnnealing(0.1, steps)


BAD_OPERATORS: list[tuple[str, Callable[[], Any]]] = [
    *(("Warmup: steps", lambda v=v: COSINE.warmup(v)) for v in COUNT),
    *(("Warmup: start", lambda v=v: COSINE.warmup(3, start=v)) for v in NUMBER),
    *(("Warmup: start", lambda v=v: COSINE.warmup(3, start=v, shape="exp")) for v in POSITIVE),
    *(("Warmup: shape", lambda v=v: COSINE.warmup(3, shape=v)) for v in ("cubic", None)),
    *(("Warmup: skip_zero", lambda v=v: COSINE.warmup(3, skip_zero=v)) for v in FLAG),
    *(("Then: at", lambda v=v: COSINE.then(COSINE, v)) for v in COUNT if v is not None),
    *(("Then: other", lambda v=v: COSINE.then(v, 3)) for v in (0.1, None, math.cos)),
    ("Then: Constant", lambda: Constant(0.1).then(COSINE)),
    ("Then: ExponentialDecay", lambda: HALVING.then(COSINE)),
    *(("PerEpoch: n", lambda v=v: COSINE.per_epoch(v)) for v in COUNT),
    *(("PerEpoch: smooth", lambda v=v: COSINE.per_epoch(3, smooth=v)) for v in FLAG),
    *(("Clip: lo", lambda v=v: COSINE.clip(v, 1.0)) for v in NUMBER),
    *(("Clip: hi", lambda v=v: COSINE.clip(0.5, v)) for v in (0.4, *NUMBER)),
    *(("Shift: n", lambda v=v: COSINE.shift(v)) for v in (0.5, None, True, -EXACT - 1)),
    *(("Stretch: k", lambda v=v: COSINE.stretch(v)) for v in POSITIVE),
    *(("Scaled: factor", lambda v=v: COSINE * v) for v in (-1, -0.5, NAN, INF, True)),
    *(("Minimum: other", lambda v=v: COSINE.minimum(v)) for v in (0.1, None)),
    ("Constant: lr", lambda: COSINE + -1.0),
]


@pytest.mark.parametrize(("begin", "make"), BAD_OPERATORS)
def test_operators_refuse_senseless_arguments_by_name(begin: str, make: Callable[[], Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{begin}"):
        make()


@pytest.mark.parametrize("other", ["2", None, [2], np.arange(2), 2j], ids=repr)
@pytest.mark.parametrize("operation", [operator.mul, operator.add])
def test_arithmetic_with_anything_else_is_a_type_error(operation: Any, other: Any) -> None:
    with pytest.raises(TypeError):
        operation(COSINE, other)
    with pytest.raises(TypeError):
        operation(other, COSINE)


# Operators


T = np.arange(300)


def test_warmup_does_not_waste_the_first_update() -> None:
    ramp = COSINE.warmup(4)(range(5))
    np.testing.assert_array_equal(ramp, [0.25, 0.5, 0.75, 1.0, 1.0])


def test_warmup_without_skip_zero_starts_at_start() -> None:
    assert COSINE.warmup(4, skip_zero=False)(0) == 0.0
    assert COSINE.warmup(4, start=0.25, skip_zero=False)(0) == 0.25
    assert COSINE.warmup(4, skip_zero=False)(4) == 1.0


@pytest.mark.parametrize("shape", ["linear", "cosine", "exp"])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_warmup_reaches_the_top_with_its_last_update(shape: Any, steps: int) -> None:
    s = COSINE.warmup(steps, start=0.01, shape=shape)
    assert s(steps - 1) == COSINE(0)


@pytest.mark.parametrize("shape", ["linear", "cosine", "exp"])
def test_warmup_rises(shape: Any) -> None:
    assert (np.diff(COSINE.warmup(50, start=0.01, shape=shape)(range(50))) > 0).all()


def test_warmup_shapes_are_those_documented() -> None:
    x = np.arange(1, 11) / 10
    t = range(10)
    ramps = {
        "linear": 0.1 * (1 - x) + x,
        "cosine": 0.1 + 0.9 * (1 - np.cos(np.pi * x)) / 2,
        "exp": 0.1 ** (1 - x),
    }
    for shape, ramp in ramps.items():
        values = Constant(1.0).warmup(10, start=0.1, shape=shape)(t)  # type: ignore[arg-type]
        np.testing.assert_allclose(values, ramp, rtol=1e-14)


def test_warmup_delays_the_schedule() -> None:
    np.testing.assert_array_equal(COSINE.warmup(10)(T + 10), COSINE(T))


def test_then_hands_over_its_own_clock() -> None:
    s = COSINE.then(HALVING, 30)
    np.testing.assert_array_equal(s(T), np.r_[COSINE(T[:30]), HALVING(T[:270])])


def test_then_without_a_time_starts_at_the_end() -> None:
    assert COSINE.then(HALVING) == COSINE.then(HALVING, at=100)


def test_per_epoch_counts_whole_epochs() -> None:
    np.testing.assert_array_equal(COSINE.per_epoch(7)(T), COSINE(T // 7))


def test_smooth_epochs_are_fractions() -> None:
    np.testing.assert_array_equal(COSINE.per_epoch(7, smooth=True)(T), COSINE(T / 7))


def test_shift_waits_at_the_first_value() -> None:
    np.testing.assert_array_equal(COSINE.shift(5)(T), COSINE(np.maximum(T - 5, 0)))


def test_stretch_divides_the_time() -> None:
    np.testing.assert_array_equal(COSINE.stretch(2.5)(T), COSINE(T / 2.5))


def test_arithmetic_is_pointwise() -> None:
    a, b = COSINE(T), HALVING(T)
    np.testing.assert_array_equal((COSINE * HALVING)(T), a * b)
    np.testing.assert_array_equal((COSINE + HALVING)(T), a + b)
    np.testing.assert_array_equal((COSINE * 0.3)(T), a * 0.3)
    np.testing.assert_array_equal((COSINE + 0.3)(T), a + 0.3)
    np.testing.assert_array_equal(COSINE.minimum(HALVING)(T), np.minimum(a, b))
    np.testing.assert_array_equal(COSINE.clip(0.2, 0.6)(T), np.clip(a, 0.2, 0.6))


def test_numbers_may_stand_on_either_side() -> None:
    numbers: list[Any] = [2, 0.5, np.float64(0.5), np.int64(2)]
    for k in numbers:
        assert k * COSINE == COSINE * k
        assert k + COSINE == COSINE + k


# Any combination


def cyclical(low: float, more: float, up: int, down: int | None, **options: Any) -> Schedule:
    return Cyclical(low, low + more, up, down, **options)


def table(cls: type[Schedule], more: int, points: list[tuple[int, float]]) -> Schedule:
    """A PiecewiseConstant or Interp: `more` values than steps."""
    steps = tuple(itertools.accumulate(gap for gap, _ in points))
    return cls(steps[more:], tuple(value for _, value in points))  # type: ignore[call-arg]


RATES = st.floats(0, 10)
FACTORS = st.floats(0.01, 2)
COUNTS = st.integers(1, 300)
PHASES = st.integers(0, 300)
POINTS = st.lists(st.tuples(COUNTS, RATES), min_size=1, max_size=5)
BASIC = st.one_of(
    st.builds(Constant, RATES),
    st.builds(StepDecay, RATES, every=COUNTS, factor=FACTORS, offset=st.integers(0, 50)),
    st.builds(
        ExponentialDecay,
        RATES,
        gamma=FACTORS,
        steps=COUNTS,
        staircase=st.booleans(),
        end=st.none() | RATES,
    ),
    st.builds(ExponentialDecay, RATES, rate=st.floats(-1, 1), steps=COUNTS),
    st.builds(ExponentialDecay, RATES, half_life=st.floats(0.1, 100)),
    st.builds(TimeBasedDecay, RATES, RATES),
    st.builds(InverseTimeDecay, RATES, RATES, steps=COUNTS, staircase=st.booleans()),
    st.builds(InverseScaling, RATES, st.floats(0, 5)),
    st.builds(Linear, RATES, RATES, COUNTS),
    st.builds(PolynomialDecay, RATES, COUNTS, power=FACTORS, end=RATES, cycle=st.booleans()),
    st.builds(CosineAnnealing, RATES, COUNTS, end=RATES, exponent=st.floats(0.1, 5)),
    st.builds(Sweep, st.floats(1e-9, 10), st.floats(1e-9, 10), COUNTS),
    st.builds(Sweep, RATES, RATES, COUNTS, spacing=st.just("linear")),
    st.builds(InverseSqrt, RATES, PHASES, timescale=st.none() | st.floats(0.01, 1e4)),
    st.builds(
        WSD,
        RATES,
        warmup_steps=PHASES,
        stable_steps=PHASES,
        decay_steps=PHASES,
        shape=st.sampled_from(["1-sqrt", "linear", "cosine"]),
        end=RATES,
    ),
    st.builds(
        CosineWarmRestarts,
        RATES,
        COUNTS,
        mult=st.integers(1, 5) | st.floats(1, 5),
        decay=FACTORS,
        end=RATES,
    ),
    st.builds(
        OneCycle,
        RATES,
        COUNTS,
        pct_start=st.floats(0, 1),
        div=st.floats(0.1, 100),
        final_div=st.floats(0.1, 1e4),
        anneal=st.sampled_from(["cos", "linear"]),
        three_phase=st.booleans(),
    ),
    st.builds(
        lambda lr, gaps, factor: MultiStepDecay(
            lr, tuple(itertools.accumulate(gaps)), factor=factor
        ),
        RATES,
        st.lists(COUNTS, max_size=5),
        FACTORS,
    ),
    st.builds(partial(table, PiecewiseConstant, 1), POINTS),
    st.builds(partial(table, Interp, 0), POINTS),
    st.just(Lambda(halving)),
    st.builds(
        cyclical,
        RATES,
        RATES,
        COUNTS,
        st.none() | COUNTS,
        mode=st.sampled_from(MODES),
        gamma=FACTORS,
    ),
)


def combined(inner: st.SearchStrategy[Schedule]) -> st.SearchStrategy[Schedule]:
    return st.one_of(
        st.builds(
            lambda s, *args, **options: s.warmup(*args, **options),
            inner,
            COUNTS,
            start=st.floats(0.01, 2),
            shape=st.sampled_from(["linear", "cosine", "exp"]),
            skip_zero=st.booleans(),
        ),
        st.builds(lambda a, b, at: a.then(b, at), inner, inner, COUNTS),
        st.builds(lambda s, n, smooth: s.per_epoch(n, smooth=smooth), inner, COUNTS, st.booleans()),
        st.builds(operator.mul, inner, inner | RATES),
        st.builds(operator.add, inner, inner | RATES),
        st.builds(lambda s, lo, more: s.clip(lo, lo + more), inner, RATES, RATES),
        st.builds(lambda s, n: s.shift(n), inner, st.integers(-300, 300)),
        st.builds(lambda s, k: s.stretch(k), inner, st.floats(0.01, 100)),
        st.builds(lambda a, b: a.minimum(b), inner, inner),
    )


ANY = st.recursive(BASIC, combined, max_leaves=6)
TIMES = st.lists(st.integers(0, 1000) | st.integers(0, EXACT) | st.floats(0, 1e6), max_size=20)


@given(ANY, TIMES)
def test_any_combination_is_a_number_and_not_negative(s: Schedule, t: list[float]) -> None:
    assert (s(t) >= 0).all()


@given(ANY)
def test_any_combination_is_finite_in_a_short_run(s: Schedule) -> None:
    assert np.isfinite(s(range(10))).all()


@given(ANY, TIMES)
def test_any_combination_gives_the_same_bits_one_by_one(s: Schedule, t: list[float]) -> None:
    assert [bits(s(x)) for x in t] == [bits(x) for x in s(t).tolist()]


@given(ANY)
def test_any_combination_is_rebuilt_by_repr_and_pickle(s: Schedule) -> None:
    assert rebuilt(s) == pickle.loads(pickle.dumps(s)) == s


@given(ANY, TIMES)
def test_any_combination_rests_after_its_length(s: Schedule, t: list[float]) -> None:
    if s.length is not None and s.length <= EXACT // 2:
        assert {s(s.length + x) for x in t} <= {s(s.length)}


@given(ANY)
def test_equal_schedules_hash_alike(s: Schedule) -> None:
    assert len({s, rebuilt(s), copy.deepcopy(s)}) == 1


def test_schedules_share_nothing_that_changes() -> None:
    values = [s(GRID).tolist() for s in VARIANTS]
    for s, t in itertools.product(VARIANTS, (0, 5, 10**6)):
        s(t)
    assert values == [s(GRID).tolist() for s in VARIANTS]
