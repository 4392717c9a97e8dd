"""States of `torch.optim`, taken over and handed back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...checks.arguments import EXACT, Natural, convert
from ...checks.arrays import Array
from ...optimizers import checkpoint
from ...optimizers.averages import COUNT
from ...optimizers.base import Optimizer
from ...optimizers.besides import BESIDES, to_save
from ...optimizers.roster import Roster
from ...optimizers.saved_state import SavedParameter
from .peers import (
    Peer,
    Source,
    foreign,
    peer_of,
    product,
    unlike_keys,
    unlike_options,
)


def import_state(
    opt: Optimizer,
    state_dict: Mapping[str, Any],
    *,
    names: Sequence[str] | None = None,
    t: int | None = None,
) -> None:
    """Go on from the state of the optimizer of torch of the same name.

    Moments, and the count of updates with the bias corrections that follow from it, come from
    torch; hyperparameters and schedules stay, and have to be torch's where both are numbers.
    N updates by torch and M by `opt` then equal N + M by torch, but for rounding. An average of the
    parameters, which no optimizer of torch holds, stays as it is.

    Parameters
    ----------
    opt : SGD, RMSprop, Adagrad, Adadelta, Adam or AdamW
        Its parameters have the shapes and dtypes of torch's; their values are yours to copy.
    state_dict : mapping
        What ``torch_optimizer.state_dict()`` gave, on whatever device.
    names : sequence of str, optional
        The names here of torch's parameters, in torch's order. Without it those that torch
        recorded, or else the order of `opt.names`.
    t : int >= 0, optional
        The number of updates made, which torch's SGD does not count: `opt.t` stays without it.

    Raises
    ------
    TypeError, ValueError
        Listing all that does not fit: another optimizer, shape, dtype or hyperparameter, or
        parameters with unequal numbers of updates. Nothing has changed then.

    Notes
    -----
    docs/guide/bridges.md says which array is which, and where the mapping is not exact.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> opt = lrc.SGD({"w": np.ones(2)}, lr=0.1, momentum=0.9)
    >>> theirs = {"params": [0], "lr": 0.1, "momentum": 0.9, "dampening": 0, "weight_decay": 0,
    ...           "nesterov": False, "maximize": False}
    >>> buffers = {0: {"momentum_buffer": np.array([2.0, 3.0])}}
    >>> lrc.bridges.torch.import_state(opt, {"state": buffers, "param_groups": [theirs]}, t=5)
    >>> opt.t, opt.state["w"]["b"]
    (5, array([2., 3.]))
    """
    peer = peer_of(opt)

    def put() -> None:
        groups, sources = _read(opt, state_dict, names)
        problems = unlike_options(opt, peer, groups, sources)
        problems += unlike_keys(opt, peer, sources)
        checkpoint.refuse(opt, "state of torch", problems)
        present = checkpoint.take(opt)
        saved = replace(
            present,
            t=_count(opt, peer, sources, t),
            pending=0,
            last_lr=math.nan,
            parameters={
                name: _parameter(opt.roster, peer, name, sources[name].state, entry)
                for name, entry in present.parameters.items()
            },
        )
        checkpoint.put(opt, "state", saved)

    opt._alone(put)


def export_state(opt: Optimizer) -> dict[str, Any]:
    """The state of `opt` for ``load_state_dict`` of torch's optimizer of the same name.

    An average of the parameters is left out.

    Parameters
    ----------
    opt : SGD, RMSprop, Adagrad, Adadelta, Adam or AdamW
        Its groups and parameters are torch's, in torch's order.

    Returns
    -------
    dict
        Tensors of their own, and hyperparameters: the rate is that of the next update, schedules
        have their present values. ``param_names`` are the names here.

    Raises
    ------
    ModuleNotFoundError
        Without torch.
    TypeError, ValueError
        For options that torch does not have, and for betas that are or were others.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> opt = lrc.Adam(np.ones(2))
    >>> _ = opt.step(np.ones(2))
    >>> exported = lrc.bridges.torch.export_state(opt)  # doctest: +SKIP
    >>> exported["state"][0]["step"]  # doctest: +SKIP
    tensor(1., dtype=torch.float64)
    """
    from torch import from_numpy

    peer = peer_of(opt)
    t, groups, arrays = opt._alone(lambda: _taken(opt, peer))
    state = {
        i: {
            **({"step": from_numpy(np.array(float(t)))} if peer.counts else {}),
            **{key: from_numpy(array) for key, array in entry.items()},
        }
        for i, entry in enumerate(arrays)
        if entry
    }
    return {"state": state, "param_groups": groups}


# --- import ----------------------------------------------------------------------------------


def _read(
    opt: Optimizer, given: Any, names: Sequence[str] | None
) -> tuple[list[Mapping[str, Any]], dict[str, Source]]:
    """torch's groups, and what belongs to each of our parameters."""
    me = type(opt).__name__
    if not isinstance(given, Mapping) or not {"state", "param_groups"} <= given.keys():
        raise ValueError(f"{me}: no state_dict of torch.optim: it wants state and param_groups")
    groups, states = given["param_groups"], given["state"]
    if not isinstance(states, Mapping) or not isinstance(groups, list):
        raise ValueError(f"{me}: no state_dict of torch.optim: a mapping and a list are wanted")
    for j, group in enumerate(groups):
        if not isinstance(group, Mapping) or not isinstance(group.get("params"), list):
            raise ValueError(f"{me}: torch's group {j} has no list of params")
    places = [(j, index) for j, group in enumerate(groups) for index in group["params"]]
    order = [*names] if names is not None else _recorded(groups) or [*opt.names]
    if len(order) != len(places):
        raise ValueError(f"{me}: {len(order)} names for {len(places)} parameters of torch's")
    if len(set(order)) < len(order) or set(order) != set(opt.names):
        raise ValueError(
            f"{me}: torch's parameters are {order}, these {list(opt.names)}; names= gives the "
            "names here in torch's order"
        )
    sources = {
        name: Source(j, states.get(i) or {}) for name, (j, i) in zip(order, places, strict=True)
    }
    for name, source in sources.items():
        if not isinstance(source.state, Mapping):
            raise ValueError(f'{me}: torch\'s state of "{name}" is no mapping')
    return groups, sources


