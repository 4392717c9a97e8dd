"""Parameters, names, groups, options and the contract of a step."""

import collections
import dataclasses
import threading
import warnings

import numpy as np
import pytest
from cases import ONE_EACH, bits, variant_id

import lrcore as lrc
from lrcore.base import DEFAULTS
from lrcore.optimizers import OPTIMIZERS
from lrcore.reference import Reference
from lrcore.schedules import SCHEDULES

each_optimizer = pytest.mark.parametrize("cls", OPTIMIZERS.values(), ids=OPTIMIZERS)
each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)


# --- structure and names ---------------------------------------------------------------------


def test_nested_parameters_are_named_by_their_path():
    params = {
        "layers": [{"W": np.ones((2, 3)), "b": np.zeros(3)}, {"W": np.ones(1)}],
        7: np.ones(1),
    }
    opt = lrc.Adam(params)
    assert opt.names == ("layers.0.W", "layers.0.b", "layers.1.W", "7")
    assert opt.params is params


def test_a_single_array_and_a_sequence_are_named_by_index():
    assert lrc.SGD(np.ones(2)).names == ("0",)
    assert lrc.SGD((np.ones(2), np.ones(3))).names == ("0", "1")


def test_nested_gradients_find_their_parameters_whatever_the_order_of_keys():
    params = {"a": np.zeros(2), "b": [np.zeros(1), (np.zeros(1),)]}
    opt = lrc.SGD(params, lr=1.0)
    opt.step({"b": ([1.0], [np.array([2.0])]), "a": np.array([3.0, 4.0])})
    np.testing.assert_array_equal(params["a"], [-3, -4])
    assert params["b"][0] == -1
    assert params["b"][1][0] == -2


@pytest.mark.parametrize("kind", [collections.UserList, collections.deque, type("L", (list,), {})])
def test_gradients_may_come_in_any_sequence(kind):
    params = [np.zeros(2), [np.zeros(3)]]
    opt = lrc.SGD(params, lr=1.0)
    opt.step(kind([np.ones(2), kind([np.ones(3)])]))
    np.testing.assert_array_equal(params[0], -1.0)
    np.testing.assert_array_equal(params[1][0], -1.0)


def test_two_parameters_of_the_same_name_are_refused():
    with pytest.raises(ValueError, match=r'two parameters are called "a\.b"'):
        lrc.SGD({"a": {"b": np.ones(1)}, "a.b": np.ones(1)})


@pytest.mark.parametrize("params", [[], {}, [[], {}]])
def test_no_parameters_at_all_are_refused(params):
    with pytest.raises(ValueError, match="no parameters"):
        lrc.SGD(params)


# --- parameters that cannot be updated -------------------------------------------------------


def _readonly():
    array = np.ones(3)
    array.flags.writeable = False
    return array


