"""Gradients of several calls for one update: the reference's bits everywhere, all or nothing."""

import itertools
import threading

import numpy as np
import pytest
from cases import DTYPES, FEW, ONE_EACH, averaged, bits, everything, gradients, rated, variant_id

import lrcore as lrc
from lrcore._core import OpenStep
from lrcore.reference.twin import Reference

SIZES = (1003, 0, 17, 1)
each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
few_rules = pytest.mark.parametrize(("cls", "options"), FEW, ids=variant_id)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
POLICIES = ("raise", "skip", "allow")


def made(cls=lrc.Adam, sizes=SIZES, dtype=np.float64, accumulate=3, lr=0.1, **options):
    rng = np.random.default_rng(0)
    params = [rng.standard_normal(n).astype(dtype) for n in sizes]
    return cls(params, lr=lr, accumulate=accumulate, **options)


def drawn(number, sizes=SIZES, dtype=np.float64, seed=1):
    rng = np.random.default_rng(seed)
    return [[gradients(rng, n, dtype) for n in sizes] for _ in range(number)]


def all_of(opt):
    return everything(opt), opt.pending


def mean_of(grads):
    """The sum in the order of the calls, divided."""
    found = [np.array(g) for g in grads[0]]
    for others in grads[1:]:
        found = [a + g for a, g in zip(found, others, strict=True)]
    return [a / a.dtype.type(len(grads)) for a in found]


@each_rule
@each_dtype
@pytest.mark.parametrize(
    "common",
    [{}, {"clip_norm": 0.5, "clip_norm_each": 0.2, "clip_value": 0.1, "maximize": True}],
    ids=variant_id,
)
def test_gathered_updates_equal_plain_numpy(cls, options, dtype, common):
    opt = made(cls, dtype=dtype, **averaged(cls, lrc.EMA(0.5)), **options, **common)
    twin = Reference(opt)
    for g in drawn(7, dtype=dtype):
        assert opt.step(g) == twin.step(g)
        for array, expected in zip(opt.roster.arrays.values(), twin.params, strict=True):
            assert bits(array) == bits(expected)
        for state, expected in zip(opt.state.values(), twin.state, strict=True):
            assert {k: bits(a) for k, a in state.items()} == {
                k: bits(a) for k, a in expected.items()
            }
    assert (opt.t, opt.pending) == (2, 1)


@few_rules
@each_dtype
def test_an_update_is_that_of_the_mean(cls, options, dtype):
    gathered, plain = (
        made(cls, dtype=dtype, accumulate=k, clip_norm=0.5, **options) for k in (4, 1)
    )
    grads = drawn(12, dtype=dtype)
    for i in range(0, 12, 4):
        assert [gathered.step(g) for g in grads[i : i + 4]] == [False] * 3 + [True]
        plain.step(mean_of(grads[i : i + 4]))
    for name in plain.names:
        assert bits(gathered.roster.arrays[name]) == bits(plain.roster.arrays[name])
        for letter, array in plain.state[name].items():
            assert bits(array) == bits(gathered.state[name][letter])


@few_rules
@each_dtype
def test_arrays_of_several_chunks_have_the_same_bits_on_many_threads(cls, options, dtype):
    sizes = (150_001, 70_000, 16384, 16385, 3)
    results = set()
    for threads, offset in itertools.product((1, 2, 5), (0, 1)):
        rng = np.random.default_rng(0)
        params = [
            np.concatenate([np.zeros(offset), rng.standard_normal(n)]).astype(dtype)[offset:]
            for n in sizes
        ]
        opt = cls(params, lr=0.1, accumulate=2, clip_norm_each=0.5, num_threads=threads, **options)
        for g in drawn(4, sizes, dtype):
            opt.step(g)
        results.add(tuple(map(bits, params)))
    assert len(results) == 1


LAYOUTS = {
    "C": lambda x: x,
    "F": np.asfortranarray,
    "every other": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
}


@few_rules
@each_dtype
@pytest.mark.parametrize("layout", ["F", "every other", "backwards"])
@pytest.mark.parametrize("of_gradient", LAYOUTS)
def test_layouts_do_not_change_a_bit(cls, options, dtype, layout, of_gradient):
    rng = np.random.default_rng(2)
    start = rng.standard_normal((9, 300)).astype(dtype)
    grads = [gradients(rng, start.shape, dtype) for _ in range(4)]
    found = []
    for p_layout, g_layout in (("C", "C"), (layout, of_gradient)):
        p = LAYOUTS[p_layout](start.copy())
        opt = cls(p, lr=0.1, accumulate=2, clip_norm_each=3.0, **options)
        for g in grads:
            opt.step(LAYOUTS[g_layout](g))
        found.append((bits(p), bits(opt.state["0"]["gathered"])))
    assert found[0] == found[1]


