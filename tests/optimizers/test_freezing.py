"""Parameters that are frozen: nothing of them moves, and they go on from their own history."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cases import ONE_EACH, SUFFIXES, VARIANTS, bits, everything, gradients, variant_id

import lrcore as lrc
from lrcore.reference.twin import Reference

each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)
SHAPES = {"body": (3, 4), "head": (5,)}


def made(cls, options, seed=0, **more):
    rng = np.random.default_rng(seed)
    w = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
    return cls(w, lr=0.05, **options, **more)


def drawn(n, seed=1):
    rng = np.random.default_rng(seed)
    return [{name: gradients(rng, shape) for name, shape in SHAPES.items()} for _ in range(n)]


def of(opt, name):
    """All bytes that belong to a parameter, and its scalars."""
    arrays = [opt.roster.arrays[name], *opt.state[name].values()]
    return [bits(array) for array in arrays], opt.scalars[name][0]


@pytest.mark.parametrize(("cls", "options"), VARIANTS, ids=variant_id)
def test_a_frozen_array_does_not_move_and_goes_on_from_its_own_history(cls, options):
    opt, grads = made(cls, options), drawn(12)
    alone = cls({"body": opt.params["body"].copy()}, lr=0.05, **options)
    for g in grads[:4]:
        opt.step(g)
        alone.step({"body": g["body"]})
    opt.freeze("body")
    before = of(opt, "body")
    for g in grads[4:8]:
        assert opt.step({"head": g["head"]})
    assert of(opt, "body") == before
    opt.unfreeze("body")
    for g in grads[8:]:
        opt.step(g)
        alone.step({"body": g["body"]})
    assert of(opt, "body") == of(alone, "body")


@each_rule
def test_the_others_have_the_bits_of_an_optimizer_without_the_frozen(cls, options):
    opt, grads = made(cls, options, clip_norm=0.5), drawn(6)
    alone = cls({"head": opt.params["head"].copy()}, lr=0.05, clip_norm=0.5, **options)
    opt.freeze("body")
    for g in grads:
        opt.step(g | {"body": np.full((3, 4), np.nan)})
        alone.step({"head": g["head"]})
    assert of(opt, "head") == of(alone, "head")


@each_rule
def test_the_reference_leaves_frozen_arrays_out(cls, options):
    opt = made(cls, options, clip_norm=0.5)
    opt.freeze(["body"])
    twin = Reference(opt)
    for g in drawn(3):
        opt.step(g)
        twin.step(g)
    arrays = zip(opt.roster.arrays.values(), twin.params, strict=True)
    assert all(bits(p) == bits(q) for p, q in arrays)


@pytest.mark.parametrize("given", [None, "x", [1], np.ones(7), {"a": 1}, float("nan")])
def test_the_gradient_of_a_frozen_array_may_be_anything(given):
    opt = made(lrc.SGD, {})
    opt.freeze("body")
    assert opt.step({"body": given, "head": np.ones(5)})


def test_the_gradients_of_a_frozen_part_may_be_absent():
    w = {"a": {"x": np.ones(2), "y": [np.ones(3), np.ones(1)]}, "b": [np.ones(2), np.ones(4)]}
    opt = lrc.SGD(w, lr=0.5)
    opt.freeze(["a", "b.1"])
    assert opt.frozen == ("a.x", "a.y.0", "a.y.1", "b.1")
    opt.step({"b": [np.ones(2), None]})
    assert [float(x.sum()) for x in opt.roster.arrays.values()] == [2, 3, 1, 1, 4]
    with pytest.raises(ValueError, match=r'"a.x" on: missing keys \[\'b\'\]'):
        opt.step({"a": w["a"]})
    with pytest.raises(ValueError, match=r"unexpected keys \['c'\]"):
        opt.step({"b": [np.ones(2), None], "c": 1})


def test_a_group_may_be_frozen_from_the_start():
    body, head = np.ones(2), np.ones(2)
    body.flags.writeable = False
    opt = lrc.Adam([lrc.Group({"w": body}, frozen=True), lrc.Group({"w": head})], lr=0.5)
    assert opt.frozen == ("0.w",)
    opt.step([None, {"w": np.ones(2)}])
    np.testing.assert_array_equal(body, 1.0)
    assert head[0] < 1
    with pytest.raises(ValueError, match=r'parameter "0\.w" is read-only'):
        opt.unfreeze("0.w")
    assert opt.frozen == ("0.w",)
    body.flags.writeable = True
    opt.unfreeze("0.w")
    opt.step([{"w": np.ones(2)}, {"w": np.ones(2)}])
    np.testing.assert_allclose(body, 0.5, rtol=1e-7)  # a first update: the rate, but for eps


def test_a_group_may_name_those_that_are_frozen():
    opt = lrc.SGD([lrc.Group({"W": np.ones(2), "b": np.ones(1)}, frozen=["b"])])
    assert opt.frozen == ("0.b",)
    with pytest.raises(ValueError, match=r"frozen has \['c'\], no names of its parameters"):
        opt.add({"W": np.ones(1)}, frozen=["c"])
    with pytest.raises(TypeError, match="frozen must be a bool or a list of names, got 'b'"):
        lrc.Group(np.ones(1), frozen="b")


@pytest.mark.parametrize("name", ["bod", "", "head.W", 3])
def test_a_name_that_is_none_is_refused_and_nothing_frozen(name):
    opt = made(lrc.SGD, {})
    with pytest.raises((TypeError, ValueError), match=r"no parameter is named|must be a name"):
        opt.freeze(["head", name] if name != 3 else name)
    assert opt.frozen == ()


def test_with_all_frozen_a_step_wants_no_gradients_and_t_goes_on():
    for w in (np.ones(3), [np.ones(3), np.ones(2)], {"a": np.ones(3)}):
        opt = lrc.Adam(w)
        opt.freeze(opt.names)
        assert opt.step() is True
        assert opt.step("anything") is True
        assert opt.t == 2


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda opt: pickle.loads(pickle.dumps(opt))])
def test_a_copy_is_frozen_alike(copied):
    opt = made(lrc.Adam, {})
    opt.freeze("body")
    for g in drawn(3):
        opt.step(g)
    again = copied(opt)
    assert again.frozen == ("body",)
    again.unfreeze("body")
    opt.unfreeze("body")
    for g in drawn(2):
        opt.step(g)
        again.step(g)
    assert everything(opt) == everything(again)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_which_are_frozen_is_saved_and_taken_over_when_asked(suffix, tmp_path):
    opt = made(lrc.Adam, {})
    opt.freeze("body")
    for g in drawn(3):
        opt.step(g)
    opt.save(tmp_path / f"a{suffix}")
    other = made(lrc.Adam, {})
    report = other.load(tmp_path / f"a{suffix}")
    assert "groups[0].frozen is [] here and was ['body'] when it was saved" in report.differing
    assert other.frozen == ()
    assert other.scalars["body"][0] == {"product1": 1.0, "product2": 1.0}
    other.load(tmp_path / f"a{suffix}", hyperparameters=True)
    assert other.frozen == ("body",)
    assert other.state_dict()["carried"] == opt.state_dict()["carried"]


def test_a_monitor_sees_no_frozen_array():
    opt = made(lrc.SGD, {})
    with lrc.Monitor(opt) as monitor:
        opt.step(drawn(1)[0])
        opt.freeze("body")
        opt.step({"head": np.ones(5)})
        assert list(monitor.arrays) == ["head"]
    assert len(monitor.history) == 2


def test_controllers_take_frozen_gradients_for_zeros():
    w = {"a": np.ones(2), "b": np.ones(2)}
    opt = lrc.SGD(w, lr=1.0, controller=lrc.Polyak())
    opt.freeze("a")
    opt.controller.update(1.0, grads={"b": np.ones(2)})
    assert opt.lr == pytest.approx(0.5)  # loss over the square of the norm of what moves


def test_bound_gradients_stay_bound_for_the_others():
    opt = made(lrc.SGD, {})
    opt.bind({"body": np.ones((3, 4)), "head": np.ones(5)})
    opt.freeze("body")
    assert opt.step()
    opt.unfreeze("body")
    with pytest.raises(RuntimeError, match=r"step\(\) without gradients"):
        opt.step()


def test_a_snapshot_goes_back_where_a_frozen_array_is_read_only():
    opt = made(lrc.SGD, {})
    opt.freeze("body")
    saved = opt.snapshot()
    opt.params["body"].flags.writeable = False
    before = opt.params["head"].copy()
    opt.step({"head": np.ones(5)})
    opt.restore(saved)
    np.testing.assert_array_equal(opt.params["head"], before)


def test_a_resized_array_is_refused_before_anything_is_made_for_it():
    w = {"a": np.ones(4), "b": np.ones(4)}
    opt = lrc.Adam(w)
    opt.freeze("a")
    saved = opt.state_dict()
    w["a"].resize(100, refcheck=False)
    for change in (
        lambda: opt.unfreeze("a"),
        lambda: opt.freeze("b"),
        lambda: opt.add(np.ones(1)),
        lambda: opt.load_state_dict(saved),
    ):
        with pytest.raises(ValueError, match='parameter "a" was resized, reshaped or moved'):
            change()
    assert opt.frozen == ("a",)


def test_no_freezing_is_lost_between_threads():
    names = [str(i) for i in range(40)]
    opt = lrc.SGD({name: np.ones(1) for name in names})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(opt.freeze, names))
    assert set(opt.frozen) == set(names)


def test_which_are_frozen_goes_by_the_saved_names():
    old = lrc.SGD([lrc.Group({"x": np.ones(1), "y": np.ones(1)}, names=["p", "q"])])
    old.freeze("q")
    new = lrc.SGD([lrc.Group([np.ones(1), np.ones(1)], names=["p", "q"])])
    new.load_state_dict(old.state_dict(), hyperparameters=True)
    assert new.frozen == ("q",)
    saved = old.state_dict()
    saved["hyperparameters"]["groups"][0]["frozen"] = ["nope"]
    with pytest.raises(ValueError, match=r"some of \['nope'\], which were frozen, are not among"):
        new.load_state_dict(saved, hyperparameters=True)


def test_the_effective_rate_of_each_is_that_of_its_own_last_update():
    opt = lrc.SGD({"a": np.ones(2), "b": np.ones(2)}, lr=lambda t: 0.1 / (t + 1))
    opt.step({"a": np.ones(2), "b": np.ones(2)})
    opt.freeze("b")
    opt.step({"a": np.ones(2)})
    opt.unfreeze("b")
    assert (opt.effective_lr("a")[0], opt.effective_lr("b")[0]) == (0.05, 0.1)


def test_other_values_of_a_frozen_read_only_array_are_not_left_out_in_silence(tmp_path):
    opt = lrc.SGD({"a": np.full(2, 7.0)})
    opt.save(tmp_path / "a.npz", params=True)
    w = np.ones(2)
    other = lrc.SGD({"a": w})
    other.freeze("a")
    w.flags.writeable = False
    with pytest.raises(ValueError, match='"a" is read-only'):
        other.load(tmp_path / "a.npz", params=True)


@pytest.mark.parametrize("given", [None, "x", np.full(2, np.nan), np.full(2, 1e6)])
def test_polyak_asks_for_no_gradient_of_a_frozen_array(given):
    opt = lrc.SGD({"a": np.ones(2), "b": np.ones(2)}, lr=1.0, controller=lrc.Polyak())
    opt.freeze("a")
    opt.controller.update(1.0, grads={"a": given, "b": np.ones(2)})
    assert opt.lr == pytest.approx(0.5)


def test_early_stopping_stops_where_a_frozen_array_is_read_only():
    w = {"a": np.ones(2), "b": np.ones(2)}
    opt = lrc.SGD(w, lr=1.0, controller=lrc.EarlyStopping(patience=1))
    opt.freeze("a")
    w["a"].flags.writeable = False
    opt.controller.update(1.0)
    opt.step({"b": np.ones(2)})
    assert opt.controller.update(2.0)
    assert opt.controller.stop
    np.testing.assert_array_equal(w["b"], 1.0)


def test_a_frozen_part_with_an_empty_one_in_it_may_be_absent():
    opt = lrc.SGD({"e": {"x": np.ones(1), "none": []}, "y": np.ones(1)})
    opt.freeze("e")
    assert opt.step({"y": np.ones(1)})


def test_a_group_whose_options_are_arrays_is_saved_and_loaded():
    opt = lrc.Adam([lrc.Group(np.ones(2), betas=np.array([0.8, 0.9]))])
    opt.load_state_dict(opt.state_dict())
    assert copy.deepcopy(opt).state_dict()["carried"] == opt.state_dict()["carried"]


def test_an_exact_name_stands_for_one_array():
    opt = lrc.SGD([np.ones(1), np.ones(1)])
    opt.add([np.ones(1)])
    opt.freeze("1")
    assert opt.frozen == ("1",)
