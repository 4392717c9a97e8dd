"""Validation losses: overfitting, and what is not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lrcore as lrc
from lrcore.finding.diagnosis import label_of
from lrcore.pictures import diagnosis
from lrcore.pictures.figure import new_figure

T = np.arange(300)
TRAINING = 0.1 + 2.2 * np.exp(-T / 30)
RISING = [18.35, 18.32, 17.59, 18.23, 17.91, 18.7, 19.3, 19.5, 20.6, 20.8, 20.8, 21.1, 22.0, 22.5]


def turning(size: int, scatter: float = 0.0, seed: int = 0) -> Any:
    t = np.arange(1, size + 1) / size
    rise = 0.8 * np.maximum(t - 0.4, 0)
    return 1 + np.exp(-10 * t) + rise + scatter * np.random.default_rng(seed).standard_normal(size)


@pytest.mark.parametrize("size", [10, 30, 300, 1000])
def test_losses_that_turn_are_overfitting_however_often_they_were_evaluated(size: int) -> None:
    found = lrc.diagnose(TRAINING, validation=turning(size))
    assert found.label == "overfitting"
    assert "no rate mends that" in found.advice
    assert abs(found.evidence["validation_turn"] / size - 0.4) < 0.25  # the bottom is flat


def test_the_words_say_since_when_and_how_far() -> None:
    found = lrc.diagnose(TRAINING, validation=RISING)
    assert "lowest at evaluation 3 of 14: 17.59, at the end 22;" in str(found)
    assert "the training loss went from" in str(found)


@pytest.mark.parametrize("size", [5, 8, 20, 100, 1000])
def test_losses_that_wander_within_their_noise_are_not_overfitting(size: int) -> None:
    rng = np.random.default_rng(size)
    fall = np.exp(-8 * np.arange(size) / size)
    labels = [
        lrc.diagnose(TRAINING, validation=level * fall + 0.05 * rng.standard_normal(size)).label
        for level in (0.0, 1.0)
        for _ in range(100)
    ]
    # of a hundred curves of noise alone a few seem to rise by chance
    assert labels.count("overfitting") <= 6


@pytest.mark.parametrize("validation", [TRAINING, TRAINING[::10], [1.0, 0.5, 0.7], [], [1.0] * 9])
def test_validation_losses_that_do_not_turn_change_no_label(validation: Any) -> None:
    assert lrc.diagnose(TRAINING, validation=validation).label == lrc.diagnose(TRAINING).label


@pytest.mark.parametrize("losses", [1.02**T, np.r_[TRAINING[:297], 5, 50, 500]])
def test_training_that_diverges_stays_diverging(losses: Any) -> None:
    assert lrc.diagnose(losses, validation=turning(30)).label == "diverging"


def test_training_that_ends_in_nan_stays_nonfinite() -> None:
    assert lrc.diagnose([*TRAINING, math.nan], validation=turning(30)).label == "nonfinite"


def test_where_the_training_loss_rises_too_it_is_not_overfitting() -> None:
    losses = np.where(T < 120, TRAINING, 1.1)
    assert lrc.diagnose(losses, validation=turning(30)).label == "oscillating"


def test_evaluations_that_are_missing_are_left_out() -> None:
    validation = turning(30)
    validation[::4] = math.nan
    found = lrc.diagnose(TRAINING, validation=validation)
    assert found.label == "overfitting"
    assert found.evidence["evaluations"] == 30


@pytest.mark.parametrize(("scale", "shift"), [(2.0**-30, 0.0), (1024.0, 0.0), (1.0, 1000.0)])
def test_scale_and_shift_of_validation_losses_change_no_label(scale: float, shift: float) -> None:
    validation = scale * turning(30, 0.02) + shift
    assert lrc.diagnose(TRAINING, validation=validation).label == "overfitting"


def test_the_evidence_alone_leads_to_overfitting() -> None:
    assert label_of(lrc.diagnose(TRAINING, validation=RISING).evidence) == "overfitting"


def test_a_lone_curve_that_climbs_is_told_where_validation_losses_belong() -> None:
    found = lrc.diagnose(RISING)
    assert found.label == "diverging"
    assert "give them beside the training losses" in found.advice


def test_who_has_given_validation_losses_is_not_asked_for_them() -> None:
    found = lrc.diagnose(RISING, validation=RISING)
    assert found.label == "diverging"
    assert "validation" not in found.advice


def test_an_explosion_is_not_taken_for_validation_losses() -> None:
    assert "validation" not in lrc.diagnose([*TRAINING, 5, 50, 500]).advice


@pytest.mark.parametrize("wrong", ["123", [[1.0]], ["a"], 3.0])
def test_what_is_no_validation_curve_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^diagnose: validation must"):
        lrc.diagnose(TRAINING, validation=wrong)


def test_the_picture_shows_validation_losses_and_marks_their_lowest() -> None:
    found = lrc.diagnose(TRAINING, validation=turning(30))
    axes = new_figure().subplots()
    diagnosis.draw(axes, TRAINING.tolist(), found.evidence, turning(30).tolist())
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "validation" in labels
    turn = f"lowest at evaluation {found.evidence['validation_turn'] + 1:.0f}"
    assert turn in labels
