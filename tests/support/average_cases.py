"""Averages to be tested, and optimizers that take them."""

from typing import Any

import numpy as np
import pytest
from cases import SIZES, gradients

import lrcore as lrc

KINDS = (
    lrc.EMA(decay=0.9),
    lrc.EMA(decay=lambda t: min(0.99, (1 + t) / (10 + t))),
    lrc.Mean(),
    lrc.Mean(start=2, every=3),
)
each_kind = pytest.mark.parametrize("kind", KINDS, ids=["EMA", "EMA, warming", "Mean", "SWA"])


def made(
    kind: Any, cls: Any = lrc.Adam, sizes: Any = SIZES, dtype: Any = np.float64, **options: Any
) -> Any:
    rng = np.random.default_rng(0)
    params = [rng.standard_normal(n).astype(dtype) for n in sizes]
    return cls(params, **{"lr": 0.1, "average": kind, **options})


def drawn(n: int, sizes: Any = SIZES, dtype: Any = np.float64, seed: int = 1) -> list[list[Any]]:
    rng = np.random.default_rng(seed)
    return [[gradients(rng, size, dtype) for size in sizes] for _ in range(n)]


def averages(opt: Any) -> list[Any]:
    return [opt.state[name]["average"] for name in opt.names]
