"""Nothing is kept that is not needed: memory, references, cycles, buffers.

`PYTHONPATH=tests/support python tests/processes/test_leaks.py 1000000` makes that many optimizers
four times, and tells how the process grew.
"""

import gc
import os
import platform
import shutil
import subprocess
import sys
import tracemalloc
import weakref
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from cases import ONE_EACH, rated, variant_id
from processes import PYTHON, environment

import lrcore as lrc

CC = shutil.which("gcc") or shutil.which("cc")

each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)


def live(cls, options):
    p, g = np.ones(100, np.float32), np.ones(100, np.float32)
    opt = cls([p], lr=rated(cls, lrc.Linear(0.1, 0.0, 10)), clip_norm=1.0, **options)
    opt.step([g])
    opt.bind([g])
    opt.step()
    return opt


def resident():
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(cycles):
    """Bytes by which so many optimizers, made, stepped and dropped, make the process grow; the
    least of three times, for the allocator's reserves grow now and then, and leaks always."""
    sizes = []
    for _ in range(4):
        for i in range(cycles):
            live(*ONE_EACH[i % len(ONE_EACH)])
        sizes.append(resident())
    return min(b - a for a, b in pairwise(sizes))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="a sanitizer keeps what is freed")
def test_many_optimizers_one_after_the_other_take_the_memory_of_one():
    done = subprocess.run(
        [*PYTHON, __file__, "2500"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout.split()[-2]) < 1 << 17


def used(cls, options):
    opt = live(cls, options)
    opt.load_state_dict(opt.state_dict())
    opt.restore(opt.snapshot())
    return opt


@each_rule
def test_an_optimizer_is_freed_with_its_last_reference(cls, options):
    used(cls, options)  # annotations are read once
    gc.collect()
    gc.disable()
    try:
        opt = used(cls, options)
        gone = weakref.ref(opt)
        del opt
        assert gone() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def references(arrays):
    return [sys.getrefcount(array) for array in arrays]


@each_rule
@pytest.mark.parametrize("refused", [False, True])
def test_steps_leave_references_to_arrays_as_they_were(cls, options, refused):
    p = [np.ones(9, np.float32), np.ones((3, 4)).T]
    g = [np.ones(9, np.float32), np.ones((4, 3))]
    opt = cls(p, lr=0.1, **options)
    g[1][0, 0] = np.nan if refused else 1.0
    state = [array for name in opt.names for array in opt.state[name].values()]
    before = references([*p, *g, *state])
    for _ in range(5):
        if refused:
            with pytest.raises(FloatingPointError):
                opt.step(g)
        else:
            opt.step(g)
    assert references([*p, *g, *state]) == before


@pytest.mark.parametrize(
    "wrong", [None, np.ones(8), np.ones(9, complex), "x", np.ma.ones(9)], ids=repr
)
def test_a_refused_gradient_is_let_go(wrong):
    p, good = [np.ones(9), np.ones(9)], np.ones(9)
    opt = lrc.Adam(p)
    before = references([*p, good, wrong])
    for _ in range(5):
        with pytest.raises((TypeError, ValueError)):
            opt.step([good, wrong])
    assert references([*p, good, wrong]) == before


def test_an_array_may_be_resized_once_its_optimizer_is_gone():
    p, g = np.ones(5), np.ones(5)
    opt = lrc.Adam(p)
    opt.step(g)
    g.resize(7)  # NumPy refuses it of an array that anything refers to
    del opt
    p.resize(7)
    assert len(p) == len(g) == 7


def peak(function, given):
    """Bytes that a call has allocated at most, by Python's allocators and NumPy's."""
    tracemalloc.start()
    try:
        for _ in range(2):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            function(*given)
            most = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    return most


@each_rule
@pytest.mark.parametrize("bound", [False, True])
def test_a_step_allocates_nothing(cls, options, bound):
    opt = cls([np.ones(50_000, np.float32), np.ones((30, 40)).T], lr=0.1, clip_norm=1.0, **options)
    g = (np.ones(50_000, np.float32), np.ones((40, 30)))
    opt.bind(g)
    given = () if bound else (g,)
    for _ in range(3):
        opt.step(*given)
    assert peak(opt.step, given) == peak(lambda *_: True, given)  # what measuring takes


COUNTER = """
#include <stddef.h>
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
size_t lrc_allocations;
void *malloc(size_t n) { lrc_allocations++; return __libc_malloc(n); }
void *calloc(size_t n, size_t m) { lrc_allocations++; return __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { lrc_allocations++; return __libc_realloc(p, n); }
"""

COUNTED = """
import ctypes, sys
import numpy as np
from cases import ONE_EACH
count = ctypes.c_size_t.in_dll(ctypes.CDLL(sys.argv[1]), "lrc_allocations")

def allocations(function):
    before = count.value
    for _ in range(100):
        function()
    return count.value - before

assert allocations(lambda: np.ones(1000)) >= 100
for cls, options in ONE_EACH:
    params = [np.ones(600_000, np.float32), *(np.ones((3, 4)).T for _ in range(20))]
    opt = cls(params, lr=0.1, clip_norm=1.0, num_threads=2, **options)
    opt.bind([np.ones_like(p) for p in params])
    for _ in range(3):
        opt.step()
    assert allocations(opt.step) == 0, cls
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="wraps malloc as glibc lets it")
@pytest.mark.skipif(not CC, reason="needs a C compiler")
@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="malloc is wrapped by another")
def test_a_step_calls_malloc_not_once(tmp_path):
    (tmp_path / "counter.c").write_text(COUNTER)
    counter = str(tmp_path / "counter.so")
    subprocess.run([CC, "-shared", "-fPIC", tmp_path / "counter.c", "-o", counter], check=True)
    done = subprocess.run(
        [*PYTHON, "-c", COUNTED, counter],
        env=environment(LD_PRELOAD=counter),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    print(f"the process grew by {growth(int(sys.argv[1]))} bytes")
