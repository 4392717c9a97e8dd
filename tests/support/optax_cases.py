"""Runs shared with optax: which options of ours are which of optax's, and optax's results.

`python tests/support/optax_cases.py` writes optax_0_2_8.json anew (it needs optax 0.2.8).
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from places import DATA

RECORD = DATA / "optax_0_2_8.json"
STEPS = 200
SIZE = 12
DTYPES = ("float32", "float64")

RMSPROP = {"rho": 0.9, "eps": 0.0, "eps_root": 1e-8}
AHEAD = {"nesterov": True, "lr_in_momentum": True}


def falling(t: int) -> float:
    return float(0.03 * 0.98**t)


# name: (our class, our options, what optax calls it)
CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "lamb": ("LAMB", {"weight_decay": 0.0}, "lamb(0.01)"),
    "lamb decay": ("LAMB", {"weight_decay": 0.3}, "lamb(0.01, weight_decay=0.3)"),
    "lamb betas": (
        "LAMB",
        {"betas": (0.8, 0.95), "eps": 1e-3, "eps_root": 1e-4, "weight_decay": 0.1},
        "lamb(0.01, b1=0.8, b2=0.95, eps=1e-3, eps_root=1e-4, weight_decay=0.1)",
    ),
    "nadam": ("Adam", {"nesterov": True}, "nadam(0.01)"),
    "nadam betas": (
        "Adam",
        {"nesterov": True, "betas": (0.8, 0.95), "eps": 1e-3, "eps_root": 1e-4},
        "nadam(0.01, b1=0.8, b2=0.95, eps=1e-3, eps_root=1e-4)",
    ),
    "nadamw": (
        "AdamW",
        {"nesterov": True, "weight_decay": 0.3},
        "nadamw(0.01, weight_decay=0.3)",
    ),
    "amsgrad": ("Adam", {"amsgrad": "corrected"}, "amsgrad(0.01)"),
    "amsgrad betas": (
        "Adam",
        {"amsgrad": "corrected", "betas": (0.8, 0.95), "eps": 1e-3, "eps_root": 1e-4},
        "amsgrad(0.01, b1=0.8, b2=0.95, eps=1e-3, eps_root=1e-4)",
    ),
    "rmsprop": ("RMSprop", RMSPROP, "rmsprop(0.01)"),
    "rmsprop correction": (
        "RMSprop",
        RMSPROP | {"bias_correction": True},
        "rmsprop(0.01, bias_correction=True)",
    ),
    "rmsprop momentum": (
        "RMSprop",
        RMSPROP | {"momentum": 0.8, "lr_in_momentum": True},
        "rmsprop(0.01, momentum=0.8)",
    ),
    "rmsprop all": (
        "RMSprop",
        RMSPROP | {"momentum": 0.8, "bias_correction": True, **AHEAD},
        "rmsprop(0.01, momentum=0.8, nesterov=True, bias_correction=True)",
    ),
    "rmsprop falling rate": (
        "RMSprop",
        RMSPROP | {"momentum": 0.8, "lr": falling, **AHEAD},
        "rmsprop(lambda t: 0.03 * 0.98**t, momentum=0.8, nesterov=True)",
    ),
    "free sgd": ("ScheduleFreeSGD", {}, "contrib.schedule_free_sgd(0.01)"),
    "free sgd weights": (
        "ScheduleFreeSGD",
        {"momentum": 0.7, "weight_lr_power": 1.0, "l2": 0.3},
        "contrib.schedule_free_sgd(0.01, b1=0.7, weight_lr_power=1.0, weight_decay=0.3)",
    ),
    "free adamw": ("ScheduleFreeAdamW", {}, "contrib.schedule_free_adamw(0.01)"),
    "free adamw decay": (
        "ScheduleFreeAdamW",
        {"betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.3, "weight_lr_power": 0.0},
        "contrib.schedule_free_adamw("
        "0.01, b1=0.8, b2=0.95, eps=1e-3, weight_decay=0.3, weight_lr_power=0.0)",
    ),
}


def problem(dtype: Any) -> tuple[NDArray[Any], Callable[[NDArray[Any], int], NDArray[Any]]]:
    """Start, and the gradient of a noisy quadratic at update t."""
    rng = np.random.default_rng(28)
    curvature = np.geomspace(0.1, 3.0, SIZE).astype(dtype)
    noise = (rng.standard_normal((STEPS, SIZE)) * np.geomspace(1e-3, 1.0, SIZE)).astype(dtype)
    return rng.standard_normal(SIZE).astype(dtype), lambda p, t: curvature * p + noise[t]


def run_optax(name: str, dtype: str) -> NDArray[Any]:
    import jax
    import optax
    import optax.contrib

    jax.config.update("jax_enable_x64", True)
    start, gradient = problem(dtype)
    rule = eval(CASES[name][2], vars(optax))
    p = jax.numpy.asarray(start)
    state = rule.init(p)
    for t in range(STEPS):
        updates, state = rule.update(jax.numpy.asarray(gradient(np.asarray(p), t)), state, p)
        p = optax.apply_updates(p, updates)
    assert p.dtype == dtype
    return np.asarray(p)


if __name__ == "__main__":
    results = {
        f"{name} {dtype}": [value.hex() for value in run_optax(name, dtype).tolist()]
        for name in CASES
        for dtype in DTYPES
    }
    RECORD.write_text(json.dumps(results, indent=1) + "\n")