def _recorded(groups: list[Mapping[str, Any]]) -> list[str]:
    return [str(name) for group in groups for name in group.get("param_names") or ()]


def _count(opt: Optimizer, peer: Peer, sources: Mapping[str, Source], given: int | None) -> int:
    """The updates that were made."""
    if not peer.counts:
        return opt.t if given is None else _natural(opt, given)
    steps = {name: _step_of(source.state) for name, source in sources.items()}
    counts = set(steps.values()) | ({given} - {None})
    problems = []
    if len(counts) > 1:
        asked = "" if given is None else f", and t={given}"
        problems = [f"the numbers of updates differ: {steps}{asked}"]
    elif not all(step.is_integer() and 0 <= step < EXACT for step in steps.values()):
        problems = [f"the numbers of updates are none: {steps}"]
    checkpoint.refuse(opt, "state of torch", problems)
    return int(next(iter(steps.values())))


def _natural(opt: Optimizer, t: Any) -> int:
    try:
        return int(convert(t, Natural))
    except (TypeError, ValueError) as wanted:
        checkpoint.refuse(opt, "state of torch", [f"t is {t!r}, expected {wanted}"])
        raise


def _step_of(state: Mapping[str, Any]) -> float:
    return float(state["step"]) if state else 0.0


def _parameter(
    roster: Roster, peer: Peer, name: str, found: Mapping[str, Any], entry: SavedParameter
) -> SavedParameter:
    """What torch has of a parameter, as if we had saved it."""
    tensor = roster.tensors[name]
    fill = roster.choice(tensor.place.group).fill
    carried = _carried(entry.carried, roster.checked(tensor.place.group), tensor.parameter, found)
    return entry._replace(
        carried=carried, state=_arrays(peer, to_save(tensor.state, 0), fill, found)
    )


