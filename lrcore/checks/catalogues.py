"""Lists of classes, typed out where they are kept: `named(Adam, SGD)`."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def named(*classes: type[T]) -> dict[str, type[T]]:
    """The classes by their names, in this order."""
    return {cls.__name__: cls for cls in classes}
