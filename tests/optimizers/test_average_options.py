"""Averages as options: compared, refused, saved and loaded."""

import copy
import pickle

import numpy as np
import pytest
from average_cases import KINDS, drawn, each_kind, made
from cases import bits, everything

import lrcore as lrc
from lrcore._core import RULES
from lrcore.optimizers.averages import AVERAGES, with_average

# --- saved and loaded ----------------------------------------------------------------------------


@each_kind
@pytest.mark.parametrize("cut", [0, 1, 2, 5])
@pytest.mark.parametrize("way", ["file", "state_dict", "snapshot", "pickle", "deepcopy"])
def test_a_run_goes_on_with_the_same_bits_wherever_it_is_cut(kind, cut, way, tmp_path):
    if way == "pickle" and callable(getattr(kind, "decay", None)):
        pytest.skip("a lambda cannot be pickled")
    opt, grads = made(kind), drawn(8)
    for g in grads[:cut]:
        opt.step(g)
    again = made(kind)
    if way == "file":
        opt.save(tmp_path / "run.npz", params=True)
        again.load(tmp_path / "run.npz", params=True)
    elif way == "snapshot":
        again.restore(opt.snapshot())
    elif way == "state_dict":
        for p, q in zip(again.params, opt.params, strict=True):
            p[...] = q
        again.load_state_dict(opt.state_dict())
    else:
        again = pickle.loads(pickle.dumps(opt)) if way == "pickle" else copy.deepcopy(opt)
    for g in grads[cut:]:
        opt.step(g)
        again.step(g)
    assert everything(opt) == everything(again)
    assert opt.scalars == again.scalars


def test_a_state_with_an_average_does_not_fit_where_none_is_wanted_nor_the_other_way_round():
    plain, averaged = made(None), made(lrc.EMA(0.9))
    for here, there in ((plain, averaged), (averaged, plain)):
        before = everything(here)
        with pytest.raises(ValueError, match=r"(unexpected|missing) \['average'\]"):
            here.load_state_dict(there.state_dict())
        assert everything(here) == before


def without_average(opt):
    """The bits of parameters and state, and the counts."""
    arrays = [*opt.params, *(a for s in opt.state.values() for k, a in s.items() if k != "average")]
    carried = [{k: x for k, x in c.items() if k != "averaged"} for c, _ in opt.scalars.values()]
    return [bits(array) for array in arrays], carried, opt.t


@each_kind
def test_an_average_may_begin_or_end_in_the_middle_of_a_run_and_nothing_else_is_lost(kind):
    grads = drawn(8)
    runs = made(None), made(kind)
    for g in grads[:4]:
        for opt in runs:
            opt.step(g)
    for opt, other in zip(runs, (kind, None), strict=True):
        again = made(other)
        for p, q in zip(again.params, opt.params, strict=True):
            p[...] = q
        report = again.load_state_dict(opt.state_dict(), strict=False)
        assert report.mismatched
        assert all("average" in text for text in report.mismatched)
        assert without_average(again) == without_average(opt)
        for g in grads[4:]:
            opt.step(g)
            again.step(g)
            if other is kind and g is grads[4]:  # the first update that is averaged
                for name, p in again.roster.arrays.items():
                    assert bits(again.state[name]["average"]) == bits(p)
        assert without_average(again) == without_average(opt)


def test_another_average_is_reported_and_taken_over_on_demand():
    opt, other = made(lrc.EMA(0.9)), made(lrc.Mean(start=3, every=2))
    opt.step(drawn(1)[0])
    said = "average is Mean(start=3, every=2) here and was EMA(decay=0.9) when it was saved"
    assert other.load_state_dict(opt.state_dict()).differing == (said,)
    assert other.hyperparameters["average"] == lrc.Mean(3, 2)
    other.load_state_dict(opt.state_dict(), hyperparameters=True)
    assert other.hyperparameters["average"] == lrc.EMA(0.9)
    for g in drawn(4):
        opt.step(g)
        other.step(g)
    assert everything(opt)[1:] == everything(other)[1:]


def test_averages_of_groups_and_their_schedules_come_back_with_the_hyperparameters(tmp_path):
    def grouped(average, of_group):
        groups = [lrc.Group(np.ones(3)), lrc.Group(np.ones(2), average=of_group)]
        return lrc.SGD(groups, average=average)

    warming = lrc.EMA(lrc.Linear(0.5, 0.99, 10))
    opt, other = grouped(lrc.Mean(7), warming), grouped(lrc.Mean(), lrc.EMA())
    opt.save(tmp_path / "run.npz")
    other.load(tmp_path / "run.npz", hyperparameters=True)
    assert other.hyperparameters["average"] == lrc.Mean(7)
    assert other.roster.groups[1].overrides == {"average": warming}


