"""`lrcore find`: what it prints, its exit codes, and its figure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import lrcore as lrc
from lrcore.cli.commands import main
from lrcore.finding.range_result import SUGGESTIONS
from lrcore.finding.run import Setup

SETUP = """
import numpy as np, lrcore as lrc

def setup(lr):
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((500, 20)), np.zeros(20)
    opt = lrc.Adam(w, lr=lr)

    def step():
        rows = rng.integers(500, size=32)
        error = X[rows] @ (w - 1)
        opt.step(X[rows].T @ error / 32)
        return error @ error / 64

    return lrc.Run(opt, step, rng)

def idle(lr):
    return lrc.Run(lrc.Adam(np.zeros(3), lr=lr), lambda: 1.0)

def broken(lr):
    def step():
        return [][3]
    return lrc.Run(lrc.Adam(np.zeros(3), lr=lr), step)

def nothing(lr):
    return None

def overflowing(lr):
    w = np.ones(1)
    opt = lrc.SGD(w, lr=lr)
    def step():
        loss = np.exp(1e4 * (1 - w[0]) / 1e-3) * w[0]
        opt.step(np.full(1, loss))
        return loss
    return lrc.Run(opt, step)
"""

RULES = ("suggestion", *SUGGESTIONS)
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's, under a name that no other test has loaded."""
    name = f"model_{abs(hash(tmp_path)):x}"
    (tmp_path / f"{name}.py").write_text(SETUP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "70")
    return name


def test_the_suggestions_are_printed_with_the_curve_and_the_reason(
    model: str, capsys: Captured
) -> None:
    assert main(["find", f"{model}:setup"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert out.isascii()
    assert max(map(len, lines)) <= 70
    assert lines[0].startswith(f"{model}:setup, Adam: ")
    words = [line.partition(" ")[0] for line in lines]
    assert [word for word in words if word in RULES] == [*RULES]
    assert "The loss fell by " in out


def test_json_holds_all_that_a_range_test_finds(model: str, capsys: Captured) -> None:
    words = ["--start", "1e-6", "--end", "2", "--num", "60"]
    assert main(["find", f"{model}:setup", "--json", *words]) == 0
    data = json.loads(capsys.readouterr().out)
    namespace: dict[str, Setup] = {}
    exec(SETUP, namespace)
    run = namespace["setup"](1.0)
    r = lrc.range_test(run.opt, run.step, 1e-6, 2.0, 60, rng=run.rng)
    assert data.keys() == set(r._fields)
    for name, value in r._asdict().items():
        assert data[name] == (value.tolist() if isinstance(value, np.ndarray) else value)


def test_without_a_suggestion_the_exit_code_is_1(model: str, capsys: Captured) -> None:
    assert main(["find", f"{model}:setup", "--end", "1e-5"]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert "No suggestion.\n\nNo rate up to 1e-05 lowered the loss" in out


def test_in_json_no_suggestion_is_null(model: str, capsys: Captured) -> None:
    assert main(["find", f"{model}:setup", "--num", "5", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert [data[name] for name in RULES] == [None] * 5
    assert data["reliable"] is False


def test_numbers_that_overflow_print_no_warnings(model: str, capsys: Captured) -> None:
    assert main(["find", f"{model}:overflowing"]) in (0, 1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["find", "MODEL:idle"], "RangeTest: at rate 1e-07 0 updates were made; the loop must"),
        (["find", "MODEL:broken"], "IndexError: list index out of range (MODEL.py, line 22)"),
        (["find", "MODEL:nothing"], "nothing(1e-07) must return lrcore.Run(opt, step, ...), got"),
        (["find", "MODEL:setp"], "has no function 'setp'; did you mean setup?"),
        (["find", "MODEL:setup", "--start", "2", "--end", "1"], "--start 2 must be below --end 1"),
        (["find", "MODEL:setup", "--num", "1"], "'1' is not a whole number from 2 to 100000"),
        (["find", "MODEL:setup", "--plot", "a.gif"], "must end in .png, .svg, .pdf"),
        (["find"], "required: MODULE:FUNCTION"),
    ],
    ids=lambda x: str(x)[-30:],
)
def test_an_error_is_one_line_and_exit_code_2(
    words: list[str], message: str, model: str, capsys: Captured
) -> None:
    assert main([word.replace("MODEL", model) for word in words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("lrcore: error: ")
    assert err.count("\n") == 1
    assert message.replace("MODEL", model) in err


@pytest.mark.parametrize("command", ["find", "sweep"])
@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"def setup(:", " cannot be imported: invalid syntax (MODULE.py, line 1)"),
        (b"\0\1", " cannot be imported: source code string cannot contain null bytes"),
        (b"import no_such", " cannot be imported: ModuleNotFoundError: No module named 'no_such'"),
        (b"x = {}[3]", " cannot be imported: KeyError: 3 (MODULE.py, line 1)"),
        (b"import sys; sys.exit(0)", " cannot be imported: SystemExit: 0 (MODULE.py, line 1)"),
        (b"def setup(lr):\n    exit(0)", "SystemExit: 0 ("),
        (b"def setup(lr):\n    return {}[3]", "KeyError: 3 (MODULE.py, line 2)"),
        (b"", "MODULE has no function 'setup'; there is none"),
        (b"from pathlib import Path\ndef other(lr): ...", "no function 'setup'; there is other"),
    ],
)
def test_a_program_that_fails_is_one_line(
    command: str, program: bytes, message: str, model: str, capsys: Captured
) -> None:
    module = f"{model}_{abs(hash((command, program))):x}"
    Path(f"{module}.py").write_bytes(program)
    assert main([command, f"{module}:setup"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message.replace("MODULE", module) in err


@pytest.mark.parametrize("end", ["10", "1e-5"])
def test_losses_and_rates_are_drawn_into_a_file(model: str, end: str, capsys: Captured) -> None:
    pytest.importorskip("matplotlib")
    main(["find", f"{model}:setup", "--end", end, "--plot", "rates.png"])
    assert Path("rates.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().err == "Figure: rates.png\n"


def result(**options: float) -> lrc.RangeResult:
    w = np.ones(1)
    opt = lrc.SGD(w)
    rt = lrc.RangeTest(opt, **options)  # type: ignore[arg-type]
    for lr in rt:
        opt.step(w)
        rt.report(abs(np.log10(lr) + 2) + 3 * max(0.0, np.log10(lr) + 1) ** 2)
    return rt.result


def test_a_plot_shows_every_suggestion_at_its_rate() -> None:
    figure = pytest.importorskip("matplotlib.figure")
    r = result()
    axes = r.plot(figure.Figure().subplots())
    drawn = {line.get_label().split()[0]: line.get_xdata()[0] for line in axes.get_lines()}
    assert drawn == {name: getattr(r, name) for name in RULES} | {
        "loss": r.lrs[0],
        "smoothed": r.lrs[0],
    }
    assert axes.get_xscale() == "log"


@pytest.mark.parametrize("num", [2, 5, 9])
def test_a_sweep_of_few_rates_can_be_drawn(num: int) -> None:
    figure = pytest.importorskip("matplotlib.figure")
    axes = result(num=num).plot(figure.Figure().subplots())
    axes.figure.draw_without_rendering()
    assert axes.get_title().startswith("no suggestion: ")


def test_a_sweep_without_a_finite_loss_can_be_drawn() -> None:
    figure = pytest.importorskip("matplotlib.figure")
    w = np.ones(1)
    opt = lrc.SGD(w)
    r = lrc.range_test(opt, lambda: opt.step(w) * np.nan)
    r.plot(figure.Figure().subplots()).figure.draw_without_rendering()
