"""`--json`: whatever the user's program prints, stdout is one document."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from processes import PYTHON

from lrcore.cli.commands import main
from lrcore.cli.output import document

Captured = pytest.CaptureFixture[str]

LOUD = """
import atexit, ctypes, os, subprocess, sys, threading, warnings
import numpy as np, lrcore as lrc

print("import"); warnings.warn("a warning"); atexit.register(print, "at exit")
sys.__stdout__.write("the first stream\\n")
C = ctypes.CDLL(None)

def setup(lr):
    print("loading data ..."); sys.stdout.write("written\\n"); os.write(1, b"descriptor\\n")
    C.puts(b"from C"); subprocess.run(["echo", "another process"])
    threading.Thread(target=lambda: print("a thread")).start()
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((500, 20)), np.zeros(20)
    opt = lrc.Adam(w, lr=lr)

    def step():
        rows = rng.integers(500, size=32)
        error = X[rows] @ (w - 1)
        opt.step(X[rows].T @ error / 32)
        return error @ error / 64

    return lrc.Run(opt, step, rng)

def failing(lr):
    print("before"); raise KeyError("data")

def leaving(lr):
    print("before"); sys.exit(0)
"""

SAID = ("import", "a warning", "the first stream", "loading data ...", "written", "descriptor")
SAID += ("from C", "another process", "a thread", "at exit")


@pytest.fixture(autouse=True)
def loud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module under a name that no other test has loaded."""
    name = f"loud_{abs(hash(tmp_path)):x}"
    (tmp_path / f"{name}.py").write_text(LOUD)
    monkeypatch.chdir(tmp_path)
    return name


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [*PYTHON, "-m", "lrcore", *words]
    return subprocess.run(command, capture_output=True, text=True)


SWEEP = ("--lr", "1e-3:1", "--trials", "3", "--updates", "30")


@pytest.mark.parametrize(
    ("command", "words", "key"),
    [("find", (), "suggestion"), ("sweep", SWEEP, "best"), ("sweep", (*SWEEP, "--jobs=2"), "best")],
)
def test_whatever_a_program_prints_goes_to_stderr(
    command: str, words: tuple[str, ...], key: str, loud: str
) -> None:
    done = run(command, f"{loud}:setup", *words, "--json")
    assert done.returncode == 0
    assert key in json.loads(done.stdout)
    assert [text for text in SAID if text not in done.stderr] == []


@pytest.mark.parametrize("command", ["find", "sweep"])
@pytest.mark.parametrize("name", ["failing", "leaving", "missing"])
def test_after_an_error_there_is_nothing_on_stdout(command: str, name: str, loud: str) -> None:
    done = run(command, f"{loud}:{name}", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("lrcore: error: ") == 1


def test_the_document_comes_also_if_all_have_diverged(loud: str) -> None:
    done = run("sweep", "tune_cases:bowl", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    words = ("--lr", "1e290:1e300", "--trials", "2", "--updates", "30", "--json")
    done = run("sweep", f"{loud}:setup", *words)
    assert done.returncode == 2
    assert json.loads(done.stdout)["best"] is None


def test_without_json_a_program_prints_where_it_wants(loud: str) -> None:
    done = run("find", f"{loud}:setup")
    assert "loading data ..." in done.stdout
    assert "suggestion" in done.stdout


def test_a_figure_that_cannot_be_written_leaves_no_document(loud: str) -> None:
    pytest.importorskip("matplotlib")
    Path("taken.png").mkdir()
    done = run("find", f"{loud}:setup", "--json", "--plot", "taken.png")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_that_is_closed_is_no_error(stream: str, loud: str) -> None:
    closed = {"stdout": ">&-", "stderr": "2>&-"}[stream]
    program = Path(f"{loud}.py")
    program.write_text(program.read_text().replace('sys.__stdout__.write("the first', '("'))
    words = f"{shlex.join(PYTHON)} -m lrcore find {loud}:setup --json {closed}"
    done = subprocess.run(["sh", "-c", words], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout == "" if stream == "stdout" else "suggestion" in json.loads(done.stdout)


@pytest.mark.filterwarnings("ignore:a warning")
def test_streams_are_as_they_were_after_a_call_from_python(loud: str, capfd: Captured) -> None:
    before = sys.stdout, os.fstat(1).st_ino
    assert main(["find", f"{loud}:setup", "--json"]) == 0
    assert (sys.stdout, os.fstat(1).st_ino) == before
    print("after")
    out, err = capfd.readouterr()
    document, end = json.JSONDecoder().raw_decode(out)
    assert document["reliable"]
    assert out[end:] == "\nafter\n"
    assert "from C" in err


def test_a_program_that_replaces_stdout_does_not_get_the_document(capsys: Captured) -> None:
    with document(True) as answer:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        print("lost")
        sys.stdout.close()
        answer("kept")
    assert capsys.readouterr().out == "kept\n"
