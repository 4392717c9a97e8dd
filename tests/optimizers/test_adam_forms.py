"""Adam that looks ahead, AMSGrad of what is corrected, and the velocities of RMSprop."""

import numpy as np
import pytest
from cases import DTYPES, bits, gradients

import lrcore as lrc

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
each_adam = pytest.mark.parametrize("cls", [lrc.Adam, lrc.AdamW], ids=lambda cls: cls.__name__)
AHEAD = {"momentum": 0.8, "nesterov": True, "lr_in_momentum": True}


def reached(opt, grads):
    """How far an element that starts at 0 has gone."""
    for g in grads:
        opt.step(np.full(1, g))
    return -float(opt.params[0])


# As seen of optax 0.2.8 and torch 2.13, to as many digits.
def test_the_first_step_that_looks_ahead_is_that_of_optax():
    opt = lrc.Adam(np.zeros(1), lr=0.01, nesterov=True)
    assert reached(opt, [1.0]) == pytest.approx(0.01474, abs=5e-6)


@pytest.mark.parametrize(("amsgrad", "length"), [(True, 0.004218), ("corrected", 0.003491)])
def test_one_large_gradient_holds_back_the_two_forms_of_amsgrad_otherwise(amsgrad, length):
    opt = lrc.Adam(np.zeros(1), lr=1e-3, amsgrad=amsgrad)
    assert reached(opt, [1.0, 10.0, 1.0, 1.0, 1.0, 1.0]) == pytest.approx(length, abs=5e-7)


def test_looking_ahead_is_nadam_whose_momentum_has_warmed_up():
    rng = np.random.default_rng(0)
    p, q = np.zeros(20), np.zeros(20)
    ours, other = lrc.Adam(p, lr=0.1, nesterov=True), lrc.NAdam(q, lr=0.1, momentum_decay=1e6)
    for _ in range(50):
        g = gradients(rng, 20)
        ours.step(g)
        other.step(g)
    assert bits(p) == bits(q)


@each_dtype
def test_without_memory_looking_ahead_changes_nothing(dtype):
    rng = np.random.default_rng(0)
    p, q = np.zeros(20, dtype), np.zeros(20, dtype)
    ours, other = (
        lrc.Adam(x, betas=(0.0, 0.9), nesterov=nesterov) for x, nesterov in ((p, True), (q, False))
    )
    for _ in range(20):
        g = gradients(rng, 20, dtype)
        ours.step(g)
        other.step(g)
    # the rate before the quotient or after it
    np.testing.assert_allclose(p, q, rtol=200 * np.finfo(dtype).eps)


@each_adam
@pytest.mark.parametrize("amsgrad", [True, "corrected"])
def test_looking_ahead_and_amsgrad_exclude_each_other(cls, amsgrad):
    with pytest.raises(ValueError, match=f"^{cls.__name__}: nesterov=True wants amsgrad=False"):
        cls(np.ones(1), nesterov=True, amsgrad=amsgrad)


@each_adam
def test_the_corrected_form_of_amsgrad_knows_no_eps_hat(cls):
    with pytest.raises(ValueError, match=f'^{cls.__name__}: amsgrad="corrected" wants eps_hat=Fa'):
        cls(np.ones(1), amsgrad="corrected", eps_hat=True)


@pytest.mark.parametrize("value", ["Corrected", "", 1, None])
def test_another_form_of_amsgrad_is_refused_with_those_that_there_are(value):
    with pytest.raises((TypeError, ValueError), match="amsgrad must be a bool or one of 'correct"):
        lrc.Adam(np.ones(1), amsgrad=value)


def test_the_first_largest_moment_is_the_square_of_the_gradient():
    opt = lrc.Adam(np.zeros(2), amsgrad="corrected")
    opt.step(np.array([3.0, -0.5]))
    np.testing.assert_allclose(opt.state["0"]["v_max"], [9.0, 0.25], rtol=1e-15)


def saved_with(amsgrad, **common):
    opt = lrc.Adam({"w": np.ones(2)}, amsgrad=amsgrad, **common)
    opt.step({"w": np.ones(2)})
    return opt


@pytest.mark.parametrize(("there", "here"), [(True, "corrected"), ("corrected", True)])
def test_the_state_of_one_form_of_amsgrad_is_refused_by_the_other(there, here):
    opt = saved_with(here)
    before = {key: array.copy() for key, array in opt.state["w"].items()}
    message = f'state of "w" was made with amsgrad={there!r}, expected amsgrad={here!r}'
    with pytest.raises(ValueError, match=message):
        opt.load_state_dict(saved_with(there).state_dict())
    for key, array in before.items():
        np.testing.assert_array_equal(opt.state["w"][key], array)


def test_what_is_not_strict_leaves_the_state_of_another_form_out():
    opt = saved_with("corrected")
    report = opt.load_state_dict(saved_with(True).state_dict(), strict=False)
    assert any("amsgrad=True" in words for words in report.mismatched)


@pytest.mark.parametrize("suffix", [".npz"])
def test_a_file_of_one_form_of_amsgrad_is_refused_by_the_other(tmp_path, suffix):
    path = tmp_path / f"state{suffix}"
    saved_with("corrected").save(path)
    with pytest.raises(ValueError, match="made with amsgrad='corrected', expected amsgrad=True"):
        saved_with(True).load(path)
    again = saved_with("corrected")
    again.load(path)
    assert again.t == 1


