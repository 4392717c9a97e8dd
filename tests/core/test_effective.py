"""The rate of each element, beside what updates did."""

from inspect import signature

import numpy as np
import pytest
from cases import VARIANTS, gradients, rated, variant_id

import lrcore as lrc


def is_straight(cls, options):
    """Whether an update is along one direction, but for decay by default."""
    if cls in (lrc.ScheduleFreeSGD, lrc.ScheduleFreeAdamW):
        return False  # whose z moves so; test_schedule_free.py has it
    defaults = {name: each.default for name, each in signature(cls).parameters.items()}
    decay = (cls is not lrc.FTRL and options.get("l2", 0)) or options.get("weight_decay", 0)
    return not (decay or (defaults | options).get("momentum"))


STRAIGHT = [variant for variant in VARIANTS if is_straight(*variant)]


def update_and_gradient(opt, w):
    """The last of four updates."""
    rng = np.random.default_rng(0)
    for _ in range(4):
        g, before = gradients(rng, w.shape), w.copy()
        state = {letter: array.copy() for letter, array in opt.state["w"].items()}
        opt.step({"w": g})
    return np.abs(w - before), g, state


def direction(opt, g, before):
    """Of the fourth update: the gradient, or its corrected mean, of the next one for what looks
    ahead; for those that step by it a sign."""
    m = opt.state["w"].get("m")
    if isinstance(opt, lrc.Rprop):  # which rests where the sign turns
        return np.sign(opt.state["w"]["g_old"])
    if isinstance(opt, lrc.SignSGD):
        return np.sign(g if m is None else m)
    if m is None:
        return g
    beta1 = opt.hyperparameters["betas"][0]
    if isinstance(opt, lrc.Lion):
        return np.sign(beta1 * before["m"] + (1 - beta1) * g)
    if opt.hyperparameters.get("nesterov"):
        return beta1 * m / (1 - beta1**5) + (1 - beta1) * g / (1 - beta1**4)
    if not isinstance(opt, lrc.NAdam):
        return m / (1 - beta1**4)
    decay = opt.hyperparameters["momentum_decay"]
    *mus, ahead = [beta1 * (1 - 0.5 * 0.96 ** (n * decay)) for n in range(1, 6)]
    product = np.prod(mus)
    return ahead * m / (1 - product * ahead) + (1 - mus[-1]) * g / (1 - product)


@pytest.mark.parametrize(("cls", "options"), STRAIGHT, ids=variant_id)
def test_the_effective_rate_is_the_update_over_its_direction(cls, options):
    w = np.random.default_rng(1).standard_normal(50)
    if "weight_decay" in signature(cls).parameters:
        options = {**options, "weight_decay": 0.0}
    schedule = lrc.ExponentialDecay(0.01, gamma=0.9)
    if cls is lrc.FTRL:  # whose l1 pulls as well; a rate that changes moves p by itself
        options, schedule = {**options, "l1": 0.0}, lrc.Constant(0.01)
    opt = cls({"w": w}, lr=rated(cls, schedule), **options)
    update, g, before = update_and_gradient(opt, w)
    rate = opt.effective_lr("w")
    if cls is lrc.Adadelta:  # whose rate is that of the next update
        eps = opt.hyperparameters["eps"]
        rate = rate * np.sqrt((before["u"] + eps) / (opt.state["w"]["u"] + eps))
    # the difference of parameters has lost digits
    np.testing.assert_allclose(
        update, rate * np.abs(direction(opt, g, before)), rtol=1e-9, atol=1e-15
    )


def test_groups_have_their_own_rates():
    a, b = np.ones(2), np.ones((2, 2))
    opt = lrc.SGD([lrc.Group(a), lrc.Group(b, lr_scale=3.0)], lr=0.5)
    opt.step([a, b], lr=0.25)
    np.testing.assert_array_equal(opt.effective_lr("0.0"), [0.25, 0.25])
    np.testing.assert_array_equal(opt.effective_lr("1.0"), np.full((2, 2), 0.75))


def test_it_speaks_of_the_last_update_that_was_applied():
    w = np.ones(2)
    opt = lrc.SGD(w, lr=lrc.Linear(1.0, 0.0, 10))
    opt.step(w)
    with pytest.raises(FloatingPointError):
        opt.step(w * np.nan)
    with pytest.raises(ValueError, match="shape"):
        opt.step(np.ones(3))
    np.testing.assert_array_equal(opt.effective_lr("0"), [1.0, 1.0])


def test_without_an_update_there_is_no_rate():
    opt = lrc.Adam({"w": np.ones(2)})
    with pytest.raises(RuntimeError, match='"w" has had no update here yet'):
        opt.effective_lr("w")
    saved = opt.state_dict()
    opt.step({"w": np.ones(2)})
    opt.load_state_dict(saved)
    with pytest.raises(RuntimeError, match="no update"):
        opt.effective_lr("w")


def test_an_unknown_name_is_refused():
    with pytest.raises(KeyError, match="no parameter is named 'W'"):
        lrc.Adam({"w": np.ones(2)}).effective_lr("W")


def test_an_element_whose_root_is_zero_has_no_rate_without_eps():
    opt = lrc.Adam(np.ones(2), lr=0.5, eps=0.0)
    opt.step(np.array([0.0, 3.0]))
    np.testing.assert_allclose(opt.effective_lr("0"), [0.0, 0.5 / 3])


def test_adadelta_has_no_rate_where_it_cannot_divide():
    opt = lrc.Adadelta(np.ones(2), lr=0.5, eps=0.0)
    opt.step(np.array([0.0, 3.0]))
    np.testing.assert_array_equal(opt.effective_lr("0"), [0.0, 0.0])
