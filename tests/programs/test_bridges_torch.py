"""States of torch.optim taken over and handed back: recorded ones, and live where torch is."""

import copy

import numpy as np
import pytest
from cases import everything
from torch_states import AFTER, BEFORE, CASES, LR, Torch, problem, recorded, run

import lrcore as lrc
from lrcore.bridges.torch.peers import PEERS
from lrcore.bridges.torch.states import export_state, import_state
from lrcore.optimizers.catalogue import OPTIMIZERS

LATER = range(BEFORE, BEFORE + AFTER)
each_case = pytest.mark.parametrize("name", CASES)
# torch sums in another order: rounding of 25 updates; where it subtracts the square of the mean
# from the mean square, as `centered` does, more is lost
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def ours(name, params, **more):
    cls, options, _, _ = CASES[name]
    return cls(params, **{"lr": LR, **options, **more})


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for key, array in found.items():
        np.testing.assert_allclose(array, expected[key], **CLOSE, err_msg=key)


def count(name):
    """SGD of torch does not count."""
    return BEFORE if CASES[name][0] is lrc.SGD else None


@each_case
def test_a_run_begun_by_torch_goes_on_as_torch_goes_on(name):
    params, state, after = recorded(name)
    opt = ours(name, params)
    import_state(opt, state, t=count(name))
    assert opt.t == BEFORE
    run(opt, params, problem()[1], LATER)
    assert_close(params, after)


def test_the_record_is_of_the_torch_at_hand():
    pytest.importorskip("torch")
    for name in CASES:
        params, state, after = recorded(name)
        start, gradients = problem()
        live = Torch(name, start).run(gradients, range(BEFORE))
        assert_close(params, live.arrays())
        theirs = live.opt.state_dict()["state"]
        assert theirs.keys() == state["state"].keys()
        for index, entry in state["state"].items():
            assert_close(entry, theirs[index])
        assert_close(after, live.run(gradients, LATER).arrays())


@each_case
@pytest.mark.parametrize("named", [True, False])
def test_a_run_begun_here_goes_on_in_torch(name, named):
    pytest.importorskip("torch")
    start, gradients = problem()
    expected = Torch(name, start).run(gradients, range(BEFORE + AFTER)).arrays()
    params = {key: p.copy() for key, p in start.items()}
    opt = ours(name, params)
    run(opt, params, gradients, range(BEFORE))
    theirs = Torch(name, params, named)
    theirs.opt.load_state_dict(export_state(opt))
    assert_close(theirs.run(gradients, LATER).arrays(), expected)


@each_case
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_there_and_back_again_nothing_changes_but_the_centered_variance(name, dtype):
    pytest.importorskip("torch")
    params, gradients = problem(dtype)
    opt = ours(name, params)
    run(opt, params, gradients, range(BEFORE))
    again = ours(name, params)
    import_state(again, export_state(opt), t=count(name))
    for key in opt.names:
        for letter, array in opt.state[key].items():
            assert again.state[key][letter].dtype == dtype
            # mean square minus squared mean: what the subtraction cancels, relative to the former
            loss = 8 * np.finfo(dtype).eps if letter == "s" and "mean" in opt.state[key] else 0
            np.testing.assert_allclose(again.state[key][letter], array, rtol=loss, atol=loss)
    # products are powers here and were multiplied one by one there
    for key, carried in opt.state_dict()["carried"].items():
        assert again.state_dict()["carried"][key] == pytest.approx(carried, rel=1e-14)


@pytest.mark.parametrize("options", [{}, {"fused": True}, {"foreach": True}], ids=str)
def test_tensors_of_every_implementation_of_torch_are_taken(options):
    pytest.importorskip("torch")
    start, gradients = problem()
    theirs = Torch("amsgrad", start, **options).run(gradients, range(BEFORE))
    params = theirs.arrays()
    opt = ours("amsgrad", params)
    import_state(opt, theirs.opt.state_dict())
    run(opt, params, gradients, LATER)
    assert_close(params, theirs.run(gradients, LATER).arrays())


def test_an_exported_state_is_a_copy():
    pytest.importorskip("torch")
    params, gradients = problem()
    opt = ours("adam", params)
    run(opt, params, gradients, range(2))
    exported = export_state(opt)
    before = exported["state"][0]["exp_avg"].clone()
    run(opt, params, gradients, range(2, 4))
    assert (exported["state"][0]["exp_avg"] == before).all()


