"""What is wrong with the arguments of a call: each error names the way, or shows the signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, ParamSpec

from .synonyms import way

P = ParamSpec("P")

_BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def misfit(
    name: str,
    wanted: Signature,
    given: Sequence[Any],
    named: Mapping[str, Any],
) -> str | None:
    """What a call has wrong; None if its arguments fit.

    >>> import lrcore as lrc
    >>> lrc.StepDecay(0.1, 100, 0.5)  # doctest: +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
    TypeError: StepDecay: too many positional arguments, 3 for 1:
        StepDecay(lr, *, every, factor=0.1, offset=0)
    """
    try:
        wanted.bind(*given, **named)
    except TypeError as error:
        parameters = wanted.parameters.values()
        any_word = any(p.kind is Parameter.VAR_KEYWORD for p in parameters)
        known = [p.name for p in parameters if p.kind is not Parameter.VAR_KEYWORD]
        unknown = sorted(word for word in named if word not in known)
        if unknown and not any_word:
            return no_argument(name, unknown, known)
        places = sum(p.kind in _BY_POSITION for p in parameters)
        counts = f", {len(given)} for {places}" if len(given) > places else ""
        return f"{name}: {error}{counts}: {name}{_shown(wanted)}"
    return None


def no_argument(name: str, unknown: Sequence[str], accepted: Sequence[str]) -> str:
    """What to say of arguments that `name` does not have.

    >>> no_argument("Adam", ["learning_rate"], ["params", "lr"])
    'Adam has no argument learning_rate; it is lr'
    """
    return ". ".join(
        f"{name} has no argument {word}; {way(name, word, accepted)}" for word in unknown
    )


def _shown(wanted: Signature) -> str:
    """A signature without types."""
    bare = [p.replace(annotation=Parameter.empty) for p in wanted.parameters.values()]
    return str(Signature(bare))


def telling(init: Callable[P, None]) -> Callable[P, None]:
    """An `__init__` that, of arguments that do not fit, says what it takes.

    A call that fits pays for nothing.
    """

    @wraps(init)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            return init(*args, **kwargs)
        except TypeError:
            me, *given = args
            _, *parameters = signature(init).parameters.values()
            name, wanted = type(me).__name__, Signature(parameters)
            problem = misfit(name, wanted, given, kwargs)
            if problem is None:
                raise
        raise TypeError(problem)

    return call
