"""How far does each optimizer come on small problems, at its default rate and at its best?

Every class of the catalogue, its other options left alone, makes 300 updates at a constant rate.
The best rate is found by `lrcore.tune.log_sweep` over some seeds; what is shown are others. Prints
the table of docs/guide/which_optimizer.md, in some minutes on one core.
Usage: python benchmarks/verdicts/which_optimizer.py [--seeds 5] [--update]
"""

from __future__ import annotations

import argparse
import inspect
import math
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from sklearn import datasets

import lrcore as lrc
from lrcore.demo import network
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.pictures import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray[Any, Any]
Random = np.random.Generator
# The loss and its gradients: of rows drawn by a generator, or of all without one.
Loss = Callable[[network.Params, Random | None], tuple[float, network.Params]]
DOCS = Path(__file__).parents[2] / "docs"
PAGE, PICTURE = DOCS / "guide" / "which_optimizer.md", DOCS / "pictures" / "which_optimizer.png"
HEADER = "| optimizer | its rate | state |"
UPDATES = 300
LOWEST, HIGHEST, NUM, REFINE = 1e-5, 100.0, 15, 4  # of the sweep: two rates for each decade
SWEPT, FIRST = (0, 1, 2), 100  # seeds of the sweep; those shown begin at FIRST
DEFAULT, BEST = "#d55e00", "#0072b2"  # vermilion and blue, told apart by all eyes (Okabe & Ito)
FLOOR, CEILING = 1e-6, 3.0  # of the picture: what lies beyond is an arrow there


class Problem(NamedTuple):
    """A start and a loss, drawn by a seed."""

    name: str
    details: str
    make: Callable[[int], tuple[network.Params, Loss]]


def classes(load: Callable[..., Any], hidden: tuple[int, ...], seed: int) -> Any:
    """A classifier of standardised rows, by batches of 32; without hidden units it starts at 0."""
    X, y = load(return_X_y=True)
    X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    sizes = [X.shape[1], *hidden, int(y.max()) + 1]
    params = network.create(sizes, np.random.default_rng((seed, 0)), np.float64)
    if not hidden:
        params = {name: np.zeros_like(array) for name, array in params.items()}

    def loss(params: network.Params, rng: Random | None) -> tuple[float, network.Params]:
        rows = slice(None) if rng is None else rng.integers(len(y), size=32)
        return network.loss_and_gradients(params, X[rows], y[rows])

    return params, loss


def valley(seed: int) -> Any:
    """Half of x' A x of 20 numbers, A turned at random, its eigenvalues from 0.001 to 1."""
    rng = np.random.default_rng((seed, 0))
    turn = np.linalg.qr(rng.standard_normal((20, 20)))[0]
    A = turn * np.geomspace(1e-3, 1, 20) @ turn.T
    target = rng.standard_normal(20)

    def loss(params: network.Params, rng: Random | None) -> tuple[float, network.Params]:
        g = A @ (params["x"] - target)
        return float(g @ (params["x"] - target)) / 2, {"x": g}

    return {"x": np.zeros(20)}, loss


PROBLEMS = (
    Problem(
        "linear classifier",
        "breast cancer, 62 weights, batches of 32",
        partial(classes, datasets.load_breast_cancer, ()),
    ),
    Problem(
        "network",
        "digits, 32 hidden units, batches of 32",
        partial(classes, datasets.load_digits, (32,)),
    ),
    Problem("narrow valley", "curvatures 1 to 1000, no noise", valley),
)


@np.errstate(all="ignore")  # what overflows ends in a gradient that is not finite
def left(problem: Problem, cls: Any, lr: float | None, seed: int) -> float:
    """The share of the first loss that is left at the end; infinite if training failed."""
    params, loss = problem.make(seed)
    opt = cls(params) if lr is None else cls(params, lr=lr)
    rng = np.random.default_rng((seed, 1))
    first = loss(params, None)[0]
    try:
        for _ in range(UPDATES):
            opt.step(loss(params, rng)[1])
    except FloatingPointError:
        return math.inf
    with opt.eval_params():
        share = loss(params, None)[0] / first
    return share if math.isfinite(share) else math.inf