def test_exported_groups_have_the_names_and_the_options_of_each_group():
    pytest.importorskip("torch")
    groups = [
        lrc.Group({"W": np.ones(2)}, weight_decay=0.5, names=["W"]),
        lrc.Group([np.ones(3, np.float32), np.ones(())], lr_scale=2.0),
    ]
    opt = lrc.AdamW(groups, lr=lrc.Linear(1.0, 0.0, 10), eps=lambda t: 1e-3 * (t + 1))
    opt.step([{"W": np.ones(2)}, [np.ones(3), 1.0]])
    first, second = export_state(opt)["param_groups"]
    assert first["param_names"] == ["W"]
    assert second["param_names"] == ["1.0", "1.1"]
    assert (first["params"], second["params"]) == ([0], [1, 2])
    assert (first["lr"], second["lr"]) == (0.9, 1.8)
    assert (first["weight_decay"], second["weight_decay"]) == (0.5, 0.01)
    assert (first["eps"], first["betas"]) == (2e-3, (0.9, 0.999))


# Names


def swapped(state):
    """The same run, its parameters given to torch in the other order."""
    state["state"] = {0: state["state"][1], 1: state["state"][0]}
    return state


def test_parameters_are_found_by_the_names_that_torch_recorded():
    params, state, after = recorded("adam")
    state = swapped(state)
    state["param_groups"][0]["param_names"] = ["layer.b", "layer.W"]
    opt = ours("adam", params)
    import_state(opt, state)
    run(opt, params, problem()[1], LATER)
    assert_close(params, after)


@pytest.mark.parametrize("recorded_names", [None, ["0.weight", "0.bias"]], ids=["none", "others"])
def test_given_names_come_before_recorded_ones_and_the_order(recorded_names):
    params, state, after = recorded("adam")
    state = swapped(state)
    state["param_groups"][0]["param_names"] = recorded_names
    opt = ours("adam", params)
    import_state(opt, state, names=["layer.b", "layer.W"])
    run(opt, params, problem()[1], LATER)
    assert_close(params, after)


def test_without_names_the_order_counts():
    params, state, after = recorded("adam")
    del state["param_groups"][0]["param_names"]
    opt = ours("adam", params)
    import_state(opt, state)
    run(opt, params, problem()[1], LATER)
    assert_close(params, after)


def test_groups_need_not_be_those_of_torch():
    params, state, after = recorded("adam")
    del state["param_groups"][0]["param_names"]
    opt = ours("adam", [lrc.Group([params["layer.W"]]), lrc.Group([params["layer.b"]])])
    import_state(opt, state)
    gradients = problem()[1]
    for t in LATER:
        opt.step([[g] for g in gradients(params, t).values()])
    assert_close(params, after)


# Refusals


def break_state(entry):
    def change(state):
        state["state"][0] |= entry

    return change


def break_group(**entry):
    def change(state):
        state["param_groups"][0] |= entry

    return change


