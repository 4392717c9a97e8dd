"""An update of some rows beside the dense step of the same rule, and torch on sparse gradients.

Each call takes other rows, drawn at random. What is compared is the time of the calling thread on a
processor, so that a busy machine only shows in colder caches.
Usage: python benchmarks/peers/rows.py [--rows 1000] [--shape 100000 64] [--rounds 40]
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from timing import Step

import lrcore as lrc

THEIRS = {"SGD": "SGD", "Adagrad": "Adagrad", "Adam": "SparseAdam"}
Array = NDArray[Any]


def draws(shape: Sequence[int], count: int) -> Iterator[Array]:
    rng = np.random.default_rng(0)
    return itertools.cycle([rng.integers(0, shape[0], count) for _ in range(50)])


def ours(name: str, shape: Sequence[int], count: int) -> dict[str, Step]:
    rng = np.random.default_rng(1)
    opt = getattr(lrc, name)({"emb": rng.standard_normal(shape).astype(np.float32)})
    dense = {"emb": rng.standard_normal(shape).astype(np.float32)}
    some = rng.standard_normal((count, shape[1])).astype(np.float32)
    rows = draws(shape, count)
    return {
        "dense": lambda: opt.step(dense),
        "step_rows": lambda: opt.step_rows({"emb": (next(rows), some)}),
    }


def of_torch(name: str, shape: Sequence[int], count: int) -> dict[str, Step]:
    try:
        import torch
    except ModuleNotFoundError:
        return {}
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # that invariants of sparse tensors are not checked
    p = torch.nn.Parameter(torch.randn(*shape))
    opt = getattr(torch.optim, THEIRS[name])([p], lr=1e-3)
    some, rows = torch.randn(count, shape[1]), draws(shape, count)

    def step() -> None:
        p.grad = torch.sparse_coo_tensor(torch.from_numpy(next(rows))[None], some, p.shape)
        opt.step()

    return {f"torch {THEIRS[name]}, sparse": step}


def medians(steps: Mapping[str, Step], rounds: int) -> dict[str, float]:
    """Median seconds of steps that take turns: eight by rows for each dense one."""
    taken: dict[str, list[float]] = {label: [] for label in steps}
    for _ in range(rounds):
        for label, step in steps.items():
            for _ in range(1 if label == "dense" else 8):
                start = time.thread_time()
                step()
                taken[label].append(time.thread_time() - start)
    return {label: statistics.median(times) for label, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--shape", type=int, nargs=2, default=[100_000, 64])
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args()
    lrc.set_num_threads(1)
    print("| float32, one thread | us an update | dense takes |\n|---|---|---|")
    for name in THEIRS:
        steps = ours(name, given.shape, given.rows) | of_torch(name, given.shape, given.rows)
        taken = medians(steps, given.rounds)
        for label, seconds in taken.items():
            print(f"| {name}, {label} | {1e6 * seconds:,.0f} | {taken['dense'] / seconds:.1f} |")


if __name__ == "__main__":
    main()
