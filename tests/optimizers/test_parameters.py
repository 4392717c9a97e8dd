"""Parameters and gradients: names, structures, what is refused, binding."""

import collections
import warnings

import numpy as np
import pytest
from cases import ONE_EACH, bits, everything, variant_id

import lrcore as lrc

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


def test_the_error_for_no_gradient_says_that_zeros_freeze_nothing():
    opt = lrc.AdamW({"W": np.ones(2)})
    with pytest.raises(TypeError, match=r"zeros do not freeze an array: .*; opt.freeze\(name\)"):
        opt.step({"W": None})


def test_what_has_an_optimizer_of_its_own_stays_as_it_is_meanwhile():
    body, head = lrc.AdamW({"body": np.ones(2)}), lrc.AdamW({"head": np.ones(2)})
    for opt in (body, head):
        opt.step(dict.fromkeys(opt.params, np.ones(2)))
    kept, twin = body.snapshot(), lrc.AdamW({"body": body.params["body"].copy()})
    twin.load_state_dict(kept.state)
    for _ in range(100):
        head.step({"head": np.ones(2)})
    assert body.params["body"].tobytes() == kept.params["body"].tobytes()
    for opt in (body, twin):  # its next update is that of its own history
        opt.step({"body": np.ones(2)})
    assert body.params["body"].tobytes() == twin.params["body"].tobytes()
