"""The schedules that reach an end, or begin with a ramp: what holds of one of them alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrcore.checks.arguments import EXACT
from lrcore.schedules.ramps import (
    WSD,
    CosineAnnealing,
    InverseSqrt,
    Linear,
    PolynomialDecay,
    Sweep,
)

N = np.arange(400)
RATES = st.floats(0, 10)
COUNTS = st.integers(1, 300)
TIMES = st.lists(st.integers(0, 1000) | st.integers(0, EXACT) | st.floats(0, 1e6), max_size=20)
SHAPES: list[Any] = ["1-sqrt", "linear", "cosine"]


def test_cosine_annealing_ends_exactly_and_holds() -> None:
    """Coverage S13: torch climbs back after the end, this does not."""
    s = CosineAnnealing(0.3, 7, end=0.007)
    assert [s(0), s(7), s(8), s(14), s(EXACT)] == [0.3, 0.007, 0.007, 0.007, 0.007]


def test_cosine_annealing_is_accurate_next_to_its_end() -> None:
    s = CosineAnnealing(1.0, 10**8)
    # (pi/2 * 1e-8)**2, whose next term is 1e-16 smaller
    assert s(10**8 - 1) == pytest.approx((math.pi / 2 * 1e-8) ** 2, rel=1e-15)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.5, 2.0])
def test_cosine_annealing_raises_the_cosine_to_its_exponent(exponent: float) -> None:
    s = CosineAnnealing(1.0, 100, exponent=exponent)
    assert s(50) == pytest.approx(0.5**exponent, rel=1e-15)


def test_the_largest_step_count_is_accepted() -> None:
    assert CosineAnnealing(0.1, EXACT)(EXACT) == 0.0


def test_cosine_annealing_equals_the_closed_form_of_torch_until_the_end() -> None:
    """Coverage S13: eta_min + (base - eta_min) * (1 + cos(pi * t / T_max)) / 2."""
    t = np.minimum(N, 123)
    values = 0.01 + (0.1 - 0.01) * (1 + np.cos(np.pi * t / 123)) / 2
    np.testing.assert_allclose(CosineAnnealing(0.1, 123, end=0.01)(N), values, rtol=1e-14)


@given(RATES, RATES, COUNTS, st.floats(0.1, 5), TIMES)
def test_cosine_annealing_never_leaves_its_bounds(
    lr: float, end: float, steps: int, exponent: float, t: list[float]
) -> None:
    s = CosineAnnealing(lr, steps, end=end, exponent=exponent)
    assert (s(0), s(steps)) == (lr, end)
    assert ((s(t) >= min(lr, end)) & (s(t) <= max(lr, end))).all()


@given(RATES, RATES, COUNTS, TIMES)
def test_linear_never_leaves_its_bounds(a: float, b: float, steps: int, t: list[float]) -> None:
    s = Linear(a, b, steps)
    assert (s(0), s(steps)) == (a, b)
    assert ((s(t) >= min(a, b)) & (s(t) <= max(a, b))).all()


def test_polynomial_decay_of_power_one_is_a_line() -> None:
    # (steps - t) / steps and 1 - t / steps are rounded differently
    line = Linear(0.3, 0.1, 123)(N)
    np.testing.assert_allclose(PolynomialDecay(0.3, 123, end=0.1)(N), line, rtol=1e-15)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_polynomial_decay_equals_that_of_keras(power: float) -> None:
    t = np.minimum(N, 50)
    values = (0.1 - 0.01) * (1 - t / 50) ** power + 0.01
    s = PolynomialDecay(0.1, 50, power=power, end=0.01)
    # 1 - t / 50 cancels in the peer's form: 1e-16 beside 1/50
    np.testing.assert_allclose(s(N), values, rtol=1e-14)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_a_cycling_polynomial_decay_equals_that_of_keras(power: float) -> None:
    whole = 50 * np.maximum(np.ceil(N / 50), 1)
    values = (0.1 - 0.01) * (1 - N / whole) ** power + 0.01
    s = PolynomialDecay(0.1, 50, power=power, end=0.01, cycle=True)
    # as above, with 1/400
    np.testing.assert_allclose(s(N), values, rtol=1e-13)


def test_a_cycling_polynomial_decay_touches_its_end_again_and_again() -> None:
    s = PolynomialDecay(0.1, 50, end=0.01, cycle=True)
    assert np.flatnonzero(s(N) == 0.01).tolist() == [50, 100, 150, 200, 250, 300, 350]
    assert s(2**52 // 50 * 50) == 0.01


@pytest.mark.parametrize(("start", "end"), [(1e-7, 10.0), (10.0, 1e-7), (5e-324, 1.7e308)])
def test_sweep_meets_both_ends_exactly(start: float, end: float) -> None:
    s = Sweep(start, end, 100)
    assert [s(0), s(99), s(100)] == [start, end, end]


def test_sweep_equals_geomspace_and_linspace() -> None:
    t = np.arange(100)
    geometric = np.geomspace(1e-7, 10.0, 100)
    # both raise to powers that are rounded: up to log(1e8) roundings
    np.testing.assert_allclose(Sweep(1e-7, 10.0, 100)(t), geometric, rtol=1e-14)
    line = np.linspace(0.0, 10.0, 100)
    np.testing.assert_allclose(Sweep(0.0, 10.0, 100, spacing="linear")(t), line, rtol=1e-15)


def test_sweep_of_one_update_stays_at_its_start() -> None:
    assert Sweep(0.1, 10.0, 1)([0, 1, 2]).tolist() == [0.1, 0.1, 0.1]


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), COUNTS, TIMES)
def test_sweep_never_leaves_its_bounds(a: float, b: float, steps: int, t: list[float]) -> None:
    values = Sweep(a, b, steps)(t)
    assert ((values >= min(a, b)) & (values <= max(a, b))).all()


def test_inverse_sqrt_reaches_its_top_with_the_last_update_of_the_ramp() -> None:
    s = InverseSqrt(0.3, 10)
    assert [s(9), s(10)] == [0.3, 0.3]
    assert s(range(400)).max() == 0.3


def test_inverse_sqrt_without_a_ramp_starts_at_the_top() -> None:
    s = InverseSqrt(0.3, 0)
    assert s(0) == 0.3
    assert s(30_000) == pytest.approx(0.15, rel=1e-15)


def test_the_docstring_writes_noam_with_inverse_sqrt() -> None:
    """Vaswani et al. 2017, equation 3, with step t + 1."""
    width, warm = 512, 100
    step = N + 1.0
    noam = width**-0.5 * np.minimum(step**-0.5, step * warm**-1.5)
    lr = 1 / math.sqrt(width * warm)
    s = Linear(0, lr, warm).then(InverseSqrt(lr, 0, timescale=warm), at=warm).shift(-1)
    np.testing.assert_allclose(s(N), noam, rtol=1e-14)  # a few roundings more


@pytest.mark.parametrize("shape", SHAPES)
def test_wsd_reaches_its_end_exactly_and_holds(shape: Any) -> None:
    s = WSD(0.3, warmup_steps=3, stable_steps=4, decay_steps=7, shape=shape, end=0.007)
    assert [s(2), s(3), s(7)] == [0.3, 0.3, 0.3]
    assert [s(14), s(15), s(EXACT)] == [0.007, 0.007, 0.007]


@pytest.mark.parametrize("shape", SHAPES)
def test_wsd_decays_along_its_shape(shape: Any) -> None:
    x = np.arange(101) / 100
    decay = {"1-sqrt": 1 - np.sqrt(x), "linear": 1 - x, "cosine": (1 + np.cos(np.pi * x)) / 2}
    s = WSD(1.0, warmup_steps=0, stable_steps=0, decay_steps=100, shape=shape)
    # the written forms cancel near the end, by 1e-16
    np.testing.assert_allclose(s(range(101)), decay[shape], rtol=0, atol=3e-16)


def test_wsd_is_accurate_next_to_its_end() -> None:
    s = WSD(1.0, warmup_steps=0, stable_steps=0, decay_steps=2**30)
    # 1 - sqrt(1 - w) = w/2 + w**2/8 + ..., and what follows is 1e-18 of it
    w = 2.0**-30
    assert s(2**30 - 1) == pytest.approx(w / 2 + w * w / 8, rel=1e-15)


def test_phases_of_wsd_can_be_left_out() -> None:
    def wsd(warm: int, stable: int, decay: int) -> list[float]:
        s = WSD(
            1.0, warmup_steps=warm, stable_steps=stable, decay_steps=decay, shape="linear", end=0.5
        )
        return s(range(6)).tolist()

    assert wsd(0, 2, 2) == [1.0, 1.0, 1.0, 0.75, 0.5, 0.5]
    assert wsd(2, 0, 2) == [0.5, 1.0, 1.0, 0.75, 0.5, 0.5]
    assert wsd(2, 2, 0) == [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert wsd(0, 0, 0) == [1.0] * 6


@given(RATES, RATES, *[st.integers(0, 300)] * 3, st.sampled_from(SHAPES), TIMES)
def test_wsd_never_exceeds_its_bounds(
    peak: float, end: float, warm: int, stable: int, decay: int, shape: Any, t: list[float]
) -> None:
    s = WSD(peak, warmup_steps=warm, stable_steps=stable, decay_steps=decay, shape=shape, end=end)
    assert ((s(t) >= 0) & (s(t) <= max(peak, end))).all()


def test_a_ramp_of_no_updates_is_refused_with_the_least_number() -> None:
    for make in (lambda: Linear(0.0, 0.1, 0), lambda: Linear(0.1, 0.1, 5).warmup(0)):
        with pytest.raises(ValueError, match=r"steps must be an integer in \[1, .* got 0"):
            make()
