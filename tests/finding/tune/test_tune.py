"""Sweeps: what is tried, how it is judged, and what the results show."""

from __future__ import annotations

import csv
import doctest
import math
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tune_cases
from places import DOCS
from processes import PYTHON

import lrcore as lrc
from lrcore import tune
from lrcore.tune.divergence import WINDOW, Losses
from lrcore.tune.halving import brackets


def test_a_grid_keeps_the_order_of_its_rates() -> None:
    assert [t.lr for t in tune.grid(tune_cases.bowl, [0.1, 0.001, 0.01])] == [0.1, 0.001, 0.01]


def test_a_grid_begins_where_one_begins_by_hand() -> None:
    assert [t.lr for t in tune.grid(tune_cases.bowl)] == list(tune.DEFAULT_LRS)


def test_a_sweep_is_geomspace() -> None:
    result = tune.log_sweep(tune_cases.bowl, 1e-6, 1e-1, 6)
    assert [t.lr for t in result] == np.geomspace(1e-6, 1e-1, 6).tolist()


@pytest.mark.parametrize("low", [1e-3, 0.03, 0.7, 1e-5, 1.0])
def test_refinement_closes_in_on_the_lowest_point_even_at_an_end(low: float) -> None:
    result = tune.log_sweep(lambda lr: math.log(lr / low) ** 2, 1e-5, 1.0, 6, refine=16)
    assert len(result) == 22
    # 16 golden sections of a gap of one decade, each to 0.618 of it at least every second time
    assert abs(math.log10(result.best.lr / low)) < 0.618**8


def test_a_gap_is_divided_by_the_golden_section() -> None:
    result = tune.log_sweep(lambda lr: abs(math.log10(lr)), 1e-2, 1.0, 2, refine=1)
    assert math.log10(result[-1].lr) == pytest.approx(-2 * (3 - math.sqrt(5)) / 2)


def test_refinement_of_a_plateau_divides_other_gaps_each_time() -> None:
    result = tune.log_sweep(lambda lr: 1.0, 0.01, 1.0, 3, refine=5)
    assert len({t.lr for t in result}) == 8


def test_refinement_comes_down_from_what_diverged() -> None:
    result = tune.log_sweep(lambda lr: -lr if lr < 2 else math.inf, 0.1, 100.0, 4, refine=12)
    assert 1.9 < result.best.lr < 2


def test_nothing_is_refined_where_all_diverged() -> None:
    assert len(tune.log_sweep(lambda lr: math.nan, 0.1, 1.0, 3, refine=5)) == 3


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_a_divergence(score: float) -> None:
    (trial,) = tune.grid(lambda lr: score, [0.1])
    assert (trial.status, trial.score, trial.updates) == ("diverged", math.inf, None)


def test_the_score_of_losses_is_the_mean_of_their_last_tenth() -> None:
    (trial,) = tune.grid(lambda lr: iter(np.arange(50.0)[::-1]), [0.1])
    assert (trial.score, trial.updates, trial.status) == (2.0, 50, "finished")


def test_what_a_generator_returns_is_its_score() -> None:
    def f(lr: float) -> Iterator[float]:
        yield 3.0
        return 7.0

    (trial,) = tune.grid(f, [0.1])
    assert (trial.score, trial.updates) == (7.0, 1)


def test_a_loss_that_is_not_finite_ends_a_trial_and_its_generator() -> None:
    ended = []

    def f(lr: float) -> Iterator[float]:
        try:
            yield 1.0
            yield math.nan
            pytest.fail("it went on")
        finally:
            ended.append(lr)

    begun = f(0.1)  # a reference, so that it does not end by being forgotten
    (trial,) = tune.grid(lambda lr: begun, [0.1])
    assert (trial.status, trial.updates, ended) == ("diverged", 2, [0.1])


def test_a_refused_gradient_is_a_divergence() -> None:
    def f(lr: float) -> float:
        lrc.SGD(np.ones(1)).step(np.array([math.nan]))
        return 1.0

    assert tune.grid(f, [0.1])[0].status == "diverged"


