"""Groups, options and the contract of a step."""

import threading

import numpy as np
import pytest
from cases import ONE_EACH, bits, everything, variant_id

import lrcore as lrc
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.optimizers.options import DEFAULTS
from lrcore.reference.twin import Reference

each_optimizer = pytest.mark.parametrize("cls", OPTIMIZERS.values(), ids=OPTIMIZERS)
each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)


# --- groups ----------------------------------------------------------------------------------


def test_groups_have_their_own_options_and_rates():
    a, b = np.ones(2), np.ones(2)
    opt = lrc.SGD([lrc.Group([a]), lrc.Group({"b": b}, lr_scale=10.0, l2=0.5)], lr=0.01)
    opt.step([[np.ones(2)], {"b": np.ones(2)}])
    assert opt.names == ("0.0", "1.b")
    np.testing.assert_allclose(a, 0.99, rtol=1e-15)
    np.testing.assert_allclose(b, 1 - 0.1 * 1.5, rtol=1e-15)
    assert opt.lrs == (0.01, 0.1)


def test_groups_may_differ_in_their_flags():
    a, b = np.ones(2), np.ones(2)
    opt = lrc.Adam([lrc.Group(a), lrc.Group(b, amsgrad=True)])
    assert list(opt.state["0.0"]) == ["m", "v"]
    assert list(opt.state["1.0"]) == ["m", "v", "v_max"]


def test_groups_may_name_their_arrays():
    opt = lrc.SGD([lrc.Group([np.ones(1), np.ones(1)], names=["W", "b"])])
    assert opt.names == ("W", "b")
    with pytest.raises(ValueError, match="1 names for 2 arrays"):
        lrc.SGD([lrc.Group([np.ones(1), np.ones(1)], names=["W"])])


def test_a_group_of_both_dtypes_is_updated_in_both():
    rng = np.random.default_rng(0)
    params = [np.ones(5, np.float32), np.ones(6), np.ones(7, np.float32)]
    opt = lrc.Adam(params, clip_norm=0.1)
    twin = Reference(opt)
    for _ in range(3):
        grads = [rng.standard_normal(p.shape) for p in params]
        opt.step(grads)
        twin.step(grads)
    for p, q in zip(params, twin.params, strict=True):
        np.testing.assert_array_equal(p, q)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"betas": (0.9, 0.9)}, "betas is not a hyperparameter of SGD; accepted: lr, momentum"),
        ({"clip_norm": 1.0}, "clip_norm is not a hyperparameter of SGD"),
        ({"momentum": "0.9"}, "momentum must be .* got '0.9'"),
    ],
)
def test_unknown_overrides_are_refused(group, message):
    with pytest.raises(TypeError, match=message):
        lrc.SGD([lrc.Group(np.ones(1), **group)])


def test_a_group_shows_its_options_and_not_its_arrays():
    group = lrc.Group(np.ones(1000), lr_scale=0.5, l2=0.25)
    assert repr(group) == "Group(..., lr_scale=0.5, l2=0.25)"


def test_groups_mixed_with_arrays_are_refused():
    with pytest.raises(TypeError, match="also holds a ndarray"):
        lrc.SGD([lrc.Group(np.ones(1)), np.ones(1)])
    with pytest.raises(TypeError, match="must stand in a list"):
        lrc.SGD(lrc.Group(np.ones(1)))


def test_parameters_added_later_start_fresh_and_leave_the_others_alone():
    rng = np.random.default_rng(0)
    a, alone, b, fresh = np.ones(3), np.ones(3), np.ones(2), np.ones(2)
    opt, twin = lrc.Adam([a], lr=0.1), lrc.Adam([alone], lr=0.1)
    for _ in range(3):
        g = rng.standard_normal(3)
        opt.step([g])
        twin.step([g])
    opt.add([b], lr_scale=0.5)
    late = lrc.Adam([fresh], lr=0.05)
    assert opt.names == ("0", "1.0")
    for _ in range(3):
        g, h = rng.standard_normal(3), rng.standard_normal(2)
        opt.step([[g], [h]])
        twin.step([g])
        late.step([h])
    np.testing.assert_array_equal(a, alone)
    np.testing.assert_array_equal(b, fresh)
    assert opt.t == 6


