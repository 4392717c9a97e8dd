"""Schedule-Free: what is stepped, what is averaged, what is evaluated, and for how long kept."""

import copy
import importlib.metadata
import importlib.util
import json
import pickle

import numpy as np
import pytest
import schedulefree_cases
from cases import DTYPES as COMPUTED
from cases import bits, everything, gradients
from optax_cases import DTYPES, STEPS, problem
from schedulefree_cases import CASES, RECORD

import lrcore as lrc
from lrcore.reference import free

LIVE = bool(importlib.util.find_spec("schedulefree")) and (
    importlib.metadata.version("schedulefree") == "1.4.1"
)
BOTH = (lrc.ScheduleFreeSGD, lrc.ScheduleFreeAdamW)
each_class = pytest.mark.parametrize("cls", BOTH)
each_dtype = pytest.mark.parametrize("dtype", COMPUTED)
SHAPES = {"W": (3, 4), "b": (5,), "s": (), "none": (0, 2)}


@pytest.fixture(scope="module")
def recorded():
    return json.loads(RECORD.read_text())


def made(cls, steps=4, dtype=np.float64, **options):
    rng = np.random.default_rng(0)
    w = {name: rng.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}
    opt = cls(w, **{"lr": 0.1, **options})
    for seed in range(steps):
        opt.step(drawn(seed, dtype))
    return opt


def drawn(seed, dtype=np.float64):
    rng = np.random.default_rng(seed + 1)
    return {name: gradients(rng, shape, dtype) for name, shape in SHAPES.items()}


def held(opt):
    return {name: bits(array) for name, array in opt.roster.arrays.items()}


# --- beside others ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_two_hundred_steps_are_those_of_schedulefree(recorded, name, dtype):
    cls, options, _ = CASES[name]
    p, gradient = problem(dtype)
    start = p.copy()
    opt = getattr(lrc, cls)(p, lr=0.05, **options)
    for t in range(STEPS):
        opt.step(gradient(p, t))
    y, x = ([float.fromhex(value) for value in part] for part in recorded[f"{name} {dtype}"])
    # both round at each of 200 steps, of which each damps what was before: parameters around 1
    tolerance = 1e-13 if dtype == "float64" else 1e-6
    np.testing.assert_allclose(p, y, rtol=0, atol=tolerance)
    np.testing.assert_allclose(opt.eval_arrays(), x, rtol=0, atol=tolerance)
    assert np.abs(p - start).max() > 0.1
    assert np.abs(np.subtract(x, y)).max() > 1e-3


def test_every_recorded_trajectory_is_compared(recorded):
    assert recorded.keys() == {f"{name} {dtype}" for name in CASES for dtype in DTYPES}


@pytest.mark.skipif(not LIVE, reason="schedulefree 1.4.1 is not installed")
@pytest.mark.parametrize("name", CASES)
def test_the_record_is_what_schedulefree_does(recorded, name):
    found = [
        [x.hex() for x in part.tolist()]
        for part in (schedulefree_cases.run_schedulefree(name, "float64"))
    ]
    assert found == recorded[f"{name} float64"]


def by_the_paper(lrs, beta, r, power, grad, start):
    """x, y and z as the paper writes them, with x stored, and the weights of its appendix."""
    x = z = start
    total = most = 0.0
    for n, lr in enumerate(lrs, 1):
        y = (1 - beta) * z + beta * x
        most = max(most, lr)
        weight = n**r * most**power
        total += weight
        z = z - lr * grad(y)
        x = x + (weight / total if total else 0.0) * (z - x)
    return x, (1 - beta) * z + beta * x, z


@pytest.mark.parametrize(("r", "power"), [(0.0, 2.0), (1.0, 2.0), (0.3, 0.0), (2.0, 1.7)])
@pytest.mark.parametrize("beta", [0.1, 0.9, 0.99])
def test_the_paper_with_x_stored_comes_to_the_same(beta, r, power):
    schedule = lrc.CosineAnnealing(0.3, 80).warmup(10, skip_zero=False)  # begins at rate 0
    p = np.array([1.0, -3.0])
    opt = lrc.ScheduleFreeSGD(p, lr=schedule, momentum=beta, r=r, weight_lr_power=power)
    curvature = np.array([0.5, 2.0])
    x, y, z = by_the_paper(map(schedule, range(90)), beta, r, power, curvature.__mul__, p.copy())
    for _ in range(90):
        opt.step(curvature * p)
    # 90 roundings of numbers around 1; x divides those of p by beta
    np.testing.assert_allclose(p, y, atol=1e-13)
    np.testing.assert_allclose(opt.state["0"]["z"], z, atol=1e-13)
    np.testing.assert_allclose(opt.eval_arrays(), x, atol=1e-13 / beta)