def test_an_average_that_is_not_known_is_refused():
    opt = made(lrc.EMA(0.5))
    saved = opt.state_dict()
    saved["hyperparameters"]["shared"]["average"] = {"class": "SMA", "decay": 0.5}
    with pytest.raises(ValueError, match="there is no average 'SMA': EMA, Mean"):
        opt.load_state_dict(saved, hyperparameters=True)
    assert "a 'SMA'" in opt.load_state_dict(saved).differing[0]


def test_a_state_without_averages_says_nothing_of_them():
    assert "average" not in made(None).state_dict()["hyperparameters"]["shared"]


def test_another_decay_that_is_a_function_is_no_difference_that_can_be_told():
    opt, other = made(KINDS[1]), made(KINDS[1])
    opt.step(drawn(1)[0])
    assert other.load_state_dict(opt.state_dict()).differing == ()


# --- values --------------------------------------------------------------------------------------


@each_kind
def test_averages_are_values(kind):
    assert kind == copy.copy(kind) == type(kind)(*[getattr(kind, f) for f in kind.__slots__])
    assert hash(kind) == hash(copy.copy(kind))
    assert kind != lrc.EMA(decay=0.123)
    with pytest.raises(AttributeError, match="frozen"):
        kind.decay = 0.5


def test_an_average_is_in_the_repr_of_its_optimizer_and_of_a_group():
    for kind in (lrc.EMA(decay=0.25), lrc.EMA(), lrc.Mean(start=5), lrc.Mean(every=2)):
        assert eval(repr(kind), vars(lrc)) == kind
        assert f"average={kind!r}" in repr(made(kind))
        assert f"average={kind!r}" in repr(lrc.Group(np.ones(2), average=kind))
    assert repr(lrc.EMA()) == "EMA(decay=0.999)"
    assert repr(lrc.Mean()) == "Mean(start=0, every=1)"
    assert "average" not in repr(made(None))


@pytest.mark.parametrize("name", AVERAGES)
def test_an_average_may_be_pickled_and_is_on_the_face(name):
    kind = getattr(lrc, name)()
    assert pickle.loads(pickle.dumps(kind)) == kind


REFUSED = {
    "decay=1": (lambda: lrc.EMA(decay=1.0), ValueError, r"EMA: decay must be .*\[0, 1\)"),
    "decay<0": (lambda: lrc.EMA(decay=-0.1), ValueError, "EMA: decay must be"),
    "decay=nan": (lambda: lrc.EMA(decay=np.nan), ValueError, "EMA: decay must be"),
    "decay is a word": (lambda: lrc.EMA(decay="0.9"), TypeError, "EMA: decay must be"),
    "momentum=": (lambda: lrc.EMA(momentum=0.9), TypeError, "momentum"),
    "start<0": (lambda: lrc.Mean(start=-1), ValueError, "Mean: start must be an integer"),
    "start=1.5": (lambda: lrc.Mean(start=1.5), TypeError, "Mean: start must be an integer"),
    "every=0": (lambda: lrc.Mean(every=0), ValueError, "Mean: every must be an integer"),
    "a number": (lambda: made(0.999), TypeError, r"average must be one of .*EMA\(decay="),
    "a class": (lambda: made(lrc.EMA), TypeError, r"write EMA\(\)"),
    "a bool": (lambda: made(True), TypeError, r"write EMA\(\)"),
    "a word": (lambda: made("ema"), TypeError, "average must be one of lrcore.EMA, lrcore.Mean"),
    "of a group": (
        lambda: lrc.SGD([lrc.Group(np.ones(2), average=0.5)]),
        TypeError,
        "SGD: average must be one of",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_average_is_refused_by_name(name):
    make, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        make()


def test_a_group_that_is_refused_leaves_the_optimizer_as_it_was():
    opt = lrc.SGD([lrc.Group(np.ones(2))], average=lrc.Mean())
    before = everything(opt), opt.names
    with pytest.raises(TypeError, match="average must be"):
        opt.add(np.ones(3), average="mean")
    assert (everything(opt), opt.names) == before


def test_the_state_of_an_average_is_the_last_of_a_rule_and_its_count_before_the_kept_scalars():
    for rule in RULES.values():
        found = with_average(rule)
        assert found.state == (*rule.state, "average")
        assert found.carried[len(found.carried) - len(rule.kept) :] == rule.kept
        assert len(found.carried) == len(found.starts) == len(rule.carried) + 1


@pytest.mark.parametrize("name", AVERAGES)
def test_a_class_in_the_place_of_an_average_is_told_how_to_make_one(name):
    with pytest.raises(TypeError, match=rf"average must be .*; write {name}\(\)$"):
        lrc.SGD(np.ones(1), average=AVERAGES[name])
