"""What curves and updates are called, and what of it does not depend on units."""

from __future__ import annotations

import doctest
import math
import pickle
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from places import DOCS

import lrcore as lrc
from lrcore.finding import diagnosis
from lrcore.finding.diagnosis import LABELS, judge

T = np.arange(200)
NOISE = np.random.default_rng(0).standard_normal(200)

CURVES = {
    "a slow steady fall": (2.3 - 1e-4 * T, "too_low"),
    "a slow fall under noise": (2.3 - 2e-3 * T + 0.1 * NOISE, "too_low"),
    "a constant": (np.full(200, 2.3), "too_low"),
    "noise without a fall": (2.3 + 0.1 * NOISE, "too_low"),
    "a fall that ends smoothly": (1 + np.exp(-T / 20), "ok"),
    "a power law": ((T + 1.0) ** -0.5, "ok"),
    "a fall under noise that goes on": (np.exp(-T / 30) + 0.01 * NOISE, "ok"),
    "a fall, then a noisy flat": (1 + np.exp(-T / 10) + 0.02 * NOISE, "plateau"),
    "a fall, then a sudden flat": (np.maximum(2 - T / 50, 1.0), "plateau"),
    "a fall, then strong noise": (np.exp(-T / 10) + 0.2 * NOISE, "oscillating"),
    "up and down by turns": (1 + 0.5 * (-1.0) ** T, "oscillating"),
    "a slow swing": (1 + np.sin(T / 4), "oscillating"),
    "growth": (1.02**T, "diverging"),
    "growth to 1e60": (2.0**T, "diverging"),
    "a fall, then growth": (np.where(T < 20, 1 - T / 40, 0.5 * 1.5 ** (T - 20.0)), "diverging"),
    "a jump above the start": (np.r_[1.0, np.full(199, 5.0)] + 0.1 * NOISE, "diverging"),
    "a fall, then a climb back": (1 + ((T - 60) / 60.0) ** 2, "diverging"),
    "a NaN in the middle": (np.where(T == 50, np.nan, 1.0), "nonfinite"),
    "an infinity at the end": (np.r_[T, np.inf], "nonfinite"),
}


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_is_called_what_it_is(name: str) -> None:
    losses, label = CURVES[name]
    assert lrc.diagnose(losses).label == label


def test_every_label_is_among_the_curves() -> None:
    assert {label for _, label in CURVES.values()} | {"overfitting"} == set(LABELS)


@pytest.mark.parametrize("name", CURVES)
def test_shift_and_scale_of_the_losses_change_no_label(name: str) -> None:
    losses, label = CURVES[name]
    for scale, shift in ((1e-9, 0.0), (1e9, 0.0), (1.0, -1000.0), (1.0, 1000.0), (30.0, -1e4)):
        assert lrc.diagnose(scale * losses + shift).label == label


@settings(deadline=None)
@given(st.lists(st.floats(-1000, 1000, width=16), min_size=10, max_size=60), st.integers(-300, 300))
def test_a_power_of_two_changes_no_number_but_the_losses(losses: list[float], power: int) -> None:
    scaled = [math.ldexp(x, power) for x in losses]
    first, second = lrc.diagnose(losses).evidence, lrc.diagnose(scaled).evidence
    for name in first.keys() - {"first", "last", "lowest"}:
        assert second[name] == first[name]


@settings(deadline=None)
@given(st.lists(st.floats(), min_size=1, max_size=40))
@example([1e-104, *[0.0] * 7, 1e205, 0.0])
def test_any_numbers_get_a_label_and_finite_evidence(losses: list[float]) -> None:
    found = lrc.diagnose(losses)
    assert found.label in LABELS
    assert all(type(x) is float and math.isfinite(x) for x in found.evidence.values())
    assert (found.label == "nonfinite") == (not np.isfinite(losses).all())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", [0.003, 0.02, 0.1])
def test_noise_of_batches_does_not_hide_a_slow_fall(noise: float, seed: int) -> None:
    losses = 1 - T / 1000 + noise * np.random.default_rng(seed).standard_normal(200)
    assert lrc.diagnose(losses).label == "too_low"


@pytest.mark.parametrize("size", [12, 30, 100])
@pytest.mark.parametrize("fall", [0.0, 10.0])
def test_noise_alone_is_seldom_taken_for_more(size: int, fall: float) -> None:
    curves = np.random.default_rng(0).standard_normal((300, size)) - np.linspace(0, fall, size)
    labels = [lrc.diagnose(losses).label for losses in curves]
    # a twentieth of false alarms is what the short ones cost
    assert labels.count("too_low") > 0.95 * len(labels)


