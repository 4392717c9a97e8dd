"""The range test as a loop: the rates used, what ends it, and that everything is put back."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from cases import everything
from places import DOCS
from processes import PYTHON, environment

import lrcore as lrc
from lrcore.optimizers.catalogue import OPTIMIZERS

RATED = [name for name, cls in OPTIMIZERS.items() if cls._kind().follows_rates]


class Program:
    """A user's: least squares on batches, by any optimizer."""

    def __init__(self, name: str = "Adam", **options: Any) -> None:
        self.rng = np.random.default_rng(3)
        self.X = self.rng.standard_normal((64, 5))
        self.w = {"a": np.zeros(5), "b": np.zeros(1, np.float32)}
        groups = [lrc.Group({"a": self.w["a"]}), lrc.Group({"b": self.w["b"]}, lr_scale=0.5)]
        self.opt: Any = OPTIMIZERS[name](groups, **options)  # type: ignore[call-arg]
        for _ in range(5):
            self.step()

    def step(self, **options: Any) -> float:
        rows = self.rng.integers(64, size=32)
        error = self.X[rows] @ (self.w["a"] - 1) + self.w["b"] - 2
        grads = [{"a": self.X[rows].T @ error / 32}, {"b": error.mean(keepdims=True)}]
        self.opt.step(grads, **options)
        return float(error @ error / 64)

    def test(self, **options: Any) -> lrc.RangeTest:
        return lrc.RangeTest(self.opt, rng=self.rng, **options)

    def all(self) -> Any:
        schedule = self.opt.hyperparameters["lr"]
        return everything(self.opt), self.rng.bit_generator.state, self.opt.lr, schedule


@pytest.fixture
def program() -> Program:
    return Program(lr=lrc.CosineAnnealing(0.01, 100))


def test_every_update_is_made_at_the_rate_that_the_loop_is_given(program: Program) -> None:
    rt, used = program.test(end=1e-2), []
    for lr in rt:
        assert program.opt.lr == lr
        assert program.opt.lrs == (lr, lr * 0.5)
        rt.report(program.step())
        assert program.opt.last_lr == lr
        used.append(lr)
    assert used == rt.result.lrs.tolist()
    assert (used[0], used[-1], len(used)) == (1e-7, 1e-2, 100)


@pytest.mark.parametrize("spacing", ["log", "linear"])
@pytest.mark.parametrize(("start", "end"), [(1e-7, 1e-2), (0.1, 0.3), (3e-5, 0.7)])
@pytest.mark.parametrize("num", [2, 3, 10, 97])
def test_both_ends_are_reached_exactly(spacing: Any, start: float, end: float, num: int) -> None:
    opt = lrc.SGD(np.zeros(1))
    rt, used = lrc.RangeTest(opt, start, end, num, spacing=spacing), []
    for lr in rt:
        opt.step(np.zeros(1))
        rt.report(1.0)
        used.append(lr)
    assert (used[0], used[-1], len(used)) == (start, end, num)
    equal = np.diff(used if spacing == "linear" else np.log(used))
    np.testing.assert_allclose(equal, equal[0], rtol=1e-9)  # rounding of the rates


def leave_by_break(program: Program, rt: lrc.RangeTest) -> None:
    for lr in rt:
        rt.report(program.step())
        if lr > 1e-5:
            break


def leave_by_return(program: Program, rt: lrc.RangeTest) -> None:
    for _ in rt:
        rt.report(program.step())
        return


def leave_by_exception(program: Program, rt: lrc.RangeTest) -> None:
    for _ in rt:
        rt.report(program.step())
        if program.opt.t > 9:
            raise OSError("disk full")


def leave_between_ask_and_tell(program: Program, rt: lrc.RangeTest) -> None:
    for _ in rt:
        program.step()
        # a shell may have it ignored in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)


def run_to_the_end(program: Program, rt: lrc.RangeTest) -> None:
    for _ in rt:
        rt.report(program.step())


def end_early(program: Program, rt: lrc.RangeTest) -> None:
    for k, _ in enumerate(rt):
        program.step()
        rt.report(np.nan if k == 12 else 1.0)


def drop_the_iterator(program: Program, rt: lrc.RangeTest) -> None:
    iterator = iter(rt)
    next(iterator)
    program.step()
    del iterator


def keep_the_iterator_but_close(program: Program, rt: lrc.RangeTest) -> None:
    with rt:
        iterator = iter(rt)
        next(iterator)
        program.step()
    with pytest.raises(StopIteration):
        next(iterator)


