"""What is assigned to `opt.lr` is what is read and used, whatever scales there are."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrcore as lrc


class Own(lrc.Controller):
    def __init__(self, scale, min_lr):
        self.own, self.min_lr = scale, min_lr

    @property
    def scale(self):
        return self.own

    def update(self, value, step=None, *, grads=None):
        return False

    def state_dict(self):
        return {}

    def load_state_dict(self, d):
        pass


def made(group, scale, controllers, lr=0.1):
    params = [lrc.Group({"a": np.ones(2)}, lr_scale=group), lrc.Group({"b": np.ones(2)})]
    opt = lrc.SGD(params, lr=lr, controller=[Own(*c) for c in controllers])
    opt.lr_scale = scale
    return opt


SCALES = st.floats(1e-6, 1e6)
RATES = st.floats(1e-12, 1e3)
FLOORS = st.sampled_from([0.0, 1e-9, 1e-3, 10.0])


@given(SCALES, SCALES, st.lists(st.tuples(SCALES, FLOORS), max_size=3), RATES)
@settings(deadline=None)
def test_the_rate_that_is_assigned_is_read_and_used(group, scale, controllers, rate):
    opt = made(group, scale, controllers)
    opt.lr = rate
    assert abs(opt.lr - rate) <= 2 * math.ulp(rate)
    opt.step([{"a": np.zeros(2)}, {"b": np.zeros(2)}])
    assert opt.last_lr == opt.lr


@given(SCALES, SCALES, st.lists(st.tuples(SCALES, FLOORS), max_size=3))
@settings(deadline=None)
def test_to_assign_what_is_read_changes_nothing(group, scale, controllers):
    opt = made(group, scale, controllers)
    before = opt.lrs, opt.hyperparameters["lr"]
    opt.lr = opt.lr
    assert (opt.lrs, opt.hyperparameters["lr"]) == before


def test_the_rate_can_be_halved_after_a_cut():
    plateau = lrc.ReduceOnPlateau(0.1, patience=1)
    opt = lrc.SGD(np.ones(2), lr=0.1, controller=plateau)
    plateau.update(1.0)
    plateau.update(1.0)
    was = opt.lr
    opt.lr *= 0.5
    assert opt.lr == was / 2
    plateau.reset()  # a later change of the scale works as ever
    assert opt.lr == pytest.approx(10 * was / 2, rel=1e-15)


def test_other_groups_keep_their_proportion():
    opt = made(0.1, 1.0, [])
    opt.lr = 0.5
    np.testing.assert_allclose(opt.lrs, [0.5, 5.0], rtol=1e-15)


def test_a_schedule_is_multiplied_by_the_scales():
    opt = made(0.5, 0.5, [(0.5, 0.0)])
    opt.lr = lrc.Constant(0.8)
    assert opt.lr == 0.1
    assert opt.schedule == lrc.Constant(0.8)


def test_zero_can_be_had_under_any_scale():
    for scale in (0.0, 0.3):
        opt = made(scale, 1.0, [])
        opt.lr = 0.0
        assert opt.lr == 0.0


@pytest.mark.parametrize(
    ("group", "scale", "own"), [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1e-200, 1e-200, 1)]
)
def test_a_rate_that_no_number_gives_is_refused(group, scale, own):
    opt = made(group, scale, [(own, 0.0)])
    before = opt.lrs
    with pytest.raises(ValueError, match=r"SGD: lr=0.5 cannot be had: .*assign lr_scale first"):
        opt.lr = 0.5
    assert opt.lrs == before


def test_where_the_first_group_has_a_rate_of_its_own_it_is_not_assigned():
    params = [lrc.Group({"a": np.ones(2)}, lr=0.5), lrc.Group({"b": np.ones(2)})]
    opt = lrc.SGD(params, lr=0.1)
    with pytest.raises(ValueError, match="the first group, which has one of its own"):
        opt.lr = 0.2
    assert opt.lrs == (0.5, 0.1)


def test_a_suggestion_is_used_as_it_is():
    X = np.random.default_rng(0).standard_normal((200, 3))
    rng, w = np.random.default_rng(0), np.zeros(3)
    plateau = lrc.ReduceOnPlateau(0.1, patience=1)
    opt = lrc.SGD(w, lr=0.1, controller=plateau)
    plateau.update(1.0)
    plateau.update(1.0)
    test = lrc.RangeTest(opt, rng=rng)
    for _ in test:
        rows = rng.integers(200, size=32)
        error = X[rows] @ (w - 1)
        opt.step(X[rows].T @ error / 32)
        test.report(error @ error / 64)
    assert opt.hyperparameters["lr"] == 0.1
    opt.lr = test.result.suggestion
    assert opt.lr == test.result.suggestion


def test_a_floor_leaves_no_huge_rate_behind():
    plateau = lrc.ReduceOnPlateau(0.1, patience=1, min_lr=0.01)
    opt = lrc.SGD(np.ones(1), lr=lrc.Constant(0.1), controller=plateau)
    for _ in range(4):
        plateau.update(1.0)
    opt.lr = opt.lr
    assert opt.lr == 0.01
    plateau.reset()
    assert opt.lr == 0.1
    for _ in range(4):
        plateau.update(1.0)
    opt.lr = 0.005
    opt.lr = 0.01
    plateau.reset()
    assert opt.lr <= 0.1