def test_equal_weights_are_those_of_keras():
    """As documented, of 60 updates from 1 by the gradient p, 10 of them warm-up."""
    found, ends = [], []
    for power in (0.0, 2.0):
        opt = lrc.ScheduleFreeAdamW(np.ones(1), lr=0.01, warmup=10, weight_lr_power=power)
        for _ in range(60):
            opt.step(opt.params.copy())
        found.append(opt.scalars["0"][0]["weights"])
        ends.append(round(float(opt.params[0]), 3))
    assert ends == [0.726, 0.705]
    assert found[0] == 60
    assert found[1] == pytest.approx(1e-4 * (50 + sum((n / 10) ** 2 for n in range(1, 11))))


# --- what is evaluated -----------------------------------------------------------------------


@each_class
@each_dtype
def test_inside_is_x_and_behind_it_the_bits_of_before(cls, dtype):
    opt = made(cls, dtype=dtype)
    before = everything(opt)
    beta = 0.9
    x = {
        name: p + (1 - 1 / beta) * (opt.state[name]["z"] - p)
        for name, p in opt.roster.arrays.items()
    }
    with opt.eval_params():
        assert held(opt) == {name: bits(np.asarray(array)) for name, array in x.items()}
    assert everything(opt) == before
    assert {name: bits(a) for name, a in opt.eval_arrays().items()} == {
        name: bits(np.asarray(array)) for name, array in x.items()
    }
    opt.step(drawn(9, dtype))
    other = made(cls, dtype=dtype)
    other.step(drawn(9, dtype))
    assert everything(opt) == everything(other)


@each_class
def test_x_is_the_mean_of_all_z_so_far(cls):
    opt, seen = made(cls, steps=0), []
    for seed in range(7):
        opt.step(drawn(seed))
        seen.append(opt.state["W"]["z"].copy())
    # seven roundings of numbers around 1
    np.testing.assert_allclose(opt.eval_arrays()["W"], np.mean(seen, axis=0), atol=1e-14)


@each_class
@each_dtype
def test_after_the_first_update_all_three_are_the_same(cls, dtype):
    opt = made(cls, steps=1, dtype=dtype)
    for name, array in opt.eval_arrays().items():
        assert bits(array) == bits(opt.params[name]) == bits(opt.state[name]["z"])


@each_class
def test_before_the_first_update_all_three_are_what_the_arrays_hold(cls):
    opt = made(cls, steps=0)
    for name, array in opt.params.items():
        assert bits(opt.state[name]["z"]) == bits(array)
    opt.params["b"][...] = 7.0  # as a program that loads weights does
    np.testing.assert_array_equal(opt.eval_arrays()["b"], 7.0)
    with opt.eval_params():
        np.testing.assert_array_equal(opt.params["b"], 7.0)


@each_class
def test_values_written_before_the_first_update_are_where_it_begins(cls):
    opt, other = made(cls, steps=0), made(cls, steps=0)
    values = {name: array + 3 for name, array in opt.params.items()}
    for name, array in opt.params.items():
        array[...] = values[name]
    new = cls({name: np.array(value) for name, value in values.items()}, lr=0.1)
    for seed in range(3):
        opt.step(drawn(seed))
        new.step(drawn(seed))
        other.step(drawn(seed))
    assert held(opt) == held(new) != held(other)


