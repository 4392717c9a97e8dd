"""Interrupts at every place where the interpreter looks for signals, one after the other."""

import gc
import sys

import pytest
from interrupter import Interrupter
from operations import OPERATIONS, contents, late, make, onward, prepare

PLACES = 25  # of an operation, spread evenly; all of them, where there are no more


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
