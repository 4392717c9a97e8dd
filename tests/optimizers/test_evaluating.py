"""What should be evaluated: averages in the place of the parameters, and the way back."""

import copy
import gc
import pickle
import threading
from contextlib import ExitStack

import numpy as np
import pytest
from cases import AVERAGED, bits, everything, gradients, variant_id

import lrcore as lrc
from lrcore._core import OpenStep

each_rule = pytest.mark.parametrize(("cls", "options"), AVERAGED, ids=variant_id)
SHAPES = {"W": (3, 4), "b": (5,), "s": (), "none": (0, 2)}


def made(cls=lrc.Adam, steps=4, average=None, dtype=np.float64, **options):
    rng = np.random.default_rng(0)
    w = {name: rng.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}
    average = average or lrc.EMA(0.5)
    opt = cls(w, **{"lr": 0.1, "average": average, **options})
    for _ in range(steps):
        opt.step({name: gradients(rng, shape, dtype) for name, shape in SHAPES.items()})
    return opt


def drawn(seed=5):
    rng = np.random.default_rng(seed)
    return {name: gradients(rng, shape) for name, shape in SHAPES.items()}


def held(opt):
    return {name: bits(array) for name, array in opt.roster.arrays.items()}


def averages(opt):
    return {name: bits(state["average"]) for name, state in opt.state.items()}


@each_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inside_are_the_averages_and_behind_it_the_bits_of_before(cls, options, dtype):
    opt = made(cls, dtype=dtype, **options)
    before = everything(opt)
    with opt.eval_params():
        assert held(opt) == averages(opt) != before
    assert everything(opt) == before
    opt.step(drawn())
    other = made(cls, dtype=dtype, **options)
    other.step(drawn())
    assert everything(opt) == everything(other)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_the_bits_come_back_after_an_exception_which_goes_on(error):
    opt = made()
    before = everything(opt)
    with pytest.raises(error), opt.eval_params():
        raise error
    assert everything(opt) == before
    assert opt.step(drawn())


def test_whatever_is_written_inside_is_gone_behind_it():
    opt = lrc.SGD([np.ones(3), np.ones((2, 2))[:, :1]])  # no average at all
    with opt.eval_params():
        for array in opt.params:
            np.testing.assert_array_equal(array, 1.0)
            array[...] = np.nan
    for array in opt.params:
        np.testing.assert_array_equal(array, 1.0)


def test_before_the_first_update_parameters_are_what_they_are():
    opt = made(steps=0)
    before = held(opt)
    opt.params["b"][...] = 7.0  # as a program that loads weights does
    with opt.eval_params():
        np.testing.assert_array_equal(opt.params["b"], 7.0)
        assert held(opt)["W"] == before["W"]
    np.testing.assert_array_equal(opt.eval_arrays()["b"], 7.0)


