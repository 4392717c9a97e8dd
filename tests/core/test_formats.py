"""Arrays of every format that the core lists: computed in one of two dtypes, stored as they are."""

import numpy as np
import pytest
from cases import ELEMENT_BY_ELEMENT, ONE_EACH, bits, everything, gradients, variant_id

import lrcore as lrc
from lrcore import _core
from lrcore.reference.twin import Reference

each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
each_format = pytest.mark.parametrize("dtype", _core.DTYPES, ids=str)
LAYOUTS = {
    "C": lambda x: x,
    "F": np.asfortranarray,
    "every other": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1, ::-1],
}


def drawn(rng, shape, dtype):
    return gradients(rng, shape).astype(dtype)


@each_rule
@each_format
@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_update_is_that_of_the_reference_for_every_format_of_array_and_gradient(
    cls, options, dtype, layout
):
    rng = np.random.default_rng(0)
    w = [LAYOUTS[layout](rng.standard_normal((3, 700)).astype(dtype)), np.ones((), dtype)]
    opt = cls(w, lr=0.01, clip_norm=30.0, maximize=True, **options)
    twin = Reference(opt)
    for other in _core.DTYPES:
        grads = [drawn(rng, p.shape, other) for p in w]
        opt.step(grads)
        twin.step(grads)
    for p, q in zip(w, twin.params, strict=True):
        assert p.dtype == dtype
        assert bits(p) == bits(q)
    for mine, theirs in zip(opt.state.values(), twin.state, strict=True):
        assert all(bits(mine[letter]) == bits(theirs[letter]) for letter in theirs)


@each_rule
@each_format
def test_state_is_kept_in_what_loops_compute_in(cls, options, dtype):
    opt = cls(np.ones((2, 3), dtype), **options)
    computed = _core.DTYPES[_core.COMPUTED[_core.DTYPES.index(dtype)]]
    assert {array.dtype for array in opt.state["0"].values()} <= {computed}


@each_rule
@each_format
def test_a_state_of_any_format_goes_on_with_the_same_bits(cls, options, dtype):
    rng = np.random.default_rng(0)
    grads = [drawn(rng, 50, dtype) for _ in range(6)]
    opt = cls(np.ones(50, dtype), **options)
    for g in grads[:3]:
        opt.step(g)
    again = cls(opt.params.copy(), **options)
    again.load_state_dict(opt.state_dict())
    for g in grads[3:]:
        opt.step(g)
        again.step(g)
    assert everything(opt) == everything(again)


@pytest.mark.parametrize(("cls", "options"), ELEMENT_BY_ELEMENT, ids=variant_id)
def test_one_group_may_hold_arrays_of_every_format(cls, options):
    w = [np.ones(20, dtype) for dtype in _core.DTYPES]
    alone = [w[i].copy() for i in range(len(w))]
    opt = cls(w, **options)
    opt.step([np.ones(20)] * len(w))
    for p, q in zip(w, alone, strict=True):
        cls(q, **options).step(np.ones(20))
        assert bits(p) == bits(q)


def test_other_dtypes_are_refused_with_the_list_of_those_that_are_accepted():
    accepted = " or ".join([", ".join(map(str, _core.DTYPES[:-1])), str(_core.DTYPES[-1])])
    with pytest.raises(TypeError, match=f"dtype int64; it must be {accepted}"):
        lrc.SGD(np.ones(2, np.int64))
