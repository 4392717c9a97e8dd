"""The numbers that a loss curve is judged by. `lrcore.diagnosis.judge` explains each."""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Losses: TypeAlias = NDArray[np.float64]
Evidence: TypeAlias = dict[str, float]

ENOUGH: Final = 10  # fewer losses are called too short
BOUND: Final = 1000.0  # of all ratios

# Chosen on the runs that benchmarks/verdicts/confusion.py calls `tuning`.
_EVIDENT, _GROWTH = 100.0, 3.0
_APART, _ABRUPT, _ALONE = 8.0, 0.3, 20.0
_SLACK, _SURE, _SHRINK = 0.25, 3.0, 0.7
_UNSURE, _LEAST, _FAR = 4.0, 16, 2.5
_FEW, _BY_CHANCE, _RANKS = 14, 0.4, 1.5


def curve_evidence(losses: Losses, start: float | None) -> Evidence:
    """Of the finite losses, if training went on after the others; `start` stands for the first."""
    finite = np.isfinite(losses)
    evidence = {"points": float(losses.size), "nonfinite": float(np.sum(~finite))}
    if not finite.all():
        places = np.flatnonzero(~finite)
        evidence["first_nonfinite"] = float(places[0])
        evidence["finite_after"] = float(losses.size - 1 - places[-1])
        runs = [run.size for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)]
        end = 0 if finite[-1] else runs.pop()
        evidence |= {"gap": float(max(runs, default=0)), "nonfinite_end": float(end)}
        if finite.any() and end <= evidence["gap"]:
            evidence |= _of_finite(losses[finite], start)
        return evidence
    return evidence | (_of_finite(losses, start) if losses.size else {})


def _of_finite(losses: Losses, start: float | None) -> Evidence:
    quarter = losses / 4  # differences of these cannot overflow
    first = quarter[0] if start is None else start / 4
    burst = _short_burst(losses) if losses.size < ENOUGH else _burst(quarter, first)
    given: Evidence = {} if start is None else {"start": start}
    if burst:
        given["burst"] = float(burst)
    elif losses.size < ENOUGH:
        return {}
    given |= _levels(losses, 4 * first, burst)
    return given if losses.size < ENOUGH else given | _shape(*_scaled(quarter, first))


def _median(losses: Losses) -> float:
    """Without the overflow of a mean."""
    return 4 * float(np.median(losses / 4))


