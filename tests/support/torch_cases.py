"""Runs shared with torch: which options of ours are which of torch's, and torch's results.

`python tests/support/torch_cases.py` writes torch_2_13.json anew (it needs torch 2.13).
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from places import DATA

import lrcore as lrc

RECORD = DATA / "torch_2_13.json"
STEPS = 200
SIZE = 12

Array = NDArray[np.float64]
# name: (our class, our options, torch's class, torch's options)
CASES: dict[str, tuple[type[Any], dict[str, Any], str, dict[str, Any]]] = {
    "sgd": (lrc.SGD, {}, "SGD", {}),
    "sgd l2": (lrc.SGD, {"l2": 0.1}, "SGD", {"weight_decay": 0.1}),
    "sgd maximize": (lrc.SGD, {"maximize": True}, "SGD", {"maximize": True}),
    "momentum": (lrc.SGD, {"momentum": 0.9}, "SGD", {"momentum": 0.9}),
    "momentum l2": (
        lrc.SGD,
        {"momentum": 0.9, "l2": 0.1},
        "SGD",
        {"momentum": 0.9, "weight_decay": 0.1},
    ),
    "dampening": (
        lrc.SGD,
        {"momentum": 0.9, "dampening": 0.5},
        "SGD",
        {"momentum": 0.9, "dampening": 0.5},
    ),
    "nesterov": (
        lrc.SGD,
        {"momentum": 0.9, "nesterov": True},
        "SGD",
        {"momentum": 0.9, "nesterov": True},
    ),
    "rmsprop": (lrc.RMSprop, {"rho": 0.9}, "RMSprop", {"alpha": 0.9}),
    "rmsprop l2": (lrc.RMSprop, {"l2": 0.1}, "RMSprop", {"weight_decay": 0.1}),
    "rmsprop momentum": (lrc.RMSprop, {"momentum": 0.5}, "RMSprop", {"momentum": 0.5}),
    "adagrad": (lrc.Adagrad, {}, "Adagrad", {}),
    "adagrad l2": (
        lrc.Adagrad,
        {"initial_accumulator_value": 0.1, "l2": 0.1},
        "Adagrad",
        {"initial_accumulator_value": 0.1, "weight_decay": 0.1},
    ),
    "adadelta": (lrc.Adadelta, {}, "Adadelta", {}),
    "adadelta l2": (
        lrc.Adadelta,
        {"rho": 0.95, "l2": 0.1},
        "Adadelta",
        {"rho": 0.95, "weight_decay": 0.1},
    ),
    "adam": (lrc.Adam, {}, "Adam", {}),
    "adam l2": (lrc.Adam, {"l2": 0.1}, "Adam", {"weight_decay": 0.1}),
    "adam betas": (lrc.Adam, {"betas": (0.8, 0.95)}, "Adam", {"betas": (0.8, 0.95)}),
    "adam maximize": (lrc.Adam, {"maximize": True}, "Adam", {"maximize": True}),
    "amsgrad": (lrc.Adam, {"amsgrad": True}, "Adam", {"amsgrad": True}),
    "adamw": (lrc.AdamW, {}, "AdamW", {}),
    "adamw decay": (lrc.AdamW, {"weight_decay": 0.3}, "AdamW", {"weight_decay": 0.3}),
    "adamw amsgrad": (lrc.AdamW, {"amsgrad": True}, "AdamW", {"amsgrad": True}),
}


def problem() -> tuple[Array, Callable[[Array, int], Array]]:
    """Start, and the gradient of a noisy quadratic at update t."""
    rng = np.random.default_rng(2013)
    curvature = np.geomspace(0.1, 3.0, SIZE)
    noise = rng.standard_normal((STEPS, SIZE)) * np.geomspace(1e-3, 1.0, SIZE)
    return rng.standard_normal(SIZE), lambda p, t: curvature * p + noise[t]


def run_lrcore(name: str) -> Array:
    cls, options, _, _ = CASES[name]
    p, gradient = problem()
    opt = cls(p, lr=0.01, **options)
    for t in range(STEPS):
        opt.step(gradient(p, t))
    return p


def run_torch(name: str) -> Any:
    import torch

    _, _, cls, options = CASES[name]
    start, gradient = problem()
    p = torch.tensor(start, requires_grad=True)
    opt = getattr(torch.optim, cls)([p], lr=0.01, **options)
    for t in range(STEPS):
        p.grad = torch.tensor(gradient(p.detach().numpy(), t))
        opt.step()
    return p.detach().numpy()


if __name__ == "__main__":
    results = {name: [value.hex() for value in run_torch(name).tolist()] for name in CASES}
    RECORD.write_text(json.dumps(results, indent=1) + "\n")
