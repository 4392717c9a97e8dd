"""Gradients that wait for their update: saved, put back, frozen, added to, and tried rates on."""

import copy
import pickle

import numpy as np
import pytest
from cases import FEW, SUFFIXES, averaged, bits, everything, gradients, variant_id

import lrcore as lrc

SIZES = (17, 3)
few_rules = pytest.mark.parametrize(("cls", "options"), FEW, ids=variant_id)
ways = pytest.mark.parametrize("way", ["state_dict", "file", "snapshot", "pickle", "deepcopy"])


def made(cls=lrc.Adam, accumulate=3, **options):
    rng = np.random.default_rng(0)
    params = [rng.standard_normal(n) for n in SIZES]
    return cls(params, lr=0.1, accumulate=accumulate, **options)


def drawn(number, seed=1):
    rng = np.random.default_rng(seed)
    return [[gradients(rng, n) for n in SIZES] for _ in range(number)]


def all_of(opt):
    return everything(opt), opt.pending


def sums(opt):
    return [state["gathered"].tolist() for state in opt.state.values()]


def gone_on(opt, make, way, path):
    """An optimizer in the state of `opt`, by one of the ways."""
    if way in ("pickle", "deepcopy"):
        return pickle.loads(pickle.dumps(opt)) if way == "pickle" else copy.deepcopy(opt)
    other = make()
    if way == "snapshot":
        other.restore(opt.snapshot())
        return other
    for mine, theirs in zip(other.params, opt.params, strict=True):
        mine[...] = theirs
    if way == "state_dict":
        other.load_state_dict(opt.state_dict())
        return other
    for suffix in SUFFIXES:
        opt.save(path / f"state{suffix}")
        other.load(path / f"state{suffix}")
    return other


@few_rules
@ways
@pytest.mark.parametrize("calls", [2, 3, 4])
def test_a_run_that_is_saved_anywhere_goes_on_with_the_same_bits(
    cls, options, way, calls, tmp_path
):
    def make():
        return made(cls, **averaged(cls, lrc.EMA(0.5)), **options)

    whole, first = make(), make()
    grads = drawn(9)
    for g in grads[:calls]:
        whole.step(g)
        first.step(g)
    second = gone_on(first, make, way, tmp_path)
    assert second.pending == calls % 3
    for g in grads[calls:]:
        assert whole.step(g) == second.step(g)
    assert all_of(whole) == all_of(second)


def test_a_state_with_none_waiting_is_that_of_any_optimizer():
    one, three = made(accumulate=1), made(accumulate=3)
    g = drawn(1)[0]
    one.step(g)
    for _ in range(3):
        three.step([x.copy() for x in g])
    saved, plain = three.state_dict(), one.state_dict()
    assert "pending" not in saved
    assert saved["state"]["0"].keys() == plain["state"]["0"].keys() == {"m", "v"}
    assert saved["hyperparameters"]["shared"].pop("accumulate") == 3
    assert "accumulate" not in plain["hyperparameters"]["shared"]
    report = made(accumulate=1).load_state_dict(three.state_dict())
    assert report.differing == ("accumulate is 1 here and was 3 when it was saved",)
    other = made(accumulate=5)
    other.step(g)
    other.load_state_dict(plain)
    assert (other.pending, other.t) == (0, 1)


@pytest.mark.parametrize("accumulate", [1, 2, 4])
def test_waiting_gradients_do_not_fit_another_number_of_calls(accumulate):
    opt, other = made(), made(accumulate=accumulate)
    opt.step(drawn(1)[0])
    before = all_of(other)
    words = (
        f"1 gradients waited .* accumulate=3 when it was saved, expected accumulate={accumulate}"
    )
    with pytest.raises(ValueError, match=words):
        other.load_state_dict(opt.state_dict())
    assert all_of(other) == before
    (told,) = other.load_state_dict(opt.state_dict(), strict=False).mismatched
    assert told.startswith("1 gradients waited")
    assert other.pending == 0
    assert [other.step(g) for g in drawn(accumulate)] == [False] * (accumulate - 1) + [True]


def test_the_number_of_calls_is_taken_over_where_both_gather():
    opt, other = made(accumulate=4), made(accumulate=2)
    for g in drawn(3):
        opt.step(g)
    other.load_state_dict(opt.state_dict(), hyperparameters=True)
    assert (other.hyperparameters["accumulate"], other.pending) == (4, 3)
    assert other.step(drawn(1)[0])


def test_sums_are_not_made_by_taking_over_the_number_of_calls():
    for mine, theirs in ((1, 3), (3, 1)):
        with pytest.raises(ValueError, match=f"accumulate was {theirs} and is {mine} here"):
            made(accumulate=mine).load_state_dict(
                made(accumulate=theirs).state_dict(), hyperparameters=True
            )


