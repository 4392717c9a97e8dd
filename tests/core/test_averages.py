"""Averages of the parameters: the reference's bits everywhere, and what counts in them."""

import itertools

import numpy as np
import pytest
from average_cases import averages, drawn, each_kind, made
from cases import AVERAGED, DTYPES, FEW, bits, everything, gradients, variant_id

import lrcore as lrc
from lrcore._core import OpenStep
from lrcore.reference.twin import Reference

each_rule = pytest.mark.parametrize(("cls", "options"), AVERAGED, ids=variant_id)
few_rules = pytest.mark.parametrize(
    ("cls", "options"), [variant for variant in FEW if variant in AVERAGED], ids=variant_id
)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)


def run_both(opt, grads):
    twin = Reference(opt)
    for g in grads:
        assert opt.step(g) == twin.step(g)
        for array, expected in zip(opt.roster.arrays.values(), twin.params, strict=True):
            assert bits(array) == bits(expected)
        for state, expected in zip(opt.state.values(), twin.state, strict=True):
            assert {k: bits(a) for k, a in state.items()} == {
                k: bits(a) for k, a in expected.items()
            }


@each_rule
@each_dtype
@each_kind
def test_averages_equal_plain_numpy(cls, options, dtype, kind):
    run_both(made(kind, cls, dtype=dtype, **options), drawn(8, dtype=dtype))


@each_rule
@pytest.mark.parametrize("common", [{}, {"clip_norm": 0.5}, {"maximize": True, "clip_value": 0.1}])
def test_an_average_changes_no_bit_of_parameters_and_other_state(cls, options, common):
    plain, averaged = (made(kind, cls, **options, **common) for kind in (None, lrc.EMA(0.5)))
    for g in drawn(6):
        plain.step(g)
        averaged.step(g)
    for name in plain.names:
        assert bits(plain.roster.arrays[name]) == bits(averaged.roster.arrays[name])
        for letter, array in plain.state[name].items():
            assert bits(array) == bits(averaged.state[name][letter])


@few_rules
@each_dtype
def test_arrays_of_several_chunks_at_any_place_have_the_same_bits_on_many_threads(
    cls, options, dtype
):
    sizes = (150_001, 70_000, 16384, 16385, 3)
    results = set()
    for threads, offset in itertools.product((1, 2, 5), (0, 1)):
        rng = np.random.default_rng(0)
        params = [
            np.concatenate([np.zeros(offset), rng.standard_normal(n)]).astype(dtype)[offset:]
            for n in sizes
        ]
        opt = cls(params, lr=0.1, average=lrc.EMA(0.5), num_threads=threads, **options)
        for g in drawn(3, sizes, dtype):
            opt.step(g)
        results.add(tuple(map(bits, averages(opt))))
    assert len(results) == 1


def _arranged(array, layout):
    views = {
        "C": lambda x: x,
        "F": np.asfortranarray,
        "every other": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        "backwards": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    }
    return views[layout](array)


@few_rules
@each_dtype
@pytest.mark.parametrize("layout", ["F", "every other", "backwards"])
def test_layouts_do_not_change_a_bit_of_an_average(cls, options, dtype, layout):
    rng = np.random.default_rng(2)
    start = rng.standard_normal((9, 300)).astype(dtype)
    grads = [gradients(rng, start.shape, dtype) for _ in range(3)]
    found = []
    for order in ("C", layout):
        opt = cls(_arranged(start.copy(), order), lr=0.1, average=lrc.EMA(0.75), **options)
        for g in grads:
            opt.step(_arranged(g, order))
        found.append(bits(opt.state["0"]["average"]))
    assert found[0] == found[1]


@few_rules
@each_kind
def test_an_update_that_is_observed_averages_alike(cls, options, kind):
    alone, watched = (made(kind, cls, (3000, 2, 0), **options) for _ in range(2))
    lrc.Monitor(watched, every=3)
    for g in drawn(40, (3000, 2, 0)):
        alone.step(g)
        watched.step(g)
    assert everything(alone) == everything(watched)


