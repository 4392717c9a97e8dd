"""The contenders of peers.py: each binds an optimizer to arrays and returns its step.

An optimizer is known by the name and options that it has in lrcore and in torch. A contender
raises NotImplementedError, or the library's TypeError, for an optimizer that it does not have.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from compiled import Array, Arrays, limit_step, openmp_step
from timing import Step

# Each optimizer under the name and with the options that it has in lrcore and in torch.
OPTIMIZERS: dict[str, dict[str, float]] = {
    "Adam": {"lr": 1e-3},
    "SGD": {"lr": 1e-2, "momentum": 0.9},
    "RMSprop": {"lr": 1e-2},
    "Adadelta": {"lr": 1.0},
}
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
    known = {**vars(optax.contrib), **vars(optax)}
    rule = known[name.lower()](**given)

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


class Contender(NamedTuple):
    needs: str  # the package
    bind: Callable[[str, Mapping[str, float], Arrays, Arrays], Step]


CHECKED = "lrcore"  # as it comes: the gradients are checked
OURS = 'lrcore, `nonfinite="allow"`'  # looks at the gradients no more than the others do
CONTENDERS = {
    CHECKED: Contender("lrcore", lrcore_step),
    OURS: Contender("lrcore", partial(lrcore_step, nonfinite="allow")),
    "torch fused": Contender("torch", partial(torch_step, fused=True)),
    "torch foreach": Contender("torch", partial(torch_step, foreach=True)),
    "DeepSpeed CPUAdam": Contender("deepspeed", deepspeed_step),
    "optax, jit": Contender("optax", optax_step),
    "numba": Contender("numba", numba_step),
    "plain C, OpenMP": Contender("numpy", openmp_step),
    "NumPy, in place": Contender("numpy", numpy_step),
    "limit": Contender("numpy", limit_step),
}
