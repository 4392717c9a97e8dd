"""lrcore beside other ways of making the same update, interleaved round by round in one process.

Prints a Markdown table for each optimizer: median microseconds a step, and in parentheses the
ratio to torch: its fused step, or foreach where it has none, or plain NumPy without torch. What
cannot be imported is left out. The row `limit` streams the same bytes through the same number of
arrays without arithmetic, on one thread; it needs a C compiler.
Usage: python benchmarks/peers.py [--large] [--threads N] [--figure FILE]
"""

from __future__ import annotations

import argparse
import ctypes
import math
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
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
    "RMSprop": {"lr": 1e-2},
    "Adadelta": {"lr": 1.0},
}
STATES = {"Adam": 2, "SGD": 1, "RMSprop": 1, "Adadelta": 2}  # arrays read and written beside p
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


def numpy_rmsprop(t: int, p: Array, g: Array, v: Array, u: Array, s: Array, lr: float) -> None:
    rho, eps = 0.99, 1e-8
    v *= rho
    np.multiply(g, g, out=s)
    s *= 1 - rho
    v += s
    np.sqrt(v, out=s)
    s += eps
    np.divide(g, s, out=s)
    s *= lr
    p -= s


def numpy_adadelta(t: int, p: Array, g: Array, v: Array, u: Array, s: Array, lr: float) -> None:
    rho, eps = 0.9, 1e-6
    v *= rho
    np.multiply(g, g, out=s)
    s *= 1 - rho
    v += s
    delta = np.add(u, eps)
    np.add(v, eps, out=s)
    delta /= s
    np.sqrt(delta, out=delta)
    delta *= g
    u *= rho
    np.multiply(delta, delta, out=s)
    s *= 1 - rho
    u += s
    delta *= lr
    p -= delta


NUMPY: dict[str, Callable[..., None]] = {
    "Adam": numpy_adam,
    "SGD": numpy_momentum,
    "RMSprop": numpy_rmsprop,
    "Adadelta": numpy_adadelta,
}


def numba_step(name: str, options: Mapping[str, float], params: Arrays, grads: Arrays) -> Step:
    """One fused loop, called for each array."""
    import numba

    if name != "Adam":
        raise NotImplementedError

    @numba.njit  # type: ignore[untyped-decorator]
    def adam(p: Array, g: Array, m: Array, v: Array, rate: float, eps: float) -> None:
        b1, g1, b2, g2 = np.float32(0.9), np.float32(0.1), np.float32(0.999), np.float32(0.001)
        for i in range(p.size):
            m[i] = b1 * m[i] + g1 * g[i]
            v[i] = b2 * v[i] + g2 * g[i] * g[i]
            p[i] -= rate * m[i] / (np.sqrt(v[i]) + eps)

    arrays = [
        (p.ravel(), g.ravel(), np.zeros(p.size, p.dtype), np.zeros(p.size, p.dtype))
        for p, g in zip(params, grads, strict=True)
    ]
    steps = iter(range(1, 1 << 62))

    def step() -> None:
        t = next(steps)
        root = (1 - 0.999**t) ** 0.5
        rate, eps = np.float32(options["lr"] * root / (1 - 0.9**t)), np.float32(1e-8 * root)
        for p, g, m, v in arrays:
            adam(p, g, m, v, rate, eps)

    return step


def optax_step(name: str, options: Mapping[str, float], params: Arrays, grads: Arrays) -> Step:
    """Compiled by XLA, parameters and state donated."""
    import jax
    import optax

    given = {"learning_rate" if key == "lr" else key: value for key, value in options.items()}
    rule = getattr(optax, name.lower())(**given)

    def update(p: Any, state: Any, g: Any) -> Any:
        updates, state = rule.update(g, state, p)
        return optax.apply_updates(p, updates), state

    compiled = jax.jit(update, donate_argnums=(0, 1))
    g = [jax.numpy.array(x) for x in grads]
    p = [jax.numpy.array(x) for x in params]
    kept = [p, rule.init(p)]

    def step() -> None:
        kept[:] = compiled(*kept, g)
        jax.block_until_ready(kept)

    return step


def deepspeed_step(name: str, options: Mapping[str, float], params: Arrays, grads: Arrays) -> Step:
    import torch
    from deepspeed.ops.adam import DeepSpeedCPUAdam

    if name != "Adam":
        raise NotImplementedError
    tensors = [torch.nn.Parameter(torch.from_numpy(p)) for p in params]
    for tensor, g in zip(tensors, grads, strict=True):
        tensor.grad = torch.from_numpy(g)
    step: Step = DeepSpeedCPUAdam(tensors, adamw_mode=False, **options).step
    return step


STREAM = """
#include <stdint.h>
#include <stddef.h>
void stream(size_t arrays, const size_t *n, uint32_t **p, uint32_t **g, uint32_t **s, int states)
{
    for (size_t k = 0; k < arrays; k++) {
        uint32_t *restrict pk = p[k], *restrict gk = g[k];
        uint32_t *restrict a = s[k], *restrict b = s[arrays + k];
        if (states == 1)
            for (size_t i = 0; i < n[k]; i++) {
                a[i] ^= gk[i];
                pk[i] ^= gk[i];
            }
        else
            for (size_t i = 0; i < n[k]; i++) {
                a[i] ^= gk[i];
                b[i] ^= gk[i];
                pk[i] ^= gk[i];
            }
    }
}
"""