@each_kind
def test_a_step_in_two_halves_averages_alike(kind):
    whole, halves = made(kind), made(kind)
    for g in drawn(6):
        whole.step(g)
        with OpenStep(halves, g) as step:
            assert step.apply()
    assert everything(whole) == everything(halves)
    assert whole.scalars == halves.scalars


@each_dtype
def test_the_first_average_is_the_parameter_to_the_bit_and_so_is_one_without_memory(dtype):
    first, forgetful = made(lrc.EMA(0.999), dtype=dtype), made(lrc.EMA(0.0), dtype=dtype)
    grads = drawn(5, dtype=dtype)
    first.step(grads[0])
    for g in grads:
        forgetful.step(g)
    for opt in (first, forgetful):
        for p, a in zip(opt.params, averages(opt), strict=True):
            assert bits(p) == bits(a)


@pytest.mark.parametrize(("start", "every"), [(0, 1), (0, 3), (4, 1), (4, 2), (99, 1)])
def test_a_mean_is_that_of_the_parameters_it_counts(start, every):
    opt, seen = made(lrc.Mean(start, every), sizes=(5,)), []
    for t, g in enumerate(drawn(20, (5,))):
        opt.step(g)
        if t < start:
            seen = [opt.params[0].copy()]
        elif (t - start) % every == 0:
            seen = [*(seen if t > start else []), opt.params[0].copy()]
        # the recursion and the sum round differently, a few times each of up to 20 terms
        np.testing.assert_allclose(averages(opt)[0], np.mean(seen, axis=0), rtol=1e-13)


def test_a_decay_that_is_a_schedule_follows_t():
    opt = made(lrc.EMA(decay=lrc.PiecewiseConstant([2, 3], [0.5, 0.0, 0.75])), sizes=(3,))
    found = []
    for g in drawn(4, (3,)):
        before = averages(opt)[0].copy()
        opt.step(g)
        gain = (averages(opt)[0] - before) / (opt.params[0] - before)
        found.append(gain)
    # quotients of differences of numbers of like size
    np.testing.assert_allclose(found[1:], np.repeat([[0.5], [1.0], [0.25]], 3, 1), rtol=1e-9)


def test_a_decay_out_of_range_at_its_update_changes_nothing():
    opt = made(lrc.EMA(decay=lambda t: 0.5 if t < 2 else 1.0))
    grads = drawn(3)
    for g in grads[:2]:
        opt.step(g)
    before = everything(opt), opt.scalars
    with pytest.raises(ValueError, match=r"update 2: decay must be a finite number in \[0, 1\)"):
        opt.step(grads[2])
    assert (everything(opt), opt.scalars) == before


def test_a_decay_may_be_closer_to_1_than_float32_can_tell():
    p = np.ones(4, np.float32)
    opt = lrc.SGD(p, lr=1.0, average=lrc.EMA(decay=1 - 1e-8))
    opt.step(np.zeros(4))
    opt.step(np.full(4, -1e6))
    # one float32 gain of 1e-8 on a difference of 1e6; half a unit in the last place of 1.01
    np.testing.assert_allclose(opt.state["0"]["average"], 1.01, rtol=6e-8)


@each_kind
def test_updates_that_are_left_out_do_not_count(kind):
    opt, other = made(kind, nonfinite="skip"), made(kind)
    for g in drawn(8):
        assert opt.step(g)
        assert not opt.step([np.full_like(part, np.nan) for part in g[:-1]] + [g[-1] + np.inf])
        other.step(g)
    assert [bits(a) for a in averages(opt)] == [bits(a) for a in averages(other)]


