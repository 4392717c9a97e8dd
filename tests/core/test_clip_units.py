"""Adaptive gradient clipping: units against norms that are written out, and against optax."""

import itertools
import json

import numpy as np
import pytest
from places import DATA

import lrcore as lrc

RECORDED = json.loads((DATA / "optax_units.json").read_text())


def by_hand(g, p, factor, eps, units):
    """units: for each the indices of its elements."""
    found = np.array(g, np.float64)
    for unit in units:
        size = sum(float(g[i]) ** 2 for i in unit) ** 0.5
        most = factor * max(sum(float(p[i]) ** 2 for i in unit) ** 0.5, eps)
        for i in unit:
            found[i] = g[i] * most / size if size > most else g[i]
    return found


def units_of(shape, keep):
    every = list(itertools.product(*map(range, shape)))
    if len(shape) < 2:
        return [every]
    return [[i for i in every if i[keep] == k] for k in range(shape[keep])]


# another order of summing moves the norm of so few elements by some units in the last place
CLOSE = {np.float32: 1e-6, np.float64: 1e-14}


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("keep", [-1, 0, 1])
@pytest.mark.parametrize("shape", [(), (1,), (6,), (3, 4), (2, 3, 2), (2, 2, 2, 3)])
def test_each_unit_is_clipped_to_a_share_of_its_parameters(shape, keep, dtype):
    rng = np.random.default_rng(1)
    p = np.array(rng.standard_normal(shape) * 10.0 ** rng.integers(-4, 1, shape), dtype)
    g = np.array(rng.standard_normal(shape) * 10.0 ** rng.integers(-4, 1, shape), dtype)
    expected = by_hand(g, p, 0.1, 1e-2, units_of(shape, keep))
    assert lrc.clip_units_(g, p, 0.1, eps=1e-2, keep=keep) is None
    np.testing.assert_allclose(g, expected, rtol=CLOSE[dtype])


def test_units_are_those_of_optax():
    """Its adaptive_grad_clip(0.05, eps=1e-3), version 0.2.8 in float64."""
    params, grads, clipped = (
        [np.array(x) for x in RECORDED[key]] for key in ("params", "grads", "clipped")
    )
    lrc.clip_units_(grads, params, RECORDED["factor"], eps=RECORDED["eps"])
    for g, expected in zip(grads, clipped, strict=True):
        np.testing.assert_allclose(g, expected, rtol=1e-13)  # sums in another order


def test_units_within_their_share_keep_their_bits():
    p = np.array([[3.0, 1e-9], [4.0, 1e-9]], np.float32)
    g = np.array([[0.3, 5.0], [-0.3, 5.0]], np.float32)
    before = g.copy()
    lrc.clip_units_(g, p, 0.1)
    assert g[:, 0].tobytes() == before[:, 0].tobytes()
    assert (g[:, 1] < before[:, 1]).all()


@pytest.mark.parametrize("power", [-320, -200, 200, 307])
def test_norms_neither_overflow_nor_vanish(power):
    size = 10.0**power
    p, g = np.full((2, 1), size), np.full((2, 1), size)
    lrc.clip_units_(g, p, 0.5, eps=5e-324)
    # half of a number, of which denormals have few digits
    np.testing.assert_allclose(g, size / 2, rtol=1e-15, atol=5e-324)


def test_weights_of_zero_count_with_eps():
    g = np.full(4, 8.0)
    lrc.clip_units_(g, np.zeros(4), 0.25, eps=0.5)
    np.testing.assert_allclose(g, 0.25 * 0.5 / 2, rtol=1e-15)  # one division


def test_views_nested_structures_and_empty_arrays_are_clipped_in_place():
    wide = np.ones((4, 6), np.float32)
    grads = {"b": [np.ones(0), wide[::2, ::-3]], "a": np.ones(2, np.float16)}
    params = {"a": np.ones(2, int), "b": [np.zeros(0), np.ones((2, 2))]}
    lrc.clip_units_(grads, params, 0.5)
    assert grads["a"].tolist() == [0.5, 0.5]
    assert wide[::2, ::-3].tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert wide.sum() == 24 - 4 * 0.5


def test_nothing_to_clip_is_no_error():
    lrc.clip_units_([], [])


@pytest.mark.parametrize(
    ("second", "beside", "error", "words"),
    [
        (np.array([np.nan, 1.0]), np.ones(2), FloatingPointError, 'gradient "b" is not finite'),
        (np.ones(2), np.array([np.inf, 1.0]), FloatingPointError, 'parameter "b" is not finite'),
        (np.ones(3), np.ones(2), ValueError, r'gradient "b" has shape \(3,\), expected \(2,\)'),
        (np.ones(2, int), np.ones(2), TypeError, '"b" is int64; it must be an array of floats'),
        (np.ones((2, 2)), np.ones((2, 2)), ValueError, '"b" has 2 axes, none of which is keep=2'),
        (np.ones(2), np.ones(2, complex), TypeError, '"b" has dtype complex128'),
    ],
)
def test_what_cannot_be_clipped_is_refused_before_anything_changes(second, beside, error, words):
    first = np.ones(2)
    with pytest.raises(error, match=f"clip_units_: {words}"):
        lrc.clip_units_({"a": first, "b": second}, {"a": np.ones(2), "b": beside}, keep=2)
    assert first.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("grads", [{"a": np.ones(2)}, {"a": np.ones(2), "c": np.ones(2)}, []])
def test_other_structures_are_refused(grads):
    with pytest.raises((TypeError, ValueError), match="a"):
        lrc.clip_units_(grads, {"a": np.ones(2), "b": np.ones(2)})


@pytest.mark.parametrize(
    ("given", "name"),
    [
        *(({"factor": x}, "factor") for x in (0.0, -1.0, np.nan, "1", True)),
        *(({"eps": x}, "eps") for x in (0.0, np.inf, None)),
        *(({"keep": x}, "keep") for x in (0.5, None, "in")),
    ],
)
def test_senseless_arguments_are_refused_by_name(given, name):
    with pytest.raises((TypeError, ValueError), match=f"clip_units_: {name}"):
        lrc.clip_units_(np.ones(2), np.ones(2), **given)
