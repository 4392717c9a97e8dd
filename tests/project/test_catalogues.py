"""The lists of classes are typed out; none that a room defines is missing from its list."""

import importlib
import inspect
import pkgutil

import pytest

from lrcore import controllers, optimizers, schedules
from lrcore.controllers.catalogue import CONTROLLERS
from lrcore.controllers.controller import Controller
from lrcore.optimizers.base import Optimizer
from lrcore.optimizers.catalogue import OPTIMIZERS
from lrcore.schedules.algebra import OPERATORS, Combination, Schedule
from lrcore.schedules.catalogue import SCHEDULES

CATALOGUES = {
    "optimizers": (optimizers, Optimizer, OPTIMIZERS),
    "controllers": (controllers, Controller, CONTROLLERS),
    "schedules": (schedules, Schedule, SCHEDULES | OPERATORS),
}
ABSTRACT = {Combination}  # but nothing in it is


def defined(room, base):
    """The classes that the files of a room define, but for those that are only derived from."""
    for found in pkgutil.iter_modules(room.__path__):
        module = importlib.import_module(f"{room.__name__}.{found.name}")
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, base):
                bases = value in ABSTRACT or value is base or inspect.isabstract(value)
                if value.__module__ == module.__name__ and not bases:
                    yield value


@pytest.mark.parametrize("name", CATALOGUES)
def test_every_class_of_a_room_is_in_its_catalogue_by_its_name(name):
    room, base, catalogue = CATALOGUES[name]
    assert set(defined(room, base)) == set(catalogue.values())
    assert all(cls.__name__ == key for key, cls in catalogue.items())
    assert len(set(catalogue.values())) == len(catalogue)