def noises() -> dict[str, Callable[[Any, int], Any]]:
    return {
        "normal": lambda rng, n: rng.standard_normal(n),
        "skewed up": lambda rng, n: rng.exponential(size=n),
        "skewed down": lambda rng, n: -rng.exponential(size=n),
        "two values": lambda rng, n: (rng.random(n) < 0.5) * 1.0,
        "mostly high": lambda rng, n: (rng.random(n) < 0.95) * 1.0,
        "heavy": lambda rng, n: rng.standard_cauchy(n),
    }


def diverges(values: Any, rest: Any = None) -> int | None:
    losses = Losses(rest and (lambda: rest))
    for n, loss in enumerate(values, 1):
        if losses.add(float(loss)):
            return n
    return None


@pytest.mark.parametrize("name", noises())
def test_noise_alone_is_no_divergence(name: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        assert diverges(noises()[name](rng, 300)) is None
        values = noises()[name](rng, 300)
        assert diverges(values, list(noises()[name](rng, WINDOW))) is None


def test_losses_that_rise_to_where_they_began_are_no_divergence() -> None:
    assert diverges([*np.linspace(5, 1, 50), *np.linspace(1, 5, 50), *[5.5] * 50]) is None


def test_an_explosion_after_progress_is_seen_once_20_losses_show_it() -> None:
    assert diverges([*np.linspace(5, 1, 100), *[100.0] * 50]) == 100 + WINDOW


@pytest.mark.parametrize("lr", [0.0201, 0.0202, 0.021, 0.0223, 0.0314])
def test_a_rise_that_comes_down_again_is_no_divergence(lr: float) -> None:
    losses = list(tune_cases.catapult(lr).losses(300))
    assert max(losses) > 1.1 * losses[0] > 1e6 * losses[-1]
    (trial,) = tune.grid(tune.objective(tune_cases.catapult, 300), [lr])
    assert (trial.status, trial.updates) == ("finished", 300)


@pytest.mark.parametrize("lr", [0.045, 0.1])
@np.errstate(all="ignore")  # it overflows
def test_what_rises_without_end_is_a_divergence(lr: float) -> None:
    (trial,) = tune.grid(tune.objective(tune_cases.catapult, 300), [lr])
    assert trial.status == "diverged"
    assert trial.updates is not None
    assert trial.updates < 40


def test_halving_keeps_a_rise_that_comes_down_again() -> None:
    f = tune.resumable(tune_cases.catapult)
    state, score = None, math.inf
    for rung in (10, 30, 90, 270):  # cut where the losses are above their start
        score, state = f(0.021, state, rung)
        assert math.isfinite(score)
    assert score < 1e-9


@pytest.mark.parametrize(("peak", "noise"), [(30, 0.0), (30, 0.3), (60, 0.0), (200, 0.0)])
def test_a_hump_is_no_divergence(peak: int, noise: float) -> None:
    k = np.arange(3 * peak)
    hump = 1 + 10 * np.sin(np.pi * np.minimum(k / (2 * peak), 1.0))
    assert diverges(hump + noise * np.random.default_rng(peak).standard_normal(k.size)) is None


def test_a_jump_that_fades_is_no_divergence() -> None:
    rng = np.random.default_rng(0)
    values = np.r_[np.full(30, 2.0), 2 + 100 * np.exp(-np.arange(150) / 50)]
    assert diverges(values * rng.uniform(0.9, 1.1, values.size)) is None


@pytest.mark.parametrize("growth", [1.01, 1.2, 2, 1e3])
def test_growth_is_seen_within_tens_of_updates(growth: float) -> None:
    found = diverges(float(growth) ** k for k in range(100))
    assert found is not None
    assert found < 60


@pytest.mark.parametrize(("scale", "shift"), [(1024.0, 0.0), (1.0, 4096.0), (0.25, -64.0)])
def test_scale_and_shift_of_the_loss_do_not_matter(scale: float, shift: float) -> None:
    # whole numbers, so that shifting and scaling by these is exact
    rng = np.random.default_rng(1)
    for growth in (0.5, 1.0, 3.0):
        values = np.rint(growth * np.arange(80) + 10 * rng.standard_normal(80))
        assert diverges(scale * values + shift) == diverges(values)


def test_an_objective_sees_a_jump_at_the_start_by_its_losses_at_rest() -> None:
    # unsteady: noise as high as the loss; at rest it stays where it began
    f = tune.objective(tune_cases.unsteady, 200)
    fast, good = tune.grid(f, [2.5, 0.5])
    assert fast.status == "diverged"
    assert fast.updates is not None
    assert fast.updates < 40
    assert good.status == "finished"


def test_losses_at_rest_leave_the_parameters_alone() -> None:
    f = tune.objective(tune_cases.setup, 10)
    assert f.at_rest(1e3) == f.at_rest(1e-3)


def test_an_objective_is_scored_by_its_run() -> None:
    run = tune_cases.setup(0.1)
    list(run.losses(30))
    assert run.score is not None
    (trial,) = tune.grid(tune.objective(tune_cases.setup, 30), [0.1])
    assert (trial.score, trial.updates) == (run.score(), 30)


def test_an_objective_without_a_score_is_judged_by_its_losses() -> None:
    losses = list(tune_cases.unsteady(0.5).losses(40))
    (trial,) = tune.grid(tune.objective(tune_cases.unsteady, 40), [0.5])
    assert trial.score == pytest.approx(np.mean(losses[-4:]), rel=1e-15)  # order of summation


def refusals() -> dict[str, tuple[Callable[[], object], str]]:
    bowl: Any = tune_cases.bowl
    nothing: Any = None
    return {
        "no f": (lambda: tune.grid(nothing), "f must be callable, got None"),
        "no rate": (lambda: tune.grid(bowl, []), "lrs must hold at least one rate"),
        "rate 0": (lambda: tune.grid(bowl, [0.0]), r"lrs must be .* \(0, inf\), got \[0.0\]"),
        "one rate": (lambda: tune.grid(bowl, 0.1), "lrs must be a sequence, got 0.1"),  # type: ignore[arg-type]
        "jobs": (lambda: tune.grid(bowl, n_jobs=0), r"n_jobs must be an integer in \[1"),
        "order": (lambda: tune.log_sweep(bowl, 1.0, 0.1, 3), "lo must be below hi, got lo=1.0"),
        "low": (lambda: tune.log_sweep(bowl, 0.0, 0.1, 3), r"lo must be a finite number in \(0"),
        "num": (lambda: tune.log_sweep(bowl, 0.1, 1.0, 1), r"num must be an integer in \[2"),
        "refine": (lambda: tune.log_sweep(bowl, 0.1, 1.0, 3, refine=-1), "refine must be"),
        "setup": (lambda: tune.objective(nothing, 3), "setup must be callable, got None"),
        "updates": (lambda: tune.objective(tune_cases.setup, 0), "updates must be an integer"),
        "resumable": (lambda: tune.resumable(nothing), "setup must be callable"),
    }


@pytest.mark.parametrize("name", refusals())
def test_wrong_arguments_are_named(name: str) -> None:
    call, message = refusals()[name]
    with pytest.raises((TypeError, ValueError), match=message):
        call()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "f must return a number or an iterator of losses, got None"),
        ([1.0, 2.0], "f must return a number or an iterator of losses, got \\[1.0, 2.0\\]"),
        ("low", "got 'low'"),
        (iter(["a"]), "every loss must be a number, got 'a'"),
        (iter([]), "f has given no loss"),
        (np.ones(2), "f must return a number"),
    ],
)
def test_what_f_must_return_is_named_with_the_rate(given: Any, message: str) -> None:
    with pytest.raises(tune.TrialError, match=f"the trial at rate 0.25 failed: .*{message}"):
        tune.grid(lambda lr: given, [0.25])


