"""What figures have in common. Matplotlib is imported inside, as the library does without it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES: Final = (".png", ".svg", ".pdf")

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


def new_figure(figsize: tuple[float, float] = (8, 6)) -> Figure:
    """An empty one, its size in inches, or an ImportError that names the extra."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise ImportError("figures need matplotlib: pip install 'lrcore[plot]'") from None
    return Figure(figsize=figsize, dpi=150, layout="constrained")


def new_axes(title: str = "") -> Axes:
    """Those of a new figure of pyplot's."""
    new_figure()  # names the extra if matplotlib is missing
    from matplotlib import pyplot

    axes: Axes = pyplot.subplots(layout="constrained")[1]
    if title:
        axes.set_title(fill(title, 70), fontsize="medium")
    return axes


def save(
    path: Path,
    title: str,
    draw: Callable[[Axes], object],
    figsize: tuple[float, float] = (8, 6),
) -> None:
    """Write a figure of what `draw` does to axes; the path ends in one of `SUFFIXES`."""
    figure = new_figure(figsize)
    draw(figure.subplots())
    figure.suptitle(title, fontsize="medium", wrap=True)
    figure.savefig(path)