def assign_a_rate(program: Program, rt: lrc.RangeTest) -> None:
    for lr in rt:
        program.opt.lr = lr
        rt.report(program.step())


ENDINGS: list[Callable[[Program, lrc.RangeTest], None]] = [
    leave_by_break,
    leave_by_return,
    leave_by_exception,
    leave_between_ask_and_tell,
    run_to_the_end,
    end_early,
    drop_the_iterator,
    keep_the_iterator_but_close,
    assign_a_rate,
]


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda f: f.__name__)
def test_however_the_loop_ends_everything_is_put_back(
    ending: Callable[[Program, lrc.RangeTest], None], program: Program
) -> None:
    before, rt = program.all(), program.test()
    with suppress(OSError, KeyboardInterrupt):
        ending(program, rt)
    assert program.all() == before


@pytest.mark.parametrize("name", RATED)
def test_the_state_of_every_optimizer_is_put_back(name: str) -> None:
    program = Program(name)
    before = program.all()
    lrc.range_test(program.opt, program.step, rng=program.rng)
    assert program.all() == before


@pytest.mark.parametrize(
    "make", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64]
)
def test_every_kind_of_generator_is_put_back(make: Any) -> None:
    program = Program()
    program.rng = np.random.Generator(make(0))
    program.rng.integers(5, dtype=np.int32)  # half of a word is kept for later
    state = repr(program.rng.bit_generator.state)
    lrc.range_test(program.opt, program.step, rng=program.rng)
    assert repr(program.rng.bit_generator.state) == state


