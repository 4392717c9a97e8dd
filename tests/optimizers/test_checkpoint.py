"""State taken out and put back: the same bits, or an error that changes nothing."""

import copy
import pickle

import numpy as np
import pytest
from cases import ONE_EACH, bits, follows_rates, gradients, rated, variant_id

import lrcore as lrc

each_rule = pytest.mark.parametrize(("cls", "options"), ONE_EACH, ids=variant_id)


def make(cls, options, values):
    params = {"W": values[0].copy(), "b": values[1].copy()}
    schedule = lrc.CosineAnnealing(0.1, 30).warmup(5)
    return cls(params, lr=rated(cls, schedule), controller=plateau(cls), clip_norm=1.0, **options)


def plateau(cls):
    """Where it acts."""
    made = lrc.ReduceOnPlateau(factor=0.5, patience=1, cooldown=1)
    return made if follows_rates(cls) else None


def run(opt, grads):
    for g in grads:
        opt.step(g)
        for controller in opt.controllers:
            controller.update(float(abs(g["b"]).sum()))


def problem(steps):
    rng = np.random.default_rng(0)
    values = [rng.standard_normal((3, 4)).astype(np.float32), rng.standard_normal(5)]
    grads = [
        {"W": gradients(rng, (3, 4), np.float32), "b": gradients(rng, 5)} for _ in range(steps)
    ]
    return values, grads


def contents(opt):
    saved = opt.state_dict()
    arrays = [bits(a) for state in saved.pop("state").values() for a in state.values()]
    return arrays, repr(saved), [bits(p) for p in opt.params.values()]


@each_rule
@pytest.mark.parametrize("cut", [0, 1, 5, 11])
def test_a_resumed_run_has_the_bits_of_an_unbroken_one(cls, options, cut):
    values, grads = problem(20)
    whole = make(cls, options, values)
    run(whole, grads)
    first = make(cls, options, values)
    run(first, grads[:cut])
    second = make(cls, options, [first.params["W"], first.params["b"]])
    second.load_state_dict(first.state_dict())
    run(first, grads[:1])  # the saved state is a copy
    second_half = contents(second)
    second.load_state_dict(second.state_dict())
    assert contents(second) == second_half
    run(second, grads[cut:])
    assert contents(second) == contents(whole)


@each_rule
def test_pickled_and_copied_optimizers_go_on_with_the_same_bits(cls, options):
    values, grads = problem(12)
    opt = make(cls, options, values)
    run(opt, grads[:6])
    others = [pickle.loads(pickle.dumps(opt, protocol)) for protocol in range(2, 6)]
    others.append(copy.deepcopy(opt))
    run(opt, grads[6:])
    for other in others:
        run(other, grads[6:])
        assert contents(other) == contents(opt)


def test_groups_and_added_parameters_survive_pickling():
    opt = lrc.Adam([np.ones(3)], lr=0.1)
    opt.step([np.ones(3)])
    opt.add([np.ones(2)], lr_scale=2.0, betas=(0.8, 0.9))
    opt.step([[np.ones(3)], [np.ones(2)]])
    other = pickle.loads(pickle.dumps(opt))
    assert other.names == opt.names
    for each in (opt, other):
        each.step([[np.ones(3)], [np.ones(2)]])
    for (a,), (b,) in zip(opt.params, other.params, strict=True):
        np.testing.assert_array_equal(a, b)


def test_state_finds_its_parameters_by_name():
    a, b = np.ones(2), np.ones(2)
    opt = lrc.Adam({"a": a, "b": b})
    opt.step({"a": np.ones(2), "b": np.full(2, 3.0)})
    other = lrc.Adam({"b": b.copy(), "a": a.copy()})
    other.load_state_dict(opt.state_dict())
    for name in "ab":
        np.testing.assert_array_equal(other.state[name]["m"], opt.state[name]["m"])


def broken(saved, *path, value):
    """A deep copy with the entry at path replaced, or removed if value is None."""
    result = copy.deepcopy(saved)
    place = result
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return result


