"""How fast a step is on this machine, beside the same rule by hand in plain NumPy."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..build import build_info
from ..reference import variants
from ..reference.plain import Plain
from ..reference.twin import Reference

# The shapes of a model: many small arrays, one large, and what is between.
MODELS: dict[str, list[tuple[int, ...]]] = {
    "1 x 1,000": [(1000,)],
    "100 x 64": [(64,)] * 100,
    "784-128-10": [(784, 128), (128,), (128, 10), (10,)],
    "1 x 1,000,000": [(1_000_000,)],
}
ROUND = 0.01  # seconds that a round of one contender is to take at least


class Row(NamedTuple):
    """Median microseconds of a step."""

    optimizer: str
    model: str
    lrcore: float
    reference: float
    plain: float


def rows(rounds: int = 5) -> Iterator[Row]:
    """A row for each rule and model: float32, contenders in turn, medians over rounds."""
    rng = np.random.default_rng(0)
    for cls, options in variants.by_rule().values():
        make: Any = cls
        given = ", ".join(f"{name}={value}" for name, value in options.items())
        for model, shapes in MODELS.items():
            params = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
            grads = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
            opt = make(params, **options)
            steps: list[Callable[[], Any]] = [
                partial(opt.step, grads),
                partial(Reference(opt).step, grads),
                partial(Plain(opt).step, grads, opt.lr),
            ]
            yield Row(f"{cls.__name__}({given})", model, *_in_turn(steps, rounds))


def _in_turn(steps: list[Callable[[], Any]], rounds: int) -> list[float]:
    """Median microseconds of each, one round after the other so that all see the same weather."""
    repeats = [max(1, int(ROUND / _seconds(step, 1))) for step in steps]
    taken: list[list[float]] = [[] for _ in steps]
    for _ in range(rounds):
        for step, times, n in zip(steps, taken, repeats, strict=True):
            times.append(_seconds(step, n) / n * 1e6)
    return [median(times) for times in taken]


def _seconds(step: Callable[[], Any], n: int) -> float:
    step()
    start = perf_counter()
    for _ in range(n):
        step()
    return perf_counter() - start


def conditions() -> str:
    """What the figures were taken on."""
    info = build_info()
    return (
        f"lrcore {info['version']} ({info['compiler']}, {info['isa']}, "
        f"{info['num_threads']} threads), NumPy {np.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}, float32"
    )


def report() -> Iterator[str]:
    """The table, a line at a time."""
    yield conditions()
    yield (
        f"{'optimizer':38} {'model':>13} {'lrcore us':>10} {'reference us':>13} "
        f"{'NumPy us':>10} {'ratio':>6}"
    )
    last = ""
    for row in rows():
        name = row.optimizer if row.optimizer != last else ""
        last = row.optimizer
        ratio = row.plain / row.lrcore
        yield (
            f"{name:38} {row.model:>13} {row.lrcore:10.2f} {row.reference:13.1f} "
            f"{row.plain:10.1f} {ratio:5.1f}x"
        )
