"""Optimizers of torch stopped half-way: the state they had, and where they went from there.

`python tests/support/torch_states.py` writes torch_states_2_13.json anew (it needs torch 2.13).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from places import DATA
from torch_cases import CASES as PLAIN

import lrcore as lrc

Arrays = dict[str, NDArray[Any]]
Gradients = Callable[[Arrays, int], Arrays]

RECORD = DATA / "torch_states_2_13.json"
BEFORE, AFTER = 15, 10
LR = 0.01
SHAPES: dict[str, tuple[int, ...]] = {"layer.W": (2, 3), "layer.b": ()}

CASES = PLAIN | {
    "rmsprop centered": (lrc.RMSprop, {"centered": True}, "RMSprop", {"centered": True}),
    "rmsprop centered momentum": (
        lrc.RMSprop,
        {"centered": True, "momentum": 0.5},
        "RMSprop",
        {"centered": True, "momentum": 0.5},
    ),
}


def problem(dtype: DTypeLike = np.float64) -> tuple[Arrays, Gradients]:
    """Start, and the gradients of a noisy quadratic at update t."""
    rng = np.random.default_rng(2026)
    noise = [{k: rng.standard_normal(s) for k, s in SHAPES.items()} for _ in range(BEFORE + AFTER)]
    start = {k: np.array(rng.standard_normal(s), dtype) for k, s in SHAPES.items()}

    def gradients(params: Arrays, t: int) -> Arrays:
        return {k: np.asarray(0.7 * p + noise[t][k], dtype) for k, p in params.items()}

    return start, gradients


def run(opt: Any, params: Arrays, gradients: Gradients, updates: Iterable[int]) -> Arrays:
    """Updates of an optimizer of ours."""
    for t in updates:
        opt.step(gradients(params, t))
    return params


class Torch:
    """An optimizer of torch and its parameters."""

    def __init__(
        self, name: str, start: Mapping[str, NDArray[Any]], named: bool = True, **more: Any
    ) -> None:
        import torch

        _, _, cls, options = CASES[name]
        self.params = {k: torch.tensor(p, requires_grad=True) for k, p in start.items()}
        given = list(self.params.items() if named else self.params.values())
        self.opt = getattr(torch.optim, cls)(given, **{"lr": LR, **options, **more})

    def arrays(self) -> Arrays:
        return {k: p.detach().numpy().copy() for k, p in self.params.items()}

    def run(self, gradients: Gradients, updates: Iterable[int]) -> Torch:
        import torch

        for t in updates:
            for key, g in gradients(self.arrays(), t).items():
                self.params[key].grad = torch.tensor(g)
            self.opt.step()
        return self


def in_text(value: Any) -> Any:
    """Data for JSON, with numbers that lose no bit."""
    if isinstance(value, dict):
        return {str(key): in_text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [in_text(item) for item in value]
    if isinstance(value, float):
        return value.hex()
    return value if isinstance(value, bool | int | str | None) else in_text(value.tolist())


def from_text(value: Any) -> Any:
    """The inverse, with lists for tensors and tuples."""
    if isinstance(value, dict):
        return {int(k) if k.isdigit() else k: from_text(v) for k, v in value.items()}
    if isinstance(value, list):
        return [from_text(item) for item in value]
    return float.fromhex(value) if isinstance(value, str) and "0x" in value else value


def record(name: str) -> dict[str, Any]:
    start, gradients = problem()
    run = Torch(name, start).run(gradients, range(BEFORE))
    params, state = run.arrays(), run.opt.state_dict()
    parts = in_text({"params": params, "state": state})  # the state is torch's own, not a copy
    run.run(gradients, range(BEFORE, BEFORE + AFTER))
    return {**parts, "after": in_text(run.arrays())}


def recorded(name: str) -> tuple[Arrays, dict[str, Any], Arrays]:
    """Parameters and state at the stop, and the parameters at the end; arrays for the tensors."""
    found = from_text(json.loads(RECORD.read_text())[name])
    params, after = ({k: np.array(p) for k, p in found[x].items()} for x in ("params", "after"))
    state = {
        index: {key: np.array(value) for key, value in entry.items()}
        for index, entry in found["state"]["state"].items()
    }
    return params, {"state": state, "param_groups": found["state"]["param_groups"]}, after


if __name__ == "__main__":
    RECORD.write_text(json.dumps({name: record(name) for name in CASES}, indent=1) + "\n")
