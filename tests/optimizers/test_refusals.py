"""Reports while updates are left out or refused: they count, so that loops end."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import lrcore as lrc

BAD = np.array([np.nan])


def loop(policy, step_of, limit=200):
    """Training that runs into NaN after 4 updates, until it is stopped."""
    w = np.ones(1)
    stop, plateau = lrc.EarlyStopping(patience=5), lrc.ReduceOnPlateau(0.5, patience=3)
    opt = lrc.SGD(w, lr=0.1, nonfinite=policy, controller=[plateau, stop])
    n = 0
    while not stop.stop and n < limit:
        try:
            opt.step(BAD if n >= 4 else w.copy())
        except FloatingPointError:
            assert policy == "raise"
        for controller in opt.controllers:
            controller.update(np.nan if n >= 4 else 1 / (1 + n), step=step_of(opt, n))
        n += 1
    return n, stop.stop, plateau.scale


@pytest.mark.parametrize("policy", ["skip", "raise", "allow"])
def test_a_run_that_ends_in_nan_is_stopped(policy):
    assert loop(policy, lambda opt, n: opt.t) == (9, True, 0.5)


def test_with_a_count_of_its_own_too():
    assert loop("skip", lambda opt, n: n) == (9, True, 0.5)


def test_without_an_update_between_a_second_report_is_ignored():
    stop = lrc.EarlyStopping(patience=2)
    opt = lrc.SGD(np.ones(1), controller=stop, nonfinite="skip")
    opt.step(np.ones(1))
    assert [stop.update(v, step=opt.t) for v in (1.0, 2.0, 2.0, 2.0)] == [False] * 4
    opt.step(BAD)
    assert [stop.update(2.0, step=opt.t) for _ in range(3)] == [False] * 3
    opt.step(BAD)
    assert [stop.update(2.0, step=opt.t) for _ in range(3)] == [True, False, False]


def test_a_resumed_run_ignores_a_report_that_it_has_had():
    def made():
        stop = lrc.EarlyStopping(patience=2)
        return lrc.SGD(np.ones(1), controller=stop, nonfinite="skip"), stop

    opt, stop = made()
    for value in (1.0, 2.0):
        opt.step(BAD)
        stop.update(value, step=opt.t)
    other, other_stop = made()
    other.step(BAD)
    other.load_state_dict(opt.state_dict())
    assert not other_stop.update(2.0, step=other.t)
    other.step(BAD)
    assert other_stop.update(2.0, step=other.t)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda opt: pickle.loads(pickle.dumps(opt))])
def test_a_copy_counts_its_own(again):
    opt = lrc.SGD(np.ones(1), controller=lrc.EarlyStopping(patience=1), nonfinite="skip")
    opt.controller.update(1.0, step=0)
    other = again(opt)
    opt.step(BAD)
    assert not other.controller.update(2.0, step=0)
    assert opt.controller.update(2.0, step=0)


def test_a_controller_of_two_optimizers_heeds_both():
    plateau = lrc.ReduceOnPlateau(0.5, patience=1)
    both = [lrc.SGD(np.ones(1), controller=plateau, nonfinite="skip") for _ in range(2)]
    plateau.update(1.0, step=0)
    for opt in both:
        opt.step(BAD)
        assert plateau.update(2.0, step=0)


def test_a_controller_does_not_hold_on_to_its_optimizers():
    plateau = lrc.ReduceOnPlateau()
    opt = lrc.SGD(np.ones(1), controller=plateau)
    gone = weakref.ref(opt)
    del opt
    gc.collect()
    assert gone() is None


def test_a_refused_update_changes_nothing_of_a_controller():
    plateau = lrc.ReduceOnPlateau(0.5, patience=1)
    opt = lrc.SGD(np.ones(1), controller=plateau)
    plateau.update(1.0, step=0)
    before = opt.state_dict()
    with pytest.raises(FloatingPointError):
        opt.step(BAD)
    assert opt.state_dict() == before
