"""The update rules of docs/guide/migration_rules.md: ours goes where the other library went."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import peer_rules
import pytest
from numpy.typing import NDArray
from peer_rules import HALVED, KEPT, LR, RECORD, UPDATES, problem
from processes import PYTHON

import lrcore as lrc
from lrcore.optimizers.catalogue import OPTIMIZERS

TEXT = peer_rules.PAGE.read_text()
GRADIENTS = (1e-9, 0.5, -0.2)

Array = NDArray[Any]

# Hundreds of updates

RECORDED: dict[str, Any] = json.loads(RECORD.read_text())
ALIKE, UNLIKE = peer_rules.alike(), peer_rules.unlike()
# A rounding at each of 300 updates of parameters up to 3, and Keras keeps its rates in float32.
IN_SINGLES = 1e-5


def recorded(row: peer_rules.Row, dtype: str) -> Array:
    """A line for each number of updates that is kept."""
    return np.array(RECORDED[row.package][row.theirs][dtype])


def ours(row: peer_rules.Row, dtype: str, code: str = "") -> Array:
    start, gradient = problem(row.ours, dtype)
    p, kept = start.copy(), []
    names = {**vars(lrc), "p": p, "lr": lrc.StepDecay(LR, every=HALVED, factor=0.5)}
    opt = eval(code or row.ours, names)
    for t in range(UPDATES):
        opt.step(gradient(p, t))
        if t + 1 in KEPT:
            kept.append(p.flatten())
    return np.array(kept, np.float64)


def within(row: peer_rules.Row) -> float:
    """How near ours comes in float64; some thousand roundings unless the page says otherwise."""
    said = re.match(r" to (\de-\d+)[:,] ", row.words)
    return float(said[1]) if said else 1e-12


def named(row: peer_rules.Row) -> str:
    return f"{row.package} {row.theirs}"


@pytest.mark.parametrize("row", ALIKE, ids=named)
def test_ours_goes_where_the_other_went_for_hundreds_of_updates(row: peer_rules.Row) -> None:
    assert "float64" in RECORDED[row.package][row.theirs]
    for dtype in RECORDED[row.package][row.theirs]:
        apart = np.abs(ours(row, dtype) - recorded(row, dtype)).max()
        assert apart <= (within(row) if dtype == "float64" else IN_SINGLES), dtype


@pytest.mark.parametrize("row", ALIKE, ids=named)
def test_each_row_says_what_the_rate_alone_would_not(row: peer_rules.Row) -> None:
    begin = re.match(r"\w+\(p(?:, (?:[\d.]+ \* )?(?:[\d.]+|lr(?:\(0\))?)(?=[ ,)]))?", row.ours)
    assert begin
    plain = begin[0] + ")"
    if plain == row.ours:
        pytest.skip("this row says that the defaults are the same")
    apart = np.abs(ours(row, "float64", plain) - recorded(row, "float64")).max()
    assert apart > 100 * within(row)


@pytest.mark.parametrize("row", UNLIKE, ids=named)
def test_what_is_not_the_same_is_as_far_apart_as_the_page_says(row: peer_rules.Row) -> None:
    apart = np.abs(ours(row, "float64") - recorded(row, "float64")).max(axis=1)
    assert row.words.split(" | ")[: len(KEPT)] == [f"{x:.1g}" for x in apart]
    assert apart[-1] > 1e-4


def test_the_versions_of_the_page_are_those_recorded() -> None:
    heads = re.findall(r"^\| ([\w-]+) ([\d.]+) \| lrcore \|", TEXT, re.MULTILINE)
    assert dict(heads) == {name: found["version"] for name, found in RECORDED.items()}
    assert len(heads) == len(RECORDED)


def test_what_is_recorded_is_on_the_page() -> None:
    listed = {(row.package, row.theirs) for row in [*ALIKE, *UNLIKE]}
    found = {(name, code) for name, codes in RECORDED.items() for code in codes}
    assert found - {(name, "version") for name in RECORDED} == listed


@pytest.mark.parametrize("package", RECORDED)
def test_the_record_is_what_the_library_does(package: str) -> None:
    """Where it is installed; torch whatever its version, the others in that of the page."""
    try:
        version = peer_rules.version(package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    if package != "torch" and version != RECORDED[package]["version"]:
        pytest.skip(f"{package} {version} is not that of the page")
    program = [*PYTHON, peer_rules.__file__, "--print", package]
    folders = [str(Path(peer_rules.__file__).parent), os.environ.get("PYTHONPATH", "")]
    names = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders))}
    done = subprocess.run(program, env=names, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)[package]
    for row in [*ALIKE, *UNLIKE]:
        if row.package == package:
            # roundings of other processors, and of other versions of torch
            live = np.array(found[row.theirs]["float64"])
            np.testing.assert_allclose(live, recorded(row, "float64"), rtol=0, atol=within(row))


def test_every_optimizer_of_torch_is_on_the_page() -> None:
    torch = pytest.importorskip("torch")
    offered = {
        name
        for name, value in vars(torch.optim).items()
        if isinstance(value, type) and issubclass(value, torch.optim.Optimizer)
    } - {"Optimizer"}
    told = {row.theirs.partition("(")[0] for row in ALIKE if row.package == "torch"}
    assert offered - told == set(re.findall(r"torch `(\w+)`", TEXT))


def test_what_is_not_here_is_not_here() -> None:
    table = TEXT.split("| there | what to take |\n|---|---|\n")[1].split("\n\n")[0]
    names = {
        name
        for line in table.splitlines()
        for name in re.findall(r"`(\w+)`", line[:-1].split(" | ")[0])
    }
    assert len(names) > 5
    assert not names & set(OPTIMIZERS)


# ASGD


def recipe(p: Array, lr: float, n: int) -> lrc.Optimizer:
    """The optimizer of the page's lines, but for the number of updates before the mean begins."""
    (block,) = (code for code in re.findall(r"```python\n(.*?)```", TEXT, re.S) if "Mean" in code)
    names: dict[str, Any] = {"lrc": lrc, "p": p, "lr": lr}
    exec(block.replace("n = 0.01, 0.75, 100", f"n = 0.01, 0.75, {n}"), names)
    opt: lrc.Optimizer = names["opt"]
    return opt


