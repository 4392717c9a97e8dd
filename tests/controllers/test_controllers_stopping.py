"""Early stopping: when it stops, and that the best parameters come back to the bit."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from cases import bits

import lrcore as lrc
from lrcore import EarlyStopping

INF, NAN = math.inf, math.nan


def stops(values: Any, **settings: Any) -> tuple[int | None, int | None]:
    """The 0-based evaluations that it stopped at and that was best."""
    controller = EarlyStopping(**settings)
    at = [n for n, value in enumerate(values) if controller.update(value)]
    assert controller.stop == bool(at)
    return (at[0] if at else None), controller.best_step


def various() -> dict[str, np.ndarray[Any, Any]]:
    """Arrays of every layout and dtype, with special values."""
    rng = np.random.default_rng(0)
    arrays = {
        "plain": rng.standard_normal((3, 4)),
        "single": rng.standard_normal(5).astype(np.float32),
        "fortran": np.asfortranarray(rng.standard_normal((3, 4))),
        "strided": rng.standard_normal((6, 8))[::2, ::-3],
        "scalar": np.full((), 2.5),
        "empty": np.zeros((0, 3)),
        "special": np.array([NAN, -NAN, INF, -INF, -0.0, 5e-324]),
    }
    arrays["special"].view(np.uint64)[0] |= 12345  # a NaN with something to say
    return arrays


def raw(arrays: Any) -> list[bytes]:
    return [a.tobytes() for a in arrays.values()]


# When it stops


@pytest.mark.parametrize(
    ("values", "settings", "stop", "best"),
    [
        ([1.0, 1.0], {"patience": 1}, 1, 0),
        ([1.0, 1.0, 1.0], {"patience": 2}, 2, 0),
        ([3.0, 2.0, 1.0, 2.0, 1.5], {"patience": 2}, 4, 2),
        ([3.0, 4.0, 2.0, 4.0, 1.0, 4.0], {"patience": 2}, None, 4),
        ([1.0, 0.9, 0.8, 0.7], {"patience": 1}, None, 3),
        ([1.0, 2.0, 3.0, 2.0], {"patience": 1, "mode": "max"}, 3, 2),
        ([-1.0, -2.0, -2.0], {"patience": 1}, 2, 1),
    ],
)
def test_it_stops_at_the_patience_th_evaluation_in_a_row_without_improvement(
    values: Any, settings: Any, stop: int | None, best: int
) -> None:
    assert stops(values, **settings) == (stop, best)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_an_improvement_must_exceed_min_delta(mode: str) -> None:
    sign = 1 if mode == "min" else -1
    assert stops([sign * 1.0, sign * 0.5], patience=1, min_delta=0.5, mode=mode) == (1, 0)
    assert stops([sign * 1.0, sign * 0.49], patience=1, min_delta=0.5, mode=mode) == (None, 1)


def test_an_improvement_short_of_the_baseline_is_best_but_does_not_end_the_wait() -> None:
    assert stops([5.0, 4.0, 4.0], patience=3, baseline=1.0) == (2, 1)
    assert stops([5.0, 0.5, 4.0, 4.0], patience=3, baseline=1.0) == (None, 1)


def test_the_first_evaluations_are_left_out() -> None:
    assert stops([0.1, 0.2, 1.0, 1.0], patience=1, start_from=2) == (3, 2)


@pytest.mark.parametrize("bad", [NAN, INF, -INF, 10**400, -(10**400)])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_what_is_not_finite_is_bad_and_never_best(bad: float, mode: str) -> None:
    assert stops([bad, 1.0, bad, bad], patience=2, mode=mode) == (3, 1)
    assert stops([bad, bad], patience=2, mode=mode) == (1, None)


def test_best_step_is_the_step_that_was_reported() -> None:
    controller = EarlyStopping(patience=1)
    for step, value in ((100, 3.0), (200, 2.0), (300, 2.5)):
        controller.update(value, step=step)
    assert (controller.best, controller.best_step, controller.stop) == (2.0, 200, True)


def test_reports_after_the_stop_are_ignored() -> None:
    w = np.zeros(1)
    controller = EarlyStopping(patience=1)
    controller.bind(w)
    assert [controller.update(v) for v in (1.0, 2.0, 0.5, 3.0)] == [False, True, False, False]
    assert controller.stop
    assert controller.best == 1.0


def test_the_rate_is_left_alone() -> None:
    controller = EarlyStopping(patience=1)
    for value in (1.0, 2.0):
        controller.update(value)
        assert (controller.scale, controller.rate(0.1)) == (1.0, 0.1)


# The best parameters


def test_the_best_parameters_are_put_back_to_the_bit_in_place() -> None:
    params = various()
    opt = lrc.SGD(params, lr=1.0, controller=EarlyStopping(patience=2))
    opt.controller.update(1.0)
    best = raw(params)
    for value in (2.0, 3.0):
        opt.step({key: np.ones_like(p) for key, p in params.items()})
        assert raw(params) != best
        opt.controller.update(value)
    assert raw(params) == best
    assert all(opt.params[key] is array for key, array in params.items())


def test_a_loop_that_ends_otherwise_restores_by_hand() -> None:
    w = np.zeros(2)
    controller = EarlyStopping()
    controller.bind([w])
    controller.update(1.0)
    w += 1
    controller.update(2.0)
    controller.restore()
    assert w.tolist() == [0.0, 0.0]


def test_without_parameters_it_only_says_when_to_stop() -> None:
    controller = EarlyStopping(patience=1)
    assert [controller.update(v) for v in (1.0, 1.0)] == [False, True]
    with pytest.raises(RuntimeError, match="no parameters are kept"):
        controller.restore()


def test_nothing_is_kept_or_put_back_without_restore_best() -> None:
    w = np.zeros(2)
    controller = EarlyStopping(patience=1, restore_best=False)
    controller.bind(w)
    controller.update(1.0)
    w += 1
    assert controller.update(2.0)
    assert w.tolist() == [1.0, 1.0]
    assert controller.state_dict()["arrays"] == {}


@pytest.mark.parametrize("why", ["switched off", "a fresh state"])
def test_parameters_of_an_earlier_best_are_not_put_back(why: str) -> None:
    controller = EarlyStopping()
    controller.bind(np.zeros(2))
    start = controller.state_dict()
    controller.update(2.0)
    if why == "switched off":
        controller.restore_best = False
        controller.update(1.0)
    else:
        controller.load_state_dict(start)
    with pytest.raises(RuntimeError, match="no parameters are kept"):
        controller.restore()


def test_a_run_that_never_had_a_best_is_left_as_it_is() -> None:
    w = np.zeros(2)
    controller = EarlyStopping(patience=2)
    controller.bind(w)
    controller.update(NAN)
    w += 1
    assert controller.update(NAN)
    assert w.tolist() == [1.0, 1.0]


def test_memory_is_allocated_once() -> None:
    w = np.zeros(4)
    controller = EarlyStopping(patience=1)
    controller.bind(w)
    controller.update(9.0)
    kept = controller._memory.arrays["0"]["best"]
    for value in (8.0, 7.0, 6.0):
        w += 1
        controller.update(value)
    assert controller._memory.arrays["0"]["best"] is kept
    assert kept.tolist() == [3.0] * 4


@pytest.mark.parametrize("fault", ["read-only", "reshaped"])
def test_an_array_that_cannot_be_put_back_keeps_all_as_it_was(fault: str) -> None:
    params = {"a": np.zeros(2), "b": np.zeros((2, 3))}
    controller = EarlyStopping(patience=1)
    controller.bind(params)
    controller.update(1.0)
    for array in params.values():
        array += 1
    before, state = raw(params), controller.state_dict()
    if fault == "read-only":
        params["b"].flags.writeable = False
    else:
        params["b"].resize(6, refcheck=False)
    with pytest.raises(ValueError, match='"b"'):
        controller.update(2.0)
    assert raw(params) == before
    np.testing.assert_equal(controller.state_dict(), state)
    params["b"].flags.writeable = True
    params["b"].resize((2, 3), refcheck=False)
    assert controller.update(2.0)
    assert not params["a"].any()
    assert not params["b"].any()


def test_parameters_added_later_come_back_as_they_came() -> None:
    a, b = np.zeros(2), np.full(3, 5.0)
    opt = lrc.SGD([a], lr=1.0, controller=EarlyStopping(patience=1))
    opt.controller.update(1.0)
    opt.step([np.ones(2)])
    opt.add([b])
    opt.step([[np.ones(2)], [np.ones(3)]])
    opt.controller.update(2.0)
    assert a.tolist() == [0.0, 0.0]
    assert b.tolist() == [5.0] * 3


def test_groups_are_kept_by_name() -> None:
    a, b = np.zeros(2), np.zeros(1)
    groups = [lrc.Group([a], names=["first"]), lrc.Group({"b": b})]
    opt = lrc.SGD(groups, lr=1.0, controller=[EarlyStopping(patience=1)])
    (controller,) = opt.controllers
    controller.update(1.0)
    assert controller.state_dict()["arrays"].keys() == {"first", "1.b"}


def test_it_belongs_to_the_parameters_of_one_run() -> None:
    controller = EarlyStopping()
    w = np.zeros(2)
    lrc.SGD(w, controller=controller)
    lrc.Adam(w, controller=controller)  # the same parameters: the same run
    with pytest.raises(ValueError, match="EarlyStopping is bound to other parameters"):
        lrc.SGD(w.copy(), controller=controller)


def test_an_optimizer_that_is_refused_leaves_its_controllers_free() -> None:
    free, bound = EarlyStopping(), EarlyStopping()
    bound.bind(np.zeros(1))
    with pytest.raises(ValueError, match="bound to other"):
        lrc.SGD(np.zeros(2), controller=[free, bound])
    with pytest.raises(ValueError, match="rounded to the parameters' float32"):
        lrc.Adam(np.zeros(2, np.float32), betas=(0.9, 1 - 1e-12), controller=free)
    lrc.SGD(np.zeros(3), controller=free)


# Saved


def trained(**settings: Any) -> Any:
    params = {"W": np.zeros((2, 3), np.float32), "b": np.zeros(2)}
    opt = lrc.Adam(params, lr=0.1, controller=EarlyStopping(patience=2, **settings))
    for value in (3.0, 2.0, 2.5):
        opt.step({key: np.ones_like(p) for key, p in params.items()})
        opt.controller.update(value)
    return opt


@pytest.mark.parametrize("way", ["state_dict", "pickle", "deepcopy"])
def test_a_resumed_run_puts_back_what_was_best_before_the_break(way: str) -> None:
    opt = trained()
    best = [a["best"].copy() for a in opt.controller.state_dict()["arrays"].values()]
    if way == "state_dict":
        again: Any = lrc.Adam(copy.deepcopy(opt.params), lr=0.1, controller=EarlyStopping(2))
        again.load_state_dict(opt.state_dict())
    else:
        again = copy.deepcopy(opt) if way == "deepcopy" else pickle.loads(pickle.dumps(opt))
    last = [bits(p) for p in opt.params.values()]
    assert again.controller.update(9.0)
    assert [bits(p) for p in again.params.values()] == list(map(bits, best))
    assert [bits(p) for p in opt.params.values()] == last


def test_a_run_that_has_stopped_stays_stopped() -> None:
    opt = trained()
    opt.controller.update(9.0)
    assert pickle.loads(pickle.dumps(opt)).controller.stop


ARRAYS: dict[str, tuple[Any, str]] = {
    "not a mapping": (5, "arrays is a int"),
    "an entry that is none": ({"W": 5}, 'arrays of "W" are not best'),
    "another letter": ({"W": {"x": np.zeros(1)}}, 'arrays of "W" are not best'),
    "a list": ({"W": {"best": [0.0]}}, 'arrays of "W" are not arrays'),
    "no name": ({3: {"best": np.zeros(1)}}, "3 is not the name of a parameter"),
    "integers": ({"W": {"best": np.zeros(1, int)}}, 'arrays of "W" are not float32 or float64'),
    "a name missing": ({"W": {"best": np.zeros((2, 3), np.float32)}}, '"b" is missing'),
    "a name unknown": ({"V": {"best": np.zeros(2)}}, '"W" is missing'),
    "a shape": (
        {"W": {"best": np.zeros((3, 2), np.float32)}, "b": {"best": np.zeros(2)}},
        r'best of "W" is float32 of shape \(3, 2\), its parameter float32 of shape \(2, 3\)',
    ),
    "a dtype": (
        {"W": {"best": np.zeros((2, 3))}, "b": {"best": np.zeros(2)}},
        'best of "W" is float64',
    ),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_kept_arrays_that_do_not_fit_are_refused_whole(case: str) -> None:
    value, message = ARRAYS[case]
    opt = trained()
    saved, before = opt.state_dict(), repr(opt.state_dict())
    saved["controllers"][0]["state"] |= {"arrays": value, "best": 0.5}
    with pytest.raises(ValueError, match=message):
        opt.load_state_dict(saved)
    assert repr(opt.state_dict()) == before


def test_a_state_loaded_early_is_held_against_the_parameters_that_follow() -> None:
    controller = EarlyStopping()
    controller.load_state_dict(trained().controller.state_dict())
    with pytest.raises(ValueError, match='"W" is not among the parameters'):
        lrc.SGD({"b": np.zeros(2)}, controller=controller)
    with pytest.raises(ValueError, match='best of "b" is float64'):
        lrc.SGD({"W": np.zeros((2, 3), np.float32), "b": np.zeros(3)}, controller=controller)
    params = {"W": np.ones((2, 3), np.float32), "b": np.ones(2)}
    lrc.SGD(params, controller=controller)
    controller.restore()
    assert raw(params) == [
        a["best"].tobytes() for a in trained().controller.state_dict()["arrays"].values()
    ]
