"""What bounds a step, and what its options add: call overhead, arithmetic, memory.

Each table compares medians of rounds that take turns in one process. The rows of the divider and
of the bytes alone need a C compiler.
Usage: python benchmarks/peers/bounds.py [TABLE...]
"""

from __future__ import annotations

import argparse
import ctypes
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from compiled import limit, limit_step
from contenders import OPTIMIZERS
from numpy.typing import NDArray
from timing import Step, medians

import lrcore as lrc
from lrcore._core import DTYPES
from lrcore.finding.monitor import EVERY
from lrcore.optimizers.base import Optimizer
from lrcore.reference import variants
from lrcore.schedules.catalogue import SCHEDULES

Array = NDArray[Any]
Cells = Sequence[object]


def nanoseconds(
    steps: dict[str, Step], rounds: int, before: Step | None = None
) -> dict[str, float]:
    rounds *= 10 if before else 1  # of single calls rather than of many
    return {label: 1e9 * taken for label, taken in medians(steps, rounds, before).items()}


def filled(n: int, dtype: str = "float32") -> Array:
    return np.full(n, 0.5, dtype)


def overhead(rounds: int) -> Iterator[Cells]:
    """Arrays of one element: nothing but the call."""
    yield "optimizer", "one array, ns", "100 arrays, ns each", "bound, ns each"
    for name, given in OPTIMIZERS.items():
        steps: dict[str, Step] = {}
        for arrays in (1, 100):
            grads = [filled(1) for _ in range(arrays)]
            opt = getattr(lrc, name)([filled(1) for _ in grads], nonfinite="allow", **given)
            steps[f"{arrays}"] = partial(opt.step, grads)
        bound = getattr(lrc, name)([filled(1) for _ in grads], nonfinite="allow", **given)
        bound.bind(grads)
        ns = nanoseconds({**steps, "bound": bound.step}, rounds)
        yield name, f"{ns['1']:.0f}", f"{ns['100'] / 100:.0f}", f"{ns['bound'] / 100:.0f}"


def options(rounds: int) -> Iterator[Cells]:
    """Adam on one array of 64: what an option adds to a step with a float rate."""
    yield "option", "adds, ns"
    plain: dict[str, Any] = {"lr": 1e-3, "nonfinite": "allow"}
    given: dict[str, dict[str, Any]] = {
        "": {},
        "the check of the gradients (default)": {"nonfinite": "raise"},
        "clip_norm=1, which checks too": {"clip_norm": 1.0},
        "clip_value=1": {"clip_value": 1.0},
        "controller=ReduceOnPlateau()": {"controller": lrc.ReduceOnPlateau()},
        "lr=a function": {"lr": lambda t: 1e-3},
    }
    for cls in SCHEDULES.values():
        given[f"lr={cls.__name__}"] = {"lr": cls.example(1e-3, 10**6)}
    given["lr=CosineAnnealing(...).warmup(100)"] = {
        "lr": lrc.CosineAnnealing(1e-3, steps=10**6).warmup(100)
    }
    steps: dict[str, Step] = {}
    g = filled(64)
    for label, more in given.items():
        opt = lrc.Adam(filled(64), **{**plain, **more})
        steps[label] = partial(opt.step, g)
    two = lrc.Adam([lrc.Group(filled(32)), lrc.Group(filled(32))], **plain)
    steps["two groups of 32"] = partial(two.step, [g[:32], g[32:]])
    ns = nanoseconds(steps, rounds)
    for label in list(ns)[1:]:
        yield label, f"{ns[label] - ns['']:+.0f}"


def arithmetic(rounds: int) -> Iterator[Cells]:
    """In cache: picoseconds an element, beside the divider and the bytes without arithmetic."""
    yield "rule", "10k", "100k", "1M"
    sizes = (10_000, 100_000, 1_000_000)
    rows: dict[str, list[str]] = {}
    for n in sizes:
        steps: dict[str, Step] = {}
        g = filled(n)
        for rule, (cls, given) in variants.by_rule().items():
            make: Any = cls
            opt = make(filled(n), **given, nonfinite="allow")
            steps[rule] = partial(opt.step, g)
        x, y = filled(n), filled(n)
        with suppress(NotImplementedError):  # without a C compiler
            at = ctypes.c_size_t(n), ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data)
            steps["one square root and one division"] = partial(limit().roots, *at)
            for name, rule in (("SGD", "momentum"), ("Adam", "adam")):
                moved = limit_step(name, OPTIMIZERS[name], [filled(n)], [g])
                steps[f"the bytes of {rule} alone"] = moved
        for label, ns in nanoseconds(steps, rounds).items():
            rows.setdefault(label, []).append(f"{1000 * ns / n:.0f}")
    yield from ((label, *cells) for label, cells in rows.items())


def fill_state(opt: Optimizer, values: Array) -> None:
    for array in opt.state["0"].values():
        array[...] = values