@pytest.mark.parametrize("at", [0, 20, 100, 180])
def test_a_single_spike_changes_no_label(at: int) -> None:
    losses = np.exp(-T / 30) + 0.01 * NOISE
    losses[at] += 3.0
    assert lrc.diagnose(losses).label == "ok"


def descent(rate: float, updates: int = 60) -> tuple[list[float], list[float]]:
    """Losses of gradient descent on curvature 1, and cosines of successive updates."""
    w = np.array([1.0])
    opt = lrc.SGD(w, lr=rate)
    losses, steps = [], []
    for _ in range(updates):
        losses.append(float(w @ w) / 2)
        before = w.copy()
        opt.step(w.copy())
        steps.append(float((w - before)[0]))
    return losses, list(np.sign(np.multiply(steps[1:], steps[:-1])))


@pytest.mark.parametrize("factor", [1.001, 1.05, 1.5, 2.0, 10.0, 1000.0])
@pytest.mark.parametrize("size", [12, 20, 33, 100])
def test_growth_by_any_factor_is_diverging(factor: float, size: int) -> None:
    assert lrc.diagnose(factor ** np.arange(size)).label == "diverging"


@pytest.mark.parametrize(
    ("rate", "label"), [(1e-4, "too_low"), (0.5, "ok"), (1.5, "ok"), (2.1, "diverging")]
)
def test_descent_on_a_quadratic_is_judged_by_its_losses(rate: float, label: str) -> None:
    assert lrc.diagnose(descent(rate)[0]).label == label


@pytest.mark.parametrize(
    ("rate", "label"), [(1e-4, "too_low"), (0.5, "ok"), (1.5, "oscillating"), (2.1, "diverging")]
)
def test_with_the_updates_overshooting_is_seen_under_a_falling_loss(
    rate: float, label: str
) -> None:
    losses, cosine = descent(rate)
    assert judge(losses, cosine=cosine).label == label


def test_a_step_to_and_fro_across_a_kink_is_seen_within_four_updates() -> None:
    theta = np.array([19.5])
    opt = lrc.SGD(theta, lr=1.0)
    losses, points = [], [theta.copy()]
    for _ in range(4):
        losses.append(float(abs(theta[0] - 19)))
        opt.step(np.sign(theta - 19))
        points.append(theta.copy())
    steps = np.diff(np.ravel(points))
    assert judge(losses, cosine=np.sign(steps[1:] * steps[:-1])).label == "oscillating"


def test_the_advice_on_a_fall_that_ends_in_swings_is_to_decay_the_rate() -> None:
    epochs = [2.3, 1.7, 1.2, 0.9, 0.7, 0.9, 0.65, 0.95, 0.7, 0.9, 0.6, 0.95, 0.7, 0.92]
    found = lrc.diagnose(epochs)
    assert found.label == "oscillating"
    assert "decay the rate" in found.advice


@pytest.mark.parametrize("size", range(1, diagnosis.ENOUGH))
def test_a_short_curve_is_said_to_be_too_short(size: int) -> None:
    found = lrc.diagnose(range(size))
    assert found.label == "ok"
    assert "Too short" in found.advice
    assert found.evidence == {"points": size, "nonfinite": 0}


def test_a_short_curve_with_a_nan_is_nonfinite() -> None:
    found = lrc.diagnose([1.0, math.nan])
    assert found.label == "nonfinite"
    assert found.evidence["first_nonfinite"] == 1


def test_skipped_gradients_are_nonfinite_whatever_the_losses() -> None:
    assert judge(CURVES["a power law"][0], nonfinite=1).label == "nonfinite"


@pytest.mark.parametrize("losses", [[], np.full(200, 1.0)])
def test_updates_that_round_to_nothing_are_too_low(losses: Any) -> None:
    found = judge(losses, dead=[0.9] * 20)
    assert found.label == "too_low"
    assert "round to nothing" in found.advice


def test_updates_may_round_to_nothing_once_all_is_learnt() -> None:
    assert judge(CURVES["a fall that ends smoothly"][0], dead=[0.9] * 20).label == "ok"


def test_large_updates_tell_a_rate_too_high_from_one_too_low() -> None:
    losses = CURVES["noise without a fall"][0]
    assert judge(losses, update_ratio=[1e-6] * 20).label == "too_low"
    assert judge(losses, update_ratio=[0.1] * 20).label == "oscillating"


def test_fewer_than_three_cosines_are_not_judged() -> None:
    assert "cosine" not in judge([1.0, 1.0], cosine=[-1.0, -1.0]).evidence


def test_the_growth_of_the_gradient_is_reported() -> None:
    assert judge(gradient_norm=[2.0, 3.0, 4.0, 4.0]).evidence["gradient_growth"] == 2


