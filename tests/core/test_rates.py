"""The rate of an update: numbers, schedules, controllers, and other scheduled hyperparameters."""

import dataclasses

import numpy as np
import pytest
from cases import bits, everything, rated

import lrcore as lrc
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.reference.twin import Reference
from lrcore.schedules.catalogue import SCHEDULES

each_optimizer = pytest.mark.parametrize("cls", OPTIMIZERS.values(), ids=OPTIMIZERS)


def test_update_t_uses_the_schedule_at_t():
    seen = []
    p = np.zeros(1)
    opt = lrc.SGD(p, lr=lambda t: seen.append(t) or float(10**t))
    for k in range(3):
        opt.step(np.ones(1))
        assert opt.last_lr == 10.0**k
        assert opt.t == k + 1
    assert seen == [0, 1, 2]
    assert p[0] == -111.0


@pytest.mark.parametrize("cls", SCHEDULES.values(), ids=SCHEDULES)
def test_every_update_uses_the_schedules_own_value(cls):
    schedule = cls.example(0.1, 700)
    opt = lrc.SGD(np.zeros(1), lr=schedule, l2=schedule)
    twin = Reference(opt)
    g = np.ones(1)
    for t in range(1300):  # longer than any stretch of values computed ahead
        opt.step(g)
        twin.step(g)
        assert opt.last_lr == schedule(t)
        assert opt.lr == schedule(t + 1)
    assert bits(opt.params) == bits(twin.params[0])
    saved = opt.state_dict()
    fresh = lrc.SGD(np.zeros(1), lr=schedule, l2=schedule)
    fresh.step(g)
    fresh.load_state_dict(saved)
    fresh.step(g)
    assert fresh.last_lr == schedule(1300)


@each_optimizer
def test_a_number_a_constant_schedule_and_a_callable_are_the_same_rate(cls):
    results = []
    for lr in (0.05, lrc.Constant(0.05), lambda t: 0.05, lambda t: np.float64(0.05)):
        p = np.ones(5)
        opt = cls(p, lr=rated(cls, lr) if callable(lr) else lr)
        for k in range(3):
            opt.step(np.full(5, 1.0 + k))
        results.append(bits(p))
    assert len(set(results)) == 1


def test_the_rate_can_be_read_replaced_scaled_and_overridden():
    p = np.zeros(1)
    opt = lrc.SGD(p, lr=lrc.StepDecay(1.0, every=1, factor=0.5))
    assert (opt.lr, opt.schedule(1)) == (1.0, 0.5)
    opt.step(np.ones(1))
    assert (opt.lr, opt.last_lr) == (0.5, 1.0)
    opt.lr_scale = 0.5
    assert opt.lr == 0.25
    opt.step(np.ones(1), lr=3.0)
    assert opt.last_lr == 3.0
    opt.lr = 0.1
    assert opt.schedule == lrc.Constant(0.2)
    assert opt.lr == 0.1
    with pytest.raises(ValueError, match=r"lr must be .* got -1"):
        opt.lr = -1
    with pytest.raises(ValueError, match=r"lr_scale must be .* got nan"):
        opt.lr_scale = np.nan
    with pytest.raises(ValueError, match=r"step: lr must be .* got inf"):
        opt.step(np.ones(1), lr=np.inf)
    assert opt.lr == 0.1


def test_a_schedule_may_give_an_array_without_axes():
    opt = lrc.SGD(np.ones(2), lr=lambda t: np.array(0.25))
    opt.step(np.ones(2))
    assert opt.last_lr == 0.25


def test_a_rate_that_its_scale_takes_out_of_range_is_refused():
    opt = lrc.SGD(np.ones(2), lr=1e300)
    opt.lr_scale = 1e300
    with pytest.raises(ValueError, match="the rate of update 0 would be inf"):
        opt.step(np.ones(2))
    np.testing.assert_array_equal(opt.params, 1.0)


SENSELESS_SCHEDULES = {
    "nan": (lambda t: float("nan"), ValueError),
    "negative": (lambda t: -1e-3, ValueError),
    "infinite": (lambda t: float("inf"), ValueError),
    "text": (lambda t: "0.1", TypeError),
    "None": (lambda t: None, TypeError),
    "array": (lambda t: np.ones(2), TypeError),
    "error": (lambda t: 1 / 0, ZeroDivisionError),
}


