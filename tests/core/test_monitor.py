"""Observed updates beside NumPy's sums; a step that is observed has the bits of one that is not."""

import copy
import gc
import math
import pickle

import numpy as np
import pytest
from cases import DTYPES, ONE_EACH, bits, everything, gradients, variant_id

import lrcore as lrc
from lrcore.finding.diagnosis import label_of
from lrcore.finding.monitor import Observation

each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
SHAPES = {"empty": (0, 3), "one": (), "W": (3, 7), "row": (1003,), "two": (60, 40, 8)}


def problem(dtype, steps=6, order="C"):
    rng = np.random.default_rng(1)
    params = {
        k: np.asarray(rng.standard_normal(s).astype(dtype), order=order) for k, s in SHAPES.items()
    }
    grads = [{k: gradients(rng, s, dtype) for k, s in SHAPES.items()} for _ in range(steps)]
    return params, grads


def expected(t, before, after, g, last):
    p, u, g, w = (
        np.concatenate([np.asarray(part[k], np.float64).ravel() for k in before])
        for part in (before, {k: after[k] - before[k] for k in before}, g, last)
    )
    norm = np.linalg.norm
    wanted = np.count_nonzero(g)
    return Observation(
        t,
        norm(u) / norm(p),
        u @ w / (norm(u) * norm(w)),
        -(u @ g) / (norm(u) * norm(g)),
        np.count_nonzero((g != 0) & (u == 0)) / wanted if wanted else 0.0,
        norm(g),
        np.count_nonzero(~np.isfinite(g)),
    )


def close(seen, wanted):
    # the sums have another order
    np.testing.assert_allclose(seen, wanted, rtol=1e-12, atol=1e-13)


@each_rule
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_observations_are_those_of_numpy(cls, options, dtype, order):
    params, grads = problem(dtype, order=order)
    opt = cls(params, lr=1e-3, **options)
    monitor = lrc.Monitor(opt)
    last = {k: np.full(s, np.nan) for k, s in SHAPES.items()}
    for t, g in enumerate(grads):
        before = copy.deepcopy(params)
        opt.step(g)
        close(monitor.latest, expected(t, before, params, g, last))
        if t:
            for k in ("W", "row", "two"):
                one = [{k: part[k]} for part in (before, params, g, last)]
                close(monitor.arrays[k], expected(t, *one))
        last = {k: params[k] - before[k] for k in params}
    assert [seen.t for seen in monitor.history] == list(range(6))


@each_rule
@pytest.mark.parametrize("common", [{}, {"clip_norm": 0.1, "maximize": True}, {"clip_value": 0.01}])
def test_an_observed_step_has_the_bits_of_any_other(cls, options, common):
    params, grads = problem(np.float32)
    other = copy.deepcopy(params)
    opt, watched = (cls(p, lr=1e-2, **options, **common) for p in (params, other))
    lrc.Monitor(watched)
    for g in grads:
        opt.step(g)
        watched.step(g)
        assert everything(watched) == everything(opt)


def test_uphill_is_the_other_way_for_who_ascends():
    w = np.array([3.0, 4.0])
    for maximize in (False, True):
        opt = lrc.SGD(w.copy(), maximize=maximize)
        monitor = lrc.Monitor(opt)
        opt.step(w)
        assert monitor.latest.descent == 1.0


def test_gradients_are_observed_before_clipping():
    w = np.ones(4)
    opt = lrc.SGD(w, lr=1.0, clip_norm=1.0)
    monitor = lrc.Monitor(opt)
    opt.step(np.full(4, 50.0))
    assert monitor.latest.gradient_norm == 100.0
    assert monitor.latest.update_ratio == 0.5


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_observations_do_not_depend_on_threads(threads):
    rng = np.random.default_rng(0)
    w, g = rng.standard_normal(700_001), rng.standard_normal(700_001)

    def seen(num_threads):
        opt = lrc.Adam(w.copy(), num_threads=num_threads)
        monitor = lrc.Monitor(opt)
        opt.step(g)
        opt.step(g)
        return monitor.history[1]

    assert seen(threads) == seen(1)


