"""A step in two halves: the bits of a whole one, and nothing changed until the second."""

import gc
import weakref

import numpy as np
import pytest
from cases import DTYPES, ONE_EACH, bits, everything, gradients, rated, variant_id

import lrcore as lrc
from lrcore._core import OpenStep, joint_norm

SIZES = (40_000, 3, 0, 16_384, 7)
COMMON = ({}, {"clip_norm": 0.5}, {"clip_norm": 0.5, "maximize": True, "clip_value": 0.01})
each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)


def made(cls, options, dtype=np.float64, common=(), sizes=SIZES, seed=0):
    rng = np.random.default_rng(seed)
    params = [rng.standard_normal(n).astype(dtype) for n in sizes]
    return cls(
        params, lr=rated(cls, lrc.ExponentialDecay(0.1, gamma=0.9)), **options, **dict(common)
    )


@each_rule
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("common", COMMON, ids=variant_id)
def test_two_halves_have_the_bits_of_a_step(cls, options, dtype, common):
    whole, halves = (made(cls, options, dtype, common) for _ in range(2))
    rng = np.random.default_rng(1)
    for t in range(3):
        grads = [gradients(rng, n, dtype) for n in SIZES]
        whole.step(grads)
        with OpenStep(halves, grads) as step:
            assert step.apply(*(joint_norm(step.partials) if t else ()))
        assert everything(whole) == everything(halves)


# 1e200 and 1e-200: their squares leave the range of double, so they are asked for again
@pytest.mark.parametrize("size", [1e200, 1.0, 1e-200])
def test_two_optimizers_that_exchange_sums_have_the_bits_of_one(size):
    common = {"clip_norm": size / 10}
    whole = made(lrc.SGD, {}, common=common)
    params = [p.copy() for p in whole.params]
    first, second = (
        lrc.SGD(part, lr=whole.schedule, **common) for part in (params[:2], params[2:])
    )
    rng = np.random.default_rng(1)
    for _ in range(3):
        grads = [size * gradients(rng, n) for n in SIZES]
        whole.step(grads)
        with OpenStep(first, grads[:2]) as a, OpenStep(second, grads[2:]) as b:
            found = joint_norm(lambda f, a=a, b=b: np.concatenate([a.partials(f), b.partials(f)]))
            a.apply(*found)
            b.apply(*found)
    assert [bits(p) for p in params] == [bits(p) for p in whole.params]


def test_sums_do_not_depend_on_the_layout():
    p = np.random.default_rng(0).standard_normal((300, 200))
    found = set()
    for layout in (np.array, np.asfortranarray, lambda x: np.repeat(x, 2, 1)[:, ::2]):
        with OpenStep(lrc.SGD(layout(p)), layout(p)) as step:
            found.add(bits(step.partials()))
    assert len(found) == 1


def test_a_block_without_apply_changes_nothing():
    opt = made(lrc.Adam, {}, common={"clip_norm": 1.0})
    grads = [np.ones(n) for n in SIZES]
    opt.step(grads)
    before = everything(opt), repr(opt.state_dict())
    with OpenStep(opt, grads) as step:
        step.partials()
    with pytest.raises(ZeroDivisionError), OpenStep(opt, grads, lr=0.5):
        raise ZeroDivisionError
    assert (everything(opt), repr(opt.state_dict())) == before
    assert opt.step(grads)


@pytest.mark.parametrize(
    "other",
    [
        lambda opt: opt.step(np.ones(3)),
        lambda opt: opt.bind(np.ones(3)),
        lambda opt: opt.add(np.ones(2)),
        lambda opt: opt.state_dict(),
        lambda opt: OpenStep(opt, np.ones(3)).__enter__(),
    ],
    ids=["step", "bind", "add", "state_dict", "open"],
)
def test_nothing_else_begins_while_a_step_is_open(other):
    p = np.ones(3)
    opt = lrc.SGD(p, lr=1.0)
    with OpenStep(opt, np.ones(3)) as step:
        with pytest.raises(RuntimeError, match="a measured step is open"):
            other(opt)
        assert opt.lr == 1.0
        step.apply()
    np.testing.assert_array_equal(p, 0.0)
    assert opt.t == 1


def test_a_step_is_applied_but_once():
    p = np.ones(3)
    with OpenStep(lrc.SGD(p, lr=1.0), np.ones(3)) as step:
        step.apply()
        for again in (step.apply, step.partials):
            with pytest.raises(RuntimeError, match="not open"):
                again()
    np.testing.assert_array_equal(p, 0.0)


@pytest.mark.parametrize("norm", [np.nan, np.inf])
def test_a_norm_that_is_not_finite_is_treated_like_such_gradients(norm):
    opts = {policy: lrc.SGD(np.ones(3), nonfinite=policy) for policy in ("raise", "skip", "allow")}
    step = OpenStep(opts["raise"], np.ones(3))
    with pytest.raises(FloatingPointError, match="the norm that was given"), step:
        step.apply(norm)
    with OpenStep(opts["skip"], np.ones(3)) as step:
        assert not step.apply(norm)
    with OpenStep(opts["allow"], np.ones(3)) as step:
        assert step.apply(norm)
    assert [opt.t for opt in opts.values()] == [0, 0, 1]
    assert opts["skip"].skipped == 1


def test_gradients_that_are_refused_leave_no_step_open():
    opt = lrc.SGD(np.ones(3))
    with pytest.raises(ValueError, match="shape"):
        OpenStep(opt, np.ones(4)).__enter__()
    assert opt.step(np.ones(3))


def test_a_parameter_that_was_moved_meanwhile_is_refused():
    p = np.ones(3)
    opt = lrc.SGD(p, lr=1.0)
    with OpenStep(opt, np.ones(3)) as step:
        p.shape = (3, 1)
        with pytest.raises(ValueError, match="moved"):
            step.apply()
        p.shape = (3,)
        step.apply()
    np.testing.assert_array_equal(p, 0.0)


def test_bound_gradients_and_numbers_are_taken_too():
    p, g, x = np.ones(3), np.full(3, 0.5), np.array(1.0)
    bound, scalar = lrc.SGD(p, lr=1.0), lrc.SGD(x, lr=1.0)
    bound.bind(g)
    with OpenStep(bound) as step:
        step.apply()
    with OpenStep(scalar, 0.25, lr=2.0) as step:
        step.apply()
    assert (p[0], float(x)) == (0.5, 0.5)


def test_gradients_are_let_go_when_the_step_is_over():
    class Held(np.ndarray):
        pass

    opt = lrc.SGD(np.ones(3))
    g = np.ones(3).view(Held)
    seen = weakref.ref(g)
    with OpenStep(opt, g) as step:
        step.apply()
    del g, step
    gc.collect()
    assert seen() is None
