"""The picture of a training run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .figure import LOSS, RATE, TEST, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def save(
    path: Path,
    title: str,
    *,
    losses: Sequence[float],
    rates: Sequence[float],
    accuracies: Sequence[float],
    epoch: int,
) -> None:
    """Write a figure of loss and rate over the updates, and of test accuracy after each epoch.

    Parameters
    ----------
    path : Path
        Ends in one of `figure.SUFFIXES`.
    title : str
        What was trained how.
    losses, rates : sequence of float
        One of each update.
    accuracies : sequence of float
        From 0 to 1, one of each epoch.
    epoch : int
        The updates of an epoch.
    """
    figure = new_figure()
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(2, 1))
    _draw_losses(upper, np.array(losses), epoch)
    _draw_accuracies(upper.twinx(), 100 * np.array(accuracies), epoch)
    marker = "." if len(rates) < 30 else ""
    lower.plot(np.arange(1, len(rates) + 1), rates, color=RATE, marker=marker)
    lower.set(xlabel="update", ylabel="learning rate", ylim=(0, None))
    lower.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    upper.margins(x=0.01)
    lower.grid(alpha=0.3)
    figure.suptitle(title, wrap=True)
    figure.savefig(path)


def _draw_losses(axes: Axes, loss: NDArray[np.float64], epoch: int) -> None:
    window = min(epoch, max(len(loss) // 10, 1))
    smooth = moving_mean(loss, window)
    axes.plot(np.arange(1, len(loss) + 1), loss, color=LOSS, alpha=0.25, linewidth=0.7)
    axes.plot(np.arange(window, len(loss) + 1), smooth, color=LOSS)
    if smooth.min() > 0 and smooth.max() > 10 * smooth.min():
        axes.set_yscale("log")
        # single batches without any error would stretch the axis by decades
        axes.set_ylim(max(float(np.percentile(loss, 1)), smooth.min() / 30), 1.3 * loss.max())
    text = f"training loss (nats)\nline: mean of {window} updates"
    axes.set_ylabel(text, color=LOSS)
    axes.tick_params(axis="y", colors=LOSS, which="both")
    axes.grid(alpha=0.3)


def _draw_accuracies(axes: Axes, percent: NDArray[np.float64], epoch: int) -> None:
    updates = epoch * np.arange(1, len(percent) + 1)
    axes.plot(updates, percent, color=TEST, marker=".", linewidth=0.8)
    # the first epochs may run out at the bottom: what matters is how the rest differs
    low = float(np.percentile(percent, 20))
    axes.set_ylim(max(3 * low - 200, 0), 100.5)
    axes.set_ylabel(f"test accuracy (%), at last {percent[-1]:.2f}", color=TEST)
    axes.tick_params(axis="y", colors=TEST)


def moving_mean(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Of every `window` values in a row."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    return np.asarray((sums[window:] - sums[:-window]) / window)
