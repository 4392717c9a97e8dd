"""The noise of gradients against known distributions, and rates for other batch sizes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lrcore as lrc

G = np.array([1.0, -2.0, 0.5])
SIGMA = np.array([3.0, 1.0, 2.0])
TRACE, SQUARED_NORM = float(SIGMA @ SIGMA), float(G @ G)


def draw(rows: int, seed: int, batch: int = 1) -> Any:
    """Gradients of batches, of normal noise about G."""
    noise = np.random.default_rng(seed).standard_normal((rows, 3)) * SIGMA
    return G + noise / math.sqrt(batch)


@pytest.mark.parametrize("batch", [1, 8])
def test_both_estimates_are_unbiased(batch: int) -> None:
    found = np.array([lrc.noise_scale(draw(4, seed, batch), batch) for seed in range(4000)])
    error = found.std(axis=0) / math.sqrt(len(found))
    # four standard errors, and those below 2 % of the noise
    assert (abs(found.mean(axis=0) - [TRACE, SQUARED_NORM]) < 4 * error).all()
    assert (error < 0.02 * TRACE).all()


def test_estimates_from_two_norms_are_unbiased() -> None:
    found = np.array(
        [
            lrc.noise_scale_from_norms(
                2,
                float(np.sum(draw(1, seed, 2) ** 2)),
                32,
                float(np.sum(draw(1, seed + 10**6, 32) ** 2)),
            )
            for seed in range(4000)
        ]
    )
    error = found.std(axis=0) / math.sqrt(len(found))
    # four standard errors
    assert (abs(found.mean(axis=0) - [TRACE, SQUARED_NORM]) < 4 * error).all()


def test_exact_norms_give_the_exact_scale() -> None:
    def squared(batch: float) -> float:
        return SQUARED_NORM + TRACE / batch

    found = lrc.noise_scale_from_norms(4, squared(4), 64, squared(64))
    # rounding of a few operations
    assert found.scale == pytest.approx(TRACE / SQUARED_NORM, rel=1e-12)


def test_at_the_noise_scale_noise_equals_signal() -> None:
    scale = lrc.NoiseScale(TRACE, SQUARED_NORM).scale
    # rounding of two divisions
    assert TRACE / scale == pytest.approx(SQUARED_NORM, rel=1e-15)


def test_rows_and_nested_gradients_and_generators_are_alike() -> None:
    rows = draw(20, 0)
    nested = ({"a": row[:1].reshape(1, 1), "b": [row[1:]]} for row in rows)
    assert lrc.noise_scale(nested) == lrc.noise_scale(rows) == lrc.noise_scale(list(rows))


def test_equal_gradients_have_no_noise() -> None:
    assert lrc.noise_scale([G, G, G]) == (0.0, SQUARED_NORM)
    assert lrc.noise_scale([G, G, G]).scale == 0


def test_where_no_gradient_is_seen_the_scale_is_infinite() -> None:
    assert lrc.noise_scale([G, -G]).scale == math.inf


def test_without_noise_and_gradient_there_is_no_scale() -> None:
    assert math.isnan(lrc.noise_scale(np.zeros((3, 2))).scale)


def test_a_large_mean_does_not_drown_the_noise() -> None:
    rows = 1e8 + np.random.default_rng(0).standard_normal((1000, 1))
    # the mean costs 8 of 16 digits
    assert lrc.noise_scale(rows).trace == pytest.approx(rows.var(ddof=1), rel=1e-6)


@pytest.mark.parametrize(
    ("gradients", "message"),
    [
        ([G], "gradients must be two or more, got 1"),
        ([], "gradients must be two or more, got 0"),
        ([G, G[:2]], "gradient 1 has 2 elements, not 3"),
        ([G * 1j, G], 'gradient "0" has dtype complex128, not real'),
        ({"a": G}, "gradients must be an iterable"),
        (3.0, "gradients must be an iterable, got 3.0"),
    ],
)
def test_gradients_without_a_scale_are_refused(gradients: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^noise_scale: {message}"):
        lrc.noise_scale(gradients)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((8, 1.0, 8, 1.0), "small must be below big, 8, got 8"),
        ((0, 1.0, 8, 1.0), r"small must be a finite number in \(0, inf\), got 0"),
        ((1, -1.0, 8, 1.0), r"squared_small must be a finite number in \[0, inf\), got -1.0"),
    ],
)
def test_senseless_norms_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lrc.noise_scale_from_norms(*arguments)


@pytest.mark.parametrize(("rule", "factor"), [("linear", 4.0), ("sqrt", 2.0)])
def test_a_rate_is_scaled_by_its_rule(rule: Any, factor: float) -> None:
    assert lrc.scale_lr(0.5, 256, 64, rule) == 0.5 * factor
    assert lrc.scale_lr(0.5, 64, 256, rule) == 0.5 / factor


def test_a_schedule_is_scaled_as_a_whole() -> None:
    schedule = lrc.CosineAnnealing(0.1, 100).warmup(10)
    scaled = lrc.scale_lr(schedule, 512, 256)
    assert isinstance(scaled, lrc.Schedule)
    np.testing.assert_array_equal(scaled(range(110)), 2 * schedule(range(110)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1.0, 2, 1), r"lr must be a finite number in \[0, inf\), got -1.0"),
        (("a", 2, 1), "lr must be a finite number"),
        ((0.1, 0, 1), r"batch must be a finite number in \(0, inf\), got 0"),
        ((0.1, 2, math.nan), "base_batch must be a finite number"),
        ((0.1, 2, 1, "cubic"), "rule must be one of 'linear', 'sqrt', got 'cubic'"),
    ],
)
def test_senseless_arguments_of_a_rule_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^scale_lr: {message}"):
        lrc.scale_lr(*arguments)


def test_the_rule_says_that_lower_means_lower_than_scaled() -> None:
    text = " ".join((lrc.scale_lr.__doc__ or "").split())
    assert "lower than the *scaled* rate" in text
    assert "warm-up" in text


def test_a_tenth_of_the_rate_has_about_a_tenth_of_the_floor() -> None:
    """Constant-rate descent on curvature h, gradient noise s: variance lr s^2 / (h (2 - lr h))."""
    h, s = 2.0, 1.5
    for lr in (0.1, 0.01):
        rng = np.random.default_rng(0)
        x = np.zeros(4000)
        opt = lrc.SGD(x, lr=lr)
        for _ in range(int(5 / (lr * h))):
            opt.step(h * x + s * rng.standard_normal(x.size))
        # 4000 samples have a variance within 2.2 % of the truth at one sigma
        assert x.var() == pytest.approx(lr * s**2 / (h * (2 - lr * h)), rel=0.05)