@pytest.mark.parametrize("name", CURVES)
def test_the_evidence_alone_leads_to_the_label(name: str) -> None:
    found = lrc.diagnose(CURVES[name][0])
    assert diagnosis.label_of(found.evidence) == found.label


@pytest.mark.parametrize("kind", [list, tuple, np.float32, iter])
def test_any_iterable_of_numbers_is_taken(kind: Any) -> None:
    losses = (2.0 ** -np.arange(20.0)).tolist()
    assert lrc.diagnose(kind(losses)) == lrc.diagnose(losses)


def test_a_generator_is_taken() -> None:
    def losses() -> Iterator[float]:
        yield from (1 / (k + 1) for k in range(50))

    assert lrc.diagnose(losses()) == lrc.diagnose(list(losses()))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "losses must hold at least one number"),
        ("123", "losses must be numbers in a sequence, got '123'"),
        ({1: 2.0}, "losses must be numbers in a sequence"),
        (3.0, r"losses must be numbers in a sequence, got 3\.0"),
        (None, "losses must be numbers in a sequence, got None"),
        (["1.0", "2.0"], "losses must be real numbers, got dtype <U3"),
        ([1j], "losses must be real numbers, got dtype complex128"),
        ([True, False], "losses must be real numbers, got dtype bool"),
        ([1.0, None], "losses must be real numbers, got dtype object"),
        ([[1.0, 2.0]], r"losses must have one dimension, got shape \(1, 2\)"),
        ([[1.0], [1.0, 2.0]], "losses must be a flat sequence of numbers"),
        (np.float64(3.0), "losses must be numbers in a sequence"),
        (np.array(3.0), "losses must be numbers in a sequence"),
    ],
)
def test_what_is_no_curve_is_refused_by_name(wrong: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^diagnose: {message}"):
        lrc.diagnose(wrong)


def test_a_diagnosis_prints_its_label_its_advice_and_a_few_lines() -> None:
    found = lrc.diagnose(CURVES["growth"][0])
    first, *rest = str(found).splitlines()
    assert first == f"diverging: {found.advice}"
    assert [line.split()[0] for line in rest] == ["losses", "last"]


def test_a_diagnosis_can_be_pickled() -> None:
    found = lrc.diagnose([1.0, 2.0])
    assert pickle.loads(pickle.dumps(found)) == found


def test_the_losses_are_not_changed() -> None:
    losses = CURVES["growth"][0].copy()
    lrc.diagnose(losses)
    np.testing.assert_array_equal(losses, CURVES["growth"][0])


@pytest.mark.parametrize("size", [10, 11, 12, 13, 15])
def test_few_points_of_noise_are_hardly_ever_called_diverging(size: int) -> None:
    curves = np.random.default_rng(size).standard_normal((500, size))
    assert [lrc.diagnose(losses).label for losses in curves].count("diverging") <= 10


@pytest.mark.parametrize("scatter", [0.05, 0.2])
def test_ten_points_that_climb_are_still_diverging(scatter: float) -> None:
    noise = scatter * np.random.default_rng(0).standard_normal((20, 10))
    labels = [lrc.diagnose(1.5 ** np.arange(10) + losses).label for losses in noise]
    assert labels.count("diverging") >= 19


@pytest.mark.parametrize(("size", "scatter"), [(30, 0.15), (50, 0.2), (100, 0.3)])
def test_an_evident_fall_of_few_noisy_losses_is_not_overlooked(size: int, scatter: float) -> None:
    noise = scatter * np.random.default_rng(0).standard_normal((100, size))
    falls = np.exp(-5 * np.arange(size) / size) + noise
    assert sum("No fall" in lrc.diagnose(losses).advice for losses in falls) <= 5


def test_a_fall_is_seen_in_its_quarters_and_said_in_words() -> None:
    noise = 0.2 * np.random.default_rng(2).standard_normal(30)
    found = lrc.diagnose(np.round(np.exp(-np.arange(30) / 6) + noise, 2))
    assert "No fall" not in found.advice
    assert "no fall" not in str(found)


@pytest.mark.parametrize("size", [20, 30, 100])
def test_noise_has_no_fall_in_its_quarters(size: int) -> None:
    curves = np.random.default_rng(0).standard_normal((300, size))
    assert sum(lrc.diagnose(losses).evidence["early"] > 3 for losses in curves) <= 2


PAGE = DOCS / "finding" / "diagnosis.md"


def test_the_examples_of_the_page_run() -> None:
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert (failed, tried > 8) == (0, True)


def test_the_page_explains_every_label() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE) == list(LABELS)
