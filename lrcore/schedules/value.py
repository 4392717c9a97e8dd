"""Values: frozen objects that are compared, hashed, copied, pickled and written by arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields, is_dataclass
from functools import cache
from inspect import Parameter, Signature
from typing import Any, ClassVar, NoReturn, TypeVar, cast, dataclass_transform

from ..checks.arguments import check, check_fields
from ..checks.calls import misfit
from ..checks.pickles import recipe

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Make a subclass of `Value` a dataclass with slots.

    A frozen dataclass compiles five methods for every class, ten times the work of the class
    itself. `Value` has them once, for all.
    """
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    if "__weakref__" in vars(made):  # Python before 3.11.3 leaves that of `cls`, which fails
        del made.__weakref__
    return cast(type[T], made)


class _LazySignature:
    """What `inspect.signature` and help ask a class for."""

    def __get__(self, instance: object, owner: type) -> Signature | None:
        return signature_of(owner) if instance is None and is_dataclass(owner) else None


class Value:
    """Equal if of one class and of equal arguments; an argument is a field with `init`."""

    __slots__ = ()
    __signature__: ClassVar = _LazySignature()
    _form: ClassVar[str] = ""  # how repr writes an operator
    _infix: ClassVar[bool] = False  # whether that wants parentheses inside of another

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            bound = signature_of(type(self)).bind(*args, **kwargs)
        except TypeError:
            problem = misfit(type(self).__name__, signature_of(type(self)), args, kwargs)
            raise TypeError(problem) from None
        bound.apply_defaults()
        for name, argument in bound.arguments.items():
            object.__setattr__(self, name, argument)
        self.__post_init__()

    def __post_init__(self) -> None:
        check_fields(self)

    def _check(self, name: str, kind: Any) -> None:
        """Hold an argument against a range that depends on another."""
        check(self, name, kind)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return arguments(self) == arguments(other)

    def __hash__(self) -> int:
        return hash((type(self), *arguments(self).values()))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"{type(self).__name__} is frozen: {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"{type(self).__name__} is frozen: {name} cannot be deleted")

    def __repr__(self) -> str:
        given = arguments(self)
        options = [
            f"{f.name}={given[f.name]!r}"
            for f in argument_fields(type(self))
            if f"{{{f.name}}}" not in self._form and given[f.name] != f.default
        ]
        if not self._form:
            return f"{type(self).__name__}({', '.join(options)})"
        texts = {
            k: f"({v!r})" if getattr(v, "_infix", False) else repr(v) for k, v in given.items()
        }
        return self._form.format(**texts, options="".join(f", {option}" for option in options))

    def __reduce__(self) -> tuple[Any, ...]:
        return recipe(type(self), (), arguments(self))


def _argument_fields(cls: Any) -> tuple[Field[Any], ...]:
    """The fields of a class that its constructor takes."""
    return tuple(f for f in fields(cls) if f.init)


argument_fields: Callable[[type], tuple[Field[Any], ...]] = cache(_argument_fields)


def arguments(owner: Any) -> dict[str, Any]:
    """What a value was made of, by name."""
    return {f.name: getattr(owner, f.name) for f in argument_fields(type(owner))}


def _signature_of(cls: type) -> Signature:
    return Signature(
        [
            Parameter(
                f.name,
                Parameter.KEYWORD_ONLY if f.kw_only else Parameter.POSITIONAL_OR_KEYWORD,
                default=Parameter.empty if f.default is MISSING else f.default,
                annotation=f.type,
            )
            for f in sorted(argument_fields(cls), key=lambda f: bool(f.kw_only))
        ]
    )


signature_of: Callable[[type], Signature] = cache(_signature_of)
