"""All that an optimizer knows besides numbers and controllers' states, as one frozen record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from .._core import DTYPES, RULES, Hyper, Rule
from ..arrays.layout import new_state
from ..arrays.named import Watched
from ..arrays.sharing import check_distinct
from ..checks import arrays as parameters
from ..checks.arrays import Array
from ..checks.synonyms import synonym
from ..checks.trees import check_names, flatten
from ..controllers.catalogue import Controller
from .groups import Group, Place, in_group
from .hyperparameters import Hyperparameter, Scheduled, as_hyper
from .options import check_common


class RuleChoice(NamedTuple):
    """A row of the rule list, its hyperparameters, and state that does not start at zero."""

    rule: str
    hyper: Mapping[str, Any]
    fill: Mapping[str, float] = {}


class Kind(NamedTuple):
    """A class of optimizers: its name, options, and the rule that these (checked) ask for."""

    name: str
    options: Mapping[str, Hyperparameter]
    choose: Callable[[Mapping[str, Any]], RuleChoice]
    decoupled: str  # the class to name when weight_decay is refused

    def no_weight_decay(self) -> str:
        """Why weight_decay is refused, and what to write."""
        return (
            f"{self.name} has no weight_decay: use l2= for coupled decay (added to the gradient), "
            f"or {self.decoupled}, whose decay is decoupled"
        )

    def checked(self, options: Mapping[str, Any], group: Group | None = None) -> dict[str, Any]:
        """The options of a group, each in its range, under the names that rules have for them."""
        overrides = group.overrides if group else {}
        unknown = [name for name in overrides if name not in options]
        if "weight_decay" in unknown:
            raise TypeError(self.no_weight_decay())
        if unknown:
            known = synonym(self.name, unknown[0], ["lr_scale", *options])
            raise TypeError(
                f"Group: {unknown[0]} is not a hyperparameter of {self.name}; "
                f"{known and known + '; '}accepted: {', '.join(options)}"
            )
        found: dict[str, Any] = {}
        for name, value in {**options, **overrides}.items():
            found |= self.options[name].checked(self.name, value)
        return found

    def hyper(self, letter: str, value: Scheduled[float]) -> Hyper:
        """A checked hyperparameter as the core takes it."""
        for option in self.options.values():
            if letter in option.letters:
                return as_hyper(letter, value, option.kind)
        return as_hyper(letter, value)


class Recipe(NamedTuple):
    """What some tensors of a group share: the rule, in one dtype."""

    rule: Rule
    dtype: int  # place in DTYPES
    group: int


class Tensor(NamedTuple):
    """A parameter and its state; `axes` are in the order in which they lie in memory."""

    recipe: int
    place: Place
    parameter: Array
    state: Mapping[str, Array]
    axes: tuple[int, ...]


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
    def tree(self) -> Any:
        """The structure of the gradients."""
        return self.trees if self.grouped else self.trees[0]

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
        return Watched(self.tree, [*self.arrays.items()])

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

    def rates(self) -> list[tuple[Hyper, float]]:
        """The rate of each group before all scales, and its own."""
        return [
            (self.kind.hyper("lr", self.checked(i)["lr"]), group.lr_scale)
            for i, group in enumerate(self.groups)
        ]

    def handed(self) -> tuple[Any, ...]:
        """The same as the core takes it."""
        recipes = []
        for recipe in self.recipes:
            given = self.checked(recipe.group)
            chosen = self.kind.choose(given).hyper
            hypers = [self.kind.hyper(letter, chosen[letter]) for letter in recipe.rule.hyper[1:]]
            coupled = self.kind.hyper("l2", given.get("l2", 0.0))
            recipes.append((recipe.rule, recipe.dtype, recipe.group, hypers, coupled))
        tensors = [
            (t.recipe, t.parameter, [*t.state.values()], t.axes) for t in self.tensors.values()
        ]
        common = check_common(self.kind.name, self.common)
        common["controllers"] = [*self.controllers]  # whatever became of a list that was given
        return self.rates(), recipes, tensors, self.tree, self.given, (*self.tensors,), common

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
            parameters.check_parameters([*self.members(i).items()], group.params)
        for group, new in zip(added, members, strict=True):
            parameters.check_parameters([(name, array) for name, _, array in new], group.params)
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
        choice = self.kind.choose(self.kind.checked(self.options, group))
        rule = RULES[choice.rule]
        recipe_of: dict[np.dtype[Any], int] = {}
        fresh: dict[np.dtype[Any], Iterator[dict[str, Array]]] = {}
        for i, dtype in enumerate(DTYPES):
            arrays = [array for _, _, array in new if array.dtype == dtype]
            if arrays:
                recipe_of[dtype] = len(recipes)
                recipes.append(Recipe(rule, i, new[0][1].group))
                fresh[dtype] = new_state(arrays, rule.state, choice.fill)
        return {
            name: Tensor(
                recipe_of[array.dtype],
                place,
                array,
                MappingProxyType(next(fresh[array.dtype])),
                parameters.memory_order(array),
            )
            for name, place, array in new
        }

    def by_age(self, carried: Mapping[str, Mapping[str, float]]) -> Roster:
        """With recipes of their own for arrays whose carried scalars differ: no state is corrected
        by a count of updates that it has not seen."""
        place: dict[tuple[Any, ...], int] = {}
        recipes: list[Recipe] = []
        tensors: dict[str, Tensor] = {}
        for name, tensor in self.tensors.items():
            key = (self.recipes[tensor.recipe], *sorted(carried[name].items()))
            if key not in place:
                place[key] = len(recipes)
                recipes.append(self.recipes[tensor.recipe])
            tensors[name] = tensor._replace(recipe=place[key])
        return replace(self, recipes=tuple(recipes), tensors=MappingProxyType(tensors))