BREAKS = {
    "entry missing": (("t",), None, "entries: missing \\['t'\\]"),
    "entry unknown": (("extra",), 1, "unexpected \\['extra'\\]"),
    "format": (("format",), 99, "format is 99"),
    "optimizer": (("optimizer",), "SGD", "it is of SGD"),
    "t negative": (("t",), -1, "t is -1"),
    "t float": (("t",), 1.5, "t is 1.5"),
    "t bool": (("t",), True, "t is True"),
    "skipped": (("skipped",), "1", "skipped is '1'"),
    "last_lr": (("last_lr",), -1.0, "last_lr is -1.0"),
    "lr_scale": (("lr_scale",), float("inf"), "lr_scale is inf"),
    "parameter missing": (("state", "W"), None, "parameters in carried: unexpected \\['W'\\]"),
    "parameter unknown": (("carried", "V"), {}, "parameters in carried: unexpected \\['V'\\]"),
    "array missing": (("state", "W", "v"), None, 'state of "W": missing'),
    "array unknown": (("state", "W", "x"), np.ones(1), 'state of "W": unexpected'),
    "shape": (
        ("state", "W", "m"),
        np.zeros((4, 3), np.float32),
        r"shape \(4, 3\), expected \(3, 4",
    ),
    "dtype": (("state", "W", "m"), np.zeros((3, 4)), 'm of "W" is float64, expected float32'),
    "list": (("state", "b", "m"), [0.0] * 5, 'm of "b" is list'),
    "product": (("carried", "W", "product1"), 1.5, 'product1 of "W" is 1.5'),
    "product nan": (("carried", "b", "product1"), float("nan"), 'product1 of "b" is nan'),
    "product missing": (("carried", "W", "product1"), None, 'carried of "W": missing'),
    "controllers": (("controllers",), [], "0 controllers, expected 1"),
    "t too large": (("t",), 2**63 - 1, "t is 9223372036854775807"),
    "last_lr too large": (("last_lr",), 10**400, "last_lr is 1000"),
    "lr_scale too large": (("lr_scale",), 10**400, "lr_scale is 1000"),
    "state is a number": (("state",), 5, "state is a int"),
    "state of a parameter": (("state", "W"), 5, 'state of "W" is a int'),
    "carried is a list": (("carried",), [], "carried is a list"),
    "controllers is a number": (("controllers",), 5, "controllers is a int"),
    "hyperparameters": (("hyperparameters",), {}, "hyperparameters are not options, shared"),
    "options": (("hyperparameters", "options"), 3, "options of the hyperparameters is a int"),
    "groups": (("hyperparameters", "groups"), [1], "a group of the hyperparameters is a int"),
    "an array as option": (
        ("hyperparameters", "options", "eps"),
        np.ones(2),
        r"eps of the hyperparameters is array\(\[1., 1.\]\), no plain data",
    ),
    "an array in a schedule": (
        ("hyperparameters", "options", "lr"),
        {"name": "Constant", "lr": [np.ones(2)]},
        "lr of the hyperparameters is {.*}, no plain data",
    ),
    "schedule": (
        ("hyperparameters", "options", "lr"),
        lrc.Constant(0.5).to_dict(),
        r"lr is Cos.*warmup\(5\) here and was Constant\(lr=0.5\) when it was saved; strict=False",
    ),
    "no schedule": (("hyperparameters", "options", "lr"), 0.5, "here and was 0.5 when it was"),
    "controller is a number": (("controllers",), [5], "a controller is not class, settings, state"),
    "format is an array": (("format",), np.array([1, 2]), "format is array"),
}


@pytest.mark.parametrize("case", BREAKS)
def test_a_state_that_does_not_fit_is_refused_whole(case):
    path, value, message = BREAKS[case]
    values, grads = problem(4)
    opt = make(lrc.Adam, {}, values)
    run(opt, grads[:2])
    saved = broken(opt.state_dict(), *path, value=value)
    run(opt, grads[2:])
    before = contents(opt)
    with pytest.raises(ValueError, match=message):
        opt.load_state_dict(saved)
    assert contents(opt) == before


@pytest.mark.parametrize("state", [None, [], "state", 3])
def test_what_is_no_mapping_is_no_state(state):
    with pytest.raises(ValueError, match=f"it is a {type(state).__name__}, not a mapping"):
        lrc.SGD(np.ones(2)).load_state_dict(state)


def test_numbers_that_went_through_numpy_are_taken():
    opt = lrc.Adam(np.ones(1))
    opt.step(np.ones(1))
    saved = opt.state_dict()
    saved |= {"t": np.int64(saved["t"]), "last_lr": np.float64(saved["last_lr"])}
    opt.load_state_dict(saved)
    assert opt.t == 1


def test_parameters_of_one_group_may_differ_in_their_updates():
    opt = lrc.Adam([np.ones(1), np.ones(1)])
    saved = opt.state_dict()
    saved["carried"]["1"] = {"product1": 0.5, "product2": 0.25}
    opt.load_state_dict(saved)
    assert opt.state_dict()["carried"] == saved["carried"]


def test_a_controller_that_refuses_its_state_changes_nothing():
    first, second = lrc.ReduceOnPlateau(patience=1), lrc.ReduceOnPlateau(patience=1)
    opt = lrc.SGD(np.ones(1), controller=[first, second])
    saved = opt.state_dict()
    first.update(1.0)
    first.update(1.0)
    scale = first.scale
    saved["controllers"][1]["state"] = {}
    with pytest.raises(
        ValueError, match=r"SGD: this state does not fit: ReduceOnPlateau: .* missing"
    ):
        opt.load_state_dict(saved)
    assert first.scale == scale


