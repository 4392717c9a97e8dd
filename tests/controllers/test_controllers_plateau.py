"""Reduce on plateau: when the scale falls, what the rate becomes, and how a run is resumed."""

from __future__ import annotations

import itertools
import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrcore as lrc
from lrcore.controllers.plateau import PlateauState, ReduceOnPlateau

INF, NAN = math.inf, math.nan


def trace(controller: ReduceOnPlateau, values: Any, lr: float = 1.0) -> list[float]:
    """The rate after each evaluation."""
    rates = []
    for value in values:
        controller.update(value)
        rates.append(controller.rate(lr))
    return rates


def reductions(values: Any, **settings: Any) -> list[int]:
    """The evaluations, counted from 1, that lowered the scale."""
    controller = ReduceOnPlateau(**settings)
    return [n for n, value in enumerate(values, 1) if controller.update(value)]


# When the scale falls


@pytest.mark.parametrize(
    ("patience", "cooldown", "rates"),
    [
        (2, 0, [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]),
        (1, 0, [1, 0.5, 0.25, 0.125]),
        (2, 1, [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]),
        (2, 2, [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125]),
        (1, 1, [1, 0.5, 0.5, 0.25, 0.25, 0.125]),
        (3, 0, [1, 1, 1, 0.5, 0.5, 0.5, 0.25]),
    ],
)
def test_a_constant_metric_lowers_the_rate_in_a_fixed_rhythm(
    patience: int, cooldown: int, rates: list[float]
) -> None:
    controller = ReduceOnPlateau(factor=0.5, patience=patience, cooldown=cooldown)
    assert trace(controller, [1.0] * len(rates)) == rates


def test_reduce_on_plateau_monitors_with_factor_patience_and_min_lr() -> None:
    """Coverage S2: factor=.5, patience=3, min_lr=1e-6, evaluation by evaluation."""
    controller = ReduceOnPlateau(factor=0.5, patience=3, min_lr=1e-6)
    losses = [1.0, 0.8, 0.7, 0.71, 0.7, 0.7, 0.5, 0.6, 0.6, 0.6, 0.6]
    rates = [4e-6] * 5 + [2e-6] * 4 + [1e-6] * 2
    assert trace(controller, losses, lr=4e-6) == rates
    assert trace(controller, [0.6] * 20, lr=4e-6)[-1] == 1e-6


def test_reducing_by_ten_multiplies_by_a_tenth() -> None:
    """Coverage S1: 0.001 becomes 0.0001."""
    assert trace(ReduceOnPlateau(factor=0.1, patience=1), [1.0, 1.0], lr=1e-3)[-1] == 1e-4


def test_drops_follow_one_another_on_successive_plateaus() -> None:
    """Coverage S34: a drop by ten helps, the metric levels off again, and another drop follows."""
    metric = [1.0, 0.5, 0.5, 0.5, 0.2, 0.2, 0.2]
    assert reductions(metric, factor=0.1, patience=2) == [4, 7]


def test_a_tenth_of_the_rate_is_a_tenth_of_the_fluctuations() -> None:
    """Coverage S48: around the minimum of h x^2 / 2 the variance is lr sigma^2 / (h (2 - lr h))."""
    rng = np.random.default_rng(0)
    h, sigma, size = 1.0, 0.5, 20_000
    plateau = ReduceOnPlateau(0.1, patience=3, rel=0.05)
    opt = lrc.SGD(np.ones(size), lr=0.5, controller=plateau)
    floors = {}
    while opt.lr > 0.004:
        for _ in range(math.ceil(3 / opt.lr)):
            opt.step(h * opt.params + rng.normal(0, sigma, size))
        floors[opt.lr] = float(np.var(opt.params))
        plateau.update(floors[opt.lr])
    assert [round(lr, 9) for lr in floors] == [0.5, 0.05, 0.005]
    for lr, floor in floors.items():
        assert floor == pytest.approx(lr * sigma**2 / (h * (2 - lr * h)), rel=0.05)


