"""The traces in docs/controllers.md, cell by cell: lrcore's always, the others' where installed."""

from __future__ import annotations

import math
import os
import re
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrcore as lrc

PAGE = Path(__file__).parent.parent / "docs" / "controllers.md"
if not PAGE.exists():
    pytest.skip("docs are not part of a source distribution", allow_module_level=True)


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


def settings_of(row: dict[str, str]) -> dict[str, Any]:
    return {"lr": 1.0, "factor": 0.5, **eval(f"dict({row['settings']})")}


def torch_trace(values: list[float], lr: float, **settings: Any) -> list[float]:
    torch = pytest.importorskip("torch")
    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, **settings)
    rates = []
    for value in values:
        scheduler.step(value)
        rates.append(opt.param_groups[0]["lr"])
    return rates


def keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        return pytest.importorskip("keras", exc_type=ImportError)


def keras_trace(values: list[float], lr: float, **settings: Any) -> list[float]:
    callback = keras().callbacks.ReduceLROnPlateau("metric", **{"mode": "min", **settings})
    opt = SimpleNamespace(learning_rate=lr)
    callback.set_model(SimpleNamespace(optimizer=opt))
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"metric": value})
        rates.append(float(opt.learning_rate))
    return rates


def optax_trace(
    values: list[float], lr: float, min_lr: float = 0.0, **settings: Any
) -> list[float]:
    optax = pytest.importorskip("optax")
    if "mode" in settings:
        return []
    plateau = optax.contrib.reduce_on_plateau(min_scale=min_lr / lr, **settings)
    state = plateau.init(np.zeros(1))
    rates = []
    for value in values:
        _, state = plateau.update(np.zeros(1), state, value=value)
        rates.append(lr * float(state.scale))
    return rates


def lrcore_trace(values: list[float], lr: float, **settings: Any) -> list[float] | None:
    try:
        plateau = lrc.ReduceOnPlateau(**settings)
    except ValueError:
        return None
    rates = []
    for value in values:
        plateau.update(value)
        rates.append(plateau.rate(lr))
    return rates


TRACES = {
    "torch": torch_trace,
    "Keras": keras_trace,
    "optax": optax_trace,
    "lrcore": lrcore_trace,
}


def keras_stop(values: list[float], **settings: Any) -> str:
    names = {"start_from": "start_from_epoch"}
    renamed = {names.get(key, key): value for key, value in settings.items()}
    callback = keras().callbacks.EarlyStopping("metric", **{"mode": "min", **renamed})
    model = SimpleNamespace(stop_training=False)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"metric": value})
        if model.stop_training:
            return f"stops at {epoch}, best {callback.best:g}"
    return f"goes on, best {callback.best:g}"


def lrcore_stop(values: list[float], **settings: Any) -> str:
    stopping = lrc.EarlyStopping(**settings)
    for n, value in enumerate(values):
        if stopping.update(value):
            return f"stops at {n}, best {shown(stopping.best)}"
    return f"goes on, best {shown(stopping.best)}"


def shown(best: float | None) -> str:
    return "None" if best is None else f"{best:g}"


STOPS = {"Keras": keras_stop, "lrcore": lrcore_stop}


@pytest.mark.parametrize("library", TRACES)
@pytest.mark.parametrize("row", table("settings"), ids=lambda row: row["settings"])
def test_a_trace_of_reduce_on_plateau_is_as_written(row: dict[str, str], library: str) -> None:
    trace = TRACES[library](numbers(row["metric"]), **settings_of(row))
    if row[library] in ("refused", "no such mode"):
        assert not trace
    else:
        # Keras and optax keep the rate in float32
        assert trace == pytest.approx(numbers(row[library]), rel=2**-23)


@pytest.mark.parametrize("library", STOPS)
@pytest.mark.parametrize("row", table("stopping"), ids=lambda row: row["stopping"])
def test_a_trace_of_early_stopping_is_as_written(row: dict[str, str], library: str) -> None:
    settings = eval(f"dict({row['stopping']})")
    assert STOPS[library](numbers(row["metric"]), **settings) == row[library]


# Quarters, so that no margin is a matter of rounding.
QUARTERS = st.lists(st.integers(1, 20).map(lambda n: n / 4), min_size=1, max_size=25)


@settings(deadline=None)
@given(QUARTERS, st.integers(1, 4), st.sampled_from([0.0, 0.5]), st.sampled_from(["min", "max"]))
def test_any_series_has_the_plateaus_of_keras(
    values: list[float], patience: int, margin: float, mode: str
) -> None:
    common = {"factor": 0.5, "patience": patience, "mode": mode}
    theirs = keras_trace(values, 1.0, **common, min_delta=margin)
    assert lrcore_trace(values, 1.0, **common, rel=0.0, abs=margin) == theirs


@settings(deadline=None, max_examples=10)
@given(QUARTERS, st.integers(1, 4), st.integers(0, 3))
def test_any_positive_series_has_the_plateaus_of_optax(
    values: list[float], patience: int, cooldown: int
) -> None:
    common = {"factor": 0.5, "patience": patience, "cooldown": cooldown}
    assert lrcore_trace(values, 1.0, **common) == optax_trace(values, 1.0, **common)


@settings(deadline=None)
@given(
    QUARTERS,
    st.fixed_dictionaries(
        {
            "patience": st.integers(1, 4),
            "min_delta": st.sampled_from([0.0, 0.5]),
            "mode": st.sampled_from(["min", "max"]),
            "baseline": st.sampled_from([None, 1.0, 3.0]),
        }
    ),
)
def test_any_series_stops_where_keras_stops(values: list[float], options: dict[str, Any]) -> None:
    assert lrcore_stop(values, **options) == keras_stop(values, **options)


def test_polyak_is_that_of_optax() -> None:
    optax = pytest.importorskip("optax")
    rng = np.random.default_rng(0)
    g = rng.standard_normal(5).astype(np.float32)
    for value, f_min, limit in ((0.5, 0.0, 1.0), (0.5, 0.25, 1.0), (50.0, 0.0, 1.0)):
        peer = optax.polyak_sgd(f_min=f_min, max_learning_rate=limit)
        updates, _ = peer.update(g, peer.init(g), g, value=value)
        ours = lrc.Polyak(f_min, max_scale=limit)
        ours.update(value, grads=g)
        # optax computes in float32
        np.testing.assert_allclose(-ours.scale * g, updates, rtol=1e-6)


def test_the_examples_run() -> None:
    scope: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(block, "docs/controllers.md", "exec"), scope)
    assert math.isfinite(scope["loss"])