@each_rule
def test_restoring_a_snapshot_brings_every_bit_back(cls, options):
    values, grads = problem(12)
    opt = make(cls, options, values)
    run(opt, grads[:6])
    before, saved = contents(opt), pickle.loads(pickle.dumps(opt.snapshot()))
    run(opt, grads[6:])
    assert contents(opt) != before
    opt.restore(saved)
    assert contents(opt) == before
    assert saved.t == 6


def test_a_snapshot_keeps_nan_infinity_and_minus_zero():
    w = np.array([np.nan, -np.nan, np.inf, -0.0, 5e-324])
    before = bits(w)
    opt = lrc.SGD(w)
    saved = opt.snapshot()
    w[:] = 1
    opt.restore(saved)
    assert bits(w) == before


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"W": np.ones((4, 3)), "b": np.zeros(2)}, r'"W" has shape \(4, 3\), expected \(3, 4\)'),
        ({"W": np.ones((3, 4), np.float32), "b": np.zeros(2)}, '"W" is float32, expected float64'),
        ({"W": np.ones((3, 4))}, r"missing \['b'\]"),
        ({"W": np.ones((3, 4)), "b": np.zeros(2), "c": np.ones(1)}, r"unexpected \['c'\]"),
    ],
)
def test_a_snapshot_of_other_parameters_is_refused_whole(other, message):
    opt = lrc.Adam({"W": np.ones((3, 4)), "b": np.zeros(2)})
    before = contents(opt)
    with pytest.raises(ValueError, match=message):
        opt.restore(lrc.Adam(other).snapshot())
    assert contents(opt) == before


def test_a_read_only_parameter_is_not_restored():
    w, b = np.ones(2), np.ones(3)
    opt = lrc.SGD([w, b], lr=0.5, momentum=0.9)
    saved = opt.snapshot()
    opt.step([w, b])
    b.flags.writeable = False
    before = bits(w)
    with pytest.raises(ValueError, match='"1" is read-only'):
        opt.restore(saved)
    assert bits(w) == before
    assert opt.t == 1


def test_a_controller_that_refuses_its_state_leaves_everything_as_it_was():
    values, grads = problem(6)
    opt = make(lrc.Adam, {}, values)
    run(opt, grads[:3])
    saved = opt.snapshot()
    saved.state["controllers"][0]["state"]["scale"] = -1.0
    run(opt, grads[3:])
    before = contents(opt)
    with pytest.raises(ValueError, match="scale"):
        opt.restore(saved)
    assert contents(opt) == before


def test_only_a_snapshot_is_restored():
    with pytest.raises(TypeError, match="is not a Snapshot"):
        lrc.SGD(np.ones(2)).restore({})


def test_without_strict_what_fits_is_taken_and_the_rest_reported():
    old = lrc.Adam({"a": np.ones(2), "b": np.ones(3), "c": np.ones(4, np.float32)}, lr=0.1)
    for _ in range(3):
        old.step({"a": np.ones(2), "b": np.ones(3), "c": np.ones(4)})
    saved = old.state_dict()
    new = lrc.Adam({"a": np.ones(2), "b": np.ones(5), "d": np.ones(1)}, lr=0.2)
    with pytest.raises(ValueError, match=r"missing \['d'\], unexpected \['c'\]; m of \"b\" has"):
        new.load_state_dict(saved)
    assert new.t == 0
    report = new.load_state_dict(saved, strict=False)
    assert report.missing == ("d",)
    assert report.unexpected == ("c",)
    assert [text.split(",")[0] for text in report.mismatched] == [
        'm of "b" has shape (3',
        'v of "b" has shape (3',
    ]
    assert report.differing == ("lr is 0.2 here and was 0.1 when it was saved",)
    assert new.t == 3
    np.testing.assert_array_equal(new.state["a"]["m"], old.state["a"]["m"])
    assert not new.state["b"]["m"].any()
    assert new.state_dict()["carried"]["a"] == saved["carried"]["a"]
    assert new.lr == 0.2


def test_without_strict_another_number_of_controllers_leaves_them_alone():
    old = lrc.SGD(np.ones(1), controller=lrc.ReduceOnPlateau())
    old.controller.update(1.0)
    new = lrc.SGD(np.ones(1))
    assert new.load_state_dict(old.state_dict(), strict=False).mismatched == (
        "1 controllers, expected 0",
    )


