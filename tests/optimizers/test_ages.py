"""No state is corrected by a count of updates that it has not seen; names and places of arrays."""

import copy
import pickle

import numpy as np
import pytest
from cases import ONE_EACH, SUFFIXES, bits, gradients, variant_id

import lrcore as lrc

each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
SHAPES = {"body": (3, 4), "neck": (5,), "head": (2, 2)}


def values(seed, names=SHAPES, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(SHAPES[name]).astype(dtype) for name in names}


def train(opts, names, steps, seed):
    """The same gradients for each optimizer, of those parameters that it has."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        grads = {name: gradients(rng, SHAPES[name]) for name in names}
        for opt in opts:
            opt.step({name: grads[name] for name in opt.params})


def alone(cls, options, name, value, saved=None):
    """An optimizer of one parameter, with what was saved of it."""
    opt = cls({name: value.copy()}, lr=0.1, **options)
    if saved is not None:
        part = {**saved, "controllers": []}
        for entry in ("state", "carried", "places"):
            part[entry] = {name: saved[entry][name]}
        opt.load_state_dict(part)
    return opt


@each_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_array_of_a_partial_load_goes_on_from_its_own_history(cls, options, dtype):
    old = cls(values(0, ["body", "neck"], dtype), lr=0.1, **options)
    train([old], ["body", "neck"], 50, seed=1)
    saved = old.state_dict()
    start = values(2, dtype=dtype)
    new = cls({k: v.copy() for k, v in start.items()}, lr=0.1, **options)
    report = new.load_state_dict(saved, strict=False)
    assert report.missing == ("head",)
    apart = [
        alone(cls, options, name, start[name], None if name == "head" else saved) for name in SHAPES
    ]
    train([new, *apart], SHAPES, 20, seed=3)
    for opt in apart:
        (name,) = opt.names
        assert bits(new.params[name]) == bits(opt.params[name]), name


@each_rule
def test_a_state_put_together_from_two_runs_keeps_both_histories(cls, options):
    start = values(0)
    young, old = (cls({k: v.copy() for k, v in start.items()}, lr=0.1, **options) for _ in "ab")
    train([young], SHAPES, 2, seed=1)
    train([old], SHAPES, 30, seed=2)
    merged = old.state_dict()
    for entry in ("state", "carried"):
        merged[entry]["head"] = young.state_dict()[entry]["head"]
    both = cls({k: v.copy() for k, v in start.items()}, lr=0.1, **options)
    both.load_state_dict(merged)
    assert both.state_dict()["carried"] == merged["carried"]
    apart = [alone(cls, options, name, start[name], merged) for name in SHAPES]
    train([both, *apart], SHAPES, 10, seed=3)
    for opt in apart:
        (name,) = opt.names
        assert bits(both.params[name]) == bits(opt.params[name]), name


def mixed(steps=0):
    """Adam over one group whose arrays differ in age, and what it was made of."""
    old = lrc.Adam(values(0, ["body"]), lr=0.1)
    train([old], ["body"], 40, seed=1)
    opt = lrc.Adam(values(2), lr=0.1, controller=lrc.ReduceOnPlateau())
    opt.load_state_dict({**old.state_dict(), "controllers": []}, strict=False)
    train([opt], SHAPES, steps, seed=4)
    return opt


def contents(opt):
    saved = opt.state_dict()
    arrays = [bits(a) for state in saved.pop("state").values() for a in state.values()]
    return arrays, repr(saved)


@pytest.mark.parametrize("way", ["state_dict", "pickle", "copy", "snapshot", *SUFFIXES])
def test_arrays_of_several_ages_are_saved_and_loaded(way, tmp_path):
    opt = mixed(3)
    if way in ("pickle", "copy"):
        again = pickle.loads(pickle.dumps(opt)) if way == "pickle" else copy.deepcopy(opt)
    else:
        again = lrc.Adam(
            {k: p.copy() for k, p in opt.params.items()},
            lr=0.1,
            controller=lrc.ReduceOnPlateau(),
        )
        if way == "snapshot":
            again.restore(opt.snapshot())
        elif way == "state_dict":
            again.load_state_dict(opt.state_dict())
        else:
            opt.save(tmp_path / f"a{way}")
            again.load(tmp_path / f"a{way}")
    assert contents(again) == contents(opt)
    train([opt, again], SHAPES, 5, seed=5)
    assert contents(again) == contents(opt)


def test_arrays_of_several_ages_go_back_to_a_time_when_they_were_of_one():
    opt = lrc.Adam(values(0), lr=0.1)
    train([opt], SHAPES, 3, seed=1)
    before, snapshot = contents(opt), opt.snapshot()
    saved = opt.state_dict()
    saved["carried"]["head"] = {"product1": 1.0, "product2": 1.0}
    opt.load_state_dict(saved)
    assert contents(opt) != before
    opt.restore(snapshot)
    assert contents(opt) == before


def test_parameters_added_to_arrays_of_several_ages_are_the_youngest():
    opt = mixed(2)
    added = np.ones(2)
    opt.add({"more": added})
    opt.step([{name: np.ones(SHAPES[name]) for name in SHAPES}, {"more": np.ones(2)}])
    np.testing.assert_allclose(added, 0.9)  # a first step of Adam is one rate, but for eps
    carried = opt.state_dict()["carried"]
    ages = [carried[name]["product1"] for name in ("1.more", "head", "body")]
    np.testing.assert_allclose(ages, [0.9**1, 0.9**3, 0.9**43], rtol=1e-12)  # of 43 products


def test_hyperparameters_are_taken_over_by_arrays_of_several_ages():
    opt = mixed(2)
    other = lrc.Adam(values(0), lr=lrc.Constant(0.5), betas=(0.8, 0.9))
    opt.load_state_dict({**other.state_dict()}, strict=False, hyperparameters=True)
    assert opt.hyperparameters["betas"] == (0.8, 0.9)
    train([opt], SHAPES, 1, seed=1)
    assert opt.last_lr == 0.5


def test_gradients_that_are_bound_stay_bound_when_ages_come_to_differ():
    opt, grads = lrc.SGD(values(0), lr=0.1, momentum=0.9), values(1)
    opt.bind(grads)
    opt.step()
    saved = opt.state_dict()
    saved["carried"]["head"] = {"first": 1.0}
    opt.load_state_dict(saved)
    assert opt.step()
    assert opt.effective_lr("head").shape == SHAPES["head"]


# --- names that depend on how parameters came to be there ---------------------------------------


def w_then_b():
    opt = lrc.Adam({"W": np.ones(2)})
    opt.step({"W": np.ones(2)})
    opt.add({"b": np.ones(3)})
    opt.step([{"W": np.ones(2)}, {"b": np.ones(3)}])
    return opt


FRESH = {
    "groups": lambda: [lrc.Group({"W": np.ones(2)}), lrc.Group({"b": np.ones(3)})],
    "one mapping": lambda: {"b": np.ones(3), "W": np.ones(2)},
    "names": lambda: [
        lrc.Group({"x": np.ones(3)}, names=["1.b"]),
        lrc.Group({"y": np.ones(2)}, names=["W"]),
    ],
    "one group": lambda: [lrc.Group({"W": np.ones(2), "b": np.ones(3)})],
}


@pytest.mark.parametrize("case", FRESH)
def test_a_state_saved_after_add_loads_into_what_is_given_at_once(case):
    opt, fresh = w_then_b(), lrc.Adam(FRESH[case]())
    report = fresh.load_state_dict(opt.state_dict())
    assert (report.missing, report.unexpected, report.mismatched) == ((), (), ())
    for name in fresh.names:
        old = "W" if opt.state["W"]["m"].shape == fresh.state[name]["m"].shape else "1.b"
        assert bits(fresh.state[name]["m"]) == bits(opt.state[old]["m"])
        assert fresh.state_dict()["carried"][name] == opt.state_dict()["carried"][old]


@pytest.mark.parametrize("case", ["groups", "one mapping", "one group"])
def test_and_the_other_way_round(case):
    given = lrc.Adam(FRESH[case]())
    given.step(given.params if case != "one mapping" else dict(given.params))
    grown = lrc.Adam({"W": np.ones(2)})
    grown.add({"b": np.ones(3)})
    assert grown.load_state_dict(given.state_dict()).missing == ()
    assert bits(grown.state["1.b"]["m"]) == bits(np.full(3, 1 - 0.9))


def test_parameters_of_the_same_path_are_told_apart_by_their_groups():
    def groups():
        return [lrc.Group({"W": np.ones(2)}), lrc.Group({"W": np.ones(2)})]

    grown = lrc.Adam({"W": np.ones(2)})
    grown.add({"W": np.ones(2)})
    grown.step([{"W": np.full(2, 1.0)}, {"W": np.full(2, 5.0)}])
    given = lrc.Adam(groups())
    given.load_state_dict(grown.state_dict())
    np.testing.assert_allclose(given.state["0.W"]["m"], 0.1)
    np.testing.assert_allclose(given.state["1.W"]["m"], 0.5)


def test_names_that_somebody_chose_are_not_guessed():
    def named(*names):
        return lrc.Adam([lrc.Group([np.ones(2), np.ones(2)], names=names)])

    with pytest.raises(ValueError, match=r"missing \['z'\], unexpected \['y'\].*Group\(names="):
        named("x", "z").load_state_dict(named("x", "y").state_dict())


def test_one_path_in_two_groups_is_not_guessed():
    grown = lrc.Adam({"a": {"W": np.ones(2)}})
    grown.add({"W": np.ones(2)})
    with pytest.raises(ValueError, match="missing"):
        lrc.Adam({"W": np.ones(2), "V": np.ones(2)}).load_state_dict(grown.state_dict())


PLACES = {
    "missing": (lambda s: s.pop("places"), r"missing \['places'\]"),
    "of another": (lambda s: s["places"].update(x={}), r"places: unexpected \['x'\]"),
    "no mapping": (lambda s: s["places"].update(W=3), 'place of "W" is not group, path'),
    "entry": (lambda s: s["places"]["W"].pop("path"), 'place of "W" is not group, path'),
    "group": (lambda s: s["places"]["W"].update(group=-1), 'group in the place of "W" is -1'),
    "path": (lambda s: s["places"]["W"].update(path=1), 'path in the place of "W" is a int'),
}


@pytest.mark.parametrize("case", PLACES)
def test_a_state_without_proper_places_is_refused(case):
    change, message = PLACES[case]
    opt = w_then_b()
    saved, before = opt.state_dict(), contents(opt)
    change(saved)
    with pytest.raises(ValueError, match=message):
        opt.load_state_dict(saved)
    assert contents(opt) == before


def test_groups_in_another_order_are_not_mixed_up():
    old = lrc.Adam([lrc.Group({"a": np.ones(1), "w": np.ones(2)}), lrc.Group({"w": np.ones(2)})])
    old.step([{"a": np.ones(1), "w": np.full(2, 10.0)}, {"w": np.full(2, -1.0)}])
    new = lrc.Adam([lrc.Group({"w": np.ones(2)}), lrc.Group({"a": np.ones(1), "w": np.ones(2)})])
    with pytest.raises(ValueError, match=r"missing .*Group"):
        new.load_state_dict(old.state_dict())
    report = new.load_state_dict(old.state_dict(), strict=False)
    assert report.missing == ("0.w", "1.w")
    assert new.state["1.a"]["m"] == old.state["0.a"]["m"]


def test_a_path_in_two_groups_is_not_taken_for_the_one_that_is_left():
    old = lrc.Adam([lrc.Group({"w": np.ones(2)}), lrc.Group({"w": np.ones(2)})])
    new = lrc.Adam([lrc.Group({"x": np.ones(2)}), *(lrc.Group({"w": np.ones(2)}) for _ in "ab")])
    report = new.load_state_dict(old.state_dict(), strict=False)
    assert report.missing == ("0.x", "2.w")
    assert report.unexpected == ("0.w",)
