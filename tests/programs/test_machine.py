"""Random programs: whatever is called in whatever order, an optimizer is its model in plain NumPy.

LRCORE_EXAMPLES=5000 tries as many programs.
"""

import copy
import math
import pickle
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cases import ANY_RATE, EXAMPLES, SUFFIXES, bits, gradients
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import lrcore as lrc
from lrcore.checks.trees import flatten
from lrcore.reference.twin import Reference

SEEDS = st.integers(0, 2**32 - 1)
RATES = st.sampled_from([0.0, 0.1, 0.5, 1e-3])
SCHEDULES = st.sampled_from(
    [
        lrc.Linear(0.2, 0.0, 5),
        lrc.CosineWarmRestarts(0.1, 3).warmup(4),
        lrc.StepDecay(0.3, every=2, factor=0.5),
        lrc.Lambda(lambda t: 0.1 / (t + 1), name="own"),
    ]
)
LOSSES = st.floats(-10, 10) | st.sampled_from([math.nan, math.inf])
COMMON = st.sampled_from(
    [{}, {"clip_norm": 0.5}, {"clip_value": 0.1}, {"maximize": True, "clip_norm": 2.0}]
)


def array(rng, layout, dtype):
    """A parameter of one of several shapes, which lies in memory in one of several ways."""
    make = {
        "flat": lambda: rng.standard_normal(7),
        "matrix": lambda: rng.standard_normal((3, 4)),
        "transposed": lambda: rng.standard_normal((3, 4)).T,
        "every other": lambda: rng.standard_normal(10)[::2],
        "backwards": lambda: rng.standard_normal((2, 5))[:, ::-1],
        "scalar": lambda: np.array(rng.standard_normal()),
        "empty": lambda: np.zeros((0, 3)),
        "long": lambda: rng.standard_normal(1030),
    }[layout]
    value = make()
    strides = tuple(s // value.itemsize * np.dtype(dtype).itemsize for s in value.strides)
    if min(strides, default=0) < 0:
        return value.astype(dtype, order="K")[..., ::-1]
    room = np.zeros(value.nbytes * 2 // value.itemsize + 1, dtype)
    view = np.lib.stride_tricks.as_strided(room, value.shape, strides)
    view[...] = value
    return view


LAYOUTS = ["flat", "matrix", "transposed", "every other", "backwards", "scalar", "empty", "long"]
ARRAYS = st.tuples(SEEDS, st.sampled_from(LAYOUTS), st.sampled_from([np.float32, np.float64]))


def built(drawn):
    seed, layout, dtype = drawn
    return array(np.random.default_rng(seed), layout, dtype)


TREES = st.recursive(
    ARRAYS.map(built),
    lambda inside: (
        st.lists(inside, min_size=1, max_size=3)
        | st.dictionaries(st.sampled_from("abc"), inside, min_size=1, max_size=3)
    ),
    max_leaves=5,
)


def mapped(function, tree):
    """The tree with every array replaced."""
    if isinstance(tree, dict):
        return {key: mapped(function, item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [mapped(function, item) for item in tree]
    return function(tree)


class Model:
    """An optimizer in plain NumPy, with numbers and a controller of its own."""

    def __init__(self, opt):
        self.twin = Reference(opt)
        self.plateau = lrc.ReduceOnPlateau(factor=0.5, patience=2)
        self.numbers = self.twin._opt = SimpleNamespace(
            names=opt.names, lr_scale=1.0, controllers=[self.plateau]
        )
        self.skipped, self.last_lr, self.imposed = 0, math.nan, None
        self.policy = opt.roster.common["nonfinite"]

    def lr_of(self, group):
        value = self.twin._choices[group].hyper["lr"]
        return value(self.twin.t) if callable(value) else value

    def rates(self):
        scales = [group.lr_scale for group in self.twin._roster.groups]
        if self.imposed is not None:
            return [self.imposed * scale for scale in scales]
        rates = []
        for i, scale in enumerate(scales):
            lr = self.lr_of(i) * (scale * self.numbers.lr_scale)
            rates.append(max(lr * self.plateau.scale, min(lr, self.plateau.min_lr)))
        return rates

    def step(self, grads, lr=None):
        """What `opt.step` returns, or the type of what it raises."""
        lr = self.imposed if lr is None else lr
        numbers, choices = self.twin._opt, self.twin._choices
        if lr is not None:
            self.twin._opt = SimpleNamespace(names=numbers.names, lr_scale=1.0, controllers=[])
            self.twin._choices = [c._replace(hyper={**c.hyper, "lr": lr}) for c in choices]
        rate = self.rates()[0] if lr is None else lr * self.twin._roster.groups[0].lr_scale
        try:
            with np.errstate(all="ignore"):
                done = self.twin.step(grads)
        except FloatingPointError:
            if self.imposed is None:
                return FloatingPointError
            done = False  # while a rate is tried out such gradients are left out
        finally:
            self.twin._opt, self.twin._choices = numbers, choices
        if done:
            self.last_lr = rate
        else:
            self.skipped += 1
        return done

    def replace_rate(self, value, own):
        """The rate of every group that has none of its own."""
        self.twin._choices = [
            c if i in own else c._replace(hyper={**c.hyper, "lr": value})
            for i, c in enumerate(self.twin._choices)
        ]

    def grow(self, opt):
        """Takes on what was added to the optimizer; the rest keeps what the model says."""
        old, self.twin = self.twin, Reference(opt)
        self.numbers.names = opt.names
        self.twin._opt, self.twin.t = self.numbers, old.t
        known = len(old.params)
        self.twin.params[:known], self.twin.state[:known] = old.params, old.state
        self.twin._carried[:known] = old._carried
        self.twin._choices[: len(old._choices)] = old._choices

    def moment(self):
        twin = self.twin
        parts = twin.params, twin.state, twin._carried, twin.t, self.plateau.state_dict()
        numbers = self.skipped, self.last_lr, self.numbers.lr_scale
        return copy.deepcopy((parts, numbers))

    def go_back(self, moment):
        parts, numbers = copy.deepcopy(moment)
        twin = self.twin
        twin.params, twin.state, twin._carried, twin.t, plateau = parts
        self.plateau.load_state_dict(plateau)
        self.skipped, self.last_lr, self.numbers.lr_scale = numbers


class Machine(RuleBasedStateMachine):
    @initialize(
        variant=st.sampled_from(ANY_RATE),
        trees=st.lists(TREES, min_size=1, max_size=2),
        grouped=st.booleans(),
        lr=RATES | SCHEDULES,
        common=COMMON,
        policy=st.sampled_from(["raise", "skip", "allow"]),
    )
    def create(self, variant, trees, grouped, lr, common, policy):
        cls, options = variant
        given = trees[0]
        if grouped:
            given = [lrc.Group(trees[0], lr_scale=2.0)]
            given += [lrc.Group(tree, lr=0.05) for tree in trees[1:]]
        plateau = lrc.ReduceOnPlateau(factor=0.5, patience=2)
        common = common | {"nonfinite": policy, "controller": plateau}
        self.opt = cls(given, lr=lr, **options, **common)
        self.model = Model(self.opt)
        self.bound = None
        self.saved = []  # (kind, what was saved, the model's moment, names)
        self.monitor = None
        self.seen = 0

    def draw_gradients(self, seed, bad=None):
        """Gradients in the structure of the parameters, of any float dtype and layout."""
        rng = np.random.default_rng(seed)

        def one(p):
            dtype = rng.choice([p.dtype, np.float64])
            return gradients(rng, p.shape[::-1], dtype).T if p.ndim else gradients(rng, (), dtype)

        grads = mapped(one, self.opt.params)
        if bad is not None:
            flat = []
            mapped(flat.append, grads)
            filled = [g for g in flat if g.size]
            if filled:
                filled[-1][(-1,) * filled[-1].ndim] = bad
        return grads

    def step_both(self, given, grads, lr=None):
        """One step with `given`, which stands for these gradients."""
        expected = self.model.step(grads, lr)
        if expected is FloatingPointError:
            with pytest.raises(FloatingPointError):
                self.opt.step(*given, lr=lr)
        else:
            assert self.opt.step(*given, lr=lr) is expected

    # Steps

    @rule(seed=SEEDS, lr=st.none() | RATES)
    def step(self, seed, lr):
        grads = self.draw_gradients(seed)
        self.step_both([grads], grads, lr)

    @rule(seeds=st.lists(SEEDS, min_size=2, max_size=4))
    def several_steps(self, seeds):
        for seed in seeds:
            self.step(seed, None)

    @rule(seed=SEEDS, bad=st.sampled_from([math.nan, math.inf, -math.inf]))
    def step_with_what_is_not_finite(self, seed, bad):
        grads = self.draw_gradients(seed, bad)
        self.step_both([grads], grads)

    @rule(
        wrong=st.sampled_from([None, "x", [1.0] * 9, {"z": 1.0}, np.ones((9, 9, 9))]),
        lr=st.none() | st.just(0.1),
    )
    def refused_step(self, wrong, lr):
        if (wrong is None and self.bound is not None) or self.opt.frozen == self.opt.names:
            return
        with pytest.raises((TypeError, ValueError, RuntimeError)):
            self.opt.step(wrong, lr=lr)

    @rule(seed=SEEDS, lr=st.sampled_from([-1.0, math.nan, math.inf, "1", True]))
    def refused_rate(self, seed, lr):
        with pytest.raises((TypeError, ValueError)):
            self.opt.step(self.draw_gradients(seed), lr=lr)
        with pytest.raises((TypeError, ValueError)):
            self.opt.lr = lr
        with pytest.raises((TypeError, ValueError)):
            self.opt.lr_scale = lr

    @rule(seed=SEEDS)
    def bind(self, seed):
        self.bound = self.draw_gradients(seed)
        self.opt.bind(self.bound)

    @precondition(lambda self: self.bound is not None)
    @rule(factor=st.sampled_from([1.0, -0.5]))
    def step_bound(self, factor):
        def scale(g):
            g *= factor

        mapped(scale, self.bound)
        self.step_both([], self.bound)

    # Settings

    @rule(tree=TREES, scale=st.sampled_from([1.0, 0.5]))
    def add(self, tree, scale):
        if len(self.opt.names) > 12:
            return
        if self.model.imposed is not None:
            with pytest.raises(RuntimeError, match="in a RangeTest"):
                self.opt.add(tree, lr_scale=scale)
            return
        number = len(self.opt.roster.groups)
        names = {f"{number}.{path}" for path, _ in flatten(tree)[1]}
        if names & set(self.opt.names):  # a nested parameter that is called "1.a" too
            with pytest.raises(ValueError, match="two parameters are called"):
                self.opt.add(tree, lr_scale=scale)
            return
        self.opt.add(tree, lr_scale=scale)
        self.model.grow(self.opt)
        self.bound = None

    @rule(data=st.data(), freeze=st.booleans())
    def freeze_or_unfreeze(self, data, freeze):
        names = data.draw(st.sets(st.sampled_from(self.opt.names)))
        if freeze:
            self.opt.freeze(names)
        else:
            self.bound = self.bound if names.isdisjoint(self.opt.frozen) else None
            self.opt.unfreeze(names)
        self.model.twin._roster = self.opt.roster

    @rule(value=RATES | SCHEDULES)
    def assign_rate(self, value):
        if not callable(value) and value > 0 and self.opt.lr_scale == 0:
            with pytest.raises(ValueError, match="cannot be had"):
                self.opt.lr = value
            return
        self.opt.lr = value
        own = [i for i, group in enumerate(self.opt.roster.groups) if "lr" in group.overrides]
        # a number is the rate that comes out of all scales
        before = value if callable(value) else self.opt.hyperparameters["lr"]
        self.model.replace_rate(before, own)
        if not callable(value) and self.model.imposed is None:
            assert abs(self.opt.lr - value) <= 2 * math.ulp(value)

    @rule(value=st.sampled_from([0.0, 0.5, 1.0, 3.0]))
    def assign_scale(self, value):
        self.opt.lr_scale = self.model.numbers.lr_scale = value

    @rule(loss=LOSSES)
    def report(self, loss):
        for plateau in (self.opt.controllers[0], self.model.plateau):
            plateau.update(loss)

    @rule(factor=st.sampled_from([0.1, 0.9]), min_lr=st.sampled_from([0.0, 0.01]))
    def change_controller(self, factor, min_lr):
        for plateau in (self.opt.controllers[0], self.model.plateau):
            plateau.factor, plateau.min_lr = factor, min_lr

    @rule(rate=st.none() | RATES)
    def impose(self, rate):
        self.opt._impose(rate)
        self.model.imposed = rate

    @rule()
    def watch(self):
        if self.monitor is None:
            self.monitor, self.seen = lrc.Monitor(self.opt, every=2), self.opt.t
        else:
            self.monitor.close()
            times = [one.t for one in self.monitor.history]
            assert all(t >= 0 for t in times)
            self.monitor = None

    # There and back

    @rule()
    def snapshot(self):
        self.saved.append(("snapshot", self.opt.snapshot(), self.model.moment(), self.opt.names))

    @rule(suffix=st.sampled_from(SUFFIXES))
    def save(self, suffix):
        with tempfile.TemporaryDirectory() as place:
            self.opt.save(Path(place, f"a{suffix}"), params=True)
            data = Path(place, f"a{suffix}").read_bytes()
        self.saved.append((suffix, data, self.model.moment(), self.opt.names))

    @precondition(lambda self: self.saved)
    @rule(data=st.data())
    def go_back(self, data):
        kind, saved, moment, names = data.draw(st.sampled_from(self.saved))

        def load():
            if kind == "snapshot":
                self.opt.restore(saved)
                return
            with tempfile.TemporaryDirectory() as place:
                Path(place, f"a{kind}").write_bytes(saved)
                # the schedule may have been assigned since
                self.opt.load(Path(place, f"a{kind}"), params=True, strict=False)

        if names != self.opt.names:
            with pytest.raises(ValueError, match="does not fit"):
                load()
        else:
            load()
            self.model.go_back(moment)

    def replace(self, other):
        self.opt, self.bound, self.monitor = other, None, None
        self.model.imposed = None

    @rule()
    def go_on_as_a_twin(self):
        """Made anew over copies of the parameters, and given the state."""
        opt = self.opt
        groups = [
            lrc.Group(
                mapped(np.copy, group.params),
                lr_scale=group.lr_scale,
                names=[*opt.roster.members(i)],
                **group.overrides,
            )
            for i, group in enumerate(opt.roster.groups)
        ]
        plateau = opt.controllers[0]
        fresh = lrc.ReduceOnPlateau(plateau.factor, 2, min_lr=plateau.min_lr)
        options = opt.hyperparameters | {"controller": fresh}
        twin = type(opt)(groups if opt.roster.grouped else groups[0].params, **options)
        twin.load_state_dict(opt.state_dict())
        twin.freeze(opt.frozen)
        self.replace(twin)

    @rule(protocol=st.integers(2, 5))
    def go_on_pickled(self, protocol):
        if isinstance(self.opt.schedule, lrc.Lambda):  # of a lambda, which cannot be pickled
            return
        self.replace(pickle.loads(pickle.dumps(self.opt, protocol)))

    @rule()
    def go_on_copied(self):
        self.replace(copy.deepcopy(self.opt))

    # What holds after each of them

    @invariant()
    def arrays_have_the_bits_of_the_model(self):
        twin = self.model.twin
        for (name, p), expected, state in zip(
            self.opt.roster.arrays.items(), twin.params, twin.state, strict=True
        ):
            assert bits(p) == bits(expected), name
            assert self.opt.state[name].keys() == state.keys()
            for letter, kept in state.items():
                assert bits(self.opt.state[name][letter]) == bits(kept), (name, letter)
        assert [carried for carried, _ in self.opt.scalars.values()] == twin._carried

    @invariant()
    def numbers_are_those_of_the_model(self):
        model, opt = self.model, self.opt
        assert (opt.t, opt.skipped) == (model.twin.t, model.skipped)
        assert opt.lr_scale == model.numbers.lr_scale
        assert repr(opt.last_lr) == repr(float(model.last_lr))
        assert opt.lrs == tuple(model.rates())
        assert opt.lr == model.rates()[0]
        assert opt.controllers[0].state_dict() == model.plateau.state_dict()


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=EXAMPLES, stateful_step_count=50, deadline=None)