INTERRUPTED = """if True:
    import signal
    import numpy as np, lrcore as lrc
    signal.signal(signal.SIGALRM, signal.default_int_handler)  # as SIGINT does
    w, rng = np.ones(50), np.random.default_rng(1)
    opt = lrc.Adam(w, lr=lrc.CosineAnnealing(0.01, 10))
    def step():
        noise = rng.standard_normal(50)
        opt.step(w + noise)
        return float(w @ w)
    for _ in range(3):
        step()
    def all():
        return w.tobytes(), opt.state["0"]["m"].tobytes(), opt.t, opt.lr, rng.bit_generator.state
    before, found = all(), 0
    for k in range(300):
        rt = lrc.RangeTest(opt, end=0.1, num=20, rng=rng)
        try:
            signal.setitimer(signal.ITIMER_REAL, 2e-5 + 1e-5 * k)
            for lr in rt:
                rt.report(step())
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            found += 1
        assert all() == before, k
    print(found > 20)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no interval timer")
def test_a_real_interrupt_at_any_moment_leaves_everything_as_it_was() -> None:
    command = [*PYTHON, "-c", INTERRUPTED]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


def test_an_interrupt_while_things_are_put_back_is_raised_after_that(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, rt = program.all(), program.test(num=2)
    go_to, calls = lrc.Run.go_to, []

    def interrupted(run: lrc.Run, moment: Any) -> None:
        calls.append(moment)
        if len(calls) == 1:
            raise KeyboardInterrupt
        go_to(run, moment)

    monkeypatch.setattr(lrc.Run, "go_to", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_to_the_end(program, rt)
    assert program.all() == before


def test_the_training_goes_on_as_if_there_had_been_no_test(program: Program) -> None:
    lrc.range_test(program.opt, program.step, rng=program.rng)
    other = Program(lr=lrc.CosineAnnealing(0.01, 100))
    assert [program.step() for _ in range(9)] == [other.step() for _ in range(9)]


def test_a_controller_and_a_scale_rest_during_the_sweep() -> None:
    plateau = lrc.ReduceOnPlateau(0.5, patience=1)
    program = Program(lr=0.1, controller=plateau)
    for value in (1.0, 1.0, 1.0, 1.0):
        plateau.update(value)
    program.opt.lr_scale = 0.25
    before = program.opt.lr
    rt = program.test(num=5)
    for lr in rt:
        rt.report(program.step())
        plateau.update(1.0)
        assert program.opt.last_lr == lr
    assert program.opt.lr == before < 0.1 * 0.25


@pytest.mark.parametrize("policy", ["raise", "skip", "allow"])
def test_a_gradient_that_is_not_finite_ends_the_sweep(policy: Any) -> None:
    w = np.ones(3)
    opt = lrc.SGD(w, nonfinite=policy)
    rt = lrc.RangeTest(opt)
    for k, _ in enumerate(rt):
        opt.step(w * (np.inf if k == 20 else 1))
        rt.report(1.0 if np.isfinite(w).all() else np.nan)
    assert rt.result.ended == "nonfinite"
    assert rt.result.lrs.size in (20, 21)
    assert (w == 1).all()
    assert opt.skipped == 0


def test_a_policy_of_raising_holds_again_after_the_sweep(program: Program) -> None:
    run_to_the_end(program, program.test())
    with pytest.raises(FloatingPointError):
        program.opt.step([{"a": np.full(5, np.nan)}, {"b": np.zeros(1)}])


@pytest.mark.parametrize("loss", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_ends_the_sweep_and_is_left_out(loss: float) -> None:
    w = np.ones(1)
    opt = lrc.SGD(w)

    def step() -> float:
        opt.step(np.zeros(1))
        return loss if opt.t == 15 else 1.0

    r = lrc.range_test(opt, step)
    assert (r.ended, r.losses.tolist()) == ("nonfinite", [1.0] * 14)


def test_a_floating_point_error_of_the_users_own_ends_a_range_test() -> None:
    w = np.ones(1)
    opt = lrc.SGD(w)

    @np.errstate(all="raise")
    def step() -> float:
        opt.step(w)
        return float(np.float64(1e300) ** (1 + (opt.t > 14)))

    r = lrc.range_test(opt, step)
    assert (r.ended, r.losses.size, w[0]) == ("nonfinite", 14, 1.0)


def valley(x: float) -> float:
    return abs(x + 2) + 3 * max(0.0, x + 1) ** 2


def swept(loss: Callable[[float], float], **options: Any) -> lrc.RangeResult:
    w = np.ones(1)
    opt = lrc.SGD(w)
    rt = lrc.RangeTest(opt, **options)
    for lr in rt:
        opt.step(w)
        rt.report(loss(float(np.log10(lr))))
    return rt.result


@pytest.mark.parametrize("scale", [2.0**-20, 1.0, 2.0**30])
@pytest.mark.parametrize("shift", [-64.0, 0.0, 1.0, 128.0])
def test_neither_shift_nor_scale_of_the_loss_matters(scale: float, shift: float) -> None:
    plain = swept(valley)
    r = swept(lambda x: scale * (valley(x) + shift))
    assert (r.ended, r.lrs.size) == (plain.ended, plain.lrs.size) == ("diverged", r.lrs.size)
    # sums of shifted numbers are rounded
    np.testing.assert_allclose(r.suggestion, plain.suggestion, rtol=1e-12)


def test_a_result_can_be_had_after_a_break() -> None:
    program = Program()
    rt = program.test()
    leave_by_break(program, rt)
    assert rt.result.ended == "left"
    assert rt.result.lrs[-1] > 1e-5 > rt.result.lrs[-2]


def test_a_loop_that_ran_out_of_data_says_where() -> None:
    X, w = np.random.default_rng(0).standard_normal((300, 3)), np.zeros(3)
    opt = lrc.SGD(w)
    rt = lrc.RangeTest(opt)
    for _, rows in zip(rt, np.split(X, 30), strict=False):
        error = rows @ (w - 1)
        opt.step(rows.T @ error / 10)
        rt.report(error @ error / 20)
    assert rt.result.ended == "left"
    assert rt.result.reason.startswith("the loop was left after 30 of 100 rates; ")


def test_a_break_at_the_last_rate_is_the_end() -> None:
    program = Program()
    rt = program.test(num=20, end=1e-3)
    for lr in rt:
        rt.report(program.step())
        if lr == 1e-3:
            break
    assert rt.result.ended == "end"


def test_sorted_data_neither_end_a_sweep_nor_start_it_lower() -> None:
    rng = np.random.default_rng(0)
    X = np.c_[rng.standard_normal((200, 5)), np.ones(200)]
    y = X[:, :5] @ [1.0, -2, 3, 0, 0.5] + 5 * (np.arange(200) > 100)
    order, w = np.argsort(y), np.zeros(6)
    opt = lrc.SGD(w)
    rt = lrc.RangeTest(opt)
    for k, _ in enumerate(rt):
        rows = order[k * 10 % 200 :][:10]
        error = X[rows] @ w - y[rows]
        opt.step(X[rows].T @ error / 10)
        rt.report(error @ error / 20)
    assert rt.result.lrs[-1] > 0.01
    assert not rt.result.reliable
    assert "shuffle" in rt.result.reason


def report_nothing(p: Program, rt: lrc.RangeTest) -> None:
    p.step()


def make_no_update(p: Program, rt: lrc.RangeTest) -> None:
    rt.report(1.0)


def make_two_updates(p: Program, rt: lrc.RangeTest) -> None:
    rt.report(p.step() + p.step())


def give_a_rate(p: Program, rt: lrc.RangeTest) -> None:
    rt.report(p.step(lr=0.5))


def report_twice(p: Program, rt: lrc.RangeTest) -> None:
    rt.report(p.step())
    rt.report(1.0)


def add_parameters(p: Program, rt: lrc.RangeTest) -> None:
    p.opt.add(np.zeros(3))


def run_with(
    body: Callable[[Program, lrc.RangeTest], None], program: Program, rt: lrc.RangeTest
) -> None:
    for _ in rt:
        body(program, rt)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (report_nothing, "at rate 1e-07 no loss was reported; call report"),
        (make_no_update, "at rate 1e-07 0 updates were made; the loop must make one for each"),
        (make_two_updates, "at rate 1e-07 2 updates were made"),
        (give_a_rate, r"at rate 1e-07 the update was made at 0\.5; leave lr= out"),
        (add_parameters, "no parameters can be added in a RangeTest"),
        (report_twice, "two losses were reported at rate 1e-07"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_a_wrong_body_gets_a_precise_error_and_leaves_no_trace(
    body: Callable[[Program, lrc.RangeTest], None], message: str, program: Program
) -> None:
    before, rt = program.all(), program.test()
    with pytest.raises(RuntimeError, match=message):
        run_with(body, program, rt)
    assert program.all() == before


@pytest.mark.parametrize("loss", [None, "low", [1.0], np.ones(2), 1j])
def test_only_a_number_is_a_loss(loss: Any, program: Program) -> None:
    rt = program.test()
    with pytest.raises(TypeError, match="the loss that is reported must be a number, got"):
        run_with(lambda p, rt: rt.report(loss), program, rt)


@pytest.mark.parametrize("loss", [1, np.float32(1), np.ones(()), np.ones((1, 1)), True])
def test_a_number_may_come_as_an_array_of_one(loss: Any, program: Program) -> None:
    rt = program.test(num=2)
    for _ in rt:
        program.step()
        rt.report(loss)
    assert rt.result.losses.tolist() == [1.0, 1.0]


def test_a_report_outside_of_the_loop_is_refused(program: Program) -> None:
    rt = program.test()
    with pytest.raises(RuntimeError, match="into the body of the loop"):
        rt.report(1.0)
    leave_by_break(program, rt)
    with pytest.raises(RuntimeError, match="into the body of the loop"):
        rt.report(1.0)


def test_there_is_no_result_before_the_end_of_the_loop(program: Program) -> None:
    rt = program.test()
    with pytest.raises(RuntimeError, match="no result before the loop has ended"):
        rt.result  # noqa: B018
    for _ in rt:
        rt.report(program.step())
        with pytest.raises(RuntimeError, match="no result before the loop has ended"):
            rt.result  # noqa: B018


def test_a_second_loop_wants_another_range_test(program: Program) -> None:
    rt = program.test()
    run_to_the_end(program, rt)
    with pytest.raises(RuntimeError, match="make another"):
        run_to_the_end(program, rt)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 0}, r"RangeTest: start must be a finite number in \(0, inf\), got 0"),
        ({"end": np.inf}, "RangeTest: end must be a finite number"),
        ({"start": 1.0, "end": 1.0}, r"start must be below end, got start=1\.0, end=1\.0"),
        ({"num": 1}, r"RangeTest: num must be an integer in \[2, 100000\], got 1"),
        ({"num": 10.0}, "RangeTest: num must be an integer"),
        ({"spacing": "cubic"}, "spacing must be one of 'log', 'linear', got 'cubic'"),
        ({"rng": 3}, "RangeTest: rng must be a Generator, got 3"),
        ({"opt": None}, "RangeTest: opt must be an Optimizer, got None"),
    ],
    ids=str,
)
def test_senseless_arguments_are_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        lrc.RangeTest(**({"opt": lrc.SGD(np.ones(1))} | options))


def test_a_step_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match=r"range_test: step must be callable, got 1\.0"):
        lrc.range_test(lrc.SGD(np.ones(1)), 1.0)  # type: ignore[arg-type]


def test_the_names_are_loaded_when_they_are_asked_for() -> None:
    code = """if True:
        import sys, lrcore as l
        print("lrcore.finding.range_test" in sys.modules, "RangeTest" in dir(l), l.range_test)
    """
    done = subprocess.run([*PYTHON, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("False True <function range_test")


def test_the_example_of_the_docs_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (DOCS / "finding" / "finding.md").read_text()
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "docs/finding/finding.md", "exec"), {})
    assert 0.01 < float(capsys.readouterr().out) < 1
