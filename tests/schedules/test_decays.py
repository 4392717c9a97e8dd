"""The schedules that fall for ever: what holds of one of them alone."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest

from lrcore.checks.arguments import EXACT
from lrcore.schedules.decays import (
    ExponentialDecay,
    InverseScaling,
    InverseTimeDecay,
    TimeBasedDecay,
)

N = np.arange(400)


def test_exponential_decay_by_rate_equals_decay_by_gamma() -> None:
    """Coverage S11, S45: exp(-k * n) is gamma**n with gamma = exp(-k)."""
    t = np.arange(200)
    by_gamma = ExponentialDecay(0.1, gamma=math.exp(-0.05))(t)
    # gamma itself is rounded: n times 1e-16
    np.testing.assert_allclose(ExponentialDecay(0.1, rate=0.05)(t), by_gamma, rtol=5e-14)


def test_exponential_decay_halves_in_a_half_life() -> None:
    s = ExponentialDecay(1.0, half_life=2.5, steps=4)
    assert [s(0), s(10), s(20), s(30)] == [1.0, 0.5, 0.25, 0.125]


def test_exponential_decay_by_stairs_changes_once_in_its_steps() -> None:
    s = ExponentialDecay(1.0, gamma=0.5, steps=3, staircase=True)
    assert list(s(range(8))) == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]


@pytest.mark.parametrize(
    ("given", "got"),
    [
        ({}, "none"),
        ({"gamma": 0.5, "rate": 1.0}, "gamma and rate"),
        ({"rate": 1.0, "half_life": 2}, "rate and half_life"),
    ],
)
def test_exponential_decay_wants_exactly_one_speed(given: dict[str, Any], got: str) -> None:
    wanted = f"exactly one of gamma, rate and half_life must be given, got {got}"
    with pytest.raises(ValueError, match=wanted):
        ExponentialDecay(0.1, **given)


def test_an_exponential_that_stays_is_not_pulled_to_its_end() -> None:
    assert ExponentialDecay(0.1, gamma=1.0, end=0.05)(7) == 0.1


def test_length_of_a_growth_to_its_end() -> None:
    assert ExponentialDecay(1.0, gamma=2.0, end=8.0).length == 3


def test_a_decay_to_zero_always_may_change() -> None:
    assert ExponentialDecay(1.0, gamma=0.5, end=0.0).length is None


def test_time_based_decay_follows_its_recursion() -> None:
    """Coverage S42: lr[n+1] = lr[n] / (1 + decay * n)."""
    lr = 0.3
    s = TimeBasedDecay(lr, 1e-4)
    for n in range(3000):
        # the recursion rounds twice a step, so it is itself off by up to n * 1e-16
        assert s(n) == pytest.approx(lr, rel=1e-12)
        lr = lr / (1 + 1e-4 * n)


@pytest.mark.parametrize("decay", [1e-12, 1e-9, 1e-6, 1e-5, 1e-4, 1e-3, 0.0078125, 0.1, 1.0, 10.0])
def test_time_based_decay_equals_the_exact_product(decay: float) -> None:
    s = TimeBasedDecay(1.0, decay)
    factor, product = Decimal(decay), Decimal(1)
    marks = {1, 2, 63, 64, 65, 66, 100, 128, 150, 500, 1000, 3000, 10_000, 30_000}
    with localcontext(prec=50):
        for n in range(30_001):
            if n in marks and product < Decimal("1e290"):
                # the documented accuracy
                assert relative_error(s(n), 1 / product) < 1e-12
            product *= 1 + factor * n


@pytest.mark.parametrize("decay", [0.0, 5e-324, 1e-300, 1e300, 1.7e308])
def test_time_based_decay_is_finite_for_any_decay(decay: float) -> None:
    values = TimeBasedDecay(0.1, decay)([0, 1, 2, 63, 64, 65, 1000, EXACT])
    assert ((values >= 0) & (values <= 0.1)).all()


def test_exponential_decay_equals_torch_exponential_lr() -> None:
    """Coverage S12."""
    np.testing.assert_allclose(ExponentialDecay(0.1, gamma=0.97)(N), 0.1 * 0.97**N, rtol=1e-14)


@pytest.mark.parametrize("staircase", [False, True])
def test_inverse_time_decay_equals_that_of_keras_and_thinc(staircase: bool) -> None:
    """Coverage S32, S43."""
    x = N // 7 if staircase else N / 7
    s = InverseTimeDecay(0.1, 0.5, steps=7, staircase=staircase)
    np.testing.assert_allclose(s(N), 0.1 / (1 + 0.5 * x), rtol=1e-15)


def relative_error(x: float, exact: Decimal) -> float:
    return float(abs(Decimal(x) - exact) / exact)


def test_inverse_scaling_equals_that_of_scikit_learn() -> None:
    """MLPClassifier: learning_rate_init / (t + 1)**power_t."""
    values = 0.1 / (N + 1) ** 0.25
    np.testing.assert_allclose(InverseScaling(0.1, power=0.25)(N), values, rtol=1e-15)


def test_inverse_scaling_is_finite_for_any_power() -> None:
    s = InverseScaling(0.1, power=1e308)
    assert s([0, 1, EXACT]).tolist() == [0.1, 0.0, 0.0]
