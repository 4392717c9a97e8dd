"""Which column is judged, which ones never are, and errors that list them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrcore.logs.cells import Column, Table
from lrcore.logs.columns import choose
from lrcore.logs.files import read_log

SIZE = 60
CURVES = {k: (k + 2 * np.exp(-np.arange(SIZE) / 6)).tolist() for k in range(6)}


def table(*names: str, kind: str = "a table set apart by commas") -> Table:
    """Column k holds `CURVES[k]`, but steps and epochs under their names."""
    counts: dict[str, list[float]] = {
        "step": [float(k) for k in range(SIZE)],
        "epoch": [float(k // 10) for k in range(SIZE)],
        "lr": [0.1] * SIZE,
    }
    cells = [counts.get(name, CURVES[k]) for k, name in enumerate(names)]
    lines = range(1, SIZE + 1)
    return Table(kind, [Column(n, c, lines) for n, c in zip(names, cells, strict=True)])


@pytest.mark.parametrize(
    ("names", "judged", "validation"),
    [
        ("epoch loss/train step", "loss/train", None),
        ("step train_loss lr", "train_loss", None),
        ("step train/loss eval/loss", "train/loss", "eval/loss"),
        ("epoch train_loss val_loss", "train_loss", "val_loss"),
        ("epoch val_loss train_loss", "train_loss", "val_loss"),
        ("epoch trainLoss valLoss", "trainLoss", "valLoss"),
        ("epoch trainloss validloss", "trainloss", "validloss"),
        ("epoch accuracy loss val_accuracy val_loss", "loss", "val_loss"),
        ("loss test_loss other", "loss", None),
        ("loss test_loss val_loss", "loss", "val_loss"),
        ("loss my_loss", "loss", None),
        ("loss train_loss", "train_loss", None),
        ("step train_loss_step train_loss_epoch", "train_loss_step", None),
        ("train/total_loss train/box_loss val/total_loss", "train/total_loss", "val/total_loss"),
        ("train/box_loss val/box_loss", "train/box_loss", "val/box_loss"),
        ("loss val_0_logloss", "loss", "val_0_logloss"),
        ("eval-rmse train-rmse", "train-rmse", "eval-rmse"),
        ("eval-rmse eval-logloss train-logloss", "train-logloss", "eval-logloss"),
        ("loss_scale loss_weight train_nll", "train_nll", None),
        ("loss_scale loss", "loss", None),
        ("train_loss train_loss_best", "train_loss", None),
        ("step cost", "cost", None),
        ("epoch accuracy objective", "objective", None),
        ("Step Value", "Value", None),
        ("step lr train", "train", None),
        ("step param_norm loss", "loss", None),
        (
            "my-test-run/train_loss my-test-run/val_loss",
            "my-test-run/train_loss",
            "my-test-run/val_loss",
        ),
        ("epoch training/loss training/val_loss", "training/loss", "training/val_loss"),
        ("epoch rmse val_rmse", "rmse", "val_rmse"),
        ("epoch val_mae mae", "mae", "val_mae"),
        ("epoch mse accuracy val_mse val_accuracy", "mse", "val_mse"),
        ("epoch nll eval_nll", "nll", "eval_nll"),
        ("epoch train val", "train", "val"),
        ("train valid", "train", "valid"),
        ("train val val_acc", "train", "val"),
        ("history.train history.val", "history.train", "history.val"),
        ("epoch train test", "train", None),
        ("epoch train accuracy val_accuracy", "train", None),
        ("lossless_ratio loss", "loss", None),
        ("glossary train_nll", "train_nll", None),
        ("step eta loss", "loss", None),
        ("losses val_losses", "losses", "val_losses"),
    ],
)
def test_the_training_loss_is_found_by_its_name(
    names: str, judged: str, validation: str | None
) -> None:
    words = names.split()
    found = choose(table(*words))
    assert (found.name, found.validation_name) == (judged, validation)
    assert found.losses == table(*words).columns[words.index(judged)].cells


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("train/box_loss train/cls_loss", "more than one column may hold the training losses"),
        ("policy_loss value_loss", "choose --column NAME from policy_loss, value_loss"),
        ("loss loss", "choose --column NAME from 1 (loss), 2 (loss)"),
        ("train.rmse train.mae", "choose --column NAME from train.rmse, train.mae"),
        ("step lr", "no column is sure to hold the training losses"),
        ("step accuracy", "no column is sure"),
        ("accuracy", "no column is sure"),
        ("epoch reward", "no column is sure"),
        ("foo bar", "choose --column NAME from foo, bar"),
        ("step val_loss", "it has validation losses alone (val_loss)"),
        ("step test_loss test_acc", "it has validation losses alone (test_loss)"),
        ("epoch rmse val_loss", "it has validation losses alone (val_loss)"),
        ("epoch rmse mae val_rmse val_mae", "more than one column may hold"),
        ("step eta", "no column is sure"),
        ("lossless_ratio mse", "choose --column NAME from lossless_ratio, mse"),
        ("glossary objective", "choose --column NAME from glossary, objective"),
        ("step valid_rmse", "--column NAME judges a column anyway, of step, valid_rmse"),
        ("number value params_lr", "each row is of another run"),
        ("loss config/lr", "which makes no curve"),
        ("training_iteration episode_reward", "no column is sure"),
    ],
)
def test_what_is_not_sure_is_an_error_that_lists_the_columns(names: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        choose(table(*names.split()))
    assert all(name in str(error.value) for name in names.split())


def test_columns_without_names_are_listed_by_what_they_begin_with() -> None:
    rows = zip(*(CURVES[k] for k in range(2)), strict=True)
    text = "".join(f"{k},{a},{b}\n" for k, (a, b) in enumerate(rows))
    with pytest.raises(ValueError, match=re.escape("from 1 (0, ...), 2 (2.0, ...), 3 (3.0, ...)")):
        choose(read_log(text.encode()))


def test_a_message_lists_no_more_than_forty_columns() -> None:
    text = ",".join(map(str, range(5, 105)))
    with pytest.raises(ValueError, match=re.escape("40 (44, ...), 60 more") + "$"):
        choose(read_log(f"{text}\n{text}\n".encode()))


def test_a_column_that_is_asked_for_is_taken_whatever_it_is_called() -> None:
    columns = table("step", "val_loss", "accuracy")
    assert choose(columns, "val_loss").losses == CURVES[1]
    assert choose(columns, "val_loss").validation is None
    assert choose(columns, "3").name == "accuracy"
    assert choose(table("2", "loss"), "2").losses == CURVES[0]
    assert choose(table("number", "value", "params_lr"), "value").losses == CURVES[1]


@pytest.mark.parametrize("wanted", ["lost", "0", "4", "-1", "1.0", ""])
def test_a_column_that_is_not_there_is_an_error(wanted: str) -> None:
    for call in (lambda t: choose(t, wanted), lambda t: choose(t, "loss", wanted)):
        with pytest.raises(ValueError, match=f"there is no column '{re.escape(wanted)}'"):
            call(table("step", "loss", "lr"))


def test_validation_losses_may_be_chosen_or_left_out() -> None:
    columns = table("loss", "val_loss", "test_loss")
    assert choose(columns).validation_name == "val_loss"
    assert choose(columns, None, "test_loss").validation == CURVES[2]
    assert choose(columns, None, "3").validation == CURVES[2]
    assert choose(columns, None, "none").validation is None


def test_one_column_is_not_both_of_training_and_of_validation() -> None:
    columns = table("step", "loss", "val_loss")
    for column, validation in ((None, "loss"), (None, "2"), ("val_loss", "3"), ("1", "step")):
        with pytest.raises(ValueError, match="cannot be the validation losses too"):
            choose(columns, column, validation)
    assert choose(columns, "val_loss", "loss").validation == CURVES[1]


def test_several_validation_losses_are_left_aside() -> None:
    assert choose(table("loss", "val_a_loss", "val_b_loss")).validation is None
    assert choose(table("train_a", "loss", "eval_loss", "val_loss")).validation is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("epoch,phase,loss\n{k},train,{x}\n{k},val,{y}\n", ("train loss", "val loss")),
        ("name,value,step\ntrain_loss,{x},{k}\nval_loss,{y},{k}\nlr,0.1,{k}\n", None),
        ("run,tag,step,value\na,Loss/train,{k},{x}\na,Loss/val,{k},{y}\n", None),
        ('{{"mode": "train", "loss": {x}}}\n{{"mode": "val", "loss": {y}}}\n', None),
    ],
)
def test_rows_of_several_parts_are_told_apart(text: str, names: tuple[str, str] | None) -> None:
    header, _, row = text.rpartition("\n")[0].partition("\n") if text[0] != "{" else ("", "", text)
    pairs = zip(range(SIZE), CURVES[0], CURVES[1], strict=True)
    rows = (row.rstrip("\n").format(k=k, x=x, y=y) for k, x, y in pairs)
    found = choose(read_log("\n".join([header, *rows]).encode()))
    assert (found.losses, found.validation) == (CURVES[0], CURVES[1])
    assert names in (None, (found.name, found.validation_name))


def test_one_word_in_all_rows_parts_nothing() -> None:
    text = "".join(f"{k},TRAINING,{x}\n" for k, x in enumerate(CURVES[0]))
    found = choose(read_log(f"step,state,loss\n{text}".encode()))
    assert (found.name, found.losses) == ("loss", CURVES[0])


def test_a_mean_in_one_cell_is_not_the_curve() -> None:
    columns = table("loss", "train_loss")
    columns.columns[1] = Column("train_loss", [None] * (SIZE - 1) + [0.3], range(1, SIZE + 1))
    assert choose(columns).name == "loss"


def test_printed_text_wants_a_name_for_the_loss() -> None:
    with pytest.raises(ValueError, match="it is printed text, and no column is sure"):
        choose(table("Iteration", "took", kind="printed text"))


def test_a_column_of_missing_cells_is_no_validation_loss() -> None:
    columns = table("loss", "val_loss")
    columns.columns[1] = Column("val_loss", ["NA"] * SIZE, range(1, SIZE + 1))
    assert choose(columns).validation is None
    with pytest.raises(ValueError, match="there are no losses in column val_loss"):
        choose(columns, "val_loss")


NAMES = (
    "epoch step lr time accuracy val_accuracy val_loss valid_loss test_loss eval/loss grad_norm "
    "loss_scale learning_rate error_rate val_rmse runtime samples_per_second"
)


@given(
    names=st.lists(st.sampled_from(NAMES.split()), unique=True, max_size=5),
    at=st.integers(0, 5),
    data=st.data(),
)
def test_no_other_column_is_ever_judged_beside_a_training_loss(
    names: list[str], at: int, data: st.DataObject
) -> None:
    loss = data.draw(
        st.sampled_from(["loss", "train_loss", "loss/train", "Training Loss", "trainLoss"])
    )
    names.insert(at, loss)
    assert choose(table(*names)).name == loss
