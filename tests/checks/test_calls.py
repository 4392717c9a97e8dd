"""Arguments that do not fit a call: the error shows the signature, and nothing else changes."""

import inspect

import numpy as np
import pytest

import lrcore as lrc
from lrcore.checks.calls import telling
from lrcore.controllers.catalogue import CONTROLLERS
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.schedules.catalogue import SCHEDULES

CLASSES = [*OPTIMIZERS.values(), *SCHEDULES.values(), *CONTROLLERS.values()]
each_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)


@each_class
def test_too_many_positional_arguments_show_the_signature(cls):
    named = [p.name for p in inspect.signature(cls).parameters.values()]
    with pytest.raises(TypeError, match="too many positional arguments, 99 for ") as error:
        cls(*[0.1] * 99)
    assert str(error.value).startswith(f"{cls.__name__}: ")
    for name in named:
        assert name in str(error.value).partition(f": {cls.__name__}(")[2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: lrc.StepDecay(0.1, 100, 0.5),
            "3 for 1: StepDecay(lr, *, every, factor=0.1, offset=0)",
        ),
        (lambda: lrc.SGD(np.ones(1), 0.1, 0.9), "3 for 2: SGD(params, lr=0.01, *, momentum=0.0,"),
        (lambda: lrc.ReduceOnPlateau(0.1, 5, "max"), "3 for 2: ReduceOnPlateau(factor=0.1, pat"),
        (lambda: lrc.StepDecay(0.1), "missing a required argument: 'every': StepDecay(lr, *, ev"),
        (lambda: lrc.Adam(), "missing a required argument: 'params': Adam(params, lr=0.001, *,"),
        (lambda: lrc.Adam(np.ones(1), 0.1, lr=0.1), "multiple values for argument 'lr': Adam("),
        (lambda: lrc.Monitor(lrc.SGD(np.ones(1)), 9), "2 for 1: Monitor(opt, *, every="),
    ],
)
def test_an_error_of_arguments_shows_what_is_taken(make, message):
    with pytest.raises(TypeError) as error:
        make()
    assert message in str(error.value)


@each_class
def test_the_signature_is_that_of_the_class(cls):
    names = list(inspect.signature(cls).parameters)
    assert names
    assert "args" not in names
    assert "kwargs" not in names


def test_a_type_error_from_inside_of_a_call_that_fits_stays_as_it_is():
    class Thing:
        @telling
        def __init__(self, number):
            number + "text"

    with pytest.raises(TypeError, match="unsupported operand"):
        Thing(1)
    with pytest.raises(TypeError, match=r"Thing: missing a required argument: 'number': Thing\("):
        Thing()


def test_an_optimizer_that_is_refused_for_its_arguments_can_be_made_again():
    w = np.ones(3)
    with pytest.raises(TypeError):
        lrc.SGD(w, 0.1, 0.9)
    opt = lrc.SGD(w, 0.1)
    opt.step(np.ones(3))
    np.testing.assert_array_equal(w, 0.9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lrc.Adam(parameters=np.ones(1)), "Adam has no argument parameters; it is params"),
        (lambda: lrc.Adam(learning_rate=0.1), "Adam has no argument learning_rate; it is lr"),
        (lambda: lrc.SGD(max_norm=0.1), "SGD has no argument max_norm; it is clip_norm"),
    ],
)
def test_unknown_words_are_told_even_where_parameters_are_missing(make, message):
    with pytest.raises(TypeError) as error:
        make()
    assert str(error.value) == message


def test_words_that_all_optimizers_take_are_not_unknown():
    with pytest.raises(TypeError, match="missing a required argument: 'params'"):
        lrc.Adam(lr=0.1, clip_norm=1.0)


def test_a_class_that_takes_any_word_is_asked_for_none():
    class Thing:
        @telling
        def __init__(self, number, **rest):
            pass

    with pytest.raises(TypeError, match="missing a required argument: 'number'"):
        Thing(other=1)


OPT = lrc.SGD(np.ones(1))
COSINE, PLATEAU = lrc.CosineAnnealing(0.1, 100), lrc.ReduceOnPlateau()


@pytest.mark.parametrize(
    ("make", "way"),
    [
        (lambda: lrc.ReduceOnPlateau(OPT), "the optimizer takes .* controller, as controller="),
        (lambda: lrc.EarlyStopping(OPT), "the optimizer takes .* controller, as controller="),
        (lambda: lrc.CosineAnnealing(OPT, 100), "the optimizer takes the schedule, as lr="),
        (lambda: lrc.SGD(np.ones(1), lr=PLATEAU), "a controller is given .*, as controller=$"),
        (lambda: lrc.SGD(np.ones(1), momentum=PLATEAU), "a controller is given .* controller=$"),
        (lambda: lrc.SGD(np.ones(1), controller=COSINE), "a schedule is given .*, as lr=$"),
        (lambda: lrc.SGD(np.ones(1), clip_norm=COSINE), "a schedule is given .*, as lr=$"),
    ],
)
def test_what_is_given_in_the_wrong_place_is_told_its_own(make, way):
    with pytest.raises(TypeError, match=way):
        make()


def test_what_has_no_place_of_its_own_is_told_none():
    with pytest.raises(TypeError, match=r"factor must be a finite number in \(0, 1\), got 'x'$"):
        lrc.ReduceOnPlateau("x")
    with pytest.raises(TypeError, match=r"controller=3 is not a Controller$"):
        lrc.SGD(np.ones(1), controller=3)
