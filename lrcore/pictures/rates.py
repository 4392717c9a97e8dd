"""Pictures of rates over the updates: one schedule, or a sheet of many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .figure import RATE, new_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Updates = NDArray[np.int64]
Rates = NDArray[np.float64]


def draw(t: Updates, rates: Rates, title: str, ax: Axes | None = None) -> Axes:
    """Rates of updates `t` on these axes, or on new ones with the title."""
    ax = new_axes(title) if ax is None else ax
    _curve(ax, t, rates)
    ax.set(xlabel="update", ylabel="learning rate")
    return ax


def sheet(curves: Mapping[str, tuple[Updates, Rates]]) -> Figure:
    """Many curves on one figure, each under its title."""
    columns = 4
    rows = -(-len(curves) // columns)
    figure = new_figure(figsize=(3.2 * columns, 2.2 * rows))
    grid: Any = figure.subplots(rows, columns, sharex=True, squeeze=False)
    for ax, (title, (t, rates)) in zip(grid.flat, curves.items(), strict=False):
        _curve(ax, t, rates)
        ax.set_title(title, fontsize="medium")
    for ax in grid.flat[len(curves) :]:
        ax.remove()
    for ax in grid.flat[len(curves) - columns : len(curves)]:
        ax.tick_params(axis="x", labelbottom=True)
    figure.supxlabel("update")
    figure.supylabel("learning rate")
    return figure


def spans_decades(y: Rates) -> bool:
    """Whether a curve, drawn from zero, would lie on the floor most of the time."""
    middle = np.sort(y)[y.size // 2]
    return bool(0 < y.min() < middle < 0.02 * y.max() < np.inf)


def _curve(ax: Axes, t: Updates, y: Rates) -> None:
    ax.plot(t, y, color=RATE, marker="." if t.size < 30 else "")
    if spans_decades(y):
        ax.set_yscale("log")
    else:
        ax.set_ylim(0, 1.05 * y.max() if 0 < y.max() < np.inf else None)
        ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    ax.margins(x=0.02)
    ax.grid(alpha=0.3)
