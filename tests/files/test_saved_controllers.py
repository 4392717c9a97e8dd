"""Controllers are saved with class and settings, never exchanged, and can begin anew."""

import itertools
from typing import Any

import numpy as np
import pytest
from controller_cases import SETTINGS

import lrcore as lrc
from lrcore.controllers.catalogue import CONTROLLERS

Plateau, Stopping = lrc.ReduceOnPlateau, lrc.EarlyStopping


def optimizer(*controllers: Any) -> lrc.SGD:
    return lrc.SGD(np.ones(1), lr=1.0, controller=list(controllers))


def told(*controllers: Any) -> dict[str, Any]:
    """A state in which each controller was told another number of evaluations."""
    opt = optimizer(*controllers)
    for k, controller in enumerate(controllers):
        for value in range(k + 1):
            controller.update(float(value), grads=np.ones(1))
    return opt.state_dict()


def three() -> list[Any]:
    return [Plateau(0.5, patience=1), Plateau(0.1, patience=1, mode="max"), Stopping(patience=3)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_each_finds_its_own_state_in_any_order(order: tuple[int, ...]) -> None:
    saved, here = told(*three()), three()
    report = optimizer(*(here[k] for k in order)).load_state_dict(saved)
    assert report == ((), (), (), ())
    states = [entry["state"] for entry in saved["controllers"]]
    assert [c.state_dict()["best"] for c in here] == [s["best"] for s in states]
    assert here[1].scale == states[1]["scale"]


def test_equal_controllers_are_taken_in_turn() -> None:
    saved = told(Plateau(0.5, patience=1), Plateau(0.5, patience=1))
    first, second = Plateau(0.5, patience=1), Plateau(0.5, patience=1)
    optimizer(first, second).load_state_dict(saved)
    assert (first.scale, second.scale) == (1.0, 0.5)


def test_a_setting_changed_on_purpose_is_reported() -> None:
    saved, here = told(*three()), three()
    here[0] = Plateau(0.25, patience=7)
    report = optimizer(here[2], here[0], here[1]).load_state_dict(saved)
    assert report.differing == (
        "controllers[1].factor is 0.25 here and was 0.5 when it was saved",
        "controllers[1].patience is 7 here and was 1 when it was saved",
    )
    assert here[0].state_dict()["best"] == saved["controllers"][0]["state"]["best"]


def test_two_of_a_class_with_other_settings_cannot_be_told_apart() -> None:
    saved = told(Plateau(0.5), Plateau(0.1))
    first, second = Plateau(0.4), Plateau(0.2)
    opt = optimizer(first, second)
    with pytest.raises(ValueError, match=r"controllers\[0\], controllers\[1\]: .*assign others"):
        opt.load_state_dict(saved)
    assert (first.best, second.best, opt.t) == (None, None, 0)


def test_settings_that_have_moved_on_by_one_are_not_taken_for_one_another() -> None:
    saved = told(Plateau(0.5, patience=1), Plateau(0.5, patience=2))
    first, second = Plateau(0.5, patience=2), Plateau(0.5, patience=4)
    with pytest.raises(ValueError, match=r"controllers\[0\], controllers\[1\]: .*which is which"):
        optimizer(first, second).load_state_dict(saved)
    optimizer(first, second).load_state_dict(saved, strict=False)
    assert (first.best, second.best) == (None, None)


def test_the_way_that_the_error_names_works() -> None:
    saved = told(Plateau(0.5), Plateau(0.1))
    first, second = Plateau(0.5), Plateau(0.1)
    optimizer(first, second).load_state_dict(saved)
    first.factor, second.factor = 0.4, 0.2
    assert first.best == saved["controllers"][0]["state"]["best"]


def test_no_controller_takes_over_the_state_of_another_class() -> None:
    saved = told(Plateau(), Stopping())
    with pytest.raises(ValueError, match="1 controllers are ReduceOnPlateau, expected 2"):
        optimizer(Plateau(), Plateau()).load_state_dict(saved)


def test_without_strict_those_that_fit_go_on() -> None:
    saved = told(Plateau(0.5, patience=1), Stopping())
    stopping = Stopping()
    report = optimizer(stopping).load_state_dict(saved, strict=False)
    assert report.mismatched == ("2 controllers, expected 1",)
    assert stopping.best == 0.0


def test_a_snapshot_brings_each_its_own() -> None:
    first, second = Plateau(0.5, patience=1), Plateau(0.1, patience=1)
    opt = optimizer(first, second)
    snapshot = opt.snapshot()
    second.update(1.0)
    second.update(1.0)
    opt.restore(snapshot)
    assert (first.scale, second.scale) == (1.0, 1.0)


class Own(lrc.Controller):
    """One of the user's, with no settings that are known."""

    def __init__(self) -> None:
        self.told = 0.0

    scale = 1.0

    def update(self, value: float, step: int | None = None, *, grads: Any = None) -> bool:
        self.told = value
        return False

    def state_dict(self) -> dict[str, Any]:
        return {"told": self.told}

    def load_state_dict(self, d: Any) -> None:
        self.told = d["told"]


def test_a_controller_of_the_users_is_known_by_its_class() -> None:
    own, plateau = Own(), Plateau()
    opt = optimizer(own, plateau)
    own.update(3.0)
    again, other = Own(), Plateau()
    optimizer(other, again).load_state_dict(opt.state_dict())
    assert again.told == 3.0


RECORDS: dict[str, tuple[Any, str]] = {
    "an entry": (lambda c: c[0].pop("class"), "a controller is not class, settings, state"),
    "class": (lambda c: c[0].update({"class": 1}), "class of a controller is a int"),
    "settings": (lambda c: c[0].update(settings=[]), "settings of a controller is a list"),
    "state": (lambda c: c[0].update(state=None), "state of a controller is a NoneType"),
}


@pytest.mark.parametrize("case", RECORDS)
def test_what_is_no_record_is_refused(case: str) -> None:
    change, message = RECORDS[case]
    saved = told(Plateau())
    change(saved["controllers"])
    with pytest.raises(ValueError, match=message):
        optimizer(Plateau()).load_state_dict(saved)


# --- beginning anew -------------------------------------------------------------------------------


def test_a_run_that_was_stopped_goes_on_after_a_reset() -> None:
    stop = Stopping(patience=2)
    opt = optimizer(stop)
    for value in (3, 2, 2, 2):
        opt.step(np.ones(1))
        stop.update(value)
    later = Stopping(patience=10)
    report = optimizer(later).load_state_dict(opt.state_dict())
    assert report.differing == ("controllers[0].patience is 10 here and was 2 when it was saved",)
    assert later.stop
    later.reset()
    assert (later.stop, later.best, later.patience) == (False, None, 10)
    assert not later.update(5.0)


@pytest.mark.parametrize("name", CONTROLLERS)
def test_reset_leaves_the_settings_and_nothing_else(name: str) -> None:
    settings = {"patience": 1} if "patience" in SETTINGS[name] else {}
    used, new = (CONTROLLERS[name](**settings) for _ in range(2))
    for controller in (used, new):
        lrc.SGD(np.ones(2), controller=controller)
    for value in (3.0, 4.0, 4.0, 2.0):
        used.update(value, grads=np.full(2, value))
    used.reset()
    assert repr(used) == repr(new)
    assert used.state_dict() == new.state_dict()
    again = [c.update(1.0, grads=np.ones(2)) for c in (used, new)]
    assert again[0] == again[1]
    assert repr(used.state_dict()) == repr(new.state_dict())


def test_a_lowered_rate_comes_back() -> None:
    plateau = Plateau(0.1, patience=1)
    opt = optimizer(plateau)
    plateau.update(1.0)
    plateau.update(1.0)
    assert opt.lr == 0.1
    plateau.reset()
    assert opt.lr == 1.0