def test_a_kink_is_reached_by_a_falling_rate() -> None:
    """Coverage S36: at a constant rate |x - 4| goes on between 3.5 and 4.5 for ever."""
    ends = []
    for controller in (None, ReduceOnPlateau(0.5, patience=2)):
        x = np.array([-1.5])
        opt = lrc.SGD(x, lr=1.0, controller=controller)
        for _ in range(200):
            opt.step(np.sign(x - 4.0))
            if controller:
                controller.update(abs(x[0] - 4.0))
        ends.append(abs(x[0] - 4.0))
    assert ends == [0.5, 0.0]


def test_an_improving_metric_never_lowers_the_rate() -> None:
    assert reductions(0.99 ** np.arange(200), patience=1) == []


def test_only_evaluations_in_a_row_are_counted() -> None:
    assert reductions([1.0, 1.0, 0.9, 0.9, 0.8, 0.8, 0.8], patience=2) == [7]


def test_update_tells_whether_the_scale_was_lowered() -> None:
    controller = ReduceOnPlateau(patience=1)
    assert [controller.update(1.0) for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_tie_is_bad(mode: str) -> None:
    assert reductions([1.0, 1.0], patience=1, rel=0.0, mode=mode) == [2]


@pytest.mark.parametrize(("mode", "sign"), [("min", 1), ("max", -1)])
@pytest.mark.parametrize("level", [100.0, -100.0])
@pytest.mark.parametrize(
    ("settings", "margin"), [({"rel": 0.01}, 1.0), ({"abs": 2.0}, 2.0), ({"rel": 0.0}, 0.0)]
)
def test_an_improvement_must_exceed_the_margin(
    mode: str, sign: int, level: float, settings: dict[str, float], margin: float
) -> None:
    enough = level - sign * (margin + 1e-9)
    short = level - sign * (margin - 1e-9)
    assert reductions([level, enough], patience=1, mode=mode, **settings) == []
    assert reductions([level, short], patience=1, mode=mode, **settings) == [2]


def test_the_larger_margin_rules() -> None:
    assert reductions([1.0, 0.94], patience=1, rel=0.1, abs=0.01) == [2]
    assert reductions([1.0, 0.94], patience=1, rel=0.01, abs=0.1) == [2]
    assert reductions([1.0, 0.94], patience=1, rel=0.01, abs=0.01) == []


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("level", [-1.0, 0.0, 1.0])
def test_a_constant_metric_of_any_sign_is_a_plateau(mode: str, level: float) -> None:
    assert reductions([level] * 12, mode=mode) == [11]


@pytest.mark.parametrize(("mode", "direction"), [("min", 1e-6), ("max", -1e-6)])
@pytest.mark.parametrize("level", [-1.0, 0.0, 1.0])
def test_a_worsening_metric_is_a_plateau(mode: str, direction: float, level: float) -> None:
    controller = ReduceOnPlateau(mode=mode, patience=3)  # type: ignore[arg-type]
    values = level + direction * np.arange(4)
    assert [controller.update(v) for v in values] == [False, False, False, True]
    assert controller.best == level


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_a_non_finite_first_value_is_never_best(bad: float) -> None:
    controller = ReduceOnPlateau(patience=2)
    assert trace(controller, [bad, *(1 / n for n in range(1, 20))]) == [1.0] * 20
    assert controller.best == 1 / 19


def test_a_non_finite_first_value_counts() -> None:
    assert reductions([NAN, NAN], patience=1) == [1, 2]


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_non_finite_value_is_a_bad_evaluation(bad: float, mode: str) -> None:
    assert reductions([1.0, bad, bad, bad], patience=3, mode=mode) == [4]


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_on_nan_raise_leaves_the_controller_as_it_was(bad: float) -> None:
    controller = ReduceOnPlateau(patience=2, on_nan="raise")
    trace(controller, [1.0, 1.0])
    before = controller.state_dict()
    with pytest.raises(FloatingPointError, match="value must be finite"):
        controller.update(bad, step=7)
    assert controller.state_dict() == before
    assert controller.update(1.0, step=7)


def test_the_same_step_twice_is_ignored() -> None:
    controller = ReduceOnPlateau(factor=0.5, patience=2)
    for step in range(3):
        for _ in range(5):
            controller.update(1.0, step=step)
    assert controller.scale == 0.5


def test_a_repeated_step_changes_nothing_whatever_its_value() -> None:
    controller = ReduceOnPlateau(patience=1, on_nan="raise")
    controller.update(1.0, step=3)
    before = controller.state_dict()
    assert [controller.update(v, step=3) for v in (NAN, 0.1, 5.0)] == [False] * 3
    assert controller.state_dict() == before


def test_evaluations_in_cooldown_are_not_counted() -> None:
    assert reductions([1.0, 1.0, 5.0, NAN, 1.0, 1.0], patience=1, cooldown=3) == [2, 6]


def test_an_improvement_in_cooldown_becomes_best() -> None:
    assert reductions([1.0, 1.0, 0.5, 0.7], patience=1, cooldown=1) == [2, 4]


# The rate


def test_the_rate_stops_at_min_lr() -> None:
    controller = ReduceOnPlateau(factor=0.5, patience=1, min_lr=0.3)
    assert trace(controller, [1.0] * 4) == [1.0, 0.5, 0.3, 0.3]


def test_a_rate_below_min_lr_is_not_raised() -> None:
    controller = ReduceOnPlateau(factor=0.5, patience=1, min_lr=0.3)
    assert trace(controller, [1.0] * 4, lr=0.2) == [0.2] * 4


def test_a_tiny_rate_is_still_reduced() -> None:
    assert trace(ReduceOnPlateau(factor=0.5, patience=1), [1.0, 1.0], lr=1e-8)[-1] == 5e-9


def test_the_scale_stops_at_min_scale() -> None:
    controller = ReduceOnPlateau(factor=0.5, patience=1, min_scale=0.3)
    assert [controller.update(1.0) for _ in range(5)] == [False, True, True, False, False]
    assert controller.scale == 0.3


def test_the_scale_falls_to_nothing_and_not_below() -> None:
    controller = ReduceOnPlateau(factor=1e-300, patience=1)
    assert trace(controller, [1.0] * 4) == [1.0, 1e-300, 0.0, 0.0]


def test_a_saved_scale_below_min_scale_is_not_raised() -> None:
    low = ReduceOnPlateau(factor=0.01, patience=1)
    trace(low, [1.0, 1.0])
    controller = ReduceOnPlateau(factor=0.5, patience=1, min_scale=0.1)
    controller.load_state_dict(low.state_dict())
    assert not controller.update(1.0)
    assert controller.scale == 0.01


# Windows


SPIKE = [1.0, 0.9, 0.8, *(5.0 - 0.1 * n for n in range(40))]


def test_steady_decrease_after_a_spike_is_no_plateau() -> None:
    assert reductions(SPIKE, patience=5, reference="window") == []
    assert reductions(SPIKE, patience=5, reference="best") != []


@pytest.mark.parametrize("window", [1, 2, 3, 4])
def test_steady_decrease_after_a_spike_is_no_plateau_for_a_mean_either(window: int) -> None:
    assert reductions(SPIKE, patience=5, window=window, reference="window") == []


def test_steady_increase_after_a_dip_is_no_plateau() -> None:
    values = [-value for value in SPIKE]
    assert reductions(values, patience=5, mode="max", reference="window") == []


def test_slow_steady_decrease_is_no_plateau_with_a_window() -> None:
    """Each step is less than the margin, a few of them together are more."""
    values = (1 - 0.4e-4) ** np.arange(200)
    assert reductions(values, patience=5, reference="window") == []


def test_a_level_metric_is_a_plateau_with_a_window() -> None:
    assert reductions([1.0] * 11, patience=5, reference="window") == [6, 11]


def test_a_level_metric_after_a_spike_is_a_plateau_with_a_window() -> None:
    assert reductions([1.0, 5.0, 5.0, 5.0, 5.0], patience=4, reference="window") == [5]


def test_the_mean_of_the_window_is_judged() -> None:
    controller = ReduceOnPlateau(patience=3, window=3)
    trace(controller, [6.0, 3.0, 0.0, 0.0])
    assert controller.best == 1.0


def test_the_mean_of_equal_reports_is_no_improvement() -> None:
    assert reductions([0.1] * 12, patience=11, window=10, rel=0.0) == [12]
    assert reductions([0.1] * 12, patience=11, window=10, rel=0.0, mode="max") == [12]


def test_a_non_finite_report_is_left_out_of_the_mean() -> None:
    controller = ReduceOnPlateau(patience=5, window=2)
    trace(controller, [4.0, NAN, 2.0, INF, 1.0])
    assert controller.best == 1.5


def test_the_mean_of_huge_reports_is_finite() -> None:
    controller = ReduceOnPlateau(window=3)
    trace(controller, [sys.float_info.max] * 3)
    assert controller.best == sys.float_info.max


def test_the_best_of_the_few_before_is_to_be_beaten() -> None:
    assert reductions([1.0, 5.0, 3.0, 4.0, 3.5], patience=4, reference="window") == [5]


# Arguments


NUMBER: list[Any] = [-1.0, NAN, INF, True, "0.1", None, 1j, np.array(0.1)]
COUNT: list[Any] = [-1, 2.5, 2.0, NAN, True, "2", None]
REFUSED: dict[str, list[Any]] = {
    "factor": [0.0, 1.0, 1.5, 10, *NUMBER],
    "patience": [0, *COUNT],
    "mode": ["auto", "", None, 1],
    "rel": NUMBER,
    "abs": NUMBER,
    "cooldown": COUNT,
    "min_lr": NUMBER,
    "min_scale": [1.1, *NUMBER],
    "window": [0, *COUNT],
    "reference": ["last", None],
    "on_nan": ["ignore", None],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in REFUSED.items() for v in vs])