def test_parameters_that_cannot_be_added_change_nothing():
    a = np.ones(3)
    opt = lrc.SGD([a], lr=1.0)
    with pytest.raises(ValueError, match="share memory"):
        opt.add([a])
    opt.step([np.ones(3)])
    np.testing.assert_array_equal(a, 0.0)


# --- options ---------------------------------------------------------------------------------


@each_optimizer
@pytest.mark.parametrize("lr", [-1.0, np.nan, np.inf, "0.1", None, True, 1j, [0.1], np.ones(2)])
def test_a_senseless_rate_is_refused(cls, lr):
    with pytest.raises((ValueError, TypeError), match=f"{cls.__name__}: lr must be"):
        cls(np.ones(1), lr=lr)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"betas": (1.0, 0.9)}, r"Adam: betas\[0\] must be a finite number in \[0, 1\), got 1.0"),
        ({"betas": (0.9, -0.1)}, r"betas\[1\]"),
        ({"betas": 0.9}, "betas must be a pair of numbers or schedules, got 0.9"),
        ({"betas": (0.9,)}, "pair"),
        ({"eps": -1e-8}, r"eps must be a finite number in \[0, inf\), got -1e-08"),
        ({"eps": np.nan}, "eps must be .* got nan"),
        ({"eps_root": -1.0}, "eps_root"),
        ({"l2": -1.0}, "l2"),
        ({"amsgrad": 1}, "amsgrad must be a bool or one of 'corrected', got 1"),
        ({"maximize": "yes"}, "maximize"),
        ({"clip_norm": 0.0}, r"clip_norm must be a finite number in \(0, inf\), got 0.0"),
        ({"clip_norm": -1.0}, "clip_norm"),
        ({"clip_norm": np.nan}, "clip_norm"),
        ({"clip_value": True}, "clip_value must be .* got True"),
        (
            {"nonfinite": "ignore"},
            "nonfinite must be one of 'raise', 'skip', 'allow', got 'ignore'",
        ),
        ({"controller": 0.5}, "not a Controller"),
        ({"momentum": 0.9}, "Adam has no argument momentum"),
    ],
)
def test_senseless_options_are_refused_by_name(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        lrc.Adam(np.ones(1), **options)


COUPLED = [
    name
    for name, cls in OPTIMIZERS.items()
    if "weight_decay" not in cls.__init__.__annotations__ and "l2" in cls.__init__.__annotations__
]


@pytest.mark.parametrize("name", COUPLED)
def test_weight_decay_is_refused_where_decay_is_coupled(name):
    with pytest.raises(
        TypeError, match=rf"{name} has no weight_decay: use l2=.*decoupled"
    ) as caught:
        OPTIMIZERS[name](np.ones(1), weight_decay=0.1)
    assert any(f"{other}," in str(caught.value) for other in OPTIMIZERS.keys() - set(COUPLED))


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(ValueError, match="want momentum above 0"):
        lrc.SGD(np.ones(1), nesterov=True)
    with pytest.raises(ValueError, match="dampening=0"):
        lrc.SGD(np.ones(1), nesterov=True, momentum=0.9, dampening=0.1)


def test_zero_and_large_rates_are_accepted():
    p = np.ones(3)
    lrc.Adam(p, lr=0.0).step(np.ones(3))
    np.testing.assert_array_equal(p, 1.0)
    lrc.SGD(p, lr=1e6).step(np.ones(3))
    np.testing.assert_array_equal(p, 1.0 - 1e6)


@each_optimizer
def test_the_representation_and_the_hyperparameters_show_everything(cls):
    opt = cls([np.ones(2), np.ones((3, 4))], clip_norm=2.0)
    for name, value in opt.hyperparameters.items():
        if name not in DEFAULTS or value != DEFAULTS[name]:
            assert f"{name}={value!r}" in repr(opt)
    assert "2 arrays, 14 elements, t=0" in repr(opt)
    assert opt.hyperparameters["clip_norm"] == 2.0


# --- non-finite gradients --------------------------------------------------------------------


@each_rule
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("common", [{}, {"clip_norm": 1.0}], ids=variant_id)
def test_a_non_finite_gradient_raises_before_anything_changes(cls, options, bad, common):
    opt = cls({"W": np.ones((2, 3))}, **options, **common)
    opt.step({"W": np.ones((2, 3))})
    before = everything(opt)
    g = np.ones((2, 3))
    g[1, 2] = bad
    with pytest.raises(FloatingPointError, match=r'"W" \(1 of 6, first -?(nan|inf) at \[1, 2\]\)'):
        opt.step({"W": g})
    assert everything(opt) == before


@each_rule
@pytest.mark.parametrize("common", [{}, {"clip_norm": 1.0}], ids=variant_id)
def test_a_skipped_update_changes_nothing_but_its_count(cls, options, common):
    opt = cls([np.ones(3), np.ones(40)], nonfinite="skip", **options, **common)
    plain = cls([np.ones(3), np.ones(40)], **options, **common)
    good = [np.full(3, 0.5), np.full(40, 0.25)]
    assert opt.step(good) is True
    assert opt.step([np.full(3, 0.5), np.full(40, np.nan)]) is False
    assert opt.step(good) is True
    plain.step(good)
    plain.step(good)
    assert (opt.t, opt.skipped) == (2, 1)
    assert everything(opt)[0] == everything(plain)[0]


def test_a_float64_gradient_that_overflows_float32_counts_as_infinite():
    with pytest.raises(FloatingPointError, match="not finite: gradient"):
        lrc.SGD(np.ones(2, np.float32)).step(np.array([1e300, 0.0]))


def test_allowed_non_finite_gradients_are_not_clipped():
    p = np.zeros(2)
    lrc.SGD(p, lr=1.0, nonfinite="allow", clip_norm=1.0).step(np.array([np.inf, 5.0]))
    np.testing.assert_array_equal(p, [-np.inf, -5.0])


# --- clipping --------------------------------------------------------------------------------


def test_clipping_by_norm_multiplies_by_exactly_c_over_the_norm():
    p = np.zeros(2)
    lrc.SGD(p, lr=1.0, clip_norm=2.5).step(np.array([3.0, 4.0]))
    np.testing.assert_array_equal(p, [-1.5, -2.0])


def test_gradients_within_the_norm_are_left_alone_to_the_bit():
    p, q, g = np.zeros(2), np.zeros(2), np.array([3.0, 4.0])
    lrc.SGD(p, clip_norm=5.0).step(g)
    lrc.SGD(q).step(g)
    assert bits(p) == bits(q)


def test_the_norm_of_huge_and_tiny_gradients_is_right():
    for size in (1e300, 1e-300):
        p = np.zeros(2)
        lrc.SGD(p, lr=1.0, clip_norm=size).step(np.array([3.0, 4.0]) * size)
        np.testing.assert_allclose(p, [-0.6 * size, -0.8 * size], rtol=1e-15)


def test_clipping_by_value_limits_each_element():
    p = np.zeros(3)
    lrc.SGD(p, lr=1.0, clip_value=1.0).step(np.array([0.5, 7.0, -7.0]))
    np.testing.assert_array_equal(p, [-0.5, -1.0, 1.0])


# --- from several threads, and from within ---------------------------------------------------


def test_a_step_from_its_own_schedule_is_refused():
    opt = lrc.SGD(np.ones(2), lr=lambda t: opt.step(np.ones(2)) or 0.1)
    before = everything(opt)
    with pytest.raises(RuntimeError, match="already stepping"):
        opt.step(np.ones(2))
    assert everything(opt) == before


def test_a_step_from_the_schedule_of_another_optimizer_works():
    inner = lrc.SGD(np.zeros(1), lr=1.0)
    outer = lrc.SGD(np.zeros(1), lr=lambda t: inner.step(np.ones(1)) and 1.0)
    outer.step(np.ones(1))
    assert inner.t == outer.t == 1


def test_steps_from_several_threads_are_taken_one_after_the_other():
    p = np.zeros(20_000)
    opt = lrc.SGD(p, lr=1.0)
    g = np.ones(20_000)
    threads = [threading.Thread(target=lambda: [opt.step(g) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opt.t == 200
    np.testing.assert_array_equal(p, -200.0)


def test_gradients_are_let_go_after_a_step():
    import sys

    g = np.ones(4)
    opt = lrc.SGD(np.ones(4))
    before = sys.getrefcount(g)
    opt.step(g)
    assert sys.getrefcount(g) == before
