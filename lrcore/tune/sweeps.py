"""Sweeps: a list of rates, or rates in equal factors, refined around the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final

import numpy as np

from ..checks.arguments import Natural, Positive, Range, checked
from .attempts import Function, attempt
from .progress_bar import bar
from .results import Result, Trial
from .workers import crew

DEFAULT_LRS: Final = (0.1, 0.01, 0.001)
"""Where a search by hand begins."""

_GOLDEN = (3 - math.sqrt(5)) / 2


def grid(
    f: Function,
    lrs: Sequence[float] = DEFAULT_LRS,
    *,
    n_jobs: int = 1,
    progress: bool = True,
) -> Result:
    """Try these rates.

    Parameters
    ----------
    f : callable
        ``f(lr)`` returns a score, lower is better; or an iterator of losses, one for each update
        (a generator, `objective(setup, updates)` for example). What a generator returns is its
        score, or else the mean of the last tenth of the losses. Such a trial ends as soon as it
        diverges; so does one that raises `FloatingPointError`, and its score is infinity.
    lrs : sequence of float > 0
        The rates, in the order in which they are tried.
    n_jobs : int >= 1
        Processes that share the trials, each with its part of the threads of lrcore (and of BLAS,
        if threadpoolctl is installed). The results are the same for every number. Above 1, `f`
        must be importable: a function at the top level of a module, or an `objective` of one.
    progress : bool
        Whether to show a bar, where stderr is a terminal and rich is installed.

    Returns
    -------
    Result
        A sequence of trials; ``print`` shows a table.

    Raises
    ------
    TypeError, ValueError
        For wrong arguments, and for an `f` that cannot go to other processes, before anything
        starts.
    TrialError
        If `f` raises any other error; it names the rate. The other trials are ended.

    Notes
    -----
    A trial has diverged when its loss is not finite, or rises far and goes on rising: the last 20
    losses lie further above the highest loss of its start than that lies above the lowest of all,
    and the lowest of the last three times 13 losses rise without slowing down. For an `objective`
    the losses of the start are 20 without an update, made when they are wanted; for other functions
    the first 20. The rule is the same for losses shifted or multiplied.

    Examples
    --------
    >>> import lrcore as lrc
    >>> def f(lr):  # gradient descent on x * x / 2: it diverges above a rate of 2
    ...     x = 1.0
    ...     for _ in range(100):
    ...         yield x * x / 2
    ...         x -= lr * x
    >>> result = lrc.tune.grid(f, [3.0, 1.0, 0.01])
    >>> [(trial.lr, trial.status, trial.updates) for trial in result]
    [(3.0, 'diverged', 40), (1.0, 'finished', 100), (0.01, 'finished', 100)]
    >>> result.best.lr
    1.0
    """
    lrs = checked("grid", "lrs", lrs, Sequence[Positive])
    if not lrs:
        raise ValueError("grid: lrs must hold at least one rate")
    return _sweep("grid", f, lrs, 0, n_jobs, progress)


def log_sweep(
    f: Function,
    lo: float,
    hi: float,
    num: int,
    *,
    refine: int = 0,
    n_jobs: int = 1,
    progress: bool = True,
) -> Result:
    """Try `num` rates from `lo` to `hi` in equal factors, then `refine` more around the best.

    ``lr_i = lo * (hi / lo) ** (i / (num - 1))``

    Parameters
    ----------
    f, n_jobs, progress
        As for `grid`.
    lo, hi : float > 0
        The lowest and the highest rate; both are tried.
    num : int >= 2
        The number of rates.
    refine : int >= 0
        Further trials, one after the other: each divides the wider gap, in the logarithm of the
        rate, between the best and its neighbours by the golden section.

    Returns
    -------
    Result
        The sweep in rising order, then the refinement.

    Raises
    ------
    TypeError, ValueError, TrialError
        As for `grid`, and if `lo` is not below `hi`.

    Notes
    -----
    The score falls and rises once with the logarithm of the rate, or nearly so: that is what the
    refinement relies on (Kiefer 1953). With noisy scores a few steps are enough.

    Examples
    --------
    >>> import lrcore as lrc, math
    >>> result = lrc.tune.log_sweep(lambda lr: math.log(lr / 0.03) ** 2, 1e-4, 1.0, 5, refine=8)
    >>> [trial.lr for trial in result[:5]]
    [0.0001, 0.001, 0.01, 0.1, 1.0]
    >>> f"{result.best.lr:.2f}"
    '0.03'
    """
    lo, hi = (checked("log_sweep", name, x, Positive) for name, x in (("lo", lo), ("hi", hi)))
    if not lo < hi:
        raise ValueError(f"log_sweep: lo must be below hi, got lo={lo!r} and hi={hi!r}")
    num = checked("log_sweep", "num", num, Annotated[int, Range(int, 2, 10**6)])
    refine = checked("log_sweep", "refine", refine, Natural)
    return _sweep("log_sweep", f, np.geomspace(lo, hi, num).tolist(), refine, n_jobs, progress)


def _sweep(
    owner: str, f: Function, lrs: Sequence[float], refine: int, n_jobs: int, progress: bool
) -> Result:
    with (
        crew(owner, f, partial(attempt, f), n_jobs) as run,
        bar(len(lrs) + refine, progress) as tell,
    ):

        def watch(trial: Trial) -> None:
            tell(trial.lr, trial.score)

        trials: list[Trial] = run([(lr,) for lr in lrs], watch)
        for _ in range(refine):
            if all(trial.status == "diverged" for trial in trials):
                break
            trials += run([(_between(trials),)], watch)
    return Result(tuple(trials))


def _between(trials: Sequence[Trial]) -> float:
    """The golden section of the wider gap beside the best, from that: the bracket's next point."""
    points = sorted(trials, key=lambda trial: trial.lr)
    logs = [math.log(trial.lr) for trial in points]
    best = min(range(len(points)), key=lambda i: points[i].score)
    gaps = [logs[i] - logs[best] for i in (best - 1, best + 1) if 0 <= i < len(logs)]
    return math.exp(logs[best] + _GOLDEN * max(gaps, key=abs))
