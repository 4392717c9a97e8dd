"""Controllers with any settings."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

COUNT = st.integers(1, 5)
FEW = st.integers(0, 4)
PART = st.floats(0, 0.9)
MODE = st.sampled_from(["min", "max"])
LIMIT = st.sampled_from([1.0, 1.5, 1e3])
# Values for every argument of every controller.
SETTINGS: dict[str, dict[str, Any]] = {
    "ReduceOnPlateau": {
        "factor": st.floats(1e-3, 0.999),
        "patience": COUNT,
        "mode": MODE,
        "rel": PART,
        "abs": PART,
        "cooldown": FEW,
        "min_lr": st.sampled_from([0.0, 1e-2]),
        "min_scale": st.sampled_from([0.0, 0.5]),
        "window": COUNT,
        "reference": st.sampled_from(["best", "window"]),
        "on_nan": st.sampled_from(["bad", "raise"]),
    },
    "EarlyStopping": {
        "patience": COUNT,
        "min_delta": PART,
        "mode": MODE,
        "restore_best": st.booleans(),
        "baseline": st.none() | st.floats(-1, 1),
        "start_from": FEW,
    },
    "Polyak": {"f_min": st.floats(-10, 10), "max_scale": st.none() | LIMIT},
    "BarzilaiBorwein": {
        "first": st.floats(1e-3, 10),
        "kind": st.sampled_from(["long", "short"]),
        "max_scale": LIMIT,
    },
    "DoG": {"start": st.floats(1e-8, 1)},
    "Hypergradient": {"beta": PART, "min_scale": PART, "max_scale": LIMIT},
}


@st.composite
def cases(draw: Any) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from(list(SETTINGS)))
    return name, draw(st.fixed_dictionaries(SETTINGS[name]))
