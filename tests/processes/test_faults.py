"""Faults: whichever allocation or thread start fails, everything is as before or as after.

LRCORE_EXAMPLES=5000 fails every allocation of the longer operations, in place of some 60 each.
"""

import ctypes
import os
import platform
import shutil
import subprocess
import sys
import sysconfig

import numpy as np
import pytest
from cases import EXAMPLES
from operations import OPERATIONS, contents, late, make, onward, prepare
from places import SUPPORT
from processes import PYTHON, environment

import lrcore as lrc

CC = shutil.which("gcc") or shutil.which("cc")
pytestmark = [
    pytest.mark.skipif(not CC or platform.libc_ver()[0] != "glibc", reason="needs cc and glibc"),
    pytest.mark.skipif("san.so" in os.environ.get("LD_PRELOAD", ""), reason="not below sanitizers"),
    pytest.mark.skipif(
        bool(sysconfig.get_config_var("Py_GIL_DISABLED")), reason="has an allocator of its own"
    ),
]


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    path = tmp_path_factory.mktemp("faults") / "faults.so"
    subprocess.run(
        [CC, "-std=c11", "-O1", "-shared", "-fPIC", "-o", path, SUPPORT / "faults.c", "-ldl"],
        check=True,
    )
    return path


def run(shim, place, *arguments, **more):
    done = subprocess.run(
        [*PYTHON, __file__, *arguments],
        env=environment(
            LD_PRELOAD=str(shim),
            PYTHONMALLOC="malloc",
            OPENBLAS_NUM_THREADS="1",
            TMPDIR=str(place),
            **more,
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stdout)


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="this Python crashes where it has no memory for a function"
)
@pytest.mark.parametrize("name", OPERATIONS)
def test_whichever_allocation_fails_all_is_as_before_or_as_after(name, shim, tmp_path):
    assert run(shim, tmp_path, "allocations", name) > 1


def test_whichever_threads_fail_to_start_a_step_has_the_same_bits(shim, tmp_path):
    assert run(shim, tmp_path, "threads", LRCORE_NUM_THREADS="6") == 5


def test_a_forked_child_survives_a_failing_lock(shim, tmp_path):
    assert run(shim, tmp_path, "fork") > 1


def arm(allocation=0, thread=0, as_many=0):
    FAULTS.faults_arm(allocation, thread, as_many)


def fail_each_allocation(name):
    """Prints how many there are."""
    prepare(late())
    do = OPERATIONS[name]
    before, after = make(), make()
    expected = [contents(before)]
    do(after)  # which fills caches, too
    expected.append(contents(after))
    futures = [onward(before), onward(after)]
    opt = make()
    arm()
    do(opt)
    allocations = FAULTS.faults_disarm()
    for n in range(1, allocations + 2, max(1, allocations // EXAMPLES)):
        opt = make()
        try:
            arm(n)
            do(opt)
        except Exception:  # Python's own code makes other errors of some
            pass
        FAULTS.faults_disarm()
        now = contents(opt)
        assert now in expected, f"allocation {n}: {now}\n neither {expected}"
        future = futures[expected.index(now)]
        assert onward(opt) == future, f"allocation {n}, later"
    print(allocations)


def fail_each_thread():
    """Prints how many are started if none fails."""
    g = np.full(700_000, 0.5)
    expected = -np.full(700_000, 0.5)
    for first in range(1, 6):
        for as_many in (1, 1000):
            child = os.fork()
            if child == 0:
                p = np.zeros(700_000)
                arm(0, first, as_many)
                done = lrc.SGD(p, lr=1.0).step(g)
                started = len(os.listdir("/proc/self/task")) - 1
                right = done and (p == expected).all() and (as_many == 1 or started == first - 1)
                arm(0)
                right = right and lrc.SGD(p, lr=1.0).step(g) and (p == 2 * expected).all()
                os._exit(0 if right and len(os.listdir("/proc/self/task")) == 6 else 1)
            assert os.waitpid(child, 0)[1] == 0, (first, as_many)
    arm(0)
    lrc.SGD(np.zeros(700_000), lr=1.0).step(g)
    print(FAULTS.faults_threads())


def fail_in_children():
    """Prints how many allocations the first step of a child makes, one more."""
    opt = make()
    expected = [contents(opt)]
    for n in range(1, 10_000):
        child = os.fork()
        if child == 0:
            failed = False
            try:
                arm(n)
                opt.step(GRADS)
            except MemoryError:
                failed = True
            over = FAULTS.faults_disarm() < n
            right = contents(opt) in expected if failed else opt.t == 4
            os._exit(2 if not right else int(over))
        status = os.waitpid(child, 0)[1]
        assert status in (0, 256), (n, status)
        if status:
            print(n)
            return


if __name__ == "__main__":
    from operations import GRADS

    FAULTS = ctypes.CDLL(None)
    FAULTS.faults_arm.argtypes = [ctypes.c_long] * 3
    FAULTS.faults_disarm.restype = FAULTS.faults_threads.restype = ctypes.c_long
    if sys.argv[1] == "allocations":
        fail_each_allocation(sys.argv[2])
    elif sys.argv[1] == "threads":
        fail_each_thread()
    else:
        fail_in_children()
