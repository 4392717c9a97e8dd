"""FTRL: beside the formulas of the paper and of Keras, what it sets at first, and its zeros."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch_cases import STEPS, problem

import lrcore as lrc

Array = NDArray[np.float64]
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
LR = 0.05


def paper(beta: float, l1: float, l2: float) -> Callable[[Array, Array, dict[str, Any]], Array]:
    """Algorithm 1 of McMahan et al. 2013, as printed, with weights after the gradient."""

    def update(w: Array, g: Array, s: dict[str, Any]) -> Array:
        n, z = s.get("n", np.zeros_like(w)), s.get("z", np.zeros_like(w))
        sigma = (np.sqrt(n + g**2) - np.sqrt(n)) / LR
        s["z"], s["n"] = z + g - sigma * w, n + g**2
        w = -((beta + np.sqrt(s["n"])) / LR + l2)
        return np.where(np.abs(s["z"]) <= l1, 0.0, (s["z"] - np.sign(s["z"]) * l1) / w)

    return update


def keras(l1: float, l2: float) -> Callable[[Array, Array, dict[str, Any]], Array]:
    """keras.optimizers.Ftrl of 3.15.1 (learning_rate_power -0.5), as its update_step writes it."""

    def update(w: Array, g: Array, s: dict[str, Any]) -> Array:
        accum, linear = s.get("accum", np.full_like(w, 0.1)), s.get("linear", np.zeros_like(w))
        new = accum + g * g
        linear = linear + (g - (new**0.5 - accum**0.5) / LR * w)
        quadratic = new**0.5 / LR + 2 * l2
        s["accum"], s["linear"] = new, linear
        return (np.clip(linear, -l1, l1) - linear) / quadratic

    return update


CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "paper": ({}, paper(1.0, 0.0, 0.0)),
    "paper, regularised": ({"l1": 0.5, "l2": 1.5}, paper(1.0, 0.5, 1.5)),
    "paper, l1 and beta": ({"l1": 2.0, "beta": 0.3}, paper(0.3, 2.0, 0.0)),
    "Keras": ({"beta": 0.0, "initial_accumulator_value": 0.1}, keras(0.0, 0.0)),
    "Keras, regularised": (
        {"beta": 0.0, "initial_accumulator_value": 0.1, "l1": 0.5, "l2": 2 * 0.7},
        keras(0.5, 0.7),
    ),
}


@pytest.mark.parametrize("name", CASES)
@each_dtype
def test_two_hundred_steps_are_those_of_the_formula_elsewhere(name: str, dtype: Any) -> None:
    options, update = CASES[name]
    start, gradient = problem()
    theirs, state = start.copy(), dict[str, Any]()
    p = start.astype(dtype)
    opt = lrc.FTRL(p, lr=LR, **options)
    for t in range(STEPS):
        g = gradient(start, t).astype(dtype)  # the same for both, rounded as it may be
        theirs = update(theirs, g.astype(float), state)
        opt.step(g)
    # z gathers a rounding of its own size at each update; the rest are a few of p
    size = STEPS * np.finfo(dtype).eps
    np.testing.assert_allclose(p, theirs, rtol=size, atol=size)


# The second weights are recorded of pytorch_optimizer 4.1.0 and Keras 3.15.1.
@pytest.mark.parametrize(
    ("options", "second"),
    [({}, 0.45), ({"beta": 0.0, "initial_accumulator_value": 0.1}, 0.603)],
)
def test_a_weight_without_gradient_becomes_zero_at_the_first_step(
    options: dict[str, Any], second: float
) -> None:
    p = np.ones(2)
    lrc.FTRL(p, lr=0.1, **options).step(np.array([0.0, 1.0]))
    assert p[0] == 0.0
    assert p[1] == pytest.approx(second, abs=5e-4)  # half a unit of the last digit


@each_dtype
def test_no_gradient_at_all_sets_everything_to_zero(dtype: Any) -> None:
    for options in ({}, {"beta": 0.0}):
        p = np.array([1.0, -2.0, 0.0], dtype)
        opt = lrc.FTRL(p, **options)
        opt.step(np.zeros(3, dtype))
        assert p.tobytes() == np.zeros(3, dtype).tobytes()
        assert opt.effective_lr("0").tolist() == [0.05 if options == {} else 0.0] * 3


def test_l1_makes_weights_exactly_zero_up_to_its_size() -> None:
    p = np.zeros(4)
    lrc.FTRL(p, lr=0.5, l1=0.5).step(np.array([0.48, 0.5, -0.48, 0.52]))
    assert (p[:3] == 0).all()
    assert p[3] < 0


def test_from_zero_it_is_adagrad_with_beta_beside_the_root() -> None:
    start, gradient = problem()
    p, q = np.zeros_like(start), np.zeros_like(start)
    one, other = lrc.FTRL(p, lr=LR, beta=0.5), lrc.Adagrad(q, lr=LR, eps=0.5)
    for t in range(STEPS):
        g = gradient(start, t)
        one.step(g)
        other.step(g)
    # a rounding of z at each update, which is the parameter times q
    np.testing.assert_allclose(p, q, rtol=1e-11, atol=1e-13)


def test_what_is_written_into_a_parameter_is_lost() -> None:
    p, q = np.zeros(1), np.zeros(1)
    one, other = lrc.FTRL(p, lr=0.5), lrc.FTRL(q, lr=0.5)
    for opt in (one, other):
        opt.step(np.ones(1))
    p[...] = 7.0
    one.step(np.zeros(1))
    other.step(np.zeros(1))
    assert p[0] == q[0]


@each_dtype
def test_at_a_rate_of_zero_neither_parameters_nor_state_change(dtype: Any) -> None:
    p = np.array([1.0, -2.0], dtype)
    opt = lrc.FTRL(p, lr=0.5)
    opt.step(np.ones(2))
    before = [a.tobytes() for a in (p, *opt.state["0"].values())]
    opt.lr_scale = 0.0
    opt.step(np.full(2, 3.0))
    assert [a.tobytes() for a in (p, *opt.state["0"].values())] == before
    assert opt.t == 2
    assert opt.effective_lr("0").tolist() == [0.0, 0.0]
    opt.lr_scale = 1.0
    opt.step(np.ones(2))
    assert np.isfinite(p).all()


@pytest.mark.parametrize("lr", [0, 0.0, -1.0, np.nan, np.inf])
def test_a_rate_that_cannot_be_divided_by_is_refused(lr: float) -> None:
    for make in (
        lambda: lrc.FTRL(np.ones(1), lr=lr),
        lambda: lrc.FTRL([lrc.Group(np.ones(1), lr=lr)]),
        lambda: setattr(lrc.FTRL(np.ones(1)), "lr", lr),
    ):
        with pytest.raises(ValueError, match=r"FTRL: lr must be a finite number in \(0, inf\)"):
            make()


def test_a_rate_whose_inverse_is_no_float32_is_refused_before_anything_changes() -> None:
    p = np.ones(1, np.float32)
    opt = lrc.FTRL(p, lr=1e-39)
    with pytest.raises(ValueError, match="out of the range of its parameters' dtype"):
        opt.step(np.ones(1))
    assert (p[0], opt.t) == (1.0, 0)


def test_a_schedule_may_end_at_zero_and_any_option_may_be_one() -> None:
    p = np.zeros(2)
    options = {"beta": lambda t: 1.0, "l1": lambda t: 0.01 * t, "l2": lambda t: 0.1}
    opt = lrc.FTRL(p, lr=lrc.Linear(0.5, 0.0, 5), **options)  # type: ignore[arg-type]
    for _ in range(5):
        opt.step(np.ones(2))
    last = p.tolist()
    for _ in range(3):
        opt.step(np.ones(2))
    assert p.tolist() == last


def test_half_the_rate_halves_a_weight() -> None:
    p = np.zeros(2)
    opt = lrc.FTRL(p, lr=0.5)
    opt.step(np.array([1.0, -3.0]))
    before = p.copy()
    opt.lr = 0.25
    opt.step(np.zeros(2))
    np.testing.assert_allclose(p, before / 2, rtol=1e-15)


def test_decay_is_refused_with_a_way_out() -> None:
    with pytest.raises(TypeError, match=r"FTRL has no weight_decay: use l2=, which regularises"):
        lrc.FTRL(np.ones(1), weight_decay=0.1)  # type: ignore[call-arg]


def test_a_linear_model_of_few_features_is_found_with_zeros_elsewhere() -> None:
    rng = np.random.default_rng(0)
    true, w = np.r_[2.0, -1.0, np.zeros(18)], np.zeros(20)
    opt = lrc.FTRL(w, lr=0.5, l1=30.0)
    for _ in range(2000):
        x = rng.standard_normal(20)
        opt.step((x @ (w - true)) * x)
    assert (w[2:] == 0).sum() >= 12
    assert np.abs(w[:2] - true[:2]).max() < 0.2


@each_dtype
def test_a_weight_stays_where_the_square_of_a_gradient_overflows(dtype: Any) -> None:
    huge = 2 * np.sqrt(np.finfo(dtype).max)
    w = np.array([0.0, 0.0, 0.5], dtype)
    opt = lrc.FTRL(w, lr=0.5, nonfinite="allow")
    start = np.array([1.0, 1.0, 0.0], dtype)
    opt.step(start)
    before = w.copy()
    opt.step(np.array([huge, 1.0, -huge], dtype))
    opt.step(start)
    np.testing.assert_array_equal(w[[0, 2]], before[[0, 2]])
    assert np.isfinite(w).all()
    assert w[1] < before[1]
    for bad in (np.nan, np.inf):
        opt.step(np.full(3, bad, dtype))
        assert np.isnan(w).all()
