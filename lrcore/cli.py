"""The command `lrcore`: one function and one row of `COMMANDS` for each subcommand."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from statistics import median
from textwrap import fill
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np

from . import __version__, bench, build_info, datasets, demo, plots, preview
from .describe import shown_run
from .expressions import EXAMPLE, METHODS, NAMES, parse
from .optimizers import OPTIMIZERS
from .schedules import SCHEDULES, Schedule
from .suggestions import suggest

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

ERRORS = (ValueError, OSError, ImportError, FloatingPointError, MemoryError)


class Parser(argparse.ArgumentParser):
    """Raises a `ValueError` of one line where argparse would print its usage and exit."""

    def __init__(self, prog: str, description: str, epilog: str | None = None) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Called by argparse for what it does not accept."""
        raise ValueError(message)

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """As `parse_args`; an unknown flag gets a suggestion."""
        options, unknown = self.parse_known_args(words)
        if unknown:
            flag = unknown[0].partition("=")[0]
            hint = suggest(flag, re.findall(r"--[\w-]+", self.format_help()))
            raise ValueError(f"{self.prog} has no argument {flag!r}; {hint}")
        return options


def _one_of(kind: str, names: Iterable[str]) -> Callable[[str], str]:
    known = {name.lower(): name for name in names}

    def find(text: str) -> str:
        if text.lower() not in known:
            hint = suggest(text, known.values())
            raise argparse.ArgumentTypeError(f"there is no {kind} {text!r}; {hint}")
        return known[text.lower()]

    return find


def _whole(low: int, high: int = 10**9) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or not low <= int(text) <= high:
            message = f"{text!r} is not a whole number from {low} to {high}"
            raise argparse.ArgumentTypeError(message)
        return int(text)

    return convert


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number above 0")
    return rate


def _layers(text: str) -> tuple[int, ...]:
    return tuple(map(_whole(1, 2**16), text.split(",")))


def _demo_arguments(parser: Parser) -> None:
    default = demo.Settings()

    def add(flag: str, metavar: str, convert: Callable[[str], object], text: str) -> None:
        value = getattr(default, flag, None)
        shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
        text += f"; default: {shown}" if value is not None else ""
        parser.add_argument(f"--{flag}", type=convert, default=value, metavar=metavar, help=text)

    optimizers, schedules = ", ".join(OPTIMIZERS), ", ".join(SCHEDULES)
    add("optimizer", "NAME", _one_of("optimizer", OPTIMIZERS), optimizers)
    add("schedule", "NAME", _one_of("schedule", SCHEDULES), schedules)
    add("lr", "RATE", _rate, "highest rate; default: the optimizer's own")
    add("warmup", "N", _whole(0), "updates with a rising rate at the start; default: 5 %% of all")
    add("epochs", "N", _whole(1), "passes over the training rows")
    add("batch", "N", _whole(1), "rows for each update")
    add("hidden", "N[,N...]", _layers, "units of each hidden layer")
    add("seed", "N", _whole(0), "decides the split, the weights and the order of the rows")
    add("data", "FILE", Path, ".csv (label last) or .npz (X, y); default: handwritten digits")
    add("plot", "FILE", Path, f"write a figure of loss and rate ({', '.join(plots.SUFFIXES)})")


def _demo(options: argparse.Namespace) -> None:
    if options.plot:
        plots.check(options.plot)
    console = _console()
    settings = demo.Settings(**{f.name: getattr(options, f.name) for f in fields(demo.Settings)})
    data = datasets.load(options.data, settings.seed)
    with _progress() as watch:
        history = demo.train(data, settings, watch)
    console.print(_results(data, settings, history), _times(history))
    first, last = history.loss[0], history.final_loss
    if last > first:
        console.print(f"The loss rose from {first:.4g} to {last:.4g}: try a lower --lr.")
    if options.plot:
        plots.training(history, options.plot)
        console.print(f"Figure: {options.plot}")


def _console(*, stderr: bool = False) -> Console:
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        raise ImportError("the demonstration needs rich: pip install 'lrcore[demo]'") from None
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)


