"""The picture of a search for a rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import plots
from .plots import LOSS, RATE, TEST

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..tune.results import Result, Trial


def scores(result: Result, ax: Axes | None = None) -> Axes:
    """What `tune.Result.plot` returns."""
    if ax is None:
        plots.new_figure()  # names the extra if matplotlib is missing
        from matplotlib import pyplot

        ax = pyplot.subplots(layout="constrained")[1]
    trials = sorted(result, key=lambda trial: trial.lr)
    finished, stopped, diverged = (
        [trial for trial in trials if trial.status == status]
        for status in ("finished", "stopped", "diverged")
    )
    ax.set(xscale="log", xlabel="learning rate", ylabel="score (lower is better)")
    if finished:
        label = f"finished: {len(finished)}"
        ax.plot(*_points(finished), color=LOSS, marker="o", linewidth=0.8, label=label)
    if stopped:
        label = f"stopped: {len(stopped)}, at the score they had"
        ax.scatter(*_points(stopped), facecolors="none", edgecolors="0.5", label=label)
    if diverged:
        rates = _points(diverged)[0]
        high = np.full(len(rates), 0.97)
        # a line, not a scatter: that would leave the rates out of the limits of the axis
        (line,) = ax.plot(rates, high, "^", color=TEST, transform=ax.get_xaxis_transform())
        line.set_label(f"diverged: {len(rates)}")
    if finished or stopped:
        _mark_best(ax, result)
    ax.grid(alpha=0.3)
    if trials:
        ax.legend(fontsize="small")
    return ax


def _mark_best(ax: Axes, result: Result) -> None:
    best = result.best
    label = f"best: {best.score:.4g} at {best.lr:.3g}"
    ax.scatter([best.lr], [best.score], 150, facecolors="none", edgecolors=RATE, label=label)
    shown = [trial.score for trial in result if np.isfinite(trial.score)]
    if min(shown) > 0 and max(shown) > 10 * min(shown):
        ax.set_yscale("log")
    ax.margins(y=0.12)  # room for what diverged


def _points(trials: Sequence[Trial]) -> tuple[list[float], list[float]]:
    return [trial.lr for trial in trials], [trial.score for trial in trials]


def save_scores(result: Result, title: str, path: Path) -> None:
    """Write a figure of a search to `path`, which ends in one of `plots.SUFFIXES`."""
    figure = plots.new_figure(figsize=(8, 5))
    scores(result, figure.subplots())
    figure.suptitle(title, fontsize="medium", wrap=True)
    figure.savefig(path)
