"""The state of an optimizer taken out whole, and put back whole or not at all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from ..checks import generators, pickles
from ..checks.arguments import NonNegative, convert
from ..checks.arrays import Array
from ..controllers.controller import Controller, Follower, loading
from . import options_as_data, saved_controllers
from .options import Plan, Recipe, Tensor
from .saved_state import (
    FORMAT,
    Place,
    SavedParameter,
    SavedState,
    carried_problems,
    differences,
    parse,
    shared_problems,
)

if TYPE_CHECKING:
    from .._core import Rule, _Changes
    from .base import Optimizer


class _Found(NamedTuple):
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]
    differing: tuple[str, ...]


class LoadReport(_Found):
    """What `load_state_dict` found; with ``strict=True`` only `differing` can be other than empty.

    Parameters
    ----------
    missing : tuple of str
        Parameters of the optimizer of which nothing was saved. Their state stays as it was.
    unexpected : tuple of str
        Parameters that were saved and that the optimizer does not have.
    mismatched : tuple of str
        What was saved and does not fit, in words; it was left out.
    differing : tuple of str
        Hyperparameters, and settings of controllers, that were others when the state was saved, in
        words.
    extra : optional
        An attribute beside these four: what `save` was given as `extra`.
    """

    extra: Any = None


def take(opt: Optimizer) -> dict[str, Any]:
    """Everything but the parameters and the options: copies of arrays, numbers and names."""
    opt._check_replaced()
    carried = opt._get_carried(opt._rules())
    return {
        "format": FORMAT,
        "optimizer": type(opt).__name__,
        "t": opt.t,
        "skipped": opt.skipped,
        "last_lr": None if math.isnan(opt.last_lr) else opt.last_lr,
        "lr_scale": opt.lr_scale,
        "hyperparameters": options_as_data.describe(opt),
        "carried": dict(zip(opt.names, carried, strict=True)),
        "state": {
            name: {key: array.copy() for key, array in opt.state[name].items()}
            for name in opt.names
        },
        "places": {name: opt._places[name]._asdict() for name in opt.names},
        "controllers": saved_controllers.take(opt.controllers),
    }


class Snapshot(NamedTuple):
    """Parameters by name, and the state of their optimizer: copies of one moment."""

    params: Mapping[str, Array]
    state: Mapping[str, Any]

    @property
    def t(self) -> int:
        """The updates that had been applied."""
        return int(self.state["t"])

    def __reduce__(self) -> pickles.Recipe:
        return pickles.recipe(type(self), tuple(self), {})


def snapshot(opt: Optimizer) -> Snapshot:
    """Parameters and state."""
    state = take(opt)
    return Snapshot({name: array.copy() for name, array in opt._arrays()}, state)


def put(
    opt: Optimizer,
    saved: Mapping[str, Any],
    *,
    strict: bool,
    hyperparameters: bool,
    params: Mapping[str, Array] | None = None,
    done: list[bool] | None = None,
) -> LoadReport:
    """Sets `opt` to what `take` gave, and its parameters; an error changes nothing.

    `done` is told when it has been made, which an interrupt raised after that does not undo.
    """
    opt._check_replaced()
    state = _parsed(opt, "state", saved)
    schedules, differing = options_as_data.differences(opt, state.hyperparameters)
    others = None
    if hyperparameters:
        schedules, others = [], _settings(opt, state.hyperparameters)
    found = _matched(opt, state)
    rules = _rule_of(opt)
    misfits = {name: _misfits(opt, name, rules[name], e) for name, (_, e) in found.items()}
    controllers = saved_controllers.fit(opt.controllers, state.controllers)
    wrong = [text for texts in misfits.values() for text in texts] + controllers.problems
    missing = [name for name in opt.names if name not in found]
    taken = {saved_name for saved_name, _ in found.values()}
    unexpected = [name for name in state.parameters if name not in taken]
    if strict:
        parts = {"missing": sorted(missing), "unexpected": sorted(unexpected)}
        words = [f"{word} {names}" for word, names in parts.items() if names]
        absent, hints = [f"parameters in state: {', '.join(words)}"] if words else [], []
        if missing and unexpected:
            hints.append(
                "where only the names are others, give those that were saved: Group(names=[...])"
            )
        if schedules:
            hints.append("strict=False keeps what is here, hyperparameters=True what was saved")
        problems = absent + wrong + schedules
        _refuse(opt, "state", problems and problems + hints)
    fitting = {name: entry for name, (_, entry) in found.items() if not misfits[name]}
    _refuse(opt, "state", shared_problems(rules, fitting))
    _put(opt, state, fitting, controllers.states, params, others, done)
    differing = [*differing, *controllers.differing]
    return LoadReport(tuple(missing), tuple(unexpected), tuple(wrong), tuple(differing))


def put_file(
    opt: Optimizer,
    saved: Mapping[str, Any],
    *,
    strict: bool,
    hyperparameters: bool,
    params: bool,
    rng: np.random.Generator | None,
) -> LoadReport:
    """The same with what was in a file."""
    if not {"params", "state"} <= saved.keys() <= {"params", "state", "extra", "rng"}:
        _refuse(opt, "file", [f"it holds {sorted(saved)!s:.80}, no state"])
    arrays = saved["params"] if params else None
    if params:
        _refuse(opt, "file", _parameter_problems(opt, arrays))
    if rng is not None:
        _refuse(opt, "file", generators.problems(rng, saved.get("rng")))
    before = None if rng is None else rng.bit_generator.state
    done = [False]
    try:
        if rng is not None:
            rng.bit_generator.state = saved["rng"]
        report = put(
            opt,
            saved["state"],
            strict=strict,
            hyperparameters=hyperparameters,
            params=arrays,
            done=done,
        )
    except BaseException:
        if rng is not None and before is not None and not done[0]:
            rng.bit_generator.state = before
        raise
    report.extra = saved.get("extra")
    return report


def restore(opt: Optimizer, saved: Snapshot) -> None:
    """Sets parameters and state to what `snapshot` gave; an error changes nothing."""
    if not isinstance(saved, Snapshot):
        raise TypeError(f"{type(opt).__name__}: {saved!r:.80} is not a Snapshot")
    _refuse(opt, "snapshot", _parameter_problems(opt, saved.params))
    state = _parsed(opt, "snapshot", saved.state)
    entries = {name: state.parameters[name] for name in opt.names if name in state.parameters}
    found = differences("parameters in state", set(opt.names), state.parameters.keys())
    rules = _rule_of(opt)
    for name, entry in entries.items():
        found += _misfits(opt, name, rules[name], entry)
    found = found or shared_problems(rules, entries)
    controllers = saved_controllers.fit(opt.controllers, state.controllers)
    _refuse(opt, "snapshot", found + controllers.problems)
    _put(opt, state, entries, controllers.states, saved.params)


def _parsed(opt: Optimizer, what: str, saved: Any) -> SavedState:
    state, found = parse(saved)
    if state is not None and state.optimizer != type(opt).__name__:
        found = [f"it is of {state.optimizer}"]
    if state is None or found:
        _refuse(opt, what, found)
    assert state is not None
    return state


def _settings(opt: Optimizer, saved: Mapping[str, Any]) -> options_as_data.Planned:
    try:
        return options_as_data.prepare(opt, saved)
    except (TypeError, ValueError) as error:
        _fail(opt, "state", [f"its hyperparameters cannot be used: {error}"])


def _matched(opt: Optimizer, state: SavedState) -> dict[str, tuple[str, SavedParameter]]:
    """For each parameter the name and entry that was saved of it.

    By name, and where a name came of itself (without and with the number of a group, which depends
    on whether a group was there from the start or added) by group and path, or by the path alone
    if it stands in one place only, here and there.
    """
    pairs = _paired(opt, state)
    return {n: (pairs[n], state.parameters[pairs[n]]) for n in opt.names if n in pairs}


def _paired(opt: Optimizer, state: SavedState) -> dict[str, str]:
    """The saved name of each parameter of which something was saved."""
    here = {name: opt._places[name] for name in opt.names if name in opt._places[name].names}
    there = {
        name: entry.place
        for name, entry in state.parameters.items()
        if entry.place is not None and name in entry.place.names
    }
    pairs = {name: name for name in opt.names if name in state.parameters}
    left = {name: place for name, place in here.items() if name not in pairs}
    free = {place: name for name, place in there.items() if name not in pairs}
    pairs |= {name: free[place] for name, place in left.items() if place in free}
    taken = set(pairs.values())
    mine, saved = _by_path(here), _by_path(there)
    across = {
        name: saved[place.path]
        for name, place in left.items()
        if name not in pairs and mine.get(place.path) == name and place.path in saved
    }
    across = {name: other for name, other in across.items() if other not in taken}
    if across:  # groups are numbered otherwise, so a number tells nothing where a path is not sole
        sole = mine.keys() & saved.keys()
        pairs = {n: o for n, o in pairs.items() if n not in here or here[n].path in sole}
    return pairs | across


def _by_path(places: Mapping[str, Place]) -> dict[str, str]:
    """The name of each path that stands in one place alone."""
    count = Counter(place.path for place in places.values())
    return {place.path: name for name, place in places.items() if count[place.path] == 1}


def _parameter_problems(opt: Optimizer, saved: Any) -> list[str]:
    if not isinstance(saved, Mapping):
        return ["no parameters were saved with it"]
    arrays = dict(opt._arrays())
    found = differences("parameters", arrays.keys(), saved.keys())
    for name in arrays.keys() & saved.keys():
        found += _unlike(f'"{name}"', saved[name], arrays[name])
        if not arrays[name].flags.writeable:
            found.append(f'"{name}" is read-only')
    return found


def _fail(opt: Optimizer, what: str, problems: Sequence[str]) -> NoReturn:
    raise ValueError(f"{type(opt).__name__}: this {what} does not fit: {'; '.join(problems)}")


def _refuse(opt: Optimizer, what: str, problems: Sequence[str]) -> None:
    if problems:
        _fail(opt, what, problems)


def _rule_of(opt: Optimizer) -> dict[str, Rule]:
    rules = opt._rules()
    recipes = opt._recipes_of_arrays()
    return {name: rules[i] for name, i in zip(opt.names, recipes, strict=True)}


def _misfits(opt: Optimizer, name: str, rule: Rule, saved: SavedParameter) -> list[str]:
    """Why what was saved of a parameter cannot be copied to its state."""
    found = differences(f'state of "{name}"', opt.state[name].keys(), saved.state.keys())
    for key, array in opt.state[name].items():
        found += _unlike(f'{key} of "{name}"', saved.state.get(key, array), array)
    return found + carried_problems(name, rule, saved.carried)


def _unlike(what: str, given: Any, array: Array) -> list[str]:
    """Why an array cannot be copied to another bit for bit."""
    if not isinstance(given, np.ndarray) or given.dtype != array.dtype:
        kind = given.dtype if isinstance(given, np.ndarray) else type(given).__name__
        return [f"{what} is {kind}, expected {array.dtype}"]
    if given.shape != array.shape:
        return [f"{what} has shape {given.shape}, expected {array.shape}"]
    return []


def _put(
    opt: Optimizer,
    saved: SavedState,
    entries: Mapping[str, SavedParameter],
    states: Mapping[int, Mapping[str, Any]],
    params: Mapping[str, Array] | None = None,
    others: options_as_data.Planned | None = None,
    done: list[bool] | None = None,
) -> None:
    """Copies parameters, and what is saved of those in `entries`: all of it, or nothing."""
    targets: list[Array] = []
    sources: list[Array] = []
    if params is not None:
        targets += [array for _, array in opt._arrays()]
        sources += [params[name] for name in opt.names]
    for name, entry in entries.items():
        targets += opt.state[name].values()
        sources += [entry.state[key] for key in opt.state[name]]
    carried = _carried(opt, entries)
    settled = others or options_as_data.present(opt)
    plan = _by_age(settled.plan, carried)
    changes: _Changes = [(vars(opt), {**settled.changes, "_plan": plan})]
    new = None
    if others is not None or plan is not opt._plan:
        new = opt._prepare(
            *plan.handed(), opt._tree, opt._given(), opt._names, settled.common, keep_bound=True
        )
    after = [states.get(i, c.state_dict()) for i, c in enumerate(opt.controllers)]
    strangers = [
        (controller, state)
        for controller, state in zip(opt.controllers, after, strict=True)
        if not isinstance(controller, Follower)
    ]
    before = [(controller, controller.state_dict()) for controller, _ in strangers]
    done = [False] if done is None else done
    try:
        changes = [*changes, *loading(opt.controllers, after)]
        rules = [recipe.rule for recipe in plan.recipes]
        arguments = (targets, sources, rules, carried, changes, new)
        _load(strangers)  # a loop in here would let an interrupt past `except`, in Python 3.13
        opt._go_back(
            *arguments,
            done,
            t=saved.t,
            skipped=saved.skipped,
            last_lr=saved.last_lr,
            lr_scale=saved.lr_scale,
        )
    except BaseException as error:
        # an interrupt that came during the copying is raised after it
        _load([] if done[0] else before)
        if isinstance(error, KeyError):  # what a controller says of missing and unknown entries
            _refuse(opt, "state", [str(error.args[0])])
        raise


def _load(states: Iterable[tuple[Controller, Any]]) -> None:
    for controller, state in states:
        controller.load_state_dict(state)


def _carried(opt: Optimizer, entries: Mapping[str, SavedParameter]) -> list[dict[str, float]]:
    """The carried scalars of each array: those saved with its state, or else its own."""
    found = opt._get_carried(opt._rules())
    for i, name in enumerate(opt.names):
        if name in entries:
            carried = entries[name].carried
            found[i] = {key: convert(value, NonNegative) for key, value in carried.items()}
    return found


def _by_age(plan: Plan, carried: Sequence[Mapping[str, float]]) -> Plan:
    """With recipes of their own for arrays whose carried scalars differ: no state is corrected by a
    count of updates that it has not seen."""
    place: dict[tuple[Any, ...], int] = {}
    recipes: list[Recipe] = []
    tensors: list[Tensor] = []
    for tensor, scalars in zip(plan.tensors, carried, strict=True):
        kept = plan.recipes[tensor.recipe].rule.kept  # of each array anyway
        key = (tensor.recipe, *(x for x in sorted(scalars.items()) if x[0] not in kept))
        if key not in place:
            place[key] = len(recipes)
            recipes.append(plan.recipes[tensor.recipe])
        tensors.append(tensor._replace(recipe=place[key]))
    if [new.recipe for new in tensors] == [old.recipe for old in plan.tensors]:
        return plan
    return Plan(plan.rates, recipes, tensors)
