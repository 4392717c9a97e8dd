"""Means over how far gradients spread, in plain NumPy: bit for bit what the loops compute.

A function changes `p` and the state arrays in place and returns the carried scalars of the next
update.
"""

from __future__ import annotations

import numpy as np

from .rounding import Array, Carried, Scalars, average, halt, over, settle


def adamax(p: Array, g: Array, m: Array, u: Array, *, h: Scalars, k: Scalars) -> Carried:
    real = p.dtype.type
    beta1, gain1 = average(h["beta1"], real)
    product1 = k["product1"] * float(beta1)
    faded, size = real(h["beta2"]) * u, np.abs(g) + real(h["eps"])
    m[...] = halt(beta1 * m + gain1 * g)
    u[...] = settle(np.where(faded > size, faded, size))
    root = u + real(h["eps_out"])
    p -= real(h["lr"] / (1 - product1)) * over(m, root, np.finfo(real).tiny)
    return {"product1": product1}
