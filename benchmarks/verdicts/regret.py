"""How much is lost by training at the rate that a range test suggests, not at the best of many?

The regret of a rate is the share of what the best rate of a fine sweep has gained that it has not:
``(loss - best) / (start - best)``, with the loss on all rows after 300 updates. Prints medians and
worst cases of the suggestions, and of the rules of other libraries on the same losses; and how
often noise alone gets a suggestion.
Usage: python benchmarks/verdicts/regret.py [--seeds 10 11 12]
"""

from __future__ import annotations

import argparse
import inspect
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from finders import suggestions
from sklearn import datasets

import lrcore as lrc
from lrcore.demo import network
from lrcore.finding.range_result import SUGGESTIONS

Array = np.ndarray[Any, Any]
UPDATES = 300
RATES = np.geomspace(1e-5, 10, 25)  # four for each decade
OPTIMIZERS: dict[str, Any] = {
    "SGD": lrc.SGD,
    "SGD, momentum 0.9": lambda p, lr=1e-2: lrc.SGD(p, lr, momentum=0.9),
    "Adam": lrc.Adam,
    "AdamW": lrc.AdamW,
    "RMSprop": lrc.RMSprop,
    "Adagrad": lrc.Adagrad,
}


class Task(NamedTuple):
    """A model over standardised data; no hidden units make it linear."""

    load: Callable[..., Any]
    hidden: tuple[int, ...]
    batch: int
    regression: bool = False


TASKS = {
    "digits, 64 units": Task(datasets.load_digits, (64,), 32),
    "digits, 32+32 units": Task(datasets.load_digits, (32, 32), 16),
    "digits, logistic": Task(datasets.load_digits, (), 32),
    "breast cancer, logistic": Task(datasets.load_breast_cancer, (), 32),
    "wine, 16 units": Task(datasets.load_wine, (16,), 16),
    "diabetes, linear": Task(datasets.load_diabetes, (), 32, regression=True),
    "diabetes, 32 units": Task(datasets.load_diabetes, (32,), 32, regression=True),
}


def squared_error(params: network.Params, X: Array, y: Array) -> tuple[float, network.Params]:
    """Half the mean squared error of a network with one output, and its gradient."""
    *inputs, out = network.forward(params, X)
    error = out[:, 0] - y
    delta = error[:, None] / len(y)
    grads: network.Params = {}
    for k in reversed(range(len(inputs))):
        grads[f"W{k}"], grads[f"b{k}"] = inputs[k].T @ delta, delta.sum(axis=0)
        delta = (delta @ params[f"W{k}"].T) * (inputs[k] > 0)
    return float(error @ error / (2 * len(y))), {name: grads[name] for name in params}


def setup(task: Task, optimizer: str, seed: int) -> Callable[[float], lrc.Run]:
    """Runs of one seed; their score is the loss on all of the rows."""
    X, y = task.load(return_X_y=True)
    X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    if task.regression:
        y = (y - y.mean()) / y.std()
    loss = squared_error if task.regression else network.loss_and_gradients
    outputs = 1 if task.regression else int(y.max()) + 1

    def start(lr: float) -> lrc.Run:
        rng = np.random.default_rng(seed)
        params = network.create([X.shape[1], *task.hidden, outputs], rng, np.float64)
        opt = OPTIMIZERS[optimizer](params, lr)

        def step() -> float:
            rows = rng.integers(len(y), size=task.batch)
            value, grads = loss(params, X[rows], y[rows])
            opt.step(grads)
            return value

        return lrc.Run(opt, step, rng, lambda: loss(params, X, y)[0])

    return start


NOISES: dict[str, Callable[[np.random.Generator], float]] = {
    "normal": lambda rng: rng.standard_normal(),
    "exponential": lambda rng: rng.standard_exponential(),
    "heavy-tailed (Student's t, 3 degrees of freedom)": lambda rng: rng.standard_t(3),
}

Start = Callable[[float], lrc.Run]


