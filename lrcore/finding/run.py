"""A training run as one object: what finding and tuning a rate ask of a user's program."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from inspect import signature
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..checks.losses import loss_of
from ..optimizers.base import Optimizer
from ..optimizers.checkpoint import Snapshot

Setup: TypeAlias = Callable[[float], "Run"]


class Moment(NamedTuple):
    """All that a run needs to go on from here: picklable, and free of the run's own arrays."""

    snapshot: Snapshot
    rng: dict[str, Any] | None

    @property
    def t(self) -> int:
        """The updates that had been applied."""
        return self.snapshot.t


class Run(NamedTuple):
    """A training run that can be stepped, stopped, and continued elsewhere with the same bits.

    A program hands it out from a function of the rate, its *setup*: ``setup(lr) -> Run``, a fresh
    run each time. That is all that `lrcore find` and `lrcore sweep` want of a module.

    Parameters
    ----------
    opt : Optimizer
        Over the parameters that are trained.
    step : callable
        ``step() -> float`` draws a batch, makes one update (``opt.step(grads)``) and returns the
        loss that the gradients belong to.
    rng : numpy.random.Generator, optional
        Where all of the randomness of `step` comes from; its state belongs to that of the run.
    score : callable, optional
        ``score() -> float``, lower is better: how good the parameters are now, for example the
        loss on rows that had no part in training.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> def setup(lr):
    ...     w, rng = np.ones(3), np.random.default_rng(0)
    ...     opt = lrc.SGD(w, lr=lr)
    ...     def step():
    ...         noise = rng.standard_normal(3)
    ...         opt.step(w + 0.1 * noise)
    ...         return float(w @ w / 2)
    ...     return lrc.Run(opt, step, rng)
    >>> run = setup(0.5)
    >>> halfway = [run.step() for _ in range(5)] and run.moment()
    >>> first = [run.step() for _ in range(5)]
    >>> other = setup(0.5)
    >>> other.go_to(halfway)
    >>> [other.step() for _ in range(5)] == first
    True
    """

    opt: Optimizer
    step: Callable[[], float]
    rng: np.random.Generator | None = None
    score: Callable[[], float] | None = None

    def moment(self) -> Moment:
        """Parameters, optimizer state and random state, as a copy."""
        rng = None if self.rng is None else dict(self.rng.bit_generator.state)
        return Moment(self.opt.snapshot(), rng)

    def go_to(self, moment: Moment) -> None:
        """Continue from a moment of this run, or of one that was set up alike, bit for bit.

        Raises
        ------
        TypeError, ValueError
            For anything else; nothing has changed then.
        """
        if not isinstance(moment, Moment):
            raise TypeError(f"{moment!r:.80} is not a moment of a run")
        if (self.rng is None) != (moment.rng is None):
            raise ValueError("either the run or the moment is without a random generator")
        if self.rng is None or moment.rng is None:
            self.opt.restore(moment.snapshot)
            return
        before = self.rng.bit_generator.state
        try:
            self.rng.bit_generator.state = moment.rng
            self.opt.restore(moment.snapshot)
        except BaseException:
            self.rng.bit_generator.state = before
            raise

    def losses(self, updates: int) -> Iterator[float]:
        """Step `updates` times; a refused gradient (NaN, infinity) ends it with a NaN."""
        for _ in range(updates):
            try:
                loss = self.step()
            except FloatingPointError:
                yield math.nan
                return
            yield loss_of(loss, "step() of the run must return its loss")


def one_update(opt: Optimizer, step: Callable[[], Any]) -> Any:
    """What `step` returns that makes an update; the mean of all it takes where gradients wait."""
    skipped, losses = opt.skipped, [step()]
    for _ in range(1, opt.hyperparameters["accumulate"]):
        if opt.pending and opt.skipped == skipped:
            losses.append(step())
    if len(losses) == 1:
        return losses[0]
    return float(np.mean([loss_of(loss, "step must return its loss") for loss in losses]))


def start(setup: Callable[[float], Any], lr: float) -> Run:
    """The run that `setup` makes for a rate.

    Raises
    ------
    TypeError
        If it is not a `Run`, nor a tuple of its parts, or one of these is not as it should be.
    """
    name = getattr(setup, "__name__", "the setup")
    try:
        made = setup(lr)
    except TypeError:
        if _takes_a_rate(setup):
            raise
        wanted = f"{name} must be a function of the rate, {name}(lr) -> lrcore.Run(opt, step, ...)"
        raise TypeError(f"{wanted}, not {name}{signature(setup)}") from None
    run = Run(*made) if isinstance(made, tuple) and 2 <= len(made) <= 4 else None
    if run is None or not isinstance(run.opt, Optimizer) or not callable(run.step):
        raise TypeError(f"{name}({lr:g}) must return lrcore.Run(opt, step, ...), got {made!r:.80}")
    if not isinstance(run.rng, np.random.Generator | None):
        raise TypeError(f"rng of a Run must be a numpy.random.Generator, got {run.rng!r:.80}")
    if run.score is not None and not callable(run.score):
        raise TypeError(f"score of a Run must be callable, got {run.score!r:.80}")
    return run


def _takes_a_rate(setup: Callable[..., Any]) -> bool:
    try:
        signature(setup).bind(0.0)
    except ValueError:  # of a function that hides what it takes
        return True
    except TypeError:
        return False
    return True
