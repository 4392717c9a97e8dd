"""The picture of a range test."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from ..finding.range_result import SUGGESTIONS
from .plots import LOSS, RATE, TEST, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..finding.range_result import RangeResult

_MARKS = "vsd^"


def draw(r: RangeResult, ax: Axes | None = None) -> Axes:
    """What `RangeResult.plot` returns."""
    if ax is None:
        new_figure()  # names the extra if matplotlib is missing
        from matplotlib import pyplot

        ax = pyplot.subplots(layout="constrained")[1]
    ax.plot(r.lrs, r.losses, color=LOSS, alpha=0.35, linewidth=0.8, marker=".", label="loss")
    ax.plot(r.lrs, r.smoothed, color=LOSS, label="smoothed")
    for name, marker in zip(SUGGESTIONS, _MARKS, strict=True):
        _mark(ax, r, name, marker)
    if r.reliable:
        ax.axvline(r.suggestion, color=TEST, label=f"suggestion {r.suggestion:.2g}")
    else:
        ax.set_title(fill(f"no suggestion: {r.reason}", 90), fontsize="small")
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss before the update")
    if r.losses.size:
        _frame(ax, r)
    ax.grid(alpha=0.3)
    ax.legend(fontsize="small")
    return ax


def save(r: RangeResult, title: str, path: Path) -> None:
    """Write a figure of a range test to `path`, which ends in one of `plots.SUFFIXES`."""
    figure = new_figure()
    draw(r, figure.subplots())
    figure.suptitle(title, fontsize="medium", wrap=True)
    figure.savefig(path)


def _mark(ax: Axes, r: RangeResult, name: str, marker: str) -> None:
    x = getattr(r, name)
    if np.isfinite(x):
        y = np.interp(np.log(x), np.log(r.lrs), r.smoothed)
        ax.plot(x, y, marker, color=RATE, markersize=8, label=f"{name} {x:.2g}")


def _frame(ax: Axes, r: RangeResult) -> None:
    """The last losses may be a thousand times the first; what matters lies below."""
    low, high = float(r.losses.min()), float(r.smoothed.max())
    margin = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    ax.set_ylim(low - margin, high + margin)
