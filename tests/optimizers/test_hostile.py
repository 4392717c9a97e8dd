"""Input that means ill: nothing crashes, nothing is half done, nothing is silently wrong."""

import os
import sys
import threading
import warnings

import numpy as np
import pytest
from cases import bits

import lrcore as lrc
from lrcore.reference.twin import Reference


class Array:
    """An array-like that runs code when it is read."""

    def __init__(self, array, do):
        self.array, self.do = array, do

    def __array__(self, dtype=None, copy=None):
        self.do()
        return self.array


@pytest.mark.parametrize(
    ("params", "grads"),
    [
        ([{"W": np.ones(2)}, {}], [{"W": np.ones(2)}, None]),
        ({"a": np.ones(2), "b": []}, {"a": np.ones(2), "b": None}),
        ({"a": np.ones(2), "b": {}}, {"a": np.ones(2), "b": {"x": np.ones(2)}}),
    ],
)
def test_empty_containers_at_the_end_are_compared_too(params, grads):
    with pytest.raises((TypeError, ValueError), match="gradients from"):
        lrc.SGD(params).step(grads)


def test_a_list_of_gradients_may_shrink_while_it_is_read():
    grads = [Array(np.ones(3), lambda: grads.__delitem__(slice(1, None)))]
    grads += [np.ones(3) for _ in range(200)]
    params = [np.zeros(3) for _ in range(201)]
    lrc.SGD(params, lr=1.0).step(grads)
    assert all((p == -1).all() for p in params)


def test_a_gradient_that_resizes_a_parameter_is_refused():
    params = [np.ones(100_000), np.ones(3)]
    opt = lrc.SGD(params)
    evil = Array(np.ones(3), lambda: params[0].resize((1,), refcheck=False))
    with pytest.raises(ValueError, match='parameter "0" was resized'):
        opt.step([np.ones(100_000), evil])


def test_a_gradient_that_resizes_another_is_refused():
    first = np.ones(100_000)
    opt = lrc.SGD([np.ones(100_000), np.ones(3)])
    evil = Array(np.ones(3), lambda: first.resize((1,), refcheck=False))
    with pytest.raises(ValueError, match='gradient "0" was resized'):
        opt.step([first, evil])


def test_a_bound_gradient_that_changes_its_dtype_is_refused():
    g = np.ones(1000, np.float32)
    opt = lrc.SGD(np.ones(1000, np.float32))
    opt.bind(g)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy, but possible
        g.dtype = np.int32
    with pytest.raises(TypeError, match='gradient "0" is not an aligned float32'):
        opt.step()


def test_a_gradient_that_locks_a_parameter_is_refused():
    params = [np.ones(3), np.ones(3)]
    opt = lrc.SGD(params)
    evil = Array(np.ones(3), lambda: params[0].setflags(write=False))
    with pytest.raises(ValueError, match='parameter "0" is read-only'):
        opt.step([np.ones(3), evil])
    np.testing.assert_array_equal(params, 1.0)


def test_an_array_like_that_fails_is_named():
    with pytest.raises(ValueError, match='gradient "W" cannot be made an array: division'):
        lrc.SGD({"W": np.ones(3)}).step({"W": Array(np.ones(3), lambda: 1 / 0)})


