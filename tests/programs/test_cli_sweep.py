"""`lrcore sweep`: what it prints and writes, its errors, and its help."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from places import SUPPORT
from processes import PYTHON

from lrcore.cli.commands import main
from lrcore.finding import setups

Captured = pytest.CaptureFixture[str]

SHORT = ["sweep", "tune_cases:unsteady", "--lr", "0.01:10", "--trials", "4", "--updates", "60"]


def printed(capsys: Captured, *words: str) -> str:
    assert main([*SHORT, *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_a_sweep_prints_a_table_and_the_best(capsys: Captured) -> None:
    lines = printed(capsys).splitlines()
    assert lines[0].split() == ["rate", "score", "updates", "seconds"]
    assert [line.strip("* ").split()[0] for line in lines[1:5]] == ["0.01", "0.1", "1", "10"]
    assert lines[4].endswith("diverged")
    assert lines[-1].startswith("Best: rate 1, score ")


def test_jobs_do_not_change_the_trials(capsys: Captured) -> None:
    one, two = (json.loads(printed(capsys, "--json", "--jobs", n))["trials"] for n in "12")
    assert [{**trial, "seconds": 0} for trial in one] == [{**trial, "seconds": 0} for trial in two]


def test_a_source_tree_here_does_not_hide_the_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", sys.path[:])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lrcore").mkdir()
    (tmp_path / "lrcore" / "__init__.py").write_text("raise ImportError")
    assert main([*SHORT, "--jobs", "2"]) == 0
    assert sys.path[-1] == str(tmp_path)


def test_refinement_adds_trials(capsys: Captured) -> None:
    assert len(printed(capsys, "--refine", "2").splitlines()) == 8


def test_json_is_data_with_null_for_what_diverged(capsys: Captured) -> None:
    found = json.loads(printed(capsys, "--json"), parse_constant=pytest.fail)
    assert found["best"]["lr"] == 1.0
    assert [trial["score"] is None for trial in found["trials"]] == [False, False, False, True]


def test_table_and_figure_are_written_into_files(capsys: Captured, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    table, figure = tmp_path / "trials.csv", tmp_path / "sweep.png"
    assert main([*SHORT, "--csv", str(table), "--plot", str(figure)]) == 0
    assert capsys.readouterr().err == f"Table: {table}\nFigure: {figure}\n"
    assert len(table.read_text().splitlines()) == 5
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_a_storage_is_searched_by_optuna_and_continued(capsys: Captured, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    storage = ["--storage", str(tmp_path / "study.journal"), "--start", "0.5", "--json"]
    assert len(json.loads(printed(capsys, *storage))["trials"]) == 4
    assert len(json.loads(printed(capsys, *storage))["trials"]) == 8


def test_all_diverged_is_an_error_after_the_table(capsys: Captured) -> None:
    assert main([*SHORT[:2], "--lr", "4:8", "--trials", "2"]) == 2
    out, err = capsys.readouterr()
    assert out.count("diverged") == 2
    assert err == "lrcore: error: all 2 trials diverged; try rates below 4\n"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_overflows_prints_no_warnings(jobs: str, capfd: Captured) -> None:
    words = ["sweep", "tune_cases:bursting", "--lr", "1e-3:1e300", "--trials", "2"]
    assert main([*words, "--updates", "5", "--jobs", jobs]) == 0
    assert capfd.readouterr().err == ""


WRONG = {
    "sweep": "the following arguments are required: MODULE:FUNCTION",
    "sweep tune_cases": "'tune_cases' is not MODULE:FUNCTION, for example lrcore.demo:digits",
    "sweep tune_cases:step": "no function 'step'",
    "sweep nowhere:f": "there is no module 'nowhere' here",
    "sweep tune_cases:bowl": "failed: bowl(1e-05) must return lrcore.Run",
    "sweep tune_cases:setup --lr 1": "'1' is not LOW:HIGH, for example 1e-5:1",
    "sweep tune_cases:setup --lr 1:0.1": "the first rate must be below the second",
    "sweep tune_cases:setup --lr 0:1": "'0' is not a finite number above 0",
    "sweep tune_cases:setup --trials 1": "'1' is not a whole number from 2",
    "sweep tune_cases:setup --updates 0": "'0' is not a whole number from 1",
    "sweep tune_cases:setup --jobs 0": "'0' is not a whole number from 1",
    "sweep tune_cases:setup --refine -1": "'-1' is not a whole number from 0",
    "sweep tune_cases:setup --storge x": "did you mean --storage",
    "sweep tune_cases:setup --seed 1": "--seed wants --storage",
    "sweep tune_cases:setup --start 1": "--start wants --storage",
    "sweep tune_cases:setup --storage a.log --jobs 2": "--jobs is for a sweep without --storage",
    "sweep tune_cases:setup --storage a.log --refine 2": "--refine is for a sweep without",
    "sweep tune_cases:setup --plot sweep.gif": "must end in .png",
    "sweep tune_cases:setup --csv nowhere/a.csv": "no directory nowhere",
    "sweep tune_cases:setup --csv .": ".: cannot be written to",
}


@pytest.mark.parametrize("words", WRONG)
def test_errors_are_one_line_and_exit_code_2(words: str, capsys: Captured) -> None:
    assert main(words.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("lrcore: error: ")
    assert WRONG[words] in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("storage", ["study.db", "nowhere/study.log", "dragon://x"])
def test_a_storage_that_cannot_be_used_is_one_line(storage: str, capsys: Captured) -> None:
    pytest.importorskip("optuna")
    assert main([*SHORT, "--storage", storage]) == 2
    err = capsys.readouterr().err
    assert storage.partition("/study")[0] in err
    assert err.count("\n") == 1


def test_an_error_of_the_program_is_one_line_with_a_storage_too(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    words = ["sweep", "tune_cases:bowl", "--storage", str(tmp_path / "a.log")]
    command = [*PYTHON, "-m", "lrcore", *words]  # Optuna logs to the first stderr
    done = subprocess.run(command, capture_output=True, text=True, cwd=SUPPORT)
    assert (done.returncode, done.stdout) == (2, "")
    assert "bowl(" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("module", ["optuna", "matplotlib.figure"])
def test_a_missing_library_is_named_with_its_extra(
    module: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    flag = ["--storage", "a.log"] if module == "optuna" else ["--plot", "a.png"]
    assert main([*SHORT, *flag]) == 2
    extra = "tune" if module == "optuna" else "plot"
    assert f"pip install 'lrcore[{extra}]'" in capsys.readouterr().err


def help_text(capsys: Captured) -> str:
    with pytest.raises(SystemExit, match="0"):
        main(["sweep", "--help"])
    return capsys.readouterr().out


def test_the_program_in_the_help_can_be_swept(
    capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = help_text(capsys)
    program = text[text.index("  import numpy") : text.index("  lrcore sweep model:setup")]
    (tmp_path / "model.py").write_text(re.sub("^  ", "", program, flags=re.MULTILINE))
    monkeypatch.chdir(tmp_path)
    words = re.search(r"lrcore (sweep model:setup .*)", text)
    assert words is not None
    command = [*PYTHON, "-m", "lrcore", *words[1].split(), "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Best: rate 0.04329, " in done.stdout


def test_every_setup_named_in_the_help_exists(capsys: Captured) -> None:
    named = set(re.findall(r"lrcore sweep (lrcore\S+)", help_text(capsys)))
    assert named
    for setup in named:
        assert callable(setups.load_setup(setup))
