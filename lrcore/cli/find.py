"""`lrcore find`: a learning-rate range test on a training run of the user's."""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
from pathlib import Path

import numpy as np

from ..finding.range_result import RangeResult
from ..finding.range_test import range_test
from ..finding.run import start
from ..finding.setups import load_setup, told
from ..pictures import figure
from . import charts
from .output import document
from .parser import Command, Parser, rate, whole

_EPILOG = """\
Each of the rates is used for one update of a fresh run. The loss falls where
rates begin to do something and rises again where they do harm; the suggestion
lies in the middle, for training at a constant rate.

MODULE:FUNCTION is a function of the rate that sets up a run:

  # mymodel.py
  import numpy as np, lrcore as lrc

  def setup(lr):
      rng = np.random.default_rng(0)
      X, w = rng.standard_normal((500, 20)), np.zeros(20)
      opt = lrc.Adam(w, lr=lr)

      def step():                       # one batch, one update, its loss
          rows = rng.integers(500, size=32)
          error = X[rows] @ (w - 1)
          opt.step(X[rows].T @ error / 32)
          return error @ error / 64

      return lrc.Run(opt, step, rng)

  lrcore find mymodel:setup
  lrcore find lrcore.demo:digits --plot rates.png

exit codes: 0 with a suggestion, 1 if the curve does not support one, 2 after an
error
"""


def _arguments(parser: Parser) -> None:
    parser.epilog = _EPILOG
    add = parser.add_argument
    add("setup", metavar="MODULE:FUNCTION", help="what sets up a run")
    add("--start", type=rate, default=1e-7, metavar="RATE", help="the first (1e-7)")
    add("--end", type=rate, default=10.0, metavar="RATE", help="the last (10)")
    add("--num", type=whole(2, 10**5), default=100, metavar="N", help="how many (100)")
    files = ", ".join(figure.SUFFIXES)
    add("--plot", type=Path, metavar="FILE", help=f"draw losses and rates into a file ({files})")
    add(
        "--json",
        action="store_true",
        help="print everything found as JSON alone; what your program prints goes to stderr",
    )


def _run(options: argparse.Namespace) -> int:
    if not options.start < options.end:
        raise ValueError(f"--start {options.start:g} must be below --end {options.end:g}")
    if options.plot:
        figure.check(options.plot)
    with document(options.json, for_good=options.for_good) as answer:
        title, result = _found(options)
        if options.plot:
            figure.save(options.plot, title, result.plot)
            print(f"Figure: {options.plot}", file=sys.stderr)
        if options.json:
            answer(json.dumps(_data(result), indent=2))
        else:
            answer(_report(title, result, min(shutil.get_terminal_size().columns, 100)))
    return 0 if result.reliable else 1


def _found(options: argparse.Namespace) -> tuple[str, RangeResult]:
    """What is swept, and the result; whatever the user's program raises is told in one line."""
    try:
        setup = load_setup(options.setup)
        with np.errstate(all="ignore"):
            run = start(setup, options.start)
            result = range_test(
                run.opt, run.step, options.start, options.end, options.num, rng=run.rng
            )
    except (Exception, SystemExit) as error:
        raise ValueError(told(error)) from error
    return f"{options.setup}, {type(run.opt).__name__}", result


def _report(title: str, r: RangeResult, width: int) -> str:
    lines = [f"{title}: {r.lrs.size} rates", ""]
    if r.lrs.size:
        ends = f"{r.lrs[0]:.3g}", f"{r.lrs[-1]:.3g}"
        lines += [*charts.curve(r.smoothed, width, ends), ""]
    return "\n".join((*lines, str(r)))


def _data(r: RangeResult) -> dict[str, object]:
    data: dict[str, object] = {}
    for name, value in r._asdict().items():
        if isinstance(value, np.ndarray):
            value = value.tolist()
        data[name] = None if isinstance(value, float) and math.isnan(value) else value
    return data


COMMAND = Command("find a learning rate by a range test", _arguments, _run)
