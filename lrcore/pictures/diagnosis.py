"""The picture of a diagnosis: the curve, and what the verdict rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .figure import LOSS, RATE, TEST

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(
    ax: Axes,
    losses: Sequence[float],
    evidence: Mapping[str, float],
    validation: Sequence[float] = (),
) -> None:
    """The curve, medians of its parts, the levels it is judged by, where it stops being finite.

    Validation losses are spread over it, each at the end of its part of the run. `evidence` has
    the numbers of a verdict by their names.
    """
    y = np.asarray(losses, np.float64)
    window = max(y.size // 50, 1)
    ax.plot(np.arange(y.size), y, color=LOSS, alpha=0.35 if window > 1 else 1, linewidth=0.8)
    if window > 1:
        parts = np.array_split(y, y.size // window)
        middles = np.cumsum([part.size for part in parts]) - window / 2
        ax.plot(middles, [np.median(part) for part in parts], color=LOSS)
    _mark(ax, y.size, evidence)
    if len(validation):
        _validate(ax, y.size, np.asarray(validation, np.float64), evidence)
    if ax.get_legend_handles_labels()[0]:
        rising = evidence.get("last", 0.0) > evidence.get("first", 0.0)
        left = rising or "first_nonfinite" in evidence
        place = "lower left" if len(validation) else f"upper {'left' if left else 'right'}"
        ax.legend(loc=place)
    finite = y[np.isfinite(y)]
    # single batches without any error must not forbid a logarithm
    if finite.size and 0 < 30 * np.percentile(finite, 5) < finite.max():
        ax.set_yscale("log")
    ax.set(xlabel="update or epoch", ylabel="loss")
    ax.margins(x=0.01)
    ax.grid(alpha=0.3)


def _mark(ax: Axes, size: int, evidence: Mapping[str, float]) -> None:
    if "last" in evidence:
        half = (size // 2, size - 1)
        ax.axvspan(*half, color=RATE, alpha=0.1, linewidth=0, label="last half")
        for name, colour in (("first", TEST), ("last", RATE)):
            ax.axhline(evidence[name], color=colour, linestyle="--", linewidth=0.9, label=name)
    if "first_nonfinite" in evidence:
        at = evidence["first_nonfinite"]
        ax.axvline(at, color=TEST, label=f"not finite at {at:g}")


def _validate(
    ax: Axes, size: int, losses: NDArray[np.float64], evidence: Mapping[str, float]
) -> None:
    places = np.arange(1, losses.size + 1) / losses.size * size - 1
    ax.plot(places, losses, color=TEST, marker=".", linewidth=0.8, label="validation")
    if "validation_turn" in evidence:
        at = int(evidence["validation_turn"])
        ax.axvline(places[at], color=TEST, linestyle=":", label=f"lowest at evaluation {at + 1}")
