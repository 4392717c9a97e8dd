"""The contenders in C: a plain loop with OpenMP, and the bytes of our step without arithmetic."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from timing import Step

Array = NDArray[np.float32]
Arrays = list[Array]


def library(source: str, compiling: Sequence[str], linking: Sequence[str]) -> ctypes.CDLL:
    """A file of C beside this one, compiled for this machine."""
    compiler = shutil.which("cc")
    if not compiler:
        raise NotImplementedError("a C compiler called cc is needed")
    with tempfile.TemporaryDirectory() as folder:
        made = f"{folder}/{Path(source).stem}"
        path = str(Path(__file__).with_name(source))
        # Apart, because the linker would take -Ofast for a wish to flush denormal numbers to zero
        # in the whole process: gcc before 13 links crtfastmath.o to libraries too.
        for command in (
            [*compiling, "-march=native", "-fPIC", "-c", path, "-o", f"{made}.o"],
            [*linking, "-shared", f"{made}.o", "-lm", "-o", f"{made}.so"],
        ):
            subprocess.run([compiler, *command], check=True)
        return ctypes.CDLL(f"{made}.so")


@cache
def limit() -> ctypes.CDLL:
    return library("limit.c", ["-O3", "-fno-math-errno", "-pthread"], ["-pthread"])


@cache
def openmp() -> ctypes.CDLL | None:
    """None where the compiler, which says so itself, has no OpenMP."""
    try:
        return library("openmp.c", ["-Ofast", "-fopenmp"], ["-fopenmp"])
    except subprocess.CalledProcessError:
        return None


def sizes(arrays: Arrays) -> Any:
    return (ctypes.c_size_t * len(arrays))(*(array.size for array in arrays))


def pointers(arrays: Arrays) -> Any:
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))


def openmp_step(name: str, options: Mapping[str, float], params: Arrays, grads: Arrays) -> Step:
    """As somebody writes it by hand in C, and compiles it with all that makes it fast."""
    loops = openmp()
    if loops is None or name not in ("Adam", "SGD"):
        raise NotImplementedError
    first, second = ([np.zeros_like(p) for p in params] for _ in range(2))
    common = ctypes.c_size_t(len(params)), sizes(params), pointers(params), pointers(grads)
    moments = pointers(first), pointers(second)
    steps = iter(range(1, 1 << 62))

    def adam() -> None:
        t = next(steps)
        root = (1 - 0.999**t) ** 0.5
        rate, eps = options["lr"] * root / (1 - 0.9**t), 1e-8 * root
        loops.adam(*common, *moments, ctypes.c_float(rate), ctypes.c_float(eps))

    def momentum() -> None:
        coefficients = ctypes.c_float(options["lr"]), ctypes.c_float(options["momentum"])
        loops.momentum(*common, moments[0], *coefficients)

    step: Any = adam if name == "Adam" else momentum
    step.kept = params, grads, first, second  # what the pointers lead to
    bound: Step = step
    return bound


def limit_step(name: str, options: Mapping[str, float], params: Arrays, grads: Arrays) -> Step:
    """The bytes of our step from and to the same places, without arithmetic."""
    import lrcore

    state = getattr(lrcore, name)(params, **options).state
    return stream([list(arrays.values()) for arrays in state.values()], params, grads)


def stream(kept: list[list[Array]], params: Arrays, grads: Arrays) -> Step:
    """Reads and writes parameters and their state, of one or two arrays each; reads gradients."""
    function = limit().stream
    threads = int(os.environ["OMP_NUM_THREADS"])
    states = len(kept[0])
    if states not in (1, 2):
        raise NotImplementedError
    blocks = [arrays[k] for k in (0, states - 1) for arrays in kept]
    n, tables = sizes(params), [pointers(row) for row in (params, grads, blocks)]

    def step() -> None:
        function(ctypes.c_size_t(len(params)), n, *tables, states, threads)

    step.kept = params, grads, kept  # type: ignore[attr-defined]
    return step
