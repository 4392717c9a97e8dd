"""Every picture. Matplotlib is imported inside, so that the library does not need it."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..checks.arguments import Count, checked
from ..schedules.catalogue import (
    SCHEDULES,
    Constant,
    CosineAnnealing,
    Cyclical,
    Schedule,
    StepDecay,
)
from ..schedules.in_words import sample, shown_run, spans_decades

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..demo.training import History

SUFFIXES = (".png", ".svg", ".pdf")

LOSS, RATE, TEST = "#1f6fb4", "#2a7f4f", "#c05a1c"


def check(path: Path) -> None:
    """Find out before the work whether a figure can be written to `path`.

    Raises
    ------
    ImportError
        Without matplotlib.
    ValueError, OSError
        If the suffix is not one of `SUFFIXES`, or the place cannot be written to.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: a figure's name must end in {', '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no directory {path.parent}")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise PermissionError(f"{path}: cannot be written to")
    new_figure()


def training(history: History, path: Path) -> None:
    """Write a figure of a training run: loss, test accuracy and rate over the updates.

    Parameters
    ----------
    history : lrcore.demo.History
        What `lrcore.demo.train` returned.
    path : Path
        Ends in one of `SUFFIXES`.
    """
    figure = new_figure()
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(2, 1))
    _draw_loss(upper, history)
    _draw_accuracy(upper.twinx(), history)
    marker = "." if len(history.rate) < 30 else ""
    lower.plot(np.arange(1, len(history.rate) + 1), history.rate, color=RATE, marker=marker)
    lower.set(xlabel="update", ylabel="learning rate", ylim=(0, None))
    lower.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    upper.margins(x=0.01)
    lower.grid(alpha=0.3)
    figure.suptitle(f"{history.optimizer}, {history.schedule!r}", wrap=True)
    figure.savefig(path)


def schedule(s: Schedule, steps: int | None = None, ax: Axes | None = None) -> Axes:
    """What `Schedule.plot` returns."""
    steps = checked("plot", "steps", steps, Count | None)
    if ax is None:
        new_figure()  # names the extra if matplotlib is missing
        from matplotlib import pyplot

        ax = pyplot.subplots(layout="constrained")[1]
        ax.set_title(fill(repr(s), 70), fontsize="medium")
    _draw_schedule(ax, s, steps)
    ax.set(xlabel="update", ylabel="learning rate")
    return ax


def save_schedule(s: Schedule, steps: int | None, path: Path) -> None:
    """Write a figure of a schedule to `path`, which ends in one of `SUFFIXES`."""
    figure = new_figure()
    schedule(s, steps, figure.subplots())
    figure.suptitle(fill(repr(s), 80), fontsize="medium")
    figure.savefig(path)


def gallery(steps: int = 1000) -> Figure:
    """Every schedule and some combinations on one sheet, each over `steps` updates.

    >>> import lrcore as lrc
    >>> lrc.plots.gallery().savefig("schedules.png")  # doctest: +SKIP
    """
    steps = checked("gallery", "steps", steps, Count)
    shown = examples(steps)
    columns = 4
    rows = -(-len(shown) // columns)
    figure = new_figure(figsize=(3.2 * columns, 2.2 * rows))
    grid: Any = figure.subplots(rows, columns, sharex=True, squeeze=False)
    for ax, (title, s) in zip(grid.flat, shown.items(), strict=False):
        _draw_schedule(ax, s, steps)
        ax.set_title(title, fontsize="medium")
    for ax in grid.flat[len(shown) :]:
        ax.remove()
    for ax in grid.flat[len(shown) - columns : len(shown)]:
        ax.tick_params(axis="x", labelbottom=True)
    figure.supxlabel("update")
    figure.supylabel("learning rate")
    return figure


def examples(steps: int) -> dict[str, Schedule]:
    """What the gallery shows, by title: an example of every class, and some combinations."""
    part = max(steps // 10, 1)
    cosine, stairs = CosineAnnealing(1.0, 9 * part), StepDecay(1.0, every=3, factor=0.5)
    combinations: dict[str, Schedule] = {
        "cosine.warmup(n)": cosine.warmup(part),
        'cosine.warmup(n, shape="cosine")': cosine.warmup(3 * part, shape="cosine"),
        "constant.warmup(n).then(cosine)": Constant(1.0)
        .warmup(part)
        .then(CosineAnnealing(1.0, 4 * part), at=6 * part),
        "stairs.per_epoch(n)": stairs.per_epoch(part),
        "cosine.repeat(n, decay=0.7)": CosineAnnealing(1.0, 2 * part).repeat(2 * part, decay=0.7),
        "cosine * cyclical": cosine * Cyclical(0.2, 1.0, part),
        "cosine.clip(lo, hi)": cosine.clip(0.2, 0.8),
        "cosine.minimum(stairs)": cosine.minimum(stairs.stretch(part)),
    }
    return {name: cls.example(1.0, steps) for name, cls in SCHEDULES.items()} | combinations


def _draw_schedule(ax: Axes, s: Schedule, steps: int | None) -> None:
    t = sample(s, shown_run(s) if steps is None else steps)
    y = s(t)
    ax.plot(t, y, color=RATE, marker="." if t.size < 30 else "")
    if spans_decades(y):
        ax.set_yscale("log")
    else:
        ax.set_ylim(0, 1.05 * y.max() if 0 < y.max() < np.inf else None)
        ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    ax.margins(x=0.02)
    ax.grid(alpha=0.3)


def new_figure(figsize: tuple[float, float] = (8, 6)) -> Figure:
    """An empty one, its size in inches, or an ImportError that names the extra."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise ImportError("figures need matplotlib: pip install 'lrcore[plot]'") from None
    return Figure(figsize=figsize, dpi=150, layout="constrained")


def _draw_loss(axes: Axes, history: History) -> None:
    loss = np.array(history.loss)
    window = min(history.epoch_updates, max(len(loss) // 10, 1))
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


def _draw_accuracy(axes: Axes, history: History) -> None:
    percent = 100 * np.array(history.accuracy)
    updates = history.epoch_updates * np.arange(1, len(percent) + 1)
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
