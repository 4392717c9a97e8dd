"""Steps by the sign of a mean, in plain NumPy: bit for bit what the loops compute.

A function changes `p` and the state arrays in place and returns the carried scalars of the next
update.
"""

from __future__ import annotations

import numpy as np

from .rounding import Array, Carried, Scalars, average, halt


def lion(p: Array, g: Array, m: Array, *, h: Scalars, k: Scalars) -> Carried:
    real, lr = p.dtype.type, h["lr"]
    beta1, gain1 = average(h["beta1"], real)
    beta2, gain2 = average(h["beta2"], real)
    u = np.sign(beta1 * m + gain1 * g)
    m[...] = halt(beta2 * m + gain2 * g)
    p -= real(lr * h["weight_decay"]) * p + real(lr) * u
    return {}