@each_class
def test_x_follows_from_the_momentum_of_the_last_update(cls):
    beta = lrc.Linear(0.5, 0.9, 4)
    momentum = {"momentum": beta} if cls is BOTH[0] else {"betas": (beta, 0.99)}
    opt = made(cls, steps=3, **momentum)
    again = made(cls, steps=0, **momentum)
    for name, array in again.params.items():
        array[...] = opt.params[name]
    again.load_state_dict(opt.state_dict())
    for one in (opt, again):
        p, z = one.params["W"], one.state["W"]["z"]
        np.testing.assert_array_equal(one.eval_arrays()["W"], p + (1 - 1 / beta(2)) * (z - p))
    opt.step(drawn(9))
    again.step(drawn(9))
    assert held(opt) == held(again)


def test_where_p_and_z_are_the_same_x_is_too_however_small_the_momentum():
    p = np.ones(3, np.float32)
    opt = lrc.ScheduleFreeSGD(p, momentum=1e-50)  # 1 / momentum is infinite in float32
    opt.step(np.full(3, 0.5, np.float32))
    np.testing.assert_array_equal(opt.eval_arrays(), 0.5)


@each_class
def test_a_saved_beta_of_zero_harms_nothing(cls):
    opt = made(cls)
    state = opt.state_dict()
    state["carried"]["W"]["beta"] = 0.0
    opt.load_state_dict(state)
    assert bits(opt.eval_arrays()["W"]) == bits(opt.params["W"])


@each_class
def test_an_average_of_what_is_averaged_is_refused(cls):
    message = rf"{cls.__name__}: average must be None, got EMA\(decay=0.9\); .* x, which is an ave"
    with pytest.raises(ValueError, match=message):
        cls(np.ones(1), average=lrc.EMA(0.9))
    with pytest.raises(ValueError, match=message):
        cls([lrc.Group(np.ones(1), average=lrc.EMA(0.9))])
    opt = cls(np.ones(1))
    with pytest.raises(ValueError, match=message):
        opt.add(np.ones(2), average=lrc.EMA(0.9))
    assert opt.step(np.ones(1))


@each_class
def test_read_only_arrays_that_moved_are_evaluated_as_copies_alone(cls):
    opt = made(cls)
    opt.freeze("W")
    opt.params["W"].flags.writeable = False
    with pytest.raises(ValueError, match=r'"W" is read-only: eval_arrays\(\) gives a copy'):
        opt.eval_params().__enter__()
    assert not np.array_equal(opt.eval_arrays()["W"], opt.params["W"])


# --- rates, counts, what is left out ---------------------------------------------------------


@each_class
def test_at_rate_zero_nothing_moves_and_nothing_is_weighed(cls):
    opt = made(cls, lr=lambda t: 0.0 if t < 3 else 0.1, steps=0)
    before = held(opt)
    for seed in range(3):
        opt.step(drawn(seed))
        assert held(opt) == before == {n: bits(a) for n, a in opt.eval_arrays().items()}
    assert opt.scalars["W"][0]["weights"] == 0
    opt.step(drawn(3))
    # the first that weighs anything makes up all of x
    np.testing.assert_allclose(opt.eval_arrays()["W"], opt.state["W"]["z"], atol=1e-15)


@each_class
def test_a_rate_that_falls_does_not_lower_the_weights(cls):
    opt = made(cls, steps=6, lr=lambda t: (0.1, 0.3, 0.2, 0.0, 0.1, 0.3)[t])
    carried = opt.scalars["W"][0]
    assert carried["lr_max"] == 0.3
    assert carried["weights"] == pytest.approx(0.1**2 + 5 * 0.3**2)


@each_class
def test_the_warm_up_rises_along_a_line_and_reaches_the_rate(cls):
    opt = made(cls, steps=0, warmup=4, lr=0.4)
    rates = []
    for _ in range(6):
        opt.step({name: np.ones(shape) for name, shape in SHAPES.items()})
        rate = opt.effective_lr("b")[0]
        rates.append(rate if cls is BOTH[0] else rate * (1 + 1e-8))
    np.testing.assert_allclose(rates, [0.1, 0.2, 0.3, 0.4, 0.4, 0.4], rtol=1e-12)


@each_class
def test_the_effective_rate_is_that_of_z(cls):
    opt = made(cls, warmup=9)
    z, g = opt.state["W"]["z"].copy(), drawn(7)
    opt.step(g)
    # the difference of parameters has lost digits
    np.testing.assert_allclose(
        z - opt.state["W"]["z"], opt.effective_lr("W") * g["W"], rtol=1e-9, atol=1e-15
    )


