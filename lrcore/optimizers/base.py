"""What all optimizers share: parameter groups, options, state, and the step itself."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from .._core import DTYPES, RULES, Rule
from ..arrays.layout import new_state
from ..arrays.named import Watched
from ..arrays.sharing import check_distinct
from ..checks import arrays as parameters
from ..checks import calls, hints, pickles
from ..checks.arrays import Array
from ..checks.synonyms import OPTIMIZER, synonym
from ..checks.trees import check_names, flatten
from ..controllers.catalogue import Controller, binding
from ..schedules.catalogue import Constant, Schedule
from . import checkpoint
from .element_rates import Scalars, State
from .groups import Group, in_group, is_grouped
from .hyperparameters import Scheduled, as_hyper, check_hyper, number_or_schedule
from .options import DEFAULTS, Common, Plan, Recipe, RuleChoice, Tensor, check_common
from .saved_state import Place
from .saving import Saving
from .scales import before_scales


class Optimizer(Saving, metaclass=hints.Hinting):
    """The abstract base of the optimizers: bound to its parameters, it updates them in place."""

    _role: ClassVar = "Optimizer"
    _tree: Any
    _names: tuple[str, ...]
    _grouped: bool
    _watcher: Callable[[], Any] = staticmethod(lambda: None)  # gives the Monitor, if there is one
    decoupled = "AdamW"  # the class with decoupled decay to name when weight_decay is refused

    def __init_subclass__(cls) -> None:
        options = (cls.__init__.__kwdefaults__ or {}).keys() | Common.__annotations__.keys()
        hints.give(cls, {name: f'opt.hyperparameters["{name}"]' for name in options})
        type.__setattr__(cls, "__init__", calls.telling(cls.__init__))

    def __init__(self, params: Any, lr: Scheduled, hyper: dict[str, Any], common: Common) -> None:
        if self._is_attached():
            raise RuntimeError(f"this {type(self).__name__} has been initialised already")
        self._options: dict[str, Any] = {"lr": lr, **hyper}
        self._share(common)
        if isinstance(self._options.get("betas"), list | np.ndarray):
            self._options["betas"] = tuple(self._options["betas"])
        self._state: dict[str, Mapping[str, Array]] = {}
        self._groups: list[Group] = []
        self._named: list[list[tuple[str, Array]]] = []
        self._places: dict[str, Place] = {}
        self._plan = Plan([], [], [])
        grouped = is_grouped(params)
        groups = list(params) if grouped else [Group(params)]
        self._alone(lambda: self._bind_groups(groups, grouped=grouped))

    @staticmethod
    @abstractmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        """The rule that these (checked) options ask for."""

    @staticmethod
    @abstractmethod
    def _element_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> float | Array:
        """What the last update multiplied its direction with; `k` is carried on from it."""

    # --- options -----------------------------------------------------------------------------

    def _share(self, common: Mapping[str, Any]) -> None:
        """Takes over the options that all optimizers share."""
        me = type(self).__name__
        unknown = common.keys() - Common.__annotations__.keys()
        if "weight_decay" in unknown:
            raise TypeError(self._no_weight_decay())
        if unknown:
            accepted = ["params", *self._options, *Common.__annotations__]
            raise TypeError(calls.no_argument(me, sorted(unknown), accepted))
        full: dict[str, Any] = {**DEFAULTS, **common}
        checked = check_common(me, full)
        self._controller_given = full["controller"]
        self._controllers_used = tuple(checked["controllers"])
        self._common = full

    def _no_weight_decay(self) -> str:
        return (
            f"{type(self).__name__} has no weight_decay: use l2= for coupled decay (added to the "
            f"gradient), or {self.decoupled}, whose decay is decoupled"
        )

    def _checked(
        self, overrides: Mapping[str, Any], options: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The options of a group, each in its range."""
        me = type(self).__name__
        options = self._options if options is None else options
        unknown = [name for name in overrides if name not in options]
        if "weight_decay" in unknown:
            raise TypeError(self._no_weight_decay())
        if unknown:
            known = synonym(me, unknown[0], ["lr_scale", *options])
            raise TypeError(
                f"Group: {unknown[0]} is not a hyperparameter of {me}; "
                f"{known and known + '; '}accepted: {', '.join(options)}"
            )
        return check_hyper(me, {**options, **overrides})

    # --- arrays ------------------------------------------------------------------------------

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
        group = params if isinstance(params, Group) else Group(params, **options)
        self._alone(lambda: self._add(group))

    def _add(self, group: Group) -> None:
        self._check_replaced()
        self._bind_groups([*self._groups, group], grouped=True)

    def _bind_groups(self, groups: list[Group], *, grouped: bool) -> None:
        """Binds to the arrays of `groups`; those that are bound already keep their state."""
        known = len(self._groups)
        trees = list(self._tree if self._grouped else [self._tree]) if known else []
        named, places = list(self._named), dict(self._places)
        for i, group in enumerate(groups[known:], known):
            tree, leaves = flatten(group.params)
            trees.append(tree)
            named.append(in_group(leaves, group.names, f"{i}." if grouped else ""))
            pairs = zip(leaves, named[i], strict=True)
            places |= {name: Place(i, path) for (path, _), (name, _) in pairs}
        everything = [pair for leaves in named for pair in leaves]
        names = tuple(name for name, _ in everything)
        if not all(named):
            raise ValueError(f"{type(self).__name__}: there are no parameters")
        for leaves, group in zip(named, groups, strict=True):
            parameters.check_parameters(leaves, group.params)
        check_names(names)
        check_distinct(everything)
        plan = self._plan.copied()
        state = dict(self._state)
        for group, leaves in zip(groups[known:], named[known:], strict=True):
            self._plan_group(group, leaves, plan, state)
        tree = tuple(trees) if grouped else trees[0]
        mine = {
            "_tree": tree,
            "_names": names,
            "_places": places,
            "_groups": groups,
            "_named": named,
            "_plan": plan,
            "_grouped": grouped,
            "_state": state,
        }
        changes = binding(self._controllers_used, Watched(tree, everything), self._refusals)
        common = check_common(type(self).__name__, self._common)
        new = self._prepare(*plan.handed(), tree, _given(groups, grouped), names, common)
        self._attach(new, [(vars(self), mine), *changes])

    def _plan_group(
        self,
        group: Group,
        leaves: list[tuple[str, Array]],
        plan: Plan,
        state: dict[str, Mapping[str, Array]],
    ) -> None:
        """A recipe for each dtype among `leaves`, and a tensor with new state for each of them."""
        options = self._checked(group.overrides)
        choice = self._choose(options)
        rule = RULES[choice.rule]
        recipe_of: dict[int, int] = {}
        fresh: dict[int, Iterator[dict[str, Array]]] = {}
        for dtype in sorted({DTYPES.index(array.dtype) for _, array in leaves}):
            arrays = [array for _, array in leaves if array.dtype == DTYPES[dtype]]
            recipe_of[dtype] = len(plan.recipes)
            l2 = 0.0 if "l2" in rule.hyper else options.get("l2", 0.0)
            plan.recipes.append(Recipe(rule, dtype, len(plan.rates), choice.hyper, l2))
            fresh[dtype] = new_state(arrays, rule.state, choice.fill)
        plan.rates.append((options["lr"], group.lr_scale))
        for name, array in leaves:
            dtype = DTYPES.index(array.dtype)
            arrays_of = next(fresh[dtype])
            state[name] = MappingProxyType(arrays_of)
            axes = parameters.memory_order(array)
            tensor = Tensor(recipe_of[dtype], array, list(arrays_of.values()), axes)
            plan.tensors.append(tensor)

    def _given(self) -> Any:
        return _given(self._groups, self._grouped)

    def _arrays(self) -> list[tuple[str, Array]]:
        return [pair for leaves in self._named for pair in leaves]

    def _rules(self) -> list[Rule]:
        return [recipe.rule for recipe in self._plan.recipes]

    def _recipes_of_arrays(self) -> list[int]:
        return [tensor.recipe for tensor in self._plan.tensors]

    def __reduce__(self) -> tuple[Any, ...]:
        reduced: tuple[Any, ...] = self._alone(self._reduced)
        return reduced

    def _reduced(self) -> tuple[Any, ...]:
        groups = [
            Group(
                group.params,
                lr_scale=group.lr_scale,
                names=[n for n, _ in named],
                **group.overrides,
            )
            for group, named in zip(self._groups, self._named, strict=True)
        ]
        params = groups if self._grouped else self._groups[0].params
        made = pickles.recipe(type(self), (params,), self.hyperparameters)
        return *made, checkpoint.take(self)

    def __setstate__(self, saved: Mapping[str, Any]) -> None:
        self.load_state_dict(saved)

    # --- what a user reads -------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names, in the order of the gradients."""
        return self._names

    @property
    def controller(self) -> Any:
        """What was given as `controller`."""
        return self._controller_given

    @property
    def controllers(self) -> tuple[Controller, ...]:
        """The controllers, one or several, in the order in which they act."""
        return self._controllers_used

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and name not in ("lr", "lr_scale"):
            raise AttributeError(
                f"{type(self).__name__}.{name} cannot be assigned; lr and lr_scale can"
            )
        super().__setattr__(name, value)

    @property
    def params(self) -> Any:
        """The parameters, in the structure that was given; a list of those with groups."""
        return [group.params for group in self._groups] if self._grouped else self._given()

    @property
    def state(self) -> Mapping[str, Mapping[str, Array]]:
        """For each parameter its state arrays, by their letters in the formula."""
        return MappingProxyType(self._state)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """What the constructor was given, under its names."""
        return {**self._options, **self._common}

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
    def lr(self, value: Scheduled) -> None:
        checked = number_or_schedule(type(self).__name__, "lr", value, "lr")
        self._between(lambda: self._assign_lr(value, checked))

    def _assign_lr(self, value: Scheduled, checked: Scheduled) -> None:
        first, me = self._groups[0], type(self).__name__
        if "lr" in first.overrides:
            raise ValueError(f"{me}: lr is that of the first group, which has one of its own")
        if not callable(checked):
            scale = first.lr_scale * self.lr_scale
            now = self._options["lr"]
            if callable(now):  # a function of the user's is not asked for it
                now = now(self.t) if isinstance(now, Schedule) and now._is_pure else 0.0
            value = checked = before_scales(me, checked, scale, self._controllers_used, now)
        self._set_lr(value, checked)

    def _set_lr(self, value: Scheduled, checked: Scheduled) -> None:
        """The rate before all scales, of the groups that have none of their own."""
        follow = ["lr" not in group.overrides for group in self._groups]
        pairs = zip(follow, self._groups, self._plan.rates, strict=True)
        rates = [(checked, group.lr_scale) if ours else old for ours, group, old in pairs]
        plan, options = self._plan._replace(rates=rates), {**self._options, "lr": value}
        changes = [(vars(self), {"_plan": plan, "_options": options})]
        self._replace_rates(follow, as_hyper("lr", checked), changes)

    @property
    def lrs(self) -> tuple[float, ...]:
        """The effective rate of the next update for each group."""
        rates: tuple[float, ...] = self._between(
            lambda: tuple(float(self._next_rate(i)) for i in range(len(self._groups)))
        )
        return rates

    @property
    def schedule(self) -> Callable[[int], float]:
        """The schedule of the rate; `Constant` if a number was given."""
        lr: Scheduled = self._options["lr"]
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
        if name not in self._state:
            raise KeyError(f"{type(self).__name__}: no parameter is named {name!r}: {self.names}")
        rate: Array = self._alone(lambda: self._effective_lr(self.names.index(name)))
        return rate

    def _effective_lr(self, i: int) -> Array:
        name, array = self._arrays()[i]
        used, carried = (get(self._rules())[i] for get in (self._get_applied, self._get_carried))
        if math.isnan(used["lr"]):
            raise RuntimeError(f'{type(self).__name__}: "{name}" has had no update here yet')
        wide = {letter: kept.astype(np.float64) for letter, kept in self._state[name].items()}
        rates = self._element_rates(wide, used, carried, array.dtype)
        return np.full(array.shape, rates)

    def __dir__(self) -> list[str]:
        return hints.visible(self, super().__dir__())

    def __repr__(self) -> str:
        shown = dict(self._options)
        shown |= {k: v for k, v in self._common.items() if (k, v) not in DEFAULTS.items()}
        options = ", ".join(f"{name}={value!r}" for name, value in shown.items())
        elements = sum(array.size for _, array in self._arrays())
        size = f"{len(self.names)} arrays, {elements} elements"
        return f"<{type(self).__name__}({options}): {size}, t={self.t}>"


def _given(groups: list[Group], grouped: bool) -> Any:
    """The user's own parameters, in the structure of the tree."""
    return tuple(group.params for group in groups) if grouped else groups[0].params


hints.give(Optimizer, OPTIMIZER)