def test_parameters_added_from_many_threads_are_all_there():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        opt = lrc.Adam([lrc.Group(np.ones(4))])
        threads = [
            threading.Thread(target=lambda: [opt.add(np.ones(3)) for _ in range(20)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(opt.names) == 81
    assert opt.step([np.ones(4)] + [np.ones(3)] * 80)


def test_an_optimizer_is_initialised_once():
    opt = lrc.Adam([lrc.Group(np.ones(1)) for _ in range(50)])
    with pytest.raises(RuntimeError, match="initialised already"):
        opt.__init__(np.ones(2))
    assert len(opt.names) == 50


def test_an_optimizer_that_was_not_initialised_says_so():
    opt = lrc.Adam.__new__(lrc.Adam)
    for call in (opt.bind, opt.step):
        with pytest.raises(RuntimeError, match="before the optimizer was initialised"):
            call(np.ones(2))


@pytest.mark.parametrize("g", [np.ones(6), np.ones((1, 2, 3)), np.ones((3, 2)), np.ones((2, 4))])
def test_a_gradient_of_another_shape_is_refused(g):
    p = np.ones((2, 3))
    with pytest.raises(ValueError, match='gradient "W" has shape'):
        lrc.SGD({"W": p}).step({"W": g})
    np.testing.assert_array_equal(p, 1.0)


def test_a_child_forked_during_a_step_can_step():
    opt = lrc.SGD(np.zeros(3_000_000), lr=1.0, num_threads=1)
    g = np.ones(3_000_000)
    stop = threading.Event()

    def keep_stepping():
        while not stop.is_set():
            opt.step(g)

    background = threading.Thread(target=keep_stepping)
    background.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            for _ in range(5):
                child = os.fork()
                if child == 0:
                    os._exit(0 if opt.step(g) else 1)
                assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        background.join()


@pytest.mark.parametrize("make", [float, lambda x: lambda t: x], ids=["number", "schedule"])
@pytest.mark.parametrize(
    ("cls", "name"), [(lrc.Adam, "beta1"), (lrc.Adam, "beta2"), (lrc.RMSprop, "rho")]
)
def test_a_decay_that_float32_rounds_to_one_is_refused(cls, name, make):
    decay = make(0.99999999)
    given = {"beta1": {"betas": (decay, 0.9)}, "beta2": {"betas": (0.9, decay)}}
    options = given.get(name, {name: decay})
    with pytest.raises(ValueError, match=f"{name}=0.99999999 is 1 when rounded"):
        cls(np.ones(2, np.float32), **options).step(np.ones(2))
    assert cls(np.ones(2), **options).step(np.ones(2))


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (lrc.SGD, {"lr": 1e39}),
        (lrc.SGD, {"l2": 1e39}),
        (lrc.Adam, {"eps": 1e39, "eps_hat": True}),
        (lrc.AdamW, {"lr": 1e20, "weight_decay": 1e20}),
    ],
)
def test_scalars_out_of_the_range_of_float32_are_refused(cls, options):
    p = np.ones(2, np.float32)
    opt = cls(p, **options)
    with pytest.raises(ValueError, match="out of the range of its parameters' dtype"):
        opt.step(np.ones(2, np.float32))
    np.testing.assert_array_equal(p, 1.0)
    assert opt.t == 0
    assert cls(np.ones(2), **options).step(np.ones(2))


@pytest.mark.parametrize(
    ("g", "limit", "expected"),
    [
        (np.full(4, 1.7e308), 1.0, 0.5),
        (np.full(4, 1e-300), 1e-305, 0.5e-305),
        (np.full(4, 1e36, np.float32), 1e-10, 0.5e-10),
    ],
)
def test_clipping_is_right_at_the_ends_of_the_range(g, limit, expected):
    p = np.zeros(4, g.dtype)
    lrc.SGD(p, lr=1.0, clip_norm=limit).step(g)
    # the power of the dtype's rounding, four elements and a square root
    np.testing.assert_allclose(-p, expected, rtol=4 * float(np.finfo(g.dtype).eps))
    lrc.clip_grad_norm_(g, limit)
    np.testing.assert_allclose(g, expected, rtol=4 * float(np.finfo(g.dtype).eps))


def test_a_twin_taken_in_the_middle_of_a_run_goes_on_as_the_optimizer():
    rng = np.random.default_rng(0)
    for options in ({}, {"names": ["x", "y"]}):
        group = lrc.Group({"a": np.ones(3), "b": np.ones(2)}, **options)
        opt = lrc.SGD([group], momentum=0.9, dampening=0.5)
        adam = lrc.Adam({"a": np.ones(3)})
        for _ in range(3):
            opt.step([{"b": rng.standard_normal(2), "a": rng.standard_normal(3)}])
            adam.step({"a": rng.standard_normal(3)})
        twin, other = Reference(opt), Reference(adam)
        g = {"b": rng.standard_normal(2), "a": [0.5, 1, 2]}
        opt.step([g])
        twin.step([g])
        adam.step({"a": g["a"]})
        other.step({"a": g["a"]})
        assert bits(group.params["a"]) == bits(twin.params[0])
        assert bits(group.params["b"]) == bits(twin.params[1])
        assert bits(adam.params["a"]) == bits(other.params[0])


def test_a_twin_refuses_and_leaves_out_what_the_optimizer_does():
    bad = np.array([1.0, np.nan])
    with pytest.raises(FloatingPointError):
        Reference(lrc.SGD(np.ones(2))).step(bad)
    twin = Reference(lrc.SGD(np.ones(2), nonfinite="skip"))
    assert not twin.step(bad)
    np.testing.assert_array_equal(twin.params[0], 1.0)


def test_one_group_out_of_range_is_refused_whatever_comes_after_it():
    params = [lrc.Group(np.ones(2, np.float32)), lrc.Group(np.ones(2))]
    for groups in (params, params[::-1]):
        with pytest.raises(ValueError, match="out of the range of its parameters' dtype"):
            lrc.SGD(groups, lr=1e39).step([np.ones(2)] * 2)


def test_options_beside_a_group_are_refused():
    opt = lrc.SGD(np.ones(1))
    with pytest.raises(TypeError, match="give l2 to the Group"):
        opt.add(lrc.Group(np.ones(1)), l2=0.5)


@pytest.mark.parametrize("name", ["names", "controller", "momentum", "t", "hyperparameters"])
def test_what_would_have_no_effect_cannot_be_assigned(name):
    opt = lrc.SGD(np.ones(1))
    with pytest.raises(AttributeError, match=f"SGD.{name} cannot be assigned"):
        setattr(opt, name, 1)


def test_a_controller_given_twice_is_refused():
    plateau = lrc.ReduceOnPlateau()
    with pytest.raises(ValueError, match="the same controller is given twice"):
        lrc.SGD(np.ones(1), controller=[plateau, plateau])


def test_the_same_gradient_twice_is_not_clipped_twice():
    g = np.ones(4)
    with pytest.raises(ValueError, match='gradients "0" and "1" share memory'):
        lrc.clip_grad_norm_([g, g], 1.0)
    np.testing.assert_array_equal(g, 1.0)


@pytest.mark.parametrize("names", ["ab", [None], 5])
def test_names_of_a_group_are_a_list_of_strings(names):
    with pytest.raises(TypeError, match="Group: names must be a list of strings"):
        lrc.Group([np.ones(1), np.ones(1)], names=names)


def test_weight_decay_in_a_group_is_refused_as_in_the_optimizer():
    with pytest.raises(TypeError, match="Adam has no weight_decay: use l2="):
        lrc.Adam([lrc.Group(np.ones(1), weight_decay=0.1)])


def test_betas_are_kept_as_a_pair_of_their_own():
    betas = [0.8, 0.9]
    opt = lrc.Adam(np.ones(1), betas=betas)
    betas[0] = 5
    assert opt.hyperparameters["betas"] == (0.8, 0.9)
