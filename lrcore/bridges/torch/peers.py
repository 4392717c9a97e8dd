"""What torch's optimizers call things, and whether an optimizer has the options of its peer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ...checks.arrays import Array
from ...optimizers.base import Optimizer
from ...optimizers.besides import BESIDES


class Peer(NamedTuple):
    """torch's class of the same name."""

    state: Mapping[str, str]  # our letter: torch's word for the array
    options: Mapping[str, str]  # our hyperparameter: torch's; our others have to be 0
    fixed: Mapping[str, Any] = {}  # what torch alone has, and the value that is ours
    counts: bool = True  # whether there is a step


_ADAM: Final = {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"}
_ADAM_OPTIONS: Final = {name: name for name in ("beta1", "beta2", "eps", "amsgrad")}
PEERS: Final[Mapping[str, Peer]] = {
    "SGD": Peer(
        {"b": "momentum_buffer"},
        {
            "momentum": "momentum",
            "dampening": "dampening",
            "nesterov": "nesterov",
            "l2": "weight_decay",
        },
        counts=False,
    ),
    "RMSprop": Peer(
        {"v": "square_avg", "s": "square_avg", "mean": "grad_avg", "b": "momentum_buffer"},
        {
            "rho": "alpha",
            "eps": "eps",
            "centered": "centered",
            "momentum": "momentum",
            "l2": "weight_decay",
        },
    ),
    "Adagrad": Peer(
        {"s": "sum"},
        {
            "eps": "eps",
            "initial_accumulator_value": "initial_accumulator_value",
            "l2": "weight_decay",
        },
        {"lr_decay": 0},
    ),
    "Adadelta": Peer(
        {"v": "square_avg", "u": "acc_delta"}, {"rho": "rho", "eps": "eps", "l2": "weight_decay"}
    ),
    "Adam": Peer(_ADAM, {**_ADAM_OPTIONS, "l2": "weight_decay"}, {"decoupled_weight_decay": False}),
    "AdamW": Peer(
        _ADAM,
        {**_ADAM_OPTIONS, "weight_decay": "weight_decay"},
        {"decoupled_weight_decay": True},
    ),
}


class Source(NamedTuple):
    """Where torch keeps what belongs to a parameter."""

    group: int
    state: Mapping[str, Any]


def peer_of(opt: Any) -> Peer:
    """The row of an optimizer; what has none is refused."""
    name = type(opt).__name__
    if not isinstance(opt, Optimizer) or name not in PEERS:
        raise TypeError(f"opt must be one of {', '.join(PEERS)}, got {name}")
    return PEERS[name]


def unlike_options(
    opt: Optimizer,
    peer: Peer,
    groups: list[Mapping[str, Any]],
    sources: Mapping[str, Source],
) -> list[str]:
    """Where the hyperparameters are not torch's."""
    found = []
    roster = opt.roster
    for i in range(len(roster.groups)):
        options = roster.checked(i)
        found += foreign(peer, options)
        rate = None if callable(options["lr"]) else opt._next_rate(i)
        mine = {key: options[name] for name, key in peer.options.items()}
        mine |= {"lr": rate, "maximize": roster.common["maximize"]}
        # a schedule here stands for whatever makes torch's rate decay
        mine |= {k: v for k, v in peer.fixed.items() if rate is not None or k != "lr_decay"}
        for j in sorted({sources[name].group for name in roster.members(i)}):
            theirs = _options_of(groups[j], mine)
            found += [
                f"torch's group {j} has {key}={theirs.get(key)}, group {i} here {value}"
                for key, value in mine.items()
                if value is not None and not callable(value) and theirs.get(key) != value
            ]
    return found


def _options_of(group: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, float | None]:
    """torch's numbers and flags; None for what is not there, or no number."""
    pair = group.get("betas")
    betas = pair if isinstance(pair, list | tuple) and len(pair) == 2 else (None, None)
    # what older versions of torch do not write
    given = {"maximize": False, "decoupled_weight_decay": wanted.get("decoupled_weight_decay")}
    given |= {**group, "beta1": betas[0], "beta2": betas[1]}
    return {key: number(given.get(key)) for key in wanted}


def number(value: Any) -> float | None:
    """A tensor, number or flag as a number; None for anything else."""
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):  # the last is torch's
        return None


def foreign(peer: Peer, options: Mapping[str, Any]) -> list[str]:
    """Our options that torch has nothing for."""
    found = [
        f"torch has no {name}, which is {value} here"
        for name, value in options.items()
        if isinstance(value, str) or (name not in peer.options and name != "lr" and value != 0)
    ]
    return found + [
        f"{name} is a schedule here, and torch's bias correction knows none"
        for name in ("beta1", "beta2")
        if callable(options.get(name))
    ]


def unlike_keys(opt: Optimizer, peer: Peer, sources: Mapping[str, Source]) -> list[str]:
    """Arrays that are missing in what torch has of a parameter, or have no place here."""
    found = []
    for name, (_, state) in sources.items():
        given = {key for key, value in state.items() if value is not None} - {"step"}
        wanted = {peer.state[letter] for letter in opt.state[name] if letter not in BESIDES}
        if given - wanted:
            found.append(f'"{name}" has {sorted(given - wanted)}, which have no place here')
        if given and wanted - given:
            found.append(f'"{name}" has no {sorted(wanted - given)}')
        if peer.counts and state and number(state.get("step")) is None:
            found.append(f'"{name}" has no number as step')
    return found


def product(options: Mapping[str, Any], name: str, array: Array, steps: float) -> float:
    """The running product of a beta, as the dtype of the parameter can hold it."""
    beta = options[f"beta{name.removeprefix('product')}"]
    rounded: float = array.dtype.type(beta).item()
    return math.pow(rounded, steps)