@each_class
def test_an_array_that_is_added_or_was_frozen_has_counts_of_its_own(cls):
    opt = cls([lrc.Group(np.ones(2))], lr=0.1, warmup=4)
    opt.step([np.ones(2)])
    opt.add(np.ones(3))
    opt.freeze("0.0")
    opt.step([None, np.ones(3)])
    opt.unfreeze("0.0")
    opt.step([np.ones(2), np.ones(3)])
    alone = cls(np.ones(2), lr=0.1, warmup=4)
    for _ in range(2):
        alone.step(np.ones(2))
    assert bits(opt.params[0]) == bits(alone.params)
    assert opt.scalars["0.0"][0] == opt.scalars["1.0"][0] == alone.scalars["0"][0]


@each_class
def test_an_update_that_is_left_out_does_not_count(cls):
    opt, other = made(cls, nonfinite="skip"), made(cls)
    bad = drawn(1)
    bad["W"] = np.full((3, 4), np.nan)
    before = everything(opt)
    assert not opt.step(bad)
    assert everything(opt)[:2] == before[:2]
    opt.step(drawn(8))
    other.step(drawn(8))
    assert held(opt) == held(other)


def test_gradients_times_a_constant_lead_the_same_way_without_eps():
    plain, scaled = (made(lrc.ScheduleFreeAdamW, steps=0, eps=0.0) for _ in range(2))
    for seed in range(30):
        plain.step(drawn(seed))
        scaled.step({name: 1024 * g for name, g in drawn(seed).items()})
    assert held(plain) == held(scaled)


@each_class
def test_a_sudden_overflow_of_weights_is_refused_before_anything_changes(cls):
    opt = made(cls, steps=0, lr=1e200, weight_lr_power=2.0)
    before = everything(opt)
    with pytest.raises((ValueError, OverflowError)):
        opt.step(drawn(0))
    assert everything(opt) == before


@each_class
@pytest.mark.parametrize("way", ["file", "pickle", "copy", "snapshot"])
def test_what_is_saved_goes_on_with_the_same_bits(cls, way, tmp_path):
    opt = made(cls, warmup=3, r=0.5)
    if way == "file":
        opt.save(tmp_path / "run.npz", params=True)
        other = made(cls, steps=0, warmup=3, r=0.5)
        other.load(tmp_path / "run.npz", params=True)
    elif way == "snapshot":
        snapshot, other = opt.snapshot(), made(cls, warmup=3, r=0.5)
        other.step(drawn(7))
        other.restore(snapshot)
    else:
        other = pickle.loads(pickle.dumps(opt)) if way == "pickle" else copy.deepcopy(opt)
    assert everything(other)[:2] == everything(opt)[:2]
    for seed in range(5, 9):
        opt.step(drawn(seed))
        other.step(drawn(seed))
    assert everything(other) == everything(opt)
    assert {n: bits(a) for n, a in other.eval_arrays().items()} == {
        n: bits(a) for n, a in opt.eval_arrays().items()
    }


@pytest.mark.parametrize("x", [0.0, 5e-324, 1e-300, 2.5e-3, 0.5, 0.7, 1.0, 3.0, 1e7, 1e15])
@pytest.mark.parametrize("y", [0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 2.75, 7.0, 1e-9, 20.25])
def test_powers_are_those_of_the_mathematics(x, y):
    opt = lrc.ScheduleFreeSGD(np.ones(1), lr=x, weight_lr_power=y)
    opt.step(np.zeros(1))
    found = opt.scalars["0"][0]["weights"]
    assert found == free._power(x, y)
    # the logarithm, up to 1074 * 20, is off by half a unit in the last place
    assert found == pytest.approx(x**y, rel=1e-12, abs=1e-323)
    if y in (0.0, 1.0, 2.0):
        assert found == x**y


@each_class
def test_the_name_that_schedulefree_has_for_the_warm_up_is_told(cls):
    with pytest.raises(TypeError, match=r"no argument warmup_steps; it is warmup$"):
        cls(np.ones(1), warmup_steps=3)
