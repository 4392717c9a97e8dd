"""What every controller does: series of reports, resuming, and working together."""

from __future__ import annotations

import contextlib
import copy
import json
import math
import pickle
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
from cases import bits
from controller_cases import SETTINGS, cases
from hypothesis import given
from hypothesis import strategies as st

import lrcore as lrc
from lrcore.controllers.catalogue import CONTROLLERS, Controller
from lrcore.reference.twin import Reference

INF, NAN = math.inf, math.nan

# The least and the most that the scale may be.
RANGES: dict[str, Any] = {
    "ReduceOnPlateau": lambda c: (c.min_scale, 1.0),
    "EarlyStopping": lambda c: (1.0, 1.0),
    "Polyak": lambda c: (0.0, c.max_scale or np.finfo(float).max),
    "BarzilaiBorwein": lambda c: (0.0, c.max_scale),
    "DoG": lambda c: (0.0, np.finfo(float).max),
    "Hypergradient": lambda c: (c.min_scale, c.max_scale),
}

every_controller = pytest.mark.parametrize("name", CONTROLLERS)


class Run:
    """A controller with parameters of its own, told a loss that may be anything."""

    def __init__(self, name: str, settings: dict[str, Any], like: Run | None = None) -> None:
        arrays = (
            like.params if like else {"W": np.ones((3, 2), np.float32).T, "b": np.full((), -1.0)}
        )
        self.params = {key: array.copy(order="K") for key, array in arrays.items()}
        self.controller: Any = CONTROLLERS[name](**settings)
        self.controller.bind(self.params)

    def gradients(self) -> dict[str, Any]:
        return {"b": 10 * self.params["b"], "W": np.sin(3 * self.params["W"])}

    def report(self, value: float, step: int | None = None, move: bool = True) -> Any:
        """One report, and where it was accepted a step; tells what `update` returned or raised."""
        try:
            acted = self.controller.update(value, step, grads=self.gradients())
        except FloatingPointError as error:
            return repr(error)
        if move and not getattr(self.controller, "stop", False):
            rate = min(self.controller.rate(0.1), 1.0)
            for key, g in self.gradients().items():
                self.params[key] -= np.asarray(rate * g, self.params[key].dtype)
        return acted

    def contents(self) -> Any:
        state = self.controller.state_dict()
        arrays = state.pop("arrays", {})
        kept = [(n, k, bits(a)) for n in sorted(arrays) for k, a in arrays[n].items()]
        return state, kept, [bits(p) for p in self.params.values()]


def example(name: str) -> Run:
    short = {"patience": 2} if "patience" in SETTINGS[name] else {}
    return Run(name, short)


SERIES = [1.0, np.float32(0.3), 0.6, NAN, np.int64(4), 0.7]

VALUES = st.floats(-10, 10) | st.sampled_from([NAN, INF, -INF, 0.0, 1e308, -1e308, 5e-324])
REPORTS = st.lists(VALUES, max_size=30)


def test_every_controller_and_each_of_its_settings_is_tried() -> None:
    shown = {
        name: [part.split("=")[0] for part in repr(make())[len(name) + 1 : -1].split(", ")]
        for name, make in CONTROLLERS.items()
    }
    assert shown == {name: list(settings) for name, settings in sorted(SETTINGS.items())}
    assert RANGES.keys() == CONTROLLERS.keys()


# One by one


@every_controller
def test_a_new_controller_leaves_the_rate_alone(name: str) -> None:
    controller = CONTROLLERS[name]()
    assert controller.scale == 1.0
    assert controller.rate(0.1) == 0.1


@every_controller
def test_controllers_are_equal_to_themselves_alone(name: str) -> None:
    controller = CONTROLLERS[name]()
    twin = copy.deepcopy(controller)
    assert controller == controller
    assert controller != twin
    assert len({controller, twin}) == 2


@every_controller
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_keeps_settings_and_state(name: str, protocol: int) -> None:
    run = example(name)
    for value in SERIES:
        run.report(value)
    before = run.contents()
    again = pickle.loads(pickle.dumps(run.controller, protocol))
    assert repr(again) == repr(run.controller)
    run.controller = again
    assert run.contents() == before


@every_controller
@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy])
def test_a_copy_goes_its_own_way(name: str, twin: Any) -> None:
    run = example(name)
    for value in SERIES[:3]:
        run.report(value)
    other = twin(run.controller)
    before = other.state_dict()
    for value in SERIES:
        run.report(value)
    np.testing.assert_equal(other.state_dict(), before)


@every_controller
def test_the_state_is_plain_json_arrays_apart(name: str) -> None:
    run = example(name)
    for value in SERIES:
        state = run.controller.state_dict()
        for kept in state.pop("arrays", {}).values():
            assert all(type(array) is np.ndarray for array in kept.values())
        assert json.loads(json.dumps(state, allow_nan=False)) == state
        run.report(value)


