"""Optimizers over arrays with rows, and batches of gradients of some of these."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from cases import BY_RULE, DTYPES, ELEMENT_BY_ELEMENT, FEW, averaged, bits, gradients, variant_id
from numpy.typing import DTypeLike, NDArray

import lrcore as lrc
from lrcore._core import RULES
from lrcore.reference.twin import Reference

Shapes = dict[str, tuple[int, ...]]
Given = dict[str, tuple[Any, Any]]

each_rule = pytest.mark.parametrize(("cls", "options"), ELEMENT_BY_ELEMENT, ids=variant_id)
few_rules = pytest.mark.parametrize(
    ("cls", "options"),
    [variant for variant in FEW if variant in ELEMENT_BY_ELEMENT],
    ids=variant_id,
)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
AVERAGED_BY_ROWS = [variant for variant in ELEMENT_BY_ELEMENT if averaged(variant[0], 1)]
WITH_SUMS = [variant for rule, variant in BY_RULE.items() if RULES[rule].sums]
SHAPES: Shapes = {"emb": (40, 6), "b": (5,), "cube": (7, 2, 3), "flat": (9,)}


def made(
    cls: Any = lrc.Adam,
    shapes: Shapes = SHAPES,
    dtype: DTypeLike = np.float64,
    seed: int = 0,
    **options: Any,
) -> Any:
    rng = np.random.default_rng(seed)
    w = {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
    return cls(w, **{"lr": 0.1, **options})


def drawn(
    rng: np.random.Generator, shape: tuple[int, ...], n: int, dtype: DTypeLike = np.float64
) -> tuple[Any, Any]:
    return rng.integers(0, shape[0], n), gradients(rng, (n, *shape[1:]), dtype)


def batches(
    count: int, dtype: DTypeLike = np.float64, seed: int = 1, shapes: Shapes = SHAPES
) -> Iterator[tuple[Given, dict[str, Any]]]:
    """Rows of some arrays, with repetitions, sometimes none, and gradients of the others."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        by_rows = [name for name in shapes if name != "b" and (name == "emb" or i % 3)]
        rows = {name: drawn(rng, shapes[name], int(rng.integers(0, 12)), dtype) for name in by_rows}
        dense = {n: gradients(rng, s, dtype) for n, s in shapes.items() if n not in by_rows}
        yield rows, dense


def summed(rows: tuple[Any, Any], shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """The dense gradient that stands for rows."""
    total = np.zeros(shape, dtype)
    np.add.at(total, rows[0], np.asarray(rows[1]).astype(dtype))
    return total


def assert_equal(opt: Any, twin: Reference) -> None:
    for name, p, state in zip(opt.names, twin.params, twin.state, strict=True):
        assert bits(opt.roster.arrays[name]) == bits(p)
        for letter, array in state.items():
            assert bits(opt.state[name][letter]) == bits(array), (name, letter)


def run_both(opt: Any, steps: Iterable[tuple[Given, dict[str, Any]]]) -> None:
    twin = Reference(opt)
    for rows, dense in steps:
        assert opt.step_rows(rows, dense) == twin.step_rows(rows, dense)
    assert_equal(opt, twin)