@contextmanager
def _progress() -> Iterator[Callable[[demo.History], None]]:
    """A bar on stderr, if that is a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("update {task.completed} of {task.total}"),
        BarColumn(bar_width=None),
        TextColumn("loss {task.fields[loss]:.4f}  rate {task.fields[rate]:.2e}"),
    )
    console = _console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, expand=True) as bar:

        def watch(history: demo.History) -> None:
            loss, rate = history.loss[-1], history.rate[-1]
            if not bar.tasks:
                bar.add_task("", total=history.updates, loss=loss, rate=rate)
            bar.update(bar.task_ids[0], advance=1, loss=loss, rate=rate)

        yield watch


def _results(data: datasets.Data, settings: demo.Settings, history: demo.History) -> Table:
    from rich.table import Table

    rows, features = data.X_train.shape
    tests, right = len(data.y_test), round(history.accuracy[-1] * len(data.y_test))
    sizes = "-".join(map(str, (features, *settings.hidden, len(data.classes))))
    parameters = sum(array.size for array in history.params.values())
    seconds = sum(history.gradient_times) + sum(history.step_times)
    table = Table.grid(padding=(0, 2))
    for name, text in {
        "data": f"{data.name}: {rows} training rows, {tests} test rows",
        "network": f"{sizes}: {parameters} parameters in {len(history.params)} arrays",
        "optimizer": history.optimizer,
        "schedule": repr(history.schedule),
        "updates": f"{history.updates} (epochs: {settings.epochs}, batch: {settings.batch})",
        "training time": f"{seconds:.2f} s",
        "training loss": f"{history.final_loss:.4g} (mean of the last epoch)",
        "test accuracy": f"{history.accuracy[-1]:.2%} ({right} of {tests})",
        "last rate": f"{history.rate[-1]:.3g}",
    }.items():
        table.add_row(name, text)
    return table


def _times(history: demo.History) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        caption=(
            "Medians. lrcore: every update; NumPy: lrcore.reference, the same rule to the same "
            f"bits, on the same gradients at {len(history.plain_times)} of them, apart from "
            "training. Share: of gradient and step."
        ),
        caption_justify="left",
    )
    for title in ("", "microseconds per step", "share of training time"):
        table.add_column(title, justify="right" if title else "left", overflow="fold")
    for name, times in {"lrcore": history.step_times, "plain NumPy": history.plain_times}.items():
        table.add_row(name, f"{1e6 * median(times):.1f}", f"{history.share(times):.1%}")
    ratio = median(history.plain_times) / median(history.step_times)
    table.add_row("ratio", f"{ratio:.1f}", "")
    return table


def _schedule_arguments(parser: Parser) -> None:
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
    add("--steps", type=_whole(1), metavar="N", help=text)
    files = ", ".join(plots.SUFFIXES)
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


def _schedule(options: argparse.Namespace) -> None:
    for file in filter(None, (options.plot, options.gallery)):
        plots.check(file)
    if options.gallery:
        plots.gallery().savefig(options.gallery)
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
        plots.save_schedule(schedule, steps, options.plot)
        print(f"Figure: {options.plot}", file=sys.stderr)


def _preview(schedule: Schedule, steps: int, options: argparse.Namespace) -> Iterable[str]:
    if options.json:
        return [json.dumps(schedule.to_dict(), indent=2)]
    if options.csv:
        return preview.csv(schedule, steps)
    if options.table:
        return preview.table(schedule, steps)
    return preview.overview(schedule, steps, min(shutil.get_terminal_size().columns, 100))


def _info(options: argparse.Namespace) -> None:
    facts = {
        **build_info(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "optimizers": tuple(OPTIMIZERS),
        "schedules": tuple(SCHEDULES),
    }
    for name, value in facts.items():
        print(f"{name:12}", ", ".join(value) if isinstance(value, tuple) else value)


def _bench(options: argparse.Namespace) -> None:
    del options
    for line in bench.report():
        print(line, flush=True)


class Command(NamedTuple):
    """A subcommand: what it is for, its flags, and what it does."""

    summary: str
    arguments: Callable[[Parser], None]
    run: Callable[[argparse.Namespace], None]


COMMANDS = {
    "demo": Command("train a small network and time the updates", _demo_arguments, _demo),
    "schedule": Command("preview a schedule", _schedule_arguments, _schedule),
    "bench": Command("time every rule beside plain NumPy, here", lambda parser: None, _bench),
    "info": Command("what this build is and what it offers", lambda parser: None, _info),
}


def _run(words: Sequence[str]) -> None:
    commands = "\n".join(f"  {name:10}{command.summary}" for name, command in COMMANDS.items())
    top = Parser("lrcore", "Optimizer steps and learning-rate schedules.", f"commands:\n{commands}")
    top.add_argument("--version", action="version", version=f"lrcore {__version__}")
    top.add_argument("command", type=_one_of("command", COMMANDS), nargs="?")
    top.add_argument("arguments", nargs=argparse.REMAINDER)
    chosen = top.parse(words)
    if chosen.command is None:
        top.print_help()
        return
    command = COMMANDS[chosen.command]
    parser = Parser(f"lrcore {chosen.command}", command.summary)
    command.arguments(parser)
    command.run(parser.parse(chosen.arguments))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the program's name, by default those of this process.

    Returns
    -------
    int
        0, or 2 after an error (one line on stderr), 130 after Ctrl-C, 141 if the reader of the
        output has gone.
    """
    try:
        try:
            _run(sys.argv[1:] if argv is None else argv)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("lrcore: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the interpreter flushes once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except ERRORS as error:
        print(f"lrcore: error: {_one_line(error)}", file=sys.stderr)
        return 2
    return 0


def _one_line(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        text = f"not enough memory. {text}"
    return " ".join(text.split())
