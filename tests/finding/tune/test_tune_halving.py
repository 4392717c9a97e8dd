"""Successive halving and Hyperband: brackets, who goes on, and the bits of resumed trials."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tune_cases

from lrcore import tune
from lrcore.tune.halving import brackets

RATES = (1e-3, 1.9)


def test_the_brackets_are_those_of_the_papers_table() -> None:
    # Li et al. 2018, table 1: R = 81, eta = 3
    table = [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]
    assert [list(zip(b.sizes(3), b.rungs, strict=True)) for b in brackets(81)] == table


@pytest.mark.parametrize("eta", [2, 3, 4, 7, 10])
@pytest.mark.parametrize("power", range(8))
def test_powers_of_eta_give_all_their_brackets(eta: int, power: int) -> None:
    # math.log(243, 3) is 4.999..., math.log(1000, 10) 2.999...: a floor of it would lose one
    assert [b.rungs[0] for b in brackets(eta**power, eta=eta)] == [eta**i for i in range(power + 1)]


@pytest.mark.parametrize("lowest", [1, 7, 100])
def test_no_rung_is_below_the_least_resource_and_the_last_is_the_highest(lowest: int) -> None:
    for bracket in brackets(100, lowest):
        assert bracket.rungs[0] >= lowest
        assert bracket.rungs[-1] == 100


def test_as_many_trials_reach_each_rung_as_the_brackets_say() -> None:
    result = tune.hyperband(tune_cases.halving, RATES, max_resource=27)
    for number, bracket in enumerate(brackets(27)):
        reached = [t.updates or 0 for t in result if t.bracket == number]
        sizes = [sum(n >= rung for n in reached) for rung in bracket.rungs]
        assert sizes == bracket.sizes(3)


def test_those_with_the_lowest_scores_go_on() -> None:
    result = tune.successive_halving(tune_cases.halving, (1e-3, 1.0), num=27, max_resource=9)
    # the score of descent falls with the rate up to 1
    order = sorted(result, key=lambda t: -t.lr)
    assert [t.updates for t in order] == [9] * 3 + [3] * 6 + [1] * 18
    assert [t.status for t in order] == ["finished"] * 3 + ["stopped"] * 24


def test_a_trial_goes_on_from_its_state() -> None:
    seen = []

    def f(lr: float, x: Any, updates: int) -> tuple[float, Any]:
        score, state = tune_cases.halving(lr, x, updates)
        seen.append(state[1])
        return score, state

    tune.successive_halving(f, RATES, num=9, max_resource=9)
    assert seen == [[1]] * 9 + [[1, 2]] * 3 + [[1, 2, 6]]


def test_what_diverges_does_not_go_on() -> None:
    def f(lr: float, x: Any, updates: int) -> tuple[float, Any]:
        assert x is None
        return (math.nan if lr > 0.1 else -math.inf), "a state"

    result = tune.successive_halving(f, RATES, num=9, max_resource=9)
    assert {(t.status, t.score, t.updates) for t in result} == {("diverged", math.inf, 1)}


def test_a_refused_gradient_is_a_divergence() -> None:
    def f(lr: float, x: Any, updates: int) -> tuple[float, Any]:
        raise FloatingPointError

    (trial,) = tune.successive_halving(f, RATES, num=1, max_resource=1)
    assert trial.status == "diverged"


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_resumed_trials_have_the_bits_of_uninterrupted_ones(n_jobs: int) -> None:
    f = tune.resumable(tune_cases.setup)
    result = tune.successive_halving(
        f, (1e-3, 0.3), num=9, max_resource=90, min_resource=10, n_jobs=n_jobs
    )
    assert sorted({t.updates for t in result}) == [10, 30, 90]
    for trial in result:
        assert trial.updates is not None
        assert f(trial.lr, None, trial.updates)[0] == trial.score


def test_a_resumed_run_has_the_parameters_and_losses_of_an_uninterrupted_one() -> None:
    f = tune.resumable(tune_cases.setup)
    state = None
    for resource in (7, 8, 50):
        _, state = f(0.1, state, resource)
    _, whole = f(0.1, None, 50)
    assert state is not None
    assert whole is not None
    assert state.losses == whole.losses
    assert state.moment.rng == whole.moment.rng
    for name, array in whole.moment.snapshot.params.items():
        np.testing.assert_array_equal(array, state.moment.snapshot.params[name])


def test_resumable_trials_end_where_they_diverge() -> None:
    f = tune.resumable(tune_cases.unsteady)
    assert f(2.5, None, 200) == (math.inf, None)
    _, early = f(2.5, None, 10)
    assert early is not None
    assert f(2.5, early, 200) == (math.inf, None)


def test_results_do_not_depend_on_the_number_of_processes() -> None:
    one, two = (tune.hyperband(tune_cases.halving, RATES, max_resource=9, n_jobs=n) for n in (1, 2))
    assert [replace(t, seconds=0.0) for t in one] == [replace(t, seconds=0.0) for t in two]


def test_the_seed_decides_the_rates() -> None:
    def rates(seed: int) -> list[float]:
        search = tune.successive_halving(
            tune_cases.halving, RATES, num=5, max_resource=1, seed=seed
        )
        return [t.lr for t in search]

    assert rates(3) == rates(3) != rates(4)
    assert all(RATES[0] <= lr <= RATES[1] for lr in rates(3))


def test_a_pair_of_rates_is_drawn_from_evenly_on_a_logarithmic_axis() -> None:
    search = tune.successive_halving(tune_cases.halving, (1e-8, 1.0), num=400, max_resource=1)
    counts = np.histogram(np.log10([t.lr for t in search]), 4, (-8, 0))[0]
    assert counts.min() > 70  # 100 expected, with a standard deviation of 8.7
    assert counts.sum() == 400


def test_a_sampler_may_be_a_function_of_a_generator() -> None:
    result = tune.successive_halving(
        tune_cases.halving, lambda rng: rng.integers(1, 9) / 10, num=20, max_resource=1
    )
    assert {round(10 * t.lr, 9) for t in result} <= set(range(1, 9))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sampler": 3}, r"sampler must be callable or a pair \(lo, hi\), got 3"),
        ({"sampler": (0.1,)}, r"sampler must be a pair \(lo, hi\), got \(0\.1,\)"),
        ({"sampler": [1, 2, 3]}, r"sampler must be a pair \(lo, hi\), got \[1, 2, 3\]"),
        ({"sampler": (1.0, 0.1)}, r"must have lo <= hi, got \(1.0, 0.1\)"),
        ({"sampler": (0.0, 0.1)}, r"sampler must be a finite number in \(0"),
        ({"sampler": lambda rng: -1.0}, r"sampler\(rng\) gives must be a finite number"),
        ({"num": 0}, "num must be an integer"),
        ({"max_resource": 0}, "max_resource must be an integer"),
        ({"min_resource": 10}, r"min_resource must be an integer in \[1, 9\], got 10"),
        ({"eta": 1}, r"eta must be an integer in \[2"),
        ({"seed": -1}, "seed must be an integer"),
        ({"f": 1}, "f must be callable, got 1"),
        ({"f": lambda lr, x, n: 1.0}, r"f must return \(score, state\), got 1.0"),
    ],
)
def test_wrong_arguments_are_named(change: dict[str, Any], message: str) -> None:
    arguments = {"f": tune_cases.halving, "sampler": RATES, "num": 3, "max_resource": 9, **change}
    errors = (TypeError, ValueError, tune.TrialError)
    with pytest.raises(errors, match=message):
        tune.successive_halving(arguments.pop("f"), arguments.pop("sampler"), **arguments)
