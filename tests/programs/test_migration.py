"""docs/guide/migration.md: every row of its tables against the other library, or its formulas."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from peer_formulas import LR, RECORDED
from places import DOCS
from processes import PYTHON

import lrcore as lrc
from lrcore.schedules import catalogue

PAGE = DOCS / "guide" / "migration.md"
TEXT = PAGE.read_text()
UPDATES = 400


class Row(NamedTuple):
    """A row of a table: code of the other library, ours, and for how many updates they agree."""

    theirs: str
    ours: str
    updates: int


def rows(library: str) -> list[Row]:
    table = TEXT.split(f"| {library} | lrcore | the same |\n|---|---|---|\n")[1].split("\n\n")[0]
    found = []
    for line in table.splitlines():
        parts = re.fullmatch(r"\| `(.+)` \| `(.+)` \| (?:always|t < (\d+); .+) \|", line)
        assert parts, line
        theirs, ours, updates = parts.groups()
        found.append(Row(theirs, ours, int(updates or UPDATES)))
    return found


def each_row(library: str) -> Any:
    return pytest.mark.parametrize("row", rows(library), ids=lambda row: row.theirs)


def rates(row: Row) -> Any:
    return eval(row.ours, {**vars(catalogue), "lr": LR})(range(row.updates))


def test_the_page_has_the_tables_that_are_tested_and_no_others() -> None:
    headers = re.findall(r"^\| (\w+) \| lrcore \|", TEXT, re.MULTILINE)
    assert headers == ["torch", "optax", *RECORDED]


# torch, as installed


def torch_groups(make: Callable[[Any, Any], Any], updates: int) -> Iterator[dict[str, Any]]:
    """The parameter group of torch's SGD, as each update finds it."""
    torch = pytest.importorskip("torch")
    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR, momentum=0.9)
    scheduler = make(torch.optim.lr_scheduler, opt)
    for t in range(updates):
        yield opt.param_groups[0]
        opt.step()
        if t + 1 < updates:
            scheduler.step()


@each_row("torch")
def test_torch_uses_the_same_rates(row: Row) -> None:
    def make(module: Any, opt: Any) -> Any:
        return eval(row.theirs, {**vars(module), "opt": opt})

    theirs = [group["lr"] for group in torch_groups(make, row.updates)]
    # torch multiplies rate by rate, which drifts, and cancels next to an end
    np.testing.assert_allclose(rates(row), theirs, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("anneal", ["cos", "linear"])
def test_torch_cycles_the_momentum_alike(anneal: Any, three_phase: bool) -> None:
    theirs = [
        group["momentum"]
        for group in torch_groups(
            lambda module, opt: module.OneCycleLR(
                opt, 0.1, total_steps=100, anneal_strategy=anneal, three_phase=three_phase
            ),
            100,
        )
    ]
    ours = catalogue.OneCycle(0.1, 100, anneal=anneal, three_phase=three_phase).momentum()
    np.testing.assert_allclose(ours(range(100)), theirs, rtol=1e-14)  # a few roundings


@pytest.mark.parametrize("mult", [2, 3])
def test_torch_restarts_at_the_same_updates(mult: int) -> None:
    theirs = [
        group["lr"]
        for group in torch_groups(
            lambda module, opt: module.CosineAnnealingWarmRestarts(opt, 10, T_mult=mult), 2000
        )
    ]
    ours = catalogue.CosineWarmRestarts(LR, 10, mult=mult)(range(2000))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)  # it cancels next to an end


def test_the_lines_on_momentum_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (block,) = (text for text in blocks if "momentum" in text)
    names: dict[str, Any] = {"lrc": lrc, "params": np.zeros(3)}
    exec(block, names)
    assert names["opt"].step(np.ones(3))


# optax, as installed


OPTAX = """if True:
    import json, sys
    import jax, optax
    jax.config.update("jax_enable_x64", True)
    for code, updates in json.load(sys.stdin):
        schedule = eval(code, vars(optax))
        print(json.dumps([float(schedule(t)) for t in range(updates)]))
"""


@pytest.fixture(scope="module")
def optax_rates() -> dict[str, list[float]]:
    """By row; from a process of its own, because JAX forbids its process to fork."""
    if importlib.util.find_spec("optax") is None:
        pytest.skip("optax is not installed")
    table = rows("optax")
    codes = json.dumps([(row.theirs, row.updates) for row in table])
    done = subprocess.run([*PYTHON, "-c", OPTAX], input=codes, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = map(json.loads, done.stdout.splitlines())
    return {row.theirs: line for row, line in zip(table, lines, strict=True)}


@each_row("optax")
def test_optax_uses_the_same_rates(row: Row, optax_rates: dict[str, list[float]]) -> None:
    # it cancels next to an end
    np.testing.assert_allclose(rates(row), optax_rates[row.theirs], rtol=1e-12, atol=1e-15)


# Keras, transformers and timm, by their formulas


@pytest.mark.parametrize("library", RECORDED)
def test_the_page_lists_what_is_recorded(library: str) -> None:
    assert [row.theirs for row in rows(library)] == list(RECORDED[library])


@pytest.mark.parametrize(
    ("library", "row"),
    [
        pytest.param(library, row, id=f"{library}: {row.theirs}")
        for library in RECORDED
        for row in rows(library)
    ],
)
def test_the_formula_of_the_other_library_gives_the_same_rates(library: str, row: Row) -> None:
    formula = RECORDED[library][row.theirs]
    theirs = [formula(t) for t in range(row.updates)]
    # the formulas cancel next to an end, and in the place within a cycle
    np.testing.assert_allclose(rates(row), theirs, rtol=1e-11, atol=1e-15)


# Known by other names


NAMED = re.findall(r"^\| [^|]+ \| `([^|]+)` \| `([^|]+)` \|$", TEXT, re.MULTILINE)


def test_every_name_of_the_page_is_tested() -> None:
    table = TEXT.split("| known as | formula | lrcore |\n|---|---|---|\n")[1].split("\n\n")[0]
    assert len(NAMED) == len(table.splitlines())


@pytest.mark.parametrize(("formula", "ours"), NAMED)
def test_what_has_another_name_is_the_same_formula(formula: str, ours: str) -> None:
    names = {**vars(math), "lr": LR}
    values = [eval(formula, {**names, "t": t, "x": min(t / 100, 1)}) for t in range(UPDATES)]
    # the formulas cancel next to an end
    np.testing.assert_allclose(rates(Row("", ours, UPDATES)), values, rtol=1e-12, atol=1e-15)
