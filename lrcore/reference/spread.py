"""Means over how far gradients spread, in plain NumPy: bit for bit what the loops compute.

A function changes `p` and the state arrays in place and returns the carried scalars of the next
update.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from .rounding import Array, Carried, Scalars, average, halt, halt_root, least_root, over, settle


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


def adabelief(p: Array, g: Array, m: Array, v: Array, *, h: Scalars, k: Scalars) -> Carried:
    real, lr = p.dtype.type, h["lr"]
    beta1, gain1 = average(h["beta1"], real)
    beta2, gain2 = average(h["beta2"], real)
    product1, product2 = k["product1"] * float(beta1), k["product2"] * float(beta2)
    c1, c2 = 1 - product1, 1 - product2
    m[...] = halt(beta1 * m + gain1 * g)
    d = halt_root(g - m)
    v[...] = settle(beta2 * v + gain2 * (d * d) + real(h["eps_root"]))
    root = np.sqrt(v) + real(h["eps"] * sqrt(c2))
    least = least_root(real) * sqrt(c2 * (1 / float(gain2) + 65536))
    p -= real(lr * h["weight_decay"]) * p + real(lr * sqrt(c2) / c1) * over(m, root, least)
    return {"product1": product1, "product2": product2}
