"""`lrcore schedule`: preview an expression, as text, data or a figure."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from textwrap import fill

from ..pictures import figure
from ..schedules.catalogue import Schedule
from ..schedules.from_text import EXAMPLE, METHODS, NAMES, parse
from ..schedules.gallery import gallery
from ..schedules.in_words import shown_run
from . import charts
from .parser import Command, Parser, whole


def _arguments(parser: Parser) -> None:
    parser.epilog = (
        f"EXPRESSION is what repr() of a schedule writes, for example\n"
        f'  "{EXAMPLE}"\n'
        f'  "StepDecay(0.1, every=30).per_epoch(390) * 0.5"\n\n'
        f"{fill('schedules: ' + ', '.join(NAMES), 78)}\n"
        f"{fill('operators: ' + ', '.join(METHODS) + ', * and +', 78)}\n"
        f"arguments: python -c 'import lrcore; help(lrcore.{NAMES[0]})'"
    )
    add = parser.add_argument
    add("expression", metavar="EXPRESSION", nargs="?", help="the schedule, in quotation marks")
    text = "updates to show; default: until nothing changes, or enough to see what it does"
    add("--steps", type=whole(1), metavar="N", help=text)
    files = ", ".join(figure.SUFFIXES)
    add("--plot", type=Path, metavar="FILE", help=f"draw it into a file ({files})")
    text = f"draw every schedule, and some combinations, into a file ({files})"
    add("--gallery", type=Path, metavar="FILE", help=text)
    output = parser.add_mutually_exclusive_group()
    for flag, text in {
        "table": "print rates at some 20 updates instead",
        "csv": "print every update with its rate instead",
        "json": "print it as data for lrcore.schedule_from_dict instead, whatever --steps",
    }.items():
        output.add_argument(f"--{flag}", action="store_true", help=text)


def _run(options: argparse.Namespace) -> None:
    for file in filter(None, (options.plot, options.gallery)):
        figure.check(file)
    if options.gallery:
        gallery().savefig(options.gallery)
        print(f"Figure: {options.gallery}", file=sys.stderr)
        if options.expression is None:
            return
    if options.expression is None:
        raise ValueError(f'lrcore schedule wants an EXPRESSION, for example "{EXAMPLE}"')
    schedule = parse(options.expression)
    steps = options.steps or shown_run(schedule)
    for line in _preview(schedule, steps, options):
        print(line)
    if options.plot:
        figure.save(options.plot, fill(repr(schedule), 80), partial(schedule.plot, steps))
        print(f"Figure: {options.plot}", file=sys.stderr)


def _preview(schedule: Schedule, steps: int, options: argparse.Namespace) -> Iterable[str]:
    if options.json:
        return [json.dumps(schedule.to_dict(), indent=2)]
    if options.csv:
        return charts.csv(schedule, steps)
    if options.table:
        return charts.table(schedule, steps)
    return charts.overview(schedule, steps, min(shutil.get_terminal_size().columns, 100))


COMMAND = Command("preview a schedule", _arguments, _run)