def test_an_error_in_f_is_named_with_rate_and_place() -> None:
    expected = r"the trial at rate 0\.5 failed: KeyError: 'the data' \(.*tune_cases\.py, line \d+\)"
    with pytest.raises(tune.TrialError, match=expected) as caught:
        tune.grid(tune_cases.failing, [0.1, 0.5])
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.fixture
def result() -> tune.Result:
    return tune.grid(tune_cases.descent, [3.0, 1.0, 0.01, 0.1])


def test_a_result_is_a_sequence_of_trials(result: tune.Result) -> None:
    assert [t.lr for t in result] == [t.lr for t in result[:]] == [3.0, 1.0, 0.01, 0.1]
    assert len(result) == 4
    assert result[-1] is result.trials[3]


def test_the_best_has_the_lowest_score_and_comes_first_of_equal_ones() -> None:
    assert tune.grid(lambda lr: round(lr), [3.0, 1.1, 1.2]).best.lr == 1.1


def test_the_best_has_finished_if_any_has() -> None:
    early = tune.Trial(0.1, 1.0, "stopped", 5, 0.0)
    late = tune.Trial(0.2, 2.0, "finished", 50, 0.0)
    assert tune.Result((early, late)).best is late
    assert tune.Result((early,)).best is early


def test_what_is_within_a_thousandth_of_the_best_is_as_good() -> None:
    scores = {0.1: 2.0, 0.2: 2.0019, 0.3: 2.0021, 0.4: 3.0, 0.5: 2.0}
    result = tune.grid(lambda lr: scores[lr], [0.5, 0.4, 0.3, 0.2, 0.1])
    assert result.best.lr == 0.5
    assert [t.lr for t in result.as_good] == [0.1, 0.2]
    marked = [line.split()[0] for line in str(result).splitlines() if "within" in line]
    assert marked == ["0.1", "0.2"]


