"""One update: by rule, dtype and size, by rows, and beside plain NumPy."""

import itertools
import time
from typing import Any

import numpy as np

import lrcore
from lrcore._core import RULES
from lrcore.reference.plain import Plain
from lrcore.reference.twin import Reference

from .common import BY_RULE, DTYPE_NAMES, problem

SMALL = [64] * 100
LARGE = 1 << 22


class Step:
    params = [list(BY_RULE), DTYPE_NAMES, [64, 4096, 65536, 1048576]]
    param_names = ["rule", "dtype", "size"]

    def setup(self, rule: str, dtype: str, size: int) -> None:
        self.opt, self.grads = problem(rule, dtype, [size])

    def time_step(self, *_: Any) -> None:
        self.opt.step(self.grads)


class Threads:
    params = [list(BY_RULE), DTYPE_NAMES, [1, 2], [1 << 20, LARGE]]
    param_names = ["rule", "dtype", "threads", "size"]

    def setup(self, rule: str, dtype: str, threads: int, size: int) -> None:
        self.before = lrcore.get_num_threads()
        lrcore.set_num_threads(threads)
        self.opt, self.grads = problem(rule, dtype, [size])

    def teardown(self, *_: Any) -> None:
        lrcore.set_num_threads(self.before)

    def time_step(self, *_: Any) -> None:
        self.opt.step(self.grads)


class ManySmallArrays:
    params = [list(BY_RULE)]
    param_names = ["rule"]

    def setup(self, rule: str) -> None:
        self.opt, self.grads = problem(rule, "float32", SMALL)
        self.bound, grads = problem(rule, "float32", SMALL)
        self.bound.bind(grads)

    def time_step(self, *_: Any) -> None:
        self.opt.step(self.grads)

    def time_step_with_bound_gradients(self, *_: Any) -> None:
        self.bound.step()


class PlainNumPy:
    """The lines that one writes by hand, and the reference with lrcore's bits."""

    params = [list(BY_RULE), [4096, 1048576]]
    param_names = ["rule", "size"]

    def setup(self, rule: str, size: int) -> None:
        opt, self.grads = problem(rule, "float32", [size])
        self.plain, self.twin = Plain(opt), Reference(opt)

    def time_step(self, *_: Any) -> None:
        self.plain.step(self.grads, 1e-3)

    def time_reference(self, *_: Any) -> None:
        self.twin.step(self.grads)


class DecayedState:
    """State just above the smallest normal number, on its way to zero."""

    params = [list(BY_RULE), DTYPE_NAMES]
    param_names = ["rule", "dtype"]

    def setup(self, rule: str, dtype: str) -> None:
        self.opt, grads = problem(rule, dtype, [65536])
        self.grads = [np.zeros_like(g) for g in grads]
        for array in self.opt.state["0"].values():
            array[...] = 4 * np.finfo(dtype).tiny

    def time_step(self, *_: Any) -> None:
        self.opt.step(self.grads)


class Memory:
    params = [list(BY_RULE)]
    param_names = ["rule"]

    def setup(self, rule: str) -> None:
        self.opt, self.grads = problem(rule, "float32", [LARGE])

    def peakmem_step(self, *_: Any) -> None:
        self.opt.step(self.grads)

    def track_bandwidth(self, rule: str) -> float:
        seconds = []
        for _ in range(10):
            start = time.perf_counter()
            self.opt.step(self.grads)
            seconds.append(time.perf_counter() - start)
        # the parameter and its state are read and written, the gradient is read
        passes = 3 + 2 * len(RULES[rule].state)
        return passes * self.grads[0].nbytes / min(seconds) / 1e9

    track_bandwidth.unit = "GB/s"  # type: ignore[attr-defined]


class Rows:
    """Of 100,000 x 64: the dense step, and an update of some rows, others at each call."""

    params = [["SGD", "Adagrad", "Adam"], [0, 100, 1000, 10_000]]
    param_names = ["optimizer", "rows"]

    def setup(self, optimizer: str, rows: int) -> None:
        rng = np.random.default_rng(0)
        self.opt = getattr(lrcore, optimizer)(np.ones((100_000, 64), np.float32), num_threads=1)
        self.whole = np.ones((100_000, 64), np.float32)
        self.some = np.ones((rows, 64), np.float32)
        self.draws = itertools.cycle([rng.integers(0, 100_000, rows) for _ in range(50)])
        self.opt.step(self.whole)

    def time_step(self, optimizer: str, rows: int) -> None:
        if rows:
            self.opt.step_rows({"0": (next(self.draws), self.some)})
        else:
            self.opt.step(self.whole)
