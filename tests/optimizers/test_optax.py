"""Trajectories of optax 0.2.8, as recorded, and live where that version is installed."""

import importlib.metadata
import importlib.util
import json

import numpy as np
import optax_cases
import pytest
from optax_cases import CASES, DTYPES, RECORD, STEPS, problem

import lrcore as lrc

LIVE = bool(importlib.util.find_spec("optax")) and importlib.metadata.version("optax") == "0.2.8"


@pytest.fixture(scope="module")
def recorded():
    return json.loads(RECORD.read_text())


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_two_hundred_steps_are_those_of_optax(recorded, name, dtype):
    cls, options, _ = CASES[name]
    p, gradient = problem(dtype)
    start = p.copy()
    opt = getattr(lrc, cls)(p, **{"lr": 0.01} | options)
    for t in range(STEPS):
        opt.step(gradient(p, t))
    theirs = np.array([float.fromhex(x) for x in recorded[f"{name} {dtype}"]])
    # both round at each of 200 steps, of which each damps what was before: parameters around 1;
    # in float32 optax's schedule_free, which takes x from y and z at each, is 3e-6 off float64's
    single = 5e-6 if cls.startswith("ScheduleFree") else 1e-6
    np.testing.assert_allclose(p, theirs, rtol=0, atol=1e-12 if dtype == "float64" else single)
    assert np.abs(p - start).max() > 0.1


def test_every_recorded_trajectory_is_compared(recorded):
    assert recorded.keys() == {f"{name} {dtype}" for name in CASES for dtype in DTYPES}


@pytest.mark.skipif(not LIVE, reason="optax 0.2.8 is not installed")
@pytest.mark.parametrize("name", CASES)
def test_the_record_is_what_optax_does(recorded, name):
    found = [x.hex() for x in optax_cases.run_optax(name, "float64").tolist()]
    assert found == recorded[f"{name} float64"]