def test_senseless_arguments_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^ReduceOnPlateau: {name} must be ") as e:
        ReduceOnPlateau(**{name: value})
    assert repr(value) in str(e.value)


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in REFUSED.items() for v in vs])
def test_senseless_settings_of_a_live_controller_are_refused_too(name: str, value: Any) -> None:
    controller = used()
    before = repr(controller)
    with pytest.raises((TypeError, ValueError), match=f"^ReduceOnPlateau: {name} must be "):
        setattr(controller, name, value)
    assert repr(controller) == before


def test_a_setting_that_is_assigned_holds_from_the_next_report() -> None:
    controller = ReduceOnPlateau(factor=0.5, patience=10)
    trace(controller, [1.0, 1.0, 1.0])
    controller.patience = 3
    controller.factor = 0.25
    assert trace(controller, [1.0]) == [0.25]


def test_every_setting_has_values_to_refuse_and_is_shown() -> None:
    shown = repr(ReduceOnPlateau()).removeprefix("ReduceOnPlateau(").removesuffix(")")
    assert [part.split("=")[0] for part in shown.split(", ")] == list(REFUSED)


def test_repr_rebuilds_the_settings() -> None:
    controller = ReduceOnPlateau(0.5, 3, mode="max", rel=0.0, window=4, on_nan="raise")
    assert repr(eval(repr(controller))) == repr(controller)


