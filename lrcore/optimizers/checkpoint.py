"""The state of an optimizer taken out whole, and put back whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, NoReturn

import numpy as np

from .._core import commit
from ..checks import generators, pickles
from ..checks.arrays import Array
from ..controllers.controller import Follower, loading
from . import gathering, options_as_data, saved_controllers
from .attached import Attached
from .besides import to_save
from .fitting import Fit, fit, paired, parameter_problems
from .roster import Roster, Scalars
from .saved_state import RefusedError, SavedParameter, SavedState, parse


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


def take(opt: Attached) -> SavedState:
    """Everything but the parameters and the options: copies of arrays, numbers and names."""
    opt._check_replaced()
    roster, carried = opt.roster, opt.scalars
    parameters = {
        name: SavedParameter(
            carried[name][0],
            {key: array.copy() for key, array in to_save(t.state, opt.pending).items()},
            t.place,
        )
        for name, t in roster.tensors.items()
    }
    return SavedState(
        optimizer=roster.kind.name,
        t=opt.t,
        skipped=opt.skipped,
        pending=opt.pending,
        last_lr=opt.last_lr,
        lr_scale=opt.lr_scale,
        settings=options_as_data.describe(roster),
        parameters=parameters,
        controllers=saved_controllers.take(roster.controllers),
    )


def snapshot(opt: Attached) -> Snapshot:
    """Parameters and state."""
    state = take(opt).as_data()
    return Snapshot({name: array.copy() for name, array in opt.roster.arrays.items()}, state)


def read(opt: Attached, what: str, saved: Any) -> SavedState:
    """The record of a saved state of such an optimizer; any other is refused."""
    try:
        state = parse(saved)
    except RefusedError as error:
        _fail(opt, what, error.problems)
    if state.optimizer != opt.roster.kind.name:
        _fail(opt, what, [f"it is of {state.optimizer}"])
    return state


def put(
    opt: Attached,
    what: str,
    state: SavedState,
    *,
    strict: bool = True,
    hyperparameters: bool = False,
    back: bool = False,
    params: Mapping[str, Array] | None = None,
    others: Sequence[_Other] = (),
) -> LoadReport:
    """Sets `opt`, its parameters if these are given, and others to a state; an error changes none.

    To go `back` to a state of its own, whatever schedule or arrays the user has put in since.
    """
    if not back:
        opt._check_replaced()
    schedules, differing = options_as_data.differences(opt.roster, state.settings)
    schedules = [] if back or hyperparameters else schedules
    pairs = paired(opt.roster, state)
    roster = _with_settings(opt, what, state, pairs) if hyperparameters else opt.roster
    state, waiting = gathering.fitted(roster, state)
    found = fit(roster, state, pairs)
    controllers = saved_controllers.fit(roster.controllers, state.controllers)
    wrong = found.wrong + waiting + controllers.problems
    if strict:
        problems = found.absent() + wrong + schedules
        refuse(opt, what, problems and problems + _hints(found, schedules))
    refuse(opt, what, found.torn)
    scalars: dict[str, Scalars] = {
        name: (carried, {}) for name, (carried, _) in opt.scalars.items()
    }
    here, values = roster.arrays, params or {}
    copies = [(here[name], x) for name, x in values.items() if here[name].flags.writeable]
    for name, entry in found.entries.items():
        mine = to_save(roster.tensors[name].state, state.pending)
        copies += [(array, entry.state[k]) for k, array in mine.items()]
        scalars[name] = dict(entry.carried), {}
    copies += gathering.cleared(roster, state.pending, found.entries)
    _commit(opt, what, roster.settled(scalars), state, scalars, copies, controllers.states, others)
    differing = [*differing, *controllers.differing]
    return LoadReport(found.missing, found.unexpected, tuple(wrong), tuple(differing))


def put_file(
    opt: Attached,
    saved: Mapping[str, Any],
    *,
    strict: bool,
    hyperparameters: bool,
    params: bool,
    rng: np.random.Generator | None,
) -> LoadReport:
    """The same with what was in a file."""
    if not {"params", "state"} <= saved.keys() <= {"params", "state", "extra", "rng"}:
        refuse(opt, "file", [f"it holds {sorted(saved)!s:.80}, no state"])
    arrays, others = saved["params"] if params else None, []
    if params:
        refuse(opt, "file", parameter_problems(opt.roster, arrays))
    if rng is not None:
        refuse(opt, "file", generators.problems(rng, saved.get("rng")))
        set_state = partial(setattr, rng.bit_generator, "state")
        others.append(_Other(set_state, saved["rng"], rng.bit_generator.state))
    state = read(opt, "state", saved["state"])
    report = put(
        opt,
        "state",
        state,
        strict=strict,
        hyperparameters=hyperparameters,
        params=arrays,
        others=others,
    )
    report.extra = saved.get("extra")
    return report


def restore(opt: Attached, saved: Snapshot) -> None:
    """Sets parameters and state to what `snapshot` gave; an error changes nothing."""
    if not isinstance(saved, Snapshot):
        raise TypeError(f"{type(opt).__name__}: {saved!r:.80} is not a Snapshot")
    refuse(opt, "snapshot", parameter_problems(opt.roster, saved.params))
    state = read(opt, "snapshot", saved.state)
    put(opt, "snapshot", state, back=True, params=saved.params)


def _with_settings(opt: Attached, what: str, state: SavedState, pairs: Mapping[str, str]) -> Roster:
    try:
        return options_as_data.taken_over(opt.roster, state.settings, pairs)
    except (TypeError, ValueError) as error:
        _fail(opt, what, [f"its hyperparameters cannot be used: {error}"])


def _hints(found: Fit, schedules: Sequence[str]) -> list[str]:
    hints = []
    if found.missing and found.unexpected:
        hints.append(
            "where only the names are others, give those that were saved: Group(names=[...])"
        )
    if schedules:
        hints.append("strict=False keeps what is here, hyperparameters=True what was saved")
    return hints


def _fail(opt: Attached, what: str, problems: Sequence[str]) -> NoReturn:
    raise ValueError(f"{type(opt).__name__}: this {what} does not fit: {'; '.join(problems)}")


def refuse(opt: Attached, what: str, problems: Sequence[str]) -> None:
    """Raises what does not fit, if there is anything."""
    if problems:
        _fail(opt, what, problems)


class _Other(NamedTuple):
    """What is not ours to commit: it is set before, and set back if the rest comes to nothing."""

    set: Callable[[Any], None]
    new: Any
    old: Any


def _commit(
    opt: Attached,
    what: str,
    roster: Roster,
    saved: SavedState,
    scalars: Mapping[str, Scalars],
    copies: list[tuple[Array, Array]],
    states: Mapping[int, Mapping[str, Any]],
    others: Sequence[_Other],
) -> None:
    """Copies arrays and takes over numbers and controllers' states: all of it, or nothing."""
    attach = opt._prepare(*roster.handed(scalars), keep_bound=True)
    attach.go_back(
        t=saved.t,
        skipped=saved.skipped,
        pending=saved.pending,
        last_lr=saved.last_lr,
        lr_scale=saved.lr_scale,
    )
    before = [controller.state_dict() for controller in roster.controllers]
    after = [states.get(i, state) for i, state in enumerate(before)]
    triples = zip(roster.controllers, after, before, strict=True)
    strangers = [
        _Other(c.load_state_dict, new, old)
        for c, new, old in triples
        if not isinstance(c, Follower)
    ]
    everything = [*others, *strangers]
    try:
        cells = [(opt._cell, roster), *loading(roster.controllers, after, roster.watched)]
        _set(everything)  # a loop in here would let an interrupt past `except`, in Python 3.13
        commit(cells, copies, attach=attach)
    except BaseException as error:
        # an interrupt that came during the copying is raised after it
        _set([] if attach.done else [other._replace(new=other.old) for other in everything])
        if isinstance(error, KeyError):  # what a controller says of missing and unknown entries
            _fail(opt, what, [str(error.args[0])])
        raise


def _set(others: Iterable[_Other]) -> None:
    for other in others:
        other.set(other.new)
