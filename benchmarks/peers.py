"""lrcore beside other ways of making the same update, interleaved round by round in one process.

Prints a Markdown table for each optimizer: median microseconds a step, and in parentheses the
ratio to torch's fused step (to plain NumPy where there is no torch).
Usage: python benchmarks/peers.py [--large]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Arrays = list[Array]
Step = Callable[[], object]

# Each optimizer under the name and with the options that it has in lrcore and in torch.
OPTIMIZERS: dict[str, dict[str, float]] = {
    "Adam": {"lr": 1e-3},
    "SGD": {"lr": 1e-2, "momentum": 0.9},
}
SHAPES: dict[str, list[tuple[int, ...]]] = {
    "1x100": [(100,)],
    "1x1000": [(1000,)],
    "MLP 784-128-10": [(784, 128), (128,), (128, 10), (10,)],
    "100x64": [(64,)] * 100,
    "60x128x128": [(128, 128)] * 60,
    "1x10M": [(10_000_000,)],
}
LARGE: dict[str, list[tuple[int, ...]]] = {"1x40M": [(40_000_000,)]}
SAMPLE = 2e-3  # seconds: shorter steps are repeated within a round


# --- contenders: bind an optimizer to parameters and gradients, and return its step ----------


def lrcore_step(
    name: str, options: Mapping[str, float], params: Arrays, grads: Arrays, **common: Any
) -> Step:
    import lrcore

    opt = getattr(lrcore, name)(params, **options, **common)
    return partial(opt.step, grads)


def torch_step(
    name: str, options: Mapping[str, float], params: Arrays, grads: Arrays, **how: bool
) -> Step:
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    tensors = [torch.from_numpy(p) for p in params]
    for tensor, g in zip(tensors, grads, strict=True):
        tensor.grad = torch.from_numpy(g)
    step: Step = getattr(torch.optim, name)(tensors, **options, **how).step
    return step


def numpy_step(name: str, options: Mapping[str, float], params: Arrays, grads: Arrays) -> Step:
    """As a careful user writes it: in place, one scratch array, scalars folded."""
    update = NUMPY[name]
    arrays = [
        (p, g, np.zeros_like(p), np.zeros_like(p), np.empty_like(p))
        for p, g in zip(params, grads, strict=True)
    ]
    steps = iter(range(1, 1 << 62))

    def step() -> None:
        t = next(steps)
        for p, g, m, v, scratch in arrays:
            update(t, p, g, m, v, scratch, **options)

    return step


def numpy_adam(t: int, p: Array, g: Array, m: Array, v: Array, s: Array, lr: float) -> None:
    beta1, beta2, eps = 0.9, 0.999, 1e-8
    root = (1 - beta2**t) ** 0.5
    m *= beta1
    np.multiply(g, 1 - beta1, out=s)
    m += s
    v *= beta2
    np.multiply(g, g, out=s)
    s *= 1 - beta2
    v += s
    np.sqrt(v, out=s)
    s += eps * root
    np.divide(m, s, out=s)
    s *= lr * root / (1 - beta1**t)
    p -= s


def numpy_momentum(
    t: int, p: Array, g: Array, b: Array, v: Array, s: Array, lr: float, momentum: float
) -> None:
    b *= momentum
    b += g
    np.multiply(b, lr, out=s)
    p -= s


NUMPY: dict[str, Callable[..., None]] = {"Adam": numpy_adam, "SGD": numpy_momentum}


class Contender(NamedTuple):
    needs: str  # the package
    bind: Callable[[str, Mapping[str, float], Arrays, Arrays], Step]


CONTENDERS = {
    "lrcore": Contender("lrcore", lrcore_step),
    'lrcore, `nonfinite="allow"`': Contender("lrcore", partial(lrcore_step, nonfinite="allow")),
    "torch fused": Contender("torch", partial(torch_step, fused=True)),
    "torch foreach": Contender("torch", partial(torch_step, foreach=True)),
    "NumPy, in place": Contender("numpy", numpy_step),
}


# --- measuring -------------------------------------------------------------------------------


def microseconds(name: str, shapes: list[tuple[int, ...]], rounds: int) -> dict[str, float]:
    """The median time of a step for each contender at hand."""
    rng = np.random.default_rng(0)
    grads = [rng.standard_normal(shape, np.float32) for shape in shapes]
    steps = {
        label: contender.bind(
            name, OPTIMIZERS[name], [np.ones(shape, np.float32) for shape in shapes], grads
        )
        for label, contender in CONTENDERS.items()
        if find_spec(contender.needs)
    }
    repeats = {label: calibrate(step) for label, step in steps.items()}
    times: dict[str, list[float]] = {label: [] for label in steps}
    for _ in range(rounds):
        for label, step in steps.items():
            times[label].append(seconds(step, repeats[label]) / repeats[label])
    return {label: 1e6 * statistics.median(samples) for label, samples in times.items()}


def seconds(step: Step, repeat: int) -> float:
    start = time.perf_counter()
    for _ in range(repeat):
        step()
    return time.perf_counter() - start


def calibrate(step: Step) -> int:
    """How often to repeat a step in one round, after warming it up."""
    step()
    return max(1, round(SAMPLE / min(seconds(step, 1) for _ in range(3))))


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
    yield f"| {name}, us a step | {' | '.join(columns)} |"
    yield "|---" * (1 + len(columns)) + "|"
    for label in CONTENDERS:
        cells = [cell(label, times) for times in columns.values() if label in times]
        if cells:
            yield f"| {label} | {' | '.join(cells)} |"


def cell(label: str, times: Mapping[str, float]) -> str:
    us = times[label]
    base = times.get("torch fused", times["NumPy, in place"])
    return f"{us:.3g} ({us / base:.3f})" if us < 1000 else f"{us:,.0f} ({us / base:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--large", action="store_true", help="also one array of 40M elements")
    parser.add_argument("--threads", type=int, default=1, help="for every contender (default 1)")
    parser.add_argument("--rounds", type=int, default=25)
    args = parser.parse_args()
    # read by the libraries when they are imported, which is later
    os.environ["OMP_NUM_THREADS"] = os.environ["LRCORE_NUM_THREADS"] = str(args.threads)
    print("\n".join(f"- {line}" for line in conditions(args.threads)))
    for name in OPTIMIZERS:
        columns = {
            size: microseconds(name, shapes, args.rounds)
            for size, shapes in {**SHAPES, **(LARGE if args.large else {})}.items()
        }
        print("", *table(name, columns), sep="\n")


if __name__ == "__main__":
    main()
