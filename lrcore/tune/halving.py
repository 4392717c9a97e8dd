"""Successive halving and Hyperband, whose trials go on where they were stopped."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Annotated, Any, NamedTuple, TypeAlias

import numpy as np

from ..checks.arguments import Count, Natural, Positive, Range, checked
from ..checks.losses import loss_of
from .attempts import errors_named
from .progress_bar import bar
from .results import Result, Trial
from .workers import Crew, Watch, crew

Continued: TypeAlias = Callable[[float, Any, int], tuple[float, Any]]
Sampler: TypeAlias = Callable[[np.random.Generator], float] | tuple[float, float]


class Bracket(NamedTuple):
    """So many trials are begun; each rung is a number of updates in all."""

    trials: int
    rungs: tuple[int, ...]

    def sizes(self, eta: int) -> list[int]:
        """The trials at each rung."""
        return [max(self.trials // eta**i, 1) for i in range(len(self.rungs))]


@dataclass(frozen=True)
class _Place:
    """A trial and the state from which it goes on."""

    trial: Trial
    state: Any = None


def brackets(max_resource: int, min_resource: int = 1, eta: int = 3) -> list[Bracket]:
    """The brackets of Hyperband, ``s = s_max ... 0`` with ``s_max = floor(log_eta(R / r))``.

    Bracket `s` begins ``ceil((s_max + 1) / (s + 1) * eta**s)`` trials.

    >>> [(b.trials, b.rungs[0]) for b in brackets(81)]
    [(81, 1), (34, 3), (15, 9), (8, 27), (5, 81)]
    """
    s_max = _rungs(max_resource, min_resource, eta)
    return [
        Bracket(-(-(s_max + 1) * eta**s // (s + 1)), _climb(max_resource, eta, s))
        for s in range(s_max, -1, -1)
    ]


def successive_halving(
    f: Continued,
    sampler: Sampler,
    *,
    num: int,
    max_resource: int,
    min_resource: int = 1,
    eta: int = 3,
    seed: int = 0,
    n_jobs: int = 1,
    progress: bool = True,
) -> Result:
    """Begin `num` trials, and go on with the best of them: one in `eta` at each rung.

    Rung i is ``max_resource // eta**(s - i)`` updates, with s the largest for which the first is
    not below `min_resource`; ``num // eta**i`` trials (at least one) reach it.

    Parameters
    ----------
    f : callable
        ``f(lr, state, resource) -> (score, state)`` goes on from `state`, None at first, until
        `resource` updates have been made in all; `tune.resumable(setup)` for example. Lower scores
        are better; one that is not finite, and a `FloatingPointError`, end the trial as diverged.
    sampler : callable or pair of float
        ``sampler(rng) -> lr``, or ``(lo, hi)``: log-uniform between these.
    num : int >= 1
        The trials that are begun.
    max_resource, min_resource : int >= 1
        The updates of the trials that get to the end, and the fewest after which one is judged.
    eta : int >= 2
        The part of the trials that goes on is one in `eta`.
    seed : int >= 0
        Decides the rates.
    n_jobs, progress
        As for `grid`. With several processes the states travel between them by pickle.

    Returns
    -------
    Result
        The trials in the order of their rates' drawing, each with its score at the last rung it
        reached.

    Raises
    ------
    TypeError, ValueError, TrialError
        As for `grid`.

    Notes
    -----
    A trial that goes on is not begun anew: with `resumable` it has the bits of one that was never
    stopped, and its updates are paid for once.
    References: Jamieson & Talwalkar 2016; Li et al. 2018.

    Examples
    --------
    >>> import lrcore as lrc
    >>> def f(lr, x, updates):  # gradient descent on x * x / 2; its state is x
    ...     x, done = (1.0, 0) if x is None else x
    ...     x *= (1 - lr) ** (updates - done)
    ...     return x * x / 2, (x, updates)
    >>> result = lrc.tune.successive_halving(f, (1e-3, 10.0), num=9, max_resource=9)
    >>> [trial.updates for trial in result]
    [3, 1, 1, 1, 1, 1, 3, 9, 1]
    """
    owner = "successive_halving"
    num = checked(owner, "num", num, Count)
    s = _rungs(*_resources(owner, max_resource, min_resource, eta))
    return _search(
        owner, f, sampler, [Bracket(num, _climb(max_resource, eta, s))], eta, seed, n_jobs, progress
    )


def hyperband(
    f: Continued,
    sampler: Sampler,
    *,
    max_resource: int,
    min_resource: int = 1,
    eta: int = 3,
    seed: int = 0,
    n_jobs: int = 1,
    progress: bool = True,
) -> Result:
    """Successive halving with many trials judged early, with fewer judged later, and so on.

    Bracket s, from ``s_max = floor(log_eta(max_resource / min_resource))`` down to 0, begins
    ``ceil((s_max + 1) / (s + 1) * eta**s)`` trials with ``max_resource // eta**s`` updates.

    Parameters
    ----------
    f, sampler, max_resource, min_resource, eta, seed, n_jobs, progress
        As for `successive_halving`. With the default `min_resource` the first bracket judges after
        a single update: give it enough that the scores say something.

    Returns
    -------
    Result
        As for `successive_halving`; a trial's `bracket` counts them from 0.

    Raises
    ------
    TypeError, ValueError, TrialError
        As for `grid`.

    Notes
    -----
    Optuna's `HyperbandPruner` gives trials to brackets by a hash and decides asynchronously; this
    is the algorithm of the paper, with resumed trials.
    Reference: Li, Jamieson, DeSalvo, Rostamizadeh & Talwalkar 2018, algorithm 1.

    Examples
    --------
    >>> import lrcore as lrc, lrcore.demo
    >>> f = lrc.tune.resumable(lrcore.demo.digits)
    >>> result = lrc.tune.hyperband(f, (1e-5, 1.0), max_resource=90, min_resource=10)
    >>> len(result), result.best.updates
    (17, 90)
    """
    shape = _resources("hyperband", max_resource, min_resource, eta)
    return _search("hyperband", f, sampler, brackets(*shape), eta, seed, n_jobs, progress)


def _rungs(max_resource: int, min_resource: int, eta: int) -> int:
    """How often the highest can be divided; in whole numbers, since log(243, 3) is below 5."""
    s = 0
    while max_resource >= min_resource * eta ** (s + 1):
        s += 1
    return s


def _climb(max_resource: int, eta: int, s: int) -> tuple[int, ...]:
    return tuple(max_resource // eta ** (s - i) for i in range(s + 1))


def _resources(owner: str, highest: int, lowest: int, eta: int) -> tuple[int, int, int]:
    highest = checked(owner, "max_resource", highest, Count)
    lowest = checked(owner, "min_resource", lowest, Annotated[int, Range(int, 1, highest)])
    return highest, lowest, checked(owner, "eta", eta, Annotated[int, Range(int, 2, 1000)])


def _search(
    owner: str,
    f: Continued,
    sampler: Sampler,
    shape: Sequence[Bracket],
    eta: int,
    seed: int,
    n_jobs: int,
    progress: bool,
) -> Result:
    rng = np.random.default_rng(checked(owner, "seed", seed, Natural))
    drawn = [[_draw(owner, sampler, rng) for _ in range(b.trials)] for b in shape]
    total = sum(sum(b.sizes(eta)) for b in shape)
    trials: list[Trial] = []
    with crew(owner, f, partial(_go_on, f), n_jobs) as run, bar(total, progress) as tell:

        def watch(place: _Place) -> None:
            tell(place.trial.lr, place.trial.score)

        for number, (bracket, lrs) in enumerate(zip(shape, drawn, strict=True)):
            begun = [_Place(Trial(lr, math.inf, "finished", 0, 0.0, number)) for lr in lrs]
            trials += _halve(run, begun, bracket, eta, watch)
    return Result(tuple(trials))


def _halve(
    run: Crew, places: list[_Place], bracket: Bracket, eta: int, watch: Watch
) -> list[Trial]:
    """The trials of a bracket, in their order, at their last rungs."""
    going = list(range(len(places)))
    for size, rung in zip(bracket.sizes(eta), bracket.rungs, strict=True):
        order = sorted(going, key=lambda i: (places[i].trial.score, i))
        for i in order[size:]:
            places[i] = _Place(replace(places[i].trial, status="stopped"))  # without its state
        going = sorted(order[:size])
        made = run([(places[i], rung) for i in going], watch)
        for i, place in zip(going, made, strict=True):
            places[i] = place
        going = [i for i in going if places[i].trial.status != "diverged"]
    return [place.trial for place in places]


def _go_on(f: Continued, place: _Place, resource: int) -> _Place:
    """A trial at a rung; called where it is run."""
    began = perf_counter()
    lr = place.trial.lr
    with errors_named(lr):
        try:
            made = f(lr, place.state, resource)
        except FloatingPointError:
            made = math.inf, None
        if not isinstance(made, tuple) or len(made) != 2:
            raise TypeError(f"f must return (score, state), got {made!r:.80}")
        score, state = loss_of(made[0], "the score must be a number"), made[1]
    good = math.isfinite(score)
    seconds = place.trial.seconds + perf_counter() - began
    trial = replace(place.trial, updates=resource, seconds=seconds)
    if not good:
        return _Place(replace(trial, score=math.inf, status="diverged"))
    return _Place(replace(trial, score=score), state)


def _draw(owner: str, sampler: Sampler, rng: np.random.Generator) -> float:
    if callable(sampler):
        return float(checked(owner, "the rate that sampler(rng) gives", sampler(rng), Positive))
    try:
        bounds = [checked(owner, "sampler", x, Positive) for x in sampler]
    except TypeError:
        raise TypeError(
            f"{owner}: sampler must be callable or a pair (lo, hi), got {sampler!r:.80}"
        ) from None
    if len(bounds) != 2:
        raise ValueError(f"{owner}: sampler must be a pair (lo, hi), got {sampler!r:.80}")
    lo, hi = bounds
    if not lo <= hi:
        raise ValueError(f"{owner}: sampler=(lo, hi) must have lo <= hi, got {sampler!r}")
    return math.exp(rng.uniform(math.log(lo), math.log(hi)))
