"""`lrcore demo`: train a small network, show its results and the times of the updates."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from ..demo import datasets, training
from ..optimizers.catalogue import OPTIMIZERS
from ..pictures import figure
from ..pictures import training as pictures
from ..schedules.catalogue import SCHEDULES
from .parser import Command, Parser, one_of, rate, whole

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def _layers(text: str) -> tuple[int, ...]:
    return tuple(map(whole(1, 2**16), text.split(",")))


def _arguments(parser: Parser) -> None:
    default = training.Settings()

    def add(flag: str, metavar: str, convert: Callable[[str], object], text: str) -> None:
        value = getattr(default, flag, None)
        shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
        text += f"; default: {shown}" if value is not None else ""
        parser.add_argument(f"--{flag}", type=convert, default=value, metavar=metavar, help=text)

    optimizers, schedules = ", ".join(OPTIMIZERS), ", ".join(SCHEDULES)
    constant = ", ".join(name for name, cls in OPTIMIZERS.items() if not cls._anneals)
    add("optimizer", "NAME", one_of("optimizer", OPTIMIZERS), optimizers)
    add("schedule", "NAME", one_of("schedule", SCHEDULES), f"{schedules}; none acts on {constant}")
    add("lr", "RATE", rate, "highest rate; default: the optimizer's own")
    add("warmup", "N", whole(0), "updates with a rising rate at the start; default: 5 %% of all")
    add("epochs", "N", whole(1), "passes over the training rows")
    add("batch", "N", whole(1), "rows for each update")
    add("hidden", "N[,N...]", _layers, "units of each hidden layer")
    add("seed", "N", whole(0), "decides the split, the weights and the order of the rows")
    add("data", "FILE", Path, ".csv (label last) or .npz (X, y); default: handwritten digits")
    add("plot", "FILE", Path, f"write a figure of loss and rate ({', '.join(figure.SUFFIXES)})")


def _run(options: argparse.Namespace) -> None:
    if options.plot:
        figure.check(options.plot)
    console = _console()
    settings = training.Settings(
        **{f.name: getattr(options, f.name) for f in fields(training.Settings)}
    )
    data = datasets.load(options.data, settings.seed)
    with _progress() as watch:
        history = training.train(data, settings, watch)
    console.print(_results(data, settings, history), _times(history))
    first, last = history.loss[0], history.final_loss
    if last > first:
        console.print(f"The loss rose from {first:.4g} to {last:.4g}: try a lower --lr.")
    if options.plot:
        pictures.save(
            options.plot,
            f"{history.optimizer}, {history.schedule!r}",
            losses=history.loss,
            rates=history.rate,
            accuracies=history.accuracy,
            epoch=history.epoch_updates,
        )
        console.print(f"Figure: {options.plot}")


def _console(*, stderr: bool = False) -> Console:
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        raise ImportError("the demonstration needs rich: pip install 'lrcore[demo]'") from None
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)


@contextmanager
def _progress() -> Iterator[Callable[[training.History], None]]:
    """A bar on stderr, if that is a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("update {task.completed} of {task.total}"),
        BarColumn(bar_width=None),
        TextColumn("loss {task.fields[loss]:.4f}  rate {task.fields[rate]:.2e}"),
    )
    console = _console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, expand=True) as bar:

        def watch(history: training.History) -> None:
            loss, rate = history.loss[-1], history.rate[-1]
            if not bar.tasks:
                bar.add_task("", total=history.updates, loss=loss, rate=rate)
            bar.update(bar.task_ids[0], advance=1, loss=loss, rate=rate)

        yield watch


def _results(data: datasets.Data, settings: training.Settings, history: training.History) -> Table:
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


def _times(history: training.History) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        caption=(
            "Medians. lrcore: every update; the others on the same gradients at "
            f"{len(history.plain_times)} of them, apart from training. plain NumPy: the lines "
            "that one writes by hand; reference: lrcore.reference, which has lrcore's bits. "
            "Ratio: of plain NumPy to lrcore. Share: of gradient and step."
        ),
        caption_justify="left",
    )
    for title in ("", "microseconds per step", "share of training time"):
        table.add_column(title, justify="right" if title else "left", overflow="fold")
    for name, times in {
        "lrcore": history.step_times,
        "plain NumPy": history.plain_times,
        "reference": history.reference_times,
    }.items():
        table.add_row(name, f"{1e6 * median(times):.1f}", f"{history.share(times):.1%}")
    ratio = median(history.plain_times) / median(history.step_times)
    table.add_row("ratio", f"{ratio:.1f}", "")
    return table


COMMAND = Command("train a small network and time the updates", _arguments, _run)
