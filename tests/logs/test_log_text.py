"""Printed text: names beside numbers, tables between messages, codes of terminals."""

from __future__ import annotations

import contextlib
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import DATA

from lrcore.logs.columns import Choice, choose
from lrcore.logs.files import read_log
from lrcore.logs.text import plain

CURVE = [round(x, 4) for x in (0.3 + 2 * np.exp(-np.arange(60) / 6)).tolist()]
HIGHER = [round(2 * x, 4) for x in CURVE]
LOGS = DATA / "logs"


def chosen(text: str, column: str | None = None) -> Choice:
    return choose(read_log(text.encode()), column)


LINES = {
    "Iteration {k}, loss = {x}\n": ("loss", None),
    "epoch {k} loss {x}\n": ("loss", None),
    "iter {k}: loss {x}, time 5.23ms, mfu 1.2%\n": ("loss", None),
    "step {k}: train loss {x}, val loss {y}\n": ("train loss", "val loss"),
    "Epoch [{k}/60], Loss: {x}\n": ("Loss", None),
    "Epoch {k} | Train: loss={x} acc=0.9 | Val: loss={y} acc=0.8\n": ("Train loss", "Val loss"),
    "Epoch {k}\n  train loss: {x}\n  val loss: {y}\n": ("train loss", "val loss"),
    "Training:\nloss: {x}\nValidation:\nloss: {y}\n": ("Training loss", "Validation loss"),
    "Train Epoch: 1 [{k}/60000 (0%)]\tLoss: {x}\nTest set: Average loss: 1, Accuracy: 9/10\n": (
        "Train Loss",
        None,
    ),
    "Epoch: [0][ {k}/391]\tTime  0.5 ( 0.5)\tLoss {x} ({y})\tAcc@1 1.0 (1.0)\n": ("Loss", None),
    "| epoch 1 | {k}/ 2983 batches | lr 20.00 | ms/batch 5.40 | loss  {x} | ppl 2\n": (
        "loss",
        None,
    ),
    "{{'loss': '{x}', 'grad_norm': '0.69', 'epoch': '0.4'}}\n": ("loss", None),
    "{{'loss': {x}, 'eval_loss': {y}}}\n": ("loss", "eval_loss"),
    "[{k}]\ttrain-rmse:{x}\teval-rmse:{y}\n": ("train-rmse", "eval-rmse"),
    "[{k}]\ttraining's l2: {x}\tvalid_0's l2: {y}\n": ("training's l2", "valid_0's l2"),
    "2024-01-01 00:00:00,570 train INFO: Epoch[1] Loss: {x}\n": ("train Loss", None),
    "\x1b[1m{k}/60\x1b[0m \x1b[32m━━\x1b[0m 5ms/step - loss: {x} - val_loss: {y}\r": (
        "loss",
        "val_loss",
    ),
    "loss {x} - val_loss {y}\nEpoch {k}: val_loss improved from 2.0 to {y}, saving it\n": (
        "loss",
        "val_loss",
    ),
    "Loss after iteration {k}: {x}\n": ("Loss", None),
    "Cost after epoch {k} = {x}\n": ("Cost", None),
    ">epoch={k}, lrate=0.500, error={x}\n": ("error", None),
    "{k}:\tlearn: {x}\ttest: {y}\tbest: {y} ({k})\ttotal: 50ms\n": ("learn", None),
    "-- Epoch {k}\nNorm: 1.2, NNZs: 64, Bias: -0.1, T: 100, Avg. loss: {x}\n": ("Avg. loss", None),
    "\rAverage Loss = {x}: 5%|▌ | {k}/10000 [00:01<00:10, 900it/s]": ("Average Loss", None),
    "I01 a.cpp:9] Iteration {k}\nI01 a.cpp:24]     Train net output #0: loss = {x} (* 1 = {x})\n": (
        "Train loss",
        None,
    ),
    "[12:00 events]: eta: 0:10:00  iter: {k}  total_loss: {x}  loss_cls: 1.5  loss_box: 0.1\n": (
        "total_loss",
        None,
    ),
    "| lr: 1.0E-04 | lm loss: {x} | loss scale: 1.0 | grad norm: 1.2 |\n": ("lm loss", None),
    " 2%|▏   | {k}/440 [00:00<00:00, 1133.50it/s, loss={x}, lr=0.0001]\r": ("loss", None),
}


