"""Ctrl-C at any moment: what was under way is done or not begun, and never half of it.

`PYTHONPATH=tests/support python tests/processes/test_signals.py` measures how long Ctrl-C waits for
a step over 1e8 elements.
"""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from cases import ELEMENT_BY_ELEMENT, EXAMPLES, ONE_EACH, SUFFIXES, everything, rated
from processes import PYTHON, environment

import lrcore as lrc

LARGE = 600_000  # elements: a step releases the GIL and uses threads
INTERRUPTS = max(EXAMPLES * 50 // 60 // len(ONE_EACH), 1)  # of each rule

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no timer")


def interrupted(rng, longest, function):
    """Calls function again and again until a signal comes, at a random time, as Ctrl-C would."""
    try:
        # again after a second: Python loses the exception of one that comes in a destructor
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-4, longest), 1)
        while True:
            function()
    except KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)


def interrupt_steps():
    """Arrays of equal elements stay equal, and are those of a twin after as many steps; a small one
    will do where no element depends on the others."""
    rng = np.random.default_rng(0)
    found = 0
    for cls, options in ONE_EACH:
        g, small = [np.ones(LARGE, np.float32), np.ones(3)], [np.ones(1, np.float32), np.ones(1)]
        if (cls, options) not in ELEMENT_BY_ELEMENT:
            small = g
        options = {"lr": rated(cls, lrc.Linear(0.1, 0.0, 100_000)), "num_threads": 2, **options}
        opt, twin = cls([x.copy() for x in g], **options), cls([x.copy() for x in small], **options)
        for _ in range(INTERRUPTS):
            interrupted(rng, 5e-3, lambda opt=opt, g=g: opt.step(g))
            while twin.t < opt.t:
                twin.step(small)
            for a, b in zip(opt.params, twin.params, strict=True):
                assert (a == b).all(), (cls, opt.t)
            mine, expected = opt.state_dict(), twin.state_dict()
            for name, arrays in mine.pop("state").items():
                for key, array in arrays.items():
                    assert (array == expected["state"][name][key]).all(), (cls, opt.t)
            del expected["state"]
            assert mine == expected
            found += 1
    return found


def contents(opt):
    state = opt.state_dict()
    return everything(opt), repr(state["carried"]), repr(state["controllers"]), opt.lr_scale


def interrupt_changes(put, longest):
    """`put(opt, i)` gives the optimizer one of two states; it has one of them at any time."""
    rng = np.random.default_rng(0)
    arrays = [np.ones(LARGE // 4), np.ones(3)]
    opt = lrc.Adam(arrays, lr=0.1, controller=lrc.ReduceOnPlateau(patience=2))
    moments = []
    for i in range(2):
        opt.step([np.ones(LARGE // 4), np.ones(3)])
        opt.controller.update(1.0)
        opt.lr_scale = 0.5 + i
        moments.append(put.prepare(opt, i))
    known = []
    begun = time.perf_counter()
    for i in range(2):
        put.apply(opt, moments[i])
        known.append(contents(opt))
    longest = max(longest, 3 * (time.perf_counter() - begun))  # on a slow machine both are met too
    assert known[0] != known[1]
    found = set()
    for _ in range(max(EXAMPLES * 50 // 60, 1)):
        interrupted(rng, longest, lambda: [put.apply(opt, moment) for moment in moments])
        found.add(known.index(contents(opt)))
    return len(found)


class Restore:
    """A change through snapshots."""

    def prepare(self, opt, i):
        return opt.snapshot()

    def apply(self, opt, moment):
        opt.restore(moment)


class LoadStateDict:
    """A change through dicts; the parameters stay."""

    def prepare(self, opt, i):
        return opt.state_dict()

    def apply(self, opt, moment):
        opt.load_state_dict(moment)


class Load:
    """A change through files."""

    def __init__(self, place):
        self.place = place

    def prepare(self, opt, i):
        path = self.place.replace("?", str(i))
        opt.save(path, params=True)
        return path

    def apply(self, opt, moment):
        opt.load(moment, params=True)


def run(*arguments):
    return subprocess.run(
        [*PYTHON, __file__, *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_interrupted_step_of_any_rule_was_applied_or_not_begun():
    done = run("steps")
    assert (done.returncode, done.stdout) == (0, f"{len(ONE_EACH) * INTERRUPTS}\n"), done.stderr


@pytest.mark.parametrize("way", ["restore", "load_state_dict"])
def test_an_interrupted_change_of_state_was_made_or_not_begun(way):
    done = run(way)
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interrupted_load_of_a_file_was_made_or_not_begun(suffix, tmp_path):
    done = run("load", tmp_path / f"?{suffix}")
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


def latency(elements, tries=10):
    """Seconds from a signal in the middle of a step to KeyboardInterrupt, and those of a step."""
    g, p = np.ones(elements, np.float32), np.ones(elements, np.float32)
    opt = lrc.Adam(p)
    opt.step(g)
    start = time.perf_counter()
    opt.step(g)
    whole = time.perf_counter() - start
    waits = []
    for i in range(tries):
        sent = []

        def send(sent=sent):
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(whole * i / tries, send)
        try:
            timer.start()
            while True:
                opt.step(g)
        except KeyboardInterrupt:
            waits.append(time.perf_counter() - sent[0])
        assert (p == p[0]).all()
    return waits, whole


def main(what, place=""):
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    if what == "steps":
        print(interrupt_steps())
    elif what == "latency":
        waits, whole = latency(100_000_000)
        print(f"a step of Adam over 1e8 float32 elements takes {1e3 * whole:.0f} ms;")
        print(f"Ctrl-C waited {1e3 * np.mean(waits):.0f} ms, {1e3 * max(waits):.0f} ms at most")
    else:
        ways = {"restore": Restore, "load_state_dict": LoadStateDict, "load": lambda: Load(place)}
        print(interrupt_changes(ways[what](), 5e-3 if what != "load" else 0.05))


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["latency"]))