@pytest.mark.parametrize("kind", [lrc.EMA(0.9), lrc.Mean(), lrc.Mean(2, 3)], ids=repr)
def test_a_frozen_array_keeps_its_average_and_goes_on_with_its_own_count(kind):
    opt, alone = made(kind, sizes=(4, 5)), made(kind, sizes=(4,))
    for t, g in enumerate(drawn(9, (4, 5))):
        if t in (3, 6):
            (opt.freeze if t == 3 else opt.unfreeze)("0")
        opt.step(g)
        if not 3 <= t < 6:
            alone.step(g[:1])
    assert bits(averages(opt)[0]) == bits(averages(alone)[0])
    assert opt.scalars["0"][0] == alone.scalars["0"][0]


def test_an_array_that_is_added_begins_with_its_own_first_update():
    opt = lrc.SGD([lrc.Group(np.zeros(2))], lr=1.0, average=lrc.Mean())
    for _ in range(5):
        opt.step([-np.ones(2)])
    opt.add(np.zeros(3))
    for _ in range(2):
        opt.step([-np.ones(2), -np.ones(3)])
    np.testing.assert_array_equal(opt.state["0.0"]["average"], [4, 4])  # of 1 to 7
    np.testing.assert_array_equal(opt.state["1.0"]["average"], [1.5] * 3)  # of 1 and 2


def test_groups_have_averages_of_their_own_or_none():
    groups = [
        lrc.Group(np.zeros(2)),
        lrc.Group(np.zeros(2), average=None),
        lrc.Group(np.zeros(2), average=lrc.EMA(0.5)),
    ]
    opt = lrc.SGD(groups, lr=1.0, average=lrc.Mean())
    for _ in range(3):
        opt.step([-np.ones(2)] * 3)
    assert [list(opt.state[name]) for name in opt.names] == [["average"], [], ["average"]]
    np.testing.assert_array_equal(opt.state["0.0"]["average"], [2, 2])
    np.testing.assert_array_equal(opt.state["2.0"]["average"], [2.25, 2.25])
    twin = Reference(opt)
    opt.step([np.ones(2)] * 3)
    twin.step([np.ones(2)] * 3)
    assert bits(twin.state[2]["average"]) == bits(opt.state["2.0"]["average"])


@each_dtype
def test_scalars_and_empty_arrays_are_averaged(dtype):
    params = [np.array(1, dtype), np.zeros((3, 0, 2), dtype), np.ones((1, 1), dtype)]
    opt = lrc.SGD(params, lr=0.5, average=lrc.EMA(0.5))
    for _ in range(2):
        opt.step([np.array(1, dtype), np.zeros((3, 0, 2), dtype), np.ones((1, 1), dtype)])
    assert [array.shape for array in averages(opt)] == [p.shape for p in params]
    assert opt.state["0"]["average"] == opt.state["2"]["average"][0, 0] == 0.25


@each_dtype
def test_an_average_that_fades_out_becomes_zero_and_never_denormal(dtype):
    tiny = float(np.finfo(dtype).tiny)
    p = np.geomspace(tiny, 1.0, 40).astype(dtype)
    opt = lrc.SGD(p, lr=0.0, average=lrc.EMA(0.5))
    opt.step(np.zeros(40))
    twin = Reference(opt)
    p[...] = twin.params[0][...] = 0
    run = 1100 if dtype == np.float64 else 160
    for _ in range(run):
        opt.step(np.zeros(40))
        twin.step(np.zeros(40))
        a = opt.state["0"]["average"]
        assert bits(a) == bits(twin.state[0]["average"])
        assert not ((a != 0) & (np.abs(a) < tiny)).any()
    assert not a.any()


@each_dtype
def test_special_values_are_averaged_as_in_numpy(dtype):
    info = np.finfo(dtype)
    values = [0.0, -0.0, 1.0, np.inf, -np.inf, np.nan, info.tiny, -info.tiny, info.max, -info.max]
    before, p = (
        np.array(column, dtype) for column in zip(*itertools.product(values, repeat=2), strict=True)
    )
    opt = lrc.SGD(p.copy(), lr=0.1, average=lrc.EMA(0.75), nonfinite="allow")
    with np.errstate(all="ignore"):
        run_both(opt, [np.zeros(p.size, dtype)])
        opt.state["0"]["average"][...] = before
        run_both(opt, [np.zeros(p.size, dtype)] * 2)


