"""The traces in docs/guide/controllers.md: every cell of ours, the others' where installed."""

from __future__ import annotations

import json
import math
import re
import subprocess
from typing import Any

import numpy as np
import pytest
from places import DOCS, SUPPORT
from processes import PYTHON

import lrcore as lrc

PAGE = DOCS / "guide" / "controllers.md"


def table(first: str) -> list[dict[str, str]]:
    """The rows of the table whose header begins with `first`, by column, without backticks."""
    lines = PAGE.read_text().split(f"| {first} |", 1)[1].split("\n\n")[0].splitlines()
    header = [first, *(cell.strip() for cell in lines[0].strip("|").split("|"))]
    return [
        {
            name: cell.strip().strip("`")
            for name, cell in zip(header, line.strip("|").split("|"), strict=True)
        }
        for line in lines[2:]
    ]


def numbers(text: str) -> list[float]:
    """`1 -2 NaN`, and `1 x3` for three of them."""
    found: list[float] = []
    for word in text.split():
        repeated = re.fullmatch(r"x(\d+)", word)
        found += found[-1:] * (int(repeated[1]) - 1) if repeated else [float(word)]
    return found


def reduce_on_plateau(values: list[float], lr: float, **settings: Any) -> list[float] | str:
    try:
        plateau = lrc.ReduceOnPlateau(**settings)
    except ValueError:
        return "refused"
    rates = []
    for value in values:
        plateau.update(value)
        rates.append(plateau.rate(lr))
    return rates


def early_stopping(values: list[float], **settings: Any) -> str:
    stopping = lrc.EarlyStopping(**settings)
    for n, value in enumerate(values):
        if stopping.update(value):
            return f"stops at {n}, best {shown(stopping.best)}"
    return f"goes on, best {shown(stopping.best)}"


def shown(best: float | None) -> str:
    return "None" if best is None else f"{best:g}"


def settings_of(row: dict[str, str]) -> dict[str, Any]:
    if "stopping" in row:
        return dict(eval(f"dict({row['stopping']})"))
    return {"lr": 1.0, "factor": 0.5, **eval(f"dict({row['settings']})")}


PLATEAUS, STOPS = table("settings"), table("stopping")
PEERS = {"torch": "torch", "Keras": "keras", "optax": "optax"}


def random_cases() -> list[tuple[str, list[float], dict[str, Any]]]:
    """Series in quarters, so that no margin is a matter of rounding."""
    rng = np.random.default_rng(0)
    cases: list[tuple[str, list[float], dict[str, Any]]] = []
    for n in range(200):
        values = (rng.integers(1, 20, rng.integers(1, 30)) / 4).tolist()
        common: dict[str, Any] = {"patience": int(rng.integers(1, 5))}
        margin, mode = (0.0, 0.5)[n % 2], ("min", "max")[n // 2 % 2]
        plateau = {"lr": 1.0, "factor": 0.5, **common}
        cases.append(("keras", values, {**plateau, "min_delta": margin, "mode": mode}))
        baseline = (None, 1.0, 3.0)[n % 3]
        stop = {**common, "min_delta": margin, "mode": mode, "baseline": baseline}
        cases.append(("keras_stop", values, stop))
        if n < 20:
            cases.append(("optax", values, {**plateau, "cooldown": n % 4}))
    return cases


RANDOM = random_cases()
POLYAK = [
    ("optax_polyak", [value, 0.5, -2.0, 1.25], {"f_min": f_min, "max_learning_rate": limit})
    for value, f_min, limit in ((0.5, 0.0, 1.0), (0.5, 0.25, 1.0), (50.0, 0.0, 1.0))
]


@pytest.fixture(scope="module")
def answers() -> Any:
    """Of the peers, as a function of the question."""
    asked = [
        (peer, numbers(row["metric"]), settings_of(row))
        for peer in PEERS.values()
        for row in PLATEAUS
    ]
    asked += [("keras_stop", numbers(row["metric"]), settings_of(row)) for row in STOPS]
    asked += RANDOM + POLYAK
    script = SUPPORT / "peer_traces.py"
    done = subprocess.run(
        [*PYTHON, script], input=json.dumps(asked), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = map(json.loads, done.stdout.splitlines())
    given = {repr(question): line for question, line in zip(asked, lines, strict=True)}

    def answer(*question: Any) -> Any:
        if given[repr(question)] == "not installed":
            pytest.skip(f"{question[0]} is not installed")
        return given[repr(question)]

    return answer


def assert_as_written(trace: Any, cell: str) -> None:
    if isinstance(trace, str):
        assert trace == cell
    else:
        # optax keeps the scale in float32
        assert trace == pytest.approx(numbers(cell), rel=2**-23)


each_plateau = pytest.mark.parametrize("row", PLATEAUS, ids=lambda row: row["settings"])
each_stop = pytest.mark.parametrize("row", STOPS, ids=lambda row: row["stopping"])


@each_plateau
def test_reduce_on_plateau_is_as_written(row: dict[str, str]) -> None:
    trace = reduce_on_plateau(numbers(row["metric"]), **settings_of(row))
    assert_as_written(trace, row["lrcore"])


@pytest.mark.parametrize("peer", PEERS)
@each_plateau
def test_the_plateaus_of_others_are_as_written(row: Any, peer: str, answers: Any) -> None:
    trace = answers(PEERS[peer], numbers(row["metric"]), settings_of(row))
    assert_as_written(trace, row[peer])


@each_stop
def test_early_stopping_is_as_written(row: dict[str, str]) -> None:
    assert early_stopping(numbers(row["metric"]), **settings_of(row)) == row["lrcore"]


@each_stop
def test_the_stops_of_keras_are_as_written(row: dict[str, str], answers: Any) -> None:
    assert answers("keras_stop", numbers(row["metric"]), settings_of(row)) == row["Keras"]


@pytest.mark.parametrize("peer", ["keras", "optax"])
def test_any_positive_series_has_the_plateaus_of_others(peer: str, answers: Any) -> None:
    for question in RANDOM:
        if question[0] == peer:
            settings = dict(question[2])
            if "min_delta" in settings:
                settings |= {"rel": 0.0, "abs": settings.pop("min_delta")}
            assert reduce_on_plateau(question[1], **settings) == answers(*question)


def test_any_series_stops_where_keras_stops(answers: Any) -> None:
    for question in RANDOM:
        if question[0] == "keras_stop":
            assert early_stopping(question[1], **question[2]) == answers(*question)


@pytest.mark.parametrize("question", POLYAK)
def test_polyak_steps_as_that_of_optax(question: Any, answers: Any) -> None:
    _, (value, *g), settings = question
    polyak = lrc.Polyak(settings["f_min"], max_scale=settings["max_learning_rate"])
    polyak.update(value, grads=np.array(g))
    # optax computes in float32
    np.testing.assert_allclose(-polyak.scale * np.array(g), answers(*question), rtol=1e-6)


def test_the_examples_run() -> None:
    scope: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(block, "docs/guide/controllers.md", "exec"), scope)
    assert math.isfinite(scope["loss"])