@pytest.mark.parametrize("line", LINES)
def test_the_losses_are_found_in_lines_of_many_forms(line: str) -> None:
    text = "".join(line.format(k=k, x=x, y=2 * x) for k, x in enumerate(CURVE))
    found = chosen(f"Loading data ...\nUsing 2 workers\n{text}\nDone in 5.2 s.\n")
    assert found.losses == CURVE
    assert (found.name, found.validation_name) == LINES[line]
    assert found.validation is None or found.validation == [2 * x for x in CURVE]


PARTED = {
    "train epoch: {k}, loss: {x}\neval epoch: {k}, loss: {y}\n": ("train loss", "eval loss"),
    "Train Epoch {k} Loss {x}\nVal Epoch {k} Loss {y}\n": ("Train Loss", "Val Loss"),
    "Training step {k}: loss = {x}\nValidation step {k}: loss = {y}\n": (
        "Training loss",
        "Validation loss",
    ),
    "train epoch {k} loss {x}\ndev epoch {k} loss {y}\n": ("train loss", "dev loss"),
    "split=train epoch={k} loss={x}\nsplit=val epoch={k} loss={y}\n": ("train loss", "val loss"),
    "loss={x} split=train\nloss={y} split=val\n": ("train loss", "val loss"),
    "mode: train, lr: 0.1, loss: {x}\nmode: val, lr: 0.1, loss: {y}\n": ("train loss", "val loss"),
    "{{'loss': {x}, 'phase': 'train'}}\n{{'loss': {y}, 'phase': 'val'}}\n": (
        "train loss",
        "val loss",
    ),
    "epoch {k} loss {x} (train)\nepoch {k} loss {y} (val)\n": ("train loss", "val loss"),
    "epoch {k} loss {x} acc 9% | train\nepoch {k} loss {y} acc 9% | val\n": (
        "train loss",
        "val loss",
    ),
    "epoch {k} loss {x} on train\nepoch {k} loss {y} on val\n": ("train loss", "val loss"),
    "epoch {k} loss {x} (train) loss {y} (val)\n": ("train loss", "val loss"),
    "epoch {k} (train) loss {x}\nepoch {k} (val) loss {y}\n": ("train loss", "val loss"),
    "Training epoch {k}\nloss: {x}\nValidation epoch {k}\nloss: {y}\n": (
        "Training loss",
        "Validation loss",
    ),
    # What is no part of all in the line, or below it, stays aside.
    "train epoch: {k}, loss: {x}, eval_loss: {y}\n": ("train loss", "eval_loss"),
    "Epoch {k} loss {x} acc 0.5 | val: loss {y} acc 0.8\n": ("loss", "val loss"),
    "Epoch {k} loss {x} acc 0.5 | val: acc 0.8\n": ("loss", None),
    "Epoch {k}, Loss: {x}, Test Accuracy: 91.2%\n": ("Loss", None),
    "Epoch {k}: loss {x} - starting validation\n": ("loss", None),
    "epoch {k} loss {x}\nValidation epoch {k}\nval_loss: {y}\n": ("loss", "val_loss"),
}


@pytest.mark.parametrize("lines", PARTED)
def test_lines_of_training_and_of_validation_are_told_apart(lines: str) -> None:
    text = "".join(lines.format(k=k, x=x, y=2 * x) for k, x in enumerate(CURVE))
    found = chosen(text)
    assert (found.name, found.validation_name) == PARTED[lines]
    assert found.losses == CURVE
    assert found.validation is None or found.validation == [2 * x for x in CURVE]


def test_printed_numbers_may_have_decimal_commas() -> None:
    text = "".join(f"Epoch {k}, loss: {x}\n" for k, x in enumerate(CURVE)).replace(".", ",")
    assert chosen(text).losses == CURVE
    text = "".join(f"Epoch {k} loss {x:.4f} acc 0.9\n" for k, x in enumerate(CURVE))
    assert chosen(text.replace(".", ",")).losses == CURVE


