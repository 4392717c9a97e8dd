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
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        before, s[...] = np.sqrt(s), settle(s + g * g)
        root = np.sqrt(s)
        q = root * slope + ridge
        stays = q == np.inf  # as with the other rules where the square of a gradient overflows
        sigma = np.where(stays, real(0), (root - before) * slope)
        z[...] = halt(z + (g - sigma * p))
        pull = np.where(z > l1, l1 - z, np.where(z < -l1, -l1 - z, z - z))
        p[...] = np.where(q == 0, real(0), np.where(stays, p + 0 * g, pull / q))
    return {}
