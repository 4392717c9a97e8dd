"""The picture of a range test."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .figure import LOSS, RATE, TEST, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

_MARKERS = "vsd^"


def draw(
    lrs: Array,
    losses: Array,
    smoothed: Array,
    *,
    marks: Mapping[str, float],
    suggestion: float,
    why_not: str,
    ax: Axes | None = None,
) -> Axes:
    """Losses over rates, the rates of rules of thumb, the suggestion or why there is none.

    Parameters
    ----------
    lrs, losses, smoothed : ndarray
        The curve.
    marks : dict of str to float
        Rates by the names of the rules; NaN for none.
    suggestion : float
        Not looked at if there is a `why_not`.
    why_not : str
        Empty for a suggestion.
    ax : matplotlib axes, optional
        By default those of a new figure of pyplot's.
    """
    ax = new_axes() if ax is None else ax
    ax.plot(lrs, losses, color=LOSS, alpha=0.35, linewidth=0.8, marker=".", label="loss")
    ax.plot(lrs, smoothed, color=LOSS, label="smoothed")
    for (name, x), marker in zip(marks.items(), _MARKERS, strict=True):
        if np.isfinite(x):
            y = np.interp(np.log(x), np.log(lrs), smoothed)
            ax.plot(x, y, marker, color=RATE, markersize=8, label=f"{name} {x:.2g}")
    if why_not:
        ax.set_title(fill(f"no suggestion: {why_not}", 90), fontsize="small")
    else:
        ax.axvline(suggestion, color=TEST, label=f"suggestion {suggestion:.2g}")
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss before the update")
    if losses.size:
        _frame(ax, losses, smoothed)
    ax.grid(alpha=0.3)
    ax.legend(fontsize="small")
    return ax


def _frame(ax: Axes, losses: Array, smoothed: Array) -> None:
    """The last losses may be a thousand times the first; what matters lies below."""
    low, high = float(losses.min()), float(smoothed.max())
    margin = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    ax.set_ylim(low - margin, high + margin)