def trained(p: Array, opt: lrc.Optimizer) -> Array:
    """Parameters and mean, after each update."""
    _, gradient = problem("SGD", "float64")
    found = []
    for t in range(UPDATES):
        opt.step(gradient(p, t))
        found.append([p.copy(), opt.eval_arrays()])
    return np.array(found)


@pytest.mark.parametrize("n", [100, 0, 1000])
def test_the_recipe_is_asgd_by_its_formula_mean_included(n: int) -> None:
    p, gradient = problem("SGD", "float64")
    mean, theirs = p, []
    for t in range(UPDATES):
        eta = 0.1 / (1 + 0.01 * 0.1 * t) ** 0.75
        p = p - eta * (gradient(p, t) + 0.01 * p)
        mean = mean + (p - mean) / max(1, t - n)
        theirs.append([p, mean])
    w = problem("SGD", "float64")[0]
    # a rounding or two at each update, of which each damps those before
    np.testing.assert_allclose(trained(w, recipe(w, 0.1, n)), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [100, 0, 1000])
def test_the_recipe_is_that_of_torch_mean_included(n: int) -> None:
    torch = pytest.importorskip("torch")
    start, gradient = problem("SGD", "float64")
    before, theirs = torch.get_default_dtype(), []
    torch.set_default_dtype(torch.float64)
    try:
        p = torch.nn.Parameter(torch.tensor(start))
        opt = torch.optim.ASGD([p], 0.1, lambd=0.01, alpha=0.75, t0=n)
        for t in range(UPDATES):
            p.grad = torch.tensor(gradient(p.detach().numpy(), t))
            opt.step()
            theirs.append([p.detach().numpy().copy(), opt.state[p]["ax"].numpy().copy()])
    finally:
        torch.set_default_dtype(before)
    w = start.copy()
    # as above
    np.testing.assert_allclose(trained(w, recipe(w, 0.1, n)), theirs, rtol=0, atol=1e-12)


# The gradients of PennyLane's and river's Nesterov


def test_the_point_where_others_look_ahead_is_what_the_parameters_hold_here() -> None:
    p, gradient = problem("SGD", "float64")
    x, velocity = p.copy(), np.zeros_like(p)
    opt = lrc.SGD(p, lr=0.02, momentum=0.9, nesterov=True, lr_in_momentum=True)
    for t in range(UPDATES):
        ahead = x - 0.9 * velocity
        np.testing.assert_allclose(p, ahead, rtol=0, atol=1e-12)  # a few roundings an update
        opt.step(gradient(p, t))
        velocity = 0.9 * velocity + 0.02 * gradient(ahead, t)
        x = x - velocity


