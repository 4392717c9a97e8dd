"""Lists of classes, typed out where they are kept: `named(Adam, SGD)`."""

from __future__ import annotations

from typing import TypeVar

Class = TypeVar("Class", bound=type)


def named(*classes: Class) -> dict[str, Class]:
    """The classes by their names, in this order."""
    return {cls.__name__: cls for cls in classes}
