"""What torch, Keras and optax answer to series of metrics, as a program.

It is a process of its own, because JAX (which optax and Keras load) forbids its process to fork.
Reads a JSON list of [function, values, settings]; prints an answer a line.
"""

import json
import os
import sys
from types import SimpleNamespace
from typing import Any


def torch(values: list[float], lr: float, **settings: Any) -> list[float]:
    import torch

    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, **settings)
    rates = []
    for value in values:
        scheduler.step(value)
        rates.append(opt.param_groups[0]["lr"])
    return rates


def keras(values: list[float], lr: float, **settings: Any) -> list[float]:
    from keras.callbacks import ReduceLROnPlateau

    callback = ReduceLROnPlateau("metric", **{"mode": "min", **settings})
    opt = SimpleNamespace(learning_rate=lr)
    callback.set_model(SimpleNamespace(optimizer=opt))
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"metric": value})
        rates.append(float(opt.learning_rate))
    return rates


def optax(
    values: list[float], lr: float, min_lr: float = 0.0, **settings: Any
) -> list[float] | str:
    import jax
    import numpy as np
    import optax

    if "mode" in settings:
        return "no such mode"
    plateau = optax.contrib.reduce_on_plateau(min_scale=min_lr / lr, **settings)
    update, state = jax.jit(plateau.update), plateau.init(np.zeros(1))
    rates = []
    for value in values:
        _, state = update(np.zeros(1), state, value=value)
        rates.append(lr * float(state.scale))
    return rates


def keras_stop(values: list[float], start_from: int = 0, **settings: Any) -> str:
    from keras.callbacks import EarlyStopping

    callback = EarlyStopping("metric", start_from_epoch=start_from, **{"mode": "min", **settings})
    model = SimpleNamespace(stop_training=False)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"metric": value})
        if model.stop_training:
            return f"stops at {epoch}, best {callback.best:g}"
    return f"goes on, best {callback.best:g}"


def optax_polyak(values: list[float], **settings: Any) -> list[float]:
    import numpy as np
    import optax

    peer = optax.polyak_sgd(**settings)
    g = np.array(values[1:])
    updates, _ = peer.update(g, peer.init(g), g, value=values[0])
    return [float(u) for u in updates]


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "numpy"
    for name, values, settings in json.load(sys.stdin):
        try:
            print(json.dumps(globals()[name](values, **settings)))
        except ImportError:
            print(json.dumps("not installed"))