BREAKS = {
    "no state": (lambda s: s.pop("state"), "no state_dict of torch.optim: it wants"),
    "state a list": (lambda s: s.update(state=[]), "a mapping and a list are wanted"),
    "groups a dict": (lambda s: s.update(param_groups={}), "a mapping and a list are wanted"),
    "group a list": (lambda s: s.update(param_groups=[[]]), "torch's group 0 has no list"),
    "group without params": (break_group(params=None), "torch's group 0 has no list of params"),
    "an entry is a list": (lambda s: s["state"].update({0: [1]}), '"layer.W" is no mapping'),
    "more parameters": (break_group(params=[0, 1, 2]), "2 names for 3 parameters of torch's"),
    "other names": (break_group(param_names=["a", "b"]), r"torch's parameters are \['a', 'b'\]"),
    "a name twice": (break_group(param_names=["layer.b"] * 2), "torch's parameters are"),
    "rate": (break_group(lr=0.02), "torch's group 0 has lr=0.02, group 0 here 0.01"),
    "no rate": (break_group(lr="fast"), "torch's group 0 has lr=None, group 0 here 0.01"),
    "beta": (break_group(betas=(0.9, 0.99)), "has beta2=0.99, group 0 here 0.999"),
    "betas": (break_group(betas=0.9), "has beta1=None, group 0 here 0.9"),
    "eps": (break_group(eps=1e-7), "has eps=1e-07, group 0 here 1e-08"),
    "decay": (break_group(weight_decay=0.1), "has weight_decay=0.1, group 0 here 0.0"),
    "maximize": (break_group(maximize=True), "has maximize=1.0, group 0 here False"),
    "decoupled": (break_group(decoupled_weight_decay=True), "has decoupled_weight_decay=1.0"),
    "amsgrad": (break_group(amsgrad=True), "has amsgrad=1.0, group 0 here False"),
    "array missing": (lambda s: s["state"][0].pop("exp_avg"), r"has no \['exp_avg'\]"),
    "array unknown": (break_state({"momentum_buffer": 1}), r"has \['momentum_buffer'\], which"),
    "shape": (break_state({"exp_avg": np.zeros((3, 2))}), r"m of \"layer.W\" has shape \(3, 2\)"),
    "dtype": (break_state({"exp_avg": np.zeros((2, 3), np.float32)}), "is float32, expected"),
    "steps": (break_state({"step": 14.0}), "the numbers of updates differ: {'layer.W': 14.0"),
    "some untouched": (lambda s: s["state"].pop(1), "the numbers of updates differ"),
    "step negative": (
        lambda s: [entry.update(step=-1.0) for entry in s["state"].values()],
        "the numbers of updates are none",
    ),
    "step fraction": (
        lambda s: [entry.update(step=1.5) for entry in s["state"].values()],
        "the numbers of updates are none",
    ),
    "step nan": (
        lambda s: [entry.update(step=np.inf) for entry in s["state"].values()],
        "the numbers of updates are none",
    ),
    "no step": (lambda s: s["state"][0].pop("step"), '"layer.W" has no number as step'),
}


@pytest.mark.parametrize("case", BREAKS)
def test_what_does_not_fit_is_refused_whole(case):
    change, message = BREAKS[case]
    params, state, _ = recorded("adam")
    opt = ours("adam", params)
    run(opt, params, problem()[1], range(3))
    before = everything(opt)
    change(state)
    with pytest.raises(ValueError, match=message):
        import_state(opt, state)
    assert everything(opt) == before


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("adam", {"eps_hat": True}, "torch has no eps_hat, which is True here"),
        ("adam", {"eps_root": 1e-3}, "torch has no eps_root, which is 0.001 here"),
        ("adam", {"betas": (lrc.Linear(0.8, 0.9, 10), 0.999)}, "beta1 is a schedule here"),
        ("momentum", {"lr_in_momentum": True}, "torch has no lr_in_momentum"),
        ("rmsprop", {"initial_accumulator_value": 0.1, "rho": 0.9}, "initial_accumulator_value"),
    ],
)
def test_options_that_torch_does_not_have_are_refused_both_ways(name, options, message):
    params, state, _ = recorded(name)
    opt = ours(name, params, **options)
    with pytest.raises(ValueError, match=message):
        import_state(opt, state)
    pytest.importorskip("torch")
    with pytest.raises(ValueError, match=message):
        export_state(opt)


def test_a_rate_that_decays_in_torch_wants_a_schedule_here():
    params, state, _ = recorded("adagrad")
    state["param_groups"][0]["lr_decay"] = 0.1
    with pytest.raises(ValueError, match=r"torch's group 0 has lr_decay=0.1, group 0 here 0"):
        import_state(ours("adagrad", params), state)
    opt = ours("adagrad", params, lr=lrc.InverseTimeDecay(LR, 0.1))
    import_state(opt, state)
    assert opt.lr == LR / (1 + 0.1 * BEFORE)


def test_a_schedule_does_not_make_adam_of_adamw():
    params, state, _ = recorded("adamw decay")
    opt = lrc.Adam(params, lr=lrc.Constant(LR), l2=0.3)
    with pytest.raises(ValueError, match="has decoupled_weight_decay=1"):
        import_state(opt, state)


def test_the_number_of_updates_must_be_that_of_torch_if_both_are_told():
    params, state, _ = recorded("adam")
    with pytest.raises(ValueError, match="and t=7"):
        import_state(ours("adam", params), state, t=7)


@pytest.mark.parametrize("t", [-1, 1.5, "3"])
def test_a_senseless_number_of_updates_is_refused(t):
    params, state, _ = recorded("momentum")
    with pytest.raises(ValueError, match=f"t is {t!r}, expected"):
        import_state(ours("momentum", params), state, t=t)


