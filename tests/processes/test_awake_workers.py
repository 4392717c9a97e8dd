"""Workers that stay awake for a moment while steps follow each other at once."""

import os
import signal
import subprocess
import time

import numpy as np
import pytest
from cases import ONE_EACH, bits, variant_id
from processes import PYTHON, environment, run_python

import lrcore as lrc
from lrcore import _core

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/task"), reason="threads are listed on Linux only"
)

N = 5 * _core.CHUNK + 7  # less than what a sleeping worker is woken for
CLOSE = f"""
import os, signal, sys, time, warnings
import numpy as np, lrcore as lrc
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: fork with threads
p, g = np.zeros({N}, np.float32), np.ones({N}, np.float32)
opt = lrc.SGD(p, lr=1.0)
def steps(n):
    for _ in range(n):
        opt.step(g)
def threads():
    return len(os.listdir("/proc/self/task"))
alone = threads()  # a sanitizer may have one of its own
def awake(workers=3):
    n = 0
    while threads() < alone + workers:
        if n == 1000:
            sys.exit(77)
        steps(20)
        n += 20
    return n
"""
FOUR = {"LRCORE_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "1"}
TOO_SLOW = 77


def check(code, before=""):
    """Runs code after CLOSE. Its `awake` steps until workers have been started, for which steps
    have to follow each other within 50 us: under a sanitizer or on a busy machine they may not."""
    done = run_python(before + CLOSE + code, **FOUR)
    if done.returncode == TOO_SLOW:
        pytest.skip("steps do not follow each other at once here")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
def test_steps_that_follow_at_once_have_the_bits_of_one_thread(cls, options):
    found = set()
    for n_threads in (1, 2, 3, 16):
        rng = np.random.default_rng(0)
        p = rng.standard_normal(N).astype(np.float32)
        opt = cls(p, num_threads=n_threads, **options)
        grads = rng.standard_normal((4, N)).astype(np.float32)
        for i in range(20):
            opt.step(grads[i % 4])
        found.add(bits(p))
    assert len(found) == 1


def test_thousands_of_loops_in_turn_lose_no_part():
    p, g = np.zeros(N, np.float32), np.ones(N, np.float32)
    for n_threads in (2, 3, 6):
        opt = lrc.SGD(p, lr=1.0, num_threads=n_threads)
        p[:] = 0
        for _ in range(1000):
            opt.step(g)
        assert (p == -1000).all()


def test_a_small_step_wakes_workers_only_once_steps_follow_at_once():
    code = """
for _ in range(5):
    time.sleep(0.002)
    opt.step(g)
assert threads() == alone
n = awake()
assert (p == -5 - n).all()
"""
    check(code)


def test_an_idle_process_uses_no_processor():
    code = """
awake()
steps(200)
before = time.process_time()
time.sleep(1)
print(time.process_time() - before)
"""
    assert float(check(code)) < 0.1  # of a second: three workers awake would use the time of cores


@pytest.mark.parametrize("way", ["sys.exit()", "os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_a_process_ends_with_awake_workers(way):
    done = run_python(CLOSE + f"steps(200)\n{way}\n", **FOUR)
    assert done.returncode == (-signal.SIGKILL if "kill" in way else 0), done.stderr


def test_children_forked_while_workers_are_awake_can_step():
    code = """
for i in range(30):
    steps(20)
    child = os.fork()
    if child == 0:
        p[:] = 0
        steps(20)
        os._exit(0 if (p == -20).all() and threads() - alone in (0, 3) else 1)
    steps(20)
    assert os.waitpid(child, 0)[1] == 0
assert (p == -1200).all()
"""
    check(code)


def test_signals_come_to_the_main_thread_while_workers_are_awake():
    code = """
import threading
came = []
signal.signal(signal.SIGALRM, lambda *_: came.append(threading.get_native_id()))
signal.setitimer(signal.ITIMER_REAL, 1e-3, 1e-3)
n = awake()
while len(came) < 100:
    steps(10)
    n += 10
signal.setitimer(signal.ITIMER_REAL, 0)
assert set(came) == {os.getpid()} and (p == -n).all()
blocked = set()
for task in os.listdir("/proc/self/task"):
    if int(task) != os.getpid():
        lines = open(f"/proc/self/task/{task}/status").read().splitlines()
        blocked |= {int(x.split()[1], 16) for x in lines if x.startswith("SigBlk")}
(mask,) = blocked
assert mask >> (signal.SIGALRM - 1) & 1 and mask >> (signal.SIGINT - 1) & 1
"""
    check(code)


def test_ctrl_c_stops_a_loop_of_steps_with_awake_workers():
    code = """
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
print("go", flush=True)
while True:
    steps(10)
"""
    loop = subprocess.Popen(
        [*PYTHON, "-c", CLOSE + code],
        env=environment(**FOUR),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert loop.stdout.readline() == "go\n"
        time.sleep(0.2)
        loop.send_signal(signal.SIGINT)
        _, errors = loop.communicate(timeout=60)
    finally:
        loop.kill()
    assert "KeyboardInterrupt" in errors


def test_workers_keep_the_cores_that_they_are_allowed():
    code = """
n = awake()
allowed = os.sched_getaffinity(0)
workers = [int(task) for task in os.listdir("/proc/self/task") if int(task) != os.getpid()]
one = {min(allowed)}
time.sleep(0.1)  # they are asleep then, and not about to change their own
for task in workers:  # on the core of the caller, as a kernel may leave them
    os.sched_setaffinity(task, one)
os.sched_setaffinity(0, one)
steps(500)
assert all(os.sched_getaffinity(task) == one for task in workers)
for task in workers:
    os.sched_setaffinity(task, allowed)
for _ in range(20):
    steps(100)
    time.sleep(0.001)
assert all(os.sched_getaffinity(task) == allowed for task in workers)
assert os.sched_getaffinity(0) == one and (p == -2500 - n).all()
"""
    check(code)


def test_the_number_of_threads_may_change_between_steps_that_follow_at_once():
    p, g = np.zeros(N, np.float32), np.ones(N, np.float32)
    opt = lrc.SGD(p, lr=1.0)
    before = lrc.get_num_threads()
    try:
        for i in range(300):
            lrc.set_num_threads(1 + i % 5)
            opt.step(g)
    finally:
        lrc.set_num_threads(before)
    assert (p == -300).all()


def test_a_limit_of_threadpoolctl_holds_while_workers_are_awake():
    pytest.importorskip("threadpoolctl")
    code = """
lrc.set_num_threads(2)
n = awake(1)
with threadpoolctl.threadpool_limits(1, user_api="lrcore"):
    spent = time.thread_time(), time.process_time()
    time.sleep(0.01)
    steps(2000)
    others = (time.process_time() - spent[1]) - (time.thread_time() - spent[0])
assert others < 0.01, others  # of a second, of which a worker at work would take half
steps(50)
assert (p == -2050 - n).all()
"""
    check(code, "import threadpoolctl")
