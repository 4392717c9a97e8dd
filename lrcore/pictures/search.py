"""The picture of a search for a rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .figure import LOSS, RATE, TEST, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = Sequence[tuple[float, float]]  # rates and scores


def draw(
    *,
    finished: Points,
    stopped: Points,
    diverged: Points,
    best: tuple[float, float] | None,
    ax: Axes | None = None,
) -> Axes:
    """The scores of rates, by what became of them, each sorted by rate; the best is marked."""
    ax = new_axes() if ax is None else ax
    ax.set(xscale="log", xlabel="learning rate", ylabel="score (lower is better)")
    if finished:
        label = f"finished: {len(finished)}"
        ax.plot(*_columns(finished), color=LOSS, marker="o", linewidth=0.8, label=label)
    if stopped:
        label = f"stopped: {len(stopped)}, at the score they had"
        ax.scatter(*_columns(stopped), facecolors="none", edgecolors="0.5", label=label)
    if diverged:
        rates = _columns(diverged)[0]
        high = np.full(len(rates), 0.97)
        # a line, not a scatter: that would leave the rates out of the limits of the axis
        (line,) = ax.plot(rates, high, "^", color=TEST, transform=ax.get_xaxis_transform())
        line.set_label(f"diverged: {len(rates)}")
    if best is not None:
        scores = [score for points in (finished, stopped, diverged) for _, score in points]
        _mark(ax, *best, [score for score in scores if np.isfinite(score)])
    ax.grid(alpha=0.3)
    if finished or stopped or diverged:
        ax.legend(fontsize="small")
    return ax


def _columns(points: Points) -> tuple[list[float], list[float]]:
    return [rate for rate, _ in points], [score for _, score in points]


def _mark(ax: Axes, rate: float, score: float, scores: Sequence[float]) -> None:
    label = f"best: {score:.4g} at {rate:.3g}"
    ax.scatter([rate], [score], 150, facecolors="none", edgecolors=RATE, label=label)
    if min(scores) > 0 and max(scores) > 10 * min(scores):
        ax.set_yscale("log")
    ax.margins(y=0.12)  # room for what diverged
