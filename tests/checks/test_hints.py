"""Attributes of other libraries: an error with the way, and nothing else to be seen of them."""

import copy
import inspect
import pickle
import pydoc
import rlcompleter

import numpy as np
import pytest

import lrcore as lrc
from lrcore.checks import synonyms
from lrcore.checks.hints import Hint, give, is_hint
from lrcore.controllers.catalogue import CONTROLLERS
from lrcore.controllers.controller import Controller
from lrcore.optimizers.base import Optimizer
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.schedules.catalogue import SCHEDULES


def instances():
    for cls in OPTIMIZERS.values():
        yield cls(np.ones(3)), synonyms.OPTIMIZER
    for cls in SCHEDULES.values():
        yield cls.example(0.1, 100), synonyms.SCHEDULE
    yield lrc.Constant(0.1).warmup(3), synonyms.SCHEDULE
    for cls in CONTROLLERS.values():
        yield cls(), synonyms.CONTROLLER


each = pytest.mark.parametrize(
    ("thing", "table"), list(instances()), ids=lambda x: type(x).__name__
)


@each
def test_an_attribute_of_another_library_is_told_ours(thing, table):
    for word, text in table.items():
        if not is_hint(type(thing), word):
            continue
        with pytest.raises(AttributeError) as error:
            getattr(thing, word)
        me = type(thing).__name__
        assert str(error.value) == f"'{me}' object has no attribute '{word}'; {synonyms.said(text)}"


@each
def test_few_words_of_others_are_attributes_here_too(thing, table):
    assert sum(is_hint(type(thing), word) for word in table) >= len(table) - 2


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("learning_rate", "opt.lr"),
        ("get_last_lr", "opt.last_lr"),
        ("zero_grad", "lrc.zero_grads"),
        ("param_groups", "opt.params"),
        ("iterations", "opt.t"),
        ("betas", 'opt.hyperparameters["betas"]'),
        ("clip_norm", 'opt.hyperparameters["clip_norm"]'),
    ],
)
def test_an_optimizer_says_where_it_is(word, text):
    opt = lrc.Adam(np.ones(3))
    with pytest.raises(AttributeError, match=f"'Adam' object has no attribute '{word}'") as error:
        getattr(opt, word)
    assert text in str(error.value)


@each
def test_other_unknown_attributes_are_errors_as_ever(thing, table):
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = thing.nonsense
    assert not hasattr(thing, "nonsense")


@each
def test_nothing_is_to_be_seen_of_hints(thing, table):
    cls = type(thing)
    for word in table:
        if is_hint(cls, word):
            assert not hasattr(thing, word)
            assert not hasattr(cls, word)
            assert word not in dir(thing)
            assert word not in dir(cls)
            assert word not in dict(inspect.getmembers(thing))
    completed = rlcompleter.Completer({"thing": thing}).attr_matches("thing.s")
    shown = {match.removeprefix("thing.").rstrip("()") for match in completed}
    assert shown == {name for name in dir(thing) if name.startswith("s")}


@pytest.mark.parametrize("cls", [lrc.Adam, lrc.Constant, lrc.ReduceOnPlateau])
def test_help_shows_no_hints(cls):
    text = pydoc.render_doc(cls)
    assert "Hint object" not in text
    assert "get_last_lr" not in text


@each
def test_what_exists_is_seen(thing, table):
    names = dir(thing)
    assert {"__class__", "__doc__"} <= set(names)
    for name in ("step", "t", "lr") if isinstance(thing, Optimizer) else ():
        assert name in names
        assert name in dir(type(thing))


@each
def test_copies_and_pickles_are_what_they_were(thing, table):
    if getattr(thing, "_is_pure", True):
        assert type(pickle.loads(pickle.dumps(thing))) is type(thing)
    assert type(copy.copy(thing)) is type(thing)


def test_no_attribute_that_is_read_costs_more():
    """There is no `__getattr__`, which would slow all of them down."""
    for cls in (*OPTIMIZERS.values(), lrc.Schedule, Controller):
        assert not hasattr(cls, "__getattr__")


def test_a_hint_gives_way_to_what_a_class_has_itself():
    class Base:
        here = 1

    give(Base, {"here": "there", "gone": "here"})
    assert Base.here == 1
    assert isinstance(vars(Base)["gone"], Hint)


def test_a_controller_of_ones_own_may_use_any_name():
    class Mine(lrc.Controller):
        best_score = 0.5
        scale = 1.0

        def __init__(self):
            self.stopped = True

        def update(self, value, step=None, *, grads=None):
            return False

        def state_dict(self):
            return {}

        def load_state_dict(self, d):
            pass

    mine = Mine()
    assert (mine.best_score, mine.stopped) == (0.5, True)
    assert {"best_score", "stopped"} <= set(dir(mine))
    assert lrc.SGD(np.ones(1), controller=mine).step(np.ones(1))
