"""Loops that are asked to stop: by real signals, in processes of their own, at any moment."""

import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from interrupter import Interrupter
from processes import PYTHON, environment

import lrcore as lrc
from lrcore import stopping_signals
from lrcore.stopping_signals import SIGNALS

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends a process there")

LOOP = """
import os, signal, sys
import numpy as np, lrcore as lrc

# where a shell starts the tests in the background, Ctrl-C is ignored
signal.signal(signal.SIGINT, signal.default_int_handler)

def ask(name):
    os.kill(os.getpid(), getattr(signal, name))

w = np.ones(3)
opt = lrc.SGD(w, lr=0.1)
"""


def program(text, *words):
    return subprocess.run(
        [*PYTHON, "-c", LOOP + text, *words],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(autouse=True)
def handlers():
    """Handlers as they are in the foreground; puts back what there was, after all."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        signal.signal(number, handler)


def now():
    return {number: signal.getsignal(number) for number in SIGNALS}


@POSIX
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_waits_for_the_end_of_the_iteration_and_the_program_goes_on(name):
    done = program(
        """
log = []
with lrc.stoppable() as stop:
    assert not stop and stop.signal is None
    while opt.t < 10 and not stop:
        opt.step(w)
        if opt.t == 3:
            ask(sys.argv[1])
        log.append(opt.t)
print(log, stop.signal.name)
""",
        name,
    )
    assert (done.returncode, done.stdout) == (0, f"[1, 2, 3] {name}\n"), done.stderr


@POSIX
def test_a_second_interrupt_acts_at_once():
    done = program(
        """
with lrc.stoppable() as stop:
    try:
        while True:
            ask("SIGINT")
            log = opt.t
            opt.step(w)
    except KeyboardInterrupt:
        print(opt.t, log, stop.signal.name)
"""
    )
    assert (done.returncode, done.stdout) == (0, "1 0 SIGINT\n"), done.stderr


@POSIX
def test_a_second_sigterm_ends_the_process_as_it_would_have_outside():
    done = program(
        """
with lrc.stoppable() as stop:
    ask("SIGTERM")
    print(stop.signal.name, flush=True)
    ask("SIGTERM")
    print("still here")
"""
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "SIGTERM\n"), done.stderr


@POSIX
def test_a_second_sigterm_goes_to_the_handler_from_before():
    done = program(
        """
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(7))
with lrc.stoppable() as stop:
    ask("SIGTERM")
    print(stop.signal.name, flush=True)
    ask("SIGTERM")
"""
    )
    assert (done.returncode, done.stdout) == (7, "SIGTERM\n"), done.stderr


@POSIX
def test_one_signal_of_each_kind_does_not_break_off():
    done = program(
        """
with lrc.stoppable() as stop:
    ask("SIGINT")
    ask("SIGTERM")
    print(stop.signal.name)
"""
    )
    assert (done.returncode, done.stdout) == (0, "SIGINT\n"), done.stderr


@POSIX
def test_after_the_block_ctrl_c_is_what_it_was():
    done = program(
        """
with lrc.stoppable() as stop:
    ask("SIGINT")
try:
    ask("SIGINT")
    print("lost")
except KeyboardInterrupt:
    print("interrupted", bool(stop))
"""
    )
    assert (done.returncode, done.stdout) == (0, "interrupted True\n"), done.stderr


@POSIX
def test_a_stopped_program_can_say_so_by_its_exit_code():
    done = program(
        """
with lrc.stoppable() as stop:
    ask("SIGTERM")
if stop:
    raise SystemExit(128 + stop.signal)
"""
    )
    assert done.returncode == 128 + signal.SIGTERM


@POSIX
def test_a_loop_that_is_not_asked_ends_by_itself():
    done = program(
        """
with lrc.stoppable() as stop:
    while opt.t < 10 and not stop:
        opt.step(w)
