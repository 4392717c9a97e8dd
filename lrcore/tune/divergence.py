"""The losses of one trial: its score, and the moment from which it is not worth going on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

WINDOW = 20  # losses that must agree, so that noise alone does not end a trial
_PART = 13  # losses whose lowest is a level; three levels show whether a rise goes on


class Losses:
    """What a trial has shown so far.

    It has diverged at a loss that is not finite, or by a rise that is large and goes on. Large: the
    last 20 all lie above ``2 * top - bottom``, further above the highest loss of the start, `top`,
    than that lies above the lowest loss ever, `bottom`. Going on: of the lowest of three times
    13 losses the last is the highest, and the rise from each to the next does not slow down. What
    rises for a while and comes down again slows first. Nor may the last 10 be fading from the 10
    before, by their medians. Adding a number to all losses or multiplying them by one changes
    nothing.

    Parameters
    ----------
    rest : callable, optional
        ``rest() -> losses`` of the start, with no update made between them. It is called only if
        the last 20 losses lie above the first. By default the trial's own first 20 losses are the
        start: one that blows up among these, and stays as noisy as it is high, goes unnoticed.
    values : sequence of float
        Losses that the trial showed before.
    """

    def __init__(
        self, rest: Callable[[], Sequence[float]] | None = None, values: Sequence[float] = ()
    ) -> None:
        self.values = list(values)
        self._rest = rest
        self._lowest = min(self.values, default=math.inf)
        self._top: float | None = None

    def add(self, loss: float) -> bool:
        """One more loss; True if the trial has diverged."""
        self.values.append(loss)
        if not math.isfinite(loss):
            return True
        self._lowest = min(self._lowest, loss)
        if len(self.values) < 3 * _PART:
            return False
        low = min(self.values[-WINDOW:])
        return low > self.values[0] and self._goes_on() and low > self._highest_of_start()

    def _goes_on(self) -> bool:
        ends = (-3 * _PART, -2 * _PART, -_PART, len(self.values))
        first, second, third = (min(self.values[a:b]) for a, b in pairwise(ends))
        half = WINDOW // 2
        fading = median(self.values[-half:]) < median(self.values[-WINDOW:-half])
        return third >= max(first, second) and third - second >= second - first and not fading

    def _highest_of_start(self) -> float:
        if self._top is None:
            start = self._rest() if self._rest else self.values[:WINDOW]
            self._top = max(start)
            self._lowest = min(self._lowest, *start)
        return 2 * self._top - self._lowest

    def score(self) -> float:
        """The mean of the last tenth."""
        last = self.values[-max(len(self.values) // 10, 1) :]
        return math.fsum(last) / len(last)