@pytest.mark.parametrize("name", ["lr", "momentum", "l2"])
@pytest.mark.parametrize("case", SENSELESS_SCHEDULES)
def test_a_schedule_that_gives_no_sense_is_an_error_and_changes_nothing(case, name):
    function, error = SENSELESS_SCHEDULES[case]
    calls = []
    opt = lrc.SGD(
        np.ones(2),
        **{"momentum": 0.5, name: lambda t: calls.append(t) or (0.1 if t == 0 else function(t))},
    )
    opt.step(np.ones(2))
    before = everything(opt)
    with pytest.raises(error, match="division" if case == "error" else name):
        opt.step(np.ones(2))
    assert everything(opt) == before


def test_any_float_hyperparameter_may_be_a_schedule():
    rng = np.random.default_rng(0)
    vary = lambda low, high: lambda t: low + (high - low) * t / 10  # noqa: E731
    opt = lrc.AdamW(
        np.ones(9),
        lr=vary(0.1, 0.01),
        weight_decay=vary(0.0, 0.1),
        betas=(vary(0.95, 0.85), vary(0.99, 0.999)),
        eps=vary(1e-8, 1e-4),
        eps_root=vary(0.0, 1e-6),
    )
    twin = Reference(opt)
    for _ in range(10):
        g = rng.standard_normal(9)
        opt.step(g)
        twin.step(g)
    assert bits(opt.params) == bits(twin.params[0])


@dataclasses.dataclass(frozen=True)
class Own(lrc.Schedule):
    """A schedule of the user's, which counts its calls and knows three updates."""

    asked: list

    def _at(self, t, m):
        self.asked.append(t)
        return [0.1, 0.2, 0.3][int(t)]

    def __post_init__(self):
        pass

    def _length(self):
        return None

    @classmethod
    def _example(cls, lr, steps):
        return cls([])


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: s * 1.0, lambda s: s.shift(0)])
def test_a_schedule_of_the_users_is_asked_for_one_update_at_a_time(wrap):
    own = Own([])
    opt = lrc.SGD(np.ones(1), lr=wrap(own))
    used = []
    for _ in range(3):
        opt.step(np.ones(1))
        used.append(opt.last_lr)
    assert used == [0.1, 0.2, 0.3]
    assert own.asked == [0.0, 1.0, 2.0]


def test_a_schedule_may_replace_the_rate_that_asked_for_it():
    def rate(t):
        opt.lr = 0.25
        return 0.5

    opt = lrc.SGD(np.zeros(1), lr=rate)
    opt.step(np.ones(1))
    opt.step(np.ones(1))
    assert opt.params[0] == -0.75


def test_momentum_may_rise_from_zero_by_a_schedule():
    p = np.zeros(1)
    opt = lrc.SGD(p, lr=1.0, momentum=lambda t: 0.5 * t)
    opt.step(np.ones(1))
    opt.step(np.ones(1))
    assert p[0] == -1.0 - 1.5


def test_a_controller_scales_the_scheduled_rate():
    plateau = lrc.ReduceOnPlateau(factor=0.5, patience=1)
    opt = lrc.SGD(np.zeros(1), lr=lrc.StepDecay(1.0, every=2, factor=0.1), controller=plateau)
    used = []
    for loss in (1.0, 1.0, 0.5, 0.4):
        opt.step(np.ones(1))
        plateau.update(loss)
        used.append(opt.last_lr)
    assert used == [1.0, 1.0, 0.05, 0.05]
    assert opt.controller is plateau


def test_warmup_and_plateau_multiply():
    schedule = lrc.Constant(1.0).warmup(4)
    plateau = lrc.ReduceOnPlateau(factor=0.5, patience=1)
    opt = lrc.SGD(np.zeros(1), lr=schedule, controller=plateau)
    used = []
    for loss in (1.0, 1.0, 1.0, 0.5, 0.4):
        opt.step(np.ones(1))
        plateau.update(loss)
        used.append(opt.last_lr)
    assert used == [0.25, 0.5, 0.375, 0.25, 0.25]


def test_accumulated_gradients_make_one_update():
    schedule = lrc.StepDecay(1.0, every=1, factor=0.5)
    opt = lrc.SGD(np.zeros(1), lr=schedule)
    for _ in range(3):
        total = sum(np.full(1, 0.25) for _ in range(4))
        opt.step(total)
    assert opt.t == 3
    assert opt.params[0] == -1.75
