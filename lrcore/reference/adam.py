"""Adaptive moments, in plain NumPy: bit for bit what the loops compute.

A function changes `p` and the state arrays in place and returns the carried scalars of the next
update.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from .rounding import Array, Carried, Scalars, average, halt, least_root, over, settle


def _moments(m: Array, v: Array, g: Array, h: Scalars, k: Scalars) -> Carried:
    """One update of both moments; the running products of the betas."""
    beta1, gain1 = average(h["beta1"], m.dtype.type)
    beta2, gain2 = average(h["beta2"], m.dtype.type)
    m[...] = halt(beta1 * m + gain1 * g)
    v[...] = settle(beta2 * v + gain2 * (g * g))
    return {"product1": k["product1"] * float(beta1), "product2": k["product2"] * float(beta2)}


def _descend(p: Array, m: Array, v: Array, h: Scalars, k: Scalars) -> None:
    real = p.dtype.type
    c1, c2 = 1 - k["product1"], 1 - k["product2"]
    rate, root = real(h["lr"] * sqrt(c2) / c1), real(h["eps_root"] * c2)
    eps = real(h["eps"] if h["eps_hat"] else h["eps"] * sqrt(c2))
    decay = real(h["lr"] * h["weight_decay"])
    gain2 = average(h["beta2"], real)[1]
    least = least_root(real) * sqrt(c2 / float(gain2))
    p -= decay * p + rate * over(m, np.sqrt(v + root) + eps, least)


def adam(p: Array, g: Array, m: Array, v: Array, *, h: Scalars, k: Scalars) -> Carried:
    products = _moments(m, v, g, h, k)
    _descend(p, m, v, h, products)
    return products


def amsgrad(
    p: Array, g: Array, m: Array, v: Array, v_max: Array, *, h: Scalars, k: Scalars
) -> Carried:
    products = _moments(m, v, g, h, k)
    v_max[...] = np.where(v > v_max, v, v_max)
    _descend(p, m, v_max, h, products)
    return products
