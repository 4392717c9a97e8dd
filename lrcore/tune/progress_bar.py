"""A bar on stderr while a search runs, if that is a terminal and rich is installed."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec


@contextmanager
def bar(total: int, wanted: bool) -> Iterator[Callable[[float, float], None]]:
    """A function to be told rate and score of every trial."""
    if not wanted or not sys.stderr.isatty() or find_spec("rich") is None:
        yield lambda lr, score: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("trial {task.completed} of {task.total}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[best]}"),
    )
    lowest = math.inf
    with Progress(*columns, console=Console(stderr=True), expand=True) as progress:
        task = progress.add_task("", total=total, best="")

        def tell(lr: float, score: float) -> None:
            nonlocal lowest
            better = score < lowest
            lowest = min(lowest, score)
            if better:
                progress.update(task, best=f"best {score:.4g} at rate {lr:.3g}")
            progress.advance(task)

        yield tell