REFUSED = {
    "list of numbers": ([1.0, 2.0], TypeError, 'parameter "x.0" is a float'),
    "string": ("abc", TypeError, "is a str"),
    "None": (None, TypeError, "is a NoneType"),
    "NumPy scalar": (np.float64(1), TypeError, "is a float64"),
    "float16": (np.ones(2, np.float16), TypeError, "dtype float16.*float32 or float64"),
    "integers": (np.ones(2, np.int64), TypeError, "dtype int64"),
    "complex": (np.ones(2, complex), TypeError, "dtype complex128"),
    "object": (np.ones(2, object), TypeError, "dtype object"),
    "longdouble": (np.ones(2, np.longdouble), TypeError, "dtype"),
    "structured": (np.zeros(2, "f4,f4"), TypeError, "dtype"),
    "byte-swapped": (np.ones(2, ">f8"), TypeError, "native byte order"),
    "masked": (np.ma.ones(2), TypeError, "masked"),
    "read-only": (_readonly(), ValueError, "read-only"),
    "broadcast": (np.broadcast_to(np.ones(1), 3), ValueError, "read-only|share memory"),
    "misaligned": (np.zeros(17, np.uint8)[1:].view(np.float64), ValueError, "aligned"),
    "windowed": (
        np.lib.stride_tricks.sliding_window_view(np.ones(5), 3, writeable=True),
        ValueError,
        "share memory",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_parameters_that_cannot_be_updated_in_place_are_refused_by_name(case):
    value, error, message = REFUSED[case]
    with pytest.raises(error, match=message) as caught:
        lrc.Adam({"x": value})
    assert '"x' in str(caught.value)


def test_the_same_array_twice_is_refused():
    w = np.ones(3)
    with pytest.raises(ValueError, match='"encoder" and "decoder" share memory'):
        lrc.SGD({"encoder": w, "decoder": w.reshape(3, 1)})


def test_overlapping_views_are_refused_and_interleaved_ones_are_not():
    buffer = np.zeros(10)
    with pytest.raises(ValueError, match="share memory"):
        lrc.SGD([buffer[:6], buffer[5:]])
    opt = lrc.SGD([buffer[::2], buffer[1::2]], lr=1.0)
    opt.step([np.full(5, 1.0), np.full(5, 2.0)])
    np.testing.assert_array_equal(buffer, [-1, -2] * 5)


def test_interleaved_axes_without_shared_bytes_are_accepted():
    view = np.lib.stride_tricks.as_strided(np.zeros(12), (2, 3), (24, 16))
    opt = lrc.SGD(view, lr=1.0)
    opt.step(np.ones((2, 3)))
    np.testing.assert_array_equal(view, -1.0)


def test_overlap_of_views_is_judged_as_by_comparing_addresses():
    rng = np.random.default_rng(0)
    for _ in range(300):
        buffer = np.zeros(24)
        views = []
        for _ in range(2):
            start, step = int(rng.integers(0, 12)), int(rng.choice([-3, -2, -1, 1, 2, 3]))
            count = int(rng.integers(1, 5))
            index = start + step * np.arange(count)
            if index.min() < 0 or index.max() >= 24:
                break
            stop = start + step * count
            views.append((buffer[start : None if stop < 0 else stop : step], set(index.tolist())))
        if len(views) < 2:
            continue
        (a, cells_a), (b, cells_b) = views
        if cells_a & cells_b:
            with pytest.raises(ValueError, match="share memory"):
                lrc.SGD([a, b])
        else:
            lrc.SGD([a, b])


# --- gradients -------------------------------------------------------------------------------

BAD_GRADIENTS = {
    "None": (None, TypeError, 'gradient "W" is None'),
    "wrong shape": (np.ones((4, 3)), ValueError, r'gradient "W" has shape \(4, 3\).*\(3, 4\)'),
    "broadcastable": (np.ones((1, 4)), ValueError, r"shape \(1, 4\)"),
    "scalar": (1.0, ValueError, r"shape \(\)"),
    "complex": (np.ones((3, 4), complex), TypeError, "complex128, which does not cast to float64"),
    "object": (np.ones((3, 4), object), TypeError, "object"),
    "strings": (np.full((3, 4), "1"), TypeError, "dtype <U1"),
    "structured": (np.zeros((3, 4), "f8,f8"), TypeError, "dtype"),
    "masked": (np.ma.ones((3, 4)), TypeError, "masked"),
    "ragged": ([[1, 2], [3]], ValueError, 'gradient "W"'),
    "dates": (np.zeros((3, 4), "M8[s]"), TypeError, "dtype"),
}


@pytest.mark.parametrize("case", BAD_GRADIENTS)
@each_rule
def test_a_refused_gradient_changes_nothing(cls, options, case):
    value, error, message = BAD_GRADIENTS[case]
    params = {"a": np.ones(3), "W": np.ones((3, 4))}
    opt = cls(params, **options)
    opt.step({"a": np.ones(3), "W": np.ones((3, 4))})
    before = everything(opt)
    with pytest.raises(error, match=message):
        opt.step({"a": np.ones(3), "W": value})
    assert everything(opt) == before
    assert opt.step({"a": np.ones(3), "W": np.ones((3, 4))})


def everything(opt):
    """All bytes that a step may change."""
    arrays = [array for named in opt._named for _, array in named]
    state = [array for name in opt.names for array in opt.state[name].values()]
    return [bits(array) for array in arrays + state], opt.t, opt.skipped, repr(opt.last_lr)


STRUCTURES = {
    "too few": ([np.ones(1)], ValueError, "expected 2 entries"),
    "too many": ([np.ones(1)] * 3, ValueError, "expected 2 entries.*not 3"),
    "mapping": ({"a": np.ones(1)}, TypeError, "expected a sequence of 2"),
    "array": (np.ones((2, 1)), TypeError, r"not an array of shape \(2, 1\)"),
    "generator": ((g for g in [1, 2]), TypeError, "generator"),
}


@pytest.mark.parametrize("case", STRUCTURES)
def test_gradients_of_another_structure_are_refused(case):
    value, error, message = STRUCTURES[case]
    with pytest.raises(error, match=message):
        lrc.SGD([np.ones(1), np.ones(1)]).step(value)


def test_missing_and_unexpected_keys_are_named():
    opt = lrc.SGD({"layer": {"W": np.ones(1), "b": np.ones(1)}})
    with pytest.raises(ValueError, match=r"missing keys \['b'\], unexpected keys \['c'\]"):
        opt.step({"layer": {"W": np.ones(1), "c": np.ones(1)}})
    with pytest.raises(TypeError, match="expected a mapping with the keys"):
        opt.step({"layer": [np.ones(1), np.ones(1)]})


def test_a_parameter_made_read_only_later_is_refused():
    w = np.ones(3)
    opt = lrc.SGD([np.ones(3), w])
    w.flags.writeable = False
    before = everything(opt)
    with pytest.raises(ValueError, match='parameter "1" is read-only'):
        opt.step([np.ones(3), np.ones(3)])
    assert everything(opt) == before


def test_a_parameter_resized_later_is_refused():
    w = np.ones(3)
    opt = lrc.SGD(w)
    w.resize(100_000, refcheck=False)
    with pytest.raises(ValueError, match="was resized"):
        opt.step(np.ones(3))


def test_a_parameter_reshaped_in_place_later_is_refused():
    w = np.ones((3, 4))
    opt = lrc.SGD(w, clip_norm=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # since NumPy 2.5, but possible
        w.shape = (2, 1, 1, 1, 1, 6)
    for call in (opt.step, opt.bind):
        with pytest.raises(ValueError, match="reshaped"):
            call(np.ones((6, 1, 1, 1, 1, 2)).T)


# --- binding ---------------------------------------------------------------------------------


@each_rule
def test_bound_gradients_give_the_same_steps(cls, options):
    rng = np.random.default_rng(0)
    p, q = np.ones((4, 5)), np.ones((4, 5))
    g = np.zeros((5, 4)).T
    bound, free = cls(p, **options), cls(q, **options)
    bound.bind(g)
    for _ in range(4):
        g[...] = rng.standard_normal((4, 5))
        bound.step()
        free.step(g)
    assert bits(p) == bits(q)


def test_a_step_with_gradients_leaves_the_bound_ones_in_place():
    p, g = np.zeros(2), np.ones(2)
    opt = lrc.SGD(p, lr=1.0)
    opt.bind(g)
    opt.step(np.full(2, 10.0))
    opt.step()
    np.testing.assert_array_equal(p, -11.0)


def test_a_failed_bind_leaves_the_earlier_gradients_bound():
    p = np.zeros(2)
    opt = lrc.SGD(p, lr=1.0)
    opt.bind(np.ones(2))
    with pytest.raises(ValueError, match="shape"):
        opt.bind(np.ones(3))
    opt.step()
    np.testing.assert_array_equal(p, -1.0)


def test_bound_gradients_are_arrays_and_not_the_structure_they_came_in():
    p, grads = np.zeros(1), {"a": np.ones(1)}
    opt = lrc.SGD({"a": p}, lr=1.0)
    opt.bind(grads)
    grads["a"] = np.full(1, 100.0)
    opt.step()
    opt.step({"a": np.zeros(1)})
    opt.step()
    np.testing.assert_array_equal(p, -2.0)


def test_a_bound_gradient_that_is_resized_is_refused():
    g = np.ones(100_000)
    opt = lrc.SGD(np.zeros(100_000))
    opt.bind(g)
    g.resize((1,), refcheck=False)
    with pytest.raises(ValueError, match=r'gradient "0" has shape \(1,\)'):
        opt.step()


def test_a_bound_gradient_may_lie_between_the_elements_of_its_parameter():
    pairs = np.zeros((5, 2))
    pairs[:, 1] = 1.0
    opt = lrc.SGD(pairs[:, 0], lr=0.5)
    opt.bind(pairs[:, 1])
    opt.step()
    with pytest.raises(ValueError, match="shape"):
        opt.bind(np.ones(3))
    opt.step()
    np.testing.assert_array_equal(pairs, [[-1.0, 1.0]] * 5)


def test_a_bound_gradient_that_comes_to_overlap_is_refused():
    buffer = np.zeros(2000)
    gradient = buffer[1::2]
    opt = lrc.SGD(buffer[::2])
    opt.bind(gradient)
    opt.step()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy, but possible
        gradient.strides = (8,)
    before = buffer.copy()
    with pytest.raises(ValueError, match='gradient "0" shares memory'):
        opt.step()
    np.testing.assert_array_equal(buffer, before)


def test_a_bound_gradient_of_a_subclass_is_looked_at_anew():
    gradient = np.ones(100_000).view(type("Sub", (np.ndarray,), {})).copy()
    opt = lrc.SGD(np.zeros(100_000), lr=1.0)
    opt.bind(gradient)
    opt.step()
    assert (opt.params == -1.0).all()
    gradient.resize((1,), refcheck=False)
    with pytest.raises(ValueError, match=r'gradient "0" has shape \(1,\)'):
        opt.step()


def test_a_parameter_whose_strides_or_byte_order_change_is_refused():
    change = {"strides": (8, 24), "dtype": ">f8"}
    for name, value in change.items():
        p = np.ones((3, 3))
        opt = lrc.SGD(p)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy, but possible
            setattr(p, name, value)
        with pytest.raises(ValueError, match='parameter "0" was resized, reshaped or moved'):
            opt.step(np.ones((3, 3)))


def test_gradients_that_would_have_to_be_copied_cannot_be_bound():
    p = np.zeros(2)
    with pytest.raises(TypeError, match="cannot be bound"):
        lrc.SGD(p).bind([1.0, 2.0])
    with pytest.raises(ValueError, match="shares memory"):
        lrc.SGD(p).bind(p)


def test_step_without_gradients_is_an_error():
    with pytest.raises(RuntimeError, match="give them, or bind"):
        lrc.SGD(np.ones(1)).step()


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
        ({"amsgrad": 1}, "amsgrad must be a bool, got 1"),
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


COUPLED = [name for name, cls in OPTIMIZERS.items() if "l2" in cls.__init__.__annotations__]


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


# --- rates -----------------------------------------------------------------------------------


def test_update_t_uses_the_schedule_at_t():
    seen = []
    p = np.zeros(1)
    opt = lrc.SGD(p, lr=lambda t: seen.append(t) or float(10**t))
    for k in range(3):
        opt.step(np.ones(1))
        assert opt.last_lr == 10.0**k
        assert opt.t == k + 1
    assert seen == [0, 1, 2]
    assert p[0] == -111.0


@pytest.mark.parametrize("cls", SCHEDULES.values(), ids=SCHEDULES)
def test_every_update_uses_the_schedules_own_value(cls):
    schedule = cls.example(0.1, 700)
    opt = lrc.SGD(np.zeros(1), lr=schedule, l2=schedule)
    twin = Reference(opt)
    g = np.ones(1)
    for t in range(1300):  # longer than any stretch of values computed ahead
        opt.step(g)
        twin.step(g)
        assert opt.last_lr == schedule(t)
        assert opt.lr == schedule(t + 1)
    assert bits(opt.params) == bits(twin.params[0])
    saved = opt.state_dict()
    fresh = lrc.SGD(np.zeros(1), lr=schedule)
    fresh.step(g)
    fresh.load_state_dict(saved)
    fresh.step(g)
    assert fresh.last_lr == schedule(1300)


@each_optimizer
def test_a_number_a_constant_schedule_and_a_callable_are_the_same_rate(cls):
    results = []
    for lr in (0.05, lrc.Constant(0.05), lambda t: 0.05, lambda t: np.float64(0.05)):
        p = np.ones(5)
        opt = cls(p, lr=lr)
        for k in range(3):
            opt.step(np.full(5, 1.0 + k))
        results.append(bits(p))
    assert len(set(results)) == 1


def test_the_rate_can_be_read_replaced_scaled_and_overridden():
    p = np.zeros(1)
    opt = lrc.SGD(p, lr=lrc.StepDecay(1.0, every=1, factor=0.5))
    assert (opt.lr, opt.schedule(1)) == (1.0, 0.5)
    opt.step(np.ones(1))
    assert (opt.lr, opt.last_lr) == (0.5, 1.0)
    opt.lr_scale = 0.5
    assert opt.lr == 0.25
    opt.step(np.ones(1), lr=3.0)
    assert opt.last_lr == 3.0
    opt.lr = 0.1
    assert opt.schedule == lrc.Constant(0.1)
    assert opt.lr == 0.05
    with pytest.raises(ValueError, match=r"lr must be .* got -1"):
        opt.lr = -1
    with pytest.raises(ValueError, match=r"lr_scale must be .* got nan"):
        opt.lr_scale = np.nan
    with pytest.raises(ValueError, match=r"step: lr must be .* got inf"):
        opt.step(np.ones(1), lr=np.inf)
    assert opt.lr == 0.05


SENSELESS_SCHEDULES = {
    "nan": (lambda t: float("nan"), ValueError),
    "negative": (lambda t: -1e-3, ValueError),
    "infinite": (lambda t: float("inf"), ValueError),
    "text": (lambda t: "0.1", TypeError),
    "None": (lambda t: None, TypeError),
    "array": (lambda t: np.ones(2), TypeError),
    "error": (lambda t: 1 / 0, ZeroDivisionError),
}


@pytest.mark.parametrize("name", ["lr", "momentum", "l2"])
@pytest.mark.parametrize("case", SENSELESS_SCHEDULES)
def test_a_schedule_that_gives_no_sense_is_an_error_and_changes_nothing(case, name):
    function, error = SENSELESS_SCHEDULES[case]
    calls = []
    opt = lrc.SGD(
        np.ones(2),
        **{"momentum": 0.5, name: lambda t: calls.append(t) or (0.1 if t == 0 else function(t))},
    )
    opt.step(np.ones(2))
    before = everything(opt)
    with pytest.raises(error, match="division" if case == "error" else name):
        opt.step(np.ones(2))
    assert everything(opt) == before


def test_any_float_hyperparameter_may_be_a_schedule():
    rng = np.random.default_rng(0)
    vary = lambda low, high: lambda t: low + (high - low) * t / 10  # noqa: E731
    opt = lrc.AdamW(
        np.ones(9),
        lr=vary(0.1, 0.01),
        weight_decay=vary(0.0, 0.1),
        betas=(vary(0.95, 0.85), vary(0.99, 0.999)),
        eps=vary(1e-8, 1e-4),
        eps_root=vary(0.0, 1e-6),
    )
    twin = Reference(opt)
    for _ in range(10):
        g = rng.standard_normal(9)
        opt.step(g)
        twin.step(g)
    assert bits(opt.params) == bits(twin.params[0])


@dataclasses.dataclass(frozen=True)
class Own(lrc.Schedule):
    """A schedule of the user's, which counts its calls and knows three updates."""

    asked: list

    def _at(self, t, m):
        self.asked.append(t)
        return [0.1, 0.2, 0.3][int(t)]

    def __post_init__(self):
        pass

    def _length(self):
        return None

    @classmethod
    def _example(cls, lr, steps):
        return cls([])


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: s * 1.0, lambda s: s.shift(0)])
def test_a_schedule_of_the_users_is_asked_for_one_update_at_a_time(wrap):
    own = Own([])
    opt = lrc.SGD(np.ones(1), lr=wrap(own))
    used = []
    for _ in range(3):
        opt.step(np.ones(1))
        used.append(opt.last_lr)
    assert used == [0.1, 0.2, 0.3]
    assert own.asked == [0.0, 1.0, 2.0]


def test_a_schedule_may_replace_the_rate_that_asked_for_it():
    def rate(t):
        opt.lr = 0.25
        return 0.5

    opt = lrc.SGD(np.zeros(1), lr=rate)
    opt.step(np.ones(1))
    opt.step(np.ones(1))
    assert opt.params[0] == -0.75


def test_momentum_may_rise_from_zero_by_a_schedule():
    p = np.zeros(1)
    opt = lrc.SGD(p, lr=1.0, momentum=lambda t: 0.5 * t)
    opt.step(np.ones(1))
    opt.step(np.ones(1))
    assert p[0] == -1.0 - 1.5


def test_a_controller_scales_the_scheduled_rate():
    plateau = lrc.ReduceOnPlateau(factor=0.5, patience=1)
    opt = lrc.SGD(np.zeros(1), lr=lrc.StepDecay(1.0, every=2, factor=0.1), controller=plateau)
    used = []
    for loss in (1.0, 1.0, 0.5, 0.4):
        opt.step(np.ones(1))
        plateau.update(loss)
        used.append(opt.last_lr)
    assert used == [1.0, 1.0, 0.05, 0.05]
    assert opt.controller is plateau


def test_warmup_and_plateau_multiply():
    schedule = lrc.Constant(1.0).warmup(4)
    plateau = lrc.ReduceOnPlateau(factor=0.5, patience=1)
    opt = lrc.SGD(np.zeros(1), lr=schedule, controller=plateau)
    used = []
    for loss in (1.0, 1.0, 1.0, 0.5, 0.4):
        opt.step(np.ones(1))
        plateau.update(loss)
        used.append(opt.last_lr)
    assert used == [0.25, 0.5, 0.375, 0.25, 0.25]


def test_accumulated_gradients_make_one_update():
    schedule = lrc.StepDecay(1.0, every=1, factor=0.5)
    opt = lrc.SGD(np.zeros(1), lr=schedule)
    for _ in range(3):
        total = sum(np.full(1, 0.25) for _ in range(4))
        opt.step(total)
    assert opt.t == 3
    assert opt.params[0] == -1.75


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
