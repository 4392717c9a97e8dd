"""Optimizers against the formulas of torch, optax, Keras and timm, written out in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch_cases import STEPS, problem

import lrcore as lrc

Array = NDArray[np.float64]
# The update of parameters that is to be subtracted, at update t = 1, 2, ...; s starts empty.
Peer = Callable[[Array, Array, dict[str, Any], int], Array]
LR = 0.01


def timm_sgdw(momentum: float, nesterov: bool, decay: float) -> Peer:
    def update(p: Array, g: Array, s: dict[str, Any], t: int) -> Array:
        s["buf"] = g if t == 1 else momentum * s["buf"] + g
        direction = g + momentum * s["buf"] if nesterov else s["buf"]
        return p - (p * (1 - LR * decay) - LR * direction)

    return update


def keras_sgd(momentum: float, nesterov: bool, decay: float) -> Peer:
    def update(p: Array, g: Array, s: dict[str, Any], t: int) -> Array:
        s["m"] = momentum * s.get("m", 0.0) - LR * g
        return p * decay * LR - (momentum * s["m"] - LR * g if nesterov else s["m"])

    return update


SGDW = lrc.SGDW
CASES: dict[str, tuple[type[Any], dict[str, Any], Peer]] = {
    "timm SGDW": (SGDW, {}, timm_sgdw(0.9, False, 1e-4)),
    "timm SGDW, nesterov": (
        SGDW,
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.3},
        timm_sgdw(0.8, True, 0.3),
    ),
    "timm SGDW, plain": (SGDW, {"momentum": 0, "weight_decay": 0.3}, timm_sgdw(0, False, 0.3)),
    "Keras SGD": (SGDW, {"weight_decay": 0.3}, keras_sgd(0.9, False, 0.3)),
    "Keras SGD, nesterov": (
        SGDW,
        {"nesterov": True, "weight_decay": 0.3},
        keras_sgd(0.9, True, 0.3),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_two_hundred_steps_are_those_of_the_formula_elsewhere(name: str) -> None:
    cls, options, update = CASES[name]
    ours, gradient = problem()
    theirs, kept = ours.copy(), {}
    opt = cls(ours, lr=LR, **options)
    for t in range(STEPS):
        opt.step(gradient(ours, t))
        theirs -= update(theirs, gradient(theirs, t), kept, t + 1)
    # rounding of other orders of the same operations; parameters start around 1
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    assert np.abs(ours - problem()[0]).max() > 0.1


def test_the_first_step_of_sgdw_is_the_rate_times_the_gradient() -> None:
    for nesterov, size in ((False, 0.1), (True, 0.1 * 1.9)):
        p = np.zeros(1)
        lrc.SGDW(p, lr=0.1, nesterov=nesterov).step(np.ones(1))
        assert -p[0] == pytest.approx(size, rel=1e-15)


def test_the_velocity_of_sgdw_gathers_no_decay() -> None:
    opt = lrc.SGDW(np.ones(1), lr=0.1, weight_decay=0.5)
    opt.step(np.zeros(1))
    assert opt.state["0"]["b"][0] == 0.0


def test_sgdw_looks_ahead_along_a_velocity_only() -> None:
    with pytest.raises(ValueError, match="SGDW: nesterov wants momentum above 0"):
        lrc.SGDW(np.ones(1), momentum=0.0, nesterov=True)


def test_sgd_names_sgdw_where_decay_is_asked_for() -> None:
    with pytest.raises(TypeError, match="or SGDW, whose decay is decoupled"):
        lrc.SGD(np.ones(1), weight_decay=0.1)
