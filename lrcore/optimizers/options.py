"""The options that all optimizers have in common, and constructors that take them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, Final, Literal, ParamSpec, TypeAlias, TypedDict

from .. import threads
from ..checks import arguments
from ..checks.arguments import Count
from ..checks.calls import misfit
from ..controllers.catalogue import Controller
from .averages import Average, checked_average

P = ParamSpec("P")
Policy: TypeAlias = Literal["raise", "skip", "allow"]


class Common(TypedDict, total=False):
    """The options of every optimizer.

    Parameters
    ----------
    maximize : bool, default False
        Ascend instead of descend.
    clip_norm : float, optional
        Multiply all gradients by ``min(1, clip_norm / norm)``, with their joint Euclidean norm
        summed in float64 in a fixed order. The arrays given are not changed.
    clip_value : float, optional
        Limit every element of the gradients to ``[-clip_value, clip_value]``, after the norms.
    clip_norm_each : float, optional
        Multiply the gradient of each array by ``min(1, clip_norm_each / norm)`` with its own norm,
        summed alike, after `clip_norm`: Keras's ``clipnorm``. A `Group` may have its own, or None.
    accumulate : int, default 1
        Calls of `step` that make one update, of the mean of their gradients: they are added in the
        order of the calls and divided at the last one, and `step` returns True only there.
        `nonfinite` judges each call before anything is added; decay, clips and ``step(lr=...)`` act
        at the last, and `t`, schedules and averages count updates. ``opt.pending`` counts the calls
        that wait. One more array for each parameter, ``opt.state[name]["gathered"]``.
    nonfinite : {"raise", "skip", "allow"}, default "raise"
        With a NaN or an infinity among the gradients: raise `FloatingPointError` before anything
        changes, leave the update out (`step` returns False, `skipped` counts, `t` stays), or let it
        through (unclipped, if the norm is not finite).
    controller : Controller or sequence of Controller, optional
        Scale the rate by what was reported to them, such as `ReduceOnPlateau`; several multiply.
    average : EMA or Mean, optional
        Average the parameters after each update: `Optimizer.eval_params` and
        `Optimizer.eval_arrays` hand the averages out. A `Group` may have its own, or None.
    num_threads : int, optional
        The most threads that a step may use; `lrcore.get_num_threads` by default. Steps of fewer
        than 64k elements use one, and so do those of fewer than 512k that do not follow another
        within 50 us.
    """

    maximize: bool
    clip_norm: float | None
    clip_value: float | None
    clip_norm_each: float | None
    accumulate: Count
    nonfinite: Policy
    controller: Controller | Sequence[Controller] | None
    average: Average | None
    num_threads: int | None


DEFAULTS = Common(
    maximize=False,
    clip_norm=None,
    clip_value=None,
    clip_norm_each=None,
    accumulate=1,
    nonfinite="raise",
    controller=None,
    average=None,
    num_threads=None,
)
OF_GROUPS: Final = ("average", "clip_norm_each")  # those that a group may have of its own


_COMMON: Final = tuple(
    Parameter(
        name,
        Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Common.__annotations__[name].__forward_arg__,
    )
    for name, default in DEFAULTS.items()
)
# What arguments mean in every class that has them: kind and text, before its own ones and after.
_FIRST: Final = {
    "params": (
        "ndarray, sequence, mapping or list of Group",
        "float32 or float64 arrays, changed in place.",
    ),
    "lr": ("float or schedule", "At least 0."),
}
_LAST: Final = {
    "l2": (
        "float or schedule",
        "Coupled decay, at least 0: adds ``l2 * p`` to the gradient, as what torch calls\n"
        "        weight_decay in its classes without decoupled decay.",
    ),
    "weight_decay": (
        "float or schedule",
        "Decoupled decay, at least 0; multiplied by the rate of the update.",
    ),
}
_RAISES: Final = """
    Raises
    ------
    TypeError, ValueError
        For an argument or array that is not accepted, naming it.