@each_dtype
def test_gradients_of_any_dtype_and_kind_are_gathered_as_a_step_takes_them(dtype):
    other = np.float32 if dtype is np.float64 else np.float64
    p, expected = np.ones((2, 3), dtype), np.ones((2, 3), dtype)
    given = [np.full((2, 3), 0.1, other), [[1, 2, 3]] * 2, np.ones((3, 2), np.float16).T]
    opt = lrc.SGD(p, lr=0.5, accumulate=3)
    lrc.SGD(expected, lr=0.5).step(mean_of([[np.asarray(g).astype(dtype)] for g in given])[0])
    assert [opt.step(g) for g in given] == [False, False, True]
    assert bits(p) == bits(expected)


def test_numbers_are_gathered():
    p = np.array(1.0)
    opt = lrc.SGD(p, lr=1.0, accumulate=2)
    opt.step(0.5)
    opt.step(np.float32(1.5))
    assert p == 0.0


def test_bound_gradients_are_read_at_each_call():
    g, p = np.zeros(2), np.zeros(2)
    opt = lrc.SGD(p, lr=1.0, accumulate=2)
    opt.bind(g)
    g[:] = 1.0
    assert not opt.step()
    g[:] = 3.0
    assert opt.step()
    assert p.tolist() == [-2.0, -2.0]


def test_sums_cannot_be_bound_or_shared():
    opt = lrc.SGD(np.zeros(2), accumulate=2)
    with pytest.raises(ValueError, match=r"overlap|memory"):
        opt.bind(opt.state["0"]["gathered"])


def test_a_gradient_that_is_the_sum_itself_is_copied_first():
    p = np.zeros(1)
    opt = lrc.SGD(p, lr=1.0, accumulate=3)
    opt.step(np.ones(1))
    opt.step(opt.state["0"]["gathered"])
    assert opt.state["0"]["gathered"].tolist() == [2.0]


def test_the_arrays_given_are_not_changed():
    grads = drawn(2)
    before = [[g.copy() for g in each] for each in grads]
    opt = made(accumulate=2, clip_norm=0.1)
    for each in grads:
        opt.step(each)
    for given, kept in zip(grads, before, strict=True):
        assert list(map(bits, given)) == list(map(bits, kept))


def test_schedules_are_asked_at_the_last_call_alone():
    asked = []
    opt = made(lr=lambda t: asked.append(t) or 0.1, accumulate=3)
    for g in drawn(6):
        opt.step(g)
    assert asked == [0, 1]
    assert opt.t == 2


def test_the_rate_of_a_call_matters_at_the_last_one():
    p = np.zeros(1)
    opt = lrc.SGD(p, lr=1.0, accumulate=2)
    opt.step(np.ones(1), lr=50.0)
    opt.step(np.ones(1), lr=0.5)
    assert (p[0], opt.last_lr) == (-0.5, 0.5)


def test_averages_and_monitors_count_updates():
    opt = made(average=lrc.Mean(), accumulate=2)
    monitor = lrc.Monitor(opt)
    for g in drawn(6):
        opt.step(g)
    assert opt.scalars["0"][0]["averaged"] == 3
    assert [seen.t for seen in monitor.history] == [0, 1, 2]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("call", [0, 1, 2])
def test_a_bad_gradient_raises_and_changes_nothing(bad, call):
    opt = made()
    *grads, others = drawn(4)
    for g in grads[:call]:
        opt.step(g)
    before = all_of(opt)
    broken = [g.copy() for g in others]
    broken[2][3] = bad
    with pytest.raises(FloatingPointError, match=rf'gradient "2" \(1 of 17, first {bad} at \[3\]'):
        opt.step(broken)
    assert all_of(opt) == before
    for g in grads[call:]:
        opt.step(g)
    assert (opt.t, opt.pending) == (1, 0)


@pytest.mark.parametrize("call", [0, 1, 2])
def test_a_bad_gradient_that_is_skipped_counts_in_nothing_but_skipped(call):
    opt, alike = made(nonfinite="skip"), made(nonfinite="skip")
    for i, g in enumerate(drawn(3)):
        if i == call:
            assert opt.step([g[0] * np.nan, *g[1:]]) is False
        assert opt.step(g) == alike.step(g)
    assert (opt.skipped, opt.pending, opt.t) == (1, 0, 1)
    assert everything(opt)[0] == everything(alike)[0]


def test_what_is_let_through_is_gathered():
    p = np.zeros(2)
    opt = lrc.SGD(p, lr=1.0, accumulate=2, nonfinite="allow", clip_norm=1.0)
    opt.step(np.array([np.inf, 1.0]))
    assert opt.step(np.array([1.0, 1.0]))
    assert p.tolist() == [-np.inf, -1.0]


@each_dtype
@pytest.mark.parametrize("sizes", [(3,), (40_000, 3)])
@pytest.mark.parametrize("call", [1, 2])
def test_a_sum_that_overflows_is_refused_and_changes_nothing(dtype, sizes, call):
    opt = made(lrc.SGD, sizes, dtype)
    huge = [np.full(n, np.finfo(dtype).max * 0.45, dtype) for n in sizes]
    fine = [np.zeros(n, dtype) for n in sizes]
    opt.step(huge)
    opt.step(huge if call == 2 else fine)
    before = all_of(opt)
    with pytest.raises(FloatingPointError, match=r'the sum with gradient "0" \(\d+ of'):
        opt.step([3 * np.sign(fine[0] + 1) * (np.finfo(dtype).max / 4), *fine[1:]])
    assert all_of(opt) == before
    assert opt.step(fine)


