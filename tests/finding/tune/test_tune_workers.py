"""Searches on several processes: the same results, divided threads, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tune_cases
from places import SUPPORT
from processes import PYTHON

import lrcore as lrc
from lrcore import tune


def test_results_do_not_depend_on_the_number_of_processes() -> None:
    f = tune.objective(tune_cases.unsteady, 60)
    one, three = (tune.log_sweep(f, 0.01, 10.0, 6, refine=2, n_jobs=n) for n in (1, 3))
    assert {t.status for t in one} == {"finished", "diverged"}
    assert [replace(t, seconds=0.0) for t in one] == [replace(t, seconds=0.0) for t in three]


@pytest.fixture
def six_threads() -> Iterator[None]:
    before = lrc.get_num_threads()
    lrc.set_num_threads(6)
    yield
    lrc.set_num_threads(before)


def test_processes_take_an_overflow_as_the_caller_does(capfd: pytest.CaptureFixture[str]) -> None:
    for over, status in (("raise", "diverged"), ("ignore", "finished")):
        with np.errstate(over=over):  # type: ignore[call-overload]
            assert tune.grid(tune_cases.overflowing, [0.1], n_jobs=2)[0].status == status
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("six_threads")
@pytest.mark.parametrize(("n_jobs", "share"), [(1, 6), (4, 1), (2, 3)])
def test_every_process_has_its_part_of_the_threads(n_jobs: int, share: int) -> None:
    assert [t.score for t in tune.grid(tune_cases.threads, n_jobs=n_jobs)] == [share] * 3


def test_the_threads_of_blas_are_divided_too(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("threadpoolctl")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    monkeypatch.setenv("LRCORE_NUM_THREADS", "1")
    (trial,) = tune.grid(tune_cases.blas_threads, [0.1], n_jobs=2)
    assert trial.score <= 2


def test_what_cannot_go_to_a_process_is_refused_before_anything_starts() -> None:
    begun = []
    message = r"with n_jobs=2, f goes to other processes: it must be a function at the top level"
    with pytest.raises(TypeError, match=message):
        tune.grid(lambda lr: begun.append(lr) or lr, n_jobs=2)
    assert begun == []


def python(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PYTHON, "-c", f"import sys; sys.path.append({str(SUPPORT)!r})\n{code}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_function_that_was_typed_is_refused_before_anything_starts() -> None:
    code = "import lrcore\ndef f(lr): return lr\nlrcore.tune.grid(f, n_jobs=2)"
    _, err = python(code).communicate(timeout=60)
    assert err.splitlines()[-1].endswith("which cannot see what was typed: put it into a module")


def test_a_program_from_standard_input_is_refused_before_anything_starts() -> None:
    code = "import lrcore\nlrcore.tune.grid(abs, n_jobs=2)"
    done = subprocess.run([*PYTHON], input=code, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].endswith("put it into a module")


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import lrcore\ndef f(lr): return lr\nlrcore.tune.grid(f, n_jobs=2)\n")
    done = subprocess.run([*PYTHON, script], capture_output=True, text=True)
    assert done.returncode == 1
    # Python may add a warning about what the ended processes had just begun
    assert 'the call belongs under if __name__ == "__main__":' in done.stderr


def test_an_error_in_a_process_names_the_rate_and_ends_the_others() -> None:
    message = r"the trial at rate 0\.5 failed: KeyError: 'the data'"
    with pytest.raises(tune.TrialError, match=message):  # the trial at 0.7 takes ten minutes
        tune.grid(tune_cases.failing, [0.1, 0.7, 0.5, 0.2], n_jobs=2)


def test_a_process_that_is_gone_is_reported() -> None:
    with pytest.raises(RuntimeError, match="a process of n_jobs=2 has ended before its time"):
        tune.grid(tune_cases.vanishing, n_jobs=2)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_an_interrupt_ends_the_processes_without_a_word_of_theirs() -> None:
    code = """if True:
        import lrcore, signal, sys, tune_cases
        signal.signal(signal.SIGINT, signal.default_int_handler)  # if this runs in the background
        try:
            lrcore.tune.grid(tune_cases.sleeping, n_jobs=2)
        except KeyboardInterrupt:
            sys.exit(130)
    """
    with python(code) as process:
        try:
            assert process.stdout is not None
            pids = [int(process.stdout.readline().split()[1]) for _ in range(2)]
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            _, err = process.communicate(timeout=60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, err) == (130, "")
    for _ in range(100):
        if not any(map(alive, pids)):
            break
        time.sleep(0.1)
    assert not any(map(alive, pids))
