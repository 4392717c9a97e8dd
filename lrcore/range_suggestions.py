"""What the curve of a learning-rate range test says: pure functions of rates and losses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array: TypeAlias = NDArray[np.float64]
Ending: TypeAlias = Literal["end", "diverged", "nonfinite", "left"]

RULES: Final = ("steepest", "valley", "minimum_over_10", "edge")
FEWEST: Final = 10  # points below which a curve says nothing
_WIDTH: Final = 0.2  # decades: the standard deviation of the smoothing kernel
_SIGMAS: Final = 4.5  # what counts as a descent; met by 2 of 1000 curves of normal noise
_RISE: Final = 6.0  # of the noise: what counts as a rise where there was no descent


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
        What ended the sweep: its end, a loss that had risen by more than it ever fell, a loss or
        gradient that was not finite, or the loop itself.
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

        names = ("suggestion", *RULES) if self.reliable else ()
        found = [f"{name:17}{getattr(self, name):.3g}" for name in names] or ["No suggestion."]
        reason = self.reason[:1].upper() + self.reason[1:] + "."
        return "\n".join((*found, "", fill(reason, min(get_terminal_size().columns, 100))))

    def __repr__(self) -> str:
        """Without the curve, which has a line for every other rate."""
        return (
            f"RangeResult(suggestion={self.suggestion:.3g}, reliable={self.reliable}, "
            f"ended={self.ended!r}, rates={self.lrs.size})"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw loss against rate, raw and smoothed, with the suggestions marked (matplotlib)."""
        from .plots_range import draw

        return draw(self, ax)


class Descent(NamedTuple):
    """Where a curve falls: indices of its points, and by how much.

    `quarter` is the first point after the last that lies less than a quarter of the way down,
    `lowest` the lowest, `turn` the last before the curve rises from there.
    """

    depth: float
    noise: float
    quarter: int
    lowest: int
    turn: int


class Smooth(NamedTuple):
    """A line fitted around each point: its height there, its slope, the height's uncertainty."""

    height: Array
    slope: Array
    sigma: Array


@np.errstate(over="ignore", invalid="ignore")  # losses may be near the largest number
def noise(losses: Array) -> float:
    """The standard deviation of the losses around any smooth curve, robust against jumps.

    1.4826 times the median of ``abs(second difference)``, over ``sqrt(6)``; at least the rounding
    of float32.

    >>> noise(np.arange(10.0)) < 1e-5, noise(np.array([1.0, 2.0] * 5)) > 0.5
    (True, True)
    """
    if losses.size < 3:
        return 0.0
    floor = np.finfo(np.float32).eps * np.median(np.abs(losses))
    spread = np.median(np.abs(np.diff(losses, 2)))
    return float(max(floor, 1.4826 * spread / math.sqrt(6)))


