"""Runs to which something happens: explosions, collapses, cliffs, outliers, gaps, overfitting.

    OPENBLAS_NUM_THREADS=1 python benchmarks/verdicts/confusion_events.py

The best run of each sweep of confusion.py is trained again, with an accident at a random place;
what became of it is read from its loss on all rows, at each update, never from the curve that is
judged. What is neither one thing nor the other is left out. Networks on few rows overfit, by a
loss on rows that neither training nor evaluation sees; those on many are not to be called so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from confusion import OPTIMIZERS, UPDATES, Seen, Task, group, right, sweeps, tasks, truths

from lrcore.demo.network import create, loss_and_gradients
from lrcore.finding.diagnosis import LABELS, Diagnosis, judge

SETTLED = ("ok", "plateau")
EVALUATIONS, SEEDS = 30, 3
Change = Callable[[int, Any, dict[str, Any]], None]


class Event(NamedTuple):
    """A curve, the labels that are right, and validation losses if there are any."""

    kind: str
    group: str
    right: tuple[str, ...]
    losses: list[float]
    validation: list[float]

    def told(self, found: Diagnosis) -> bool:
        """Whether the label is right; of a curve with gaps, that of its finite losses."""
        if self.kind in ("gaps", "infinite for once") and found.label == "nonfinite":
            return any(f"alone are {label}:" in found.advice for label in self.right)
        return found.label in self.right


def replay(run: Seen, task: Task, change: Change) -> tuple[list[float], list[float]]:
    """The losses of the batches, and those on all rows, of a run that `change` interferes with."""
    rng = np.random.default_rng((run.seed, 2))
    params = task.start(run.seed)
    opt = OPTIMIZERS[run.optimizer](params, run.lr)
    losses, whole = [], [task.loss(params)[0]]
    for k in range(UPDATES):
        change(k, opt, params)
        rows = rng.integers(len(task.y), size=run.batch) if run.batch else slice(None)
        loss, grads = task.loss(params, rows)
        losses.append(loss)
        try:
            opt.step(grads)
        except FloatingPointError:
            losses[-1] = np.nan
            break
        whole.append(task.loss(params)[0])
    return losses, whole


def explosion(run: Seen, task: Task, rng: Any) -> Event | None:
    """The rate grows a thousandfold for the last updates, 2 to 60 of them."""
    at = UPDATES - int(np.exp(rng.uniform(np.log(2), np.log(60))))

    def change(k: int, opt: Any, params: dict[str, Any]) -> None:
        if k == at:
            opt.lr = 1000 * run.lr

    losses, whole = replay(run, task, change)
    if not np.isfinite(losses).all() or not min(whole[at + 1 : -1]) > whole[0]:
        return None
    return Event("explosion at the end", group(run.task, run.seed), ("diverging",), losses, [])


def collapse(run: Seen, task: Task, rng: Any) -> Event | None:
    """Part of what was learnt is lost at once, and the rate is then too low to learn it again."""
    at, back = int(rng.uniform(0.3, 0.97) * UPDATES), rng.uniform(0.4, 0.9)
    begin = task.start(run.seed)

    def change(k: int, opt: Any, params: dict[str, Any]) -> None:
        if k == at:
            opt.lr = 1e-3 * run.lr
            for name, p in params.items():
                p[...] = (1 - back) * p + back * begin[name]

    losses, whole = replay(run, task, change)
    fall = whole[0] - min(whole)
    if not np.isfinite(losses).all() or not 0.3 * fall < whole[-1] - min(whole) < 0.95 * fall:
        return None
    return Event(
        "collapse that stays", group(run.task, run.seed), ("oscillating", "diverging"), losses, []
    )


def cliff(run: Seen, task: Task, rng: Any) -> Event | None:
    """Nothing is learnt for long, then all at once, then nothing is left to learn."""
    at = int(rng.uniform(0.2, 0.9) * UPDATES)

    def change(k: int, opt: Any, params: dict[str, Any]) -> None:
        if k in (0, at):
            opt.lr = run.lr * (1e-6 if k == 0 else 1)

    losses, whole = replay(run, task, change)
    end = whole[-UPDATES // 12 :]
    if not np.isfinite(losses).all() or np.ptp(end) > 0.01 * (whole[0] - min(whole)):
        return None
    return Event("cliff", group(run.task, run.seed), SETTLED, losses, [])


def damaged(run: Seen, truth: str, rng: Any) -> Iterator[Event]:
    """What was logged of a run, with a single outlier, one that is infinite, and with gaps."""
    labels = tuple(label for label in LABELS if right(truth, label))
    y = np.array(run.losses)
    at = int(rng.integers(10, UPDATES - 5))
    for kind, value in (("outlier", y[at] + 100 * np.ptp(y)), ("infinite for once", np.inf)):
        yield Event(
            kind,
            group(run.task, run.seed),
            labels,
            np.where(np.arange(y.size) == at, value, y).tolist(),
            [],
        )
    gaps = np.where(rng.random(y.size) < 0.1, np.nan, y)
    gaps[-1] = y[-1]
    yield Event("gaps", group(run.task, run.seed), labels, gaps.tolist(), [])


def overfitting(seed: int, lr: float, rows: int, task: str) -> Event | None:
    """A network on few rows or on many; the truth is that of rows which no evaluation uses."""
    whole = tasks()[task]
    rng = np.random.default_rng((seed, rows))
    order = rng.permutation(len(whole.y))
    rows = min(rows, len(order) // 2)
    parts = order[:rows], order[rows::2], order[rows + 1 :: 2]
    (X, y), seen, hidden = ((whole.X[part], whole.y[part]) for part in parts)
    params = create(whole.sizes, np.random.default_rng(seed))
    opt = OPTIMIZERS["Adam"](params, lr)
    losses, validation, truth = [], [], []
    for k in range(UPDATES):
        batch = rng.integers(rows, size=16)
        loss, grads = loss_and_gradients(params, X[batch], y[batch])
        losses.append(loss)
        opt.step(grads)
        if (k + 1) % (UPDATES // EVALUATIONS) == 0:
            validation.append(loss_and_gradients(params, *seen)[0])
            truth.append(loss_and_gradients(params, *hidden)[0])
    share = (np.mean(truth[-3:]) - min(truth)) / (max(truth) - min(truth))
    turned = np.argmin(truth) < EVALUATIONS - 4 and share > 0.1
    if not turned and share > 0.03:
        return None
    kind = "overfitting" if turned else "not overfitting"
    labels = tuple(label for label in LABELS if (label == "overfitting") == turned)
    return Event(kind, group(task, seed), labels, losses, validation)


def events(sweeps: list[list[tuple[str, Seen]]], seeds: int) -> Iterator[Event]:
    """All of them, from the runs of each sweep and the truths about these."""
    known = tasks()
    for sweep in sweeps:
        truth, best = min((pair for pair in sweep if pair[0] in ("ok", "settled")), key=_last)
        rng = np.random.default_rng((best.seed, best.batch, len(best.task)))
        made = [make(best, known[best.task], rng) for make in (explosion, collapse, cliff)]
        yield from (event for event in made if event)
        yield from damaged(best, truth, rng)
    for seed in range(seeds):
        for task in (name for name, one in known.items() if len(one.sizes) > 2):
            for lr in np.geomspace(1e-3, 0.1, 9):
                for rows in (20, 40, 80, 1000):
                    event = overfitting(seed, lr, rows, task)
                    yield from [event] if event else []


def _last(pair: tuple[str, Seen]) -> float:
    return pair[1].last


def report(found: list[Event]) -> None:
    """How many of each kind are told, in the groups of confusion.py."""
    names = ("tuning", "seen", "unseen")
    print(f"\n| what happened | {' | '.join(names)} |\n|---|" + "---|" * len(names))
    for kind in dict.fromkeys(event.kind for event in found):
        cells = []
        for name in names:
            chosen = [event for event in found if (event.kind, event.group) == (kind, name)]
            told = sum(e.told(judge(e.losses, validation=e.validation)) for e in chosen)
            cells.append(f"{told} of {len(chosen)}")
        print(f"| {kind} | {' | '.join(cells)} |")


@np.errstate(all="ignore")  # runs that overflow are wanted here
def main() -> None:
    """Prints the table."""
    swept = list(sweeps(range(SEEDS)))
    pairs = [list(zip(truths(sweep), sweep, strict=True)) for sweep in swept]
    report(list(events(pairs, SEEDS)))


if __name__ == "__main__":
    main()
