"""One step of SGD on more than 2**31 elements in a file, looked at on both sides of every border.

    OPENBLAS_NUM_THREADS=1 python tests/tools/huge.py                        2**31 + 17 elements
    OPENBLAS_NUM_THREADS=1 python tests/tools/huge.py --elements 4294967301

The parameters are a file of zeros, the gradient is another, both with holes; only the places that
are looked at hold numbers. A step writes every parameter, so the disk must have 4 bytes an element
to spare in --directory; of memory the system takes what it likes for the files. The exit code
says whether every place holds what NumPy computes for it, and its neighbours nothing.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import lrcore as lrc

Floats = NDArray[np.float32]
Places = NDArray[np.int64]
SPOTS = 10_000
RATE = 0.1
REACH = 40  # elements on each side of a border


def places(elements: int, rng: np.random.Generator) -> Places:
    """The ends, both sides of the powers of two from 2**28, and others at random."""
    borders = [0, *(1 << k for k in range(28, elements.bit_length())), elements]
    near = np.concatenate([np.arange(b - REACH, b + REACH) for b in borders])
    found = np.union1d(near[(near >= 0) & (near < elements)], rng.integers(0, elements, SPOTS))
    return found.astype(np.int64)


def zeros(path: Path, elements: int) -> Any:
    """A file of holes, in the address space."""
    return np.memmap(path, np.float32, "w+", shape=(elements,))


def mistakes(directory: Path, elements: int, threads: int | None) -> tuple[int, int, float]:
    """How many elements are wrong, of how many that were looked at; the seconds of the step."""
    rng = np.random.default_rng(elements)
    spots = places(elements, rng)
    start, slope = (rng.standard_normal(spots.size).astype(np.float32) for _ in range(2))
    p, g = zeros(directory / "p", elements), zeros(directory / "g", elements)
    p[spots], g[spots] = start, slope
    opt = lrc.SGD(p, lr=RATE, num_threads=threads)
    begin = time.perf_counter()
    opt.step(g)
    seconds = time.perf_counter() - begin
    expected: Floats = start - np.float32(RATE) * slope
    neighbours = np.setdiff1d(np.concatenate([spots - 1, spots + 1]), [*spots, -1, elements])
    wrong = np.count_nonzero(p[spots].view(np.uint32) != expected.view(np.uint32))
    wrong += np.count_nonzero(p[neighbours])
    return int(wrong), spots.size + neighbours.size, seconds


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--elements", type=int, default=2**31 + 17)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--directory", default=None, help="where the files go for the time")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=given.directory) as name:
        room, need = shutil.disk_usage(name).free, 4 * given.elements
        if room < need + 2**30:
            print(f"{name} has room for {room / 1e9:.1f} GB, a step writes {need / 1e9:.1f} GB")
            return 2
        wrong, looked_at, seconds = mistakes(Path(name), given.elements, given.threads)
    print(f"{given.elements} elements of float32, {need / 1e9:.1f} GB: a step took {seconds:.1f} s")
    print(f"{looked_at} elements looked at, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