"""


def constructor(declaration: Callable[P, None]) -> Callable[P, None]:
    """The constructor that a signature declares, with the common options in the place of its **.

    What it is given it hands to `_begin(params, options, common)`.
    """
    *own, _ = signature(declaration).parameters.values()
    whole = Signature([*own, *_COMMON])

    @wraps(declaration)
    def init(*args: P.args, **kwargs: P.kwargs) -> None:
        me: Any = args[0]
        try:
            given = whole.bind(*args, **kwargs)
        except TypeError:
            if "weight_decay" in kwargs and "weight_decay" not in whole.parameters:
                raise TypeError(me._kind().no_weight_decay()) from None
            wanted = Signature([*own[1:], *_COMMON])
            raise TypeError(misfit(type(me).__name__, wanted, args[1:], kwargs)) from None
        given.apply_defaults()
        options = dict(given.arguments)
        del options["self"]
        params, common = options.pop("params"), {name: options.pop(name) for name in DEFAULTS}
        me._begin(params, options, common)

    vars(init)["__signature__"] = whole
    return init


def taken(init: Callable[..., None]) -> list[str]:
    """The names of all options that such a constructor takes."""
    return [*signature(init).parameters][2:]


def documented(text: str, init: Callable[..., None]) -> str:
    """The docstring of a class, with what all classes say alike of arguments in its place: before
    its own ones, and where it says `**common`."""
    taken = signature(init).parameters
    before, after = (_told(shared, taken, text) for shared in (_FIRST, _LAST))
    *_, common = (Common.__doc__ or "").partition("----------\n")
    text = text.replace("    ----------\n", f"    ----------\n{before}", 1)
    return text.replace("    **common\n", f"{after}{common.rstrip()}\n{_RAISES}")


def _told(shared: Mapping[str, Any], taken: Mapping[str, Parameter], text: str) -> str:
    """The lines on those arguments that a class takes and says nothing of."""
    lines = ""
    for name, (kind, words) in shared.items():
        if name in taken and f"\n    {name} : " not in text:
            default = taken[name].default
            given = "" if default is Parameter.empty else f", default {default!r}"
            lines += f"    {name} : {kind}{given}\n        {words}\n"
    return lines


def check_common(me: str, common: Mapping[str, Any]) -> dict[str, Any]:
    """The options that all parameters share, as the core takes them; all are checked."""
    checked_average(me, common["average"])
    threshold(me, "clip_norm_each", common["clip_norm_each"])
    return {
        "clip_norm": threshold(me, "clip_norm", common["clip_norm"]),
        "clip_value": threshold(me, "clip_value", common["clip_value"]),
        "accumulate": arguments.checked(me, "accumulate", common["accumulate"], Count),
        "maximize": arguments.checked(me, "maximize", common["maximize"], bool),
        "nonfinite": arguments.checked(me, "nonfinite", common["nonfinite"], Policy),
        "controllers": _as_controllers(me, common["controller"]),
        "num_threads": threads.number_or_none(me, common["num_threads"]),
        "default_threads": threads.get_num_threads,
    }


def _as_controllers(owner: str, given: Any) -> list[Controller]:
    if given is None:
        return []
    controllers = list(given) if isinstance(given, list | tuple) else [given]
    for item in controllers:
        if not isinstance(item, Controller):
            way = arguments.misplaced(item, "controller")
            raise TypeError(f"{owner}: controller={item!r} is not a Controller{way and '; ' + way}")
        if sum(item is other for other in controllers) > 1:
            raise ValueError(f"{owner}: the same controller is given twice")
    return controllers


def threshold(owner: str, name: str, value: Any) -> float:
    """A positive number; None means that there is no threshold."""
    limit = arguments.checked(owner, name, value, arguments.Positive | None)
    return math.inf if limit is None else float(limit)