def _spoilt(saved, change):
    change(saved)
    return saved


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.update(pending=3), "3 gradients waited"),
        (lambda s: s.update(pending=-1), "pending is -1"),
        (lambda s: s.update(pending=0.5), "pending is 0.5"),
        (lambda s: s.pop("pending"), r"unexpected \['gathered'\]"),
        (lambda s: s["state"]["0"].pop("gathered"), r"missing \['gathered'\]"),
        (lambda s: s["hyperparameters"]["shared"].update(accumulate="3"), "accumulate='3'"),
    ],
)
def test_damaged_counts_are_refused_by_name(change, words):
    opt = made()
    opt.step(drawn(1)[0])
    saved, other = _spoilt(opt.state_dict(), change), made()
    before = all_of(other)
    with pytest.raises(ValueError, match=words):
        other.load_state_dict(saved)
    assert all_of(other) == before


def test_arrays_of_which_nothing_was_saved_count_as_if_their_gradients_were_zero():
    opt = made(lrc.SGD)
    for g in drawn(2):
        opt.step(g)
    saved = opt.state_dict()
    for part in ("state", "carried", "places"):
        del saved[part]["1"]
    other = made(lrc.SGD)
    other.step(drawn(1, seed=5)[0])
    other.load_state_dict(saved, strict=False)
    assert sums(other) == [sums(opt)[0], [0.0] * 3]


def test_freezing_drops_what_an_array_has_gathered():
    params = {"a": np.zeros(1), "b": np.zeros(1)}
    opt = lrc.SGD(params, lr=1.0, accumulate=4)
    for _ in range(2):
        opt.step({"a": np.ones(1), "b": np.ones(1)})
    opt.freeze("a")
    assert opt.state["a"]["gathered"].tolist() == [0.0]
    opt.step({"b": np.ones(1)})
    opt.unfreeze("a")
    assert opt.step({"a": np.full(1, 8.0), "b": np.ones(1)})
    assert (params["a"].tolist(), params["b"].tolist()) == ([-2.0], [-1.0])


def test_an_array_that_was_frozen_for_updates_comes_back_without_old_sums():
    params = {"a": np.zeros(1), "b": np.zeros(1)}
    opt = lrc.SGD(params, lr=1.0, accumulate=2)
    both, one = {"a": np.ones(1), "b": np.ones(1)}, {"b": np.ones(1)}
    opt.step(both)
    opt.step(both)
    opt.freeze("a")
    for _ in range(3):
        opt.step(one)
    opt.unfreeze("a")
    assert opt.step({"a": np.zeros(1), "b": np.ones(1)})
    assert params["a"].tolist() == [-1.0]


def test_a_frozen_array_stays_without_sums_when_a_state_is_loaded():
    opt, other = made(lrc.SGD), made(lrc.SGD)
    opt.step(drawn(1)[0])
    other.freeze("1")
    other.load_state_dict(opt.state_dict())
    assert sums(other) == [sums(opt)[0], [0.0] * 3]
    opt.freeze("1")
    while opt.pending:
        opt.step([drawn(1)[0][0], None])
    other = made(lrc.SGD)
    for g in drawn(3):
        other.step(g)
    other.load_state_dict(opt.state_dict(), hyperparameters=True)
    assert sums(other)[1] == [0.0] * 3


def test_arrays_that_are_added_count_as_if_their_gradients_were_zero_before():
    a, b = np.zeros(1), np.zeros(1)
    opt = lrc.SGD([lrc.Group(a)], lr=1.0, accumulate=2)
    opt.step([np.ones(1)])
    opt.add(b)
    assert opt.pending == 1
    assert opt.step([np.ones(1), np.ones(1)])
    assert (a.tolist(), b.tolist()) == ([-1.0], [-0.5])


def test_a_new_rate_leaves_what_waits_alone():
    opt = made(lrc.SGD)
    opt.step(drawn(1)[0])
    opt.lr, opt.lr_scale = 0.5, 2.0
    assert opt.pending == 1


def test_early_stopping_counts_no_gradient_that_waits():
    stopping = lrc.EarlyStopping(patience=1)
    opt = made(lrc.SGD, controller=stopping)
    opt.step(drawn(1)[0])
    stopping.update(1.0)
    opt.step(drawn(1)[0])
    stopping.restore()
    assert opt.t == 0


# --- options ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, -1, 2.5, "2", True, None])
def test_senseless_numbers_of_calls_are_refused(value):
    with pytest.raises((TypeError, ValueError), match="SGD: accumulate"):
        made(lrc.SGD, accumulate=value)


def test_a_group_cannot_gather_by_itself():
    with pytest.raises(TypeError, match=r"Group: accumulate is of the whole optimizer.*to SGD"):
        lrc.SGD([lrc.Group(np.zeros(2), accumulate=2)])
    opt = lrc.SGD([lrc.Group(np.zeros(2))], accumulate=2)
    with pytest.raises(TypeError, match="accumulate is of the whole optimizer"):
        opt.add(np.zeros(2), accumulate=2)