print(opt.t, stop, stop.signal)
"""
    )
    assert (done.returncode, done.stdout) == (0, "10 <Stop: not asked> None\n"), done.stderr


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN, lambda number, frame: None])
def test_the_handlers_from_before_are_back(before, handlers):
    for number in SIGNALS:
        signal.signal(number, before)
    with lrc.stoppable():
        pass
    assert all(handler is before for handler in now().values())


def test_the_handlers_are_back_after_an_exception(handlers):
    with pytest.raises(ZeroDivisionError), lrc.stoppable():
        1 / 0  # noqa: B018
    assert now() == handlers


def test_the_handlers_are_back_after_blocks_inside_of_one_another(handlers):
    with lrc.stoppable():
        outside = now()
        with lrc.stoppable():
            assert now() != outside
        assert now() == outside
    assert now() == handlers


def test_a_signal_that_is_ignored_stays_ignored(handlers):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with lrc.stoppable() as stop:
        signal.raise_signal(signal.SIGINT)
        assert not stop
        signal.raise_signal(signal.SIGTERM)
        assert stop.signal == signal.SIGTERM


def test_a_handler_that_python_did_not_install_is_left_alone(handlers, monkeypatch):
    real = signal.getsignal
    monkeypatch.setattr(
        signal, "getsignal", lambda number: None if number == signal.SIGTERM else real(number)
    )
    before = real(signal.SIGTERM)
    with lrc.stoppable() as stop:
        assert real(signal.SIGTERM) is before
        signal.raise_signal(signal.SIGINT)
        assert stop
    assert real(signal.SIGTERM) is before


def test_of_blocks_inside_of_one_another_all_are_told(handlers):
    with lrc.stoppable() as outer:
        with lrc.stoppable() as inner:
            signal.raise_signal(signal.SIGINT)
        assert (inner.signal, outer.signal) == (signal.SIGINT, signal.SIGINT)
        with lrc.stoppable() as late:
            assert late
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)


def test_another_thread_is_told_that_it_hears_nothing():
    caught = []

    def enter():
        with pytest.raises(RuntimeError, match="main thread") as error, lrc.stoppable():
            pass
        caught.append(str(error.value))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert len(caught) == 1


def test_a_block_is_entered_once(handlers):
    block = lrc.stoppable()
    with block, pytest.raises(RuntimeError, match="anew"), block:
        pass
    assert now() == handlers


def test_a_block_that_is_asked_in_the_place_of_its_stop_says_so():
    with pytest.raises(TypeError, match="as stop"):
        bool(lrc.stoppable())


class Sender(Interrupter):
    """Sends two signals at the n-th place of `lrcore.stopping_signals` where one is noticed."""

    def __init__(self, n, number):
        super().__init__(n)
        self.number = number

    def __call__(self, frame, event, argument):
        if frame.f_code.co_filename != stopping_signals.__file__:
            return None
        if event == "call":
            frame.f_trace_opcodes = True
        elif event == "opcode" and self.is_place(frame):
            self.seen += 1
            if self.seen == self.n:
                signal.raise_signal(self.number)
                signal.raise_signal(self.number)
        return self


def sent_at(n, number):
    """The places that were passed."""
    old, sender = sys.gettrace(), Sender(n, number)
    sys.settrace(sender)
    try:
        with lrc.stoppable():
            pass
    except (KeyboardInterrupt, SystemExit):
        pass
    finally:
        sys.settrace(old)
    return sender.seen


@pytest.mark.parametrize("number", SIGNALS)
def test_wherever_two_signals_come_the_handlers_are_back(number, handlers):
    def leave(number, frame):
        raise SystemExit

    signal.signal(signal.SIGTERM, leave)
    before = now()
    places = sent_at(0, number)
    assert places > 10
    for n in range(1, places + 1):
        sent_at(n, number)
        assert now() == before, f"place {n} of {places}"


def test_a_handler_that_raises_while_the_others_are_put_back_does_no_harm(handlers, monkeypatch):
    real, raised = signal.signal, []

    def first_lets_another_in(number, handler):
        if number == signal.SIGINT and handler is handlers[number] and not raised:
            raised.append(number)
            raise SystemExit
        return real(number, handler)

    with pytest.raises(SystemExit), lrc.stoppable():
        monkeypatch.setattr(signal, "signal", first_lets_another_in)
    assert raised
    assert now() == handlers


CHURN = """
import random, time

outside, interrupts, ends = [], 0, time.monotonic() + 2

def count(number, frame):  # what raises here would raise in the middle of this test
    outside.append(number)

signal.signal(signal.SIGINT, count)
sender = os.fork()
if sender == 0:  # another process, so that signals come at any moment
    rng = random.Random(0)
    while time.monotonic() < ends:
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(rng.uniform(0, 2e-4))
    os._exit(0)
while time.monotonic() < ends:
    try:
        with lrc.stoppable() as stop:
            for _ in range(random.randrange(20_000)):
                pass
    except KeyboardInterrupt:
        interrupts += 1
    assert signal.getsignal(signal.SIGINT) is count
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
os.waitpid(sender, 0)
print(len(outside) > 10, interrupts > 10)
"""


@POSIX
def test_a_storm_of_interrupts_leaves_the_handlers_as_they_were():
    done = program(CHURN)
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr


@POSIX
def test_a_resumed_run_has_the_bits_of_the_unbroken_one(tmp_path):
    """Interrupted from outside, at any moment: no batch is drawn and not used."""
    path = tmp_path / "run.npz"
    text = """
def run(path, updates, pause):
    rng, log = np.random.default_rng(0), []
    w = np.zeros(4)
    opt = lrc.Adam(w, lr=1e-2)
    if os.path.exists(path):
        log = opt.load(path, params=True, rng=rng).extra["log"]
    print("begun", flush=True)
    with lrc.stoppable() as stop:
        while opt.t < updates and not stop:
            x = rng.standard_normal(4)
            opt.step(w - x)
            pause()
            log.append(float(w @ x))
        opt.save(path, params=True, rng=rng, extra={"log": log})
    print(opt.t, w.tobytes().hex() + np.array(log).tobytes().hex(), bool(stop))

import time
run(sys.argv[1], int(sys.argv[2]), lambda: time.sleep(float(sys.argv[3])))
"""
    words = [*PYTHON, "-c", LOOP + text]
    child = subprocess.Popen(
        [*words, str(path), "400", "1e-3"], env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "begun\n"
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    stopped, _, asked = child.communicate(timeout=60)[0].split()
    assert asked == "True"
    assert 0 < int(stopped) < 400
    resumed = program(text, str(path), "400", "0").stdout
    unbroken = program(text, str(tmp_path / "other.npz"), "400", "0").stdout
    assert resumed == unbroken


def test_the_stop_says_what_it_is():
    with lrc.stoppable() as stop:
        assert repr(stop) == "<Stop: not asked>"
        assert np.bool_(bool(stop)) == np.False_