# The decay of scikit-learn


@pytest.mark.parametrize("rows", [8, 20])
def test_the_alpha_of_a_perceptron_is_divided_by_the_rows_and_spares_biases(rows: int) -> None:
    from sklearn.neural_network import MLPRegressor

    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((rows, 4)), rng.standard_normal(rows)
    options = {"alpha": 0.5, "solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1}
    net = MLPRegressor(
        hidden_layer_sizes=(), batch_size=rows, shuffle=False, random_state=0, **options
    )
    net.partial_fit(X, y)
    w, b = net.coefs_[0][:, 0].copy(), net.intercepts_[0].copy()
    groups = [lrc.Group({"w": w}, l2=0.5 / rows), lrc.Group({"b": b})]
    opt = lrc.SGD(groups, lr=0.1)
    for _ in range(100):
        net.partial_fit(X, y)
        error = X @ w + b - y
        opt.step([{"w": X.T @ error / rows}, {"b": np.full(1, error.mean())}])
    # the order of the sums in products of matrices, at each update
    np.testing.assert_allclose(w, net.coefs_[0][:, 0], rtol=1e-12)
    np.testing.assert_allclose(b, net.intercepts_[0], rtol=1e-12)


# Three updates, where no more was recorded


class Row(NamedTuple):
    """Code of the other library and ours, and the positions that it was seen to take."""

    theirs: str
    ours: str
    positions: list[float]


def rows() -> list[Row]:
    header = "| library | there | here | positions |\n|---|---|---|---|\n"
    found = []
    for line in TEXT.split(header)[1].split("\n\n")[0].splitlines():
        parts = re.fullmatch(r"\| ([^|]+ [\d.]+) \| `(.+)` \| `(.+)` \| ([\d. ]+) \|", line)
        assert parts, line
        library, theirs, ours, positions = parts.groups()
        found.append(Row(f"{library} {theirs}", ours, [float(p) for p in positions.split()]))
    return found


def positions(opt: lrc.Optimizer, w: Any, gradients: tuple[float, ...] = GRADIENTS) -> list[float]:
    found = []
    for gradient in gradients:
        opt.step(np.full(1, gradient))
        found.append(float(w[0]))
    return found


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.theirs)
def test_ours_goes_where_the_other_library_went(row: Row) -> None:
    w = np.ones(1)
    ours = positions(eval(row.ours, {**vars(lrc), "w": w}), w)
    # half a unit of the last digit given, and the float32 of JAX, Keras and thinc (2.3e-6)
    np.testing.assert_allclose(ours, row.positions, rtol=0, atol=3e-6)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.theirs)
def test_the_defaults_alone_would_not_do(row: Row) -> None:
    """Else a row would have nothing to say (or no gradient to tell by)."""
    if "Adam(w, lr=0.1)" in row.ours:
        pytest.skip("this row says that the defaults are the same")
    w = np.ones(1)
    name = row.ours.split("(")[0]
    ours = positions(getattr(lrc, name)(w, lr=0.1), w)
    assert np.abs(np.subtract(ours, row.positions)).max() > 1e-5


def test_the_momentum_of_autograd_gathers_a_tenth_from_the_first_update_on() -> None:
    gradients, theirs = (1.0, 1.0, -2.0), []
    x = velocity = 0.0
    for g in gradients:
        velocity = 0.9 * velocity + (1 - 0.9) * g
        x -= 0.1 * velocity
        theirs.append(x)
    w = np.zeros(1)
    ours = positions(lrc.SGD(w, lr=0.1 * 0.1, momentum=0.9), w, gradients)
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)  # a few roundings


def test_dampening_is_not_the_momentum_of_autograd() -> None:
    w = np.zeros(1)
    first = positions(lrc.SGD(w, lr=0.1, momentum=0.9, dampening=0.9), w, (1.0,))
    assert first == [-0.1]  # autograd: -0.01


def test_the_decay_of_adamw_is_of_the_weights_before_the_step() -> None:
    w = np.full(1, 2.0)
    lrc.AdamW(w, lr=0.1, weight_decay=0.5, eps=0.0).step(np.ones(1))
    assert w[0] == pytest.approx(1.8, rel=1e-15)
    assert pytest.approx(1.805) == (2 - 0.1) * (1 - 0.1 * 0.5)  # thinc
