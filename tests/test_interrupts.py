"""Interrupts at every place where the interpreter looks for signals, one after the other."""

import dis
import gc
import sys

import pytest
from operations import OPERATIONS, contents, late, make, onward, prepare

PLACES = 25  # of an operation, spread evenly; all of them, where there are no more


class Interrupter:
    """A tracer that raises KeyboardInterrupt at the n-th such place."""

    def __init__(self, n):
        self.n, self.seen, self.before, self.codes = n, 0, {}, {}

    def __call__(self, frame, event, argument):
        if event == "call":
            frame.f_trace_opcodes = True
        elif event == "opcode" and self.is_place(frame):
            self.seen += 1
            if self.seen == self.n:
                raise KeyboardInterrupt
        return self

    def is_place(self, frame):
        """At the start of a function, after a call and after a jump back."""
        if frame.f_code not in self.codes:  # the property makes a copy each time
            self.codes[frame.f_code] = frame.f_code.co_code
        before = self.before.get(frame, "RESUME")
        self.before[frame] = dis.opname[self.codes[frame.f_code][frame.f_lasti]]
        return before.startswith(("RESUME", "CALL", "JUMP_BACKWARD"))


def interrupted(do, opt, n):
    """The number of places that were passed."""
    old, interrupter = sys.gettrace(), Interrupter(n)
    gc.disable()  # or it would free here what another interrupt has left
    sys.settrace(interrupter)
    try:
        do(opt)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(old)
        gc.enable()
    return interrupter.seen


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of half made files
@pytest.mark.parametrize("name", OPERATIONS)
def test_wherever_an_interrupt_comes_all_is_as_before_or_as_after(name):
    prepare(late())
    do = OPERATIONS[name]
    before, after = make(), make()
    expected = [contents(before)]
    places = interrupted(do, after, 0)
    expected.append(contents(after))
    futures = [onward(before), onward(after)]
    for n in range(1, places + 1, max(1, places // PLACES)):
        opt = make()
        interrupted(do, opt, n)
        now = contents(opt)
        assert now in expected, f"place {n} of {places}"
        assert onward(opt) == futures[expected.index(now)], f"place {n} of {places}, later"
    gc.collect()  # here, and not in the middle of another test
