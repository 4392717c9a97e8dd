"""The rates that adaptive methods come to, element by element."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..checks.arrays import Array

Scalars = Mapping[str, float]


def effective_rate(p: Array, state: Mapping[str, Array], h: Scalars, k: Scalars) -> Array:
    """What the last update multiplied its direction with: the gradient, or Adam's mean `m_hat`.

    `h` holds the hyperparameters of that update by name, `k` the carried scalars after it.
    """
    wide = {letter: array.astype(np.float64) for letter, array in state.items()}
    if "u" in wide:
        below = wide["v"] + h["eps"]
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = h["lr"] * np.sqrt((wide["u"] + h["eps"]) / below)
        return np.where(below < np.finfo(p.dtype).tiny, 0.0, rate)
    squares = wide.get("v_max", wide.get("v", wide.get("s")))
    if squares is None:
        return np.full(p.shape, h["lr"])
    c2 = 1 - k.get("product2", 0.0)
    eps = h["eps"] if h.get("eps_hat") else h["eps"] * np.sqrt(c2)
    root = np.sqrt(squares + h["eps_root"] * c2) + eps
    with np.errstate(divide="ignore"):
        rate = h["lr"] * np.sqrt(c2) / root
    # without eps an element whose root is 0 is left where it is
    return np.where(root < np.sqrt(np.finfo(p.dtype).tiny), 0.0, rate)