@np.errstate(over="ignore", invalid="ignore")
def diverged(losses: Array, num: int) -> bool:
    """Whether the loss has risen from its lowest level by more than it ever fell.

    Levels are medians of three points in a row. What it fell is counted from the first level, and
    as at least six standard deviations of the noise, more while that is known from few points. The
    same for ``a * losses + b``, ``a > 0``. Not before a fifth of `num` points, nor before `FEWEST`.

    >>> fall_and_rise = np.abs(np.linspace(-1, 2, 40))
    >>> [n for n in range(41) if diverged(fall_and_rise[:n], 40)][0]
    28
    """
    if losses.size < max(FEWEST, num // 5):
        return False
    levels = np.median(np.lib.stride_tricks.sliding_window_view(losses, 3), axis=1)
    best = levels.min()
    least = _RISE * (1 + 10 / losses.size) * noise(losses)
    return bool(levels[-1] - best > max(levels[0] - best, least))


def smooth(x: Array, losses: Array, width: float = _WIDTH) -> Smooth:
    """Lines fitted by least squares around each point, with normal weights: no lag.

    Parameters
    ----------
    x : ndarray
        Where the losses are, rising: decimal logarithms of rates.
    losses : ndarray
    width : float
        The standard deviation of the weights, in the units of `x`; at least a step of `x`.

    Notes
    -----
    A moving average, as in fastai and Lightning, is late: with their weight 0.98 and a dozen points
    a decade the steepest point comes out more than three times too high.
    """
    width = max(width, float(np.diff(x).max(initial=0.0))) or 1.0
    height, slope, sigma = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    for i, centre in enumerate(x):
        u = (x - centre) / width
        weight = np.exp(-0.5 * u * u)
        weight /= weight.sum()
        mean = weight @ u
        spread = weight @ (u - mean) ** 2
        tilt = weight * (u - mean) / (spread or 1.0)
        row = weight - mean * tilt  # the fitted line at u = 0 is row @ losses
        height[i], slope[i] = row @ losses, tilt @ losses / width
        sigma[i] = math.sqrt(row @ row)
    return Smooth(height, slope, sigma * noise(losses))


@np.errstate(over="ignore", invalid="ignore")
def judge(lrs: Array, losses: Array, ended: Ending) -> RangeResult:
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
      best and never badly where that was measured (docs/finding.md).

    Parameters
    ----------
    lrs, losses : ndarray
        Rising rates, and as many finite losses.
    ended : {"end", "diverged", "nonfinite", "left"}
        Whether the sweep ended in a divergence, and so saw the end of the valley.

    Examples
    --------
    >>> lrs = np.geomspace(1e-6, 1.0, 61)
    >>> x = np.log10(lrs)
    >>> found = judge(lrs, np.minimum(1, np.abs(x + 2) - 1) + 2, "end")
    >>> found.reliable, round(math.log10(found.minimum_over_10), 1)
    (True, -3.1)
    """
    if losses.size < FEWEST:
        text = f"only {losses.size} finite losses; at least {FEWEST} are needed"
        nan = math.nan
        return RangeResult(lrs, losses, losses, nan, nan, nan, nan, nan, False, text, ended)
    curve = smooth(np.log10(lrs), _clipped(losses))
    d = descent(curve, noise(losses))
    before = np.concatenate((lrs[:1], lrs[:-1]))
    lowest_slope = d.quarter + int(curve.slope[d.quarter : d.lowest + 1].argmin())
    valley = math.sqrt(before[d.quarter]) * math.sqrt(before[d.turn])
    doubt = _doubt(lrs, curve, d, ended)
    return RangeResult(
        lrs=lrs,
        losses=losses,
        smoothed=curve.height,
        steepest=float(before[lowest_slope]),
        valley=valley,
        minimum_over_10=float(before[d.lowest] / 10),
        edge=float(before[d.turn] / 2),
        suggestion=math.nan if doubt else valley,
        reliable=not doubt,
        reason=doubt or _summary(before, d, ended),
        ended=ended,
    )


def descent(curve: Smooth, noise: float) -> Descent:
    """Where a smoothed curve falls; the level before is the mean over the first tenth."""
    height, sigma = curve.height, curve.sigma
    first = float(height[: max(1, height.size // 10)].mean())
    lowest = int(height.argmin())
    depth = max(first - float(height[lowest]), 0.0)
    above = np.flatnonzero(height[: lowest + 1] > first - 0.25 * depth)
    quarter = min(int(above[-1]) + 1, lowest) if above.size else 0
    allowed = np.maximum(0.05 * depth, 2 * np.hypot(sigma, sigma[lowest]))
    rising = np.flatnonzero(height[lowest:] > height[lowest] + allowed[lowest:])
    turn = lowest + int(rising[0]) - 1 if rising.size else height.size - 1
    return Descent(depth, noise, quarter, lowest, turn)


def _clipped(losses: Array) -> Array:
    """Without heights so far above the descent that they would hide it."""
    levels = np.median(np.lib.stride_tricks.sliding_window_view(losses, 3), axis=1)
    best = levels.min()
    reach = max(levels[: max(1, losses.size // 10)].max() - best, _RISE * noise(losses))
    return np.asarray(np.minimum(losses, best + 1.5 * reach))


def _doubt(lrs: Array, curve: Smooth, d: Descent, ended: Ending) -> str:
    """Why a suggestion would be a guess; empty if it is none."""
    of_first = d.noise / math.sqrt(max(1, lrs.size // 10))
    if not d.depth > _SIGMAS * math.hypot(of_first, curve.sigma[d.lowest]):
        return (
            f"no rate up to {lrs[-1]:.3g} lowered the loss by clearly more than its noise: it fell "
            f"by {d.depth:.3g}, single losses scatter by {d.noise:.3g}; use larger batches, more "
            f"rates, or {'a lower start' if ended == 'diverged' else 'a higher end'}"
        )
    if d.lowest <= lrs.size // 10:
        return f"the loss was lowest at the first rates; start below {lrs[0]:.3g}"
    if d.quarter <= lrs.size // 10:
        return f"the loss fell from the first rates on; start below {lrs[0]:.3g}"
    if d.turn == lrs.size - 1 and ended not in ("diverged", "nonfinite"):
        return f"the loss had not risen again at {lrs[-1]:.3g}; end above that"
    return ""


def _summary(rates: Array, d: Descent, ended: Ending) -> str:
    unseen = d.turn == rates.size - 1 and ended == "nonfinite"
    end = "was not finite any more" if unseen else "rose again"
    times = f", {d.depth / d.noise:.0f} times its noise" if d.noise else ""
    return (
        f"the loss fell by {d.depth:.3g}{times}, a quarter of it by rate {rates[d.quarter]:.2g}, "
        f"and {end} above {rates[d.turn]:.2g}; the suggestion is the geometric mean of the two"
    )