def test_a_number_as_rate_may_be_another_one_and_is_reported():
    old, new = lrc.SGD(np.ones(1), lr=0.1, momentum=0.9), lrc.SGD(np.ones(1), lr=0.5, momentum=0.8)
    assert new.load_state_dict(old.state_dict()).differing == (
        "lr is 0.5 here and was 0.1 when it was saved",
        "momentum is 0.8 here and was 0.9 when it was saved",
    )
    assert new.lr == 0.5


def test_functions_cannot_be_compared_and_are_let_through():
    old = lrc.SGD(np.ones(1), lr=lambda t: 0.1)
    new = lrc.SGD(np.ones(1), lr=lrc.Lambda(lambda t: 0.2))
    assert new.load_state_dict(old.state_dict()).differing == ()


@each_rule
def test_saved_hyperparameters_are_taken_over_on_request(cls, options):
    values, grads = problem(12)
    whole = make(cls, options, values)
    run(whole, grads[:6])
    arrays = [whole.params["W"], whole.params["b"]]
    params = {"W": arrays[0].copy(), "b": arrays[1].copy()}
    flags = {k: v for k, v in options.items() if v in (True, "corrected") or k == "momentum"}
    told = plateau(cls)
    other = cls(params, lr=7.0, controller=told, clip_value=3.0, **flags)
    other.load_state_dict(whole.state_dict(), hyperparameters=True)
    assert other.hyperparameters == {**whole.hyperparameters, "controller": told}
    run(whole, grads[6:])
    run(other, grads[6:])
    assert contents(other) == contents(whole)


def test_saved_options_of_groups_are_taken_over():
    def build(**options):
        groups = [lrc.Group([np.ones(2)], **options), lrc.Group([np.ones(3)], lr=0.5)]
        return lrc.Adam(groups, lr=lrc.Linear(1.0, 0.0, 10))

    old, new = build(lr_scale=3.0, betas=(0.8, lrc.Linear(0.9, 0.99, 5))), build(lr=4.0)
    grads = [[np.ones(2)], [np.ones(3)]]
    new.bind(grads)
    old.step(grads)
    new.load_state_dict(old.state_dict(), hyperparameters=True)
    assert new.lrs == old.lrs
    new.step()  # what was bound stays bound
    old.step(grads)
    for name in old.names:
        for letter in "mv":
            np.testing.assert_array_equal(new.state[name][letter], old.state[name][letter])


def test_hyperparameters_that_are_no_data_are_refused():
    saved = lrc.Adam(np.ones(1), lr=lambda t: 0.1).state_dict()
    opt = lrc.Adam(np.ones(1))
    before = opt.hyperparameters
    with pytest.raises(ValueError, match="<lambda>', a function, which is no data"):
        opt.load_state_dict(saved, hyperparameters=True)
    assert opt.hyperparameters == before


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("options", "lr"), -1.0, "lr must be a finite number in"),
        (("options", "eps"), "x", "eps must be a finite number"),
        (("options", "betas"), [0.9], "betas must be a pair"),
        (("options", "other"), 1.0, r"differ in \['other'\]"),
        (("options", "amsgrad"), True, "another rule, with other state"),
        (("shared", "nonfinite"), "maybe", "nonfinite must be one of"),
        (("shared", "clip_norm"), -1.0, "clip_norm must be"),
        (("groups",), [], "0 groups, expected 1"),
        (("options", "lr"), {"schedule": "Nothing"}, "Nothing"),
        (("groups", 0), {"lr_scale": -1.0}, "lr_scale must be"),
        (("groups", 0), {"momentum": 0.9}, "momentum is not a hyperparameter of Adam"),
    ],
)
def test_senseless_saved_hyperparameters_change_nothing(place, value, message):
    opt = lrc.Adam({"w": np.ones(2)}, lr=0.5)
    opt.step({"w": np.ones(2)})
    saved = opt.state_dict()
    target = saved["hyperparameters"]
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    opt.step({"w": np.ones(2)})
    before = contents(opt)
    with pytest.raises(ValueError, match=message):
        opt.load_state_dict(saved, hyperparameters=True, strict=False)
    assert contents(opt) == before
    assert opt.hyperparameters["lr"] == 0.5


@pytest.mark.parametrize("name", ["controller", "num_threads", "foo"])
def test_no_other_options_are_taken_over_than_those_that_are_saved(name):
    opt = lrc.SGD(np.ones(1), controller=lrc.ReduceOnPlateau())
    saved = opt.state_dict()
    saved["hyperparameters"]["shared"][name] = None
    with pytest.raises(ValueError, match=f"the saved options differ in .*{name}"):
        opt.load_state_dict(saved, hyperparameters=True)
    assert opt.controllers == (opt.controller,)