def decayed(rounds: int) -> Iterator[Cells]:
    """State that fades out, spread over the last six decades before the smallest normal
    number, with zero gradients: its time as a ratio to that of ordinary state."""
    yield "rule", *(dtype.name for dtype in DTYPES)
    n = 65_536
    rng = np.random.default_rng(0)
    for rule, (cls, given) in variants.by_rule().items():
        cells = []
        for dtype in DTYPES:
            make: Any = cls
            opts = [make(filled(n, dtype.name), **given, nonfinite="allow") for _ in range(2)]
            grads = [rng.standard_normal(n).astype(dtype), np.zeros(n, dtype)]
            for opt in opts:
                opt.step(grads[0])
            tiny = float(np.finfo(dtype).tiny)
            fading = (tiny * 10 ** rng.uniform(0, 6, n)).astype(dtype)

            steps: dict[str, Step] = {
                "ordinary": partial(opts[0].step, grads[0]),
                "fading": partial(opts[1].step, grads[1]),
            }
            ns = nanoseconds(steps, rounds, partial(fill_state, opts[1], fading))
            cells.append(f"{ns['fading'] / ns['ordinary']:.2f}")
        yield rule, *cells


def resident() -> int:
    """Bytes of the process that are in memory now; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def memory(_rounds: int) -> Iterator[Cells]:
    """What steps allocate after the first: 1000 steps of Adam on 1M elements."""
    yield "step", "peak of Python's allocations, bytes", "growth of the process, kB"
    n = 1_000_000
    ways: dict[str, dict[str, Any]] = {
        "step(grads)": {},
        "two threads": {"num_threads": 2},
        "clip_norm": {"clip_norm": 1.0},
        "a schedule": {"lr": lrc.CosineAnnealing(1e-3, steps=10**6).warmup(10)},
        "strided gradients": {},
    }
    for label, given in ways.items():
        opt = lrc.Adam(filled(n), **given)
        g = filled(2 * n)[::2] if label == "strided gradients" else filled(n)
        for _ in range(2):
            opt.step(g)
        before = resident()
        tracemalloc.start()
        held, _ = tracemalloc.get_traced_memory()
        for _ in range(1000):
            opt.step(g)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        yield label, peak - held, (resident() - before) // 1024


def alternating(rounds: int) -> Iterator[Cells]:
    """Adam after a product of two 512x512 matrices: one round is three of both."""
    yield "elements", "step on 1 thread, us", "on 2 threads, us", "both with product, ratio"
    a, b, out = np.ones((3, 512, 512), np.float32)
    for n in (100_000, 524_288, 1_000_000, 4_000_000):
        g = filled(n)
        opts = {k: lrc.Adam(filled(n), nonfinite="allow", num_threads=k) for k in (1, 2)}
        taken: dict[int, list[tuple[float, float]]] = {k: [] for k in opts}
        for _ in range(2 * rounds):
            for k, opt in opts.items():
                for _ in range(4):
                    start = time.perf_counter()
                    np.matmul(a, b, out=out)
                    middle = time.perf_counter()
                    opt.step(g)
                    end = time.perf_counter()
                    taken[k].append((end - middle, end - start))
                del taken[k][-4]  # the threads come from the other optimizer's turn
        step, both = (
            {k: statistics.median(pair[i] for pair in pairs) for k, pairs in taken.items()}
            for i in (0, 1)
        )
        us = [f"{1e6 * step[k]:.0f}" for k in opts]
        yield f"{n:,}", *us, f"{both[2] / both[1]:.2f}"


def monitored(rounds: int) -> Iterator[Cells]:
    """Updates from one observed pair to the next, with a Monitor over those without one."""
    yield "rule", "64", "100 x 64", "10k", "100k", "1M", "100k, every update observed"
    for name, given in OPTIMIZERS.items():
        ratios = []
        for n, arrays, every in (
            *((n, arrays, EVERY) for n, arrays in ((64, 1), (64, 100))),
            *((n, 1, EVERY) for n in (10_000, 100_000, 1_000_000)),
            (100_000, 1, 2),
        ):
            g = [filled(n) for _ in range(arrays)]
            steps: dict[str, Step] = {}
            monitors = []  # kept alive
            for label in ("off", "on"):
                opt = getattr(lrc, name)([filled(n) for _ in g], nonfinite="allow", **given)
                if label == "on":
                    monitors.append(lrc.Monitor(opt, every=every))
                steps[label] = partial(several, opt.step, g, EVERY)
            taken = medians(steps, min(rounds, 9))
            ratios.append(taken["on"] / taken["off"])
        yield name, *(f"{ratio:.2f}" for ratio in ratios)


def several(step: Callable[[Any], bool], g: list[Array], times: int) -> None:
    for _ in range(times):
        step(g)


TABLES: dict[str, Callable[[int], Iterator[Cells]]] = {
    "overhead": overhead,
    "options": options,
    "arithmetic": arithmetic,
    "decayed": decayed,
    "memory": memory,
    "monitored": monitored,
    "alternating": alternating,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--rounds", type=int, default=25)
    given = parser.parse_args()
    names = given.tables or list(TABLES)
    if unknown := set(names) - set(TABLES):
        parser.error(f"no table {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in names:
        lrc.set_num_threads(2 if name == "alternating" else 1)
        print(f"\n**{name}**: {' '.join((TABLES[name].__doc__ or '').split())}\n")
        for i, cells in enumerate(TABLES[name](given.rounds)):
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
            if i == 0:
                print("|---" * len(cells) + "|")


if __name__ == "__main__":
    main()
