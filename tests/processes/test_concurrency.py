"""One optimizer and many threads, callbacks, forks, processes, and the libraries beside it."""

import importlib.util
import os
import subprocess
import sys
import threading
import time
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from cases import ONE_EACH, everything, gradients, rated, variant_id
from processes import PYTHON

import lrcore as lrc

LARGE = 20_000  # elements: a step lets other threads run


@contextmanager
def frequent_switches():
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def in_threads(*functions):
    """Runs all of them at once; raises what the first of them raised."""
    errors = []

    def guarded(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    with frequent_switches():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def in_child(function):
    """Whether the function is true in a forked child."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: fork with threads
        child = os.fork()
    if child == 0:
        code = 2
        try:
            code = 0 if function() else 1
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


# One optimizer, many threads


@pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
def test_eight_threads_on_one_optimizer_make_the_bits_of_one(cls, options):
    rng = np.random.default_rng(0)
    g = [gradients(rng, n) for n in (65, LARGE)]

    def make():
        return cls(
            [np.ones(65), np.ones(LARGE)], lr=rated(cls, lrc.Linear(0.1, 0.0, 300)), **options
        )

    shared, alone = make(), make()
    in_threads(*[lambda: [shared.step(g) for _ in range(20)]] * 8)
    for _ in range(160):
        alone.step(g)
    assert everything(shared) == everything(alone)


def test_eight_thousand_steps_from_eight_threads_are_counted():
    p = np.zeros(3)
    opt = lrc.SGD(p, lr=1.0)
    g = np.ones(3)
    in_threads(*[lambda: [opt.step(g) for _ in range(1000)]] * 8)
    assert opt.t == 8000
    np.testing.assert_array_equal(p, -8000.0)


def stepping_beside(opt, g, *functions, rounds=40):
    """Steps in one thread, and in others each of the functions for as long as that lasts."""
    done = threading.Event()

    def keep_stepping():
        try:
            for _ in range(rounds):
                opt.step(g)
        finally:
            done.set()

    def repeat(function):
        function()
        while not done.is_set():
            function()

    in_threads(keep_stepping, *[lambda f=f: repeat(f) for f in functions])


def test_what_is_read_during_steps_is_of_one_moment():
    def make(size):
        groups = [lrc.Group([np.zeros(size)]), lrc.Group([np.zeros(1)], lr_scale=2.0)]
        return lrc.SGD(groups, lr=lrc.Linear(0.0, 4096.0, 4096), momentum=0.5)  # t itself

    opt, twin = make(LARGE), make(1)
    g = [[np.ones(LARGE)], [np.ones(1)]]
    expected = {0: (0.0, 0.0)}
    for t in range(40):
        twin.step([[np.ones(1)], [np.ones(1)]])
        expected[t + 1] = (twin.params[0][0][0], twin.state["0.0"]["b"][0])

    def check_snapshot():
        saved = opt.snapshot()
        value, velocity = expected[saved.t]
        assert (saved.params["0.0"] == value).all()
        assert (saved.state["state"]["0.0"]["b"] == velocity).all()

    def check_rates():
        first, second = opt.lrs
        assert second == 2 * first
        assert opt.lr in range(41)

    def check_state():
        saved = opt.state_dict()
        assert (saved["state"]["0.0"]["b"] == expected[saved["t"]][1]).all()

    stepping_beside(opt, g, check_snapshot, check_rates, check_state)
    assert opt.t == 40


def test_a_scale_assigned_during_a_step_counts_for_all_groups_or_none():
    def slow(t):
        time.sleep(1e-4)  # lets the other thread in, between the groups
        return 1.0

    arrays = [np.zeros(1) for _ in range(8)]
    opt = lrc.SGD([lrc.Group(a) for a in arrays], lr=slow)

    def rescale():
        opt.lr_scale = 2.0 if opt.lr_scale == 1.0 else 1.0

    stepping_beside(opt, [np.ones(1)] * 8, rescale)
    assert len({a[0] for a in arrays}) == 1


def test_a_rate_assigned_during_a_step_counts_for_all_groups_or_none():
    def slow(t):
        time.sleep(1e-4)
        return 1.0

    arrays = [np.zeros(1) for _ in range(8)]
    opt = lrc.SGD([lrc.Group(a) for a in arrays], lr=slow)

    def replace():
        opt.lr = lambda t: 2 * slow(t)
        opt.lr = slow

    stepping_beside(opt, [np.ones(1)] * 8, replace)
    assert len({a[0] for a in arrays}) == 1


def test_a_monitor_may_be_read_and_closed_in_other_threads():
    p = np.ones(LARGE)
    opt = lrc.SGD(p, lr=1e-3)
    for _ in range(5):
        monitor = lrc.Monitor(opt, every=2)

        def read(monitor=monitor):
            history = monitor.history
            times = [seen.t for seen in history]
            assert times == list(range(times[0], times[0] + len(times))) if times else True
            monitor.arrays  # noqa: B018

        stepping_beside(opt, np.ones(LARGE), read, read, monitor.close, rounds=10)
        assert monitor.history == monitor.history


def test_parameters_may_be_added_and_states_loaded_during_steps():
    opt = lrc.Adam([lrc.Group(np.ones(LARGE))], lr=0.1)
    g = [np.ones(LARGE)]

    def step():
        for _ in range(40):
            try:
                opt.step(g)
            except (TypeError, ValueError):  # until the gradients have the new entry too
                g.append(np.ones(2))

    def reload():
        for _ in range(20):
            opt.load_state_dict(opt.state_dict(), strict=False)

    in_threads(step, reload, lambda: opt.add(np.ones(2)))
    assert opt.names == ("0.0", "1.0")
    assert opt.step([np.ones(LARGE), np.ones(2)])


# Callbacks of the same optimizer


class Callback:
    """A gradient that runs code when it is read."""

    def __init__(self, do):
        self.do = do

    def __array__(self, dtype=None, copy=None):
        self.do()
        return np.ones(2)


SAVED = lrc.SGD(np.ones(2), momentum=0.5).snapshot()
REFUSED = {
    "step": lambda opt: opt.step(np.ones(2)),
    "bind": lambda opt: opt.bind(np.ones(2)),
    "add": lambda opt: opt.add(np.ones(2)),
    "state_dict": lambda opt: opt.state_dict(),
    "load_state_dict": lambda opt: opt.load_state_dict(SAVED.state),
    "snapshot": lambda opt: opt.snapshot(),
    "restore": lambda opt: opt.restore(SAVED),
    "effective_lr": lambda opt: opt.effective_lr("0"),
    "pickle": lambda opt: opt.__reduce__(),
    "monitor": lambda opt: lrc.Monitor(opt),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_gradient_cannot_change_or_copy_the_optimizer_that_reads_it(name):
    opt = lrc.SGD(np.ones(2), momentum=0.5)
    before = everything(opt)
    with pytest.raises((RuntimeError, ValueError), match="already stepping"):
        opt.step(Callback(lambda: REFUSED[name](opt)))
    assert everything(opt) == before
    assert opt.step(np.ones(2))


@pytest.mark.parametrize("place", ["schedule", "hyperparameter", "controller"])
def test_a_step_from_any_callback_of_the_same_optimizer_is_refused(place):
    class Evil(lrc.Controller):
        scale = property(lambda self: opt.step(np.ones(2)) or 1.0)

        def update(self, value, step=None, *, grads=None):
            return False

        def state_dict(self):
            return {}

        def load_state_dict(self, d):
            pass

    options = {
        "schedule": lambda: {"lr": lambda t: opt.step(np.ones(2)) or 0.1},
        "hyperparameter": lambda: {"l2": lambda t: opt.step(np.ones(2)) or 0.1},
        "controller": lambda: {"controller": Evil()},
    }
    opt = lrc.SGD(np.ones(2), **options[place]())
    before = everything(opt)
    with pytest.raises(RuntimeError, match="already stepping"):
        opt.step(np.ones(2))
    assert everything(opt) == before


def test_callbacks_may_read_the_optimizer_and_set_its_rate():
    seen = []

    def look():
        seen.append((opt.t, opt.lr, opt.lrs, opt.lr_scale, opt.last_lr, opt.skipped, repr(opt)))
        opt.lr_scale = 0.5
        opt.lr = 0.25

    opt = lrc.SGD(np.zeros(2), lr=1.0)
    opt.step(Callback(look))
    assert seen[0][:4] == (0, 1.0, (1.0,), 1.0)
    np.testing.assert_array_equal(opt.params, -1.0)  # the update under way had its rate
    assert opt.lr == 0.25


# Forks


def test_a_step_forked_by_one_of_its_gradients_goes_on_in_both_processes():
    p = np.zeros(2)
    opt = lrc.SGD(p, lr=1.0)
    outcome = {}

    def fork():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            outcome["child"] = os.fork()
        try:
            opt.step(np.ones(2))
        except RuntimeError:
            outcome["refused"] = True

    done = opt.step(Callback(fork)) and outcome.get("refused", False)
    steps_again = opt.step(np.ones(2)) and (p == -2).all() and opt.t == 2
    in_threads(
        lambda: [opt.step(np.ones(2)) for _ in range(100)],
        lambda: [opt.step(np.ones(2)) for _ in range(100)],
    )
    good = done and steps_again and opt.t == 202 and (p == -202).all()
    if outcome["child"] == 0:
        os._exit(0 if good else 1)
    assert os.waitpid(outcome["child"], 0)[1] == 0
    assert good


def test_a_child_is_free_of_the_threads_that_were_waiting():
    opt = lrc.SGD(np.zeros(LARGE), lr=1.0)
    inside, go_on = threading.Event(), threading.Event()
    g = np.ones(LARGE)

    class Slow:
        def __array__(self, dtype=None, copy=None):
            inside.set()
            go_on.wait()
            return g

    threads = [threading.Thread(target=opt.step, args=(x,)) for x in (Slow(), g, g)]
    threads[0].start()
    inside.wait()
    for thread in threads[1:]:
        thread.start()
    try:
        for _ in range(5):
            assert in_child(lambda: opt.lr == 1.0 and opt.step(g) and in_child(lambda: opt.step(g)))
    finally:
        go_on.set()
        for thread in threads:
            thread.join()
    assert opt.t == 3


PROCESSES = """
import multiprocessing, pickle, sys
import numpy as np, lrcore as lrc

def make():
    return lrc.Adam([np.zeros(600_000), np.ones(5)], lr=lrc.Linear(0.1, 0.0, 10), num_threads=2)

def go_on(opt):
    for _ in range(3):
        opt.step([np.ones(600_000), np.ones(5)])
    return pickle.dumps(opt)

if __name__ == "__main__":
    opt = make()
    opt.step([np.ones(600_000), np.ones(5)])
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        results = pool.map(go_on, [opt] * 4)
    go_on(opt)
    for text in results:
        other = pickle.loads(text)
        assert other.t == opt.t == 4
        for a, b in zip(other.params, opt.params, strict=True):
            assert a.tobytes() == b.tobytes()
"""


def run_file(path, *arguments, **env):
    return subprocess.run(
        [*PYTHON, str(path), *arguments],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_optimizers_go_on_in_processes_of_every_kind(method, tmp_path):
    (tmp_path / "main.py").write_text(PROCESSES)
    done = run_file(tmp_path / "main.py", method)
    assert done.returncode == 0, done.stderr


# Beside other libraries

NEIGHBOURS = {
    "torch": "torch.set_num_threads(2); x = torch.ones(600, 600); assert (x @ x).sum() == 600**3",
    "sklearn": (
        "from sklearn.cluster import KMeans; "
        "KMeans(2, n_init=1, random_state=0).fit(np.arange(9000.0).reshape(3000, 3))"
    ),
    "numba": (
        "f = numba.njit(parallel=True)(lambda x: (x * 2 + 1).sum()); assert f(np.ones(9)) == 27"
    ),
}
STEP = """
p = np.zeros(600_000)
opt = lrc.SGD(p, lr=1.0, num_threads=3)
for _ in range(3):
    opt.step(np.ones(600_000))
"""


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
@pytest.mark.parametrize("first", ["neighbour", "lrcore"])
def test_threads_of_other_libraries_and_ours_work_in_either_order(neighbour, first, tmp_path):
    if importlib.util.find_spec(neighbour) is None:
        pytest.skip(f"{neighbour} is not installed")
    theirs, ours = [f"import {neighbour}"], ["import lrcore as lrc"]
    imports = theirs + ours if first == "neighbour" else ours + theirs
    uses = [NEIGHBOURS[neighbour], STEP]
    uses = uses if first == "neighbour" else uses[::-1]
    code = ["import numpy as np", *imports, *uses, NEIGHBOURS[neighbour]]
    code += ["opt.step(np.ones(600_000))", "assert (p == -4).all()"]
    (tmp_path / "main.py").write_text("\n".join(code))
    done = run_file(tmp_path / "main.py")
    assert done.returncode == 0, done.stderr


# The end


LIVE = """
import threading, time
import numpy as np, lrcore as lrc

opt = lrc.SGD(np.zeros(2_000_000), lr=1.0, num_threads=3)
g = np.ones(2_000_000)

def keep_stepping():
    while True:
        opt.step(g)

threading.Thread(target=keep_stepping, daemon=True).start()
while opt.t < 3:
    time.sleep(0.001)
"""


def test_the_interpreter_exits_in_the_middle_of_a_step(tmp_path):
    (tmp_path / "main.py").write_text(LIVE)
    for _ in range(3):
        done = run_file(tmp_path / "main.py")
        assert (done.returncode, done.stderr) == (0, "")
