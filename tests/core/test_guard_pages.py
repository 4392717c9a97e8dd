"""No byte beyond an array is read or written: unmapped pages begin where it ends, or end before.

The arrays of a step, its state too, lie so in a process of their own, which a stray access kills.
"""

import ctypes
import mmap
import os
import signal
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from cases import DTYPES, ONE_EACH, everything, gradients
from processes import PYTHON, environment

from lrcore._core import BLOCK, ISAS, RULES
from lrcore.optimizers import roster

PAGE = mmap.PAGESIZE
CANARY = 0xA5
MOST_ARRAYS = 2 + max(len(rule.state) for rule in RULES.values())
# Around every vector width, and around the block and the chunk in which a step goes on.
SIZES = (*range(258), BLOCK - 1, BLOCK, BLOCK + 17, 16 * BLOCK - 1, 16 * BLOCK + 17)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pages are protected as on Linux")


class Fenced:
    """Memory between two pages that may not be touched."""

    def __init__(self, size):
        pages = -(-size // PAGE) + 2
        self._map = mmap.mmap(-1, pages * PAGE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        libc = ctypes.CDLL(None, use_errno=True)
        for address in (start, start + (pages - 1) * PAGE):
            if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(PAGE), 0):
                raise OSError(ctypes.get_errno(), "mprotect")
        self.room = np.frombuffer(self._map, np.uint8)[PAGE:-PAGE]

    def place(self, values, step, at_end):
        """An array of these values, its last byte before the page that follows, or its first after
        the one before; every `step`th element, and the others are canaries."""
        item = values.itemsize
        length = ((len(values) - 1) * step + 1) * item if len(values) else 0
        start = len(self.room) - length if at_end else 0
        self.room[:] = CANARY
        array = np.ndarray(values.shape, values.dtype, self.room, start, (step * item,))
        array[...] = values
        self.used = np.zeros(len(self.room), bool)
        for k in range(item):
            self.used[start + k : start + length : step * item] = True
        return array

    def is_unharmed(self):
        return (self.room[~self.used] == CANARY).all()


def step_within(fences, cls, options, dtype, stride, at_end):
    """One step over an array of each size; `fences` has a row for each, of every array of one."""
    rng = np.random.default_rng(0)
    rows = iter(fences)

    def state(arrays, _, rule, fill):
        for array, row in zip(arrays, rows, strict=True):
            start = [np.full(array.shape, fill.get(name, 0), array.dtype) for name in rule.state]
            fenced = [f.place(x, 1, at_end) for f, x in zip(row[2:], start, strict=False)]
            yield dict(zip(rule.state, fenced, strict=True))

    normal = [rng.standard_normal(n).astype(dtype) for n in SIZES]
    p = [row[0].place(x, stride, at_end) for row, x in zip(fences, normal, strict=True)]
    wanted = [gradients(rng, n, dtype) for n in SIZES]
    g = [row[1].place(x, stride, at_end) for row, x in zip(fences, wanted, strict=True)]
    original, roster.new_state = roster.new_state, state
    try:
        opt = cls(p, lr=0.1, **options)
    finally:
        roster.new_state = original
    twin = cls(normal, lr=0.1, **options)
    assert opt.step(g)
    twin.step(wanted)
    used = 2 + len(opt.state["0"])
    assert all(fence.is_unharmed() for row in fences for fence in row[:used])
    assert everything(opt)[0] == everything(twin)[0]


def step_between_guard_pages():
    """Steps of every rule in every case; the number of arrays."""
    fences = [[Fenced(2 * 8 * max(n, 1)) for _ in range(MOST_ARRAYS)] for n in SIZES]
    ways = [({}, 1), ({"clip_norm": 1.0}, 2)]  # as the arrays lie, and block by block
    cases = list(product(ONE_EACH, ways, DTYPES, (False, True)))
    for (cls, options), (more, stride), dtype, at_end in cases:
        step_within(fences, cls, options | more, dtype, stride, at_end)
    return len(cases) * len(SIZES)


def run(*arguments, isa=ISAS[0]):
    return subprocess.run(
        [*PYTHON, __file__, *arguments],
        env=environment(LRCORE_ISA=isa),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("isa", [os.environ["LRCORE_ISA"]] if "LRCORE_ISA" in os.environ else ISAS)
def test_no_step_touches_a_byte_beyond_its_arrays(isa):
    done = run("steps", isa=isa)
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert int(done.stdout) == len(ONE_EACH) * 2 * len(DTYPES) * 2 * len(SIZES)


@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="a sanitizer catches the signal")
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_byte_beyond_would_be_noticed(side):
    assert run(side).returncode == -signal.SIGSEGV


if __name__ == "__main__":
    if sys.argv[1] == "steps":
        print(step_between_guard_pages())
    else:
        beyond = Fenced(1).room.ctypes.data + (PAGE if sys.argv[1] == "after" else -1)
        ctypes.c_char.from_address(beyond).value  # noqa: B018
