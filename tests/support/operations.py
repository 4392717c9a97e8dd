"""Everything that changes an optimizer, to be cut short at any point by a fault or a signal."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from cases import everything, gradients

import lrcore as lrc

PLACE = Path(tempfile.mkdtemp(prefix="lrcore-"))
atexit.register(shutil.rmtree, PLACE, ignore_errors=True)
# The library behind .safetensors ends the process where memory is short.
SUFFIXES = (".npz",)


def make(t: int = 3) -> lrc.Adam:
    """An optimizer with two groups, both dtypes, controllers and some updates."""
    rng = np.random.default_rng(0)
    groups = [
        lrc.Group({"a": rng.standard_normal((3, 4)).astype(np.float32), "b": np.ones(5)}),
        lrc.Group(np.asfortranarray(rng.standard_normal((2, 3))), betas=(0.8, 0.9), lr_scale=2.0),
    ]
    controllers = [
        lrc.ReduceOnPlateau(factor=0.5, patience=1),
        lrc.EarlyStopping(patience=9),
        lrc.Polyak(),
    ]
    opt = lrc.Adam(
        groups,
        lr=lrc.CosineAnnealing(0.1, 30),
        clip_norm=1.0,
        controller=controllers,
        average=lrc.EMA(decay=0.75),
    )
    for k in range(t):
        grads = some_gradients(k)
        for controller in opt.controllers:
            controller.update(float(k), grads=grads)
        opt.step(grads)
    return opt


def some_gradients(seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [
        {"a": gradients(rng, (3, 4), np.float32), "b": gradients(rng, 5)},
        gradients(rng, (2, 3)),
    ]


def contents(opt: Any) -> tuple[Any, ...]:
    """All that a user can tell of an optimizer."""
    params = [array.tobytes() for array in opt.roster.arrays.values()]
    saved = opt.state_dict()
    arrays = [a.tobytes() for state in saved.pop("state").values() for a in state.values()]
    kept = [repr(c.state_dict()) for c in opt.controllers]
    return params, arrays, repr(saved), kept, everything(opt), opt.names, repr(opt), opt.lrs


def onward(opt: Any) -> tuple[Any, ...]:
    """What becomes of an optimizer: the same for two that are in the same state."""
    grads = [some_gradients(9)[0], some_gradients(9)[1], np.ones(4)]
    for controller in opt.controllers:
        controller.update(0.5, grads=grads[: len(opt.params)])
    opt.step(grads[: len(opt.params)])
    return contents(opt)


def late() -> lrc.Adam:
    """An optimizer that `make` comes to later, with other hyperparameters."""
    other = make(6)
    other.lr = 0.5
    return other


_LATE = late()
SAVED, SNAPSHOT = _LATE.state_dict(), _LATE.snapshot()
GRADS = some_gradients(5)
CONVERTED = [
    {"a": [[1, 2, 3, 4]] * 3, "b": np.ones(5, np.float32)},
    np.ones((4, 3), np.float32)[::2],
]


def prepare(opt: Any) -> None:
    """Files to be loaded."""
    for suffix in SUFFIXES:
        opt.save(PLACE / f"late{suffix}", params=True)


def set_rate(opt: Any) -> None:
    opt.lr = 0.25


def load(suffix: str) -> Callable[[Any], object]:
    return lambda opt: opt.load(PLACE / f"late{suffix}", strict=False, params=True)


def save(suffix: str) -> Callable[[Any], object]:
    return lambda opt: opt.save(PLACE / f"now{suffix}")


def evaluate(opt: Any) -> None:
    with opt.eval_params():
        for array in opt.roster.arrays.values():
            array *= 2


# For each operation what it does to an optimizer.
OPERATIONS: dict[str, Callable[[Any], object]] = {
    "step": lambda opt: opt.step(GRADS),
    "step with gradients to be converted": lambda opt: opt.step(CONVERTED),
    "step_rows": lambda opt: opt.step_rows(
        {"0.a": ([2, 0, 2], np.ones((3, 4)))}, [{"b": np.ones(5)}, np.ones((2, 3))]
    ),
    "bind": lambda opt: opt.bind(GRADS),
    "add": lambda opt: opt.add(np.ones(4), lr_scale=0.5),
    "lr": set_rate,
    "load_state_dict": lambda opt: opt.load_state_dict(SAVED, strict=False),
    "load_state_dict with hyperparameters": lambda opt: opt.load_state_dict(
        SAVED, hyperparameters=True
    ),
    "restore": lambda opt: opt.restore(SNAPSHOT),
    "state_dict": lambda opt: opt.state_dict(),
    "snapshot": lambda opt: opt.snapshot(),
    "eval_params": evaluate,
    "eval_arrays": lambda opt: opt.eval_arrays(),
    "Monitor": lambda opt: lrc.Monitor(opt),
    "effective_lr": lambda opt: opt.effective_lr(opt.names[0]),
    "make": lambda opt: make(0),
    "update of a controller": lambda opt: opt.controllers[1].update(-1.0),
    **{f"load {suffix}": load(suffix) for suffix in SUFFIXES},
    **{f"save {suffix}": save(suffix) for suffix in SUFFIXES},
}