def test_forms_of_amsgrad_are_told_apart_group_by_group():
    def made(first, second):
        groups = [lrc.Group({"a": np.ones(2)}, amsgrad=first), lrc.Group({"b": np.ones(2)})]
        return lrc.Adam(groups, amsgrad=second)

    saved = made("corrected", True).state_dict()
    made("corrected", True).load_state_dict(saved)
    with pytest.raises(ValueError, match=r'"0\.a" was made with amsgrad=.corrected.'):
        made(True, True).load_state_dict(saved)
    with pytest.raises(ValueError, match=r'state of "1\.b" was made with amsgrad=True'):
        made("corrected", "corrected").load_state_dict(saved)


def test_a_saved_form_cannot_be_taken_over_by_the_other():
    with pytest.raises(ValueError, match="another rule, with other state"):
        saved_with(True).load_state_dict(saved_with("corrected").state_dict(), hyperparameters=True)


@pytest.mark.parametrize("flag", ["nesterov", "lr_in_momentum"])
def test_the_velocities_of_rmsprop_want_momentum(flag):
    with pytest.raises(ValueError, match="RMSprop: nesterov and lr_in_momentum want momentum ab"):
        lrc.RMSprop(np.ones(1), **{flag: True})


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_variance_has_no_bias_correction(momentum):
    with pytest.raises(ValueError, match="RMSprop: bias_correction wants centered=False"):
        lrc.RMSprop(np.ones(1), centered=True, bias_correction=True, momentum=momentum)


def test_the_first_step_of_a_corrected_root_is_the_rate():
    plain, corrected = (
        lrc.RMSprop(np.zeros(1), lr=0.01, eps=0.0, bias_correction=flag) for flag in (False, True)
    )
    assert reached(plain, [7.0]) == pytest.approx(0.1, rel=1e-14)
    assert reached(corrected, [7.0]) == pytest.approx(0.01, rel=1e-14)


@each_dtype
@pytest.mark.parametrize("centered", [False, True])
def test_a_constant_rate_may_stand_inside_the_velocity_or_outside(dtype, centered):
    rng = np.random.default_rng(0)
    p, q = np.zeros(20, dtype), np.zeros(20, dtype)
    inside, outside = (
        lrc.RMSprop(x, lr=0.25, momentum=0.8, centered=centered, lr_in_momentum=flag)
        for x, flag in ((p, True), (q, False))
    )
    for _ in range(30):
        g = gradients(rng, 20, dtype)
        inside.step(g)
        outside.step(g)
    assert bits(p) == bits(q)  # a power of two


@each_dtype
@pytest.mark.parametrize("centered", [False, True])
def test_a_momentum_of_zero_leaves_plain_rmsprop(dtype, centered):
    rng = np.random.default_rng(0)
    p, q = np.zeros(20, dtype), np.zeros(20, dtype)
    ahead = lrc.RMSprop(p, momentum=lambda t: 0.0, nesterov=True, centered=centered)
    plain = lrc.RMSprop(q, centered=centered)
    for _ in range(20):
        g = gradients(rng, 20, dtype)
        ahead.step(g)
        plain.step(g)
    assert bits(p) == bits(q)


def keras_rmsprop(t, g, s):
    """Keras 3.15.1: momentum 0.8, rho 0.9, epsilon 1e-7, at a falling rate."""
    s["v"] = 0.9 * s.get("v", 0.0) + (1 - 0.9) * g * g
    s["m"] = 0.8 * s.get("m", 0.0) + 0.1 * 0.97**t * g / np.sqrt(s["v"] + 1e-7)
    return s["m"]


def test_two_hundred_steps_at_a_falling_rate_are_those_of_keras():
    rng = np.random.default_rng(0)
    p, q, kept = np.ones(12), np.ones(12), {}
    options = {"rho": 0.9, "eps": 0.0, "eps_root": 1e-7, "momentum": 0.8, "lr_in_momentum": True}
    opt = lrc.RMSprop(p, lr=lambda t: 0.1 * 0.97**t, **options)
    for t in range(200):
        noise = rng.standard_normal(12)
        opt.step(p + noise)
        q -= keras_rmsprop(t, q + noise, kept)
    # rounding of other orders of the same operations; parameters start at 1
    np.testing.assert_allclose(p, q, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (lrc.Adam, {"nesterov": True}),
        (lrc.AdamW, {"amsgrad": "corrected"}),
        (lrc.RMSprop, AHEAD | {"bias_correction": True}),
    ],
    ids=["nesterov", "corrected", "rmsprop"],
)
def test_they_go_on_from_what_was_saved_to_the_bit(cls, options):
    rng = np.random.default_rng(0)
    p, q = np.ones(9), np.ones(9)
    opt, again = (cls(x, lr=lrc.CosineAnnealing(0.1, 20), **options) for x in (p, q))
    grads = [gradients(rng, 9) for _ in range(8)]
    for g in grads[:4]:
        opt.step(g)
    q[...] = p
    again.load_state_dict(opt.state_dict())
    for g in grads[4:]:
        opt.step(g)
        again.step(g)
    assert bits(p) == bits(q)
    assert again.state_dict()["carried"] == opt.state_dict()["carried"]


@pytest.mark.parametrize("hyperparameters", [False, True])
def test_a_state_from_before_a_flag_was_there_is_one_with_the_flag_off(hyperparameters):
    saved = saved_with(True).state_dict()
    assert "nesterov" not in saved["hyperparameters"]["options"]
    report = saved_with(True).load_state_dict(saved, hyperparameters=hyperparameters)
    assert report.differing == ()
