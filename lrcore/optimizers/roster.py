"""All that an optimizer knows besides numbers and controllers' states, as one frozen record."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .._core import COMPUTED, DTYPES, RULES, Hyper, Rule
from ..arrays.layout import new_state
from ..arrays.named import Watched
from ..arrays.sharing import check_distinct
from ..checks import arrays as parameters
from ..checks.arrays import Array
from ..checks.synonyms import synonym
from ..checks.trees import check_names, flatten, spared
from ..controllers.catalogue import Controller
from .averages import LETTER, Average, checked_average, with_average
from .groups import Group, Place, in_group
from .hyperparameters import Hyperparameter, Scheduled, as_hyper
from .options import OF_GROUPS, check_common

# A parameter, its state, its carried scalars -> what should be evaluated in its place, if anything
Evaluated: TypeAlias = Callable[[Array, Mapping[str, Array], Mapping[str, float]], Array | None]


class RuleChoice(NamedTuple):
    """A row of the rule list, its hyperparameters, and state that does not start at zero.

    `copies` names state that starts as the parameter.
    """

    rule: str
    hyper: Mapping[str, Any]
    fill: Mapping[str, float] = {}
    copies: tuple[str, ...] = ()


class Kind(NamedTuple):
    """A class of optimizers: its name, options, and the rule that these (checked) ask for."""

    name: str
    options: Mapping[str, Hyperparameter]
    choose: Callable[[Mapping[str, Any]], RuleChoice]
    decay: str  # what to take where weight_decay is refused
    decoupled: str  # the class to name there
    evaluated: Evaluated | None  # what the rule knows to be better than the parameter

    def no_weight_decay(self) -> str:
        """Why weight_decay is refused, and what to write."""
        return (
            f"{self.name} has no weight_decay: {self.decay}, "
            f"or {self.decoupled}, whose decay is decoupled"
        )

    @property
    def follows_rates(self) -> bool:
        """Whether the rate acts at every update: that of schedules, scales and controllers."""
        return self.options["lr"].scheduled

    def check_rate(self, what: str) -> None:
        """Refuses what would change the rate of an optimizer that has none but at the start."""
        if not self.follows_rates:
            raise TypeError(
                f"{self.name}: {what} cannot act: lr is the first step of each element, which "
                'changes from then on by signs alone; steps are state[name]["step"]'
            )

    def plain(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The same with tuples in the place of lists and arrays."""
        several = {name for name, option in self.options.items() if option.size}
        return {
            name: tuple(x) if name in several and isinstance(x, list | np.ndarray) else x
            for name, x in given.items()
        }

    def checked(self, options: Mapping[str, Any], group: Group | None = None) -> dict[str, Any]:
        """The options of a group, each in its range, under the names that rules have for them."""
        given = group.overrides if group else {}
        overrides = {name: value for name, value in given.items() if name not in OF_GROUPS}
        unknown = [name for name in overrides if name not in options]
        if "weight_decay" in unknown:
            raise TypeError(self.no_weight_decay())
        if unknown:
            known = synonym(self.name, unknown[0], ["lr_scale", *OF_GROUPS, *options])
            raise TypeError(
                f"Group: {unknown[0]} is not a hyperparameter of {self.name}; "
                f"{known and known + '; '}accepted: {', '.join([*options, *OF_GROUPS])}"
            )
        if callable(overrides.get("lr", options["lr"])):
            self.check_rate("a schedule")
        if group and group.lr_scale != 1.0:
            self.check_rate("lr_scale")
        found: dict[str, Any] = {}
        for name, value in {**options, **overrides}.items():
            found |= self.options[name].checked(self.name, value)
        return found

    def hyper(self, letter: str, value: Scheduled[float]) -> Hyper:
        """A checked hyperparameter as the core takes it."""
        for option in self.options.values():
            if letter in option.letters:
                return as_hyper(letter, value, option.kind_of(letter))
        return as_hyper(letter, value)


