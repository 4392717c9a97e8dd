"""Cells that are NaN where a row has no value, and rows that stand newest first."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lrcore.logs.columns import Choice, choose
from lrcore.logs.files import read_log

CURVE = [round(x, 4) for x in (0.3 + 2 * np.exp(-np.arange(40) / 6)).tolist()]
HIGHER = [round(2 * x, 4) for x in CURVE]


def chosen(header: str, rows: str, end: str = "") -> Choice:
    """Of a table; `r` counts down."""
    pairs = enumerate(zip(CURVE, HIGHER, strict=True))
    filled = "".join(rows.format(k=k, r=39 - k, e=(39 - k) // 10, x=x, y=y) for k, (x, y) in pairs)
    return choose(read_log(f"{header}\n{filled}{end}".encode()))


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("epoch,train_loss,val_loss", "{k},{x},nan\n{k},nan,{y}\n"),
        ("epoch,val_loss,train_loss", "{k},NaN,{x}\n{k},{y},NaN\n"),
        ("epoch,train_loss,lr,val_loss", "{k},{x},0.1,nan\n{k},nan,nan,{y}\n"),
        ("train_loss,train_mae,val_loss,val_mae", "{x},1,nan,nan\nnan,nan,{y},2\n"),
        ("train_loss,val_loss,test_loss", "{x},nan,nan\nnan,{y},nan\nnan,nan,{k}\n"),
        ("train,val", "{x},nan\nnan,{y}\n"),
    ],
)
def test_nan_is_no_loss_where_the_other_part_has_its_row(header: str, rows: str) -> None:
    found = chosen(header, rows)
    assert (found.losses, found.validation) == (CURVE, HIGHER)
    assert found.rows == rows.count("\n") * len(CURVE)


@pytest.mark.parametrize(
    ("header", "rows", "end"),
    [
        ("epoch,train_loss,val_loss", "{k},{x},{y}\n", "41,nan,nan\n"),
        ("epoch,train_loss,val_loss", "{k},{x},nan\n{k},nan,{y}\n", "41,nan,nan\n42,nan,nan\n"),
        ("epoch,train_loss,val_loss", "{k},{x},{y}\n", "41,nan,2\n"),
        ("epoch,train_loss", "{k},{x}\n", "41,nan\n"),
        ("epoch,train_loss,accuracy", "{k},{x},nan\n", "41,nan,0.5\n"),
    ],
)
def test_losses_of_a_run_that_broke_stay_nan(header: str, rows: str, end: str) -> None:
    assert math.isnan(chosen(header, rows, end).losses[-1])


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("step,loss", "{r},{x}\n"),
        ("global_step,lr,loss", "{r},{x},{x}\n"),
        ("epoch,step,loss", "{e},{r},{x}\n"),
        ("epoch,phase,loss", "{r},train,{x}\n{r},val,{y}\n"),
        ("epoch,train_loss,val_loss", "{r},{x},{y}\n"),
    ],
)
def test_rows_with_the_newest_first_are_reversed(header: str, rows: str) -> None:
    found = chosen(header, rows)
    assert (found.losses, found.reversed) == (CURVE[::-1], True)
    assert found.validation in (None, HIGHER[::-1])


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("step,loss", "{k},{x}\n"),
        ("epoch,loss", "{e},{x}\n"),
        ("remaining_steps,loss", "{r},{x}\n"),
        ("lr,loss", "{r},{x}\n"),
        ("epoch,step,loss", "{k},{r},{x}\n"),
        ("step,loss", "{x},{y}\n"),
    ],
)
def test_rows_stay_in_their_order_unless_all_steps_fall(header: str, rows: str) -> None:
    found = chosen(header, rows)
    assert found.losses[0] > found.losses[-1]
    assert not found.reversed


def test_steps_of_few_rows_or_that_fall_once_reverse_nothing() -> None:
    for text in ("step,loss\n2,1\n1,2\n", "step,loss\n1,3\n2,2\n1,2\n2,1\n"):
        assert not choose(read_log(text.encode())).reversed


@pytest.mark.parametrize("separator", ["\t", " | ", "   "])
def test_no_log_is_a_missing_cell(separator: str) -> None:
    header = separator.join(["Epoch", "Training Loss", "Validation Loss"])
    early = separator.join(["0", "No log", "5.5"])
    rows = separator.join(["{k}", "{x}", "{y}"])
    found = chosen("\n".join([header, early, early, early]), f"{rows}\n")
    assert (found.losses, found.rows) == (CURVE, 43)
    assert found.validation == [5.5, 5.5, 5.5, *HIGHER]
