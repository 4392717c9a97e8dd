"""The peers of benchmarks/peers make the updates that they are timed for."""

from __future__ import annotations

import json
import os
import subprocess

import numpy as np
import pytest
from places import ROOT
from processes import PYTHON, environment

from lrcore.optimizers.catalogue import OPTIMIZERS

HERE = ROOT / "benchmarks" / "peers"

# Three steps from zero, so that the parameters are the updates, on two threads. Left out are the
# one that has no arithmetic, and the one whose parameters are arrays of its own.
UPDATES = """
import contextlib, importlib.util, json
import numpy as np
from contenders import CONTENDERS, OPTIMIZERS

def updates(contender, name):
    rng = np.random.default_rng(0)
    shapes = [(3, 5), (0,), (7,), (1003,)]
    params = [np.zeros(shape, np.float32) for shape in shapes]
    grads = [rng.standard_normal(shape, np.float32) for shape in shapes]
    step = contender.bind(name, OPTIMIZERS[name], params, grads)
    for scale in (-0.5, 3, 1):
        step()
        for g in grads:
            g *= np.float32(scale)
    return [float(x) for p in params for x in p.flat]

found = {name: {} for name in OPTIMIZERS}
for label in CONTENDERS.keys() - {"limit", "optax, jit"}:
    if importlib.util.find_spec(CONTENDERS[label].needs):
        for name, row in found.items():
            with contextlib.suppress(NotImplementedError, TypeError):
                row[label] = updates(CONTENDERS[label], name)
print()
print(json.dumps(found))
"""

# The same for each rule of family.py.
FAMILY = """
import contextlib, importlib.util, json
import numpy as np
from family import CONTENDERS, LIMIT, ROWS

def updates(bind, name):
    rng = np.random.default_rng(0)
    params = [np.zeros(shape, np.float32) for shape in [(3, 5), (7,), (1003,)]]
    grads = [rng.standard_normal(p.shape, np.float32) for p in params]
    step = bind(name, params, grads)
    for scale in (0.5, 3, 1):
        step()
        for g in grads:
            g *= np.float32(scale)
    return [float(x) for p in params for x in p.flat]

found = {name: {} for name in ROWS}
for label in ("lrcore", "torch"):
    if importlib.util.find_spec(label):
        needs, bind = CONTENDERS[label]
        for name, row in found.items():
            with contextlib.suppress(NotImplementedError):
                row[label] = updates(bind, name)
print()
print(json.dumps(found))
"""

# Adds one gradient to parameters by as many threads as there are, and tells which are not as they
# should be: its bytes are those of a step only if each element is moved once.
MOVED = """
import os, sys
import numpy as np
from compiled import limit_step
try:
    sizes = (0, 1, 7, 64, 1003, 100_000)
    params, grads = ([np.full(n, x, np.float32) for n in sizes] for x in (0, 2))
    limit_step("Adam", {}, params, grads)()
except NotImplementedError:
    sys.exit("no C compiler")
print([n for n, p in zip(sizes, params) if not (p == 2).all()])
"""


def run(program: str, threads: int) -> str:
    path = os.pathsep.join([str(HERE), environment()["PYTHONPATH"]])
    done = subprocess.run(
        [*PYTHON, "-c", program],
        env=environment(PYTHONPATH=path, OMP_NUM_THREADS=str(threads)),
        capture_output=True,
        text=True,
    )
    if "no C compiler" in done.stderr:
        pytest.skip("there is no C compiler")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_contenders_at_hand_make_the_same_first_updates() -> None:
    found = json.loads(run(UPDATES, 2).splitlines()[-1])
    for name, row in found.items():
        assert len(row) > 2, name
        for label, updates in row.items():
            assert np.any(updates), label
            # some roundings of float32, and the reciprocals that -Ofast comes near to
            np.testing.assert_allclose(updates, row["lrcore"], rtol=2e-5, err_msg=f"{name} {label}")


def test_every_rule_has_a_row_and_makes_the_same_first_updates_as_torch() -> None:
    found = json.loads(run(FAMILY, 1).splitlines()[-1])
    assert set(OPTIMIZERS) <= set(found)
    for name, row in found.items():
        for label, updates in row.items():
            assert np.any(updates), label
            # some roundings of float32
            np.testing.assert_allclose(updates, row["lrcore"], rtol=2e-5, err_msg=f"{name} {label}")


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_limit_moves_every_element_once(threads: int) -> None:
    assert run(MOVED, threads) == "[]\n"
