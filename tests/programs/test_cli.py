"""The command line: what it prints, its exit codes, and one line for every error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import PYTHON

import lrcore
from lrcore._core import RULES
from lrcore.cli.commands import COMMANDS, bench, main
from lrcore.demo import datasets
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.schedules.catalogue import SCHEDULES
from lrcore.schedules.from_text import METHODS, NAMES

SHORT = ["demo", "--epochs", "1", "--hidden", "8", "--batch", "64"]

Captured = pytest.CaptureFixture[str]


def start(*words: str, code: str = "") -> subprocess.Popen[str]:
    command = ["-c", code] if code else ["-m", "lrcore", *words]
    # -P: a checkout in the working directory must not hide the installed package
    return subprocess.Popen(
        [*PYTHON, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    )


def refusal(capsys: Captured, *words: str) -> str:
    """The one line on stderr."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("lrcore: error: ")
    assert err.count("\n") == 1
    return err


def test_demo_prints_results_and_both_times(capsys: Captured) -> None:
    assert main(SHORT) == 0
    out, err = capsys.readouterr()
    for name in ("test accuracy", "training loss", "last rate", "updates", "Adam"):
        assert name in out
    for name in ("microseconds per step", "share of training time", "lrcore", "NumPy", "ratio"):
        assert name in out
    assert "\x1b" not in out + err
    assert err == ""


def test_a_narrow_terminal_loses_nothing(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert main(SHORT) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 40
    assert "…" not in out


@pytest.mark.parametrize("name", [*OPTIMIZERS, *SCHEDULES])
def test_every_name_of_the_library_is_accepted_in_any_case(name: str, capsys: Captured) -> None:
    flag = "--optimizer" if name in OPTIMIZERS else "--schedule"
    assert main([*SHORT, flag, name.swapcase()]) == 0
    assert name in capsys.readouterr().out


def test_help_names_everything_that_can_be_chosen(capsys: Captured) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["demo", "--help"])
    out = capsys.readouterr().out
    for name in [*OPTIMIZERS, *SCHEDULES]:
        assert name in out


def test_without_a_command_there_is_help(capsys: Captured) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


def test_version(capsys: Captured) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"lrcore {lrcore.__version__}\n"


