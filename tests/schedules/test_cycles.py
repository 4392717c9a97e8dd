"""The schedules that rise and fall: what holds of one of them alone."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedule_cases import MODES

import lrcore as lrc
from lrcore.checks.arguments import EXACT
from lrcore.schedules.cycles import CosineWarmRestarts, Cyclical, OneCycle
from lrcore.schedules.ramps import CosineAnnealing

N = np.arange(400)
RATES = st.floats(0, 10)
COUNTS = st.integers(1, 300)
TIMES = st.lists(st.integers(0, 1000) | st.integers(0, EXACT) | st.floats(0, 1e6), max_size=20)


def test_bounds_whose_difference_is_rounded_are_met_exactly() -> None:
    low, high = 0.2, 0.9
    assert low + (high - low) < high
    s = Cyclical(low, high, 2)
    assert [s(0), s(2)] == [low, high]
    assert s(1) == pytest.approx(0.55, rel=1e-15)


def test_cyclical_peaks_may_grow() -> None:
    s = Cyclical(0.25, 1.25, 1, mode="exp_range", gamma=2.0)
    assert s(range(6)).tolist() == [0.25, 2.25, 0.25, 8.25, 0.25, 32.25]


def test_cyclical_reaches_both_bounds_exactly() -> None:
    s = Cyclical(0.007, 0.3, 7, 11)
    assert [s(0), s(7), s(18), s(25)] == [0.007, 0.3, 0.007, 0.3]


def test_cyclical_falls_as_it_rises_unless_told() -> None:
    assert Cyclical(0.0, 1.0, 3)(range(12)).tolist() == Cyclical(0.0, 1.0, 3, 3)(range(12)).tolist()


@pytest.mark.parametrize("mode", MODES)
def test_cyclical_equals_torch_cyclic_lr(mode: Any) -> None:
    """Coverage S14."""
    up, down, gamma = 20, 35, 0.99
    cycle = np.floor(1 + N / (up + down))
    x = 1 + N / (up + down) - cycle
    ratio = up / (up + down)
    height = np.where(x <= ratio, x / ratio, (x - 1) / (ratio - 1))
    scale = {"triangular": N**0, "triangular2": 1 / 2 ** (cycle - 1), "exp_range": gamma**N}[mode]
    values = 0.01 + (0.1 - 0.01) * height * scale
    s = Cyclical(0.01, 0.1, up, down, mode=mode, gamma=gamma)
    # torch takes the fraction of a growing number: 1e-13 of a cycle is lost by then
    np.testing.assert_allclose(s(N), values, rtol=1e-11)


@given(RATES, RATES, COUNTS, COUNTS, st.sampled_from(MODES), st.floats(0.1, 1), TIMES)
def test_cyclical_never_leaves_its_bounds(
    a: float, b: float, up: int, down: int, mode: Any, gamma: float, t: list[float]
) -> None:
    low, high = sorted([a, b])
    s = Cyclical(low, high, up, down, mode=mode, gamma=gamma)
    assert s(0) == low
    assert ((s(t) >= low) & (s(t) <= high)).all()


# Restarts


@pytest.mark.parametrize("mult", [1, 2, 3, 7, 10, 1_000_003])
@pytest.mark.parametrize("first", [1, 10, 97, 2**40])
def test_restarts_come_at_the_exact_update(first: int, mult: int) -> None:
    start, length = 0, first
    s = CosineWarmRestarts(0.5, first, mult=mult, end=0.125)
    for _ in range(60):
        if start + length - 1 > EXACT:
            break
        assert s(start) == 0.5
        if length > 1:
            assert s(start + 1) < 0.5 or length > 10**7  # its fall may be less than a rounding
            assert s(start + length - 1) < 0.3125
        start, length = start + length, length * mult
    assert start > EXACT // (2 * mult) or mult == 1


def test_restarts_without_growth_are_exact_to_the_last() -> None:
    s = CosineWarmRestarts(0.5, 10)
    for start in (EXACT // 10 * 10, EXACT // 20 * 10, 10**15):
        assert s(start) == 0.5
        assert [s(start + k) for k in range(-10, 0)] == s(range(10)).tolist()


def test_the_restart_that_torch_misses_is_met() -> None:
    """At T_mult=3, T_0=10 the cycle 5 starts at 1210; a logarithm says 4.99999."""
    assert CosineWarmRestarts(1.0, 10, mult=3)(1210) == 1.0


def test_each_cycle_is_a_cosine_annealing() -> None:
    s = CosineWarmRestarts(1.0, 10, mult=2, end=0.1)
    for start, length in (0, 10), (10, 20), (30, 40):
        cycle = CosineAnnealing(1.0, length, end=0.1)(range(length))
        np.testing.assert_array_equal(s(range(start, start + length)), cycle)


@pytest.mark.parametrize("mult", [1.5, 1.1, 2.5, 1.000001, math.pi])
def test_cycles_grow_by_any_factor(mult: float) -> None:
    s = CosineWarmRestarts(1.0, 10, mult=mult, decay=0.5)
    factor = Fraction(repr(mult))
    start, length, cycle = Fraction(0), Fraction(10), 0
    for t in range(200):
        if t >= start + length:
            start, length, cycle = start + length, length * factor, cycle + 1
        x = float((t - start) / length)
        # the cycle's start is rounded: 1e-16 over mult - 1
        wanted = 0.5**cycle * (1 + math.cos(math.pi * x)) / 2
        assert s(t) == pytest.approx(wanted, rel=1e-8, abs=1e-12), t


def test_whole_starts_of_cycles_that_grow_by_a_fraction_are_restarts() -> None:
    s = CosineWarmRestarts(1.0, 16, mult=1.5)
    starts = [0, 16, 40, 76, 130, 211]
    assert [s(t) for t in starts] == [1.0] * 6
    assert (s([t - 1 for t in starts[1:]]) < 0.01).all()


@pytest.mark.parametrize("mult", [1.1, 1.2, 1.25, 1.3, 1.4, 1.6, 1.7, 1.75, 1.9, 2.2, 2.4])
def test_rounding_delays_no_restart(mult: float) -> None:
    factor = Fraction(repr(mult))
    for first in range(5, 3000, 5):
        s = CosineWarmRestarts(1.0, first, mult=mult)
        start, length = Fraction(0), Fraction(first)
        for _ in range(5):
            start, length = start + length, length * factor
            if start.denominator == 1:
                assert s(int(start)) == 1.0


def test_peaks_shrink_by_decay_and_cycles_still_fall_to_the_end() -> None:
    s = CosineWarmRestarts(1.0, 4, decay=0.5, end=0.25)
    assert s(range(0, 16, 4)).tolist() == [1.0, 0.5, 0.25, 0.125]
    # the square of sin(pi/4) is rounded
    assert s(range(2, 16, 4)).tolist() == pytest.approx([0.625, 0.375, 0.25, 0.1875], rel=1e-15)


def test_a_last_cycle_that_outlasts_every_run_is_finite() -> None:
    s = CosineWarmRestarts(0.5, 10, mult=1e300)
    assert [s(0), s(10), s(EXACT)] == [0.5, 0.5, 0.5]


@given(RATES, RATES, COUNTS, st.integers(1, 5) | st.floats(1, 5), st.floats(0.1, 1), TIMES)
def test_restarts_never_exceed_their_bounds(
    lr: float, end: float, first: int, mult: float, decay: float, t: list[float]
) -> None:
    values = CosineWarmRestarts(lr, first, mult=mult, decay=decay, end=end)(t)
    # a weighted mean may be rounded above both
    assert ((values >= 0) & (values <= max(lr, end) * (1 + 1e-15))).all()


# One cycle


def torch_one_cycle(
    t: int, steps: int, pct: float, div: float, final_div: float, anneal: str, three_phase: bool
) -> float:
    """OneCycleLR of peak 1 as its documentation and its get_lr describe it."""
    low, top = 1 / div, pct * steps - 1.0
    phases = [(top, low, 1.0), (steps - 1.0, 1.0, low / final_div)]
    if three_phase:
        phases = [phases[0], (2 * top, 1.0, low), (steps - 1.0, low, low / final_div)]
    start = 0.0
    for end, a, b in phases:
        if t <= end or (end, a, b) == phases[-1]:
            x = (t - start) / (end - start)
            return (
                b + (a - b) / 2 * (1 + math.cos(math.pi * x))
                if anneal == "cos"
                else a + (b - a) * x
            )
        start = end
    raise AssertionError


@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("anneal", ["cos", "linear"])
@pytest.mark.parametrize("steps", [7, 10, 100, 333])
@pytest.mark.parametrize("pct", [0.3, 0.25, 0.45, 0.7, 0.99])
def test_one_cycle_equals_torch(pct: float, steps: int, anneal: Any, three_phase: bool) -> None:
    s = OneCycle(1.0, steps, pct_start=pct, anneal=anneal, three_phase=three_phase)
    values = [torch_one_cycle(t, steps, pct, 25.0, 1e4, anneal, three_phase) for t in range(steps)]
    # torch's form cancels near the end: 1e-16 of the peak
    np.testing.assert_allclose(s(range(steps)), values, rtol=1e-12, atol=3e-16)


@pytest.mark.parametrize(
    ("steps", "pct", "values"),
    [
        (1, 0.3, [1.0, 1.0]),
        (1, 0.0, [1.0, 1.0]),
        (1, 1.0, [1.0, 1.0]),
        (2, 0.3, [1.0, 0.0625, 0.0625]),
        (2, 0.5, [1.0, 0.0625, 0.0625]),
        (2, 1.0, [0.25, 1.0, 1.0]),
        (3, 0.3, [1.0, 0.53125, 0.0625, 0.0625]),
        (3, 0.0, [1.0, 0.53125, 0.0625, 0.0625]),
        (3, 1.0, [0.25, 0.625, 1.0, 1.0]),
    ],
)
def test_short_cycles_are_defined(steps: int, pct: float, values: list[float]) -> None:
    s = OneCycle(1.0, steps, pct_start=pct, div=4.0, final_div=4.0, anneal="linear")
    assert s(range(steps + 1)).tolist() == values


@pytest.mark.parametrize(
    ("steps", "pct", "values"),
    [
        (1, 0.3, [1.0, 1.0]),
        (2, 0.3, [1.0, 0.0625, 0.0625]),
        (3, 0.3, [1.0, 0.15625, 0.0625, 0.0625]),
        (3, 0.0, [1.0, 0.15625, 0.0625, 0.0625]),
        (3, 1.0, [0.25, 0.625, 1.0, 1.0]),
        (5, 0.4, [0.25, 1.0, 0.25, 0.15625, 0.0625, 0.0625]),
        (5, 0.8, [0.25, 0.5, 0.75, 1.0, 0.75, 0.75]),
    ],
)
def test_short_cycles_in_three_phases_are_defined(
    steps: int, pct: float, values: list[float]
) -> None:
    s = OneCycle(
        1.0, steps, pct_start=pct, div=4.0, final_div=4.0, anneal="linear", three_phase=True
    )
    # pct * steps - 1 is rounded
    assert s(range(steps + 1)).tolist() == pytest.approx(values, rel=1e-15)


def test_one_cycle_holds_its_end_where_torch_leaves_it() -> None:
    s = OneCycle(1.0, 10)
    assert s([9, 10, 11, EXACT]).tolist() == [1 / 25 / 1e4] * 4


@given(
    RATES,
    COUNTS,
    st.floats(0, 1),
    st.floats(0.1, 100),
    st.floats(0.1, 1e5),
    st.sampled_from(["cos", "linear"]),
    st.booleans(),
    TIMES,
)
def test_one_cycle_never_leaves_its_bounds(
    peak: float,
    steps: int,
    pct: float,
    div: float,
    final_div: float,
    anneal: Any,
    three_phase: bool,
    t: list[float],
) -> None:
    s = OneCycle(
        peak,
        steps,
        pct_start=pct,
        div=div,
        final_div=final_div,
        anneal=anneal,
        three_phase=three_phase,
    )
    marks = [peak, peak / div, peak / div / final_div]
    assert ((s(t) >= min(marks)) & (s(t) <= max(marks))).all()


def test_rates_that_overflow_are_refused() -> None:
    for options in ({"div": 1e-308}, {"div": 1e-300, "final_div": 1e-300}):
        with pytest.raises(ValueError, match=r"^OneCycle: peak / div .* must be finite, got 20"):
            OneCycle(20, 10, **options)


@pytest.mark.parametrize("three_phase", [False, True])
def test_momentum_mirrors_the_rate(three_phase: bool) -> None:
    rate = OneCycle(1.0, 100, anneal="linear", div=10.0, final_div=1.0, three_phase=three_phase)
    # both are lines between the same updates, rounded differently
    mirror = 0.95 - 0.1 * (rate(range(100)) - 0.1) / 0.9
    np.testing.assert_allclose(rate.momentum()(range(100)), mirror, rtol=1e-15)


@pytest.mark.parametrize("low", [0, 1, -0.5, math.nan, "0.85", True, None])
def test_senseless_low_momentum_is_refused(low: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^OneCycle\.momentum: low must be "):
        OneCycle(1.0, 100).momentum(low)


@pytest.mark.parametrize("high", [0.8, 1, 1.5, math.nan, "0.95", True, None])
def test_senseless_high_momentum_is_refused(high: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^OneCycle\.momentum: high must be "):
        OneCycle(1.0, 100).momentum(0.85, high)


def test_optimizers_take_the_momentum_of_one_cycle() -> None:
    """Coverage S41: the decay and the momentum are two schedules."""
    lr = OneCycle(0.1, steps=20)
    momentum = lr.momentum()
    p, twin, velocity = np.ones(3), np.ones(3), np.zeros(3)
    opt = lrc.SGD(p, lr=lr, momentum=momentum)
    for t in range(30):
        g = np.array([1.0, -2.0, 0.5]) * (t + 1)
        velocity = momentum(t) * velocity + g
        twin -= lr(t) * velocity
        opt.step(g)
    np.testing.assert_array_equal(p, twin)


def test_adam_takes_the_momentum_of_one_cycle_as_its_first_beta() -> None:
    lr = OneCycle(0.1, steps=20)
    varying, fixed = np.ones(3), np.ones(3)
    cycled = lrc.Adam(varying, lr=lr, betas=(lr.momentum(), 0.999))
    plain = lrc.Adam(fixed, lr=lr, betas=(0.95, 0.999))
    moved = []
    for t in range(20):
        for opt in (cycled, plain):
            opt.step(np.array([1.0, -2.0, 0.5]) * math.cos(t))
        moved.append(bool((varying != fixed).any()))
    assert moved[:2] == [False, True]  # both have 0.95 at update 0
