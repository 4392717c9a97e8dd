"""LARS: ratios of norms, beside the numbers of its paper and of other libraries."""

import math
from fractions import Fraction

import numpy as np
import pytest
from cases import DTYPES, bits, gradients

import lrcore as lrc
from lrcore import _core
from lrcore.optimizers.fitting import shared_problems
from lrcore.optimizers.saved_state import SavedParameter
from lrcore.reference.norm import own_norm

each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def moved(g_of, **options):
    """The length of the first update of an array of norm 3.77."""
    p = np.full(4, 3.77 / 2)
    before = p.copy()
    lrc.LARS(p, lr=1.0, **{"trust": 0.01, **options}).step(g_of(p))
    return math.sqrt(((p - before) ** 2).sum())


# Of optax 0.2.8 (joint_norm) and timm 1.0.31 with always_adapt, which is the paper's: g = -p.
@pytest.mark.parametrize(
    ("options", "length"),
    [
        ({"l2": 0.5, "lr_in_momentum": False, "eps": 1e-8}, 0.0126),
        ({"l2": 0.5, "joint_norm": True}, 0.0377),
        ({"joint_norm": True}, 0.0377),
        ({}, 0.0377),
        ({"trust": None}, 3.77),
    ],
    ids=str,
)
def test_the_first_update_is_as_long_as_elsewhere(options, length):
    # as many digits as there are
    assert moved(lambda p: -p, **options) == pytest.approx(length, abs=5e-5)


@pytest.mark.parametrize("joint_norm", [False, True])
def test_an_array_of_zeros_moves_like_that_of_sgd(joint_norm):
    p, q = np.zeros(5), np.zeros(5)
    ours = lrc.LARS(p, lr=0.5, l2=0.1, joint_norm=joint_norm)
    ours.step(np.ones(5))
    lrc.SGD(q, lr=0.5, momentum=0.9, l2=0.1, lr_in_momentum=True).step(np.ones(5))
    assert bits(p) == bits(q)
    assert ours.state_dict()["carried"]["0"] == {"ratio": 1.0}


@pytest.mark.parametrize("g", [0.0, 1e-200, 1e200, np.inf, np.nan])
def test_a_norm_that_double_cannot_square_gives_a_ratio_of_one(g):
    p, q = np.ones(5), np.ones(5)
    lrc.LARS(p, lr=0.5, nonfinite="allow").step(np.full(5, g))
    sgd = lrc.SGD(q, lr=0.5, momentum=0.9, lr_in_momentum=True, nonfinite="allow")
    sgd.step(np.full(5, g))
    assert bits(p) == bits(q)


def test_a_ratio_that_float32_cannot_hold_is_one():
    p = np.full(5, 1e30, np.float32)
    opt = lrc.LARS(p, lr=1.0, trust=1.0)
    opt.step(np.full(5, 1e-30, np.float32))
    assert opt.state_dict()["carried"]["0"]["ratio"] == 1.0


@each_dtype
@pytest.mark.parametrize("n", [1, 16, 1000, 20_000])
def test_the_ratio_is_that_of_the_exact_norms(dtype, n):
    rng = np.random.default_rng(n)
    p, g = rng.standard_normal(n).astype(dtype), gradients(rng, n, dtype)
    pp, gg = (sum(Fraction(float(x)) ** 2 for x in array) for array in (p, g))
    opt = lrc.LARS(p, trust=1.0)
    opt.step(g)
    ratio = opt.state_dict()["carried"]["0"]["ratio"]
    # sums of n / 16 terms a lane and 4 more, of one sign: n / 16 + 8 roundings, halved by the root
    assert ratio == pytest.approx(math.sqrt(pp / gg), rel=(n / 16 + 12) * 2.0**-53)


def test_a_group_may_have_no_ratio():
    W, b = np.ones(4), np.ones(2)
    opt = lrc.LARS([lrc.Group({"W": W}), lrc.Group({"b": b}, trust=None, l2=0.0)], l2=0.5)
    opt.step([{"W": W * 2}, {"b": b * 2}])
    np.testing.assert_array_equal(b, -1.0)
    np.testing.assert_allclose(W, 1 - 1e-3 / 2.5 * 2.5)  # one rounding each


def test_the_last_ratio_is_saved_loaded_and_copied():
    def made():
        return lrc.LARS([np.full(3, 2.0), np.ones(2)], lr=0.1, trust=0.5)

    opt, again = made(), made()
    opt.step([np.ones(3), np.ones(2)])
    saved = opt.state_dict()
    assert [k["ratio"] for k in saved["carried"].values()] == [1.0, 0.5]
    again.load_state_dict(saved)
    assert again.state_dict()["carried"] == saved["carried"]
    assert len(again.roster.recipes) == 1
    snapshot = opt.snapshot()
    opt.step([np.ones(3), np.full(2, 3.0)])
    opt.restore(snapshot)
    assert opt.state_dict()["carried"] == saved["carried"]


def test_arrays_keep_their_ratio_when_others_are_added():
    opt = lrc.LARS([np.ones(3)], trust=0.5)
    opt.step([np.ones(3)])
    opt.add(np.ones(2))
    assert [k["ratio"] for k in opt.state_dict()["carried"].values()] == [0.5, 0.0]


@pytest.mark.parametrize("ratio", [-1.0, math.inf, math.nan, "1"])
def test_a_ratio_that_cannot_be_is_refused(ratio):
    opt = lrc.LARS(np.ones(3))
    saved = opt.state_dict()
    saved["carried"]["0"]["ratio"] = ratio
    with pytest.raises(ValueError, match='ratio of "0" is'):
        opt.load_state_dict(saved)


def test_one_number_of_all_arrays_may_not_differ_between_them():
    rule = _core.RULES["lars"]._replace(shared=True)
    saved = {x: SavedParameter({"ratio": y}, {}, None) for x, y in (("a", 1.0), ("b", 2.0))}
    rules = {"a": rule, "b": rule}
    assert shared_problems(rules, {"a": saved["a"]}) == []
    (problem,) = shared_problems(rules, saved)
    assert "ratio is of all arrays, but 1.0, 2.0 were saved" in problem


def test_nesterov_wants_momentum():
    with pytest.raises(ValueError, match="LARS: nesterov wants momentum above 0"):
        lrc.LARS(np.ones(2), momentum=0.0, nesterov=True)


def test_the_norm_of_the_reference_is_zero_where_squares_are_lost():
    with np.errstate(over="ignore"):
        found = [own_norm(np.full(3, x)) > 0 for x in (1e-200, 1e-100, 1.0, 1e160)]
    assert found == [False, True, True, False]


def test_a_rate_that_a_ratio_takes_out_of_the_range_gives_a_ratio_of_one():
    p = np.full(2, 1e10, np.float32)
    opt = lrc.LARS(p, lr=1e10, trust=1e20, nesterov=True, lr_in_momentum=False)
    twin = lrc.reference.Reference(opt)
    g = np.full(2, 1e-3, np.float32)  # the velocity gathers what the step could not
    opt.step(g)
    twin.step(g)
    assert opt.scalars["0"][0]["ratio"] == 1.0
    assert bits(p) == bits(twin.params[0])
