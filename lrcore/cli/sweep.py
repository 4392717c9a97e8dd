"""`lrcore sweep`: train at many rates, and tell which is the best."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .. import tune
from ..finding import setups
from ..pictures import figure
from .output import document
from .parser import Command, Parser, rate, whole

_EPILOG = """\
MODULE:FUNCTION is a function of the rate that returns a fresh run, in a module of
the working directory or an installed one, for example in model.py:

  import numpy as np, lrcore as lrc

  def setup(lr):
      w, rng = np.zeros(3), np.random.default_rng(0)
      opt = lrc.Adam(w, lr=lr)
      def step():                        # one update; returns its loss
          x = rng.standard_normal((32, 3))
          error = x @ w - x @ [1.0, -2.0, 0.5] + 0.1 * rng.standard_normal(32)
          opt.step(x.T @ error / 32)
          return float(error @ error / 64)
      return lrc.Run(opt, step, rng)     # and score=..., lower is better, if you have one

  lrcore sweep model:setup --lr 1e-5:1 --trials 12 --updates 300

A trial is judged by score() after its last update, or by the mean of the last tenth of
its losses, and ended as soon as it diverges. Something to try at once (the digits need
the extra `demo`), on two processes, with four more trials around the best:

  lrcore sweep lrcore.demo:digits --lr 1e-5:1 --refine 4 --jobs 2 --plot sweep.png

With --storage, Optuna chooses the rates and stops the trials that fall behind (extra
`tune`). The study is continued if it is there; start the same command on as many
machines as you like, each adds its trials:

  lrcore sweep lrcore.demo:digits --lr 1e-5:1 --trials 30 --storage digits.journal

exit codes: 0 with a best rate, 2 after an error, or if all trials have diverged
"""


def _span(text: str) -> tuple[float, float]:
    low, colon, high = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"{text!r} is not LOW:HIGH, for example 1e-5:1")
    span = rate(low), rate(high)
    if not span[0] < span[1]:
        raise argparse.ArgumentTypeError(f"{text!r}: the first rate must be below the second")
    return span


def _arguments(parser: Parser) -> None:
    parser.epilog = _EPILOG
    add = parser.add_argument
    add("setup", metavar="MODULE:FUNCTION", help="makes a run for a rate, see below")
    text = "the lowest and the highest rate; default: 1e-5:1"
    add("--lr", type=_span, default=(1e-5, 1.0), metavar="LOW:HIGH", help=text)
    text = "rates to try, in equal factors; default: 12"
    add("--trials", type=whole(2), default=12, metavar="N", help=text)
    text = "updates of each trial; default: 300"
    add("--updates", type=whole(1), default=300, metavar="N", help=text)
    text = "further trials around the best, by golden section"
    add("--refine", type=whole(0, 1000), default=0, metavar="N", help=text)
    text = "processes that share the trials; default: 1"
    add("--jobs", type=whole(1, 1000), default=1, metavar="N", help=text)
    text = f"have Optuna search, in this file ({' or '.join(tune.JOURNALS)}) or at this URL"
    add("--storage", metavar="FILE", help=text)
    text = "of Optuna's sampler, for one process alone"
    add("--seed", type=whole(0, 2**32 - 1), metavar="N", help=text)
    text = "Optuna is to begin at a third of this, at this, and at three times this"
    add("--start", type=rate, metavar="RATE", help=text)
    add("--csv", type=Path, metavar="FILE", help="write the trials into a file as CSV")
    text = f"draw scores over rates into a file ({', '.join(figure.SUFFIXES)})"
    add("--plot", type=Path, metavar="FILE", help=text)
    add(
        "--json",
        action="store_true",
        help="print the best, what is as good, and all trials as JSON; the rest goes to stderr",
    )


def _check(options: argparse.Namespace) -> None:
    """What does not go together, and files that cannot be written, before the work."""
    if options.storage:
        for flag in ("refine", "jobs"):
            if getattr(options, flag) != (1 if flag == "jobs" else 0):
                raise ValueError(
                    f"--{flag} is for a sweep without --storage; with it, start the command again"
                )
    else:
        for flag in ("seed", "start"):
            if getattr(options, flag) is not None:
                raise ValueError(f"--{flag} wants --storage: a sweep draws no random rates")
    if options.plot:
        figure.check(options.plot)
    if options.csv:
        folder = options.csv.parent
        if not folder.is_dir():
            raise FileNotFoundError(f"{options.csv}: there is no directory {folder}")
        if options.csv.is_dir() or not os.access(folder, os.W_OK):
            raise PermissionError(f"{options.csv}: cannot be written to")


def _search(options: argparse.Namespace) -> tune.Result:
    f = tune.objective(setups.load_setup(options.setup), options.updates)
    lo, hi = options.lr
    if options.storage is None:
        return tune.log_sweep(f, lo, hi, options.trials, refine=options.refine, n_jobs=options.jobs)
    return tune.optuna(
        f,
        lo,
        hi,
        trials=options.trials,
        storage=options.storage,
        study_name=f"{options.setup}, {options.updates} updates",
        seed=options.seed,
        warm_start=options.start,
    )


def _run(options: argparse.Namespace) -> None:
    _check(options)
    with document(options.json, for_good=options.for_good) as answer:
        try:
            with np.errstate(all="ignore"):  # what diverges overflows
                result = _search(options)
        except RuntimeError as error:  # of a trial, or of a process
            raise ValueError(error) from error
        except SystemExit as error:  # of the program that is tried
            raise ValueError(setups.told(error)) from error
        if options.csv:
            result.to_csv(options.csv)
            print(f"Table: {options.csv}", file=sys.stderr)
        if options.plot:
            title = f"{options.setup}, {options.updates} updates"
            figure.save(options.plot, title, result.plot, figsize=(8, 5))
            print(f"Figure: {options.plot}", file=sys.stderr)
        answer(_json(result) if options.json else str(result))
        best = result.best  # an error if all diverged
        if not options.json:
            rates = ", ".join(f"{trial.lr:.4g}" for trial in result.as_good)
            others = f"; within 0.1 % of that: {rates}" if rates else ""
            answer(f"Best: rate {best.lr:.4g}, score {best.score:.4g}{others}")


def _json(result: tune.Result) -> str:
    good = any(math.isfinite(trial.score) for trial in result)
    return json.dumps(
        {
            "best": _row(result.best) if good else None,
            "as_good": [_row(trial) for trial in result.as_good],
            "trials": [_row(trial) for trial in result],
        },
        indent=2,
    )


def _row(trial: tune.Trial) -> dict[str, Any]:
    """JSON knows no infinity: what diverged has no score."""
    return {**asdict(trial), "score": trial.score if math.isfinite(trial.score) else None}


COMMAND = Command("train at many rates and find the best", _arguments, _run)
