"""The thread pool: the same bits for any number of threads, and no way to hang."""

import os
import threading
import warnings

import numpy as np
import pytest
from cases import ONE_EACH, bits, gradients, variant_id
from processes import run_python

import lrcore as lrc
from lrcore import threads

SIZES = (600_000, 1, 0, 16_384, 70_001, 65)
THREADS = (1, 2, 3, 5, 16)


def result(cls, options, threads, steps=3):
    rng = np.random.default_rng(0)
    params = [rng.standard_normal(n).astype(np.float32) for n in SIZES]
    params.append(rng.standard_normal((300, 400)).astype(np.float64).T)
    opt = cls(params, lr=0.1, clip_norm=1.0, num_threads=threads, **options)
    for _ in range(steps):
        opt.step([gradients(rng, p.shape, p.dtype) for p in params])
    return [bits(p) for p in params]


@pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
def test_the_number_of_threads_does_not_change_a_bit(cls, options):
    assert len({tuple(result(cls, options, threads)) for threads in THREADS}) == 1


def test_many_small_arrays_are_shared_among_threads():
    params = [np.zeros(50, np.float32) for _ in range(12_000)]
    opt = lrc.SGD(params, lr=1.0, num_threads=3)
    opt.step([np.full(50, i, np.float32) for i in range(12_000)])
    for i, p in enumerate(params):
        assert (p == -i).all()


def test_optimizers_in_several_threads_share_the_pool():
    expected = result(lrc.Adam, {}, 1)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(result(lrc.Adam, {}, 3))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_steps_work_in_a_hundred_forked_children_after_steps_on_threads():
    p, g = np.zeros(600_000, np.float32), np.ones(600_000, np.float32)
    opt = lrc.SGD(p, lr=1.0, num_threads=2)
    opt.step(g)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: fork with threads
        for _ in range(100):
            child = os.fork()
            if child == 0:
                os._exit(0 if opt.step(g) and (p == -2).all() else 1)
            assert os.waitpid(child, 0)[1] == 0
    opt.step(g)
    assert (p == -2).all()


@pytest.mark.parametrize("n", [600_000, 80_000])  # workers are woken for these, or awake
def test_steps_work_in_children_forked_during_steps(n):
    stop = threading.Event()

    def keep_stepping():
        opt = lrc.SGD(np.zeros(n), num_threads=2)
        while not stop.is_set():
            opt.step(np.ones(n))

    background = threading.Thread(target=keep_stepping)
    background.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            for _ in range(10):
                child = os.fork()
                if child == 0:
                    p, g = np.zeros(n), np.ones(n)
                    opt = lrc.SGD(p, lr=1.0, num_threads=2)
                    done = all(opt.step(g) for _ in range(20))
                    os._exit(0 if done and (p == -20).all() else 1)
                assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        background.join()


STEP = """
import numpy as np, lrcore as lrc
p = np.zeros(600_000)
assert lrc.SGD(p, lr=1.0).step(np.ones(600_000)) and (p == -1).all()
"""


def test_more_threads_than_the_pool_can_have_are_done_without():
    code = """
import numpy as np, lrcore as lrc
from lrcore import _core
_core.set_num_threads(300)  # as threadpoolctl can, past our checks
n = 300 * 16384
p = np.zeros(n, np.float32)
assert lrc.SGD(p, lr=1.0).step(np.ones(n, np.float32)) and (p == -1).all()
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_threads_that_cannot_be_started_are_done_without():
    if not os.path.exists("/proc/self/task"):
        pytest.skip("the threads of a process are listed on Linux only")
    code = """
import os, resource
import numpy as np, lrcore as lrc
p, g = np.zeros(600_000), np.ones(600_000)
opt = lrc.SGD(p, lr=1.0)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20), -1))  # no room for another stack
assert opt.step(g) and (p == -1).all()
assert len(os.listdir("/proc/self/task")) == 1
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
assert opt.step(g) and (p == -2).all()
assert len(os.listdir("/proc/self/task")) == 4
"""
    done = run_python(code, LRCORE_NUM_THREADS="4", OPENBLAS_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr


def test_the_interpreter_exits_with_idle_workers():
    assert run_python(STEP, LRCORE_NUM_THREADS="4").returncode == 0


def test_a_forked_child_has_workers_of_its_own():
    if not os.path.exists("/proc/self/task"):
        pytest.skip("the threads of a process are listed on Linux only")
    code = (
        STEP
        + """
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: fork with threads
child = os.fork()
if child == 0:
    done = lrc.SGD(p, lr=1.0).step(np.ones(600_000)) and (p == -2).all()
    os._exit(0 if done and len(os.listdir("/proc/self/task")) == 4 else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    )
    done = run_python(code, LRCORE_NUM_THREADS="4", OPENBLAS_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr


def test_small_steps_start_no_thread():
    code = (
        "import os\n"
        + STEP.replace("600_000", "1000")
        + "print(len(os.listdir('/proc/self/task')))"
    )
    if not os.path.exists("/proc/self/task"):
        pytest.skip("the threads of a process are listed on Linux only")
    done = run_python(code, LRCORE_NUM_THREADS="8", OPENBLAS_NUM_THREADS="1")
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"LRCORE_NUM_THREADS": "3"}, "3"),
        ({"LRCORE_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, "3"),
        ({"LRCORE_NUM_THREADS": "", "OMP_NUM_THREADS": "5,2"}, "5"),
    ],
)
def test_the_environment_sets_the_number_of_threads(env, expected):
    done = run_python("import lrcore; print(lrcore.get_num_threads())", **env)
    assert done.stdout.strip() == expected


def test_a_senseless_number_in_the_environment_is_named():
    done = run_python(STEP, LRCORE_NUM_THREADS="many")
    assert "LRCORE_NUM_THREADS must be an integer in [1, 256], got 'many'" in done.stderr


@pytest.mark.parametrize(("quota", "most"), [("150000 100000", 2), ("50000 100000", 1)])
def test_the_quota_of_a_control_group_limits_the_threads(quota, most, monkeypatch):
    monkeypatch.setattr(threads.Path, "read_text", lambda self: quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    assert threads._allowed() == most


def test_the_number_of_threads_can_be_set_and_is_checked():
    before = lrc.get_num_threads()
    lrc.set_num_threads(3)
    assert lrc.get_num_threads() == 3
    lrc.set_num_threads(before)
    for value in (0, -1, 257):
        with pytest.raises(ValueError, match=rf"n must be an integer in \[1, 256\], got {value}"):
            lrc.set_num_threads(value)
        with pytest.raises(ValueError, match=f"SGD: num_threads must be .* got {value}"):
            lrc.SGD(np.ones(1), num_threads=value)
    for value in (True, 1.0, "2"):
        with pytest.raises(TypeError, match="n must be an integer"):
            lrc.set_num_threads(value)


def test_threadpoolctl_sees_and_limits_the_pool():
    pytest.importorskip("threadpoolctl")
    code = """
import threadpoolctl, lrcore as lrc
lrc.set_num_threads(4)
(pool,) = [x for x in threadpoolctl.threadpool_info() if x["user_api"] == "lrcore"]
assert pool["num_threads"] == 4
with threadpoolctl.threadpool_limits(1):
    assert lrc.get_num_threads() == 1
assert lrc.get_num_threads() == 4
with threadpoolctl.threadpool_limits(2, user_api="lrcore"):
    assert lrc.get_num_threads() == 2
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
