"""Every hyperparameter of every optimizer is checked when it is given and when it is assigned."""

import inspect
import math
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from cases import everything

import lrcore as lrc
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.optimizers.options import DEFAULTS

NO_NUMBERS = ["0.1", b"0.1", None, True, np.True_, 1j, Decimal("0.1"), [0.1], np.ones(1), {}]
NO_NUMBERS += [np.complex64(0.5), np.datetime64("2000-01-01"), object]
OUT_OF_RANGE = [-1.0, -5e-324, math.nan, math.inf, -math.inf, np.float32("nan"), 10**400, -1]
ABOVE_ONE = [math.nextafter(1, 2), Fraction(3, 2), 2]
# Of each hyperparameter that is a number: what else is refused.
BEYOND = {
    "warmup": [0.5, 1.0],
    "r": [],
    "weight_lr_power": [],
    "lr": [],
    "momentum": [1.0, *ABOVE_ONE],
    "dampening": ABOVE_ONE,
    "rho": [1.0, *ABOVE_ONE],
    "beta1": [1.0, *ABOVE_ONE],
    "eps": [],
    "eps_root": [],
    "eps_out": [],
    "initial_accumulator_value": [],
    "momentum_decay": [],
    "l2": [],
    "weight_decay": [],
    "trust": [],
    "beta": [],
    "l1": [],
    "max_trust": [],
    "clip_norm": [0.0, 0],
    "clip_value": [0.0, 0],
}
# Of pairs whose ends differ: what is accepted of each, and what else is refused.
PAIRS = {
    "etas": [(0.5, [0, 0.0, 1, 1.0, *ABOVE_ONE]), (1.2, [0.0, 1, 1.0, math.nextafter(1, 0)])],
    "step_sizes": [(1e-6, [0, 0.0]), (50.0, [0, 0.0])],
}
# Classes that refuse 0 as well, since they divide by it, as the first of betas or alone.
FREE = (lrc.ScheduleFreeSGD, lrc.ScheduleFreeAdamW)
# The ends that are accepted.
ENDS = [(lrc.SGD, "lr", 0), (lrc.SGD, "momentum", 0.0), (lrc.SGD, "l2", 0), (lrc.Adam, "eps", 0)]
ENDS += [(lrc.RMSprop, "rho", 0), (lrc.RMSprop, "rho", math.nextafter(1, 0))]
ENDS += [(lrc.Adam, "betas", (0, 0.0)), (lrc.Adam, "betas", (math.nextafter(1, 0),) * 2)]
ENDS += [(lrc.Adam, "eps_root", 0), (lrc.AdamW, "weight_decay", 0), (lrc.AdamW, "lr", 1e308)]
ENDS += [(lrc.Adagrad, "initial_accumulator_value", 0), (lrc.Adagrad, "clip_norm", 5e-324)]
ENDS += [(lrc.Rprop, "lr", 0), (lrc.Rprop, "step_sizes", (5e-324, 5e-324)), (lrc.FTRL, "l1", 0)]
ENDS += [(lrc.ScheduleFreeSGD, name, 0) for name in ("lr", "warmup", "r", "weight_lr_power", "l2")]
ENDS += [(lrc.ScheduleFreeAdamW, "betas", (math.nextafter(1, 0), 0))]


def no_numbers(name):
    """A class is callable, and so could be a schedule; None may mean that there is no limit."""
    kept = (
        NO_NUMBERS
        if name in {*DEFAULTS, "initial_accumulator_value", "warmup"}
        else NO_NUMBERS[:-1]
    )
    optional = name in ("trust", "max_trust") or DEFAULTS.get(name, 0) is None
    return [x for x in kept if not (x is None and optional)]


def names_of(cls):
    """Every argument but the parameters."""
    return [*inspect.signature(cls).parameters][1:]


