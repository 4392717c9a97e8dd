"""LAMB: Adam's step by a ratio of norms, beside the numbers of its paper and of other libraries."""

import math

import numpy as np
import pytest
from cases import DTYPES, bits, gradients

import lrcore as lrc

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
each_place = pytest.mark.parametrize("decay_in_ratio", [True, False])


def ratio_of(opt, name="0"):
    return opt.state_dict()["carried"][name]["ratio"]


def moved(p, g, **options):
    """The length of the first update."""
    before = p.copy()
    lrc.LAMB(p, lr=0.01, **options).step(g)
    return math.sqrt(((p - before) ** 2).sum())


# As seen of optax 0.2.8 and of timm 1.0.31 with always_adapt: |p| 3.77, lr 0.01.
def test_the_first_update_without_decay_is_the_rate_times_the_norm():
    p = np.array([1.885, -3.2649, 0.0])
    # as many digits as there are
    assert moved(p, np.array([2.0, 3.0, 0.0]), weight_decay=0.0) == pytest.approx(0.0377, abs=5e-5)


def test_a_largest_ratio_of_one_leaves_the_first_update_of_adam():
    p = np.array([1.885, -3.2649, 0.0])
    length = moved(p, np.array([2.0, 3.0, 0.0]), weight_decay=0.0, max_trust=1.0)
    assert length == pytest.approx(0.0141, abs=5e-5)  # as many digits as there are


@pytest.mark.parametrize("most", [0.0, 0.25, 7.0])
def test_the_largest_ratio_bounds_that_of_an_array_of_zeros_too(most):
    p, q = np.zeros(3), np.zeros(3)
    opt = lrc.LAMB(p, lr=0.5, max_trust=most)
    opt.step(np.ones(3))
    assert ratio_of(opt) == min(1.0, most)
    lrc.Adam(q, lr=0.5 * min(1.0, most), eps=1e-6).step(np.ones(3))
    assert bits(p) == bits(q)


@each_place
@each_dtype
def test_a_gradient_of_zeros_and_no_decay_leave_all_as_it_is(dtype, decay_in_ratio):
    p = np.array([0.0, -0.0, -1.0, 2.0], dtype)
    before = p.tobytes()
    opt = lrc.LAMB(p, lr=0.5, weight_decay=0.0, decay_in_ratio=decay_in_ratio)
    opt.step(np.zeros(4))
    assert p.tobytes() == before
    assert ratio_of(opt) == 1.0


@each_dtype
def test_decay_inside_the_ratio_alone_shrinks_by_the_whole_rate(dtype):
    p = np.array([3.0, 4.0], dtype)
    lrc.LAMB(p, lr=0.5, weight_decay=0.25).step(np.zeros(2))
    assert p.tolist() == [1.5, 2.0]


def test_decay_beside_the_ratio_shrinks_the_norm_that_it_takes():
    p = np.array([3.0, 4.0])
    opt = lrc.LAMB(p, lr=0.5, eps=0.0, weight_decay=0.5, decay_in_ratio=False)
    opt.step(np.ones(2))
    assert ratio_of(opt) == pytest.approx(0.75 * 5 / math.sqrt(2), rel=1e-15)


@pytest.mark.parametrize("x", [1e-200, 1e200, np.inf, np.nan])
def test_a_norm_that_double_cannot_square_gives_a_ratio_of_one(x):
    p = np.array([x, 0.0])
    opt = lrc.LAMB(p, lr=0.5)
    opt.step(np.ones(2))
    assert ratio_of(opt) == 1.0


def test_a_rate_that_a_ratio_takes_out_of_the_range_gives_a_ratio_of_one():
    p = np.full(2, 1e30, np.float32)
    opt = lrc.LAMB(p, lr=1e10, weight_decay=0.0, eps=0.0)
    twin = lrc.reference.Reference(opt)
    g = np.full(2, 1e-3, np.float32)
    opt.step(g)
    twin.step(g)
    assert ratio_of(opt) == 1.0
    assert bits(p) == bits(twin.params[0])