@cache
def stream() -> Any:
    """The compiled loop of the limit."""
    compiler = shutil.which("cc")
    if not compiler:
        raise NotImplementedError
    folder = Path(tempfile.mkdtemp())
    (folder / "stream.c").write_text(STREAM)
    flags = ["-O3", "-march=native", "-shared", "-fPIC"]
    command = [compiler, *flags, str(folder / "stream.c"), "-o", str(folder / "stream.so")]
    subprocess.run(command, check=True)
    function = ctypes.CDLL(str(folder / "stream.so")).stream
    shutil.rmtree(folder)
    return function


def limit_step(name: str, options: Mapping[str, float], params: Arrays, grads: Arrays) -> Step:
    """The same bytes from and to memory, without arithmetic, on one thread."""
    function = stream()
    if int(os.environ["OMP_NUM_THREADS"]) != 1:
        raise NotImplementedError
    arrays = [params, grads, [np.zeros_like(p) for _ in range(2) for p in params]]
    sizes = (ctypes.c_size_t * len(params))(*(p.size for p in params))
    tables = [(ctypes.c_void_p * len(row))(*(a.ctypes.data for a in row)) for row in arrays]

    def step() -> None:
        function(ctypes.c_size_t(len(arrays[0])), sizes, *tables, STATES[name])

    return step


class Contender(NamedTuple):
    needs: str  # the package
    bind: Callable[[str, Mapping[str, float], Arrays, Arrays], Step]


CONTENDERS = {
    "lrcore": Contender("lrcore", lrcore_step),
    'lrcore, `nonfinite="allow"`': Contender("lrcore", partial(lrcore_step, nonfinite="allow")),
    "torch fused": Contender("torch", partial(torch_step, fused=True)),
    "torch foreach": Contender("torch", partial(torch_step, foreach=True)),
    "DeepSpeed CPUAdam": Contender("deepspeed", deepspeed_step),
    "optax, jit": Contender("optax", optax_step),
    "numba": Contender("numba", numba_step),
    "NumPy, in place": Contender("numpy", numpy_step),
    "limit": Contender("numpy", limit_step),
}
BASES = ("torch fused", "torch foreach", "NumPy, in place")  # ratios are to the first at hand


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
        cells = [cell(label, times) for times in columns.values()]
        if any(cells):
            yield f"| {label} | {' | '.join(cells)} |"


def cell(label: str, times: Mapping[str, float]) -> str:
    if label not in times:
        return ""
    us = times[label]
    base = next(times[label] for label in BASES if label in times)
    return f"{us:.3g} ({us / base:.3f})" if us < 1000 else f"{us:,.0f} ({us / base:.3f})"


def figure(results: Mapping[str, Mapping[str, Mapping[str, float]]], path: str) -> None:
    """Nanoseconds an element against the number of elements, both axes logarithmic."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(11, 8), layout="constrained")
    FigureCanvasAgg(sheet)
    axes = sheet.subplots(2, 2, sharex=True, sharey=True)
    sizes = {size: sum(map(math.prod, shapes)) for size, shapes in {**SHAPES, **LARGE}.items()}
    for ax, (name, columns) in zip(axes.flat, results.items(), strict=True):
        single = [size for size in sorted(columns, key=lambda x: sizes[x]) if size.startswith("1x")]
        for label in CONTENDERS:
            at = [size for size in single if label in columns[size]]
            style = {"lrcore": "o-", "limit": "k:"}.get(label, ".-")
            width = 2.5 if label == "lrcore" else 1
            if at:
                ns = [1000 * columns[size][label] / sizes[size] for size in at]
                n = [sizes[size] for size in at]
                ax.loglog(n, ns, style, label=label.replace("`", ""), linewidth=width)
        ax.set_title(name)
        ax.grid(which="major", alpha=0.3)
    axes[0, 0].legend(fontsize=8)
    sheet.supxlabel("elements of one float32 array")
    sheet.supylabel("ns an element and step")
    sheet.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--large", action="store_true", help="also one array of 40M elements")
    parser.add_argument("--threads", type=int, default=1, help="for every contender (default 1)")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--figure", metavar="FILE", help="also draw ns an element against size")
    args = parser.parse_args()
    # read by the libraries when they are imported, which is later
    os.environ["OMP_NUM_THREADS"] = os.environ["LRCORE_NUM_THREADS"] = str(args.threads)
    if args.threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    print("\n".join(f"- {line}" for line in conditions(args.threads)))
    results = {}
    for name in OPTIMIZERS:
        results[name] = {
            size: microseconds(name, shapes, args.rounds)
            for size, shapes in {**SHAPES, **(LARGE if args.large else {})}.items()
        }
        print("", *table(name, results[name]), sep="\n", flush=True)
    if args.figure:
        figure(results, args.figure)


if __name__ == "__main__":
    main()
