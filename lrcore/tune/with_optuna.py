"""Optuna's samplers, pruners and storages for the same functions of the rate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..checks.arguments import Count, Natural, Positive, checked
from ..finding.range_result import RangeResult
from .attempts import Attempt, Function
from .objectives import Objective
from .progress_bar import bar
from .results import Result, Status, Trial

JOURNALS = (".journal", ".log")
_FACTORS = (1 / 3, 1.0, 3.0)


def optuna(
    f: Function,
    lo: float,
    hi: float,
    *,
    trials: int,
    storage: Any = None,
    study_name: str = "lrcore",
    sampler: Any = None,
    pruner: Any = None,
    warm_start: Any = None,
    seed: int | None = None,
    progress: bool = True,
) -> Result:
    """Search for a rate with Optuna: TPE, Hyperband's pruner, studies shared by many machines.

    Parameters
    ----------
    f : callable
        As for `grid`. A trial that diverges is pruned at that update, whatever the pruner.
    lo, hi : float > 0
        Rates are drawn between these, log-uniformly until the sampler knows better.
    trials : int >= 1
        The trials that this call makes. What others add to a shared study comes on top.
    storage : optional
        Where the study is kept: a file whose name ends in .journal or .log, for many processes and
        also on a network file system; a URL of a database (``"postgresql://..."``); or one of
        Optuna's storages. By default in memory. A study that is there is continued.
    study_name : str
        The name of the study in its storage.
    sampler, pruner : optional
        Optuna's. By default `TPESampler` and `HyperbandPruner` with rungs from a ninth of the
        updates up (of an `objective`; of other functions, of what a finished trial made).
    warm_start : float, sequence of float or result of `lrcore.range_test`, optional
        Rates to try first: those of the sequence, or a third, once and three times the single rate
        or the suggestion. Rates outside of `lo` to `hi` are left out, and those that the study has.
    seed : int >= 0, optional
        Of the default sampler. Not for processes that share a study: they would draw the same.
    progress : bool
        As for `grid`.

    Returns
    -------
    Result
        All ended trials of the study, those of other processes too; `study` is Optuna's.

    Raises
    ------
    TypeError, ValueError
        For wrong arguments, and for a storage that Optuna cannot use.
    TrialError
        If `f` raises an error; the study marks the trial as failed, and it is not in the result.
    ImportError
        Without Optuna.

    Notes
    -----
    The score so far is reported after 10 updates and whenever these have grown by a fifth, not
    after each: in a shared storage every report is a write.

    Examples
    --------
    >>> import lrcore as lrc
    >>> def f(lr):
    ...     x = 1.0
    ...     for _ in range(100):
    ...         yield x * x / 2
    ...         x -= lr * x
    >>> result = lrc.tune.optuna(f, 1e-3, 10.0, trials=20, seed=0)  # doctest: +SKIP
    >>> result.best, result.study.best_params  # doctest: +SKIP
    """
    lo, hi = (checked("optuna", name, x, Positive) for name, x in (("lo", lo), ("hi", hi)))
    if not lo < hi:
        raise ValueError(f"optuna: lo must be below hi, got lo={lo!r} and hi={hi!r}")
    trials = checked("optuna", "trials", trials, Count)
    seed = checked("optuna", "seed", seed, Natural | None)
    rates = [lr for lr in _first(warm_start) if lo <= lr <= hi]
    if not callable(f):
        raise TypeError(f"optuna: f must be callable, got {f!r:.80}")
    library = _library()
    with _quiet(library), bar(trials, progress) as tell:
        study = _study(
            library,
            storage,
            study_name,
            sampler or library.samplers.TPESampler(seed=seed),
            pruner or _hyperband(library, f),
        )
        _check_study(library, study, storage)
        for lr in rates:
            study.enqueue_trial({"lr": lr}, skip_if_exists=True)

        def run(trial: Any) -> float:
            attempt = Attempt(f, trial.suggest_float("lr", lo, hi, log=True))
            try:
                return _follow(library, trial, attempt)
            finally:
                tell(attempt.lr, attempt.score)

        study.optimize(run, n_trials=trials)
    return Result(tuple(_rows(library, study)), study)


def _follow(library: Any, trial: Any, attempt: Attempt) -> float:
    """The score of a trial that gets to its end."""
    updates, due = 0, 10
    running = attempt.run()
    for updates in running:
        if updates >= due:
            due = math.ceil(1.2 * updates)
            trial.report(attempt.score, updates)
            if trial.should_prune():
                running.close()
                trial.set_user_attr("updates", updates)
                raise library.TrialPruned
    made = attempt.trial()
    trial.set_user_attr("updates", made.updates)
    if made.status == "diverged":
        trial.set_user_attr("diverged", True)
        raise library.TrialPruned
    return made.score


def _first(warm_start: Any) -> list[float]:
    """The rates to be tried first."""
    if warm_start is None:
        return []
    rate = warm_start
    if isinstance(warm_start, RangeResult):
        rate = warm_start.suggestion
        if math.isnan(rate):
            raise ValueError(
                f"optuna: warm_start is a range test without a suggestion: {warm_start.reason}"
            )
    elif isinstance(warm_start, Sequence | np.ndarray):
        return list(checked("optuna", "warm_start", warm_start, Sequence[Positive]))
    rate = checked("optuna", "warm_start", rate, Positive)
    return [factor * rate for factor in _FACTORS]


def _library() -> Any:
    try:
        import optuna
    except ModuleNotFoundError:
        raise ImportError("tune.optuna needs Optuna: pip install 'lrcore[tune]'") from None
    return optuna


@contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Without a line on stderr for every trial, nor the traceback of an error that is raised."""
    before = library.logging.get_verbosity()
    library.logging.set_verbosity(max(before, library.logging.ERROR))
    try:
        yield
    finally:
        library.logging.set_verbosity(before)


