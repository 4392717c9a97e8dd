"""The curve of a learning-rate range test as numbers: its noise, its smoothed shape, its valley."""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Ending: TypeAlias = Literal["end", "diverged", "nonfinite", "left"]  # of a sweep

FEWEST: Final = 10  # points below which a curve says nothing
WIDTH: Final = 0.2  # decades: the standard deviation of the smoothing kernel
RISE: Final = 6.0  # of the noise: what counts as a rise where there was no descent
_ROBUST: Final = 1.4826  # a standard deviation in median absolute deviations of normal numbers
_EXCESS: Final = 1.5  # what ends a sweep, in heights of all that went before
_GOING_ON: Final = 0.05  # of the rise: the least step of one that is no jump
_DRIFT: Final = 4.0  # the same, in how far a random walk of such steps would get


class Smooth(NamedTuple):
    """A line fitted around each point: its height there, its slope, the height's uncertainty."""

    height: Array
    slope: Array
    sigma: Array


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
    return float(max(floor, _ROBUST * spread / math.sqrt(6)))


def levels(losses: Array) -> Array:
    """Medians of three losses in a row, which a single bad batch does not move."""
    width = min(3, losses.size)
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(losses, width), axis=1))


@np.errstate(over="ignore", invalid="ignore")
def diverged(losses: Array, num: int) -> bool:
    """Whether the loss rises, by far more than it has moved before.

    Levels are medians of three losses in a row. The last two steps each make a twentieth of the
    rise or more: a jump that stays is no divergence. Where losses explode, the last but one makes
    that of the rise so far, which is by itself too large to be anything else. The last level lies
    above the lowest by 1.5 times as much as any did before the last eighth of them; by more than
    six standard deviations of the noise, more while that is known from few points; and by four
    times what a random walk with steps like those between levels would get to, so that slow noise
    does not end a sweep. The same for ``a * losses + b``, ``a > 0``. Not before a third of `num`
    points, nor before `FEWEST`.

    >>> fall_and_rise = np.abs(np.linspace(-1, 2, 40)) ** 3
    >>> [n for n in range(41) if diverged(fall_and_rise[:n], 40)][0]
    33
    """
    n = losses.size
    if n < max(FEWEST, num // 3):
        return False
    level = levels(losses)
    best = level.min()
    earlier, rise = level[-2:] - best
    last_but_one, last = np.diff(level[-3:])
    if not (last > _GOING_ON * rise and last_but_one > _GOING_ON * earlier):
        return False
    before = level[: -max(2, n // 8)].max() - best
    step = _ROBUST * np.median(np.abs(np.diff(level)))
    least = max(RISE * (1 + 10 / n) * noise(losses), _DRIFT * math.sqrt(n) * step)
    threshold = max(_EXCESS * before, least)
    return bool(rise > threshold and (last_but_one > _GOING_ON * rise or earlier > threshold))


def smooth(x: Array, losses: Array, width: float = WIDTH) -> Smooth:
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
    width = at_least_a_step(x, width)
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


def at_least_a_step(x: Array, width: float = WIDTH) -> float:
    """The width that is smoothed over: no narrower than the widest gap between points."""
    return max(width, float(np.diff(x).max(initial=0.0))) or 1.0


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


def clipped(losses: Array) -> Array:
    """Without heights so far above the descent that they would hide it."""
    level = levels(losses)
    best = level.min()
    reach = max(level[: max(1, losses.size // 10)].max() - best, RISE * noise(losses))
    return np.asarray(np.minimum(losses, best + 1.5 * reach))