# --- how far float32 gets, which docstrings and the guide tell -----------------------------------


@pytest.mark.parametrize(("dtype", "left"), [(np.float32, 6.0e-4), (np.float64, 4.5e-8)])
def test_an_average_in_float32_stalls_as_documented(dtype, left):
    p = np.full(1, 1.001, dtype)
    opt = lrc.SGD(p, lr=0.0, average=lrc.EMA(0.9999))
    opt.bind(np.zeros(1, dtype))
    opt.step()
    p[...] = 1.0
    for _ in range(100_000):
        opt.step()
    assert float(opt.state["0"]["average"][0]) - 1 == pytest.approx(left, rel=0.02)  # two digits
    assert f"{left:.1e}".replace("e-0", "e-") in lrc.EMA.__doc__


# --- peers ---------------------------------------------------------------------------------------


def ema_of_torch(average, p, n):
    """swa_utils.get_ema_avg_fn(0.99) of torch 2.13."""
    return 0.99 * average + (1 - 0.99) * p


def mean_of_torch(average, p, n):
    """swa_utils.get_swa_avg_fn of torch 2.13; n averaged before."""
    return average + (p - average) / (n + 1)


# ours, torch's function, and after which updates update_parameters is called
PEERS = {
    "EMA": (lrc.EMA(0.99), ema_of_torch, range(300)),
    "SWA": (lrc.Mean(), mean_of_torch, range(300)),
    "SWA, later and rarely": (lrc.Mean(20, 7), mean_of_torch, range(20, 300, 7)),
}
each_peer = pytest.mark.parametrize("name", PEERS)


@each_peer
@each_dtype
def test_averages_are_those_of_the_formulas_of_torch(name, dtype):
    kind, function, calls = PEERS[name]
    opt = made(kind, sizes=(12,), dtype=dtype)
    average, n = None, 0
    for t, g in enumerate(drawn(300, (12,), dtype)):
        opt.step(g)
        if t in calls:
            p = opt.params[0].astype(np.float64)
            average, n = function(average, p, n) if n else p, n + 1
    # in float32 each of up to 300 updates rounds once, half of them the other way
    tolerance = 1e-13 if dtype == np.float64 else 300 * np.finfo(dtype).eps
    np.testing.assert_allclose(averages(opt)[0], average, rtol=tolerance, atol=tolerance)


@each_peer
@each_dtype
def test_averages_are_those_of_torch_where_it_is_installed(name, dtype):
    torch = pytest.importorskip("torch")
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_multi_avg_fn

    kind, function, calls = PEERS[name]
    opt = made(kind, lrc.SGD, sizes=(12,), dtype=dtype, momentum=0.9)
    model = torch.nn.Linear(12, 1, bias=False, dtype=torch.float64)
    model.weight.data[...] = torch.from_numpy(opt.params[0].astype(np.float64))
    model = model.to(getattr(torch, np.dtype(dtype).name))
    peer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    ema = function is ema_of_torch
    averaged = AveragedModel(
        model, multi_avg_fn=get_ema_multi_avg_fn(0.99) if ema else get_swa_multi_avg_fn()
    )
    rng = np.random.default_rng(3)
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # which the weights of torch's mean have
    for t in range(300):
        g = rng.standard_normal(12).astype(dtype)
        opt.step([g])
        model.weight.grad = torch.from_numpy(g)[None].clone()
        peer.step()
        if t in calls:
            averaged.update_parameters(model)
    torch.set_default_dtype(default)
    found = averaged.module.weight.detach().numpy()[0]
    # parameters that rounded otherwise on the way, some hundred times
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(averages(opt)[0], found, rtol=tolerance, atol=tolerance)
