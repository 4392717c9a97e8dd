"""What all optimizers share: the constructor, more parameters, and what a user reads."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from ..checks import calls, hints, pickles
from ..checks.arguments import checked
from ..checks.arrays import Array
from ..checks.synonyms import OPTIMIZER
from ..controllers.catalogue import Controller
from ..schedules.catalogue import Constant, Schedule
from . import checkpoint
from .attached import between, exclusive, reading
from .element_rates import Scalars, State
from .groups import Group, is_grouped
from .hyperparameters import Rate, declared
from .options import DEFAULTS, check_common, documented, taken
from .roster import Evaluated, Kind, Roster, RuleChoice
from .saving import Saving
from .scales import before_scales


class Optimizer(Saving, metaclass=hints.Hinting):
    """The abstract base of the optimizers: bound to its parameters, it updates them in place.

    A class is the signature of its constructor, which says what is accepted, the rule that options
    ask for, and the rates of elements.
    """

    _role: ClassVar = "Optimizer"
    # what to take when weight_decay is refused, and the class to name
    _decay: ClassVar = "use l2= for coupled decay (added to the gradient)"
    _decoupled: ClassVar = "AdamW"
    # what should be evaluated in the place of a parameter, where that is not the parameter itself
    _evaluated_as: ClassVar[Evaluated | None] = None
    _anneals: ClassVar = True  # whether a falling rate shortens steps and does nothing else

    _declared: ClassVar[Callable[..., None]]

    def __init_subclass__(cls) -> None:
        own: Any = vars(cls).get("__init__")
        if hasattr(own, "__signature__"):
            cls._declared = own
            cls.__doc__ = documented(cls.__doc__ or "", own)
            hints.give(cls, {name: f'opt.hyperparameters["{name}"]' for name in taken(own)})
        elif own:
            type.__setattr__(cls, "__init__", calls.telling(own))

    @classmethod
    def _kind(cls) -> Kind:
        options = declared(cls._declared)
        return Kind(
            cls.__name__, options, cls._choose, cls._decay, cls._decoupled, cls._evaluated_as
        )

    @staticmethod
    @abstractmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        """The rule that these (checked) options ask for."""

    @staticmethod
    @abstractmethod
    def _element_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> float | Array:
        """What the last update multiplied its direction with; `k` is carried on from it."""

    def _begin(self, params: Any, options: dict[str, Any], common: dict[str, Any]) -> None:
        """What constructors do with what they are given."""
        kind = self._kind()
        if self._is_attached():
            raise RuntimeError(f"this {kind.name} has been initialised already")
        controllers = check_common(kind.name, common)["controllers"]
        if controllers:
            kind.check_rate("a controller")
        given = MappingProxyType(kind.plain(options))
        roster = Roster(kind, given, MappingProxyType(common), (*controllers,))
        grouped = is_grouped(params)
        groups = list(params) if grouped else [Group(params)]
        self._alone(lambda: self._bind(roster.grown(groups, grouped=grouped), {}))

    def add(self, params: Any, **options: Any) -> None:
        """Take on more parameters, as a group of their own; `options` are those of `Group`.

        Their state starts fresh and the rate is a function of the optimizer's `t`. From then on
        gradients have one entry for each group, in the order of adding.

        Raises
        ------
        TypeError, ValueError
            For parameters or options that an optimizer does not take; nothing has changed then.
        RuntimeError
            In the loop of a `RangeTest`, which puts back what there was when it began.
        """
        if self._imposed is not None:
            raise RuntimeError(f"{type(self).__name__}: no parameters can be added in a RangeTest")
        if isinstance(params, Group) and options:
            raise TypeError(f"add: give {next(iter(options))} to the Group, not beside it")
        self._add(params if isinstance(params, Group) else Group(params, **options))

    @exclusive
    def _add(self, group: Group) -> None:
        self._check_replaced()
        self._bind(self.roster.grown([group], grouped=True), self.scalars)

    def freeze(self, names: str | Iterable[str]) -> None:
        """Let nothing of these parameters move until `unfreeze`: not they, their state or counts.

        Their gradients may be anything, or absent. They count in no norm, no check for NaN and no
        `Monitor`, and may be read-only. The first update after `unfreeze` is that of their own
        history; schedules follow the optimizer's `t`. What is saved tells which are frozen, and
        loading with ``hyperparameters=True`` freezes these.

        Parameters
        ----------
        names : str or iterable of str
            Names of parameters, or, where none is called so, what names begin with: ``"body"``
            stands for all of ``"body.W"`` and ``"body.b"``.

        Raises
        ------
        ValueError
            For a name that is none here.

        Notes
        -----
        Gradients of zero do not freeze: moments fade, decay and counts go on. torch leaves out
        parameters whose ``grad`` is None; optax has ``set_to_zero`` and ``masked``.

        Examples
        --------
        >>> import numpy as np, lrcore as lrc
        >>> w = {"body": np.ones(2), "head": np.ones(2)}
        >>> opt = lrc.AdamW(w, lr=0.5, weight_decay=0.0)
        >>> opt.freeze("body")
        >>> opt.frozen, opt.step({"head": np.ones(2)})
        (('body',), True)
        >>> w
        {'body': array([1., 1.]), 'head': array([0.5, 0.5])}
        """
        self._freeze(self._named(names), True)

    def unfreeze(self, names: str | Iterable[str]) -> None:
        """Let these parameters move again, and go on from where they stopped.

        Parameters
        ----------
        names : str or iterable of str
            As for `freeze`. After `bind` those that were not bound want another `bind`.

        Raises
        ------
        ValueError
            For a name that is none here, or an array that has become read-only.
        """
        self._freeze(self._named(names), False)

    def _named(self, names: str | Iterable[str]) -> set[str]:
        me, found = type(self).__name__, set[str]()
        if not isinstance(names, Iterable):
            raise TypeError(f"{me}: names must be a name or several, got {names!r}")
        for word in [names] if isinstance(names, str) else names:
            below = {name for name in self.names if f"{name}.".startswith(f"{word}.")}
            fits = {word} if word in self.names else below
            if not fits:
                raise ValueError(f"{me}: no parameter is named {word!r}: {self.names}")
            found |= fits
        return found

    @exclusive
    def _freeze(self, names: set[str], freeze: bool) -> None:
        self._check_replaced()
        before = {*self.frozen}
        self._bind(self.roster.freezing(before | names if freeze else before - names), self.scalars)

    @exclusive
    def __reduce__(self) -> tuple[Any, ...]:
        roster = self.roster
        groups = [
            Group(
                group.params,
                lr_scale=group.lr_scale,
                names=[*roster.members(i)],
                frozen=[name for name in roster.members(i) if roster.tensors[name].kept],
                **group.overrides,
            )
            for i, group in enumerate(roster.groups)
        ]
        params = groups if roster.grouped else roster.groups[0].params
        made = pickles.recipe(type(self), (params,), self.hyperparameters)
        return *made, {"state": checkpoint.take(self).as_data(), "frozen": self.frozen}

    def __setstate__(self, saved: Mapping[str, Any]) -> None:
        self.load_state_dict(saved["state"])
        self.freeze(saved["frozen"])

    # --- what a user reads -------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names, in the order of the gradients."""
        return (*self.roster.tensors,)

    @property
    def frozen(self) -> tuple[str, ...]:
        """The names of the parameters that are frozen."""
        return tuple(n for n, tensor in self.roster.tensors.items() if tensor.kept is not None)

    @property
    def controller(self) -> Any:
        """What was given as `controller`."""
        return self.roster.common["controller"]

    @property
    def controllers(self) -> tuple[Controller, ...]:
        """The controllers, one or several, in the order in which they act."""
        return self.roster.controllers

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and name not in ("lr", "lr_scale"):
            raise AttributeError(
                f"{type(self).__name__}.{name} cannot be assigned; lr and lr_scale can"
            )
        super().__setattr__(name, value)

    @property
    def params(self) -> Any:
        """The parameters, in the structure that was given; a list of those with groups."""
        given = self.roster.given
        return [*given] if self.roster.grouped else given

    @property
    def state(self) -> Mapping[str, Mapping[str, Array]]:
        """For each parameter its state arrays, by their letters in the formula."""
        return self.roster.state

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """What the constructor was given, under its names."""
        return {**self.roster.options, **self.roster.common}

    @property
    def lr(self) -> float:
        """The effective rate of the first group's next update; assigning replaces the schedule.

        A number is the rate that is read and used from then on: the rate behind it is chosen so
        that it comes out after `lr_scale`, the group's own, controllers and their `min_lr`. Other
        groups keep their proportion to the first, but for a `min_lr`. A schedule is multiplied by
        all of these.

        Examples
        --------
        >>> import numpy as np, lrcore as lrc
        >>> plateau = lrc.ReduceOnPlateau(factor=0.1, patience=1)
        >>> opt = lrc.SGD(np.ones(2), lr=0.5, controller=plateau)
        >>> plateau.update(1.0), plateau.update(1.0), opt.lr
        (False, True, 0.05)
        >>> opt.lr *= 0.5
        >>> opt.lr
        0.025
        """
        return float(self._next_rate(0))

    @lr.setter
    def lr(self, value: Rate) -> None:
        me, kind = type(self).__name__, self.roster.kind
        if not callable(value):
            value = checked(me, "lr", value, kind.options["lr"].kind)
        kind.check_rate("another lr")
        self._assign_lr(value)

    @between
    def _assign_lr(self, rate: Rate) -> None:
        first, me = self.roster.groups[0], type(self).__name__
        if "lr" in first.overrides:
            raise ValueError(f"{me}: lr is that of the first group, which has one of its own")
        if not callable(rate):
            now = self.roster.options["lr"]
            if callable(now):  # a function of the user's is not asked for it
                now = now(self.t) if isinstance(now, Schedule) and now._is_pure else 0.0
            scale = first.lr_scale * self.lr_scale
            rate = before_scales(me, rate, scale, self.controllers, now)
        self._follow_rate(rate)

    @property
    @between
    def lrs(self) -> tuple[float, ...]:
        """The effective rate of the next update for each group."""
        return tuple(float(self._next_rate(i)) for i in range(len(self.roster.groups)))

    @property
    def schedule(self) -> Callable[[int], float]:
        """The schedule of the rate; `Constant` if a number was given."""
        lr: Rate = self.roster.options["lr"]
        return lr if callable(lr) else Constant(lr)

    def effective_lr(self, name: str) -> Array:
        """The rate of the last update, element by element, of the parameter of that name.

        For an adaptive method ``lr / (sqrt(v_hat) + eps)`` in its own letters: the length of the
        update over that of its direction, which is the gradient, or Adam's bias-corrected mean of
        gradients. With `SGD` it is `lr` everywhere. Adadelta's is that of the next update, if the
        second moment stays.

        Raises
        ------
        KeyError
            If no parameter has that name.
        RuntimeError
            Before the first update, or the first since a state was loaded.

        Examples
        --------
        >>> import numpy as np, lrcore as lrc
        >>> opt = lrc.Adagrad({"w": np.zeros(2)}, lr=1.0)
        >>> _ = opt.step({"w": np.array([0.5, 100.0])})
        >>> opt.effective_lr("w").round(6)
        array([2.  , 0.01])
        """
        if name not in self.roster.tensors:
            raise KeyError(f"{type(self).__name__}: no parameter is named {name!r}: {self.names}")
        return self._effective_lr(name)

    @reading
    def _effective_lr(self, name: str) -> Array:
        tensor, (carried, used) = self.roster.tensors[name], self.scalars[name]
        if math.isnan(used.get("lr", math.nan)):
            raise RuntimeError(f'{type(self).__name__}: "{name}" has had no update here yet')
        wide = {letter: kept.astype(np.float64) for letter, kept in tensor.state.items()}
        array = tensor.parameter
        return np.full(array.shape, self._element_rates(wide, used, carried, array.dtype))

    def __dir__(self) -> list[str]:
        return hints.visible(self, super().__dir__())

    def __repr__(self) -> str:
        roster = self.roster
        shown = dict(roster.options)
        shown |= {k: v for k, v in roster.common.items() if (k, v) not in DEFAULTS.items()}
        options = ", ".join(f"{name}={value!r}" for name, value in shown.items())
        elements = sum(array.size for array in roster.arrays.values())
        size = f"{len(roster.tensors)} arrays, {elements} elements"
        return f"<{type(self).__name__}({options}): {size}, t={self.t}>"


hints.give(Optimizer, OPTIMIZER)