def test_strided_and_converted_arrays_are_observed_alike():
    rng = np.random.default_rng(0)
    values, g = rng.standard_normal((2, 50, 30)).astype(np.float32)

    def seen(w, g):
        w[...] = values
        opt = lrc.Adam(w)
        monitor = lrc.Monitor(opt)
        opt.step(g)
        opt.step(g)
        return monitor.history[1]

    plain = seen(np.empty((50, 30), np.float32), g)
    assert seen(np.empty((100, 60), np.float32)[::-2, ::2], g) == plain
    assert seen(np.empty((50, 30), np.float32), g.astype(np.float64)) == plain
    assert seen(np.empty((50, 30), np.float32), np.asfortranarray(g)) == plain


def test_later_two_of_every_so_many_updates_are_observed():
    w = np.ones(3)
    opt = lrc.SGD(w, lr=1e-3)
    opt.step(w)
    monitor = lrc.Monitor(opt, every=10)
    for _ in range(45):
        opt.step(w)
    assert [seen.t for seen in monitor.history] == [*range(1, 17), 21, 22, 31, 32, 41, 42]
    assert [math.isnan(seen.cosine) for seen in monitor.history[-2:]] == [True, False]


def test_every_two_observes_all():
    w = np.ones(3)
    opt = lrc.SGD(w, lr=1e-3)
    monitor = lrc.Monitor(opt, every=2)
    for _ in range(40):
        opt.step(w)
    assert len(monitor.history) == 40
    assert not any(math.isnan(seen.cosine) for seen in monitor.history[1:])


def test_the_oldest_observations_make_room():
    w = np.ones(3)
    opt = lrc.SGD(w, lr=1e-3)
    monitor = lrc.Monitor(opt, every=2, keep=5)
    for i in range(12):
        opt.step(w)
        monitor.report(i)
    assert [seen.t for seen in monitor.history] == [7, 8, 9, 10, 11]
    assert monitor.losses == [7, 8, 9, 10, 11]


def test_updates_that_round_to_nothing_are_dead():
    w = np.array([1.0, 1.0, 1e9, 1e9, 5.0], np.float32)
    opt = lrc.SGD(w, lr=1.0)
    monitor = lrc.Monitor(opt)
    opt.step(np.array([1e-3, 1.0, 1e-3, 1e9, 0.0]))
    assert monitor.latest.dead == 0.25


def test_gradients_that_are_not_finite_are_counted():
    w = np.ones(5)
    opt = lrc.SGD(w, nonfinite="allow")
    monitor = lrc.Monitor(opt)
    opt.step(np.array([np.nan, 1.0, np.inf, -np.inf, 0.0]))
    assert monitor.latest.nonfinite == 3


def test_updates_left_out_are_not_observed():
    w = np.ones(2)
    opt = lrc.SGD(w, nonfinite="skip")
    monitor = lrc.Monitor(opt)
    opt.step(np.array([np.nan, 1.0]))
    assert monitor.latest is None
    assert monitor.arrays == {}
    opt.step(np.ones(2))
    opt.step(np.ones(2))
    assert [seen.t for seen in monitor.history] == [0, 1]


def test_added_parameters_are_observed_too():
    a, b = np.ones(3), np.ones(2000)
    opt = lrc.SGD([a], lr=0.5)
    monitor = lrc.Monitor(opt)
    opt.step([a])
    opt.add([b])
    assert set(monitor.arrays) == set()
    opt.step([[a], [b]])
    assert set(monitor.arrays) == set(opt.names)
    assert [seen.t for seen in monitor.history] == [0, 1]
    assert math.isnan(monitor.latest.cosine)  # the last update of b is not known


def test_a_closed_monitor_keeps_what_it_has_seen():
    w = np.ones(3)
    opt = lrc.SGD(w, lr=1e-3)
    with lrc.Monitor(opt) as monitor:
        opt.step(w)
    assert opt._observed() is None  # nothing is observed any more, and so nothing paid
    opt.step(w)
    monitor.close()
    assert [seen.t for seen in monitor.history] == [0]
    assert monitor.arrays["0"].t == 0
    assert lrc.Monitor(opt).latest is None


