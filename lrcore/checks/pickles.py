"""What pickles name: the face of the package, which stays where it is, in place of its rooms."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

Recipe = tuple[Any, tuple[Any, ...]]


def recipe(cls: type, given: tuple[Any, ...], options: Mapping[str, Any]) -> Recipe:
    """What `__reduce__` returns for what `cls(*given, **options)` makes.

    A class of ours goes by its name; one that a user has made keeps its own address.
    """
    return call, (cls.__name__ if is_ours(cls) else cls, given, dict(options))


def is_ours(cls: type) -> bool:
    """Whether the face knows the class by its name, so that it can be made again from that."""
    return _found(cls.__name__) is cls


def call(what: str | type, given: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """Make again what was pickled: it is checked as when it was first made."""
    cls = _found(what) if isinstance(what, str) else what
    if cls is None:
        raise ValueError(f"a pickle of another version of lrcore: {what} is not known here")
    return cls(*given, **options)


# pickle looks a function up where it says it is: `lrcore/__init__.py` hands it on
call.__module__, call.__qualname__ = "lrcore", "_call"


def _found(name: str) -> Any:
    """The class of that name; operators of schedules and snapshots have none on the face."""
    face = import_module("lrcore")
    return face._PICKLED.get(name) or getattr(face, name, None)
