"""lrcore beside other ways of making the same update, interleaved round by round in one process.

Prints a Markdown table for each optimizer: median microseconds a step, and in parentheses the
ratio to torch: its fused step, or foreach where it has none, or plain NumPy without torch. What
cannot be imported is left out. The row `limit` streams the same bytes through the same number of
arrays without arithmetic, on as many threads; it needs a C compiler. Last comes what is aimed at:
the ratio of the row `nonfinite="allow"`, since the others do not look at the gradients either.
Usage: python benchmarks/peers/peers.py [--large] [--threads N] [--runs N] [--figure FILE]
"""

from __future__ import annotations

import argparse
import math
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from contenders import CONTENDERS, OPTIMIZERS, OURS
from timing import Step, medians

SHAPES: dict[str, list[tuple[int, ...]]] = {
    "1x100": [(100,)],
    "1x1000": [(1000,)],
    "1x10k": [(10_000,)],
    "1x100k": [(100_000,)],
    "1x1M": [(1_000_000,)],
    "MLP 784-128-10": [(784, 128), (128,), (128, 10), (10,)],
    "100x64": [(64,)] * 100,
    "60x128x128": [(128, 128)] * 60,
    "1x10M": [(10_000_000,)],
}
LARGE: dict[str, list[tuple[int, ...]]] = {"1x40M": [(40_000_000,)]}
BASES = ("torch fused", "torch foreach", "NumPy, in place")  # ratios are to the first at hand

Times = dict[str, dict[str, dict[str, float]]]  # optimizer, size, contender: microseconds


# --- what is aimed at ------------------------------------------------------------------------


class Target(NamedTuple):
    optimizer: str
    size: str
    base: str  # a contender, or what fastest() looks for
    most: float  # ratio


FASTEST = "the fastest other"
FUSED = {  # by threads and optimizer: ratios to torch fused
    (1, "Adam"): {
        "1x1000": 0.035,
        "MLP 784-128-10": 0.40,
        "100x64": 0.03,
        "60x128x128": 0.70,
        "1x10M": 0.90,
        "1x40M": 0.93,
    },
    (1, "SGD"): dict.fromkeys([*SHAPES, *LARGE], 1.0) | {"1x1000": 0.05, "100x64": 0.03},
    (2, "Adam"): {"1x10M": 0.86, "1x40M": 0.94},
}
OF_THE_LIMIT = 0.96


def targets(threads: int) -> Iterator[Target]:
    for (n, optimizer), sizes in FUSED.items():
        if n == threads:
            yield from (Target(optimizer, s, "torch fused", most) for s, most in sizes.items())
    if threads == 2:
        yield from (Target("Adam", s, FASTEST, 1.0) for s in ("MLP 784-128-10", "60x128x128"))
    yield from (Target("Adam", s, "limit", 1 / OF_THE_LIMIT) for s in ("1x10M", "1x40M"))
    if threads == 1:
        for optimizer in ("RMSprop", "Adadelta"):
            for size in [*SHAPES, *LARGE]:
                yield Target(optimizer, size, "torch foreach", 1 / 3)
                yield Target(optimizer, size, "NumPy, in place", 1 / 3)


def against(target: Target, times: Times) -> float | None:
    """The ratio that a target limits, if it was measured."""
    row = times.get(target.optimizer, {}).get(target.size, {})
    others = {k: v for k, v in row.items() if not k.startswith("lrcore") and k != "limit"}
    if target.base == FASTEST and others:
        return row[OURS] / min(others.values())
    return row[OURS] / row[target.base] if target.base in row else None


def target_table(threads: int, runs: list[Times]) -> Iterator[str]:
    yield "| optimizer | size | compared with | at most | first run | worst run | reached |"
    yield "|---|---|---|---|---|---|---|"
    for target in targets(threads):
        found = [ratio for times in runs if (ratio := against(target, times)) is not None]
        if found:
            good = sum(ratio <= target.most for ratio in found)
            yield (
                f"| {target.optimizer} | {target.size} | {target.base} | {target.most:.3f} "
                f"| {found[0]:.3f} | {max(found):.3f} | {good} of {len(found)} |"
            )


# --- measuring -------------------------------------------------------------------------------


def microseconds(name: str, shapes: list[tuple[int, ...]], rounds: int) -> dict[str, float]:
    """The median time of a step for each contender at hand."""
    rng = np.random.default_rng(0)
    grads = [rng.standard_normal(shape, np.float32) for shape in shapes]
    steps: dict[str, Step] = {}
    for label, contender in CONTENDERS.items():
        params = [np.ones(shape, np.float32) for shape in shapes]
        if find_spec(contender.needs):
            with suppress(NotImplementedError, TypeError):  # TypeError: torch has it not fused
                steps[label] = contender.bind(name, OPTIMIZERS[name], params, grads)
    return {label: 1e6 * taken for label, taken in medians(steps, rounds).items()}


# --- the report ------------------------------------------------------------------------------