@pytest.mark.parametrize("low", [-7.0, 0.0])
def test_scores_of_any_sign_can_be_as_good(low: float) -> None:
    result = tune.grid(lambda lr: low + 1e-4 * abs(low) * lr, [1.0, 2.0])
    assert [t.lr for t in result.as_good] == [2.0]


def test_what_was_stopped_is_not_as_good_as_what_finished() -> None:
    early, late = tune.Trial(0.1, 1.0, "stopped", 5, 0.0), tune.Trial(0.2, 1.0, "finished", 9, 0.0)
    assert tune.Result((early, late)).as_good == ()


def test_where_all_diverged_nothing_is_as_good() -> None:
    assert tune.grid(lambda lr: math.nan, [1.0, 2.0]).as_good == ()


def test_without_a_good_trial_there_is_no_best() -> None:
    with pytest.raises(ValueError, match=r"all 2 trials diverged; try rates below 0\.3"):
        _ = tune.grid(lambda lr: math.inf, [0.3, 3.0]).best


def test_the_table_is_sorted_by_rate_and_marks_the_best(result: tune.Result) -> None:
    lines = str(result).splitlines()
    assert lines[0].split() == ["rate", "score", "updates", "seconds"]
    assert [line.split()[0] for line in lines[1:]] == ["0.01", "0.1", "*", "3"]
    assert lines[4].endswith("diverged")


@pytest.mark.parametrize(("sign", "way"), [(1, "lower"), (-1, "higher")])
def test_the_table_points_out_a_best_rate_at_an_end(sign: int, way: str) -> None:
    text = str(tune.grid(lambda lr: sign * lr, [1.0, 2.0, 3.0]))
    assert text.endswith(f"The best rate is the last one on its side: try {way} ones.")


def test_the_table_sends_nobody_away_from_an_end_that_others_are_as_good_as() -> None:
    text = str(tune.grid(lambda lr: 2 + 1e-6 * lr, [1.0, 2.0, 3.0]))
    assert text.count("within 0.1 % of the best") == 2
    assert "try" not in text


@pytest.mark.parametrize(("score", "near"), [(1e-9, [0.2]), (0.1, [])])
def test_what_is_as_good_as_nothing_is_measured_by_the_others(score: float, near: Any) -> None:
    scores = {0.1: 0.0, 0.2: score, 0.3: 0.5, 0.4: 0.7}
    result = tune.grid(lambda lr: scores[lr], list(scores))
    assert [t.lr for t in result.as_good] == near
    assert ("within 0.1 % of the median" in str(result)) == bool(near)