def test_a_sum_that_overflows_is_skipped_where_gradients_are():
    opt = made(lrc.SGD, (3,), nonfinite="skip", accumulate=2)
    assert [opt.step([np.full(3, 1.2e308)]) for _ in range(2)] == [False, False]
    assert (opt.pending, opt.skipped) == (1, 1)


@pytest.mark.parametrize("place", [0, 1500, 2999])
def test_one_sum_of_many_that_overflows_is_enough(place):
    opt = made(lrc.SGD, (3000,), nonfinite="skip", accumulate=2)
    g = np.zeros(3000)
    g[place] = 1.2e308
    assert [opt.step([g]) for _ in range(2)] == [False, False]
    assert (opt.pending, opt.skipped) == (1, 1)


def _replaced(opt):
    opt.params[0] = np.zeros(1003)


def _resized(opt):
    opt.params[2].resize(3, refcheck=False)


FAILURES = {
    "schedule": (lambda t: 1 / 0, lambda opt: None, ZeroDivisionError, "division"),
    "rate": (lambda t: -1.0, lambda opt: None, ValueError, "at update 0"),
    "controller": (0.1, lambda opt: setattr(opt, "lr", lambda t: np.inf), ValueError, "update 0"),
    "range": (1e200, lambda opt: None, ValueError, "out of the range"),
    "resized": (0.1, _resized, ValueError, 'parameter "2" was resized'),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_goes_wrong_at_the_last_call_leaves_the_sums_alone(failure):
    lr, change, error, words = FAILURES[failure]
    opt = made(lrc.SGD, dtype=np.float32, lr=lr)
    first, second, third = drawn(3, dtype=np.float32)
    opt.step(first)
    opt.step(second)
    change(opt)
    before = [bits(s["gathered"]) for s in opt.state.values()], opt.pending, opt.t
    with pytest.raises(error, match=words):
        opt.step(third)
    assert ([bits(s["gathered"]) for s in opt.state.values()], opt.pending, opt.t) == before
    assert before[1:] == (2, 0)


def test_a_replaced_parameter_is_refused_at_every_call():
    params = {"a": np.zeros(2), "b": np.zeros(2)}
    opt = lrc.SGD(params, accumulate=3)
    opt.step({"a": np.ones(2), "b": np.ones(2)})
    kept, params["b"] = params["b"], np.zeros(2)
    for _ in range(2):
        with pytest.raises(ValueError, match='parameter "b" was replaced'):
            opt.step({"a": np.ones(2), "b": np.ones(2)})
    assert opt.pending == 1
    params["b"] = kept
    assert not opt.step({"a": np.ones(2), "b": np.ones(2)})


@pytest.mark.parametrize("bad", [[np.ones(3)], [np.ones(3), np.ones(5)], None])
def test_gradients_that_do_not_fit_are_refused_at_every_call(bad):
    opt = lrc.SGD([np.zeros(3), np.zeros(4)], accumulate=2)
    with pytest.raises((ValueError, RuntimeError)):
        opt.step(bad)
    assert opt.pending == 0


def test_no_gradient_is_gathered_inside_of_eval_params():
    opt = made(average=lrc.EMA())
    g = drawn(1)[0]
    opt.step(g)
    with opt.eval_params(), pytest.raises(RuntimeError, match="inside of eval_params"):
        opt.step(g)
    assert opt.pending == 1


def test_a_step_in_two_halves_is_refused():
    opt = made()
    with pytest.raises(RuntimeError, match="accumulate is 3"), OpenStep(opt, drawn(1)[0]):
        pass
    assert not opt.step(drawn(1)[0])


@few_rules
def test_one_call_an_update_keeps_no_sums(cls, options):
    opt = cls([np.ones(3)], lr=rated(cls, lrc.Constant(0.1)), accumulate=1, **options)
    assert "gathered" not in opt.state["0"]
    assert opt.step([np.ones(3)])
    assert opt.pending == 0


def test_calls_of_several_threads_are_gathered_one_after_the_other():
    p = np.zeros(200_000)
    opt = lrc.SGD(p, lr=1.0, accumulate=40, num_threads=2)
    g = np.ones(200_000)

    def calls():
        for _ in range(20):
            opt.step(g)

    workers = [threading.Thread(target=calls) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (opt.t, opt.pending) == (2, 0)
    assert (p == -2.0).all()


def test_a_callback_may_read_what_is_pending():
    seen = []
    opt = made(lr=lambda t: seen.append(opt.pending) or 0.1)
    for g in drawn(3):
        opt.step(g)
    assert seen == [2]


def test_an_optimizer_without_arrays_that_move_counts_calls_too():
    opt = lrc.SGD([lrc.Group(np.ones(2), frozen=True)], accumulate=2)
    assert [opt.step([None]) for _ in range(2)] == [False, True]
