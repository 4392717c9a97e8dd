"""Suggestions: what they say of curves whose best rates are known, and when they say nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrcore.finding.range_curve import (
    FEWEST,
    Array,
    descent,
    diverged,
    noise,
    smooth,
)
from lrcore.finding.range_result import SUGGESTIONS, RangeResult, judge

LRS = np.geomspace(1e-7, 10, 100)
STEP = LRS[1] / LRS[0]
X = np.log10(LRS)
# down along a sigmoid around 10**-3, up along a steep line from 10**-1 on
KNOWN = 2 / (1 + np.exp(4 * (X + 3))) + 1 + 5 * np.maximum(X + 1, 0)


def noisy(seed: int, size: float) -> Array:
    return KNOWN + size * np.random.default_rng(seed).standard_normal(X.size)


def stopped(losses: Array) -> RangeResult:
    """As a range test would have it."""
    for n in range(1, losses.size + 1):
        if diverged(losses[:n], losses.size):
            return judge(LRS[:n], losses[:n], "diverged")
    return judge(LRS, losses, "end")


def decades(found: RangeResult) -> dict[str, float]:
    return {name: math.log10(getattr(found, name)) for name in SUGGESTIONS}


def test_the_rules_find_the_places_of_a_curve_without_noise() -> None:
    found = decades(stopped(KNOWN))
    # smoothed over a fifth of a decade; the bottom is flat, and the smoothed rise reaches into it
    assert found["steepest"] == pytest.approx(-3, abs=0.2)
    assert found["minimum_over_10"] == pytest.approx(-2, abs=0.6)
    assert found["edge"] == pytest.approx(-1 - math.log10(2), abs=0.3)
    assert found["valley"] == pytest.approx((-3.3 - 1) / 2, abs=0.2)


@pytest.mark.parametrize("size", [0.02, 0.1, 0.3])
def test_noise_moves_the_suggestion_by_less_than_a_factor_of_two(size: float) -> None:
    expected = stopped(KNOWN).suggestion
    found = np.array([stopped(noisy(seed, size)).suggestion for seed in range(20)])
    assert not np.isnan(found).any()
    assert abs(np.log2(found / expected)).max() < 1


def test_the_suggestion_does_not_depend_on_where_a_sweep_begins() -> None:
    expected = stopped(KNOWN).suggestion
    for first in (10, 20, 30):
        found = judge(LRS[first:], KNOWN[first:], "end").suggestion
        assert found == pytest.approx(expected, rel=STEP - 1)


def test_the_suggestion_is_the_valley() -> None:
    found = stopped(KNOWN)
    assert found.reliable
    assert found.suggestion == found.valley
    assert found.steepest < found.suggestion < found.edge


def test_a_loss_stands_for_the_rate_before_its_own() -> None:
    x = np.linspace(-4.0, 0.0, 41)
    losses = np.abs(x + 2) + 1
    found = judge(10**x, losses, "diverged")
    assert 10 * found.minimum_over_10 == pytest.approx(10**-2.1)


def test_smoothing_has_no_lag() -> None:
    x = np.linspace(-3.0, 3.0, 61)
    losses = 1 / (1 + np.exp(5 * x))
    assert x[smooth(x, losses).slope.argmin()] == pytest.approx(0, abs=1e-9)


def test_a_moving_average_would_be_late_by_a_factor_of_three() -> None:
    losses, late, average = 1 / (1 + np.exp(4 * (X + 3))), np.empty_like(X), 0.0
    for k, loss in enumerate(losses):
        average = 0.98 * average + 0.02 * loss
        late[k] = average / (1 - 0.98 ** (k + 1))
    assert 10 ** (X[np.diff(late).argmin()] + 3) > 3
    assert 10 ** (X[smooth(X, losses).slope.argmin()] + 3) == pytest.approx(1, rel=STEP - 1)


def test_smoothing_leaves_a_line_as_it_is_at_its_ends_too() -> None:
    x = np.sort(np.random.default_rng(0).random(30))
    curve = smooth(x, 3 - 2 * x)
    # sums of 30 rounded products
    np.testing.assert_allclose(curve.height, 3 - 2 * x, rtol=1e-12)
    np.testing.assert_allclose(curve.slope, -2, rtol=1e-9)


def test_the_uncertainty_of_a_smoothed_curve_is_that_of_repeated_sweeps() -> None:
    curves = [smooth(X, noisy(seed, 0.5) - KNOWN) for seed in range(300)]
    spread = np.std([curve.height for curve in curves], axis=0)
    stated = np.mean([curve.sigma for curve in curves], axis=0)
    np.testing.assert_allclose(spread, stated, rtol=0.2)  # 300 draws: about 4 % at one sigma


@pytest.mark.parametrize("size", [0.0, 1e-3, 1.0])
def test_noise_is_told_from_the_shape_of_a_curve(size: float) -> None:
    found = [noise(noisy(seed, size)) for seed in range(100)]
    assert np.median(found) == pytest.approx(size, rel=0.05, abs=0.01)


@pytest.mark.parametrize("draw", ["standard_normal", "uniform", "gumbel"])
def test_of_noise_alone_less_than_one_in_a_hundred_curves_has_a_suggestion(draw: str) -> None:
    curves = [getattr(np.random.default_rng(seed), draw)(size=100) for seed in range(200)]
    assert sum(stopped(losses).reliable for losses in curves) < 2


def ordered(kind: str, seed: int, num: int) -> Array:
    """Losses that no rate has any effect on, of batches in some order."""
    rng = np.random.default_rng(seed)
    if kind.startswith("red"):
        level, losses = 0.0, []
        for jump in rng.standard_normal(num + 200):
            level = float(kind[4:]) * level + jump
            losses.append(10 + level)
        return np.array(losses[200:])
    form, period, noise = kind.split()
    phase = (np.arange(num) / float(period) + rng.random()) % 1
    wave = {"sine": np.sin(2 * np.pi * phase), "rising": phase, "falling": -phase}[form]
    return np.asarray(wave + float(noise) * rng.standard_normal(num))


KINDS = [f"red {r}" for r in (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)] + [
    f"{form} {period} {noise}"
    for form in ("sine", "rising", "falling")
    for period in (2, 5, 13, 30, 60, 100, 200)
    for noise in (0, 0.1)
]


@pytest.mark.parametrize("num", [30, 100])
def test_of_losses_in_some_order_less_than_one_in_a_hundred_has_a_suggestion(num: int) -> None:
    lrs, found = np.geomspace(1e-7, 10, num), 0
    for kind in KINDS:
        for seed in range(5):
            losses = ordered(kind, seed, num)
            found += judge(lrs, losses, "end").reliable
            cut = int(np.random.default_rng(seed).integers(10, num))  # by a NaN anywhere
            found += judge(lrs[:cut], losses[:cut], "nonfinite").reliable
    assert found < len(KINDS) * 10 / 100


@pytest.mark.parametrize("kind", ["sine 20 0", "sine 7 0.3", "falling 20 0", "rising 25 0.1"])
@pytest.mark.parametrize("num", [100, 300])
def test_losses_that_repeat_end_no_sweep(kind: str, num: int) -> None:
    for seed in range(5):
        losses = ordered(kind, seed, num)
        assert not any(diverged(losses[:n], num) for n in range(num))


def test_red_noise_seldom_ends_a_sweep() -> None:
    curves = [ordered("red 0.9", seed, 100) for seed in range(50)]
    assert sum(any(diverged(y[:n], 100) for n in range(100)) for y in curves) < 3


@pytest.mark.parametrize(("scale", "shift"), [(0.25, -8.0), (1024.0, 4096.0)])
@pytest.mark.parametrize("kind", ["red 0.8", "sine 30 0.1", "known"])
def test_the_verdict_is_that_of_losses_shifted_and_scaled(
    kind: str, scale: float, shift: float
) -> None:
    losses = noisy(3, 0.2) if kind == "known" else ordered(kind, 3, 100)
    plain, moved = (judge(LRS, y, "end") for y in (losses, scale * losses + shift))
    assert plain.reliable == moved.reliable
    # sums of shifted numbers are rounded
    np.testing.assert_allclose(moved.suggestion, plain.suggestion, rtol=1e-9)


def test_a_fall_that_noise_in_some_order_explains_is_named() -> None:
    reason = without_suggestion(1 + 0.3 * np.sin(2 * np.pi * np.arange(100) / 40 - 1))
    assert "it wanders by" in reason
    assert "as if the batches were in some order: shuffle them" in reason


@pytest.mark.parametrize("phase", [0, 1, 2, 4])
def test_losses_that_repeat_are_not_said_to_fall_from_the_first_rates_on(phase: int) -> None:
    reason = without_suggestion(1 + 0.3 * np.sin(2 * np.pi * np.arange(100) / 30 + phase))
    assert "start below" not in reason
    assert "in some order: shuffle them" in reason


def test_a_fall_at_once_is_named() -> None:
    noise = 0.05 * np.random.default_rng(0).standard_normal(100)
    losses = np.where(X < -3, 2.0, 1.0) + np.where(X > 0, 0.5, 0.0) + noise
    assert "the loss fell at once, near rate 0.00091" in without_suggestion(losses)


def test_a_valley_wider_than_what_is_level_before_it_is_named() -> None:
    losses = 1 + np.cos(2 * np.pi * np.maximum(np.arange(100) - 12, 0) / 70)
    assert "the loss was level for" in without_suggestion(losses)


def test_a_curve_without_any_noise_needs_no_rise_above_its_start() -> None:
    losses = KNOWN[X < 0] * 1.0
    losses[X[X < 0] > -1] = 1.0 + 0.5 * (X[(X > -1) & (X < 0)] + 1)
    assert judge(LRS[: losses.size], losses, "end").reliable


def test_noise_that_repeats_fast_hides_no_descent() -> None:
    cycle = np.tile(0.2 * np.random.default_rng(2).standard_normal(8), 13)[:100]
    found = stopped(KNOWN + cycle)  # a fixed cycle of eight batches
    assert found.reliable
    assert abs(math.log2(found.suggestion / stopped(KNOWN).suggestion)) < 1


@pytest.mark.parametrize("made", [0, 9, 30, 60])
def test_a_sweep_that_was_left_says_so_and_where(made: int) -> None:
    found = judge(LRS[:made], noisy(0, 0.1)[:made], "left", 100)
    assert found.reason.startswith(f"the loop was left after {made} of 100 rates; ")
    assert "higher end" not in found.reason
    assert "end above" not in found.reason


def test_a_sweep_that_was_left_behind_the_valley_has_its_suggestion() -> None:
    losses = noisy(0, 0.02)[:95]
    found = judge(LRS[:95], losses, "left", 100)
    assert found.suggestion == judge(LRS[:95], losses, "end").suggestion
    assert found.reason.startswith("the loop was left after 95 of 100 rates; the loss fell by")


def without_suggestion(losses: Array, ended: Any = "end", lrs: Array = LRS) -> str:
    found = judge(lrs[: losses.size], losses, ended)
    assert not found.reliable
    assert math.isnan(found.suggestion)
    return found.reason


@pytest.mark.parametrize("level", [0.0, 2.3, -1e9, 1e-300])
def test_a_constant_loss_has_no_suggestion(level: float) -> None:
    reason = without_suggestion(np.full(100, level))
    assert reason == "the loss did not change at any rate: are the gradients 0?"


def test_a_loss_that_hardly_changes_is_told_of_its_noise() -> None:
    losses = np.full(100, 2.3)
    losses[40] += 0.1
    assert "no rate up to 10 lowered the loss" in without_suggestion(losses)


def test_a_loss_that_only_rises_has_no_suggestion() -> None:
    reason = without_suggestion(1 + np.exp(X), "diverged")
    assert reason == "the loss was lowest at the first rates; start below 1e-07"


def test_noise_larger_than_the_descent_is_named() -> None:
    reason = without_suggestion(noisy(0, 10.0)[:60])
    assert "than its noise" in reason
    assert "larger batches" in reason


def test_a_loss_still_falling_at_the_end_is_named() -> None:
    reason = without_suggestion(KNOWN[X < -2.5])
    assert reason == f"the loss had not risen again at {LRS[X < -2.5][-1]:.3g}; end above that"


def test_a_descent_that_ends_in_a_jump_to_infinity_has_a_suggestion() -> None:
    found = judge(LRS[X < -2], KNOWN[X < -2], "nonfinite")
    assert found.reliable
    assert found.edge == LRS[X < -2][-2] / 2  # the last loss stands for the rate before its own
    assert "was not finite any more above" in found.reason
    assert "rose again above" in stopped(KNOWN).reason


def test_a_loss_falling_from_the_start_on_is_named() -> None:
    late = X > -3
    reason = without_suggestion(KNOWN[late], lrs=LRS[late])
    assert reason == f"the loss fell from the first rates on; start below {LRS[late][0]:.3g}"


@pytest.mark.parametrize("count", range(FEWEST))
def test_few_points_are_named_and_suggest_nothing(count: int) -> None:
    found = judge(LRS[:count], KNOWN[:count], "nonfinite")
    assert found.reason == f"only {count} finite losses; at least 10 are needed"
    assert all(math.isnan(getattr(found, name)) for name in (*SUGGESTIONS, "suggestion"))
    assert found.smoothed.size == count


def test_twenty_points_can_be_enough() -> None:
    found = judge(LRS[2::5], KNOWN[2::5], "end")
    assert found.reliable
    ratio = found.suggestion / stopped(KNOWN).suggestion
    assert abs(math.log10(ratio)) < 0.6  # they are 0.4 decades apart


@pytest.mark.parametrize("height", [1e3, 1e100, 1e300])
def test_how_far_the_loss_explodes_does_not_matter(height: float) -> None:
    losses = KNOWN[X < -0.5].copy()
    losses[-2:] = 1e3
    expected = judge(LRS[X < -0.5], losses, "diverged")
    losses[-2:] = height
    found = judge(LRS[X < -0.5], losses, "diverged")
    assert found.suggestion == expected.suggestion


@pytest.mark.parametrize("shift", [-64.0, -2.0, 0.0, 100.0])
@pytest.mark.parametrize("scale", [2.0**-10, 1.0, 2.0**20])
def test_divergence_knows_neither_shift_nor_scale(shift: float, scale: float) -> None:
    losses = noisy(1, 0.1)
    plain = [diverged(losses[:n], 100) for n in range(1, 101)]
    moved = scale * (losses + shift)
    assert [diverged(moved[:n], 100) for n in range(1, 101)] == plain
    assert plain.index(True) == pytest.approx(79, abs=6)


def test_one_bad_batch_is_no_divergence() -> None:
    losses = noisy(2, 0.1)[:60]
    losses[50] = 1e6
    assert not any(diverged(losses[:n], 100) for n in range(61))


def test_a_result_prints_as_its_suggestion_the_other_rules_and_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    found = stopped(KNOWN)
    lines = str(found).splitlines()
    words = [line.split() for line in lines[:5]]
    assert words == [[name, f"{getattr(found, name):.3g}"] for name in ("suggestion", *SUGGESTIONS)]
    assert " ".join(lines[6:]).lower() == f"{found.reason}.".lower()
    assert max(map(len, lines)) <= 70
    assert str(judge(LRS[:3], KNOWN[:3], "end")).startswith("No suggestion.\n\nOnly 3 finite")


def test_the_repr_of_a_result_is_one_line() -> None:
    assert repr(judge(LRS[:3], KNOWN[:3], "end")) == (
        "RangeResult(suggestion=nan, reliable=False, ended='end', rates=3)"
    )


def test_a_curve_that_does_not_fall_has_no_depth() -> None:
    curve = smooth(X, X + 8)
    assert descent(curve, 0.0).depth == pytest.approx(0, abs=0.5)
    assert descent(curve, 0.0).lowest == 0


@settings(max_examples=300)
@given(
    losses=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=40),
    ended=st.sampled_from(["end", "diverged", "nonfinite", "left"]),
)
def test_any_finite_losses_are_judged_within_the_rates_of_the_sweep(
    losses: list[float], ended: Any
) -> None:
    lrs = LRS[: len(losses)]
    diverged(np.array(losses), 40)
    found = judge(lrs, np.array(losses), ended)
    assert found.reliable == math.isfinite(found.suggestion)
    assert found.reason
    for name in ("steepest", "valley"):
        assert len(losses) < FEWEST or lrs[0] <= getattr(found, name) * (1 + 1e-12) <= 10
