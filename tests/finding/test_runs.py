"""Training runs as objects: continuing them elsewhere, and finding the function that makes one."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lrcore as lrc
from lrcore.finding import run as runs
from lrcore.finding import setups
from lrcore.optimizers.catalogue import OPTIMIZERS


def setup(lr: float, name: str = "Adam", generator: bool = True) -> lrc.Run:
    w = {"a": np.ones((3, 2), np.float32), "b": np.zeros(4)}
    rng = np.random.default_rng(3)
    opt = OPTIMIZERS[name](w, lr=lr)  # type: ignore[call-arg]

    def step() -> float:
        grads = {k: v - 1 + rng.standard_normal(v.shape) for k, v in w.items()}
        opt.step(grads)
        return float(sum(np.sum(g * g) for g in grads.values()))

    return lrc.Run(opt, step, rng if generator else None)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_run_continues_elsewhere_with_the_same_bits(name: str) -> None:
    run = setup(0.1, name)
    list(run.losses(5))
    moment = pickle.loads(pickle.dumps(run.moment()))
    expected = list(run.losses(7))
    other = setup(0.1, name)
    other.go_to(moment)
    assert other.opt.t == moment.t == 5
    assert list(other.losses(7)) == expected
    for key, array in run.opt.params.items():
        np.testing.assert_array_equal(array, other.opt.params[key])


def test_a_moment_is_a_copy() -> None:
    run = setup(0.1)
    moment = run.moment()
    before = copy.deepcopy(moment.rng)
    list(run.losses(3))
    assert moment.rng == before
    assert (moment.snapshot.params["a"] == 1).all()
    assert moment.t == 0


@pytest.mark.parametrize("wrong", [None, {}, 3])
def test_only_a_moment_can_be_gone_to(wrong: object) -> None:
    with pytest.raises(TypeError, match="not a moment"):
        setup(0.1).go_to(wrong)  # type: ignore[arg-type]


def test_a_moment_of_other_parameters_changes_nothing() -> None:
    run, w = setup(0.1), np.ones(2)
    other = lrc.Run(lrc.SGD(w, lr=0.1), lambda: 0.0, np.random.default_rng(8))
    with pytest.raises(ValueError, match="this snapshot does not fit"):
        run.go_to(other.moment())
    assert list(run.losses(3)) == list(setup(0.1).losses(3))


def test_a_random_state_is_wanted_on_both_sides_or_on_none() -> None:
    with pytest.raises(ValueError, match="without a random generator"):
        setup(0.1).go_to(setup(0.1, generator=False).moment())


def test_a_run_without_a_generator_goes_back_too() -> None:
    run = setup(0.1, generator=False)
    moment = run.moment()
    before = copy.deepcopy(run.opt.params)
    list(run.losses(3))
    run.go_to(moment)
    assert run.opt.t == 0
    for key, array in before.items():
        np.testing.assert_array_equal(run.opt.params[key], array)


def test_a_refused_gradient_ends_the_losses_with_nan() -> None:
    w = np.ones(1)
    opt = lrc.SGD(w, lr=1.0)

    def step() -> float:
        opt.step(np.array([np.nan if opt.t == 2 else 1.0]))
        return 1.0

    losses = list(lrc.Run(opt, step).losses(10))
    assert losses[:2] == [1.0, 1.0]
    assert len(losses) == 3
    assert np.isnan(losses[2])


def test_a_step_without_a_loss_is_named() -> None:
    w = np.ones(1)
    run = lrc.Run(lrc.SGD(w), lambda: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError, match="must return its loss, got None"):
        list(run.losses(1))


def test_a_setup_may_return_a_plain_tuple() -> None:
    run = runs.start(lambda lr: (setup(lr).opt, lambda: 1.0), 0.3)
    assert isinstance(run, lrc.Run)
    assert run.opt.lr == 0.3


@pytest.mark.parametrize("made", [None, 3, (1, 2), (lrc.SGD(np.ones(1)), 7), ()])
def test_what_a_setup_must_return_is_named(made: object) -> None:
    with pytest.raises(TypeError, match=r"must return lrcore\.Run\(opt, step, \.\.\.\), got"):
        runs.start(lambda lr: made, 0.3)


@pytest.mark.parametrize("wrong", [lambda: None, lambda lr, data: None, lambda *, lr: None])
def test_a_setup_that_does_not_take_the_rate_is_told_what_is_wanted(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"<lambda>\(lr\) -> lrcore\.Run\(opt, step, \.\.\.\), not"):
        runs.start(wrong, 0.3)


def test_a_type_error_of_a_setup_that_takes_the_rate_is_its_own() -> None:
    def wrong(lr: float) -> Any:
        return lr + "text"  # type: ignore[operator]

    with pytest.raises(TypeError, match="unsupported operand"):
        runs.start(wrong, 0.3)


def test_a_legacy_generator_is_refused() -> None:
    made = (lrc.SGD(np.ones(1)), lambda: 1.0, np.random.RandomState(0))
    with pytest.raises(TypeError, match=r"numpy\.random\.Generator"):
        runs.start(lambda lr: made, 0.3)


def test_a_score_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="score of a Run must be callable, got 3"):
        runs.start(lambda lr: setup(lr)._replace(score=3), 0.3)  # type: ignore[arg-type]


def test_a_setup_is_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_model_of_mine.py").write_text("def begin(lr):\n    return lr\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"])
    assert setups.load_setup("a_model_of_mine:begin")(0.5) == 0.5  # type: ignore[comparison-overlap]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lrcore.demo", "not MODULE:FUNCTION, for example lrcore.demo:digits"),
        ("lrcore.demo:", "not MODULE:FUNCTION"),
        (".demo:digits", "not MODULE:FUNCTION"),
        ("..:f", "not MODULE:FUNCTION"),
        ("demo.py:digits", "no module 'demo.py' here; write demo:digits"),
        ("no_such_module:f", "no module 'no_such_module' here"),
        ("lrcore.nothing:f", "no module 'lrcore.nothing' here"),
        ("lrcore.demo:digts", "no function 'digts'; did you mean digits"),
    ],
)
def test_a_wrong_name_of_a_setup_gets_a_precise_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        setups.load_setup(text)