def refusals(cls):
    """Names, values, and what of a value is wrong."""
    for name in names_of(cls):
        if isinstance(inspect.signature(cls).parameters[name].default, bool):
            yield from ((name, value, value) for value in (0, 1, None, "yes", np.ones(1)))
        elif name in BEYOND:
            positive = (cls is lrc.FTRL and name == "lr") or (cls in FREE and name == "momentum")
            beyond = [0, 0.0, *BEYOND[name]] if positive else BEYOND[name]
            values = no_numbers(name) + OUT_OF_RANGE + beyond
            yield from ((name, value, value) for value in values)
        elif name == "betas":
            yield from ((name, value, value) for value in (0.9, (0.9,), (0.9,) * 3, None, {}))
            for beta in no_numbers("beta1") + OUT_OF_RANGE + BEYOND["beta1"]:
                yield from ((name, pair, beta) for pair in ((beta, 0.9), (0.9, beta)))
            if cls in FREE:
                yield from ((name, (zero, 0.9), zero) for zero in (0, 0.0))
        elif name in PAIRS:
            yield from ((name, value, value) for value in (0.9, (0.9,), (0.9,) * 3, None, {}))
            for i, (fine, beyond) in enumerate(PAIRS[name]):
                for x in no_numbers(name) + OUT_OF_RANGE + beyond:
                    yield name, (x, fine) if i == 0 else (PAIRS[name][0][0], x), x
        elif name == "num_threads":
            values = [0, -1, 257, 1.0, "2", True, [2], np.ones(1), math.nan]
            yield from ((name, value, value) for value in values)
        elif name == "nonfinite":
            yield from ((name, value, value) for value in ("ignore", None, True, np.ones(2)))


REFUSED = [
    pytest.param(cls, name, value, wrong, id=f"{cls.__name__}-{name}-{str(value)[:20]}")
    for cls in OPTIMIZERS.values()
    for name, value, wrong in refusals(cls)
]
IN_GROUPS = [case for case in REFUSED if case.values[1] not in DEFAULTS]


@pytest.mark.parametrize(("cls", "name", "value", "wrong"), REFUSED)
def test_a_senseless_hyperparameter_is_refused_by_name_and_range(cls, name, value, wrong):
    message = rf"^{cls.__name__}: {name}(\[\d\])? must be .+, got {re.escape(repr(wrong))}$"
    with pytest.raises((TypeError, ValueError), match=message):
        cls(np.ones(1), **{name: value})


@pytest.mark.parametrize(("cls", "name", "value", "wrong"), IN_GROUPS)
def test_a_group_refuses_what_its_optimizer_refuses(cls, name, value, wrong):
    message = rf"^{cls.__name__}: {name}(\[\d\])? must be .+, got {re.escape(repr(wrong))}$"
    with pytest.raises((TypeError, ValueError), match=message):
        cls([lrc.Group(np.ones(1), **{name: value})])


@pytest.mark.parametrize("cls", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_hyperparameter_of_an_optimizer_is_tried(cls):
    tried = {case.values[1] for case in REFUSED if case.values[0] is cls}
    assert tried == set(names_of(cls)) - {"controller"}


@pytest.mark.parametrize(("cls", "name", "value"), ENDS)
def test_the_ends_of_a_range_are_accepted(cls, name, value):
    assert cls(np.ones(1), **{name: value}).hyperparameters[name] == value


ASSIGNED = [
    (name, value) for name in ("lr", "lr_scale") for value in no_numbers(name) + OUT_OF_RANGE
]


@pytest.mark.parametrize(("name", "value"), ASSIGNED, ids=lambda x: str(x)[:20])
@pytest.mark.parametrize("cls", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_senseless_number_cannot_be_assigned_and_changes_nothing(cls, name, value):
    opt = cls(np.ones(2), lr=0.5)
    before = everything(opt), repr(opt)
    with pytest.raises((TypeError, ValueError), match=f"^{cls.__name__}: {name} must be "):
        setattr(opt, name, value)
    assert (everything(opt), repr(opt), opt.lr) == (*before, 0.5)


@pytest.mark.parametrize(
    "value", [2, np.float32(0.25), np.float64(0.5), np.int8(1), Fraction(1, 3)]
)
def test_any_real_number_is_a_rate(value):
    assert lrc.SGD(np.ones(1), lr=value).lr == float(value)


@pytest.mark.parametrize("make", [float, lambda x: lambda t: x], ids=["number", "schedule"])
@pytest.mark.parametrize("name", ["eps", "eps_root"])
def test_an_eps_that_float32_rounds_to_zero_is_refused(name, make):
    p = np.ones(2, np.float32)
    with pytest.raises(ValueError, match=f"^{name}=1e-46 is 0 when rounded to the parameters' flo"):
        lrc.Adam(p, **{name: make(1e-46)}).step(np.zeros(2))
    np.testing.assert_array_equal(p, 1.0)
    assert lrc.Adam(np.ones(2), **{name: make(1e-46)}).step(np.zeros(2))
    assert lrc.Adam(p, **{name: make(0.0)}).step(np.ones(2))
