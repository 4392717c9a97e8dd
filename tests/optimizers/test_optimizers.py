"""Each optimizer's formula: against torch, and by what is known of it in closed form."""

import inspect
import json
import re

import numpy as np
import pytest
from torch_cases import CASES, RECORD, run_lrcore, run_torch

import lrcore as lrc
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.optimizers.options import DEFAULTS

RECORDED = json.loads(RECORD.read_text())


@pytest.mark.parametrize("name", CASES)
def test_two_hundred_steps_equal_those_of_torch(name):
    expected = [float.fromhex(value) for value in RECORDED[name]]
    # parameters start around 1; the absolute part is for one that happens to pass zero
    np.testing.assert_allclose(run_lrcore(name), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", CASES)
def test_the_recorded_results_are_those_of_the_torch_at_hand(name):
    pytest.importorskip("torch")
    np.testing.assert_allclose(
        run_torch(name), [float.fromhex(value) for value in RECORDED[name]], rtol=1e-12, atol=1e-15
    )


def first_step(opt_class, g, **options):
    """The size of the first step at rate 1e-3, float64."""
    p = np.zeros(1)
    opt_class(p, **({"lr": 1e-3} | options)).step(np.array([g]))
    return -p[0]


# The same gradient in the conventions of torch, optax and Keras: three significant figures of each.
FIRST_STEPS = [
    (lrc.Adam, {}, 1.0, 1.0e-3),
    (lrc.Adam, {}, 1e-6, 9.90e-4),
    (lrc.Adam, {}, 1e-8, 5.0e-4),
    (lrc.Adam, {"eps": 1e-7, "eps_hat": True}, 1e-3, 9.97e-4),
    (lrc.Adam, {"eps": 1e-7, "eps_hat": True}, 1e-6, 2.40e-4),
    (lrc.Adam, {"eps": 1e-7, "eps_hat": True}, 1e-8, 3.15e-6),
    (lrc.RMSprop, {}, 1.0, 1.0e-2),
    (lrc.RMSprop, {}, 1e-6, 9.1e-3),
    (lrc.RMSprop, {"rho": 0.9, "eps": 0.0, "eps_root": 1e-8}, 1.0, 3.16e-3),
    (lrc.RMSprop, {"rho": 0.9, "eps": 0.0, "eps_root": 1e-8}, 1e-3, 3.0e-3),
    (lrc.RMSprop, {"rho": 0.9, "eps": 0.0, "eps_root": 1e-7}, 1e-3, 2.24e-3),
]


@pytest.mark.parametrize(("cls", "options", "g", "expected"), FIRST_STEPS)
def test_the_place_of_eps_gives_the_first_steps_of_the_other_libraries(cls, options, g, expected):
    # the expected figures are rounded to two or three places
    assert first_step(cls, g, **options) == pytest.approx(expected, rel=0.01)


def test_sgd_subtracts_the_rate_times_the_gradient_to_the_bit():
    rng = np.random.default_rng(0)
    p, g = rng.standard_normal(1000), rng.standard_normal(1000)
    expected = p - 0.1 * g
    lrc.SGD(p, lr=0.1).step(g)
    np.testing.assert_array_equal(p, expected)


def test_the_velocity_of_a_constant_gradient_tends_to_g_over_one_minus_momentum():
    opt = lrc.SGD(np.zeros(1), lr=0.0, momentum=0.9)
    for _ in range(400):
        opt.step(np.array([2.0]))
    assert opt.state["0"]["b"][0] == pytest.approx(2.0 / (1 - 0.9), rel=1e-13)


def run_sgd(rates, gradients, **options):
    p = np.zeros(1)
    opt = lrc.SGD(p, lr=lambda t: rates[t], momentum=0.9, **options)
    for g in gradients:
        opt.step(np.array([g]))
    return p[0]


def test_the_rate_in_the_momentum_differs_only_when_the_rate_changes():
    constant = [0.1] * 5
    gradients = [1.0, 0.5, -0.2, 0.3, 0.9]
    for nesterov in (False, True):
        outside = run_sgd(constant, gradients, nesterov=nesterov)
        inside = run_sgd(constant, gradients, nesterov=nesterov, lr_in_momentum=True)
        assert outside == pytest.approx(inside, rel=1e-15)
    assert run_sgd([0.1, 0.01], [1.0, 1.0]) == pytest.approx(-0.119, rel=1e-15)
    inside = run_sgd([0.1, 0.01], [1.0, 1.0], lr_in_momentum=True)
    assert inside == pytest.approx(-0.200, rel=1e-15)


def test_dampening_spares_the_first_update():
    opt = lrc.SGD(np.zeros(1), momentum=0.5, dampening=0.75)
    opt.step(np.ones(1))
    assert opt.state["0"]["b"][0] == 1.0
    opt.step(np.ones(1))
    assert opt.state["0"]["b"][0] == 0.5 + 0.25


def test_centered_rmsprop_divides_by_the_standard_deviation():
    rng = np.random.default_rng(0)
    opt = lrc.RMSprop(np.zeros(8), rho=0.9, centered=True)
    v, mean = np.zeros(8), np.zeros(8)
    for _ in range(60):
        g = rng.standard_normal(8)
        v, mean = 0.9 * v + 0.1 * g * g, 0.9 * mean + 0.1 * g
        opt.step(g)
    # the difference of the textbook form loses a few digits
    np.testing.assert_allclose(opt.state["0"]["s"], v - mean**2, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_centered_rmsprop_survives_a_constant_gradient(dtype):
    p = np.zeros(1, dtype)
    opt = lrc.RMSprop(p, lr=1e-3, rho=0.9, centered=True, eps_root=1e-4)
    for _ in range(3000):
        opt.step(np.full(1, 0.1, dtype))
    assert -3000 * 1e-3 * 0.1 / 1e-2 * 1.01 < p[0] < 0


def test_accumulators_start_where_they_are_told():
    opt = lrc.RMSprop(np.zeros(3), initial_accumulator_value=1.0)
    np.testing.assert_array_equal(opt.state["0"]["v"], 1.0)
    opt = lrc.RMSprop(np.zeros(3), initial_accumulator_value=0.5, centered=True)
    np.testing.assert_array_equal(opt.state["0"]["s"], 0.5)


def test_amsgrad_never_forgets_the_largest_second_moment():
    opt = lrc.Adam(np.zeros(1), amsgrad=True)
    opt.step(np.array([100.0]))
    peak = float(opt.state["0"]["v"][0])
    for _ in range(50):
        opt.step(np.array([0.1]))
    assert opt.state["0"]["v_max"][0] == peak
    assert opt.state["0"]["v"][0] < peak


@pytest.mark.parametrize("beta2", [0.999, 0.9999, 0.99999])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_steps_by_the_rate_while_the_gradient_is_constant(dtype, beta2):
    p = np.zeros(1, dtype)
    opt = lrc.Adam(p, lr=1e-3, betas=(0.9, beta2), eps=0.0)
    for t in range(1, 3001):
        opt.step(np.full(1, 0.3, dtype))
        if t in (1, 2, 10, 1000, 3000):
            # a rounding error of the dtype for each update so far at the most
            assert -p[0] == pytest.approx(1e-3 * t, rel=t * float(np.finfo(dtype).eps) + 1e-6)


def test_decoupled_decay_shrinks_by_the_rate_times_the_decay():
    p = np.array([2.0])
    opt = lrc.AdamW(p, lr=0.1, weight_decay=0.5)
    for _ in range(3):
        opt.step(np.zeros(1))
    assert p[0] == pytest.approx(2.0 * 0.95**3, rel=1e-15)


def test_reduced_rules_have_the_bits_of_the_simpler_ones():
    rng = np.random.default_rng(0)
    grads = rng.standard_normal((5, 30)).astype(np.float32)

    def run(cls, **options):
        p = np.linspace(-1, 1, 30, dtype=np.float32)
        opt = cls(p, lr=0.1, **options)
        for g in grads:
            opt.step(g)
        return p.tobytes()

    assert run(lrc.AdamW, weight_decay=0.0) == run(lrc.Adam)
    assert run(lrc.Adam, l2=0.0, eps_root=0.0) == run(lrc.Adam)
    assert run(lrc.SGD, momentum=lambda t: 0.0) == run(lrc.SGD)
    assert run(lrc.SGD, momentum=0.9, dampening=0.0) == run(lrc.SGD, momentum=0.9)
    assert run(lrc.RMSprop, momentum=lambda t: 0.0) == run(lrc.RMSprop)
    assert run(lrc.SGD, clip_norm=1e30, clip_value=1e30) == run(lrc.SGD)
    for cls in OPTIMIZERS.values():
        assert run(cls, nonfinite="allow") == run(cls, nonfinite="skip") == run(cls)


def test_the_default_rates_are_those_of_the_textbooks():
    defaults = {
        name: inspect.signature(cls).parameters["lr"].default for name, cls in OPTIMIZERS.items()
    }
    assert defaults["Adam"] == defaults["AdamW"] == 1e-3
    assert defaults["SGD"] == 1e-2


@pytest.mark.parametrize("cls", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_rate_is_the_first_argument_after_the_parameters(cls):
    assert cls(np.zeros(1), 0.25).lr == 0.25


@pytest.mark.parametrize("cls", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_optimizer_descends(cls):
    p = np.array([1.5, -2.0])
    opt = cls(p, lr=1.0 if cls is lrc.Adadelta else 0.05)
    start = (p**2).sum()
    for _ in range(300):
        opt.step(2 * p)
    assert (p**2).sum() < 0.9 * start


@pytest.mark.parametrize("cls", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_docstring_tells_every_argument_once_in_the_order_of_the_signature(cls):
    _, _, told = cls.__doc__.partition("Parameters\n    ----------\n")
    told, _, _ = told.partition("    Raises\n")
    heads = re.findall(r"^    (\w+(?:, \w+)*) : |^    (\w+(?:, \w+)+)$", told, re.MULTILINE)
    names = [name for head in heads for name in "".join(head).split(", ")]
    own, common = [*inspect.signature(cls).parameters], [*DEFAULTS]
    assert sorted(names) == sorted(own)
    assert names[:2] == ["params", "lr"]
    assert names[-len(common) :] == common
