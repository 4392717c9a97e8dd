"""`lrcore diagnose`: the files it reads, what it prints and draws, and its exit codes."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lrcore as lrc
from lrcore.cli.commands import main
from lrcore.finding.diagnosis import LABELS, Diagnosis
from lrcore.pictures.figure import SUFFIXES

FALL = np.exp(-np.arange(100) / 15)
CLIMB = 1.05 ** np.arange(100)

Captured = pytest.CaptureFixture[str]


def write(path: Path, losses: object = FALL, header: str = "") -> str:
    np.savetxt(path, np.asarray(losses), header=header, comments="", fmt="%.17g", delimiter=",")
    return str(path)


def asked(capsys: Captured, *words: str, code: int) -> Diagnosis:
    """What the command says, which ends with the exit code `code`."""
    return answer(capsys, *words, code=code)[0]


def answer(capsys: Captured, *words: str, code: int) -> tuple[Diagnosis, dict[str, Any]]:
    """What the command says, and of what."""
    assert main(["diagnose", *words, "--json"]) == code
    document = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    fields = [field.name for field in dataclasses.fields(Diagnosis)]
    return Diagnosis(**{name: document.pop(name) for name in fields}), document


def test_the_command_says_what_the_function_says(tmp_path: Path, capsys: Captured) -> None:
    file = write(tmp_path / "a.csv")
    assert asked(capsys, file, code=0) == lrc.diagnose(FALL)
    assert main(["diagnose", file]) == 0
    verdict, judged, *evidence = capsys.readouterr().out.splitlines()
    assert [verdict, *evidence] == str(lrc.diagnose(FALL)).splitlines()
    assert judged == f"judged: column 1, 100 rows of {file}"


def test_the_answer_names_the_columns_and_counts_the_rows(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "a.csv"
    rows = (f"{k},{x},{'' if k % 10 else x}\n{k},,\n" for k, x in enumerate(FALL.tolist()))
    file.write_text("epoch,train/loss,val/loss\n" + "".join(rows))
    about = {"column": "train/loss", "rows": 100, "validation": "val/loss"}
    assert answer(capsys, str(file), code=0)[1] == about
    main(["diagnose", str(file)])
    assert capsys.readouterr().out.splitlines()[1] == (
        f"judged: column train/loss, 100 rows of {file} (100 without a value left out); "
        "validation: column val/loss, 10 rows"
    )


def test_rows_that_stand_newest_first_are_judged_in_the_order_of_their_steps(
    tmp_path: Path, capsys: Captured
) -> None:
    table = np.column_stack((np.arange(100), CLIMB))
    file = write(tmp_path / "a.csv", table[::-1], "step,loss")
    assert asked(capsys, file, code=1) == lrc.diagnose(CLIMB)
    main(["diagnose", file])
    judged = f"judged: column loss, 100 rows of {file}; reversed, since the newest stand first"
    assert capsys.readouterr().out.splitlines()[1] == judged
    main(["diagnose", write(tmp_path / "b.csv", table, "step,loss")])
    assert "reversed" not in capsys.readouterr().out


def test_validation_losses_and_a_start_go_to_the_diagnosis(
    tmp_path: Path, capsys: Captured
) -> None:
    rise = 0.5 + np.exp(-np.arange(100) / 5) + 0.02 * np.maximum(np.arange(100) - 20, 0)
    file = write(tmp_path / "a.csv", np.column_stack((FALL, rise)), "loss,val_loss")
    both = lrc.diagnose(FALL, validation=rise, start=3.0)
    assert both.label != lrc.diagnose(FALL).label
    assert asked(capsys, file, "--start", "3", code=1) == both
    assert asked(capsys, file, "--validation", "2", "--start", "3", code=1) == both
    assert asked(capsys, file, "--validation", "none", code=0) == lrc.diagnose(FALL)
    assert answer(capsys, file, "--validation", "none", code=0)[1]["validation"] is None


@pytest.mark.parametrize(
    "words", [["--start", "high"], ["--start", "nan"], ["--validation", "vall"]]
)
def test_a_wrong_start_or_validation_is_an_error(
    words: list[str], tmp_path: Path, capsys: Captured
) -> None:
    assert main(["diagnose", write(tmp_path / "a.csv", header="loss"), *words]) == 2
    assert repr(words[1]) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("losses", "label"),
    [(CLIMB, "diverging"), (np.ones(100), "too_low"), ([1.0, np.nan, 1.0], "nonfinite")],
)
def test_the_exit_code_is_one_for_anything_but_ok(
    losses: object, label: str, tmp_path: Path, capsys: Captured
) -> None:
    assert asked(capsys, write(tmp_path / "a.csv", losses), code=1).label == label


FORMS = {
    "bare": ("", "{}\n"),
    "the last of two": ("", "7,{}\n"),
    "a comment as the header": ("# loss\n", "{}\n"),
    "called loss": ("step,Loss,rate\n", "7,{},7\n"),
    "not called loss": ("step,train\n", "7,{}\n"),
    "quoted": ('"a, b","c"\n', '7,"{}"\n'),
    "from another system": ("\ufeffloss\r\n", "{}\r\n"),
    "with empty cells and lines": ("loss,rate\n", "{},7\n,7\n\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_losses_are_found_in_files_of_many_forms(
    form: str, tmp_path: Path, capsys: Captured
) -> None:
    head, row = FORMS[form]
    file = tmp_path / "a.csv"
    file.write_text(head + "".join(row.format(x) for x in FALL.tolist()), encoding="utf-8")
    assert asked(capsys, str(file), code=0) == lrc.diagnose(FALL)


def test_a_column_can_be_named(tmp_path: Path, capsys: Captured) -> None:
    table = np.column_stack((FALL, CLIMB, FALL))
    file = write(tmp_path / "a.csv", table, "loss,test loss,other")
    assert asked(capsys, file, code=0) == lrc.diagnose(FALL)
    assert asked(capsys, file, "--column", "test loss", code=1) == lrc.diagnose(CLIMB)


def test_a_column_can_be_chosen_by_its_place(tmp_path: Path, capsys: Captured) -> None:
    file = write(tmp_path / "a.csv", np.column_stack((np.arange(100), FALL, CLIMB)))
    assert asked(capsys, file, "--column", "2", code=0) == lrc.diagnose(FALL)
    assert asked(capsys, file, "--column", "3", code=1) == lrc.diagnose(CLIMB)


def test_a_name_wins_over_a_place(tmp_path: Path, capsys: Captured) -> None:
    file = write(tmp_path / "a.csv", np.column_stack((FALL, CLIMB)), "2,loss")
    assert asked(capsys, file, "--column", "2", code=0) == lrc.diagnose(FALL)


def test_bytes_of_stdin_are_read_as_a_file_is(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    text = "loss\n" + "\n".join(map(str, FALL.tolist()))
    stdin = io.TextIOWrapper(io.BytesIO(text.encode("utf-16")), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", stdin)
    assert asked(capsys, "-", code=0) == lrc.diagnose(FALL)


def test_a_closed_stdin_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert main(["diagnose", "-"]) == 2
    assert "stdin is closed" in capsys.readouterr().err


@pytest.mark.parametrize("losses", [[1e308, -1e308] * 20, [1.7976931348623157e308] * 20])
def test_json_is_valid_for_losses_of_any_size(
    losses: list[float], tmp_path: Path, capsys: Captured
) -> None:
    assert answer(capsys, write(tmp_path / "a.csv", losses), code=1)[1]["rows"] == len(losses)


def test_errors_of_stdin_name_it(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("loss\n1\nhigh\n0.5\n"))
    assert main(["diagnose", "-"]) == 2
    assert capsys.readouterr().err == "lrcore: error: stdin: line 3: 'high' is not a loss\n"


def test_a_dash_reads_stdin(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("loss\n" + "\n".join(map(str, FALL.tolist()))))
    assert asked(capsys, "-", code=0) == lrc.diagnose(FALL)


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("", [], "there are no losses"),
        ("loss\n", [], "there are no losses"),
        ("step,loss\n1,2\n2,high\n", [], "line 3: 'high' is not a loss"),
        ("step,loss\n1,2\n", ["--column", "los"], "no column 'los'; did you mean loss?"),
        ("1\n2\n", ["--column", "loss"], "no column 'loss'"),
        ("loss,b\n1,2\n", ["--validation", "loss"], "column loss is judged as the training"),
        ("1\n", ["--plot", "a.gif"], "must end in .png, .svg, .pdf"),
        ("1\n", ["--colum", "loss"], "did you mean --column?"),
        ("\x00\n\xff", [], "losses.csv: "),
    ],
)
def test_what_cannot_be_read_is_one_line_on_stderr(
    text: str, words: list[str], message: str, tmp_path: Path, capsys: Captured
) -> None:
    file = tmp_path / "losses.csv"
    file.write_text(text)
    assert main(["diagnose", str(file), *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert message in err


def test_bytes_that_are_no_text_are_one_line_on_stderr(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    assert main(["diagnose", str(tmp_path / "a.csv")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_curve_is_drawn_into_a_file(suffix: str, tmp_path: Path, capsys: Captured) -> None:
    file, figure = write(tmp_path / "a.csv"), tmp_path / f"a{suffix}"
    assert main(["diagnose", file, "--plot", str(figure)]) == 0
    assert figure.stat().st_size > 1000
    assert capsys.readouterr().err == f"Figure: {figure}\n"


@pytest.mark.parametrize("losses", [[1.0], [np.nan], [1.0, np.inf, 2.0], np.zeros(30), CLIMB**99])
def test_any_curve_can_be_drawn(losses: object, tmp_path: Path) -> None:
    figure = tmp_path / "a.png"
    main(["diagnose", write(tmp_path / "a.csv", losses), "--plot", str(figure)])
    assert figure.stat().st_size > 1000


def test_the_help_names_every_answer_and_the_exit_codes(capsys: Captured) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["diagnose", "--help"])
    out = capsys.readouterr().out
    exits = "exit code: 0 for ok, 1 for any other answer, 2 after an error"
    wanted = "Training losses are wanted: validation losses rise for other reasons"
    for text in (*LABELS, exits, wanted, "overfitting", "--validation", "--start"):
        assert text in out