# Resuming


BROKEN: dict[str, list[Any]] = {
    "scale": [-0.1, 1.1, NAN, None, "1", True],
    "best": [NAN, INF, "1", True],
    "bad": [-1, 1.0, None, True],
    "cooling": [-1, 1.0, None],
    "step": [-1, 1.0, "3"],
    "reports": [None, 1.0, [NAN], [None], ["1"]],
    "recent": [None, 1.0, [INF], [[1.0]]],
}


def used() -> ReduceOnPlateau:
    controller = ReduceOnPlateau(factor=0.5, patience=2, cooldown=2, window=2, reference="window")
    for step, value in enumerate([1.0, 1.0, 1.0, 2.0]):
        controller.update(value, step=step)
    return controller


def test_every_key_of_the_state_has_values_to_refuse() -> None:
    assert used().state_dict().keys() == BROKEN.keys()


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in BROKEN.items() for v in vs])
def test_a_broken_state_is_refused_by_key_and_changes_nothing(key: str, value: Any) -> None:
    controller = used()
    before = controller.state_dict()
    with pytest.raises(ValueError, match=key):
        controller.load_state_dict(ReduceOnPlateau().state_dict() | {key: value})
    assert controller.state_dict() == before


@pytest.mark.parametrize("key", BROKEN)
def test_a_missing_key_is_named_and_changes_nothing(key: str) -> None:
    controller = used()
    before = controller.state_dict()
    state = {k: v for k, v in ReduceOnPlateau().state_dict().items() if k != key}
    with pytest.raises(KeyError, match=f"'{key}' is missing"):
        controller.load_state_dict(state)
    assert controller.state_dict() == before


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(KeyError, match="'speed' is not known"):
        used().load_state_dict(used().state_dict() | {"speed": 1})


