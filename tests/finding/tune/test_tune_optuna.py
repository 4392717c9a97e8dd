"""Optuna: what is pruned, where a study begins, and studies that processes share."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tune_cases
from places import SUPPORT
from processes import PYTHON

import lrcore as lrc
from lrcore import tune

optuna = pytest.importorskip("optuna")


def search(f: Callable[[float], Any] = tune_cases.bowl, **options: Any) -> tune.Result:
    options = {"trials": 12, "seed": 0, **options}
    return tune.optuna(f, options.pop("lo", 1e-5), options.pop("hi", 10.0), **options)


def test_the_study_is_returned_beside_the_result() -> None:
    result = search(trials=25)
    assert len(result) == len(result.study.trials) == 25
    assert result.best.lr == result.study.best_params["lr"]
    assert 1e-3 < result.best.lr < 1e-1


def test_a_seed_decides_the_rates() -> None:
    assert [t.lr for t in search()] == [t.lr for t in search()] != [t.lr for t in search(seed=1)]


def test_the_default_is_tpe_with_hyperbands_pruner() -> None:
    study = search(trials=1).study
    assert isinstance(study.sampler, optuna.samplers.TPESampler)
    assert isinstance(study.pruner, optuna.pruners.HyperbandPruner)


def test_sampler_and_pruner_can_be_chosen() -> None:
    sampler, pruner = optuna.samplers.RandomSampler(seed=0), optuna.pruners.NopPruner()
    study = search(sampler=sampler, pruner=pruner).study
    assert (study.sampler, study.pruner) == (sampler, pruner)


@pytest.mark.parametrize("made", [tune_cases.unsteady, tune_cases.descent])
def test_diverging_trials_are_pruned_within_tens_of_updates(made: Callable[[float], Any]) -> None:
    f = tune.objective(made, 1000) if made is tune_cases.unsteady else made
    result = search(f, lo=2.5, hi=100.0)
    assert {t.status for t in result} == {"diverged"}
    assert all(t.updates is not None and t.updates <= 40 for t in result)
    assert all(t.state.name == "PRUNED" for t in result.study.trials)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_a_divergence(score: float) -> None:
    (trial,) = search(lambda lr: score, trials=1)
    assert (trial.status, trial.score) == ("diverged", math.inf)


def test_what_falls_behind_is_stopped_with_its_updates_and_score() -> None:
    f = tune.objective(tune_cases.unsteady, 300)
    result = search(f, lo=1e-5, hi=1.0, trials=30)
    stopped = [t for t in result if t.status == "stopped"]
    assert stopped
    assert all(t.updates is not None and t.updates < 300 for t in stopped)
    assert all(math.isfinite(t.score) for t in stopped)


def test_reports_are_few() -> None:
    def f(lr: float) -> Iterator[float]:
        yield from [1.0] * 10_000

    study = search(f, trials=1).study
    assert len(study.trials[0].intermediate_values) < 50


@pytest.mark.parametrize(
    ("start", "rates"),
    [
        (0.03, [0.01, 0.03, 0.09]),
        ([0.5, 0.2], [0.5, 0.2]),
        (np.array([0.5, 0.2]), [0.5, 0.2]),
        (9.0, [3.0, 9.0]),  # 27 is out of range
        (1e-6, []),
    ],
)
def test_a_warm_start_is_tried_first(start: Any, rates: list[float]) -> None:
    found = [t.lr for t in search(warm_start=start, trials=4)]
    assert found[: len(rates)] == pytest.approx(rates, rel=1e-15)  # a third is rounded


def swept(end: float) -> lrc.RangeResult:
    run = tune_cases.unsteady(1.0)
    return lrc.range_test(run.opt, run.step, 1e-4, end, rng=run.rng)


def test_a_range_test_is_a_warm_start() -> None:
    start = swept(1000.0)
    assert start.reliable
    found = [t.lr for t in search(warm_start=start, trials=3)]
    assert found == pytest.approx([k * start.suggestion for k in (1 / 3, 1, 3)], rel=1e-15)


def test_a_range_test_without_a_suggestion_is_no_warm_start() -> None:
    with pytest.raises(ValueError, match="a range test without a suggestion: no rate up to"):
        search(warm_start=swept(1e-3))


def test_a_study_is_continued_and_a_warm_start_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "study.journal"
    first = search(storage=path, warm_start=0.03, trials=3)
    second = search(storage=str(path), warm_start=0.03, trials=2, seed=5)
    assert second[:3] == first[:]
    assert len({t.lr for t in second}) == len(second) == 5


def test_a_storage_of_optunas_can_be_given() -> None:
    storage = optuna.storages.InMemoryStorage()
    search(storage=storage, study_name="mine", trials=2)
    assert optuna.load_study(study_name="mine", storage=storage).trials[1].value is not None


def test_a_url_is_optunas_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    result = search(storage=url, trials=2)
    assert len(result) == 2
    # SQLAlchemy keeps connections until it is told
    result.study._storage._backend.engine.dispose()


def test_two_processes_share_a_journal_without_loss_or_double(tmp_path: Path) -> None:
    path = tmp_path / "shared.log"
    code = f"""if True:
        import sys, json
        sys.path.append({str(SUPPORT)!r})
        import tune_cases
        from lrcore import tune
        made = []
        def f(lr):
            made.append(lr)
            return tune_cases.descent(lr)
        input()
        tune.optuna(f, 1e-4, 10.0, trials=12, storage={str(path)!r})
        print(json.dumps(made))
    """
    command = [*PYTHON, "-c", code]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen(command, text=True, **pipes) for _ in range(2)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    made: list[float] = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        made += json.loads(out)
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    storage = optuna.storages.JournalStorage(backend)
    trials = optuna.load_study(study_name="lrcore", storage=storage).trials
    assert [t.number for t in trials] == list(range(24))
    assert sorted(t.params["lr"] for t in trials) == sorted(made)
    assert all(t.state.is_finished() for t in trials)


def test_an_error_in_f_names_the_rate_and_fails_the_trial() -> None:
    storage = optuna.storages.InMemoryStorage()
    with pytest.raises(tune.TrialError, match=r"rate 0\.5 failed: KeyError"):
        search(tune_cases.failing, storage=storage, warm_start=[0.5])
    (trial,) = optuna.load_study(study_name="lrcore", storage=storage).trials
    assert trial.state.name == "FAIL"


@pytest.mark.parametrize("directions", [["maximize"], ["minimize", "minimize"]])
def test_a_study_that_does_not_minimise_one_score_is_refused(directions: list[str]) -> None:
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(storage=storage, study_name="lrcore", directions=directions)
    with pytest.raises(ValueError, match="'lrcore' does not minimise one score; give another"):
        search(storage=storage)


def test_a_study_over_something_else_is_refused() -> None:
    storage = optuna.storages.InMemoryStorage()
    other = optuna.create_study(storage=storage, study_name="lrcore")
    other.optimize(lambda trial: trial.suggest_float("depth", 0, 1), n_trials=1)
    with pytest.raises(ValueError, match="'lrcore' is not one over 'lr'; give another"):
        search(storage=storage)
    assert len(other.trials) == 1


def test_nothing_is_printed_and_the_verbosity_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    search(trials=2)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lo": 0.0}, r"lo must be a finite number in \(0"),
        ({"lo": 20.0}, "lo must be below hi, got lo=20.0"),
        ({"trials": 0}, "trials must be an integer"),
        ({"seed": -1}, "seed must be an integer"),
        ({"warm_start": -1.0}, "warm_start must be a finite number"),
        ({"warm_start": "fast"}, "warm_start must be"),
        ({"warm_start": math.nan}, "warm_start must be"),
        ({"f": 3}, "f must be callable, got 3"),
        ({"storage": "study.db"}, "storage 'study.db': a journal's name must end in .journal or"),
        ({"storage": "nowhere/study.log"}, "there is no directory nowhere"),
        ({"storage": "dragon://x"}, "storage 'dragon://x': "),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError, OSError), match=message):
        search(**options)


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.log"
    path.write_text("Dear diary\n\nnothing\n")
    with pytest.raises(ValueError, match=r"storage .*notes\.log"):
        search(storage=path)


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"pip install 'lrcore\[tune\]'"):
        search()
