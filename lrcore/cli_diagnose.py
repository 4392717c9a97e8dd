"""`lrcore diagnose`: what the losses in a file say about the learning rate."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from . import plots, plots_diagnosis
from .cli_parser import Command, Parser
from .diagnosis import ENOUGH, LABELS, diagnose
from .suggestions import suggest

_EPILOG = f"""\
Write a line for each update or epoch, with the loss in a column of its own:

  with open("losses.csv", "w") as file:
      print("t,loss", file=file)
      for x, y in batches:
          loss, grads = loss_and_grads(params, x, y)
          opt.step(grads)
          print(opt.t, loss, sep=",", file=file)

  lrcore diagnose losses.csv
  python train.py | lrcore diagnose - --plot curve.png
  lrcore diagnose losses.csv >report.txt || echo look at report.txt

The answer is one of {", ".join(LABELS)},
with the numbers behind it and a line of advice. It is a heuristic, made for a rate that
is constant or nearly so. Fewer than {ENOUGH} losses are too few to tell, and called ok.

exit code: 0 for ok, 1 for any other answer, 2 after an error"""


def _arguments(parser: Parser) -> None:
    parser.epilog = _EPILOG
    add = parser.add_argument
    add(
        "file",
        metavar="FILE",
        help="comma-separated, with names in the first line or not; - reads stdin",
    )
    add(
        "--column",
        metavar="NAME",
        help="which one holds the losses; default: loss, or else the last",
    )
    text = f"draw the curve into a file ({', '.join(plots.SUFFIXES)})"
    add("--plot", type=Path, metavar="FILE", help=text)
    add("--json", action="store_true", help="print label, evidence and advice as JSON instead")


def _run(options: argparse.Namespace) -> int:
    if options.plot:
        plots.check(options.plot)
    losses = _losses(options.file, options.column)
    found = diagnose(losses)
    print(json.dumps(asdict(found), indent=2) if options.json else found)
    if options.plot:
        plots_diagnosis.save(losses, found, options.plot)
        print(f"Figure: {options.plot}", file=sys.stderr)
    return 0 if found.label == "ok" else 1


def _losses(name: str, column: str | None) -> list[float]:
    try:
        if name == "-":
            return _read(sys.stdin, column)
        with Path(name).open(newline="", encoding="utf-8-sig") as file:
            return _read(file, column)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{'stdin' if name == '-' else name}: {error}") from None


def _read(lines: Iterable[str], column: str | None) -> list[float]:
    """One column, without its empty cells."""
    reader = csv.reader(lines, skipinitialspace=True)
    place, losses = -1, []
    for row in filter(any, reader):
        if place < 0:
            names = [cell.strip(" #") for cell in row]
            place = _place(names, column)
            if column is not None or _number(names[place]) is None:
                continue
        cell = row[place].strip() if len(row) > place else ""
        loss = _number(cell or "0")
        if loss is None:
            raise ValueError(f"line {reader.line_num}: {cell!r:.80} is not a loss")
        losses += [loss] if cell else []
    if not losses:
        raise ValueError("there are no losses")
    return losses


def _place(names: list[str], column: str | None) -> int:
    """The index of the column: that which is asked for, or called loss, or the last."""
    if column is None:
        called = [k for k, name in enumerate(names) if name.lower() == "loss"]
        return called[0] if called else len(names) - 1
    if column not in names:
        raise ValueError(f"there is no column {column!r}; {suggest(column, names)}")
    return names.index(column)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


COMMAND = Command("say what a loss curve shows of its rate", _arguments, _run)
