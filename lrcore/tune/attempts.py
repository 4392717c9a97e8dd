"""One trial of a function of the rate, loss by loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, TypeAlias

from ..checks.losses import loss_of
from ..finding.setups import told
from .divergence import Losses
from .objectives import Objective
from .results import Status, Trial

Function: TypeAlias = Callable[[float], Any]


class TrialError(RuntimeError):
    """The function that is minimised has raised an error; the message names rate, error, place."""


@contextmanager
def errors_named(lr: float) -> Iterator[None]:
    """Turns an error into a `TrialError`."""
    try:
        yield
    except Exception as error:
        raise TrialError(f"the trial at rate {lr:g} failed: {told(error)}") from error


class Attempt:
    """A trial that is under way; `score` and `status` are those of the losses so far."""

    def __init__(self, f: Function, lr: float) -> None:
        self.lr = lr
        self.status: Status = "finished"
        self._f = f
        self._losses = Losses((lambda: f.at_rest(lr)) if isinstance(f, Objective) else None)
        self._score: float | None = None
        self._began = perf_counter()

    @property
    def score(self) -> float:
        """Lower is better; infinity for what has diverged."""
        if self.status == "diverged":
            return math.inf
        if self._score is None:
            return self._losses.score() if self._losses.values else math.inf
        return self._score

    def run(self) -> Generator[int, None, None]:
        """Runs the trial to its end; yields the updates made, after each."""
        with errors_named(self.lr):
            try:
                given = self._f(self.lr)
                if isinstance(given, Iterator):
                    yield from self._follow(given)
                else:
                    self._score = loss_of(given, "f must return a number or an iterator of losses")
            except FloatingPointError:  # what an optimizer raises for gradients that are not finite
                self.status = "diverged"
            if self._score is not None and not math.isfinite(self._score):
                self.status = "diverged"

    def _follow(self, losses: Iterator[Any]) -> Generator[int, None, None]:
        try:
            while True:
                if self._losses.add(loss_of(next(losses), "every loss must be a number")):
                    self.status = "diverged"
                    return
                yield len(self._losses.values)
        except StopIteration as end:
            if end.value is not None:
                wanted = "a generator of losses must return its score, a number, or None"
                self._score = loss_of(end.value, wanted)
            elif not self._losses.values:
                raise ValueError("f has given no loss") from None
        finally:
            if isinstance(losses, Generator):
                losses.close()

    def trial(self) -> Trial:
        """The trial as a row of the results."""
        updates = len(self._losses.values) or None
        return Trial(self.lr, self.score, self.status, updates, perf_counter() - self._began)


def attempt(f: Function, lr: float) -> Trial:
    """A whole trial."""
    begun = Attempt(f, lr)
    for _ in begun.run():
        pass
    return begun.trial()