def test_a_second_monitor_is_refused_while_the_first_watches():
    opt = lrc.SGD(np.ones(1))
    first = lrc.Monitor(opt)
    with pytest.raises(ValueError, match="another monitor watches"):
        lrc.Monitor(opt)
    first.close()
    lrc.Monitor(opt)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"opt": 3}, TypeError, "opt must be an optimizer, got 3"),
        ({"every": 1}, ValueError, "every must be an integer in"),
        ({"every": 2.5}, TypeError, "every must be"),
        ({"keep": 0}, ValueError, "keep must be an integer in"),
    ],
)
def test_senseless_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        lrc.Monitor(**{"opt": lrc.SGD(np.ones(1)), **arguments})


@pytest.mark.parametrize("loss", ["1.0", None, [1.0, 2.0], 1j])
def test_a_loss_that_is_no_number_is_refused(loss):
    monitor = lrc.Monitor(lrc.SGD(np.ones(1)))
    with pytest.raises(TypeError, match="loss must be a real number"):
        monitor.report(loss)
    assert monitor.losses == []


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_monitor_cannot_be_copied_or_pickled(again):
    with pytest.raises(TypeError, match="a Monitor belongs to its optimizer"):
        again(lrc.Monitor(lrc.SGD(np.ones(3))))


def test_a_loss_may_be_an_array_without_axes():
    monitor = lrc.Monitor(lrc.SGD(np.ones(1)))
    monitor.report(np.array(0.5, np.float32))
    assert monitor.losses == [0.5]


def test_restoring_and_copying_do_not_disturb_a_monitor():
    w = np.ones(3)
    opt = lrc.Adam(w)
    monitor = lrc.Monitor(opt)
    saved = opt.snapshot()
    opt.step(w)
    opt.restore(saved)
    copied = copy.deepcopy(opt)
    copied.step(w)
    assert [seen.t for seen in monitor.history] == [0]
    opt.step(w)
    assert [seen.t for seen in monitor.history] == [0, 0]
    assert math.isnan(monitor.latest.cosine)


def test_an_abandoned_monitor_makes_room_for_another():
    w = np.ones(2)
    opt = lrc.SGD(w)
    lrc.Monitor(opt)
    gc.collect()
    monitor = lrc.Monitor(opt)
    opt.step(w)
    assert len(monitor.history) == 1


def test_a_large_update_count_leaves_parameters_bitwise_alone():
    rng = np.random.default_rng(5)
    w = rng.standard_normal(50)
    twin = w.copy()
    opt, other = lrc.Adam(w), lrc.Adam(twin)
    lrc.Monitor(opt, every=7)
    for _ in range(100):
        opt.step(w**3)
        other.step(twin**3)
    assert bits(w) == bits(twin)


def watched_quadratic(lr, updates, curvature=1.0):
    w = np.array([1.0])
    opt = lrc.SGD(w, lr=lr, nonfinite="skip")
    monitor = lrc.Monitor(opt)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(updates):
            monitor.report(float(curvature * w[0] ** 2 / 2))
            opt.step(curvature * w)
    return monitor


@pytest.mark.parametrize(
    ("lr", "label"), [(1e-4, "too_low"), (0.5, "ok"), (1.5, "oscillating"), (2.1, "diverging")]
)
def test_the_regimes_of_a_quadratic_are_told_apart(lr, label):
    assert watched_quadratic(lr, 100).diagnose().label == label


def test_bouncing_across_a_kink_is_told_within_four_updates():
    w = np.array([15.5])
    opt = lrc.SGD(w, lr=1.0)
    monitor = lrc.Monitor(opt)
    labels = []
    for _ in range(8):
        monitor.report(float(abs(w[0] - 19.0)))
        opt.step(np.sign(w - 19.0))
        labels.append(monitor.diagnose().label)
    assert labels[:4] == ["ok"] * 4  # still on its way there
    assert labels[7] == "oscillating"
    bouncing = lrc.Monitor(opt_at_the_kink := lrc.SGD(v := np.array([19.5]), lr=1.0))
    for _ in range(4):
        opt_at_the_kink.step(np.sign(v - 19.0))
    assert bouncing.diagnose().label == "oscillating"


@pytest.mark.parametrize(("momentum", "label"), [(0.9, "ok"), (0.99, "oscillating")])
def test_momentum_that_rolls_over_the_minimum_is_told(momentum, label):
    w = np.array([1.0])
    opt = lrc.SGD(w, lr=0.1, momentum=momentum)
    monitor = lrc.Monitor(opt, every=2)
    for _ in range(300):
        monitor.report(float(w[0] ** 2 / 2))
        opt.step(w)
    seen = monitor.diagnose()
    assert seen.label == label
    assert seen.evidence["uphill"] > 0.3
    assert ("momentum" in seen.advice) == (label == "oscillating")


