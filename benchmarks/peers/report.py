"""The tables and pictures of peers.py."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from contenders import CHECKED, CONTENDERS, LARGE, OURS, SHAPES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BASES = ("torch fused", "torch foreach", "NumPy, in place")  # ratios are to the first at hand

Times = dict[str, dict[str, dict[str, float]]]  # optimizer, size, contender: microseconds


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


def elements(size: str) -> int:
    return sum(map(math.prod, {**SHAPES, **LARGE}[size]))


def sheet(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def line(ax: Axes, label: str, at: Mapping[int, float]) -> None:
    """A contender, both axes logarithmic."""
    ours, limit = label in (OURS, CHECKED), label == "limit"
    ax.loglog(
        list(at),
        list(at.values()),
        ":" if limit else "o-" if ours else ".-",
        color="k" if limit else f"C{list(CONTENDERS).index(label)}",
        label=label.replace("`", ""),
        linewidth=2 if ours else 1,
    )


def figure(results: Times, path: str) -> None:
    """Nanoseconds an element against the number of elements."""
    rows = math.ceil(len(results) / 2)
    made = sheet(11, 4 * rows)
    axes = made.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    for ax, (name, columns) in zip(axes.flat, results.items(), strict=False):
        single = [size for size in sorted(columns, key=elements) if size.startswith("1x")]
        for label in CONTENDERS:
            at = {
                elements(size): 1000 * columns[size][label] / elements(size)
                for size in single
                if label in columns[size]
            }
            line(ax, label, at)
        ax.set_title(name)
        ax.grid(which="major", alpha=0.3)
    axes[0, 0].legend(fontsize=8)
    made.supxlabel("elements of one float32 array")
    made.supylabel("ns an element and step")
    made.savefig(path, dpi=80)


def scaling(results: Mapping[int, Times], path: str) -> None:
    """Nanoseconds an element against the number of threads, for each optimizer and size."""
    threads = sorted(results)
    names, sizes = list(results[threads[0]]), list(next(iter(results[threads[0]].values())))
    made = sheet(3 + 3.2 * len(sizes), 1.2 + 2.8 * len(names))  # 3 inches of legend
    axes = made.subplots(len(names), len(sizes), sharex=True, squeeze=False)
    for (i, name), (j, size) in product(enumerate(names), enumerate(sizes)):
        columns = {n: results[n][name][size] for n in threads}
        draw_threads(axes[i, j], columns, elements(size))
        axes[i, j].set_title(f"{name}, {size}", fontsize="medium")
    drawn = {line.get_label(): line for ax in axes.flat for line in ax.get_lines()}
    made.legend(handles=list(drawn.values()), fontsize=8, loc="outside right upper")
    made.supxlabel("threads")
    made.supylabel("ns an element and step")
    made.savefig(path, dpi=80)


def draw_threads(ax: Axes, columns: Mapping[int, Mapping[str, float]], n: int) -> None:
    """One size: its contenders, and what ours would take if every thread did its share."""
    for label in CONTENDERS:
        at = {k: 1000 * times[label] / n for k, times in columns.items() if label in times}
        if at:
            line(ax, label, at)
    first, times = next(iter(columns.items()))
    ideal = [1000 * times[OURS] / n * first / k for k in columns]
    ax.loglog(list(columns), ideal, ":", color="0.5", linewidth=0.7, label="ideal")
    ax.set_xticks(list(columns), map(str, columns))
    ax.minorticks_off()
    ax.grid(which="major", alpha=0.3)
