"""JSON documents of several tools, JSON lines, and what is broken in them."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrcore.logs.columns import Choice, choose
from lrcore.logs.files import read_log

CURVE = (0.3 + 2 * np.exp(-np.arange(60) / 6)).tolist()
HIGHER = [2 * x for x in CURVE]


def chosen(text: str, column: str | None = None) -> Choice:
    return choose(read_log(text.encode()), column)


DOCUMENTS: dict[str, tuple[Any, str, str | None]] = {
    "a list": (CURVE, "1", None),
    "a list for each name": ({"loss": CURVE, "val_loss": HIGHER}, "loss", "val_loss"),
    "inside of an object": (
        {"history": {"loss": CURVE, "val_loss": HIGHER}, "params": {"lr": 0.1}, "epoch": [0, 1]},
        "history.loss",
        "history.val_loss",
    ),
    "metrics of each part": (
        {"train": {"logloss": CURVE, "error": HIGHER}, "val": {"logloss": HIGHER, "error": CURVE}},
        "train.logloss",
        "val.logloss",
    ),
    "one metric of each part": (
        {"training": {"l2": CURVE}, "valid_1": {"l2": HIGHER}},
        "training.l2",
        "valid_1.l2",
    ),
    "steps beside values": (
        {"training.loss": {"steps": list(range(60)), "values": CURVE}},
        "training.loss.values",
        None,
    ),
    "a list of records": (
        [{"epoch": k, "train_loss": x, "valid_loss": 2 * x} for k, x in enumerate(CURVE)],
        "train_loss",
        "valid_loss",
    ),
    "records with batches": (
        [{"batches": [{"train_loss": 2 * x}] * 2, "train_loss": x, "ok": True} for x in CURVE],
        "train_loss",
        None,
    ),
    "records of steps and of evaluations": (
        {
            "log_history": [
                record for x in CURVE for record in ({"loss": x, "step": 1}, {"eval_loss": 2 * x})
            ]
            + [{"train_loss": 0.5}]
        },
        "log_history[].loss",
        "log_history[].eval_loss",
    ),
    "a list of records for each part": (
        {"train": [{"loss": x} for x in CURVE], "val": [{"loss": x} for x in HIGHER]},
        "train[].loss",
        "val[].loss",
    ),
    "a table of pandas": (
        {"loss": dict(enumerate(CURVE)), "val_loss": dict(enumerate(HIGHER))},
        "loss",
        "val_loss",
    ),
    "records under their numbers": (
        {k: {"loss": x, "val_loss": 2 * x} for k, x in enumerate(CURVE)},
        "loss",
        "val_loss",
    ),
    "learn and test": (
        {
            "iterations": [
                {"learn": [x], "iteration": k, "test": [1.0]} for k, x in enumerate(CURVE)
            ]
        },
        "iterations[].learn[0]",
        None,
    ),
    "rows": ([[1.7e9 + k, k, x] for k, x in enumerate(CURVE)], "3", None),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_losses_are_found_in_documents_of_many_forms(name: str) -> None:
    document, column, validation = DOCUMENTS[name]
    for indent in (None, 2):
        found = chosen(json.dumps(document, indent=indent))
        assert (found.losses, found.name, found.validation_name) == (CURVE, column, validation)
        assert found.validation in (None, HIGHER)
        assert chosen(json.dumps(document), column).losses == CURVE


def test_json_lines_may_be_of_several_kinds() -> None:
    lines = [json.dumps(line) for x in CURVE for line in ({"loss": x}, {"eval": {"loss": 2 * x}})]
    found = chosen("\n".join(lines) + "\n\n")
    assert (found.losses, found.validation) == (CURVE, HIGHER)
    assert (found.name, found.validation_name) == ("loss", "eval.loss")


def test_numbers_may_be_words_and_null_is_missing() -> None:
    text = '{"loss": [2, null, "1.5", NaN, "Infinity", -Infinity]}'
    expected = [2, 1.5, np.nan, np.inf, -np.inf]
    assert np.array_equal(chosen(text).losses, expected, equal_nan=True)


def test_whole_numbers_beyond_floats_are_infinite() -> None:
    large = "1" + "0" * 400
    text = f'{{"loss": [1, {large}, -{large}]}}'
    assert chosen(text).losses == [1, np.inf, -np.inf]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"loss": [1.0,\n 2.0,', "line 2: broken JSON"),
        ('[{"loss": 1.0},\n{"loss" 2.0}]', "line 2: broken JSON: Expecting ':' delimiter"),
        ('{"loss": 1.0}\n{"loss": 2.0}\n{"lo', "line 3: broken JSON"),
        ('{"loss": 1.0}\n\n{"loss": "high"}\n{"loss": 1}\n', "line 3: 'high' is not a loss"),
        ('{"loss": ["high", "low"]}', "entry 1 of loss: 'high' is not a loss"),
        ('{"train": {"loss": 0.1}, "step": 3}', "single values (train.loss, step): no curve"),
        ("{}", "it is JSON and holds no list"),
        ("[]", "it is JSON and holds no list"),
        ('{"val_loss": [1, 2]}', "validation losses alone (val_loss)"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_broken_or_no_curve_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        chosen(text)


def test_objects_between_other_lines_are_read_as_text() -> None:
    lines = "".join(f'{{"step": {k}, "loss": {x}}}\nsaved\n' for k, x in enumerate(CURVE))
    assert chosen(lines).losses == CURVE


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["loss", "val_loss", "a", ""]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(document=JSON)
def test_any_document_is_judged_or_refused(document: Any) -> None:
    with contextlib.suppress(ValueError):
        assert chosen(json.dumps(document)).losses
