"""N updates, saved and loaded, and M more have the bits of N + M: any rule, schedule, controller.

LRCORE_EXAMPLES=5000 tries as many random runs.
"""

import contextlib
import copy
import math
import pickle
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from cases import EXAMPLES, RATED, SUFFIXES, bits, gradients
from controller_cases import cases as controllers
from hypothesis import given, settings
from hypothesis import strategies as st
from random_schedules import schedules

import lrcore as lrc
from lrcore.controllers.catalogue import CONTROLLERS
from lrcore.schedules.algebra import OPERATORS
from lrcore.schedules.catalogue import SCHEDULES

SHAPES = ((3, 2), (), (0,), (17,))
NAN = math.nan

LINE = lrc.Linear(0.1, 0.0, 9)
# Every class and operator, with something happening all the time.
LIVELY = [
    *(cls.example(0.1, 9) for cls in SCHEDULES.values()),
    lrc.CosineAnnealing(0.1, 9).warmup(4),
    lrc.CosineWarmRestarts(0.1, 3, mult=1.5, decay=0.5),
    lrc.OneCycle(0.1, 12, three_phase=True),
    lrc.WSD(0.1, warmup_steps=3, stable_steps=4, decay_steps=5),
    lrc.Cyclical(0.01, 0.1, 3, 2, mode="triangular2"),
    lrc.StepDecay(0.1, every=2).then(lrc.Linear(0.2, 0.0, 5), at=6),
    lrc.InverseSqrt(0.1, 5).per_epoch(2, smooth=True),
    lrc.Constant(0.1) * lrc.ExponentialDecay(1.0, half_life=3),
    LINE.shift(3),
    LINE.stretch(1.5),
    LINE.repeat(4, decay=0.5),
    LINE.clip(0.02, 0.07),
    LINE * 0.5,
    LINE + lrc.Constant(0.1),
    LINE.minimum(lrc.Cyclical(0.0, 0.1, 2)),
]
ANY_SCHEDULE = schedules(2) | st.sampled_from(LIVELY)


class Plan(NamedTuple):
    """A run: the same optimizer can be made from it again and again."""

    rule: tuple[Any, dict[str, Any]]
    schedule: Any
    controllers: list[tuple[str, dict[str, Any]]]
    grouped: bool
    float32: bool
    common: dict[str, Any]
    start: int  # the index of the first update
    metrics: list[float]  # one an update, told to all controllers

    def params(self):
        rng = np.random.default_rng(0)
        values = [rng.standard_normal(shape) for shape in SHAPES]
        return [p.astype(np.float32) if self.float32 and i % 2 else p for i, p in enumerate(values)]

    def make(self, params):
        """An optimizer over copies of these."""
        cls, options = self.rule
        arrays = [p.copy() for p in params]
        given: Any = arrays
        if self.grouped:
            given = [
                lrc.Group({"a": arrays[0], "b": arrays[1]}, lr_scale=2.0),
                lrc.Group(arrays[2:], lr=lrc.Linear(0.1, 0.0, 7)),
            ]
        acting = [CONTROLLERS[name](**kept) for name, kept in self.controllers]
        return cls(given, lr=self.schedule, controller=acting, **options, **self.common)

    def gradients(self, t):
        rng = np.random.default_rng(t + 1)
        g = [gradients(rng, shape) for shape in SHAPES]
        if rng.random() < 0.2:
            g[0][0, 0] = NAN
        return [{"a": g[0], "b": g[1]}, g[2:]] if self.grouped else g

    def run(self, opt, updates):
        """Updates, each with a report; what may be refused is refused alike in every run."""
        for t in updates:
            g = self.gradients(t)
            with contextlib.suppress(ValueError, FloatingPointError):
                opt.step(g)
            for controller in opt.controllers:
                with contextlib.suppress(ValueError, FloatingPointError):
                    controller.update(self.metrics[t], grads=g)


@st.composite
def plans(draw, schedule=ANY_SCHEDULE):
    with_norm = st.sampled_from([{}, {"clip_norm": 0.5}, {"clip_value": 0.1, "maximize": True}])
    policy = st.sampled_from(["raise", "skip", "allow"])
    return Plan(
        draw(st.sampled_from(RATED)),
        draw(schedule),
        draw(st.lists(controllers(), max_size=2)),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(with_norm) | {"nonfinite": draw(policy)},
        draw(st.just(0) | st.integers(0, 300) | st.sampled_from([10**6, 2**52])),
        draw(st.lists(st.floats(-5, 5) | st.sampled_from([NAN, math.inf]), min_size=14)),
    )


def leaves(opt):
    return [*opt.roster.arrays.values()]


