"""Attributes that are not there, and say what is in their place.

`__getattr__` would do, but a class that has one reads all of its attributes more slowly, `opt.step`
and those in a schedule's formula included: Python 3.11 specializes no access to them.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterable, Mapping
from typing import NoReturn

from .synonyms import said


class Hint:
    """Reading it raises an AttributeError with the way; `dir`, `hasattr` and help see nothing."""

    __slots__ = ("name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text

    def __get__(self, instance: object, owner: type) -> NoReturn:
        if instance is None:
            what = f"type object '{owner.__name__}'"
        else:
            what = f"'{type(instance).__name__}' object"
        raise AttributeError(f"{what} has no attribute '{self.name}'; {said(self.text)}")


def is_hint(cls: type, name: str) -> bool:
    """Whether a class has but a hint of that name."""
    return next((isinstance(vars(c)[name], Hint) for c in cls.__mro__ if name in vars(c)), False)


def visible(owner: object, names: Iterable[str]) -> list[str]:
    """Those of the names of an object that are no hints."""
    cls = type(owner)
    own = getattr(owner, "__dict__", {})
    return [name for name in names if name in own or not is_hint(cls, name)]


class Hinting(type):
    """The type of classes with hints."""

    def __dir__(cls) -> list[str]:
        return [name for name in super().__dir__() if not is_hint(cls, name)]


class AbstractHinting(Hinting, ABCMeta):
    """The same for abstract classes."""


def give(cls: type, hints: Mapping[str, str]) -> None:
    """Put hints into a class, where it has nothing of their name."""
    for name, text in hints.items():
        if not any(name in vars(c) for c in cls.__mro__):
            setattr(cls, name, Hint(name, text))
