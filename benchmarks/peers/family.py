"""Every rule beside torch, optax and NumPy on the same rule, interleaved round by round.

Prints for each optimizer a Markdown table: median microseconds a step, ours with
`nonfinite="allow"` (the others do not look at the gradients either), the ratio to the fastest
other, and what is aimed at. torch is its fused step where it has one, else foreach; NumPy is the
rule as `lrcore.reference` writes it. `EMA` and `Mean` average the parameters of SGD.

Usage: python benchmarks/peers/family.py [--optimizers A,...] [--sizes 1x1000,...] [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from compiled import Arrays, stream
from contenders import SHAPES, optax_step, torch_step
from peers import count, names_in
from report import conditions
from timing import Step, medians

OURS, LIMIT = "lrcore", "limit"
SIZES = ("1x1000", "MLP 784-128-10", "100x64", "1x1M", "1x10M")
DIVIDING = {"1x1000": 0.08, "MLP 784-128-10": 0.35, "100x64": 0.03, "1x1M": 0.6}
PLAIN = {"1x1000": 0.16, "MLP 784-128-10": 0.45, "100x64": 0.04, "1x1M": 0.6}
OF_THE_LIMIT, UNFUSED = 1 / 0.95, 0.85  # at 1x10M: to the bytes of the rule, or else to the fastest


class Row(NamedTuple):
    """An optimizer with its options, and who else has it."""

    options: Mapping[str, Any]
    torch: str = ""  # the class, with options of the same names
    optax: str = ""  # the function, in optax or optax.contrib
    given: Mapping[str, Any] = {}  # what that takes besides, or under other names
    targets: Mapping[str, float] = DIVIDING
    cls: str = ""  # the class in lrcore, if not that of the row


ROWS: dict[str, Row] = {
    "SGD": Row({"lr": 1e-2, "momentum": 0.9}, "SGD", "sgd", targets=PLAIN),
    "SGDW": Row({"lr": 1e-2, "momentum": 0.9, "weight_decay": 1e-4}, "SGD", targets=PLAIN),
    "RMSprop": Row({"lr": 1e-2}, "RMSprop", "rmsprop"),
    "Adagrad": Row({"lr": 1e-2}, "Adagrad", "adagrad"),
    "Adadelta": Row({"lr": 1.0}, "Adadelta", "adadelta"),
    "Adam": Row({"lr": 1e-3}, "Adam", "adam"),
    "Adam, amsgrad": Row({"lr": 1e-3, "amsgrad": True}, "Adam", cls="Adam"),
    "Adam, nesterov": Row({"lr": 1e-3, "nesterov": True}, "", "nadam", cls="Adam"),
    "AdamW": Row({"lr": 1e-3, "weight_decay": 1e-2}, "AdamW", "adamw"),
    "NAdam": Row({"lr": 2e-3}, "NAdam"),
    "RAdam": Row({"lr": 1e-3}, "RAdam", "radam"),
    "Adamax": Row({"lr": 2e-3}, "Adamax", "adamax"),
    "AdaBelief": Row({"lr": 1e-3}, "", "adabelief"),
    "SignSGD": Row({"lr": 1e-3}, "", "signum", targets=PLAIN),
    "Lion": Row({"lr": 1e-4}, "", "lion", {"weight_decay": 0.0}, PLAIN),
    "Rprop": Row({"lr": 1e-2}, "Rprop", "rprop"),
    "FTRL": Row({"lr": 0.05, "l1": 1e-3}),
    "ScheduleFreeSGD": Row({"lr": 1.0}, "", "schedule_free_sgd"),
    "ScheduleFreeAdamW": Row({"lr": 2.5e-3}, "", "schedule_free_adamw"),
    "LARS": Row({"lr": 1.0}, "", "lars"),
    "LAMB": Row({"lr": 1e-3}, "", "lamb", {"weight_decay": 1e-2}),
    "EMA": Row({"lr": 1e-2}, "SGD", "sgd", targets=PLAIN, cls="SGD"),
    "Mean": Row({"lr": 1e-2}, "SGD", "sgd", targets=PLAIN, cls="SGD"),
}
AVERAGED = ("EMA", "Mean")


def bound(name: str, params: Arrays) -> Any:
    """The optimizer of a row."""
    import lrcore

    average = {"average": getattr(lrcore, name)()} if name in AVERAGED else {}
    cls = getattr(lrcore, ROWS[name].cls or name)
    return cls(params, nonfinite="allow", **average, **ROWS[name].options)


def lrcore_of(name: str, params: Arrays, grads: Arrays) -> Step:
    return partial(bound(name, params).step, grads)


def limit_of(name: str, params: Arrays, grads: Arrays) -> Step:
    state = bound(name, params).state
    return stream([list(arrays.values()) for arrays in state.values()], params, grads)


def torch_of(name: str, params: Arrays, grads: Arrays) -> Step:
    row = ROWS[name]
    if not row.torch:
        raise NotImplementedError
    try:
        step = torch_step(row.torch, row.options, params, grads, fused=True)
    except TypeError:  # torch has it not fused
        step = torch_step(row.torch, row.options, params, grads, foreach=True)
    return with_torch_average(step, params, name) if name in AVERAGED else step


def with_torch_average(step: Step, params: Arrays, name: str) -> Step:
    import torch

    tensors = [torch.from_numpy(p) for p in params]
    averages = [tensor.clone() for tensor in tensors]
    steps = iter(range(1, 1 << 62))

    def both() -> None:
        step()
        torch._foreach_lerp_(averages, tensors, 1e-3 if name == "EMA" else 1 / next(steps))

    return both


def optax_of(name: str, params: Arrays, grads: Arrays) -> Step:
    row = ROWS[name]
    if not row.optax:
        raise NotImplementedError
    if name in AVERAGED:
        return optax_average(name, params, grads)
    return optax_step(row.optax, {**row.options, **row.given}, params, grads)


def optax_average(name: str, params: Arrays, grads: Arrays) -> Step:
    """The same with an average of the parameters, in one compiled function."""
    import jax
    import optax

    rule = optax.sgd(ROWS[name].options["lr"])

    def update(p: Any, state: Any, average: Any, n: Any, g: Any) -> Any:
        updates, state = rule.update(g, state, p)
        p = optax.apply_updates(p, updates)
        weight = 1e-3 if name == "EMA" else 1 / n
        return p, state, optax.incremental_update(p, average, weight), n + 1

    compiled = jax.jit(update, donate_argnums=(0, 1, 2, 3))
    g, p, average = ([jax.numpy.array(x) for x in arrays] for arrays in (grads, params, params))
    kept = [p, rule.init(p), average, jax.numpy.float32(1)]

    def step() -> None:
        kept[:] = compiled(*kept, g)
        jax.block_until_ready(kept)

    return step


def numpy_of(name: str, params: Arrays, grads: Arrays) -> Step:
    from lrcore.reference.twin import Reference

    return partial(Reference(bound(name, params)).step, grads)


CONTENDERS: dict[str, tuple[str, Callable[[str, Arrays, Arrays], Step]]] = {
    OURS: ("lrcore", lrcore_of),
    "torch": ("torch", torch_of),
    "optax, jit": ("optax", optax_of),
    "NumPy": ("lrcore", numpy_of),
    LIMIT: ("lrcore", limit_of),
}


def microseconds(name: str, size: str, rounds: int) -> dict[str, float]:
    """The median time of a step for each contender at hand."""
    rng = np.random.default_rng(0)
    grads = [rng.standard_normal(shape, np.float32) for shape in SHAPES[size]]
    steps: dict[str, Step] = {}
    for label, (needs, bind) in CONTENDERS.items():
        params = [np.ones(shape, np.float32) for shape in SHAPES[size]]
        if find_spec(needs):
            with suppress(NotImplementedError):
                steps[label] = bind(name, params, grads)
    return {label: 1e6 * taken for label, taken in medians(steps, rounds).items()}


def fused(name: str) -> bool:
    """Whether torch makes all of a step in one loop, or DeepSpeed does."""
    return name in ("SGD", "SGDW", "Adagrad", "Adam", "Adam, amsgrad", "AdamW", "Lion")


def judged(name: str, size: str, times: Mapping[str, float]) -> tuple[str, float, float]:
    """What ours is held against, the ratio to it, and what that is to be at most."""
    ours = times[OURS]
    others = {label: us for label, us in times.items() if label not in (OURS, LIMIT)}
    fastest = min(others, key=others.__getitem__)
    ratio = ours / others[fastest]
    if size != "1x10M":
        return fastest, ratio, ROWS[name].targets[size]
    if LIMIT in times and (fused(name) or ratio > UNFUSED):
        return LIMIT, ours / times[LIMIT], OF_THE_LIMIT
    return fastest, ratio, UNFUSED


def lines(name: str, sizes: list[str], rounds: int) -> Iterator[str]:
    yield f"| {name} | {' | '.join(CONTENDERS)} | held against | ratio | at most | reached |"
    yield "|---" * (len(CONTENDERS) + 5) + "|"
    for size in sizes:
        times = microseconds(name, size, rounds)
        base, ratio, most = judged(name, size, times)
        cells = [f"{times[label]:.1f}" if label in times else "" for label in CONTENDERS]
        reached = "yes" if ratio <= most else "no"
        yield f"| {size} | {' | '.join(cells)} | {base} | {ratio:.3f} | {most:.2f} | {reached} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--optimizers", type=names_in(ROWS), default=list(ROWS))
    parser.add_argument("--sizes", type=names_in(SHAPES), default=list(SIZES))
    parser.add_argument("--rounds", type=count, default=25)
    args = parser.parse_args()
    # read by the libraries when they are imported, which is later; NPROC by XLA
    for variable in ("OMP_NUM_THREADS", "LRCORE_NUM_THREADS", "NPROC"):
        os.environ[variable] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    print("\n".join(f"- {line}" for line in conditions(1)))
    for name in args.optimizers:
        print("", *lines(name, args.sizes, args.rounds), sep="\n", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell tells of an interrupt
