"""Curves to which something happens: explosions, collapses, cliffs, outliers, gaps; and means."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import lrcore as lrc
from lrcore.finding.diagnosis import judge
from lrcore.finding.loss_evidence import BOUND

T = np.arange(300)
FALL = 0.1 + 2.2 * np.exp(-T / 30)
SETTLED = ("ok", "plateau")


def noise(size: int = 300, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(size)


EXPLOSIONS = {
    "one loss": [0.01303, 0.01372, 0.01107, 0.01091, 0.01476, 0.00872, 0.00956, 0.01, 0.016, 1.5e6],
    "three of 300": np.r_[FALL[:297], 5, 50, 500] + 0.01 * np.sin(9.7 * T),
    "with losses that fall between": [
        0.43,
        0.48,
        0.26,
        0.27,
        0.23,
        3.6,
        8.5,
        5.3,
        322,
        22,
        131,
        5e3,
    ],
    "epochs": [2.3, 1.8, 1.45, 1.25, 1.1, 1, 0.95, 0.9, 0.88, 0.87, 0.86, 0.85, 0.85, 5, 30, 200],
    "four losses": [2.3, 2.1, 1.9, 1e6],
    "five that grow tenfold": [1.0, 10.0, 100.0, 1e3, 1e4],
}


@pytest.mark.parametrize("name", EXPLOSIONS)
def test_a_run_that_explodes_at_its_end_is_diverging(name: str) -> None:
    assert lrc.diagnose(EXPLOSIONS[name]).label == "diverging"


@pytest.mark.parametrize("size", [10, 12, 30, 100, 1000])
@pytest.mark.parametrize("factor", [1.05, 2.0, 10.0])
@pytest.mark.parametrize("scatter", [0.0, 0.02])
def test_explosions_are_seen_however_late_and_fast(
    size: int, factor: float, scatter: float
) -> None:
    fall = 0.1 + 2.2 * np.exp(-10 * np.arange(size) / size)
    for length in {1, 2, 3, size // 10, size // 4, size // 2} - {0}:
        losses = fall * (1 + scatter * noise(size))
        losses[-length:] = 10 * factor ** np.minimum(np.arange(length), 100)
        assert lrc.diagnose(losses).label == "diverging"


@pytest.mark.parametrize("losses", [[1.0, 0.5, 0.3], [1e-9, 1.0, 0.8], [1.0, 1e6], [2.0, 2.0, 2.5]])
def test_short_curves_without_an_evident_explosion_are_too_short(losses: list[float]) -> None:
    assert "Too short" in lrc.diagnose(losses).advice


@pytest.mark.parametrize("at", [100, 200, 225, 240, 255, 280, 294])
@pytest.mark.parametrize("level", [0.8, 1.1, 1.9])
def test_a_collapse_that_stays_is_no_matter_of_a_rate_too_low(at: int, level: float) -> None:
    found = lrc.diagnose(np.where(at > T, FALL, level) + 0.02 * noise(seed=at))
    assert found.label in ("oscillating", "diverging")
    assert "No fall" not in found.advice


def test_the_advice_on_a_collapse_is_to_go_back_to_before_it() -> None:
    found = lrc.diagnose(np.where(T < 240, FALL, 1.1) + 0.02 * noise())
    assert "take up the parameters from before" in found.advice
    assert "of the fall to the lowest loss is lost at the end" in str(found)


@pytest.mark.parametrize("at", [60, 200, 280])
def test_a_collapse_to_above_the_start_is_diverging(at: int) -> None:
    assert lrc.diagnose(np.where(at > T, FALL, 3.0) + 0.02 * noise()).label == "diverging"


@pytest.mark.parametrize("at", [120, 165, 180, 240, 285, 297, 299])
@pytest.mark.parametrize("scatter", [0.0, 0.01, 0.05])
def test_flat_after_a_cliff_is_no_longer_falling(at: int, scatter: float) -> None:
    assert lrc.diagnose(np.where(at > T, 2.77, 0.02) + scatter * noise(seed=3)).label in SETTLED


@pytest.mark.parametrize("at", [150, 180, 220])
def test_a_cliff_may_take_some_updates(at: int) -> None:
    losses = 0.02 + 2.75 / (1 + np.exp((T - at) / 4.0))
    assert lrc.diagnose(losses + 0.01 * noise()).label in SETTLED


@pytest.mark.parametrize("at", [280, 290])
def test_a_fall_that_begins_at_the_very_end_is_still_a_fall(at: int) -> None:
    found = lrc.diagnose(2.77 - 0.1 * np.maximum(T - at, 0) + 0.001 * noise())
    assert found.label == "too_low"
    assert "No fall" not in found.advice


@pytest.mark.parametrize("height", [3.0, 1e3, 1e12, 1e100, -1e6])
@pytest.mark.parametrize("at", [1, 50, 150, 250, 298])
def test_a_single_outlier_of_any_size_changes_no_label(height: float, at: int) -> None:
    losses = 1.2 + 5 * np.exp(-T / 30) + 0.05 * noise()
    whole = lrc.diagnose(losses).label
    losses[at] += height
    assert lrc.diagnose(losses).label == whole


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_finite_losses_after_one_that_is_not_are_no_sign_of_the_rate(value: float) -> None:
    losses = 1.2 + 5 * np.exp(-T / 30) + 0.05 * noise()
    losses[250] = value
    found = lrc.diagnose(losses)
    assert found.label == "nonfinite"
    assert found.evidence["finite_after"] == 49
    assert "49 finite losses follow" in str(found)
    assert "divide the rate" not in found.advice
    assert "The finite losses alone are ok" in found.advice


def test_a_log_with_gaps_is_judged_by_its_finite_losses() -> None:
    losses = np.r_[FALL[:297], 5, 50, 500]
    losses[::7] = math.nan
    assert "The finite losses alone are diverging" in lrc.diagnose(losses).advice


@pytest.mark.parametrize("end", [[math.nan], [math.inf, math.nan], [math.inf]])
def test_a_run_that_ends_in_what_is_not_finite_asks_for_a_lower_rate(end: list[float]) -> None:
    found = lrc.diagnose([*FALL, *end])
    assert found.label == "nonfinite"
    assert "divide the rate by 10" in found.advice


def gaps(*places: int) -> Any:
    losses = 1 + np.exp(-np.arange(60) / 8) + 0.02 * noise(60)
    losses[list(places)] = math.nan
    return losses


@pytest.mark.parametrize("places", [range(1, 60, 2), (20, 59), (20, 21, 58, 59), (0, 59)])
def test_a_gap_at_the_end_that_is_no_longer_than_one_before_is_a_gap(places: Any) -> None:
    found = lrc.diagnose(gaps(*places))
    assert found.label == "nonfinite"
    assert "training went on" in found.advice
    assert "divide the rate" not in found.advice
    assert "The finite losses alone are plateau" in found.advice


@pytest.mark.parametrize("places", [(59,), (20, 58, 59), (20, 40, *range(50, 60)), range(60)])
def test_a_longer_row_at_the_end_than_any_before_asks_for_a_lower_rate(places: Any) -> None:
    found = lrc.diagnose(gaps(*places))
    assert found.label == "nonfinite"
    assert "divide the rate by 10" in found.advice


def test_infinities_between_losses_that_explode_do_not_hide_the_explosion() -> None:
    found = lrc.diagnose([*FALL, 5, 50, math.inf, 5e3, 5e4, math.inf])
    assert "The finite losses alone are diverging" in found.advice


def test_few_updates_left_out_are_no_sign_of_the_rate() -> None:
    assert "divide the rate" not in judge(FALL, nonfinite=1).advice
    assert "divide the rate" in judge(FALL, nonfinite=200).advice


@pytest.mark.parametrize("power", [1, 2, 3])
def test_losses_that_begin_at_skewed_noise_are_seldom_called_diverging(power: int) -> None:
    curves = np.exp(np.random.default_rng(power).standard_normal((100, 300)) * power / 3)
    labels = [lrc.diagnose(losses).label for losses in curves]
    # such noise has no scale of its own; a tenth of false alarms is a bound, not the aim
    assert labels.count("diverging") < 10


def test_a_run_that_still_falls_is_told_to_go_on_and_how_to_compare() -> None:
    advice = lrc.diagnose(np.exp(-T / 100)).advice
    assert "go on" in advice
    assert "lrcore find" in advice
    assert "lrcore sweep" in advice
    assert "3 times" not in advice


def test_only_a_fall_on_a_line_suggests_three_times_the_rate() -> None:
    assert "3 times the rate" in lrc.diagnose(2.3 - 1e-3 * T + 0.01 * noise()).advice


def test_ok_claims_no_more_than_that_nothing_wrong_is_seen() -> None:
    assert lrc.diagnose(FALL).advice.startswith("Nothing wrong is seen")


LEAP = np.r_[4.5, 17 + 3 * np.exp(-T[1:] / 40) + 1.5 * noise(299)]


@pytest.mark.parametrize("size", [1, 5, 10, 25])
def test_with_its_start_a_leap_is_seen_in_means(size: int) -> None:
    means = LEAP.reshape(-1, size).mean(axis=1)
    assert lrc.diagnose(means, start=LEAP[0]).label == "diverging"


@pytest.mark.parametrize("size", [5, 10, 25])
def test_without_its_start_means_say_what_they_hide(size: int) -> None:
    found = lrc.diagnose(LEAP.reshape(-1, size).mean(axis=1))
    assert found.label == "diverging" or "give the loss before the first update" in found.advice


def test_a_start_changes_no_label_of_a_whole_curve() -> None:
    for losses in (FALL, FALL + 0.02 * noise(), 2.3 + 0.1 * noise(), 1.02**T):
        assert lrc.diagnose(losses, start=losses[0]).label == lrc.diagnose(losses).label


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("2.3", "start must be a real number, got '2.3'"),
        (math.nan, "start must be finite, got nan"),
        (-math.inf, "start must be finite, got -inf"),
    ],
)
def test_a_start_that_is_no_loss_is_refused(start: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^diagnose: {message}"):
        lrc.diagnose(FALL, start=start)


@pytest.mark.parametrize("losses", [FALL, 1.02**T, *EXPLOSIONS.values(), 2.3 + 0.1 * noise()])
def test_no_ratio_is_beyond_its_bound_and_few_lines_are_printed(losses: Any) -> None:
    found = lrc.diagnose(losses)
    levels = {"first", "last", "lowest", "points"}
    assert all(abs(found.evidence[name]) <= BOUND for name in found.evidence.keys() - levels)
    first, *lines = str(found).splitlines()
    assert first == f"{found.label}: {found.advice}"
    assert 1 <= len(lines) <= 3
    assert not re.search(r"e\+0?[7-9]|e\+[1-9]\d", "".join(lines))


def test_the_lines_tell_fall_and_scatter_in_parts_of_the_fall() -> None:
    text = str(lrc.diagnose(2 + np.exp(-T / 20) + 0.01 * noise()))
    assert "300 losses: the first is 3" in text
    assert re.search(r"last half +made \d\.\d % of the fall; single losses scatter by \d", text)