REFUSED = {
    "step": lambda opt, place: opt.step(drawn()),
    "half a step": lambda opt, place: OpenStep(opt, drawn()).__enter__(),
    "bind": lambda opt, place: opt.bind(drawn()),
    "add": lambda opt, place: opt.add(np.ones(2)),
    "freeze": lambda opt, place: opt.freeze("W"),
    "unfreeze": lambda opt, place: opt.unfreeze("W"),
    "save": lambda opt, place: opt.save(place / "now.npz"),
    "save with parameters": lambda opt, place: opt.save(place / "now.npz", params=True),
    "load": lambda opt, place: opt.load(place / "run.npz"),
    "load_state_dict": lambda opt, place: opt.load_state_dict(opt.state_dict()),
    "snapshot": lambda opt, place: opt.snapshot(),
    "restore": lambda opt, place: opt.restore(made().snapshot()),
    "eval_params": lambda opt, place: opt.eval_params().__enter__(),
    "pickle": lambda opt, place: pickle.dumps(opt),
    "deepcopy": lambda opt, place: copy.deepcopy(opt),
    "Monitor": lambda opt, place: lrc.Monitor(opt),
    "RangeTest": lambda opt, place: list(lrc.RangeTest(opt)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_disturb_training_is_refused_inside_and_changes_nothing(name, tmp_path):
    opt = made()
    opt.save(tmp_path / "run.npz")
    before = everything(opt), opt.names, opt.frozen
    with opt.eval_params():
        with pytest.raises(RuntimeError, match=r"inside of eval_params .* leave its block first"):
            REFUSED[name](opt, tmp_path)
        assert held(opt) == averages(opt)
    assert (everything(opt), opt.names, opt.frozen) == before
    assert not (tmp_path / "now.npz").exists()
    assert opt.step(drawn())


def test_what_reads_the_training_is_not_refused_inside():
    opt = made()
    state, rate = opt.state_dict(), opt.effective_lr("b")
    arrays = opt.eval_arrays()
    with opt.eval_params():
        inside = opt.state_dict()
        np.testing.assert_array_equal(opt.effective_lr("b"), rate)
        np.testing.assert_array_equal(opt.eval_arrays()["W"], arrays["W"])
        assert opt.lr == 0.1
        opt.lr = 0.05
    assert opt.lr == 0.05
    for name, entry in state["state"].items():
        assert {k: bits(a) for k, a in entry.items()} == {
            k: bits(a) for k, a in inside["state"][name].items()
        }


def test_while_half_a_step_is_open_there_is_no_evaluation():
    opt = made()
    with OpenStep(opt, drawn()) as step:
        for begin in (opt.eval_params().__enter__, opt.eval_arrays, opt.state_dict):
            with pytest.raises(RuntimeError, match="a measured step is open"):
                begin()
        step.apply()


def test_one_block_may_be_entered_again_but_not_within_itself():
    opt = made()
    before, block = everything(opt), opt.eval_params()
    for _ in range(2):
        with block:
            assert held(opt) == averages(opt)
            with pytest.raises(RuntimeError, match="inside of eval_params"), block:
                pass
            assert held(opt) == averages(opt)
        assert everything(opt) == before
    opt.step(drawn())
    with block:  # what is evaluated is found on entering
        assert held(opt) == averages(opt)


def test_leaving_what_was_not_entered_changes_nothing():
    opt = made()
    before = everything(opt)
    opt.eval_params().__exit__(None, None, None)
    assert everything(opt) == before
    with opt.eval_params():
        opt.eval_params().__exit__(None, None, None)
        assert held(opt) == averages(opt)
        with pytest.raises(RuntimeError):
            opt.step(drawn())


def test_two_optimizers_may_be_evaluated_at_once():
    one, other = made(), made(lrc.SGD)
    before = everything(one), everything(other)
    with ExitStack() as stack:
        stack.enter_context(one.eval_params())
        stack.enter_context(other.eval_params())
        assert held(one) == averages(one)
        assert held(other) == averages(other)
    assert (everything(one), everything(other)) == before


def test_another_thread_makes_no_step_inside():
    opt, found = made(), []

    def other():
        try:
            opt.step(drawn())
        except RuntimeError as error:
            found.append(str(error))

    with opt.eval_params():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert held(opt) == averages(opt)
    assert len(found) == 1
    assert "inside of eval_params" in found[0]


def test_a_callback_of_a_step_evaluates_nothing():
    opt = lrc.SGD(np.ones(2), lr=lambda t: 0.1 if t < 3 else opt.eval_arrays()[0])
    for _ in range(3):
        opt.step(np.ones(2))
    with pytest.raises(RuntimeError, match="callback of the same optimizer"):
        opt.step(np.ones(2))


def test_an_array_that_was_reshaped_made_read_only_or_cast_inside_gets_its_bits_back():
    w = [np.ones((2, 3)), np.ones(4), np.ones(2)]
    opt = lrc.SGD(w, lr=1.0, average=lrc.EMA(0.5))
    for _ in range(2):
        opt.step([np.ones(array.shape) for array in w])
    with opt.eval_params():
        np.testing.assert_array_equal(w[0], -0.5)
        w[0].shape = (3, 2)
        w[1].flags.writeable = False
        w[2].dtype = np.int64
    np.testing.assert_array_equal(w[0], np.full((3, 2), -1.0))
    np.testing.assert_array_equal(w[1], -1.0)
    np.testing.assert_array_equal(w[2].view(np.float64), -1.0)


def test_an_array_that_was_resized_inside_is_told_and_all_others_get_their_bits_back():
    w = {"a": np.ones(4), "b": np.ones(4)}
    opt = lrc.SGD(w, lr=1.0, average=lrc.EMA(0.5))
    for _ in range(2):
        opt.step({"a": np.ones(4), "b": np.ones(4)})
    with pytest.raises(ValueError, match="a: resized or moved inside"), opt.eval_params():
        w["a"].resize(100_000, refcheck=False)
    np.testing.assert_array_equal(w["b"], -1.0)


BROKEN = {
    "reshaped": (lambda w: setattr(w["b"], "shape", (5, 1)), "resized, reshaped or moved"),
    "read-only": (lambda w: setattr(w["b"].flags, "writeable", False), '"b" is read-only'),
    "replaced": (lambda w: w.update(b=np.ones(5)), "replaced"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_evaluated_is_refused_before_anything_changes(name):
    opt = made()
    before = everything(opt)
    break_it, words = BROKEN[name]
    break_it(opt.params)
    with pytest.raises(ValueError, match=words), opt.eval_params():
        pytest.fail("this was not to be entered")
    assert [x for x in everything(opt)[0] if x] == [x for x in before[0] if x]


def test_a_frozen_read_only_array_without_an_average_is_left_alone():
    base = np.ones(3)
    base.flags.writeable = False
    groups = [lrc.Group({"base": base}, frozen=True), lrc.Group({"head": np.ones(2)})]
    opt = lrc.SGD(groups, lr=1.0, average=lrc.EMA(0.5))
    for _ in range(2):
        opt.step([{}, {"head": np.ones(2)}])
    with opt.eval_params():
        np.testing.assert_array_equal(opt.params[1]["head"], -0.5)
    np.testing.assert_array_equal(opt.params[1]["head"], -1.0)
    found = opt.eval_arrays()
    np.testing.assert_array_equal(found[0]["base"], 1.0)
    assert found[0]["base"].flags.writeable


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: np.repeat(x, 2, 1)[:, ::2]])
def test_arrays_of_any_layout_are_evaluated_and_nothing_between_their_elements_changes(layout):
    buffer = layout(np.arange(12.0).reshape(3, 4))
    before = np.array(buffer.base) if buffer.base is not None else buffer.copy()
    opt = lrc.SGD(buffer, lr=1.0, average=lrc.EMA(0.5))
    for _ in range(2):
        opt.step(np.ones((3, 4)))
    with opt.eval_params():
        np.testing.assert_array_equal(buffer, np.arange(12.0).reshape(3, 4) - 1.5)
    np.testing.assert_array_equal(buffer, np.arange(12.0).reshape(3, 4) - 2)
    whole = buffer.base if buffer.base is not None else buffer
    changed = whole != before
    assert changed.sum() == 12


# --- copies --------------------------------------------------------------------------------------


@each_rule
def test_copies_are_the_averages_in_the_structure_of_the_parameters(cls, options):
    opt = made(cls, **options)
    before = everything(opt)
    found = opt.eval_arrays()
    assert {name: bits(array) for name, array in found.items()} == averages(opt)
    for array in found.values():
        array[...] = 7.0
    assert everything(opt) == before


def test_copies_have_dicts_for_mappings_and_lists_for_sequences():
    w = {"layers": [{"W": np.ones(2)}, {"W": np.zeros(3)}], "b": (np.ones(1), np.array(2.0))}
    found = lrc.SGD(w).eval_arrays()
    assert [*found] == ["layers", "b"]
    np.testing.assert_array_equal(found["layers"][1]["W"], np.zeros(3))
    assert found["b"][1].shape == ()
    assert lrc.SGD(np.ones((2, 3))).eval_arrays().shape == (2, 3)
    grouped = lrc.SGD([lrc.Group(np.ones(2)), lrc.Group([np.ones(3)])]).eval_arrays()
    assert [grouped[0].shape, grouped[1][0].shape] == [(2,), (3,)]


def test_an_average_after_a_state_was_loaded_is_the_saved_one(tmp_path):
    opt, other = made(), made(steps=0)
    opt.save(tmp_path / "run.npz")
    other.load(tmp_path / "run.npz")
    assert {n: bits(a) for n, a in other.eval_arrays().items()} == averages(opt)
    with other.eval_params():
        assert held(other) == averages(opt)


def test_a_block_that_was_entered_by_hand_and_let_go_of_puts_back_what_there_was():
    opt = made()
    before = held(opt)
    block = opt.eval_params()
    block.__enter__()
    assert held(opt) != before
    del block
    gc.collect()
    assert held(opt) == before
    assert opt.step(drawn())
