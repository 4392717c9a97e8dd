"""`lrcore diagnose`: what the losses in a file say about the learning rate."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from ..finding.diagnosis import ENOUGH, LABELS, Diagnosis, diagnose
from ..logs.cells import number
from ..logs.columns import Choice, choose
from ..logs.files import read_log
from ..pictures import diagnosis, figure
from .parser import Command, Parser

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
with the column that was judged, the numbers behind it and a line of advice. It is a
heuristic, made for a rate that is constant or nearly so. Fewer than {ENOUGH} losses are
too few to tell, and called ok.

Training losses are wanted: validation losses rise for other reasons than the rate, such
as overfitting, and go to --validation (found by their name where the file has them,
losses of a test aside).
The training losses are the only column with "loss" in its name, or of several the one
for training as a whole; where that is not sure, an error lists the columns. Rows without
a value are left out, rows that stand newest first are reversed, a header that comes again
is skipped, and numbers may have decimal commas. Names win over places: --column 2 is the
second column unless one is called 2.

exit code: 0 for ok, 1 for any other answer, 2 after an error"""


def _arguments(parser: Parser) -> None:
    parser.epilog = _EPILOG
    add = parser.add_argument
    add(
        "file",
        metavar="FILE",
        help="a log: a table (comma, semicolon, tab, bar or blanks between cells), JSON, JSON "
        "lines, or printed text with `loss: 0.5` in its lines; - reads stdin",
    )
    add(
        "--column",
        metavar="NAME",
        help="which column holds the training losses: its name, or its place from 1 on if none is "
        "called so; default: what the names and numbers tell",
    )
    add(
        "--validation",
        metavar="NAME",
        help="which column holds the validation losses, likewise; none for none",
    )
    add("--start", type=_loss, metavar="LOSS", help="the loss before the first update")
    text = f"draw the curve into a file ({', '.join(figure.SUFFIXES)})"
    add("--plot", type=Path, metavar="FILE", help=text)
    add(
        "--json",
        action="store_true",
        help="print label, evidence, advice, and what was judged, as JSON instead",
    )


def _run(options: argparse.Namespace) -> int:
    if options.plot:
        figure.check(options.plot)
    judged = _choice(options)
    found = diagnose(judged.losses, validation=judged.validation, start=options.start)
    print(_document(found, judged) if options.json else _report(found, judged, options.file))
    if options.plot:
        _draw(found, judged, options.plot)
        print(f"Figure: {options.plot}", file=sys.stderr)
    return 0 if found.label == "ok" else 1


def _draw(found: Diagnosis, judged: Choice, path: Path) -> None:
    def draw(ax: Axes) -> None:
        diagnosis.draw(ax, judged.losses, found.evidence, judged.validation or ())

    figure.save(path, fill(f"{found.label}: {found.advice}", 90), draw, figsize=(8, 4.5))


def _choice(options: argparse.Namespace) -> Choice:
    name = options.file
    data = _stdin() if name == "-" else Path(name).read_bytes()
    try:
        return choose(read_log(data), options.column, options.validation)
    except ValueError as error:
        raise ValueError(f"{_place(name)}: {error}") from None


def _stdin() -> bytes:
    """Bytes, whose encoding is found as that of a file is."""
    stream = sys.stdin
    if stream is None:
        raise ValueError("stdin is closed: give the name of a file")
    return stream.buffer.read() if isinstance(stream, TextIOWrapper) else stream.read().encode()


def _place(name: str) -> str:
    return "stdin" if name == "-" else name


def _report(found: Diagnosis, judged: Choice, name: str) -> str:
    """The verdict, what it is about, and the rest."""
    verdict, *evidence = str(found).splitlines()
    text = f"judged: column {judged.name}, {_rows(judged.losses)} of {_place(name)}"
    without = judged.rows - len(judged.losses)
    text += f" ({without} without a value left out)" if without else ""
    if judged.validation is not None:
        text += f"; validation: column {judged.validation_name}, {_rows(judged.validation)}"
    text += "; reversed, since the newest stand first" if judged.reversed else ""
    return "\n".join([verdict, text, *evidence])


def _rows(losses: list[float]) -> str:
    return f"{len(losses)} row{'s' * (len(losses) != 1)}"


def _document(found: Diagnosis, judged: Choice) -> str:
    about = {
        "column": judged.name,
        "rows": len(judged.losses),
        "validation": judged.validation_name,
    }
    document = asdict(found) | about
    # JSON has no word for infinity
    document["evidence"] = {
        name: value if math.isfinite(value) else None for name, value in found.evidence.items()
    }
    return json.dumps(document, indent=2, allow_nan=False)


def _loss(text: str) -> float:
    value = number(text)
    if value is None or not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number with a decimal point")
    return value


COMMAND = Command("say what a loss curve shows of its rate", _arguments, _run)