def test_settings_are_not_part_of_the_state() -> None:
    controller = ReduceOnPlateau(factor=0.25, patience=7)
    controller.load_state_dict(used().state_dict())
    assert (controller.factor, controller.patience) == (0.25, 7)


def test_a_smaller_window_keeps_the_latest_evaluations() -> None:
    wide = ReduceOnPlateau(window=10, patience=20, reference="window")
    trace(wide, [9.0, 8.0, 7.0, 6.0])
    narrow = ReduceOnPlateau(window=1, patience=2, reference="window")
    narrow.load_state_dict(wide.state_dict())
    narrow.update(5.0)
    assert narrow.best == 5.0
    assert narrow.state_dict()["reports"] == narrow.state_dict()["recent"] == [5.0]


def test_the_state_of_a_new_controller_is_that_of_a_new_state() -> None:
    assert ReduceOnPlateau() != ReduceOnPlateau()
    assert ReduceOnPlateau().state_dict() == vars(PlateauState()) | {"reports": [], "recent": []}


# Any series


ANY_VALUES = st.lists(
    st.floats(-10, 10) | st.sampled_from([NAN, INF, -INF, 0.0, 1e308, -1e308, 5e-324]), max_size=60
)
SETTINGS = st.fixed_dictionaries(
    {
        "factor": st.floats(1e-3, 0.999),
        "patience": st.integers(1, 5),
        "mode": st.sampled_from(["min", "max"]),
        "rel": st.floats(0, 0.5),
        "abs": st.floats(0, 0.5),
        "cooldown": st.integers(0, 4),
        "min_lr": st.sampled_from([0.0, 1e-6, 1e-2]),
        "min_scale": st.sampled_from([0.0, 1e-3, 0.5]),
        "window": st.integers(1, 5),
        "reference": st.sampled_from(["best", "window"]),
    }
)


@given(SETTINGS, ANY_VALUES, st.floats(0, 10))
def test_the_rate_is_never_below_min_lr_and_never_rises(
    settings: dict[str, Any], values: list[float], lr: float
) -> None:
    rates = [lr, *trace(ReduceOnPlateau(**settings), values, lr)]
    assert all(b <= a for a, b in itertools.pairwise(rates))
    assert all(rate >= min(lr, settings["min_lr"]) for rate in rates)


@given(SETTINGS, ANY_VALUES)
def test_the_scale_stays_between_min_scale_and_one(
    settings: dict[str, Any], values: list[float]
) -> None:
    controller = ReduceOnPlateau(**settings)
    trace(controller, values)
    assert settings["min_scale"] <= controller.scale <= 1.0


@given(SETTINGS, ANY_VALUES)
def test_reductions_keep_their_distance(settings: dict[str, Any], values: list[float]) -> None:
    lowered = np.array(reductions(values, **settings))
    assert (np.diff(lowered) >= settings["patience"] + settings["cooldown"]).all()


@given(SETTINGS, ANY_VALUES)
def test_a_metric_and_its_negative_are_alike_in_opposite_modes(
    settings: dict[str, Any], values: list[float]
) -> None:
    mirrored = settings | {"mode": {"min": "max", "max": "min"}[settings["mode"]]}
    assert reductions(values, **settings) == reductions([-v for v in values], **mirrored)