@every_controller
def test_a_saved_state_is_a_copy(name: str) -> None:
    run = example(name)
    run.report(1.0)
    before = run.controller.state_dict()
    kept = copy.deepcopy(before)
    for value in SERIES:
        run.report(value)
    np.testing.assert_equal(before, kept)


@every_controller
def test_repr_rebuilds_the_settings(name: str) -> None:
    controller = CONTROLLERS[name]()
    assert repr(eval(repr(controller), dict(CONTROLLERS))) == repr(controller)


@every_controller
@pytest.mark.parametrize("value", [None, "1.0", 1j, [1.0], np.ones(2)], ids=repr)
def test_a_value_must_be_a_number(name: str, value: Any) -> None:
    run = example(name)
    with pytest.raises(TypeError, match=f"^{name}: value must be a real number"):
        run.controller.update(value, grads=run.gradients())


@every_controller
@pytest.mark.parametrize("step", [-1, 1.0, True, "1"])
def test_a_step_must_be_an_update_index(name: str, step: Any) -> None:
    run = example(name)
    before = run.contents()
    with pytest.raises((TypeError, ValueError), match=f"^{name}: step must be an integer"):
        run.controller.update(1.0, step=step, grads=run.gradients())
    assert run.contents() == before


@every_controller
def test_settings_of_a_live_controller_are_checked(name: str) -> None:
    controller = CONTROLLERS[name]()
    before = repr(controller)
    for setting in SETTINGS[name]:
        with pytest.raises((TypeError, ValueError), match=f"^{name}: {setting} must be "):
            setattr(controller, setting, "senseless")
    assert repr(controller) == before


@every_controller
@pytest.mark.parametrize("attribute", ["scale", "best", "patients"])
def test_what_is_no_setting_cannot_be_assigned(name: str, attribute: str) -> None:
    with pytest.raises(AttributeError, match=f"{name}.{attribute} cannot be assigned; "):
        setattr(CONTROLLERS[name](), attribute, 0.5)


@every_controller
def test_a_broken_state_is_refused_by_key_and_changes_nothing(name: str) -> None:
    run = example(name)
    for value in SERIES:
        run.report(value)
    before = run.contents()
    good = run.controller.state_dict()
    for key in good:
        with pytest.raises(ValueError, match=key):
            run.controller.load_state_dict(good | {key: "senseless"})
        with pytest.raises(KeyError, match=f"'{key}' is missing"):
            run.controller.load_state_dict({k: v for k, v in good.items() if k != key})
    with pytest.raises(KeyError, match="'speed' is not known"):
        run.controller.load_state_dict(good | {"speed": 1})
    assert run.contents() == before


# Any series of reports


@given(cases(), REPORTS)
def test_the_scale_stays_in_its_range(case: Any, values: list[float]) -> None:
    run = Run(*case)
    for value in values:
        run.report(value)
        low, high = RANGES[case[0]](run.controller)
        assert run.controller.scale == 1.0 or low <= run.controller.scale <= high


@given(cases(), REPORTS)
def test_the_same_step_twice_changes_nothing(case: Any, values: list[float]) -> None:
    run = Run(*case)
    for step, value in enumerate(values):
        refused = isinstance(run.report(value, step), str)  # and so not yet reported
        before = run.contents()
        assert refused or run.report(0.5, step, move=False) is False
        assert run.contents() == before


@given(cases(), REPORTS, REPORTS)
def test_a_resumed_run_equals_an_unbroken_one(
    case: Any, first: list[float], second: list[float]
) -> None:
    unbroken = Run(*case)
    for value in first:
        unbroken.report(value)
    resumed = Run(*case, like=unbroken)
    resumed.controller.load_state_dict(copy.deepcopy(unbroken.controller.state_dict()))
    assert resumed.contents() == unbroken.contents()
    for value in second:
        assert resumed.report(value) == unbroken.report(value)
        assert resumed.contents() == unbroken.contents()


@given(cases(), REPORTS, st.sampled_from(["value", "step", "grads", "array"]))
def test_a_failing_update_changes_nothing(case: Any, values: list[float], fault: str) -> None:
    run = Run(*case)
    for value in values:
        run.report(value)
    before = run.contents()
    broken: dict[str, Any] = {"value": 0.1, "step": 99, "grads": run.gradients()}
    if fault == "array":
        run.params["W"].flags.writeable = False
    else:
        broken[fault] = "senseless"
    try:
        run.controller.update(**broken)
    except (TypeError, ValueError):
        assert run.contents() == before
    else:
        assert fault in ("grads", "array")  # which not every controller looks at


# Together


class Half(Controller):
    scale: ClassVar[float] = 0.5  # type: ignore[misc]

    def update(self, value: float, step: int | None = None, *, grads: Any = None) -> bool:
        return False

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, d: Mapping[str, Any]) -> None:
        pass


