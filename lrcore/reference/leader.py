"""Steps to the point that all gradients so far make the best, in plain NumPy: bit for bit what the
loops compute.

A function changes `p` and the state arrays in place and returns the carried scalars of the next
update.
"""

from __future__ import annotations

import numpy as np

from .rounding import Array, Carried, Scalars, halt, settle


def ftrl(p: Array, g: Array, z: Array, s: Array, *, h: Scalars, k: Scalars) -> Carried:
    real, lr = p.dtype.type, h["lr"]
    if lr == 0:
        return {}
    slope, ridge, l1 = real(1 / lr), real(h["beta"] * (1 / lr) + h["l2"]), real(h["l1"])
    before, s[...] = np.sqrt(s), settle(s + g * g)
    root = np.sqrt(s)
    z[...] = halt(z + (g - (root - before) * slope * p))
    q = root * slope + ridge
    pull = np.where(z > l1, l1 - z, np.where(z < -l1, -l1 - z, z - z))
    with np.errstate(divide="ignore", invalid="ignore"):
        p[...] = np.where(q == 0, real(0), pull / q)
    return {}