def test_gradients_that_are_not_finite_decide():
    w = np.ones(2)
    opt = lrc.SGD(w, nonfinite="skip")
    opt.step(w * np.nan)
    monitor = lrc.Monitor(opt)
    assert monitor.diagnose().label == "ok"  # what was skipped before is not its concern
    opt.step(w * np.inf)
    seen = monitor.diagnose()
    assert seen.label == "nonfinite"
    assert seen.evidence["nonfinite"] == 1


def test_updates_that_round_to_nothing_are_called_too_low():
    w = np.full(3, 1e8, np.float32)
    opt = lrc.SGD(w, lr=1e-3)
    monitor = lrc.Monitor(opt)
    for _ in range(20):
        monitor.report(1.0)
        opt.step(np.ones(3))
    seen = monitor.diagnose()
    assert seen.label == "too_low"
    assert seen.evidence["dead"] == 1.0
    assert "round to nothing" in seen.advice


def test_a_long_run_is_judged_from_its_first_loss_on():
    rng = np.random.default_rng(0)
    opt = lrc.SGD(np.ones(1), lr=0.1)
    monitor = lrc.Monitor(opt)
    for k in range(20_000):
        monitor.report(0.05 + 15 * np.exp(-k / 30) + 0.01 * rng.standard_normal())
    seen = monitor.diagnose()
    assert seen.label in ("ok", "plateau")
    assert seen.evidence["first"] > 15
    assert seen.evidence["points"] <= 1025
    assert len(monitor.losses) == 1024


def test_a_run_that_ends_in_nan_is_nonfinite_however_much_is_left_out():
    monitor = lrc.Monitor(lrc.SGD(np.ones(1)), keep=4)
    for loss in [*range(50, 0, -1), math.nan]:
        monitor.report(loss)
    assert monitor.diagnose().label == "nonfinite"


def reported(losses, keep=64):
    monitor = lrc.Monitor(lrc.SGD(np.ones(2)), keep=keep)
    for loss in losses:
        monitor.report(loss)
    return monitor.diagnose()


def test_a_long_run_is_said_to_be_judged_by_some_of_its_losses():
    losses = 1 + np.exp(-np.arange(1000) / 100)
    losses[512] = math.nan
    found = reported(losses)
    judged = int(found.evidence["points"])
    assert judged < 66
    assert f"1000 losses, {judged} of them judged" in str(found)
    assert f"1 loss of {judged} judged, the first is number 513; 4" in str(found)
    assert label_of(found.evidence) == found.label


def test_a_short_run_is_judged_by_all_of_them():
    assert "judged" not in str(reported(1 + np.exp(-np.arange(60) / 6)))


def test_updates_left_out_are_few_or_many_among_all_that_were_made():
    w = np.ones(2)
    opt = lrc.SGD(w, nonfinite="skip")
    monitor = lrc.Monitor(opt, keep=16)
    for k in range(400):
        monitor.report(1 / (k + 1))
        opt.step(np.full(2, math.nan if k % 40 == 1 else 0.0))
    assert "training went on" in monitor.diagnose().advice


def test_the_advice_of_a_monitor_names_what_a_monitor_has():
    w = np.ones(2)
    opt = lrc.SGD(w)
    monitor = lrc.Monitor(opt)
    for k in range(50):
        opt.step(np.zeros(2))
        monitor.report(1 + 0.9**k)
    advice = monitor.diagnose().advice
    assert "report each loss before the step" in advice
    assert "start=" not in advice
    assert "start=" in lrc.diagnose([1 + 0.9**k for k in range(50)]).advice


def test_a_monitor_is_not_told_to_take_validation_losses():
    climbing = [18.35, 18.32, 17.59, 18.23, 17.91, 18.7, 19.3, 19.5, 20.6, 20.8, 20.8, 21.1, 22.0]
    assert "validation=" in lrc.diagnose(climbing).advice
    advice = reported(climbing).advice
    assert "validation=" not in advice
    assert "report training losses" in advice