def still(grads: Any, every: int = 0) -> Callable[[float], lrc.Run]:
    def setup(lr: float) -> lrc.Run:
        calls: list[int] = []
        opt = lrc.SGD(np.ones(1), lr=lr, nonfinite="skip")

        def step() -> float:
            calls.append(1)
            if every and len(calls) % every == 0:
                opt.step(np.array([grads]))
            return 1.0

        return lrc.Run(opt, step)

    return setup


@pytest.mark.parametrize("updates", [1, 5, 100])
def test_a_step_that_makes_no_update_is_refused(updates: int) -> None:
    with pytest.raises(
        tune.TrialError, match=r"of step\(\) made no update: it must call opt\.step"
    ):
        tune.grid(tune.objective(still(0.1), updates), [0.1])
    with pytest.raises(ValueError, match="made no update"):
        tune.resumable(still(0.1))(0.1, None, updates)


@pytest.mark.parametrize(("grads", "every"), [(0.1, 1), (0.1, 4), (math.nan, 1), (0.0, 1)])
def test_a_step_may_gather_gradients_or_have_them_left_out(grads: float, every: int) -> None:
    assert tune.grid(tune.objective(still(grads, every), 30), [0.1])[0].status == "finished"


def test_a_table_of_what_diverged_can_be_shown() -> None:
    assert str(tune.grid(lambda lr: math.nan, [1.0, 2.0])).count("diverged") == 2


def test_csv_has_every_number_to_the_last_digit(result: tune.Result, tmp_path: Path) -> None:
    result.to_csv(tmp_path / "trials.csv")
    rows = list(csv.DictReader((tmp_path / "trials.csv").read_text().splitlines()))
    assert [(float(r["lr"]), float(r["score"])) for r in rows] == [(t.lr, t.score) for t in result]
    assert [r["status"] for r in rows] == [t.status for t in result]


def test_a_figure_shows_every_trial(result: tune.Result) -> None:
    figure = pytest.importorskip("matplotlib.figure")
    axes = figure.Figure().subplots()
    assert result.plot(axes) is axes
    finished, diverged = axes.get_lines()
    assert finished.get_xdata().tolist() == [0.01, 0.1, 1.0]
    assert diverged.get_xdata().tolist() == [3.0]
    assert axes.get_xlim()[0] < 0.01 < 3.0 < axes.get_xlim()[1]
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts[:2] == ["finished: 3", "diverged: 1"]
    assert texts[2].startswith("best: ")
    axes.figure.draw_without_rendering()


@pytest.mark.parametrize("score", [math.inf, 0.0, -1.0, 1e300])
def test_any_scores_can_be_drawn(score: float) -> None:
    figure = pytest.importorskip("matplotlib.figure")
    axes = tune.grid(lambda lr: score, [1.0, 2.0]).plot(figure.Figure().subplots())
    axes.figure.draw_without_rendering()


def test_the_searches_are_loaded_when_asked_for_and_then_without_extras() -> None:
    code = (
        "import sys, lrcore; print('lrcore.tune' in sys.modules); lrcore.tune; "
        "print({'optuna', 'rich', 'matplotlib', 'threadpoolctl'} & set(sys.modules))"
    )
    done = subprocess.run([*PYTHON, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\nset()\n", "")


def test_the_examples_of_the_page_run() -> None:
    page = DOCS / "finding" / "tuning.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert (failed, tried > 5) == (0, True)


def test_the_brackets_of_the_page_are_those_that_are_used() -> None:
    page = (DOCS / "finding" / "tuning.md").read_text()
    rows = re.findall(r"^\| \d \| ([-\d, ]+) \|$", page, re.MULTILINE)
    written = [[int(n) for n in row.split(", ") if n != "-"] for row in rows]
    assert written == [bracket.sizes(3) for bracket in brackets(81)]