def test_a_decay_that_leaves_nothing_gives_a_ratio_of_one():
    p = np.ones(2)
    opt = lrc.LAMB(p, lr=0.5, weight_decay=2.0, decay_in_ratio=False)
    opt.step(np.ones(2))
    assert ratio_of(opt) == 1.0


def test_an_update_that_is_left_out_changes_no_state():
    p = np.ones((4, 4))
    opt = lrc.LAMB(p, nonfinite="skip")
    opt.step(p)
    before = bits(p), bits(opt.state["0"]["m"]), bits(opt.state["0"]["v"]), repr(opt.scalars)
    assert not opt.step(np.full((4, 4), np.nan))
    now = bits(p), bits(opt.state["0"]["m"]), bits(opt.state["0"]["v"]), repr(opt.scalars)
    assert now == before


@each_dtype
def test_the_scale_of_all_parameters_scales_the_steps_without_decay(dtype):
    rng = np.random.default_rng(0)
    p = rng.standard_normal(20).astype(dtype)
    q = p * dtype(256)
    small, large = (lrc.LAMB(x, lr=0.1, weight_decay=0.0) for x in (p, q))
    for _ in range(20):
        g = gradients(rng, 20, dtype)
        small.step(g)
        large.step(g)
    assert bits(p * dtype(256)) == bits(q)


def test_groups_have_decay_and_limits_of_their_own():
    W, b = np.full(4, 2.0), np.full(2, 2.0)
    group = lrc.Group({"b": b}, weight_decay=0.0, max_trust=1.0)
    opt = lrc.LAMB([lrc.Group({"W": W}), group], lr=0.1, eps=0.0, weight_decay=1.0)
    opt.step([{"W": W * 2}, {"b": b * 2}])
    np.testing.assert_allclose(W, 1.8, rtol=1e-15)  # a few roundings
    np.testing.assert_allclose(b, 1.9, rtol=1e-15)


def test_a_limit_may_be_a_schedule():
    p = np.full(3, 5.0)
    opt = lrc.LAMB(p, max_trust=lrc.Linear(0.5, 0.25, 1))
    found = []
    for _ in range(2):
        opt.step(np.ones(3))
        found.append(ratio_of(opt))
    assert found == [0.5, 0.25]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_trust": -1.0}, r"LAMB: max_trust must be a finite number in \[0, inf\), got -1.0"),
        ({"max_trust": math.nan}, "max_trust must be a finite number"),
        ({"decay_in_ratio": 1}, "decay_in_ratio must be a bool, got 1"),
        ({"weight_decay": -0.1}, "weight_decay must be a finite number in"),
        ({"betas": (0.9, 1.0)}, r"betas\[1\] must be a finite number in \[0, 1\)"),
        ({"eps_root": -1}, "eps_root must be"),
    ],
)
def test_options_out_of_their_range_are_refused_by_name(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        lrc.LAMB(np.ones(2), **options)


def test_the_effective_rate_has_the_ratio_in_it():
    p = np.array([3.0, 4.0])
    opt = lrc.LAMB(p, lr=0.1, eps=0.0, weight_decay=0.0)
    opt.step(np.array([1.0, -4.0]))
    expected = 0.1 * 5 / math.sqrt(2) / np.array([1.0, 4.0])
    np.testing.assert_allclose(opt.effective_lr("0"), expected, rtol=1e-14)  # a few roundings


def test_it_goes_on_from_what_was_saved_to_the_bit():
    def made(p):
        return lrc.LAMB([p, np.ones(2)], lr=lrc.CosineAnnealing(0.1, 20), weight_decay=0.1)

    rng = np.random.default_rng(0)
    grads = [[gradients(rng, 9), gradients(rng, 2)] for _ in range(8)]
    p, q = np.ones(9), np.ones(9)
    opt, again = made(p), made(q)
    for g in grads[:4]:
        opt.step(g)
    q[...] = p
    again.load_state_dict(opt.state_dict())
    again.params[1][...] = opt.params[1]
    for g in grads[4:]:
        opt.step(g)
        again.step(g)
    assert bits(p) == bits(q)
    assert again.state_dict()["carried"] == opt.state_dict()["carried"]