def test_info_prints_all_that_build_info_knows(capsys: Captured) -> None:
    assert main(["info"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert set(lrcore.build_info()) < set(names)


WRONG = {
    "dmo": "did you mean demo?",
    "--nope": "no argument '--nope'",
    "info --nope": "no argument '--nope'",
    "demo --optimzer Adam": "did you mean --optimizer?",
    "demo --optimizer adma": "did you mean Adam",
    "demo --optimizer xyz": ", ".join(OPTIMIZERS),
    "demo --schedule cosine": "did you mean Cosine",
    "demo --schedule xyz": ", ".join(SCHEDULES),
    "demo --lr": "expected one argument",
    "demo --lr 0": "'0' is not a finite number above 0",
    "demo --lr -1": "'-1' is not a finite number above 0",
    "demo --lr nan": "'nan' is not a finite number above 0",
    "demo --lr inf": "'inf' is not a finite number above 0",
    "demo --lr fast": "'fast' is not a finite number above 0",
    "demo --lr 1e36": "diverged after update 1 of",
    "demo --epochs 0": "'0' is not a whole number from 1",
    "demo --epochs 1.5": "'1.5' is not a whole number",
    "demo --batch 0": "'0' is not a whole number from 1",
    "demo --batch 5000": "more than the 1442 training rows",
    "demo --hidden 0": "'0' is not a whole number from 1",
    "demo --hidden 8,": "'' is not a whole number from 1",
    "demo --seed -1": "'-1' is not a whole number from 0",
    "demo --warmup 99999": "leaves nothing of a run",
    "demo --data missing.csv": "missing.csv: No such file",
    "demo --data missing.npz": "missing.npz: No such file",
    "demo --data rows.txt": "must end in .csv or .npz",
    "demo --plot run.gif": "must end in .png",
    "demo --plot nowhere/run.png": "no directory nowhere",
    "schedule": "wants an EXPRESSION, for example",
    "schedule Cosine(1)": "column 1: there is no schedule 'Cosine'; did you mean CosineAnnealing",
    "schedule Constant(-1)": "column 1: Constant: lr must be a finite number in [0, inf), got -1",
    "schedule Constant(1) Constant(2)": "no argument 'Constant(2)'",
    "schedule Constant(1) --steps 0": "'0' is not a whole number from 1",
    "schedule Constant(1) --csv --json": "not allowed with argument --csv",
    "schedule Constant(1) --plot run.gif": "must end in .png",
    "schedule --gallery nowhere/run.png": "no directory nowhere",
}


@pytest.mark.parametrize("words", WRONG)
def test_errors_are_one_line_and_exit_code_2(words: str, capsys: Captured) -> None:
    assert WRONG[words] in refusal(capsys, *words.split())


def test_a_figure_that_cannot_be_written_is_refused_before_training(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "load", lambda *_: pytest.fail("it has begun"))
    refusal(capsys, "demo", "--plot", "run.gif")


def test_data_and_figure_of_ones_own(tmp_path: Path, capsys: Captured) -> None:
    rows = [f"{i % 7},{i % 3},{'yes' if i % 7 > 3 else 'no'}" for i in range(100)]
    (tmp_path / "rows.csv").write_text("a,b,answer\n" + "\n".join(rows))
    words = ["--data", str(tmp_path / "rows.csv"), "--plot", str(tmp_path / "run.png")]
    assert main(["demo", "--hidden", "8,8", *words]) == 0
    assert "2-8-8-2" in capsys.readouterr().out
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


def test_a_rising_loss_is_pointed_out(capsys: Captured) -> None:
    assert main(["demo", "--lr", "5", "--epochs", "3"]) == 0
    assert "try a lower --lr" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("module", "words", "extra"),
    [
        ("sklearn.datasets", ["demo"], "lrcore[demo]"),
        ("rich.console", ["demo"], "lrcore[demo]"),
        ("matplotlib.figure", ["demo", "--plot", "run.png"], "lrcore[plot]"),
        ("matplotlib.figure", ["schedule", "Constant(1)", "--plot", "run.png"], "lrcore[plot]"),
        ("matplotlib.figure", ["schedule", "--gallery", "run.png"], "lrcore[plot]"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(
    module: str,
    words: list[str],
    extra: str,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert f"pip install '{extra}'" in refusal(capsys, *words)


def test_bench_prints_a_row_for_each_rule_and_model(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "MODELS", {"small": [(3, 2)], "smaller": [(1,)]})
    monkeypatch.setattr(bench, "ROUND", 1e-6)
    assert main(["bench"]) == 0
    conditions, header, *rows = capsys.readouterr().out.splitlines()
    assert lrcore.__version__ in conditions
    assert "ratio" in header
    assert len(rows) == 2 * len(RULES)
    assert all(row.endswith("x") for row in rows)


def test_help_imports_none_of_the_extras() -> None:
    code = """if True:
        import sys
        from lrcore.cli.commands import main
        try:
            main(["demo", "--help"])
        finally:
            print({"sklearn", "rich", "matplotlib"} & set(sys.modules))
    """
    out, err = start(code=code).communicate()
    assert err == ""
    assert out.endswith("set()\n")


def test_a_reader_that_goes_away_causes_no_traceback() -> None:
    process = start("info")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait() == 141
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()


@pytest.mark.skipif(os.name == "nt", reason="wants a POSIX shell")
def test_a_closed_output_causes_no_traceback() -> None:
    command = [*PYTHON, "-m", "lrcore", "info"]
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command], stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_interrupt_ends_with_one_line_and_130() -> None:
    code = """if True:
        import signal
        import sys
        from lrcore import cli
        from lrcore.demo import training
        train = training.train
        def watched(data, settings, watch):
            print("begun", flush=True)
            return train(data, settings, watch)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # if this runs in the background
        training.train = watched
        sys.exit(cli.main(["demo", "--epochs", "100000"]))
    """
    with start(code=code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (out, err) == ("", "lrcore: interrupted\n")


WARM = "CosineAnnealing(1e-3, 10000).warmup(500)"


def shown(capsys: Captured, *words: str) -> str:
    assert main(["schedule", *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_a_schedule_is_previewed_in_characters_and_words(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    out = shown(capsys, WARM)
    lines = out.splitlines()
    assert out.isascii()
    assert max(map(len, lines)) == 70
    assert "first   2e-06 at update 0" in lines
    assert "highest 0.001 at update 499" in lines
    assert "last    0 at update 11550" in lines
    told = lrcore.CosineAnnealing(1e-3, 10_000).warmup(500).describe(11551)
    assert out.replace("\n", " ").endswith(f"{told} ")


def test_a_table_has_the_first_and_the_last_rate(capsys: Captured) -> None:
    lines = shown(capsys, WARM, "--table", "--steps", "500").splitlines()
    assert lines[0].split() == ["update", "rate"]
    assert [lines[1].split(), lines[-1].split()] == [["0", "2e-06"], ["499", "0.001"]]


def test_csv_has_every_rate_to_the_last_digit(capsys: Captured) -> None:
    lines = shown(capsys, WARM, "--csv", "--steps", "5000").splitlines()
    s = lrcore.CosineAnnealing(1e-3, 10_000).warmup(500)
    assert lines[0] == "update,rate"
    assert [float(line.split(",")[1]) for line in lines[1:]] == s(range(5000)).tolist()


def test_json_is_what_schedule_from_dict_reads(capsys: Captured) -> None:
    s = lrcore.schedule_from_dict(json.loads(shown(capsys, WARM, "--json")))
    assert s == lrcore.CosineAnnealing(1e-3, 10_000).warmup(500)


def test_a_schedule_is_drawn_into_a_file(capsys: Captured, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "run.svg"
    assert main(["schedule", WARM, "--table", "--plot", str(path)]) == 0
    assert path.read_bytes().startswith(b"<?xml")
    out, err = capsys.readouterr()
    assert (out.split()[0], err) == ("update", f"Figure: {path}\n")


def test_the_gallery_is_drawn_into_a_file(capsys: Captured, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "schedules.png"
    assert main(["schedule", "--gallery", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr() == ("", f"Figure: {path}\n")


def test_help_names_every_schedule_and_operator(capsys: Captured) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["schedule", "--help"])
    out = capsys.readouterr().out
    assert all(name in out for name in [*NAMES, *METHODS])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("flag", ["--steps", "--table", "--csv"])
def test_every_schedule_can_be_previewed(name: str, flag: str, capsys: Captured) -> None:
    words = ["--steps", "7"] if flag == "--steps" else [flag, "--steps", "40"]
    assert shown(capsys, repr(SCHEDULES[name].example(0.1, 30)), *words)
