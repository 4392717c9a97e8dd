"""Norms, clipping and clearing outside an optimizer."""

import numpy as np
import pytest
from cases import gradients

import lrcore as lrc
from lrcore.reference.norm import norm


@pytest.mark.parametrize("sizes", [(0,), (1,), (16,), (17, 1000), (16384,), (40_000, 3, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_norm_is_that_of_the_reference_to_the_bit(sizes, dtype):
    rng = np.random.default_rng(0)
    arrays = [gradients(rng, n, dtype) for n in sizes]
    size, factor = norm(arrays)
    assert lrc.global_norm(arrays) == size / factor
    assert lrc.global_norm(arrays) == pytest.approx(
        np.linalg.norm(np.concatenate(arrays).astype(float)), rel=1e-13
    )


def test_the_norm_does_not_depend_on_the_layout():
    a = gradients(np.random.default_rng(0), (30, 40, 20))
    views = [a, np.asfortranarray(a), np.repeat(a, 2, axis=1)[:, ::2]]
    assert len({lrc.global_norm(view) for view in views}) == 1


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_the_norm_survives_the_ends_of_the_range(scale):
    assert lrc.global_norm(np.array([3.0, 4.0]) * scale) == pytest.approx(5 * scale, rel=1e-15)


def test_the_norm_takes_any_real_numbers():
    assert lrc.global_norm({"a": [3], "b": np.array([4], np.float16)}) == 5.0
    assert np.isnan(lrc.global_norm([np.nan, 1.0]))
    assert lrc.global_norm([np.inf, 1.0]) == np.inf
    with pytest.raises(TypeError, match='"0" has dtype complex128'):
        lrc.global_norm(np.ones(2, complex))


def test_clipping_scales_all_arrays_by_the_same_factor():
    a, b = np.array([3.0]), np.array([4.0], np.float32)
    assert lrc.clip_grad_norm_([a, b], 1.0) == 5.0
    assert a[0] == 3.0 * 0.2
    assert b[0] == np.float32(4.0) * np.float32(0.2)


def test_clipping_leaves_gradients_within_the_norm_alone():
    g = np.array([3.0, 4.0])
    assert lrc.clip_grad_norm_(g, 5.0) == 5.0
    np.testing.assert_array_equal(g, [3.0, 4.0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_clipping_refuses_what_is_not_finite(bad):
    a, b = np.ones(2), np.array([bad, 1.0])
    with pytest.raises(FloatingPointError, match="nothing was changed"):
        lrc.clip_grad_norm_([a, b], 0.1)
    np.testing.assert_array_equal(a, 1.0)


@pytest.mark.parametrize("max_norm", [0.0, -1.0, np.nan, "1", True])
def test_clipping_refuses_a_senseless_norm(max_norm):
    with pytest.raises((ValueError, TypeError), match="max_norm"):
        lrc.clip_grad_norm_(np.ones(2), max_norm)


@pytest.mark.parametrize(
    "function",
    [lambda g: lrc.clip_grad_norm_(g, 0.1), lrc.zero_grads, lambda g: lrc.clip_units_(g, g)],
)
def test_arrays_that_cannot_be_changed_are_refused_before_any_is(function):
    first, frozen = np.ones(2), np.ones(2)
    frozen.flags.writeable = False
    for second, error in [(frozen, ValueError), ([1.0], TypeError), (np.ones(2, int), TypeError)]:
        with pytest.raises(error, match='"b'):
            function({"a": first, "b": second})
    np.testing.assert_array_equal(first, 1.0)


def test_zeroed_gradients_are_the_same_arrays():
    g = {"W": np.ones((2, 3)), "b": [np.ones(1, np.float32)]}
    w = g["W"]
    lrc.zero_grads(g)
    assert g["W"] is w
    assert not w.any()
    assert not g["b"][0].any()
