"""Steps by a sign: beside the same in plain NumPy, their first steps, and what they refuse."""

from typing import Any

import numpy as np
import pytest
from torch_cases import STEPS, problem

import lrcore as lrc

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_two_hundred_steps_of_signsgd_are_those_of_signum(momentum: float, decay: float) -> None:
    """optax's signum, and sign_sgd without momentum, whose trace gathers gradients unweighted."""
    p, gradient = problem()
    theirs, trace = p.copy(), np.zeros_like(p)
    opt = lrc.SignSGD(p, lr=0.01, momentum=momentum, weight_decay=decay)
    for t in range(STEPS):
        g = gradient(p, t)
        trace = momentum * trace + g
        theirs -= 0.01 * (np.sign(trace) + decay * theirs)
        opt.step(g)
    # rounding of sums in another order; the signs of these are far from being decided by it
    np.testing.assert_allclose(p, theirs, rtol=1e-12, atol=1e-14)


@each_dtype
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_first_step_of_signsgd_is_the_rate_times_the_sign(momentum: float, dtype: Any) -> None:
    p = np.zeros(5, dtype)
    opt = lrc.SignSGD(p, lr=0.5, momentum=momentum)
    opt.step(np.array([1e-30, -1e-30, 1e30, 0.0, -0.0], dtype))
    assert p.tobytes() == np.array([-0.5, 0.5, -0.5, 0.0, 0.0], dtype).tobytes()


def test_signsgd_without_momentum_has_no_state() -> None:
    assert dict(lrc.SignSGD(np.ones(1), momentum=0.0).state["0"]) == {}


def test_a_gradient_that_is_nan_shows_in_what_signsgd_moves() -> None:
    for momentum in (0.0, 0.9):
        p = np.ones(2)
        opt = lrc.SignSGD(p, momentum=momentum, nonfinite="allow")
        opt.step(np.array([np.nan, 1.0]))
        assert np.isnan(p).tolist() == [True, False]