def _hyperband(library: Any, f: Function) -> Any:
    updates = f.updates if isinstance(f, Objective) else None
    return library.pruners.HyperbandPruner(
        min_resource=max(updates // 9, 1) if updates else 10,
        max_resource=updates or "auto",
        reduction_factor=3,
    )


def _study(library: Any, storage: Any, name: str, sampler: Any, pruner: Any) -> Any:
    given = storage
    try:
        if isinstance(storage, Path) or (isinstance(storage, str) and "://" not in storage):
            storage = _journal(library, Path(storage))
        return library.create_study(
            storage=storage,
            study_name=name,
            sampler=sampler,
            pruner=pruner,
            load_if_exists=True,
        )
    except (OSError, ImportError):
        raise
    except Exception as error:  # of Optuna's, of SQLAlchemy's, of a driver's
        raise ValueError(f"optuna: storage {given!r}: {error}") from error


def _check_study(library: Any, study: Any, storage: Any) -> None:
    """Whether a study that was there is a search for a rate."""
    what = f"optuna: storage {storage!r}: the study {study.study_name!r}"
    if study.directions != [library.study.StudyDirection.MINIMIZE]:
        raise ValueError(f"{what} does not minimise one score; give another study_name")
    started = (trial.params for trial in study.get_trials(deepcopy=False) if trial.params)
    if any("lr" not in params for params in started):
        raise ValueError(f"{what} is not one over 'lr'; give another study_name")


def _journal(library: Any, path: Path) -> Any:
    if path.suffix.lower() not in JOURNALS:
        raise ValueError(f"a journal's name must end in {' or '.join(JOURNALS)}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no directory {path.parent}")
    journal = library.storages.journal
    return library.storages.JournalStorage(journal.JournalFileBackend(str(path)))


def _rows(library: Any, study: Any) -> Iterator[Trial]:
    state = library.trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(state.COMPLETE, state.PRUNED)):
        score, status = _outcome(trial, finished=trial.state == state.COMPLETE)
        seconds = trial.duration.total_seconds()
        yield Trial(trial.params["lr"], score, status, trial.user_attrs.get("updates"), seconds)


def _outcome(trial: Any, *, finished: bool) -> tuple[float, Status]:
    if finished:
        return trial.value, "finished"
    if trial.user_attrs.get("diverged") or not trial.intermediate_values:
        return math.inf, "diverged"
    return trial.intermediate_values[trial.last_step], "stopped"
