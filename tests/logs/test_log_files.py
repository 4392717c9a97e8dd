"""Logs that real tools wrote, and what a file may be made of."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
from places import DATA

from lrcore.cli.commands import main
from lrcore.logs.columns import choose
from lrcore.logs.files import read_log

LOGS = DATA / "logs"
CURVE = (0.3 + 2 * np.exp(-np.arange(50) / 5)).tolist()

Captured = pytest.CaptureFixture[str]


def rows() -> dict[str, list[str]]:
    """The table of logs/README.md: the cells beside each name of a file."""
    lines = (LOGS / "README.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {row[0]: row[1:] for row in cells[2:] if len(row) == 7 and row[0] not in ("file", "---")}


JUDGED = {name: row for name, row in rows().items() if not row[-1].startswith("refused")}
REFUSED = {name: row for name, row in rows().items() if name not in JUDGED}


def test_every_log_is_in_the_table() -> None:
    assert set(rows()) | {"README.md"} == {path.name for path in LOGS.iterdir()}
    assert len(JUDGED) == 58


@pytest.mark.parametrize("name", JUDGED)
def test_a_log_is_judged_by_its_training_loss(name: str, capsys: Captured) -> None:
    _, _, column, validation, count, verdict = JUDGED[name]
    code = main(["diagnose", str(LOGS / name), "--json"])
    said = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert (said["column"], said["rows"]) == (column, int(count))
    assert said["validation"] == (None if validation == "none" else validation)
    assert said["label"] in verdict.split(" or ")
    assert code == (said["label"] != "ok")


@pytest.mark.parametrize("name", REFUSED)
def test_a_log_without_a_curve_is_refused_with_the_reason(name: str, capsys: Captured) -> None:
    assert main(["diagnose", str(LOGS / name)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert REFUSED[name][-1].removeprefix("refused: ") in err


def losses(name: str) -> list[float]:
    return choose(read_log((LOGS / name).read_bytes())).losses


@pytest.mark.parametrize("name", [n for n in JUDGED if n.endswith(".csv") and "semi" not in n])
def test_the_losses_of_a_table_are_all_of_its_column_in_order(name: str) -> None:
    column = JUDGED[name][2]
    separator = ";" if "terminate" in name else ","
    text = (LOGS / name).read_text(encoding="utf-8")
    found = [row[column] for row in csv.DictReader(text.splitlines(), delimiter=separator)]
    expected = [float(cell) for cell in found if cell not in ("", column)]
    assert np.array_equal(losses(name), expected, equal_nan=True)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("accelerate_tqdm_low.txt", r" loss=([\d.]+)"),
        ("ignite_log_good.txt", r"Loss: ([\d.]+)"),
        ("keras_fit_verbose2_good.txt", r" loss: ([\d.]+)"),
        ("lightgbm_log_div.txt", r"training's l2: (\S+)"),
        ("sklearn_gbc_verbose_low.txt", r"(?m)^ +\d+ +([\d.]+) "),
        ("skorch_log_good.txt", r"\[36m([\d.]+)|(?m:^ +\d+ +([\d.]+))"),
        ("spacy_train_good.txt", r"(?m)^ +\d+ +\d+ +([\d.]+)"),
        ("trainer_stdout_good.txt", r"'loss': '([\d.]+)'"),
        ("xgboost_log_good.txt", r"train-logloss:([\d.]+)"),
        ("mlflow_good_train_loss", r"(?m)^\d+ (\S+)"),
        ("sklearn_savetxt_good.txt", r"(?m)^(\S+)$"),
    ],
)
def test_the_losses_of_printed_text_are_those_of_a_pattern(name: str, pattern: str) -> None:
    text = (LOGS / name).read_text(encoding="utf-8")
    found = [
        "".join(match) if isinstance(match, tuple) else match for match in re.findall(pattern, text)
    ]
    assert losses(name) == [float(number) for number in found]


def test_the_losses_of_a_trainer_state_are_those_of_its_history() -> None:
    history = json.loads((LOGS / "trainer_state_low.json").read_text())["log_history"]
    assert losses("trainer_state_low.json") == [r["loss"] for r in history if "loss" in r]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_log_may_come_from_any_system(encoding: str, end: str) -> None:
    text = end.join(["Schritt;Präzision;loss", *(f"{k};1;{loss}" for k, loss in enumerate(CURVE))])
    assert choose(read_log(text.encode(encoding))).losses == CURVE


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (b"PK\x03\x04....", "zip archive"),
        (b"\x1f\x8b\x08\x00", "compressed by gzip"),
        (b"\x93NUMPY\x01\x00", "np.savetxt writes it as text"),
        (b"\x80\x04\x95.", "a pickle"),
        (b"1\n\x00\n2\n", "it is binary"),
        (b"\xff\xfe\x00", "it is binary"),
        (b"hello\nworld\n", "begins with 'hello'"),
        (b"epoch,loss\n", "there are no losses"),
        (b'"' + b"a," * 200_000, "no table"),
    ],
)
def test_what_is_no_log_is_named(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_log(data)