def _arrays(
    peer: Peer, state: Mapping[str, Array], fill: Mapping[str, float], found: Mapping[str, Any]
) -> dict[str, Array]:
    """The state of a parameter; that of a fresh one if torch has none."""
    arrays = {}
    for letter, array in state.items():
        value = array if letter in BESIDES else found.get(peer.state[letter])
        if value is None:
            arrays[letter] = np.full_like(array, fill.get(letter, 0.0), order="C", subok=False)
        else:
            arrays[letter] = _array(value)
    if "mean" in arrays and arrays["mean"].shape == arrays["s"].shape:
        # torch keeps the mean square, and rounding may have left it below the square of the mean
        variance = arrays["s"] - arrays["mean"] * arrays["mean"]
        arrays["s"] = np.asarray(np.maximum(variance, variance.dtype.type(0)))
    return arrays


def _array(value: Any) -> Array:
    """A tensor as an array, without a cast."""
    if isinstance(value, np.ndarray):
        return value
    try:
        array: Array = value.detach().cpu().numpy()
    except (AttributeError, TypeError) as error:
        raise TypeError(f"a tensor of torch's cannot be made an array: {error}") from None
    return array


def _carried(
    names: Mapping[str, float], options: Mapping[str, Any], array: Array, found: Mapping[str, Any]
) -> dict[str, float]:
    """The carried scalars after the updates that torch has made."""
    if "first" in names:
        return {**names, "first": float(found.get("momentum_buffer") is None)}
    return {
        name: kept if name == COUNT else product(options, name, array, _step_of(found))
        for name, kept in names.items()
    }


# --- export ----------------------------------------------------------------------------------


def _taken(opt: Optimizer, peer: Peer) -> tuple[int, list[dict[str, Any]], list[dict[str, Array]]]:
    """The count, torch's groups, and what torch keeps of each parameter."""
    saved, roster = checkpoint.take(opt).parameters, opt.roster
    groups: list[dict[str, Any]] = []
    arrays: list[dict[str, Array]] = []
    problems: list[str] = []
    if opt.pending:
        problems = [f"{opt.pending} gradients wait for their update, which torch has no place for"]
    for i in range(len(roster.groups)):
        options, names = roster.checked(i), [*roster.members(i)]
        wrong = foreign(peer, options)
        for name, array in roster.members(i).items():
            carried, state, _ = saved[name]
            wrong += [] if wrong else _other_products(opt, options, name, array, carried)
            arrays.append(_exported(peer, state, carried, opt.t))
        problems += wrong
        start = len(arrays) - len(names)
        group = _group(opt, peer, options, i)
        groups.append(group | {"params": [*range(start, len(arrays))], "param_names": names})
    if problems:
        raise ValueError(f"{type(opt).__name__}: not to be exported: {'; '.join(problems)}")
    return opt.t, groups, arrays


def _other_products(
    opt: Optimizer,
    options: Mapping[str, Any],
    name: str,
    array: Array,
    carried: Mapping[str, float],
) -> list[str]:
    """Running products that torch, which computes them from the step, would not have."""
    expected = {
        key: product(options, key, array, opt.t) for key in carried if key not in ("first", COUNT)
    }
    return [
        f'{key} of "{name}" is {carried[key]}, not beta**{opt.t}: it was added later, or betas '
        "were others"
        for key, value in expected.items()
        if not math.isclose(carried[key], value, rel_tol=1e-6, abs_tol=1e-300)
    ]


def _exported(
    peer: Peer, state: Mapping[str, Array], carried: Mapping[str, float], t: int
) -> dict[str, Array]:
    if carried.get("first") or (peer.counts and t == 0 and "s" not in state):
        return {}
    arrays = {peer.state[k]: array for k, array in state.items() if k not in BESIDES}
    if "mean" in state:
        arrays["square_avg"] = np.asarray(state["s"] + state["mean"] * state["mean"])
    return arrays


def _group(opt: Optimizer, peer: Peer, options: Mapping[str, Any], i: int) -> dict[str, Any]:
    group: dict[str, Any] = {"lr": opt._next_rate(i), "maximize": opt.roster.common["maximize"]}
    for name, key in peer.options.items():
        value = options[name]
        group[key] = float(value(opt.t)) if callable(value) else value
    if "beta1" in group:
        group["betas"] = (group.pop("beta1"), group.pop("beta2"))
    return group | dict(peer.fixed)