def contents(opt):
    """All that decides how a run goes on."""
    saved = opt.state_dict()
    arrays = [a for state in saved.pop("state").values() for a in state.values()]
    kept = [entry["state"].pop("arrays", {}) for entry in saved["controllers"]]
    arrays += [a for memory in kept for named in memory.values() for a in named.values()]
    numbers = opt.t, opt.skipped, opt.lr_scale, repr(opt.last_lr), opt.lrs
    return [bits(a) for a in arrays + leaves(opt)], repr(saved), repr(numbers)


def copy_params(source, target):
    for a, b in zip(leaves(source), leaves(target), strict=True):
        b[...] = a


# The ways from one optimizer to another, made already or not.


def by_state_dict(first, other):
    saved = first.state_dict()
    return lambda: other.load_state_dict(saved)


def by_pickled_state_dict(first, other):
    saved = pickle.dumps(first.state_dict())
    return lambda: other.load_state_dict(pickle.loads(saved))


def by_snapshot(first, other):
    saved = first.snapshot()
    return lambda: other.restore(saved)


def by_file(suffix, params):
    def way(first, other):
        with tempfile.TemporaryDirectory() as place:
            first.save(Path(place, f"a{suffix}"), params=params)
            data = Path(place, f"a{suffix}").read_bytes()

        def load():
            with tempfile.TemporaryDirectory() as place:
                Path(place, f"b{suffix}").write_bytes(data)
                other.load(Path(place, f"b{suffix}"), params=params)

        return load

    return way


# To one that is there already; each gives a function that loads what was saved.
INTO = {
    "state_dict": by_state_dict,
    "pickled state_dict": by_pickled_state_dict,
    "snapshot": by_snapshot,
    **{suffix: by_file(suffix, params=False) for suffix in SUFFIXES},
    **{f"{suffix} with parameters": by_file(suffix, params=True) for suffix in SUFFIXES},
}
WITH_PARAMETERS = {"snapshot", *(f"{suffix} with parameters" for suffix in SUFFIXES)}
# To a new one.
WHOLE = {
    **{f"pickle {n}": lambda opt, n=n: pickle.loads(pickle.dumps(opt, n)) for n in range(2, 6)},
    "deepcopy": copy.deepcopy,
}
CUT = st.integers(0, 8)


def begun(plan):
    """An optimizer before the first update of the plan."""
    opt = plan.make(plan.params())
    opt.load_state_dict(opt.state_dict() | {"t": plan.start, "lr_scale": 0.75, "skipped": 3})
    return opt


def end_of(plan, updates=14):
    opt = begun(plan)
    plan.run(opt, range(updates))
    return contents(opt)


@given(plans(), CUT, st.sampled_from(sorted(WHOLE)))
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_copied_run_goes_on_as_if_it_had_not_been(plan, cut, way):
    opt = begun(plan)
    plan.run(opt, range(cut))
    other = WHOLE[way](opt)
    assert contents(other) == contents(opt)
    plan.run(opt, range(cut, cut + 1))  # which the copy must not see
    plan.run(other, range(cut, 14))
    assert contents(other) == end_of(plan)


@given(plans(), CUT, st.sampled_from(sorted(INTO)), st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_run_resumed_in_any_order_goes_on_as_if_unbroken(plan, cut, way, data):
    early, late, twice, params_first = (data.draw(st.booleans()) for _ in range(4))
    other = plan.make(plan.params()) if early else None  # before the run to be resumed
    opt = begun(plan)
    plan.run(opt, range(cut))
    other = other or plan.make(plan.params())
    plan.run(other, range(data.draw(st.integers(0, 3))))  # another run, to be forgotten
    load = INTO[way](opt, other)
    at_cut = plan.make(leaves(opt))
    plan.run(opt, range(cut, cut + 1) if late else range(0))  # which what was saved must not see
    if params_first:
        copy_params(at_cut, other)
    for _ in range(1 + twice):
        load()
    if way not in WITH_PARAMETERS:
        copy_params(at_cut, other)
    plan.run(other, range(cut, 14))
    assert contents(other) == end_of(plan)


@pytest.mark.parametrize("schedule", LIVELY, ids=repr)
@settings(max_examples=2, deadline=None)
@given(st.data())
def test_every_schedule_resumes_at_every_step(schedule, data):
    plan = data.draw(plans(st.just(schedule)))._replace(start=0)
    expected = end_of(plan, 12)
    opt = begun(plan)
    for cut in range(12):
        other = plan.make(leaves(opt))
        other.load_state_dict(opt.state_dict())
        plan.run(other, range(cut, 12))
        assert contents(other) == expected
        plan.run(opt, range(cut, cut + 1))


def test_every_schedule_and_operator_is_among_the_lively():
    assert {type(schedule).__name__ for schedule in LIVELY} == {*SCHEDULES, *OPERATORS}
