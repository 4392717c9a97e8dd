"""Optimizers with every combination of their flags, made from the library's own lists."""

import importlib.util
import inspect
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lrcore import _core
from lrcore._core import RULES
from lrcore.checks.arguments import range_of
from lrcore.files.formats import FORMATS
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.reference import variants

SIZES = (0, 1, 7, 16, 17, 1003)
# What loops compute in; test_formats.py goes through the others that arrays may be stored in.
DTYPES = tuple(_core.DTYPES[i].type for i in sorted(set(_core.COMPUTED)))

# A value away from every default, for each hyperparameter that is a number.
NUMBERS = {
    "momentum": 0.8,
    "dampening": 0.25,
    "rho": 0.95,
    "eps": 1e-4,
    "eps_root": 1e-3,
    "eps_out": 1e-5,
    "momentum_decay": 0.5,
    "l2": 0.03,
    "weight_decay": 0.05,
    "trust": 0.02,
    "max_trust": 0.4,
    "initial_accumulator_value": 0.1,
    "beta": 0.5,
    "l1": 0.02,
    "warmup": 3,
    "r": 0.5,
    "weight_lr_power": 1.5,
}


def _variants(cls: type[Any]) -> Iterator[dict[str, Any]]:
    names = inspect.signature(cls).parameters
    numbers = {name: NUMBERS[name] for name in names if name in NUMBERS and name != "momentum"}
    for flags in variants.of_class(cls):
        yield flags
        yield {**numbers, **flags}  # each number matters under all flags
    for name in names:
        if name in NUMBERS:
            yield {name: NUMBERS[name]}
    if {"momentum", "dampening"} <= names.keys():
        yield {"momentum": 0.8, "dampening": 0.25}
    if "betas" in names:
        yield {"betas": (0.8, 0.95)}
    if "etas" in names:
        yield {"etas": (0.4, 1.3), "step_sizes": (1e-3, 0.25)}


VARIANTS = [
    (cls, options)
    for cls in OPTIMIZERS.values()
    for options in _variants(cls)
    if variants.rule_of(cls, options)
]
BY_RULE = variants.by_rule()
ONE_EACH = list(BY_RULE.values())
# of which no element depends on the others of its array
ELEMENT_BY_ELEMENT = [variant for rule, variant in BY_RULE.items() if not RULES[rule].sums]


def follows_rates(cls: type[Any]) -> bool:
    """Whether schedules, scales and controllers act on its rate."""
    return bool(cls._kind().follows_rates)


def rated(cls: type[Any], schedule: Any) -> Any:
    """The schedule, or its first rate for a class that takes a number alone."""
    return schedule if follows_rates(cls) else schedule(0)


# whose rate may be 0 as well
ANY_RATE = [
    (cls, options)
    for cls, options in VARIANTS
    if follows_rates(cls) and range_of(cls._kind().options["lr"].kind).accepts(0)
]


def averaged(cls: Any, kind: Any) -> dict[str, Any]:
    """The option of an average, for a class that takes one."""
    return {"average": kind} if cls._kind().evaluated is None else {}


# Of each kind one, for what happens before or after the loops: no state, moments, sums, a copy.
_KINDS = ("SGD", "Adam", "LAMB", "ScheduleFreeAdamW")
FEW = [next(variant for variant in ONE_EACH if variant[0].__name__ == name) for name in _KINDS]
AVERAGED = [variant for variant in ONE_EACH if variant[0]._kind().evaluated is None]
RATED = [variant for variant in ONE_EACH if follows_rates(variant[0])]


def variant_id(value: object) -> str:
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, dict):
        named = {k: getattr(v, "__name__", v) for k, v in value.items() if v}
        return ",".join(f"{k}={v}" for k, v in named.items()) or "plain"
    return str(value)


def gradients(
    rng: np.random.Generator, shape: int | tuple[int, ...], dtype: DTypeLike = np.float64
) -> NDArray[Any]:
    """Normal numbers over some decades, with exact zeros among them."""
    g = rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 3, shape)
    return np.where(rng.random(shape) < 0.1, 0.0, g).astype(dtype)


def bits(array: NDArray[Any]) -> bytes:
    """The bytes of an array, every NaN alike: its sign differs between processors."""
    return np.where(np.isnan(array), np.nan, array).tobytes("C")


def everything(opt: Any) -> tuple[list[bytes], int, int, str]:
    """All bytes that a step may change."""
    arrays = [*opt.roster.arrays.values()]
    state = [array for name in opt.names for array in opt.state[name].values()]
    return [bits(array) for array in arrays + state], opt.t, opt.skipped, repr(opt.last_lr)


# The endings of the files that can be written here.
SUFFIXES = [s for s in FORMATS if s == ".npz" or importlib.util.find_spec(s.removeprefix("."))]

# Examples of each random test that goes through many; more are worth it before a release.
EXAMPLES = int(os.environ.get("LRCORE_EXAMPLES", "60"))