def test_a_controller_without_a_floor_scales_every_rate() -> None:
    assert [Half().rate(lr) for lr in (0.0, 1e-300, 1.0)] == [0.0, 5e-301, 0.5]


@given(
    st.lists(cases(), max_size=4),
    st.randoms(),
    st.floats(0, 10),
    st.lists(st.floats(-10, 10) | st.just(NAN), max_size=30),
)
def test_several_controllers_multiply_in_any_order(
    several: Any, random: Any, lr: float, values: list[float]
) -> None:
    w = np.ones(2)
    controllers: list[Any] = [CONTROLLERS[name](**settings) for name, settings in several]
    for controller in controllers:
        controller.bind(w)
    for value in values:
        for controller in controllers:
            with contextlib.suppress(FloatingPointError):
                controller.update(value, grads=np.sin(3 * w))
        w -= 0.1 * np.sin(3 * w)
    floor = max((c.min_lr for c in controllers), default=0.0)
    expected = max(lr * math.prod(c.scale for c in controllers), min(lr, floor))
    for order in (controllers, random.sample(controllers, len(controllers))):
        # five factors in another order: four roundings of half a unit in the last place either way
        assert lrc.SGD(w, lr=lr, controller=order).lr == pytest.approx(
            expected, rel=9e-16, abs=1e-300
        )


def test_min_lr_is_a_floor_of_the_rate_that_is_used() -> None:
    floored, other = (lrc.ReduceOnPlateau(0.1, 1, min_lr=m) for m in (0.05, 0.0))
    for c in (floored, other):
        c.update(1.0)
        c.update(1.0)
    for order in ([floored, other], [other, floored]):
        assert lrc.SGD(np.zeros(1), lr=1.0, controller=order).lr == 0.05
        assert lrc.SGD(np.zeros(1), lr=0.02, controller=order).lr == 0.02


def test_the_reference_scales_as_the_optimizer_does() -> None:
    plateaus = [lrc.ReduceOnPlateau(0.3, 1), lrc.ReduceOnPlateau(0.1, 1, min_lr=0.04)]
    opt = lrc.Adam(np.ones(5), lr=lrc.CosineAnnealing(1.0, 8), controller=[*plateaus, Half()])
    twin = Reference(opt)
    rng = np.random.default_rng(0)
    for _ in range(8):
        g = rng.standard_normal(5)
        twin.step(g)
        opt.step(g)
        np.testing.assert_array_equal(opt.params, twin.params[0])
        for plateau in plateaus:
            plateau.update(1.0)


@every_controller
def test_a_controller_follows_any_schedule(name: str) -> None:
    opt = lrc.SGD(np.ones(2), lr=lrc.StepDecay(0.5, every=2), controller=CONTROLLERS[name]())
    for _ in range(6):
        opt.controller.update(opt.params @ opt.params, grads=opt.params)
        expected = opt.schedule(opt.t) * opt.controller.scale
        opt.step(opt.params)
        assert opt.last_lr == expected


@every_controller
@pytest.mark.parametrize("way", ["state_dict", "pickle", "deepcopy"])
@pytest.mark.parametrize("cut", [0, 1, 4, 9])
def test_an_optimizer_is_resumed_with_its_controller(name: str, way: str, cut: int) -> None:
    def make(params: dict[str, Any]) -> Any:
        kind: Any = CONTROLLERS[name]
        controller = kind(patience=3) if "patience" in SETTINGS[name] else kind()
        return lrc.Adam(params, lr=0.05, controller=controller)

    def go(opt: Any, steps: range) -> None:
        for k in steps:
            grads = {key: p * 3 for key, p in opt.params.items()}
            opt.controller.update((2 - k) ** 2, step=k, grads=grads)
            opt.step(grads)

    def contents(opt: Any) -> Any:
        saved = opt.state_dict()["controllers"][0]
        return [bits(p) for p in opt.params.values()], repr(saved), opt.t, opt.lr

    opt = make({"W": np.ones((2, 3), np.float32), "b": np.full(2, -0.5)})
    go(opt, range(cut))
    if way == "state_dict":
        again = make({key: p.copy() for key, p in opt.params.items()})
        again.load_state_dict(opt.state_dict())
    else:
        again = pickle.loads(pickle.dumps(opt)) if way == "pickle" else copy.deepcopy(opt)
    for each in (opt, again):
        go(each, range(cut, 15))
    assert contents(again) == contents(opt)


@pytest.mark.parametrize("name", CONTROLLERS)
@pytest.mark.parametrize("state", [None, [], 1.0])
def test_a_state_that_is_no_mapping_is_refused(name: str, state: Any) -> None:
    with pytest.raises(ValueError, match="a state is a mapping"):
        CONTROLLERS[name]().load_state_dict(state)
