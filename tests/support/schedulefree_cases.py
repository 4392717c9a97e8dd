"""Runs shared with schedulefree: which options of ours are which of theirs, and its results.

`python tests/support/schedulefree_cases.py` writes schedulefree_1_4_1.json anew (it needs torch and
schedulefree 1.4.1).
"""

import json
from typing import Any

from numpy.typing import NDArray
from optax_cases import DTYPES, STEPS, problem
from places import DATA

RECORD = DATA / "schedulefree_1_4_1.json"

# name: (our class, our options, what they call these)
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "sgd": ("ScheduleFreeSGD", {}, {}),
    "sgd all": (
        "ScheduleFreeSGD",
        {"momentum": 0.7, "l2": 0.05, "warmup": 20, "r": 1.0, "weight_lr_power": 1.0},
        {"momentum": 0.7, "weight_decay": 0.05, "warmup_steps": 20, "r": 1.0, "weight_lr_power": 1},
    ),
    "sgd powers": (
        "ScheduleFreeSGD",
        {"warmup": 20, "r": 0.5, "weight_lr_power": 0.7},
        {"warmup_steps": 20, "r": 0.5, "weight_lr_power": 0.7},
    ),
    "adamw": ("ScheduleFreeAdamW", {}, {}),
    "adamw all": (
        "ScheduleFreeAdamW",
        {
            "betas": (0.8, 0.95),
            "eps": 1e-3,
            "weight_decay": 0.1,
            "warmup": 20,
            "r": 1.5,
            "weight_lr_power": 2.5,
        },
        {
            "betas": (0.8, 0.95),
            "eps": 1e-3,
            "weight_decay": 0.1,
            "warmup_steps": 20,
            "r": 1.5,
            "weight_lr_power": 2.5,
        },
    ),
    "adamw equal weights": (
        "ScheduleFreeAdamW",
        {"warmup": 20, "weight_lr_power": 0.0},
        {"warmup_steps": 20, "weight_lr_power": 0.0},
    ),
}


def run_schedulefree(name: str, dtype: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Where gradients are taken, and what is evaluated."""
    import schedulefree
    import torch

    cls, _, options = CASES[name]
    start, gradient = problem(dtype)
    p = torch.nn.Parameter(torch.tensor(start))
    theirs = {"ScheduleFreeSGD": "SGDScheduleFree", "ScheduleFreeAdamW": "AdamWScheduleFree"}[cls]
    opt = getattr(schedulefree, theirs)([p], lr=0.05, **options)
    opt.train()
    for t in range(STEPS):
        p.grad = torch.tensor(gradient(p.detach().numpy(), t))
        opt.step()
    y = p.detach().numpy().copy()
    opt.eval()
    return y, p.detach().numpy().copy()


if __name__ == "__main__":
    results = {
        f"{name} {dtype}": [
            [value.hex() for value in x.tolist()] for x in run_schedulefree(name, dtype)
        ]
        for name in CASES
        for dtype in DTYPES
    }
    RECORD.write_text(json.dumps(results, indent=1) + "\n")
