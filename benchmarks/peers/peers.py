"""lrcore beside other ways of making the same update, interleaved round by round in one process.

Prints a Markdown table for each optimizer: median microseconds a step, and in parentheses the
ratio to torch: its fused step, or foreach where it has none, or plain NumPy without torch. What
cannot be imported is left out. The row `limit` streams the same bytes through the same number of
arrays without arithmetic, on as many threads, in halves, thirds and so on of each array. It needs
a C compiler, and the plain loop in C one that has OpenMP. Last comes what is aimed at: the ratio
of the row `nonfinite="allow"`, since the others do not look at the gradients either, and what
looking adds to it. Several numbers of threads are measured in a process each.
Usage: python benchmarks/peers/peers.py [--large] [--threads N,...] [--runs N] [--figure FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from contenders import CONTENDERS, LARGE, OPTIMIZERS, SHAPES
from report import Times, conditions, figure, scaling, table
from targets import target_table
from timing import Step, medians

REST = 0.02  # seconds: a thread of OpenMP spins for up to 5 ms after a step


def microseconds(
    name: str, shapes: list[tuple[int, ...]], rounds: int, rest: float
) -> dict[str, float]:
    """The median time of a step for each contender at hand."""
    rng = np.random.default_rng(0)
    grads = [rng.standard_normal(shape, np.float32) for shape in shapes]
    steps: dict[str, Step] = {}
    for label, contender in CONTENDERS.items():
        params = [np.ones(shape, np.float32) for shape in shapes]
        if find_spec(contender.needs):
            with suppress(NotImplementedError, TypeError):  # TypeError: torch has it not fused
                steps[label] = contender.bind(name, OPTIMIZERS[name], params, grads)
    return {label: 1e6 * taken for label, taken in medians(steps, rounds, rest=rest).items()}


def measured(args: argparse.Namespace, threads: int) -> list[Times]:
    """All runs, in this process; tables are printed as they are found."""
    # read by the libraries when they are imported, which is later; NPROC by XLA
    for name in ("OMP_NUM_THREADS", "LRCORE_NUM_THREADS", "NPROC"):
        os.environ[name] = str(threads)
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    print("\n".join(f"- {line}" for line in conditions(threads)))
    shapes = {**SHAPES, **LARGE}
    rest = REST if threads > 1 else 0
    runs: list[Times] = []
    for _ in range(args.runs):
        runs.append({})
        for name in args.optimizers:
            runs[-1][name] = {
                s: microseconds(name, shapes[s], args.rounds, rest) for s in args.sizes
            }
            if len(runs) == 1:
                print("", *table(name, runs[0][name]), sep="\n", flush=True)
    print("", *target_table(threads, runs), sep="\n", flush=True)
    return runs


def elsewhere(args: argparse.Namespace, threads: int) -> list[Times]:
    """All runs, in a process of its own; if that fails, so does this one."""
    cores = os.cpu_count()
    print(f"\n## {threads} thread{'s' * (threads > 1)} on {cores} cores\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "times.json"
        given = {
            "--threads": threads,
            "--sizes": ",".join(args.sizes),
            "--optimizers": ",".join(args.optimizers),
            "--rounds": args.rounds,
            "--runs": args.runs,
            "--json": path,
        }
        words = [str(word) for pair in given.items() for word in pair]
        status = subprocess.run([sys.executable, __file__, *words]).returncode
        if status:
            sys.exit(status if status > 0 else 128 - status)  # as a shell tells of signals
        runs: list[Times] = json.loads(path.read_text())[str(threads)]
        return runs


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


def counts(text: str) -> list[int]:
    """The type of an argument that lists such numbers, each once."""
    return list(dict.fromkeys(map(count, text.split(","))))


def picture(text: str) -> str:
    """The type of an argument that names a figure to be written, found out before the work."""
    from lrcore.pictures import figure

    try:
        figure.check(Path(text))
    except (ImportError, OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def place(text: str) -> Path:
    """The type of an argument that names a file to be written, found out before the work."""
    path = Path(text)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text}: cannot be written to")
    return path


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    shapes = {**SHAPES, **LARGE}
    parser.add_argument("--large", action="store_true", help="also one array of 40M elements")
    parser.add_argument("--sizes", type=names_in(shapes), help="these alone, with commas between")
    parser.add_argument("--optimizers", type=names_in(OPTIMIZERS), default=list(OPTIMIZERS))
    parser.add_argument(
        "--threads",
        type=counts,
        default=[1],
        metavar="N,...",
        help="for every contender (default 1); several are measured one after the other",
    )
    parser.add_argument("--rounds", type=count, default=25)
    parser.add_argument("--runs", type=count, default=1, help="of everything; shown is the first")
    parser.add_argument(
        "--figure",
        type=picture,
        metavar="FILE",
        help="also draw ns an element against size, or against threads where several are given",
    )
    parser.add_argument(
        "--json",
        type=place,
        metavar="FILE",
        help="also write all times: by threads, a list of runs, by optimizer, size, contender",
    )
    args = parser.parse_args()
    args.sizes = args.sizes or [size for size in shapes if args.large or size not in LARGE]
    return args


def main() -> None:
    args = arguments()
    several = len(args.threads) > 1
    measure = elsewhere if several else measured
    results = {threads: measure(args, threads) for threads in args.threads}
    if args.json:
        args.json.write_text(json.dumps(results))
    if args.figure and several:
        scaling({threads: runs[0] for threads, runs in results.items()}, args.figure)
    elif args.figure:
        figure(results[args.threads[0]][0], args.figure)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell tells of an interrupt
