"""Schedules in words, read off their values."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..checks.arguments import EXACT, Count, checked
from .curve import Curve
from .maths import Array

Indices = NDArray[np.int64]

ALL: Final = 2**17  # the longest run of which every update is looked at
_PHRASES: Final = 6  # a paragraph of more is no longer read
_LISTED: Final = 4  # drops that are told one by one
_GOLDEN: Final = 0.6180339887498949  # its multiples fill an interval most evenly
_NOISE: Final = 1e-12  # of the highest rate: a turn of less is rounding


def describe(schedule: Curve, steps: int | None = None) -> str:
    """What `Schedule.describe` returns."""
    run = horizon(schedule) if steps is None else checked("describe", "steps", steps, Count)
    t = sample(schedule, run)
    y = schedule(t)
    end = schedule.length
    if end is not None and end < run == t.size and y.min() == y.max():
        return f"{y[0]:.4g} at every update."
    sentences = [f"Stays at {y[0]:.4g}"]
    if len(_turns(y)) > 1:
        rest = " and stays there" if end is not None and end < run else ""
        sentences = [_story(t, y) + rest, _bounds(t, y, " seen" if t.size < run else "")]
    if end is None or end >= run:
        end_is = "it has no end" if end is None else f"its end is at update {end}"
        sentences.append(f"This tells of updates 0 to {run - 1}; {end_is}")
    if t.size < run:
        sentences.append(f"Looked at {t.size} of {run} updates: between them it may do more")
    return ". ".join(sentences) + "."


def horizon(schedule: Curve) -> int:
    """How many updates show what a schedule does."""
    if schedule.length is not None:
        return min(schedule.length + 1, EXACT)
    if not schedule._is_pure:
        return 1000  # who knows how far a function of the user's reaches
    steps, y = 100, schedule(np.arange(100))
    while steps < 10**9:
        more = schedule(_spread(10 * steps))
        turns = len(_turns(y))
        low = y[-1] <= 0.1 * y.max() and turns == len(_turns(more))
        if low or turns > 4 or not np.isfinite(more).all():
            break
        steps, y = 10 * steps, more
    return steps


def shown_run(schedule: Curve) -> int:
    """The updates to draw unless told: a little of the rest after the end is among them."""
    updates = horizon(schedule)
    return updates if schedule.length is None else min(updates + max(updates // 10, 10), EXACT)


def sample(schedule: Curve, steps: int) -> Indices:
    """Updates to look at: all, or some thousands, close together where the rate turns."""
    t = np.arange(steps) if steps <= ALL else _spread(steps)
    while True:
        heading = np.sign(np.diff(_finite(schedule(t))))
        turns = np.flatnonzero(np.diff(heading))
        gaps = np.union1d(turns, turns + 1)
        wide = gaps[np.diff(t)[gaps] > 1]
        if not 0 < wide.size <= 100 or t.size > ALL:
            return t
        closer = [np.linspace(t[i], t[i + 1], 33).astype(np.int64) for i in wide]
        t = np.unique(np.concatenate([t, *closer]))


def _spread(steps: int) -> Indices:
    """Some thousand updates of a run: the first ones, the last one, and others between, at uneven
    distances, since at even ones what is periodic may look level."""
    even = np.linspace(0, steps - 1, 4000)
    uneven = even[:-1] + np.diff(even) * (np.arange(3999) * _GOLDEN % 1.0)
    return np.unique(np.r_[: min(steps, 1000), uneven.astype(np.int64), steps - 1])


def _finite(y: Array) -> Array:
    """Without infinity, which is no number when taken from itself."""
    return np.minimum(y, np.finfo(np.float64).max)


def _turns(y: Array) -> list[int]:
    """The indices between which a curve only rises or only falls, both ends included."""
    y = _finite(y)
    step = np.diff(y)
    moves = np.flatnonzero(step)
    turns = moves[1:][np.sign(step[moves[1:]]) != np.sign(step[moves[:-1]])]
    noise = _NOISE * y.max()
    kept = [0]
    for i in [*turns.tolist(), len(y) - 1]:
        if abs(y[i] - y[kept[-1]]) > noise:
            onward = len(kept) > 1 and (y[kept[-1]] > y[kept[-2]]) == (y[i] > y[kept[-1]])
            kept[-1 if onward else len(kept) :] = [i]
    return kept


def _story(t: Indices, y: Array) -> str:
    turns = _turns(y)
    moves = np.flatnonzero(np.diff(_finite(y))) + 1  # where a new value is first seen
    start, plain, phrases = 0, [], []
    for a, b in pairwise(turns):
        inside = moves[(moves > a) & (moves <= b)]
        plain.append(f"{'rises' if y[b] > y[a] else 'falls'} to {_point(t, y, inside[-1])}")
        phrases += _phrases(t, y, start, inside)
        start = inside[-1]
    if len(phrases) > _PHRASES:
        phrases = plain
    if len(phrases) > _PHRASES:
        least = "" if t.size == t[-1] + 1 else "at least "
        phrases = [
            f"turns {least}{len(turns) - 2} times",
            f"first with {_point(t, y, turns[1])}",
            f"last with {_point(t, y, turns[-2])}",
            f"comes to {_point(t, y, len(y) - 1)}",
        ]
    return ", ".join([f"Starts at {y[0]:.4g}", *phrases])


def _phrases(t: Indices, y: Array, start: int, moves: Indices) -> list[str]:
    """A rise or a fall from `y[start]`, by way of new values at `moves`."""
    # without a look in between, nothing is known of a rest
    gaps = np.where(np.diff(moves) > 1, np.diff(t[moves]), 1)
    if gaps.size > 1 and gaps.max() > max(3 * np.median(gaps), 0.1 * (t[moves[-1]] - t[start])):
        cut = int(gaps.argmax()) + 1  # a long rest on the way
        return _phrases(t, y, start, moves[:cut]) + _phrases(t, y, moves[cut - 1], moves[cut:])
    up = y[moves[-1]] > y[start]
    last = _point(t, y, moves[-1])
    exact = bool((t[moves] - t[moves - 1] == 1).all())
    if exact and 3 * gaps.size <= gaps.sum():
        verb = "jumps" if up else "drops"
        if moves.size > _LISTED:
            first = _point(t, y, moves[0])
            return [f"{verb} {moves.size} times, first to {first}, last to {last}"]
        return [f"{verb} to {', to '.join(_point(t, y, i) for i in moves)}"]
    rest = t[moves[0] - 1]
    wait = [f"holds until update {rest}"] if rest > t[start] + 1 else []
    return [*wait, f"{'rises' if up else 'falls'} to {last}"]


def _bounds(t: Indices, y: Array, seen: str) -> str:
    high, low = _point(t, y, int(y.argmax())), _point(t, y, int(y.argmin()))
    return f"Highest{seen} {high}, lowest{seen} {low}"


def _point(t: Indices, y: Array, i: Any) -> str:
    return f"{y[i]:.4g} at update {t[i]}"