def test_infinite_and_nan_losses_are_losses() -> None:
    text = "step 0 loss 2.5\nstep 1 loss inf\nstep 2 loss -inf\nstep 3 loss nan\nstep 4 loss NaN\n"
    expected = [2.5, np.inf, -np.inf, np.nan, np.nan]
    assert np.array_equal(chosen(text).losses, expected, equal_nan=True)


def test_a_table_may_stand_between_messages() -> None:
    rows = "".join(f"{k:5}  {x:10}  {2 * x:10.4f}  1.2s\n" for k, x in enumerate(CURVE))
    head = "Epoch  Train Loss  Valid Loss  Time left\n-----  ----------  ----------  ---------\n"
    found = chosen(f"Loading 3 files\nlearning rate: 0.1\n\n{head}{rows}\nSaved to disk.\n")
    assert (found.losses, found.name) == (CURVE, "Train Loss")
    assert found.validation_name == "Valid Loss"


def test_a_message_inside_of_a_table_is_named() -> None:
    rows = [f"{k} {x}\n" for k, x in enumerate(CURVE)]
    text = "step loss\n" + "".join([*rows[:30], "saved it all\n", *rows[30:]])
    with pytest.raises(ValueError, match="line 32"):
        chosen(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loss: tensor(0.5)\nloss: tensor(0.4)\n", "line 1: 'tensor(0.5)' is not a loss: write"),
        ("{'loss': np.float64(0.5)}\n" * 2, "line 1: 'np.float64(0.5)' is not a loss: write"),
        ("val loss: 0.5\nval loss: 0.4\n", "validation losses alone (val loss)"),
        ("Validation\nEval: loss 0.5\nEval: loss 0.4\n", "validation losses alone (Eval loss)"),
        ("loss after 1 step\nloss after 2 step\nloss after 3 step\n", "without columns of numbers"),
        ("Epoch 1 mae: 1 mse: 2\nEpoch 2 mae: 1 mse: 1\n", "more than one column may hold"),
        ("Train Epoch: 1\nTrain Epoch: 2\n", "no column is sure to hold the training losses"),
        ("loss: 2,301\nloss: 1,853\n", "line 1: '2,301' may be 2.301 or 2301"),
        ("took 5 s\ntook 6 s\n", "text without columns of numbers, and begins with 'took 5 s'"),
        ("loss went down\nall is well\n", "text without columns of numbers"),
    ],
)
def test_text_without_training_losses_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        chosen(text)


@pytest.mark.parametrize(
    "part", ["a-", "a'", "a ", "- ", "=:", "loss: a(", "train ", "\x1b[", "{", '"', "1,", " \n"]
)
def test_a_line_of_any_length_is_judged_or_refused(part: str) -> None:
    with contextlib.suppress(ValueError):
        assert chosen(20_000 * part).losses


def test_codes_of_terminals_are_no_text() -> None:
    coloured = "\x1b[1;31mred\x1b[0m \x1b]0;title\x07and \x1b[38;5;4mblue\x1b[0m\x1b[K\r\n"
    assert plain(coloured) == "red and blue\n"
    assert plain("1/9\b\b\b\r2/9\b\b\b3/9\r4/9") == "1/9\n2/9\n3/9\n4/9"


@given(
    name=st.sampled_from(sorted(path.name for path in LOGS.iterdir())),
    at=st.floats(0, 1),
    change=st.sampled_from(["cut", "drop", "double"]) | st.binary(min_size=1, max_size=6),
)
def test_any_change_of_a_log_is_judged_or_refused(
    name: str, at: float, change: str | bytes
) -> None:
    data = (LOGS / name).read_bytes()
    k = int(at * len(data))
    middle = {"cut": b"", "drop": data[k + 9 :], "double": data[max(k - 99, 0) :]}
    added = change + data[k:] if isinstance(change, bytes) else middle[change]
    with contextlib.suppress(ValueError):
        assert choose(read_log(data[:k] + added)).losses