def test_without_a_count_that_of_the_optimizer_stays():
    params, state, _ = recorded("momentum")
    opt = ours("momentum", params)
    run(opt, params, problem()[1], range(3))
    import_state(opt, state)
    assert opt.t == 3


def test_a_torch_optimizer_that_made_no_update_is_a_fresh_one():
    params, state, _ = recorded("adam")
    opt = ours("adam", params)
    fresh = everything(opt)[0][2:]
    run(opt, params, problem()[1], range(3))
    import_state(opt, state | {"state": {}})
    assert (opt.t, everything(opt)[0][2:]) == (0, fresh)


def test_another_class_of_optimizer_is_refused():
    for opt in (np.ones(1), None):
        with pytest.raises(TypeError, match=r"opt must be one of SGD, RMSprop, .* got"):
            import_state(opt, {})
    _, state, _ = recorded("momentum")
    params, _, _ = recorded("adam")
    with pytest.raises(ValueError, match="has beta1=None"):
        import_state(ours("adam", params), state)


def test_parameters_that_were_added_later_cannot_be_exported():
    pytest.importorskip("torch")
    opt = lrc.Adam([np.ones(1)])
    opt.step([np.ones(1)])
    opt.add([np.ones(1)])
    with pytest.raises(ValueError, match=r'product1 of "1.0" is 1.0, not beta\*\*1: it was added'):
        export_state(opt)


@pytest.mark.parametrize("tensor", [[1.0], "x", 3])
def test_what_is_no_tensor_is_named(tensor):
    params, state, _ = recorded("adam")
    state = copy.deepcopy(state)
    state["state"][0]["exp_avg"] = tensor
    with pytest.raises(TypeError, match="cannot be made an array"):
        import_state(ours("adam", params), state)


def test_half_precision_of_torch_is_refused():
    torch = pytest.importorskip("torch")
    params, state, _ = recorded("adam")
    state["state"][0]["exp_avg"] = torch.zeros(2, 3, dtype=torch.bfloat16)
    with pytest.raises(TypeError, match="cannot be made an array: Got unsupported ScalarType"):
        import_state(ours("adam", params), state)


WITHOUT = {"NAdam", "RAdam", "Adamax", "Rprop"}  # as docs/guide/bridges.md says


def test_every_other_optimizer_that_torch_has_too_has_a_bridge():
    torch = pytest.importorskip("torch")
    assert PEERS.keys() | WITHOUT == {name for name in OPTIMIZERS if name in dir(torch.optim)}
    assert {cls.__name__ for cls, *_ in CASES.values()} == PEERS.keys()


@pytest.mark.parametrize("name", sorted(WITHOUT))
def test_an_optimizer_without_a_bridge_is_refused_by_name(name):
    opt = OPTIMIZERS[name](np.ones(1))
    with pytest.raises(TypeError, match=f"opt must be one of SGD, .*, got {name}"):
        import_state(opt, {"state": {}, "param_groups": []})


@each_case
def test_an_average_of_the_parameters_stays_as_it_is_and_is_not_handed_over(name):
    params, state, after = recorded(name)
    opt = ours(name, params, average=lrc.EMA(0.5))
    import_state(opt, state, t=count(name))
    assert all(carried["averaged"] == 0 for carried, _ in opt.scalars.values())
    run(opt, params, problem()[1], LATER)
    assert_close(params, after)
    before = {key: entry["average"].copy() for key, entry in opt.state.items()}
    import_state(opt, state, t=count(name))
    assert_close({key: entry["average"] for key, entry in opt.state.items()}, before)
    assert all(carried["averaged"] == AFTER for carried, _ in opt.scalars.values())


@each_case
def test_an_optimizer_with_an_average_is_exported_without_it(name):
    pytest.importorskip("torch")
    params, state, _ = recorded(name)
    plain, averaged = (
        ours(name, {key: p.copy() for key, p in params.items()}, average=kind)
        for kind in (None, lrc.Mean())
    )
    for opt in (plain, averaged):
        import_state(opt, state, t=count(name))
        run(opt, opt.params, problem()[1], LATER)
    first, second = (export_state(opt)["state"] for opt in (plain, averaged))
    for index, entry in first.items():
        assert_close({k: np.asarray(x) for k, x in second[index].items()}, entry)
