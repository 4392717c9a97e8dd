"""The functions that searches minimise, made from a setup: a function of the rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, final

from ..checks.arguments import Count, checked
from ..finding.run import Moment, Run, Setup, start
from .divergence import WINDOW, Losses


class Progress(NamedTuple):
    """Where a trial was interrupted: a moment of its run, and the losses until then."""

    moment: Moment
    losses: list[float]


@final
@dataclass(frozen=True)
class Objective:
    """What `objective` returns."""

    setup: Setup
    updates: int

    def __call__(self, lr: float) -> Generator[float, None, float | None]:
        """The loss of every update of a fresh run; the generator returns the run's score."""
        run = start(self.setup, lr)
        yield from _stepped(run, self.updates)
        return None if run.score is None else run.score()

    def at_rest(self, lr: float) -> Sequence[float]:
        """Losses of a fresh run whose parameters stay where they are."""
        return _at_rest(self.setup, lr)


@final
@dataclass(frozen=True)
class Resumable:
    """What `resumable` returns."""

    setup: Setup

    def __call__(
        self, lr: float, state: Progress | None, resource: int
    ) -> tuple[float, Progress | None]:
        """Score and state after `resource` updates in all; infinity and None if it diverges."""
        run = start(self.setup, lr)
        losses = Losses(partial(_at_rest, self.setup, lr), state.losses if state else ())
        if state is not None:
            run.go_to(state.moment)
        for loss in _stepped(run, resource - len(losses.values)):
            if losses.add(loss):
                return math.inf, None
        moment = run.moment()  # before the score, which may draw random numbers
        score = losses.score() if run.score is None else run.score()
        return score, Progress(moment, losses.values)


def objective(setup: Setup, updates: int) -> Objective:
    """A setup as the function that `grid`, `log_sweep` and `optuna` minimise.

    Parameters
    ----------
    setup : callable
        ``setup(lr) -> lrcore.Run``, a fresh run each time. With ``n_jobs`` above 1 it must be a
        function at the top level of a module.
    updates : int >= 1
        The updates of each trial.

    Returns
    -------
    callable
        ``f(lr)``, a generator of the loss of every update. The score of the trial is
        ``run.score()`` after the last one, or the mean of the last tenth of the losses if the run
        has no `score`.

    Raises
    ------
    TypeError, ValueError
        If `setup` cannot be called, or `updates` is not such a number.

    Examples
    --------
    >>> import lrcore as lrc, lrcore.demo
    >>> f = lrc.tune.objective(lrcore.demo.digits, updates=100)
    >>> lrc.tune.grid(f, [1e-4, 1e-3]).best.lr
    0.001
    """
    setup = checked("objective", "setup", setup, Callable[..., object])
    return Objective(setup, checked("objective", "updates", updates, Count))


def resumable(setup: Setup) -> Resumable:
    """A setup as the function that `successive_halving` and `hyperband` minimise.

    Parameters
    ----------
    setup : callable
        As for `objective`. All randomness of its step must come from the `rng` of its `Run`, or a
        resumed trial is not what an uninterrupted one would have been.

    Returns
    -------
    callable
        ``f(lr, state, resource) -> (score, state)``: goes on from `state` (None: from the start)
        until `resource` updates have been made in all, with the bits of a run without interruption.

    Raises
    ------
    TypeError
        If `setup` cannot be called.

    Examples
    --------
    >>> import lrcore as lrc, lrcore.demo
    >>> f = lrc.tune.resumable(lrcore.demo.digits)
    >>> _, halfway = f(1e-3, None, 20)
    >>> f(1e-3, halfway, 40)[0] == f(1e-3, None, 40)[0]
    True
    """
    return Resumable(checked("resumable", "setup", setup, Callable[..., object]))


def _stepped(run: Run, updates: int) -> Iterator[float]:
    """The losses of a run whose step makes updates: without any, all rates would look alike.

    One that was left out for its gradients counts too, and a step need not make one each time.
    """
    opt = run.opt
    before = opt.t, opt.skipped, opt.pending
    for number, loss in enumerate(run.losses(updates), 1):
        asked = number == min(updates, WINDOW) and math.isfinite(loss)
        if asked and (opt.t, opt.skipped, opt.pending) == before:
            calls = f"{number} calls" if number > 1 else "a call"
            raise ValueError(f"{calls} of step() made no update: it must call opt.step(grads)")
        yield loss


def _at_rest(setup: Setup, lr: float) -> list[float]:
    run = start(setup, lr)
    run.opt.freeze(run.opt.names)
    return list(run.losses(WINDOW))
