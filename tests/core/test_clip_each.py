"""Each gradient clipped by its own norm, after that of all."""

import numpy as np
import pytest
from cases import DTYPES, ONE_EACH, bits, everything, gradients, variant_id

import lrcore as lrc
from lrcore._core import OpenStep, joint_norm
from lrcore.reference.twin import Reference

SIZES = (40_000, 3, 0, 16_384, 7)
each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)


def stepped(g, *, p=None, **options):
    """What SGD makes of gradients at a rate of -1, from 0: themselves, clipped."""
    params = [np.zeros_like(x) for x in g] if p is None else p
    opt = lrc.SGD(params, lr=1.0, maximize=True, **options)
    opt.step(g)
    return params


@each_rule
@each_dtype
@pytest.mark.parametrize("others", [{}, {"clip_norm": 2.0, "clip_value": 0.1, "maximize": True}])
def test_clipped_updates_equal_plain_numpy(cls, options, dtype, others):
    rng = np.random.default_rng(0)
    params = [rng.standard_normal(n).astype(dtype) for n in SIZES]
    opt = cls(params, lr=0.1, clip_norm_each=1.25, **options, **others)
    twin = Reference(opt)
    for _ in range(2):
        g = [gradients(rng, n, dtype) for n in SIZES]
        assert opt.step(g) == twin.step(g)
        for array, expected in zip(params, twin.params, strict=True):
            assert bits(array) == bits(expected)


def test_each_gradient_has_at_most_its_norm():
    long, short, none = stepped([np.array([3.0, 4.0]), np.array([0.3]), np.zeros(2)],
                                clip_norm_each=2.5)  # fmt: skip
    assert long.tolist() == [1.5, 2.0]
    assert short.tolist() == [0.3]
    assert none.tolist() == [0.0, 0.0]


def test_the_norm_of_all_is_clipped_first_and_elements_last():
    g = [np.array([30.0, 40.0]), np.array([0.0, 0.0])]
    a, _ = stepped(g, clip_norm=5.0, clip_norm_each=2.5, clip_value=1.75)
    assert a.tolist() == [1.5, 1.75]


def test_a_gradient_that_the_joint_norm_has_shortened_enough_is_left_alone():
    g = [np.array([3.0, 0.0]), np.array([4.0, 0.0])]
    a, b = stepped(g, clip_norm=2.5, clip_norm_each=1.75)
    assert a[0] == 0.5 * 3.0
    assert b[0] == 1.75


@pytest.mark.parametrize("size", [1e300, 1e200, 1.0, 1e-160, 1e-200, 1e-300])
@pytest.mark.parametrize("beside", [0.0, 1e250, 1.0, 1e-250])
def test_norms_of_any_size_are_clipped(size, beside):
    """Squares of some leave the range of double, whatever the other gradients are."""
    a, b = stepped([np.array([3.0, 4.0]) * size, np.array([beside])], clip_norm_each=2.5 * size)
    np.testing.assert_allclose(a, np.array([1.5, 2.0]) * size, rtol=1e-15)  # two roundings
    assert b[0] == pytest.approx(min(beside, 2.5 * size), rel=1e-15)


def test_a_norm_that_is_far_below_needs_no_second_look():
    g = [np.array([1e-170, 0.0]), np.zeros(3)]
    assert [x.tolist() for x in stepped(g, clip_norm_each=1.0)] == [[1e-170, 0.0], [0.0] * 3]


def test_a_gradient_that_is_not_finite_is_let_through_unclipped_alone():
    a, b = stepped([np.array([np.inf, 6.0]), np.array([3.0, 4.0])], clip_norm_each=2.5,
                   nonfinite="allow")  # fmt: skip
    assert a.tolist() == [np.inf, 6.0]
    assert b.tolist() == [1.5, 2.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_follows_the_policy(bad):
    for policy in ("raise", "skip"):
        opt = lrc.SGD([np.zeros(2), np.zeros(1)], clip_norm_each=1.0, nonfinite=policy)
        before = everything(opt)[0]
        if policy == "raise":
            with pytest.raises(FloatingPointError, match='gradient "1"'):
                opt.step([np.ones(2), np.array([bad])])
        else:
            assert opt.step([np.ones(2), np.array([bad])]) is False
            assert opt.skipped == 1
        assert everything(opt)[0] == before


def test_groups_have_norms_of_their_own_or_none():
    params = [np.zeros(2) for _ in range(3)]
    opt = lrc.SGD(
        [
            lrc.Group(params[0]),
            lrc.Group(params[1], clip_norm_each=1.25),
            lrc.Group(params[2], clip_norm_each=None),
        ],
        lr=1.0,
        maximize=True,
        clip_norm_each=2.5,
    )
    opt.step([np.array([3.0, 4.0])] * 3)
    assert [p.tolist() for p in params] == [[1.5, 2.0], [0.75, 1.0], [3.0, 4.0]]


def test_a_group_alone_may_clip():
    params = [np.zeros(2), np.zeros(2)]
    opt = lrc.SGD([lrc.Group(params[0], clip_norm_each=2.5), lrc.Group(params[1])], lr=-0.0 + 1)
    opt.step([np.array([3.0, 4.0])] * 2)
    assert [p.tolist() for p in params] == [[-1.5, -2.0], [-3.0, -4.0]]


def test_frozen_arrays_have_no_part():
    params = {"a": np.zeros(2), "b": np.zeros(2)}
    opt = lrc.SGD(params, lr=1.0, clip_norm_each=2.5)
    opt.freeze("a")
    opt.step({"b": np.array([3.0, 4.0])})
    assert params["b"].tolist() == [-1.5, -2.0]


def test_once_nothing_is_clipped_bits_are_those_without():
    opt, plain = (lrc.SGD(np.zeros(2), lr=0.1, **c) for c in ({"clip_norm_each": 1.0}, {}))
    for g in (np.array([30.0, 4.0]), np.array([0.1, 0.2])):
        before = opt.params.copy(), plain.params.copy()
        opt.step(g)
        plain.step(g)
    assert bits(opt.params - before[0]) != bits(np.zeros(2))
    np.testing.assert_allclose(opt.params - before[0], [-0.01, -0.02], rtol=1e-14)  # of a sum


@pytest.mark.parametrize("size", [1e200, 1.0, 1e-200])
@pytest.mark.parametrize("given", [False, True])
def test_a_step_in_two_halves_clips_each_alike(size, given):
    options = {"clip_norm": 3.0 * size, "clip_norm_each": size}
    whole, halves = (lrc.SGD([np.zeros(n) for n in SIZES], lr=0.1, **options) for _ in range(2))
    rng = np.random.default_rng(1)
    g = [size * rng.standard_normal(n) for n in SIZES]
    whole.step(g)
    with OpenStep(halves, g) as step:
        assert step.apply(*(joint_norm(step.partials) if given else ()))
    assert everything(whole) == everything(halves)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, "1", True])
def test_senseless_norms_are_refused_by_name(value):
    with pytest.raises((TypeError, ValueError), match="clip_norm_each"):
        lrc.SGD(np.zeros(2), clip_norm_each=value)
    with pytest.raises((TypeError, ValueError), match="clip_norm_each"):
        lrc.SGD([lrc.Group(np.zeros(2), clip_norm_each=value)])
