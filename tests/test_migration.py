"""docs/migration.md: every row of its tables against the other library, or its formulas."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import lrcore as lrc
from lrcore import schedules

PAGE = Path(__file__).parent.parent / "docs" / "migration.md"
TEXT = PAGE.read_text()
LR = 0.1
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
    return eval(row.ours, {**vars(schedules), "lr": LR})(range(row.updates))


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
    ours = schedules.OneCycle(0.1, 100, anneal=anneal, three_phase=three_phase).momentum()
    np.testing.assert_allclose(ours(range(100)), theirs, rtol=1e-14)  # a few roundings


@pytest.mark.parametrize("mult", [2, 3])
def test_torch_restarts_at_the_same_updates(mult: int) -> None:
    theirs = [
        group["lr"]
        for group in torch_groups(
            lambda module, opt: module.CosineAnnealingWarmRestarts(opt, 10, T_mult=mult), 2000
        )
    ]
    ours = schedules.CosineWarmRestarts(LR, 10, mult=mult)(range(2000))
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
    done = subprocess.run(
        [sys.executable, "-P", "-c", OPTAX], input=codes, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = map(json.loads, done.stdout.splitlines())
    return {row.theirs: line for row, line in zip(table, lines, strict=True)}


@each_row("optax")
def test_optax_uses_the_same_rates(row: Row, optax_rates: dict[str, list[float]]) -> None:
    # it cancels next to an end
    np.testing.assert_allclose(rates(row), optax_rates[row.theirs], rtol=1e-12, atol=1e-15)


# Keras, transformers and timm, by their formulas


def half_cosine(x: float) -> float:
    return (1 + math.cos(math.pi * x)) / 2


def keras_polynomial(t: int) -> float:
    steps = 50 * max(math.ceil(t / 50), 1)
    return (0.1 - 0.01) * (1 - t / steps) + 0.01


def keras_warm_cosine(t: int) -> float:
    if t < 20:
        return 0.1 * t / 20
    return 0.1 * half_cosine(min(t - 20, 100) / 100)


def keras_restarts(t: int, t_mul: float, m_mul: float) -> float:
    x = t / 10
    cycle = math.floor(math.log(1 - x * (1 - t_mul)) / math.log(t_mul) + 1e-12)
    x = (x - (1 - t_mul**cycle) / (1 - t_mul)) / t_mul**cycle
    return 0.1 * m_mul**cycle * half_cosine(x)


def warm(after: Callable[[int], float]) -> Callable[[int], float]:
    """transformers: a ramp of 20 updates, then a function of the updates since."""
    return lambda t: LR * (t / 20 if t < 20 else after(t - 20))


def hard_restarts(t: int) -> float:
    return half_cosine(4 * t / 100 % 1)


def polynomial_decay(t: int) -> float:
    return ((LR - 1e-7) * max(1 - t / 100, 0) ** 2 + 1e-7) / LR


def stable_decay(t: int) -> float:
    return half_cosine(min(max(t - 50, 0) / 30, 1))


def timm_warm_cosine(t: int) -> float:
    if t < 20:
        return 0.01 + t * (LR - 0.01) / 20
    return LR * half_cosine(min(t - 20, 100) / 100)


def timm_cycles(t: int) -> float:
    cycle = math.floor(math.log(1 - t / 10 * (1 - 2.0), 2.0) + 1e-12)
    length = 2.0**cycle * 10
    x = (t - (1 - 2.0**cycle) / (1 - 2.0) * 10) / length
    return 0.01 + (LR * 0.5**cycle - 0.01) * half_cosine(x)


RECORDED: dict[str, dict[str, Callable[[int], float]]] = {
    "Keras": {
        "ExponentialDecay(0.1, 10, 0.5)": lambda t: 0.1 * 0.5 ** (t / 10),
        "ExponentialDecay(0.1, 10, 0.5, staircase=True)": lambda t: 0.1 * 0.5 ** (t // 10),
        "PiecewiseConstantDecay([30, 80], [0.1, 0.05, 0.005])": lambda t: (
            0.1 if t <= 30 else 0.05 if t <= 80 else 0.005
        ),
        "PolynomialDecay(0.1, 50, 0.01, power=2.0)": lambda t: (
            (0.1 - 0.01) * (1 - min(t, 50) / 50) ** 2 + 0.01
        ),
        "PolynomialDecay(0.1, 50, 0.01, cycle=True)": keras_polynomial,
        "InverseTimeDecay(0.1, 10, 0.5)": lambda t: 0.1 / (1 + 0.5 * t / 10),
        "CosineDecay(0.1, 100, alpha=0.1)": lambda t: (
            0.1 * ((1 - 0.1) * half_cosine(min(t, 100) / 100) + 0.1)
        ),
        "CosineDecay(0.0, 100, warmup_target=0.1, warmup_steps=20)": keras_warm_cosine,
        "CosineDecayRestarts(0.1, 10)": lambda t: keras_restarts(t, 2.0, 1.0),
        "CosineDecayRestarts(0.1, 10, t_mul=1.5, m_mul=0.5)": lambda t: keras_restarts(t, 1.5, 0.5),
    },
    "transformers": {
        "get_constant_schedule_with_warmup(opt, 20)": warm(lambda t: 1.0),
        "get_linear_schedule_with_warmup(opt, 20, 120)": warm(lambda t: max((100 - t) / 100, 0)),
        "get_cosine_schedule_with_warmup(opt, 20, 120)": warm(lambda t: half_cosine(t / 100)),
        "get_cosine_with_hard_restarts_schedule_with_warmup(opt, 20, 120, num_cycles=4)": warm(
            hard_restarts
        ),
        "get_cosine_with_min_lr_schedule_with_warmup(opt, 20, 120, min_lr_rate=0.1)": warm(
            lambda t: half_cosine(t / 100) * (1 - 0.1) + 0.1
        ),
        "get_polynomial_decay_schedule_with_warmup(opt, 20, 120, power=2.0)": warm(
            polynomial_decay
        ),
        "get_inverse_sqrt_schedule(opt, 20)": warm(lambda t: 1 / math.sqrt((t + 20) / 20)),
        "get_wsd_schedule(opt, num_warmup_steps=20, num_stable_steps=50, num_decay_steps=30)": warm(
            stable_decay
        ),
    },
    "timm": {
        "CosineLRScheduler(opt, 100, lr_min=0.01)": lambda t: (
            0.01 + (LR - 0.01) * half_cosine(min(t, 100) / 100)
        ),
        "CosineLRScheduler(opt, 100, warmup_t=20, warmup_lr_init=0.01, warmup_prefix=True)": (
            timm_warm_cosine
        ),
        "CosineLRScheduler(opt, 10, lr_min=0.01, cycle_mul=2.0, cycle_decay=0.5, cycle_limit=5)": (
            timm_cycles
        ),
        "StepLRScheduler(opt, 30, decay_rate=0.5)": lambda t: LR * 0.5 ** (t // 30),
        "MultiStepLRScheduler(opt, [30, 80], decay_rate=0.5)": lambda t: (
            LR * 0.5 ** bisect_right([30, 80], t + 1)
        ),
        "PolyLRScheduler(opt, 100, power=2.0, lr_min=0.01)": lambda t: (
            0.01 + (LR - 0.01) * (1 - min(t, 100) / 100) ** 2
        ),
    },
}


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
