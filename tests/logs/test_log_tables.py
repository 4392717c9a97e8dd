"""Tables in text: separators, headers, decimal commas, and files of several runs."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrcore.logs.columns import Choice, choose
from lrcore.logs.files import read_log

CURVE = (0.3 + 2 * np.exp(-np.arange(60) / 6)).tolist()
ROWS = list(enumerate(CURVE))


def chosen(text: str, column: str | None = None) -> Choice:
    return choose(read_log(text.encode()), column)


def table(row: str, header: str = "") -> str:
    """A row for each loss, with its number."""
    return header + "".join(row.format(k=k, x=x) for k, x in ROWS)


TABLES = {
    "an index and a series without a name": (",0\n", "{k},{x}\n"),
    "a series without a name": ("0\n", "{x}\n"),
    "a frame without names": ("0,1\n", "{k},{x}\n"),
    "a comment": ("# run 7\n", "{k},{x}\n"),
    "comments": ("# by me, 2024\n# lr = 0.1\n#\n", "{k} {x}\n"),
    "a header in a comment": ("# step loss\n", "{k} {x}\n"),
    "a header in the first comment": ("# step loss\n# run 7\n", "{k} {x}\n"),
    "a comment of MATLAB": ("% step loss\n", "{k} {x}\n"),
    "a title": ("My run\n\nepoch,loss\n", "{k},{x}\n"),
    "a title over one column": ("My run\nloss\n", "{x}\n"),
    "a separator for spreadsheets": ("sep=;\nepoch;loss\n", "{k};{x}\n"),
    "row names of R": ('"step","loss"\n', '"{k}",{k},{x}\n'),
    "row names of R beside one column": ('"loss"\n', '"{k}",{x}\n'),
    "empty cells at the end": ("step,loss\n", "{k},{x},\n"),
    "bars": ("| step | loss |\n|---|---|\n", "| {k} | {x} |\n"),
    "a header in two lines": (
        "| Epoch | Mini-batch | Mini-batch |  Rate  |\n"
        "|       | Accuracy   |    Loss    |        |\n"
        "|=======================================|\n",
        "| {k} | 11.72% | {x} | 0.0100 |\n",
    ),
    "blanks and lines": ("step   train loss\n----   ----------\n", "{k}  {x}\n"),
    "blanks after commas": ("step, loss\n", "{k}, {x}\n"),
    "dates": ("", "2024-01-01 00:00:{k},{x}\n"),
    "dates by blanks": ("", "2024-01-01 00:00:{k} {x}\n"),
    "missing cells": ("step,loss\n", "{k},NA\n{k},{x}\n{k},\n{k},None\n"),
    "a header twice": ("step,loss\nstep,loss\n", "{k},{x}\n"),
    "names with decimals": ("mAP_0.5,loss\n", "0.5,{x}\n"),
    "a column of words": ("state,loss,done\n", "RUNNING,{x},False\n"),
    "quotes": ('"step","loss"\n', '"{k}","{x}"\n'),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_first_lines_are_told_from_losses(name: str) -> None:
    header, row = TABLES[name]
    assert chosen(table(row, header)).losses == CURVE


@pytest.mark.parametrize(
    ("text", "losses"),
    [
        ("1\n0.5\n0.25\n", [1, 0.5, 0.25]),
        ("0,1\n1,0.5\n2,0.25\n", [1, 0.5, 0.25]),
        ("8\n4\n2\n1\n", [8, 4, 2, 1]),
        ("1\n2\n3\n4\n", [1, 2, 3, 4]),
        ("0,8\n1,4\n2,2\n", [8, 4, 2]),
        ("loss\n1e400\n-inf\n2\n", [float("inf"), float("-inf"), 2]),
        ("loss\n7\n", [7]),
        ("7", [7]),
    ],
)
def test_whole_numbers_are_losses_too(text: str, losses: list[float]) -> None:
    assert chosen(text).losses == losses


def test_a_decimal_comma_is_no_separator() -> None:
    for separator in ";\t|":
        text = table("{k}" + separator + "{x}\n").replace(".", ",")
        assert chosen(text).losses == CURVE
    assert chosen(table("{k} {x}\n").replace(".", ",")).losses == CURVE
    assert chosen(table("{x}\n", "loss\n").replace(".", ",")).losses == CURVE
    assert chosen("step,loss\n" + "".join(f'{k},"{k},5"\n' for k in range(9))).losses[1] == 1.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2,43\n2,31\n1,9\n", "line 1: '2,43' may be one number with a decimal comma or two"),
        ("e;loss\n1;2,301\n2;1,853\n", "line 2: '2,301' may be 2.301 or 2301"),
        ('e,loss\n1,"2,301.5"\n2,"1,853.2"\n', "line 2: '2,301.5' is not a loss: write it without"),
        ("e;loss\n1;2.301.500\n2;1.853.200\n", "line 2: '2.301.500' is not a loss: write it with"),
        ("e;loss\n1;2.3\n2;1,85\n", "line 3: '1,85' has a comma where other losses have a decimal"),
        ("loss\n0.5\n1_000\n", "line 3: '1_000' is not a loss"),
        ("s,loss\n1,tensor(0.5)\n2,tensor(0.4)\n", "line 2: 'tensor(0.5)' is not a loss: write"),
        ("1,tensor(0.5)\n2,tensor(0.4)\n3,tensor(0.3)\n", "line 1: 'tensor(0.5)' is not a loss"),
        ("tensor(0.5)\n0.4\n0.3\n", "line 1: 'tensor(0.5)' is not a loss"),
        ("0.5\n0.4\n\nnp.float64(0.3)\n", "line 4: 'np.float64(0.3)' is not a loss: write"),
        ("loss\nhigh\n0.5\n0.4\n0.3\n", "line 2: 'high' is not a loss"),
        ("e,loss\n1,2\n2,1,0.1\n3,1\n4,1\n", "line 3: there are 3 cells where 2 are wanted"),
        ("e,loss\n" + "1,2\n" * 20 + "mean,2\n", "line 22: the row begins with 'mean'"),
        ("e,loss\n1,2\n2,1\nKilled\n", "line 4: 'Killed' is no row of the table"),
        ("e,loss\n1,2\n2,1\n3;0.5\n", "line 4: '3;0.5' is no row of the table"),
    ],
)
def test_what_is_not_understood_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        chosen(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{k},{x}\n", "epoch,loss\n"),
        ("{k},{x}\n", "# resumed\n"),
        ("{k},{x}\n", "\nepoch,loss\n\n"),
    ],
)
def test_a_resumed_run_may_write_its_header_again(before: str, after: str) -> None:
    rows = [before.format(k=k, x=x) for k, x in ROWS]
    text = "epoch,loss\n" + "".join(rows[:40]) + after + "".join(rows[40:])
    assert chosen(text).losses == CURVE


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("epoch,loss,lr\n", "{k},{x},0.1\n"),
        ("loss,epoch\n", "{x},{k}\n"),
        ("epoch,accuracy,loss\n", "{k},0.5,{x}\n"),
    ],
)
def test_a_resumed_run_may_have_other_columns(header: str, row: str) -> None:
    old = "".join(f"{k},{x}\n" for k, x in ROWS[:30])
    new = "".join(row.format(k=k, x=x) for k, x in ROWS[30:])
    found = chosen(f"epoch,loss\n{old}{header}{new}")
    assert (found.losses, found.name) == (CURVE, "loss")


def test_epochs_may_begin_again() -> None:
    text = "".join(f"{k % 20},{x}\n" for k, x in ROWS)
    assert chosen(text).losses == CURVE
    assert chosen("epoch,train_loss\n" + text).losses == CURVE


def test_a_quoted_cell_may_hold_the_separator_and_ends_of_lines() -> None:
    text = "".join(f'"a, b\n""c""",{x}\n' for x in CURVE)
    assert chosen("note,loss\n" + text).losses == CURVE
    with pytest.raises(ValueError, match="line 6: 'high' is not a loss"):
        chosen('note,loss\n"a\nb",1\n"a\nb",2\na,high\n')


LOSSES = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=30)


@given(
    losses=LOSSES,
    separator=st.sampled_from([",", ";", "\t", "|", " "]),
    comma=st.booleans(),
    header=st.booleans(),
    index=st.booleans(),
    extra=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_losses_are_read_back_from_any_dialect(
    losses: list[float],
    separator: str,
    comma: bool,
    header: bool,
    index: bool,
    extra: bool,
    end: str,
) -> None:
    comma = comma and separator != ","
    # without names nobody can tell two columns of numbers, or commas in one column, apart
    header = header or extra or (comma and not index)
    texts = [f"{x:.17e}" for x in losses]  # never three decimals, as of thousands
    rows = [
        [str(k)] * index + [text.replace(".", ",") if comma else text] + ["0.1"] * extra
        for k, text in enumerate(texts)
    ]
    names = ["step"] * index + ["train_loss"] + ["lr"] * extra
    lines = [separator.join(row) for row in ([names] if header else []) + rows]
    assert chosen(end.join(lines) + end).losses == losses