def test_norms_of_each_are_saved_and_taken_over():
    def make(common, own):
        params = [lrc.Group(np.zeros(2)), lrc.Group(np.zeros(2), clip_norm_each=own)]
        return lrc.SGD(params, lr=1.0, clip_norm_each=common)

    saved = make(2.5, None).state_dict()
    shared, groups = (saved["hyperparameters"][key] for key in ("shared", "groups"))
    assert (shared["clip_norm_each"], groups[1]["clip_norm_each"]) == (2.5, None)
    other = make(0.5, 0.25)
    report = other.load_state_dict(saved)
    assert "clip_norm_each is 0.5 here and was 2.5 when it was saved" in report.differing
    other.load_state_dict(saved, hyperparameters=True)
    other.step([np.array([3.0, 4.0])] * 2)
    assert [g.params.tolist() for g in other.roster.groups] == [[-1.5, -2.0], [-3.0, -4.0]]


def test_a_senseless_norm_that_was_saved_is_refused():
    saved = lrc.SGD([lrc.Group(np.zeros(2), clip_norm_each=1.0)]).state_dict()
    saved["hyperparameters"]["groups"][0]["clip_norm_each"] = -1.0
    other = lrc.SGD([lrc.Group(np.zeros(2), clip_norm_each=1.0)])
    with pytest.raises(ValueError, match=r"this state does not fit: .*clip_norm_each"):
        other.load_state_dict(saved, hyperparameters=True)


def test_states_without_these_options_say_nothing_of_them():
    shared = made(accumulate=1).state_dict()["hyperparameters"]["shared"]
    assert not {"accumulate", "clip_norm_each", "average"} & shared.keys()


def test_options_are_shown_where_they_are_others():
    shown = repr(made(lrc.SGD, clip_norm_each=0.5))
    assert "accumulate=3" in shown
    assert "clip_norm_each=0.5" in shown
    assert "accumulate" not in repr(made(lrc.SGD, accumulate=1))


# --- range tests -----------------------------------------------------------------------------


def problem(accumulate):
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((256, 10)), np.zeros(10)
    y = X @ np.ones(10)
    opt = lrc.SGD(w, accumulate=accumulate)

    def step():
        rows = rng.integers(256, size=32)
        error = X[rows] @ w - y[rows]
        opt.step(X[rows].T @ error / 32)
        return float(error @ error / 64)

    return opt, step, rng


def test_a_range_test_makes_all_calls_of_each_update():
    opt, step, rng = problem(4)
    calls = []
    result = lrc.range_test(opt, lambda: calls.append(opt.t) or step(), rng=rng)
    assert result.reliable
    assert calls == [t for t in range(result.lrs.size) for _ in range(4)]
    assert (opt.t, opt.pending, bits(opt.params)) == (0, 0, bits(np.zeros(10)))


def test_a_range_test_whose_step_makes_all_calls_asks_for_no_more():
    opt, step, rng = problem(2)
    result = lrc.range_test(opt, lambda: step() and step(), num=10, end=1e-3, rng=rng)
    assert result.lrs.size == 10


def test_a_range_test_ends_at_a_gradient_that_is_left_out():
    opt = lrc.SGD(np.zeros(1), accumulate=3)
    calls = iter([1.0, 1.0, 1.0, 1.0, np.nan])
    result = lrc.range_test(opt, lambda: opt.step(np.array([next(calls)])) or 1.0, num=5)
    assert result.lrs.size < 3
    assert (opt.pending, opt.skipped, opt.t) == (0, 0, 0)


def swept(test, step, calls):
    for _ in test:
        losses = [step() for _ in range(calls)]
        test.report(losses[0])


@pytest.mark.parametrize("calls", [1, 3])
def test_a_loop_that_makes_other_calls_than_those_of_an_update_is_told(calls):
    opt, step, rng = problem(2)
    with pytest.raises(RuntimeError, match=r"[01] updates were made and 1 calls"):
        swept(lrc.RangeTest(opt, rng=rng), step, calls)
    assert opt.pending == 0


def test_a_range_test_begins_with_none_waiting():
    opt, step, rng = problem(2)
    step()
    with pytest.raises(RuntimeError, match="gradients wait for their update"):
        lrc.range_test(opt, step, rng=rng)
    assert opt.pending == 1


def test_a_run_of_many_calls_for_each_update_can_be_swept():
    def setup(lr):
        opt, step, rng = problem(100)
        opt.lr = lr
        return lrc.Run(opt, step, rng)

    losses = lrc.tune.resumable(setup)(0.1, None, 30)[0]
    assert np.isfinite(losses).all()


# --- bridges ---------------------------------------------------------------------------------


def test_torch_has_no_place_for_what_waits():
    pytest.importorskip("torch")
    opt, other = made(), made()
    g = drawn(1)[0]
    for _ in range(3):
        opt.step(g)
    exported = lrc.bridges.torch.export_state(opt)
    assert all("gathered" not in entry for entry in exported["state"].values())
    other.step(g)
    lrc.bridges.torch.import_state(other, exported)
    assert (other.t, other.pending) == (1, 0)
    other.step(g)
    with pytest.raises(ValueError, match="1 gradients wait for their update"):
        lrc.bridges.torch.export_state(other)
