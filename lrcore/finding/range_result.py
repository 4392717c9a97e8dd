"""What the curve of a learning-rate range test says: pure functions of rates and losses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ..checks import pickles
from ..pictures import range_test
from .range_curve import (
    FEWEST,
    Array,
    Descent,
    Ending,
    clipped,
    descent,
    noise,
    smooth,
)
from .range_doubts import doubt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUGGESTIONS: Final = ("steepest", "valley", "minimum_over_10", "edge")


class RangeResult(NamedTuple):
    """What a range test has found; `judge` says how.

    Attributes
    ----------
    lrs, losses : ndarray
        The rates used and the finite losses reported for them, as long as each other. A loss
        belongs to the parameters before the update at its rate.
    smoothed : ndarray
        The losses without most of their noise and without lag.
    steepest, valley, minimum_over_10, edge : float
        Four rules of thumb; NaN where the curve has no such place.
    suggestion : float
        The recommended rate; NaN unless `reliable`.
    reliable : bool
        Whether the curve shows a descent, its beginning and its end.
    reason : str
        Why, in words.
    ended : {"end", "diverged", "nonfinite", "left"}
        What ended the sweep: its end, a loss that rose by far more than it had moved before, a loss
        or gradient that was not finite, or the loop itself.
    """

    lrs: Array
    losses: Array
    smoothed: Array
    steepest: float
    valley: float
    minimum_over_10: float
    edge: float
    suggestion: float
    reliable: bool
    reason: str
    ended: Ending

    def __str__(self) -> str:
        """The suggestion, what the other rules say, and why: as `lrcore find` prints it."""
        from shutil import get_terminal_size
        from textwrap import fill

        names = ("suggestion", *SUGGESTIONS) if self.reliable else ()
        found = [f"{name:17}{getattr(self, name):.3g}" for name in names] or ["No suggestion."]
        reason = self.reason[:1].upper() + self.reason[1:] + "."
        return "\n".join((*found, "", fill(reason, min(get_terminal_size().columns, 100))))

    def __repr__(self) -> str:
        """Without the curve, which has a line for every other rate."""
        return (
            f"RangeResult(suggestion={self.suggestion:.3g}, reliable={self.reliable}, "
            f"ended={self.ended!r}, rates={self.lrs.size})"
        )

    def __reduce__(self) -> pickles.Recipe:
        return pickles.recipe(type(self), tuple(self), {})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw loss against rate, raw and smoothed, with the suggestions marked (matplotlib)."""
        return range_test.draw(
            self.lrs,
            self.losses,
            self.smoothed,
            marks={name: getattr(self, name) for name in SUGGESTIONS},
            suggestion=self.suggestion,
            why_not="" if self.reliable else self.reason,
            ax=ax,
        )


@np.errstate(over="ignore", invalid="ignore")
def judge(lrs: Array, losses: Array, ended: Ending, num: int | None = None) -> RangeResult:
    """The suggestions of a curve, the recommended one, and whether to believe it.

    All are read from the smoothed curve over the logarithm of the rate. What the update at one rate
    has done is seen in the next loss, so a point of the curve stands for the rate before its own.

    - `steepest`: where the slope is lowest, between the first quarter of the way down and the
      lowest point.
    - `minimum_over_10`: a tenth of the rate of the lowest point.
    - `edge`: half of the last rate before the curve rises from its lowest point by more than a
      twentieth of its descent, and by more than its noise.
    - `valley`: the geometric mean of the rate where a quarter of the way down is done and of twice
      the `edge`: the middle of the valley on a logarithmic axis. It is the `suggestion`, for it did
      best and never badly where that was measured (docs/finding/finding.md).

    Parameters
    ----------
    lrs, losses : ndarray
        Rising rates, and as many finite losses.
    ended : {"end", "diverged", "nonfinite", "left"}
        Whether the sweep ended in a divergence, and so saw the end of the valley.
    num : int, optional
        The rates that the sweep was to have.

    Examples
    --------
    >>> lrs = np.geomspace(1e-6, 1.0, 61)
    >>> x = np.log10(lrs)
    >>> found = judge(lrs, np.minimum(1, np.abs(x + 2) - 1) + 2, "end")
    >>> found.reliable, round(math.log10(found.minimum_over_10), 1)
    (True, -3.1)
    """
    left = _left(losses.size, num) if ended == "left" else ""
    if losses.size < FEWEST:
        text = f"{left}only {losses.size} finite losses; at least {FEWEST} are needed"
        nan = math.nan
        return RangeResult(lrs, losses, losses, nan, nan, nan, nan, nan, False, text, ended)
    curve = smooth(np.log10(lrs), clipped(losses))
    d = descent(curve, noise(losses))
    before = np.concatenate((lrs[:1], lrs[:-1]))
    lowest_slope = d.quarter + int(curve.slope[d.quarter : d.lowest + 1].argmin())
    valley = math.sqrt(before[d.quarter]) * math.sqrt(before[d.turn])
    why_not = doubt(lrs, losses, curve, d, ended)
    return RangeResult(
        lrs=lrs,
        losses=losses,
        smoothed=curve.height,
        steepest=float(before[lowest_slope]),
        valley=valley,
        minimum_over_10=float(before[d.lowest] / 10),
        edge=float(before[d.turn] / 2),
        suggestion=math.nan if why_not else valley,
        reliable=not why_not,
        reason=left + (why_not or _summary(before, d, ended)),
        ended=ended,
    )


def _left(made: int, num: int | None) -> str:
    return f"the loop was left after {made}{f' of {num}' if num else ''} rates; "


def _summary(rates: Array, d: Descent, ended: Ending) -> str:
    unseen = d.turn == rates.size - 1 and ended == "nonfinite"
    end = "was not finite any more" if unseen else "rose again"
    times = f", {d.depth / d.noise:.0f} times its noise" if d.noise else ""
    return (
        f"the loss fell by {d.depth:.3g}{times}, a quarter of it by rate {rates[d.quarter]:.2g}, "
        f"and {end} above {rates[d.turn]:.2g}; the suggestion is the geometric mean of the two"
    )