def best_rate(problem: Problem, cls: Any) -> float:
    """That of the lowest geometric mean over the seeds of the sweep."""

    def score(lr: float) -> float:
        shares = [left(problem, cls, lr, seed) for seed in SWEPT]
        return float(np.mean(np.log(np.maximum(shares, 1e-300))))

    found = lrc.tune.log_sweep(score, LOWEST, HIGHEST, NUM, refine=REFINE, progress=False)
    return found.best.lr


class Seen(NamedTuple):
    """What an optimizer left of the loss of a problem, seed by seed."""

    lr: float
    default: list[float]
    best: list[float]


def seen(problem: Problem, cls: Any, seeds: Sequence[int]) -> Seen:
    lr = best_rate(problem, cls)
    return Seen(lr, *([left(problem, cls, rate, seed) for seed in seeds] for rate in (None, lr)))


def number(share: float) -> str:
    return "fails" if share > 1 else f"{share:.2g}"


def table(results: dict[str, list[Seen]]) -> str:
    """Rates, arrays of state, and the medians of what is left."""
    lines = [f"{HEADER} {' | '.join(problem.name for problem in PROBLEMS)} |"]
    lines.append("|---" * (3 + len(PROBLEMS)) + "|")
    for name, found in results.items():
        cls: Any = OPTIMIZERS[name]
        rate = inspect.signature(cls).parameters["lr"].default
        arrays = len(next(iter(cls(np.zeros(1)).state.values())))
        shares = [
            f"{number(median(one.default))}; {number(median(one.best))} at {one.lr:.2g}"
            for one in found
        ]
        lines.append(f"| `{name}` | {rate:g} | {arrays} | {' | '.join(shares)} |")
    return "\n".join(lines)


def update(page: Path, rows: str) -> None:
    """Put a table into the page in the place of the one that is there."""
    before, old = page.read_text().split(HEADER)
    page.write_text(before + rows + "\n\n" + old.split("\n\n", 1)[1])


def interval(ax: Axes, y: float, shares: Sequence[float], colour: str, **options: Any) -> None:
    """A line from the lowest to the highest, and a dot at the median."""
    low, middle, high = (
        min(max(share, FLOOR), CEILING) for share in (min(shares), median(shares), max(shares))
    )
    ax.plot([low, high], [y, y], color=colour, linewidth=2, solid_capstyle="butt", alpha=0.5)
    mark = ">" if middle >= CEILING else "<" if middle <= FLOOR else "o"
    ax.plot([middle], [y], marker=mark, color=colour, markersize=6, linestyle="", **options)


def picture(results: dict[str, list[Seen]], path: Path) -> None:
    """A row for each optimizer, a panel for each problem."""
    sheet = figure.new_figure(figsize=(11.5, 1.7 + 0.33 * len(results)))
    panels = sheet.subplots(1, len(PROBLEMS), sharey=True)
    for ax, problem, column in zip(
        panels, PROBLEMS, zip(*results.values(), strict=True), strict=True
    ):
        for y, one in enumerate(column):
            interval(ax, y - 0.17, one.default, DEFAULT, fillstyle="none", label="default rate")
            interval(ax, y + 0.17, one.best, BEST, label="best rate of a sweep")
        ax.set(xscale="log", xlabel="loss left, as a share of the first")
        ax.set_title(f"{problem.name}\n{problem.details}", fontsize="medium")
        ax.axvline(1, color="0.4", linewidth=0.8, linestyle=":")
        for y in range(0, len(results), 2):
            ax.axhspan(y - 0.5, y + 0.5, color="0.95", zorder=0)
        ax.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(results)), list(results))
    panels[0].set_ylim(len(results) - 0.5, -0.5)
    marks = panels[0].get_legend_handles_labels()
    sheet.legend(*(both[:2] for both in marks), loc="outside upper center", ncols=2)
    sheet.savefig(path)


def main() -> None:
    """Prints the table; with `--update` it and the picture take the places of those of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    if options.update:
        figure.check(PICTURE)
    seeds = range(FIRST, FIRST + options.seeds)
    results = {
        name: [seen(problem, cls, seeds) for problem in PROBLEMS]
        for name, cls in OPTIMIZERS.items()
    }
    print(table(results))
    if options.update:
        picture(results, PICTURE)
        update(PAGE, table(results))


if __name__ == "__main__":
    main()