class Recipe(NamedTuple):
    """What some tensors of a group share: the rule, in one dtype."""

    rule: Rule
    dtype: int  # place in DTYPES
    group: int


Scalars = tuple[dict[str, float], dict[str, float]]  # carried ones; those of the last update


class Tensor(NamedTuple):
    """A parameter and its state; `axes` are in the order in which they lie in memory."""

    recipe: int
    place: Place
    parameter: Array
    state: Mapping[str, Array]
    axes: tuple[int, ...]
    form: tuple[Any, ...]  # shape, strides and dtype that state and axes belong to
    kept: Scalars | None = None  # of a frozen one, which the core does not know

    def check(self, name: str) -> None:
        """Refuses a parameter that is no longer what its state was made for."""
        if _form(self.parameter) != self.form:
            raise ValueError(f'parameter "{name}" was resized, reshaped or moved')


@dataclass(frozen=True)
class Roster:
    """What an optimizer was given and made of it. It never changes; another takes its place.

    `options` and `common` are as given; `tensors` go by name, in the order of the gradients.
    """

    kind: Kind
    options: Mapping[str, Any]
    common: Mapping[str, Any]
    controllers: tuple[Controller, ...]
    grouped: bool = False
    groups: tuple[Group, ...] = ()
    trees: tuple[Any, ...] = ()
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    recipes: tuple[Recipe, ...] = ()

    @property
    def whole(self) -> Any:
        """The structure of the parameters."""
        return self.trees if self.grouped else self.trees[0]

    @property
    def tree(self) -> Any:
        """The structure of the gradients: of the parameters that are not frozen."""
        return spared(self.whole, (t.kept is not None for t in self.tensors.values()))

    @property
    def moving(self) -> dict[str, Tensor]:
        """What is not frozen, by name."""
        return {name: t for name, t in self.tensors.items() if t.kept is None}

    @property
    def used(self) -> list[int]:
        """The recipes that the core is handed."""
        return sorted({tensor.recipe for tensor in self.moving.values()})

    @property
    def given(self) -> Any:
        """The user's own parameters, in the structure of the tree."""
        params = tuple(group.params for group in self.groups)
        return params if self.grouped else params[0]

    @cached_property
    def arrays(self) -> Mapping[str, Array]:
        """The parameters by name."""
        return MappingProxyType({name: t.parameter for name, t in self.tensors.items()})

    @cached_property
    def state(self) -> Mapping[str, Mapping[str, Array]]:
        """The state arrays of each parameter, by their letters in the formula."""
        return MappingProxyType({name: t.state for name, t in self.tensors.items()})

    @property
    def watched(self) -> Watched:
        """The parameters as controllers are told them."""
        some_frozen = len(self.moving) < len(self.tensors)
        return Watched(self.tree, [*self.arrays.items()], some_frozen)

    def members(self, group: int) -> dict[str, Array]:
        """The parameters of a group by name."""
        return {n: t.parameter for n, t in self.tensors.items() if t.place.group == group}

    def rule(self, name: str) -> Rule:
        """The rule that updates a parameter."""
        return self.recipes[self.tensors[name].recipe].rule

    def checked(self, group: int) -> dict[str, Any]:
        """The options of a group, under the names that rules have for them."""
        return self.kind.checked(self.options, self.groups[group])

    def choice(self, group: int) -> RuleChoice:
        """The rule of a group."""
        return self.kind.choose(self.checked(group))

    def average(self, group: Group) -> Average | None:
        """The average of the parameters of a group that is wanted."""
        me = self.kind.name
        wanted = checked_average(me, group.overrides.get("average", self.common["average"]))
        if wanted is not None and self.kind.evaluated is not None:
            raise ValueError(
                f"{me}: average must be None, got {wanted!r}; eval_params and eval_arrays hand out "
                "x, which is an average already"
            )
        return wanted

    def wanted_rule(self, group: Group) -> Rule:
        """The rule of a group, with an average besides if it has one."""
        rule = RULES[self.kind.choose(self.kind.checked(self.options, group)).rule]
        return rule if self.average(group) is None else with_average(rule)

    def rates(self) -> list[tuple[Hyper, float]]:
        """The rate of each group before all scales, and its own."""
        option = self.kind.options["lr"]
        given = [group.overrides.get("lr", self.options["lr"]) for group in self.groups]
        checked = [option.checked(self.kind.name, lr)["lr"] for lr in given]
        return [
            (as_hyper("lr", lr), group.lr_scale)  # which schedules and scales may make 0
            for lr, group in zip(checked, self.groups, strict=True)
        ]

    def handed(self, scalars: Mapping[str, Scalars]) -> tuple[Any, ...]:
        """The same as the core takes it."""
        recipes, used, moving = [], self.used, self.moving
        for recipe in map(self.recipes.__getitem__, used):
            given = self.checked(recipe.group)
            chosen = self.kind.choose(given).hyper
            hypers = [self.kind.hyper(letter, chosen[letter]) for letter in recipe.rule.hyper[1:]]
            l2 = 0.0 if "l2" in recipe.rule.hyper else given.get("l2", 0.0)
            coupled = self.kind.hyper("l2", l2)
            average = self.average(self.groups[recipe.group])
            weights = None if average is None else average.weights()
            recipes.append(
                (recipe.rule, COMPUTED[recipe.dtype], recipe.group, hypers, coupled, weights)
            )
        tensors = []
        for t in moving.values():
            states = [array for letter, array in t.state.items() if letter != LETTER]
            entry = used.index(t.recipe), t.parameter, states, t.axes, t.state.get(LETTER)
            tensors.append(entry)
        leaves = [(name, t.parameter, t.kept is not None) for name, t in self.tensors.items()]
        common = check_common(self.kind.name, self.common)
        common["controllers"] = [*self.controllers]  # whatever became of a list that was given
        parts = recipes, tensors, (self.whole, self.tree), self.given, leaves
        return self.rates(), *parts, [scalars[name] for name in moving], common

    def grown(self, added: Sequence[Group], *, grouped: bool) -> Roster:
        """With more groups; what is there already keeps its state.

        Raises
        ------
        TypeError, ValueError
            For arrays or options that an optimizer does not take.
        """
        members: list[list[tuple[str, Place, Array]]] = []
        trees, names = list(self.trees), [*self.tensors]
        for i, group in enumerate(added, len(self.groups)):
            tree, leaves = flatten(group.params)
            trees.append(tree)
            named = in_group(leaves, group.names, f"{i}." if grouped else "")
            pairs = zip(named, leaves, strict=True)
            members.append([(n, Place(i, path), array) for (n, array), (path, _) in pairs])
            names += [name for name, _ in named]
            if not named:
                raise ValueError(f"{self.kind.name}: there are no parameters")
        for i, group in enumerate(self.groups):
            frozen = {*self.tensors} - {*self.moving}
            parameters.check_parameters([*self.members(i).items()], group.params, DTYPES, frozen)
        for group, new in zip(added, members, strict=True):
            named = [(name, array) for name, _, array in new]
            parameters.check_parameters(named, group.params, DTYPES, _frozen_in(group, new))
        check_names(names)
        check_distinct([*self.arrays.items(), *((n, a) for new in members for n, _, a in new)])
        tensors, recipes = dict(self.tensors), list(self.recipes)
        for group, new in zip(added, members, strict=True):
            tensors |= self._planned(group, new, recipes)
        return replace(
            self,
            grouped=grouped,
            groups=(*self.groups, *added),
            trees=tuple(trees),
            tensors=MappingProxyType(tensors),
            recipes=tuple(recipes),
        )

    def _planned(
        self, group: Group, new: Sequence[tuple[str, Place, Array]], recipes: list[Recipe]
    ) -> dict[str, Tensor]:
        """A recipe for each dtype among the members, and a tensor with new state for each."""
        chosen = self.kind.choose(self.kind.checked(self.options, group))
        rule = self.wanted_rule(group)
        recipe_of: dict[np.dtype[Any], int] = {}
        fresh: dict[np.dtype[Any], Iterator[dict[str, Array]]] = {}
        for i, dtype in enumerate(DTYPES):
            arrays = [array for _, _, array in new if array.dtype == dtype]
            if arrays:
                recipe_of[dtype] = len(recipes)
                recipes.append(Recipe(rule, i, new[0][1].group))
                fresh[dtype] = new_state(arrays, DTYPES[COMPUTED[i]], rule, chosen.fill)
        frozen = _frozen_in(group, new)
        states = [next(fresh[array.dtype]) for _, _, array in new]
        for state, (_, _, array) in zip(states, new, strict=True):
            for letter in chosen.copies:
                state[letter][...] = array
        return {
            name: Tensor(
                recipe_of[array.dtype],
                place,
                array,
                MappingProxyType(state),
                parameters.memory_order(array),
                _form(array),
                ({}, {}) if name in frozen else None,
            )
            for (name, place, array), state in zip(new, states, strict=True)
        }

    def fresh(self) -> dict[str, Scalars]:
        """The scalars of arrays that no update has changed."""
        rules = {name: self.rule(name) for name in self.tensors}
        return {n: (dict(zip(r.carried, r.starts, strict=True)), {}) for n, r in rules.items()}

    def freezing(self, frozen: Collection[str]) -> Roster:
        """With these arrays frozen, and no others.

        Raises
        ------
        TypeError, ValueError
            For an array that cannot be updated, and would be.
        """
        for name, array in self.arrays.items():
            if name not in frozen and self.tensors[name].kept is not None:
                parameters.check_parameters([(name, array)], array, DTYPES)
        tensors = {
            name: tensor._replace(kept=({}, {}) if name in frozen else None)
            for name, tensor in self.tensors.items()
        }
        return replace(self, tensors=MappingProxyType(tensors))

    def settled(self, scalars: Mapping[str, Scalars]) -> Roster:
        """With recipes of their own for arrays whose scalars differ, and those of frozen ones kept:
        no state is corrected by a count of updates that it has not seen.

        Raises
        ------
        ValueError
            For a parameter that is no longer what its state was made for.
        """
        place: dict[tuple[Any, ...], int] = {}
        recipes: list[Recipe] = []
        tensors = dict(self.tensors)
        ages = [tuple(k for k in r.rule.carried if k not in r.rule.kept) for r in self.recipes]
        for name, tensor in self.tensors.items():
            tensor.check(name)
            carried, applied = scalars[name]
            recipe = self.recipes[tensor.recipe]
            key = recipe, *map(carried.get, ages[tensor.recipe]), *applied.items()
            index = place.setdefault(key, len(recipes))
            if index == len(recipes):
                recipes.append(recipe)
            if index != tensor.recipe or tensor.kept is not None:
                kept = None if tensor.kept is None else scalars[name]
                tensors[name] = tensor._replace(recipe=index, kept=kept)
        return replace(self, recipes=tuple(recipes), tensors=MappingProxyType(tensors))


def _form(array: Array) -> tuple[Any, ...]:
    return array.shape, array.strides, array.dtype


def _frozen_in(group: Group, members: Sequence[tuple[str, Place, Array]]) -> set[str]:
    """The names of those members that a group has frozen."""
    known = {word for name, place, _ in members for word in (name, place.path)}
    unknown = [] if isinstance(group.frozen, bool) else [w for w in group.frozen if w not in known]
    if unknown:
        raise ValueError(f"Group: frozen has {unknown}, no names of its parameters")
    return {name for name, place, _ in members if group.freezes(name, place.path)}