@np.errstate(all="ignore")
def trained(start: Start, lr: float) -> float:
    """The score after training at a rate, infinite if that failed."""
    run = start(lr)
    for loss in run.losses(UPDATES):
        if not loss < 1e6:
            return np.inf
    assert run.score is not None
    score = run.score()
    return score if np.isfinite(score) else np.inf


@np.errstate(all="ignore")
def whole_curve(start: Start) -> tuple[Array, Array]:
    """A range test without a stop of our own."""
    run, losses = start(0.0), []
    lrs = np.geomspace(1e-7, 10, 100)
    for lr in lrs:
        run.opt.lr = lr
        try:
            losses.append(run.step())
        except FloatingPointError:
            break
        if not np.isfinite(losses[-1]):
            losses.pop()
            break
    return lrs[: len(losses)], np.array(losses)


def regrets(start: Start, default: float) -> tuple[dict[str, float], lrc.RangeResult]:
    """The regret of every rule that suggests something, and what ours are taken from."""
    run = start(0.0)
    assert run.score is not None
    first = run.score()
    with np.errstate(all="ignore"):
        result = lrc.range_test(run.opt, run.step, rng=run.rng)
    best = min(trained(start, lr) for lr in RATES)
    rates = {name: getattr(result, name) for name in (*SUGGESTIONS, "suggestion")}
    rates |= {"the optimizer's default": default, **suggestions(*whole_curve(start))}
    losses = {name: trained(start, lr) for name, lr in rates.items() if lr > 0}
    found = {name: 100 * (loss - best) / (first - best) for name, loss in losses.items()}
    return found, result


def row(name: str, values: Sequence[float]) -> str:
    """Numbers of a table, in percent."""
    over = sum(value > 5 for value in values)
    shown = [np.median(values), np.percentile(values, 90, method="higher"), max(values)]
    cells = [f"{value:.2f}" if value < 100 else "over 100" for value in shown]
    return f"| {name} | {len(values)} | {' | '.join(cells)} | {over} |"


def false_alarms(draw: Callable[[np.random.Generator], float]) -> int:
    """How many of 1000 sweeps over a loss that is noise suggest a rate."""
    rng, w, found = np.random.default_rng(0), np.zeros(1), 0
    opt = lrc.SGD(w)
    for _ in range(1000):
        found += lrc.range_test(opt, lambda: draw(rng) if opt.step(w) else 0.0).reliable
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12])
    seeds = parser.parse_args().seeds
    by_rule: dict[str, list[float]] = defaultdict(list)
    by_case: dict[str, list[float]] = {case: [] for case in (*TASKS, *OPTIMIZERS)}
    doubts, places = [], []
    for (name, task), (optimizer, make), seed in product(TASKS.items(), OPTIMIZERS.items(), seeds):
        default = inspect.signature(make).parameters["lr"].default
        found, result = regrets(setup(task, optimizer, seed), default)
        for rule, value in found.items():
            by_rule[rule].append(value)
        for case in (name, optimizer):
            by_case[case] += [found["suggestion"]] if "suggestion" in found else []
        if result.reliable:
            places.append(result.suggestion / (10 * result.minimum_over_10))
        else:
            doubts.append(f"{name}, {optimizer}, {seed}: {result.reason}")
    print(f"Seeds {seeds}; regrets in percent.\n")
    for title, table in (("rule", by_rule), ("`suggestion`, by case", by_case)):
        print(f"| {title} | runs | median | 90 % | worst | over 5 % |\n{'|---' * 6}|")
        print(*(row(*item) for item in table.items() if item[1]), sep="\n", end="\n\n")
    for name, draw in NOISES.items():
        print(f"Of 1000 curves of {name} noise alone {false_alarms(draw)} had a suggestion.")
    print(
        f"Suggestions lie at {min(places):.3f} to {max(places):.2f} of the rate of the lowest "
        f"smoothed loss, {sum(place > 1 / 1.5 for place in places)} of {len(places)} above 2/3."
    )
    print(f"No suggestion, {len(doubts)} times:", *doubts, sep="\n- ")


if __name__ == "__main__":
    main()