def conditions(threads: int) -> Iterator[str]:
    import lrcore

    info = lrcore.build_info()
    cpus = [line for line in read("/proc/cpuinfo").splitlines() if line.startswith("model name")]
    model = cpus[0].split(":")[1].strip() if cpus else platform.processor()
    yield f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {threads} thread(s)"
    yield f"{platform.system()} {platform.machine()}, {info['compiler']}, {info['isa']}"
    yield ", ".join(f"{package} {found}" for package, found in versions())


def read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def versions() -> Iterator[tuple[str, str]]:
    yield "Python", platform.python_version()
    for package in dict.fromkeys(contender.needs for contender in CONTENDERS.values()):
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, "missing"


def table(name: str, columns: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    bases = {base(times) for times in columns.values()}
    yield f"| {name}, us a step (ratio to {' or '.join(bases)}) | {' | '.join(columns)} |"
    yield "|---" * (1 + len(columns)) + "|"
    for label in CONTENDERS:
        cells = [cell(label, times) for times in columns.values()]
        if any(cells):
            yield f"| {label} | {' | '.join(cells)} |"


def cell(label: str, times: Mapping[str, float]) -> str:
    if label not in times:
        return ""
    us = times[label]
    ratio = us / times[base(times)]
    return f"{us:.3g} ({ratio:.3f})" if us < 1000 else f"{us:,.0f} ({ratio:.3f})"


def base(times: Mapping[str, float]) -> str:
    """The contender to which ratios are."""
    return next(label for label in BASES if label in times)


def figure(results: Times, path: str) -> None:
    """Nanoseconds an element against the number of elements, both axes logarithmic."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(11, 8), layout="constrained")
    FigureCanvasAgg(sheet)
    axes = sheet.subplots(2, 2, sharex=True, sharey=True)
    sizes = {size: sum(map(math.prod, shapes)) for size, shapes in {**SHAPES, **LARGE}.items()}
    for ax, (name, columns) in zip(axes.flat, results.items(), strict=False):
        single = [size for size in sorted(columns, key=lambda x: sizes[x]) if size.startswith("1x")]
        for i, label in enumerate(CONTENDERS):
            at = [size for size in single if label in columns[size]]
            n = [sizes[size] for size in at]
            ns = [1000 * columns[size][label] / sizes[size] for size in at]
            ours, limit = label.startswith("lrcore"), label == "limit"
            ax.loglog(
                n,
                ns,
                ":" if limit else "o-" if ours else ".-",
                color="k" if limit else f"C{i}",
                label=label.replace("`", ""),
                linewidth=2 if ours else 1,
            )
        ax.set_title(name)
        ax.grid(which="major", alpha=0.3)
    axes[0, 0].legend(fontsize=8)
    sheet.supxlabel("elements of one float32 array")
    sheet.supylabel("ns an element and step")
    sheet.savefig(path, dpi=80)


def names_in(table: Mapping[str, object]) -> Callable[[str], list[str]]:
    """The type of an argument that lists some of these names."""

    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := ", ".join(sorted(set(names) - set(table))):
            raise argparse.ArgumentTypeError(f"no {unknown}; there are {', '.join(table)}")
        return names

    return parse


def count(text: str) -> int:
    """The type of an argument from 1 to 256."""
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"must be an integer in [1, 256], got {text!r}")
    return int(text)


def picture(text: str) -> str:
    """The type of an argument that names a figure to be written, found out before the work."""
    from lrcore.pictures import figure

    try:
        figure.check(Path(text))
    except (ImportError, OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--large", action="store_true", help="also one array of 40M elements")
    parser.add_argument(
        "--sizes", type=names_in({**SHAPES, **LARGE}), help="these alone, with commas between"
    )
    parser.add_argument("--optimizers", type=names_in(OPTIMIZERS), default=list(OPTIMIZERS))
    parser.add_argument("--threads", type=count, default=1, help="for every contender (default 1)")
    parser.add_argument("--rounds", type=count, default=25)
    parser.add_argument("--runs", type=count, default=1, help="of everything; shown is the first")
    parser.add_argument(
        "--figure", type=picture, metavar="FILE", help="also draw ns an element against size"
    )
    return parser.parse_args()


def main() -> None:
    args = arguments()
    # read by the libraries when they are imported, which is later
    os.environ["OMP_NUM_THREADS"] = os.environ["LRCORE_NUM_THREADS"] = str(args.threads)
    if args.threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    print("\n".join(f"- {line}" for line in conditions(args.threads)))
    shapes = {**SHAPES, **LARGE}
    sizes = args.sizes or [size for size in shapes if args.large or size not in LARGE]
    runs: list[Times] = []
    for _ in range(args.runs):
        runs.append({})
        for name in args.optimizers:
            runs[-1][name] = {s: microseconds(name, shapes[s], args.rounds) for s in sizes}
            if len(runs) == 1:
                print("", *table(name, runs[0][name]), sep="\n", flush=True)
    print("", *target_table(args.threads, runs), sep="\n")
    if args.figure:
        figure(runs[0], args.figure)


if __name__ == "__main__":
    main()
