"""What `diagnose` says of real training runs, against what became of them: a confusion table.

Small models are trained at rates over eight decades. The truth about a run comes from its loss on
all rows, at its end and after continuing from there at a tenth of the rate, beside the other runs
of its sweep; `diagnose` sees the curve of batch losses alone, `judge` the updates too. The
thresholds were chosen on the runs called "tuning" and the form of the rules with those called
"seen" in view; nothing was chosen by the "unseen".

    OPENBLAS_NUM_THREADS=1 python benchmarks/verdicts/confusion.py
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

import lrcore as lrc
from lrcore.demo.network import create, loss_and_gradients
from lrcore.finding.diagnosis import LABELS, Diagnosis, Label, judge
from lrcore.finding.monitor import Monitor
from lrcore.pictures import diagnosis, figure

UPDATES = 300
MEANS = (5, 10, 25)
RATES = np.geomspace(1e-6, 1e2, 17)
OPTIMIZERS: dict[str, Callable[[Any, float], Any]] = {
    "SGD": lambda p, lr: lrc.SGD(p, lr),
    "momentum": lambda p, lr: lrc.SGD(p, lr, momentum=0.9),
    "Adam": lambda p, lr: lrc.Adam(p, lr),
    "RMSprop": lambda p, lr: lrc.RMSprop(p, lr),
}


class Task(NamedTuple):
    """Rows, and the sizes of the layers of a perceptron; without sizes a linear regression."""

    X: Any
    y: Any
    sizes: tuple[int, ...] = ()

    def start(self, seed: int) -> dict[str, Any]:
        if self.sizes:
            return create(self.sizes, np.random.default_rng(seed))
        return {"w": np.zeros(self.X.shape[1], np.float32), "b": np.zeros((), np.float32)}

    def loss(self, params: Any, rows: Any = slice(None)) -> tuple[float, Any]:
        X, y = self.X[rows], self.y[rows]
        if self.sizes:
            return loss_and_gradients(params, X, y)
        error = X @ params["w"] + params["b"] - y
        grads = {"w": X.T @ error / len(y), "b": error.mean()}
        return float(error @ error) / (2 * len(y)), grads


class Seen(NamedTuple):
    """A run: what its loop saw, and what became of it."""

    task: str
    optimizer: str
    batch: int
    seed: int
    lr: float
    losses: list[float]
    watched: Diagnosis  # from the losses and the updates
    first: float  # loss on all rows, before
    middle: float  # after half of the updates
    last: float  # after all
    lowered: float  # and after continuing at a tenth of the rate


def _scaled(loader: Any) -> tuple[Any, Any]:
    X, y = loader(return_X_y=True)
    X = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-3)
    return X.astype(np.float32), y


def tasks() -> dict[str, Task]:
    X, y = _scaled(load_digits)
    digits = X[::4], y[::4]
    diabetes, progress = _scaled(load_diabetes)
    progress = ((progress - progress.mean()) / progress.std()).astype(np.float32)
    rng = np.random.default_rng(0)
    stiff = rng.standard_normal((400, 20)) * np.geomspace(1, 0.1, 20)  # curvature 1 to 0.01
    target = stiff @ rng.standard_normal(20) + 0.3 * rng.standard_normal(400)
    return {
        "digits, network": Task(*digits, (64, 32, 10)),
        "stiff regression": Task(stiff.astype(np.float32), target.astype(np.float32)),
        "digits, logistic": Task(*digits, (64, 10)),
        "wine, network": Task(*_scaled(load_wine), (13, 16, 16, 3)),
        "cancer, logistic": Task(*_scaled(load_breast_cancer), (30, 2)),
        "diabetes, regression": Task(diabetes, progress),
    }


def group(task: str, seed: int) -> str:
    if (task, seed) in {("digits, network", 0), ("stiff regression", 0)}:
        return "tuning"
    return "seen" if seed < 2 else "unseen"


def train(name: str, task: Task, optimizer: str, batch: int, seed: int, lr: float) -> Seen:
    """A run, then a third of its updates more at a tenth of the rate."""
    rng = np.random.default_rng((seed, 1))
    params = task.start(seed)
    opt = OPTIMIZERS[optimizer](params, lr)
    monitor = Monitor(opt, every=2)

    def advance(number: int) -> Iterator[float]:
        for _ in range(number):
            rows = rng.integers(len(task.y), size=batch) if batch else slice(None)
            loss, grads = task.loss(params, rows)
            monitor.report(loss)
            try:
                opt.step(grads)
            except FloatingPointError:
                yield math.nan
                return
            yield loss

    first = task.loss(params)[0]
    losses = list(advance(UPDATES // 2))
    middle = task.loss(params)[0]
    losses += advance(UPDATES - UPDATES // 2) if math.isfinite(losses[-1]) else []
    last, watched = task.loss(params)[0], monitor.diagnose()
    monitor.close()
    opt.lr = lr / 10
    list(advance(UPDATES // 3))
    lowered = task.loss(params)[0]
    return Seen(name, optimizer, batch, seed, lr, losses, watched, first, middle, last, lowered)


def sweeps(seeds: Iterable[int]) -> Iterator[list[Seen]]:
    """Runs that differ in their rate alone, together."""
    for name, task in tasks().items():
        for seed in seeds:
            for optimizer in OPTIMIZERS:
                for batch in (0, 16):
                    yield [train(name, task, optimizer, batch, seed, lr) for lr in RATES]


# what a training curve alone can be called
SHOWN: tuple[Label, ...] = tuple(label for label in LABELS if label != "overfitting")
TRUTHS = ("too_low", "ok", "settled", "plateau", "oscillating", "diverging", "nonfinite")


def truths(sweep: list[Seen]) -> list[str]:
    """What became of each run of a sweep.

    diverging: ends above its start. ok: ends within 5 % of the fall of the best run of the sweep,
    and settled: so, with less than 1 % in its last half. too_low: worse, at a rate below all of
    those. The others are worse at a higher rate: oscillating if a tenth of the rate from there on
    lowers the loss by 2 % of the best fall, else plateau (stuck). Losses are those on all rows.
    """
    ended = [run for run in sweep if np.isfinite([*run.losses, run.last]).all()]
    best = min(ended, key=lambda run: run.last)
    room = best.first - best.last
    good = [run for run in ended if run.last - best.last <= 0.05 * room]
    lowest = min(run.lr for run in good)

    def truth(run: Seen) -> str:
        if run not in ended:
            return "nonfinite"
        if run.last > run.first:
            return "diverging"
        if run in good:
            return "settled" if run.middle - run.last < 0.01 * room else "ok"
        if run.lr < lowest:
            return "too_low"
        return "oscillating" if not run.last - run.lowered < 0.02 * room else "plateau"

    return [truth(run) for run in sweep]


def right(truth: str, label: str) -> bool:
    """A curve cannot show whether its flat end is the best there is."""
    return label in ("ok", "plateau") if truth == "settled" else label == truth


def means(losses: list[float], size: int) -> list[float]:
    return [float(np.mean(losses[k : k + size])) for k in range(0, len(losses), size)]


def thinned(chosen: list[tuple[str, Seen]]) -> None:
    """Logs of means, without the loss before the first update and with it."""
    for size in MEANS:
        curves = [(truth, means(run.losses, size), run.losses[0]) for truth, run in chosen]
        alone = [(truth, judge(curve)) for truth, curve, _ in curves]
        given = [(truth, judge(curve, start=start)) for truth, curve, start in curves]
        print(f"means of {size}: {share(alone)} right; with start {share(given)}")


def share(pairs: list[tuple[str, Diagnosis]]) -> str:
    return f"{sum(right(truth, said.label) for truth, said in pairs)} of {len(pairs)}"


def table(title: str, pairs: list[tuple[str, Diagnosis]]) -> None:
    counts = Counter((truth, said.label) for truth, said in pairs)
    if not pairs:
        return
    agreed = sum(right(truth, said.label) for truth, said in pairs)
    print(f"\n{title}: {agreed} of {len(pairs)} right ({agreed / len(pairs):.1%})\n")
    print(f"| what became of it | {' | '.join(SHOWN)} |")
    print("|---|" + "---|" * len(SHOWN))
    for truth in TRUTHS:
        print(f"| {truth} | {' | '.join(str(counts[truth, label]) for label in SHOWN)} |")


def picture(told: list[tuple[str, Seen]], path: Path) -> None:
    """The first run with small batches for which truth and label agree, for each label."""
    sheet = figure.new_figure(figsize=(12, 6.5))
    for ax, label in zip(sheet.subplots(2, 3).flat, SHOWN, strict=True):
        truth = "settled" if label == "plateau" else label
        # of the rates too low, one that changes something
        runs = [
            (run, judge(run.losses))
            for found, run in told
            if found == truth and run.batch and (label != "too_low" or run.last < 0.8 * run.first)
        ]
        run, said = next((run, said) for run, said in runs if said.label == label)
        diagnosis.draw(ax, run.losses, said.evidence)
        ax.set_title(f"{label}: {run.task}, {run.optimizer}, rate {run.lr:.2g}", fontsize="medium")
    sheet.savefig(path)


@np.errstate(all="ignore")  # runs that overflow are wanted here
def main() -> None:
    """Prints the tables, of the tuning runs and of the others; draws examples."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    told = [
        (truth, run)
        for sweep in sweeps(range(options.seeds))
        for run, truth in zip(sweep, truths(sweep), strict=True)
    ]
    if options.picture:
        picture(told, options.picture)
    for name in ("tuning", "seen", "unseen"):
        chosen = [(truth, run) for truth, run in told if group(run.task, run.seed) == name]
        table(f"{name}, losses alone", [(truth, judge(run.losses)) for truth, run in chosen])
        seen = [(truth, run.watched) for truth, run in chosen]
        table(f"{name}, losses and updates", seen)
        thinned(chosen)


if __name__ == "__main__":
    main()