def _levels(losses: Losses, first: float, burst: int) -> Evidence:
    end = burst or max(losses.size // 10, 3)
    parts = [part for part in np.array_split(losses, 10) if part.size]
    lowest = min(map(_median, parts))
    return {"first": float(first), "last": _median(losses[-end:]), "lowest": lowest}


def smoothed(y: Losses, reach: int) -> Losses:
    """Running medians over `reach` points each way; the ends are repeated."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(y, reach, mode="edge"), 2 * reach + 1)
    smooth: Losses = np.partition(windows, reach, axis=1)[:, reach]
    return smooth


def _scaled(y: Losses, first: float) -> tuple[Losses, float]:
    """Brought to [0, 1], with running medians in the place of single outliers far outside."""
    smooth = smoothed(y, 2)
    inner = np.r_[first, smooth, y[-1]]
    low, high = inner.min(), inner.max()
    if not high > low:
        smooth, low, high = y.copy(), y.min(), y.max()
    if not high > low:
        return np.zeros_like(y), 0.0
    with np.errstate(over="ignore"):  # an outlier may be infinitely far outside
        y = (y - low) / (high - low)
    smooth = (smooth - low) / (high - low)
    smooth[: y.size // 10] = y[: y.size // 10]  # a leap at the beginning is none
    y = np.where(np.abs(y - 0.5) > _FAR, smooth, y)
    return np.clip(y, 0.5 - _FAR, 0.5 + _FAR), float((first - low) / (high - low))


def _burst(y: Losses, first: float) -> int:
    """How many losses at the end lie above all before them, by more than those ever rose at once.

    Of the last half, since `lost` and `above` show what is longer. Single ones may be lower, as
    their running median is looked at as well.
    """
    y, first = y / 16, first / 16  # no multiple of a difference may overflow
    rounding = 8 * np.finfo(float).eps * np.abs(y).max()
    leaps = np.maximum.accumulate(np.maximum(np.diff(y, prepend=y[0]), rounding))
    leaps *= 1 + 8 / np.arange(1, y.size + 1)  # as in _doubt
    found, half = 0, y.size // 2
    for curve in (y, smoothed(y, 1)):
        before = np.maximum.accumulate(np.maximum(curve, first))
        after = np.minimum.accumulate(curve[::-1])[::-1]
        above = np.flatnonzero(after[half:] > (before + leaps)[half - 1 : -1])
        found = max(found, y.size - half - int(above[0]) if above.size else 0)
    return found


def _short_burst(losses: Losses) -> int:
    """As `_burst`, for fewer losses than show their noise: what is evident at a glance."""
    size = np.abs(losses)
    for k in range(2, losses.size):
        if losses[k:].min() / _EVIDENT > size[:k].max():
            return losses.size - k
    rising = losses.size > 3 and losses[0] > 0 and bool((losses[1:] / _GROWTH > losses[:-1]).all())
    return losses.size - 1 if rising else 0


def _shape(y: Losses, first: float) -> Evidence:
    """What `judge` explains, of a curve brought to [0, 1]."""
    tenth, middle = max(y.size // 10, 3), y.size // 2
    half = y[middle:]
    late = y[-max(3 * y.size // 4, ENOUGH - 2) :]
    local = _doubt(local_noise(late), late.size)
    settled = _settled(y, first, local)
    end = y[-max(2 * settled // 3, min(settled, 5)) :] if settled else half  # past the bend
    slope, rest = _line(end) if end.size > 4 else (0.0, np.full(end.size, 0.8 * local))
    noise = _noise(rest, 1e-12) if end.size > 4 else max(local, 1e-12)
    few = _BY_CHANCE * local_noise(y) if y.size < _FEW else 0.0  # five may lie on a line by chance
    doubt = _doubt(max(noise, few), end.size)
    last = float(np.median(y[-min(tenth, settled or tenth) :]))
    lowest = min(float(np.median(part)) for part in np.array_split(y, 10))
    start = float(np.median(y[:tenth]))
    top = max(first, start) if first - last > 4 * noise else start
    fall = max(top - last, noise)
    errors = noise * math.sqrt(1.6 * 2 / min(tenth, settled or tenth))  # of two medians
    around = y[middle - tenth // 2 :][:tenth]
    shape = {
        "late": max(float(np.median(around)) - last, 0.0) / fall,
        "scatter": 1.25 * float(np.abs(rest).mean()) / fall,
        "visible": (top - last) / errors,
        "early": _early(y),
        "trend": _trend(slope, doubt, end.size),
        "order": min(_order(y), _order(half)),
        "above": (float(half.mean()) - first) / doubt,
        "jump": (float(y[:tenth].max()) - first) / doubt,
        "tail": float(rest.max()) / doubt,
        "regain": (last - lowest) / max(first - lowest, start - lowest, noise),
        "lost": _lost(y, max(first, start), local),
        "leap": _leap(y),
        "drop": _drop(y, max(first, start), local),
        "alternation": _correlation(np.diff(half)),
        "swing": _correlation(rest),
    }
    changes = np.flatnonzero(np.diff(y))
    if changes.size and changes[-1] < middle:
        shape["stop"] = float(abs(y[changes[-1] + 1] - y[changes[-1]])) / fall
    if settled:
        shape["settled"] = settled
    # no -0.0
    return {name: min(max(float(x), -BOUND), BOUND) + 0.0 for name, x in shape.items()}


def _early(y: Losses) -> float:
    """How far the first quarter lies above the rest, in standard errors.

    By means, and by ranks, which single losses cannot lead: the smaller of both. Noise that goes on
    from loss to loss has fewer independent ones.
    """
    size = max(y.size // 4, 3)
    again = min(max(_correlation(y[size:]), 0.0), 0.9)
    error = math.sqrt((1 / size + 1 / (y.size - size)) * (1 + again) / (1 - again))
    ranks = _ranks(y) / y.size
    levels = [float(x[:size].mean() - x[size:].mean()) for x in (y, ranks)]
    scatter = max(float(y[size:].std()) * (1 + 4 / (y.size - size)), 1e-12)
    return min(levels[0] / scatter, _RANKS * levels[1] * math.sqrt(12)) / error


def _lost(y: Losses, top: float, noise: float) -> float:
    """The share of the fall to its lowest level that is lost at the end, at the least."""
    tenth = max(y.size // 10, 3)
    lowest = np.minimum.accumulate(smoothed(y, 1))
    ends = [(float(np.median(y[-tenth:])), tenth), (float(y[-3:].min()), 3)]
    losses = [level - float(lowest[-size - 1]) for level, size in ends]
    fall = top - float(lowest[-4])
    return max(max(losses) - _UNSURE * noise, 0.0) / max(fall, _UNSURE * noise, 1e-12)


def _drop(y: Losses, top: float, noise: float) -> float:
    """The share of the fall that the last three losses lie below the rest of the last tenth."""
    end = float(y[-3:].max())
    drop = float(np.median(y[-max(y.size // 10, 3) :])) - end - _UNSURE * noise
    return max(drop, 0.0) / max(top - end, _UNSURE * noise, 1e-12)


def _leap(y: Losses) -> float:
    """The largest rise at once, as a share of the rise from the lowest loss to the end."""
    rise = float(y[-3:].max() - y.min())
    return min(max(float(np.diff(y).max()), 0.0) / rise, 1.0) if rise > 0 else 0.0


def _settled(y: Losses, first: float, noise: float) -> int:
    """If the last half fell and then stopped, the number of losses since; else 0."""
    middle = y.size // 2
    fall = max(first, float(y[:middle].max())) - float(y[middle:].min())
    steps = float(np.median(np.abs(np.diff(y[middle:]))))
    room = max(_APART * noise, _ABRUPT * fall, 3 * steps)
    for curve in (y, smoothed(y, 1)):
        above = np.minimum.accumulate(curve[middle - 2 :])[1:-1]
        below = np.maximum.accumulate(curve[::-1])[::-1][middle:]
        gap = above - below
        at = int(gap.argmax())
        left = y.size - middle - at
        if gap[at] > (room if left > 2 else max(room, _ALONE * noise)):
            return left
    return _slowed(y, noise)


def _slowed(y: Losses, noise: float) -> int:
    """The longest end that surely falls far more slowly than the last half does on average."""
    half = y.size // 2
    tenth = max(y.size // 10, 3)
    pace = (float(np.median(y[half - tenth // 2 :][:tenth])) - float(np.median(y[-tenth:]))) / half
    size = int(_SHRINK * half)
    while size > max(4, y.size // _LEAST) and pace > 0:
        end = y[-size:]
        slope, rest = _line(end)
        error = _doubt(max(noise, _noise(rest, 0.0)), size) * 5 / math.sqrt(size)
        fall = max(-slope * size, float(np.median(end[: size // 2]) - y[-3:].max()))
        if fall + _SURE * error < _SLACK * pace * size:
            return size
        size = int(_SHRINK * size)
    return 0


def local_noise(y: Losses) -> float:
    """From second differences, which a trend or a single step hardly changes."""
    return 1.4826 * float(np.median(np.abs(np.diff(y, 2)))) / math.sqrt(6)


def _noise(rest: Losses, least: float) -> float:
    """As for normal noise, without being led by single spikes."""
    return max(1.4826 * float(np.median(np.abs(rest))), least)


def _doubt(noise: float, size: int) -> float:
    """A few points may lie close to their line by chance."""
    return noise * (1 + 8 / size)


def _trend(slope: float, doubt: float, size: int) -> float:
    """A fall in its standard errors."""
    return -slope * size / (doubt * math.sqrt(25 / size))


def _order(y: Losses) -> float:
    """The trend of the ranks of losses."""
    slope, rest = _line(_ranks(y))
    return _trend(slope, _doubt(_noise(rest, 0.5), y.size), y.size)


def _ranks(y: Losses) -> Losses:
    """Equal losses share theirs."""
    sorted_ = np.sort(y)
    ranks: Losses = (sorted_.searchsorted(y, "left") + sorted_.searchsorted(y, "right")) / 2.0
    return ranks


def _line(y: Losses) -> tuple[float, Losses]:
    """A slope that single spikes do not turn, from points half the curve apart; and the rest."""
    apart = y.size // 2
    slope = float(np.median(y[apart:] - y[:-apart])) / apart
    rest = y - slope * np.arange(y.size)
    return slope, rest - np.median(rest)


def _correlation(y: Losses) -> float:
    """Of neighbours."""
    y = y - y.mean()
    total = float(y @ y)
    pairs = y.size - 1
    return float(y[1:] @ y[:-1]) / total * y.size / pairs if total > 0 else 0.0
