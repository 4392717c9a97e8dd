"""Adaptive moments, in plain NumPy: bit for bit what the loops compute.

A function changes `p` and the state arrays in place and returns the carried scalars of the next
update.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from .rounding import Array, Carried, Scalars, average, halt, least_root, over, settle


def moments(m: Array, v: Array, g: Array, h: Scalars) -> tuple[float, float]:
    """One update of both moments; the betas as the dtype can hold them."""
    beta1, gain1 = average(h["beta1"], m.dtype.type)
    beta2, gain2 = average(h["beta2"], m.dtype.type)
    m[...] = halt(beta1 * m + gain1 * g)
    v[...] = settle(beta2 * v + gain2 * (g * g))
    return float(beta1), float(beta2)


def products(k: Scalars, beta1: float, beta2: float) -> Carried:
    return {"product1": k["product1"] * beta1, "product2": k["product2"] * beta2}


def least_of(h: Scalars, c2: float, real: Any) -> float:
    """The root of what v may lack."""
    return least_root(real) * sqrt(c2 / float(average(h["beta2"], real)[1]))


def _descend(p: Array, m: Array, v: Array, h: Scalars, k: Scalars) -> None:
    real = p.dtype.type
    c1, c2 = 1 - k["product1"], 1 - k["product2"]
    rate, root = real(h["lr"] * sqrt(c2) / c1), real(h["eps_root"] * c2)
    eps = real(h["eps"] if h["eps_hat"] else h["eps"] * sqrt(c2))
    decay = real(h["lr"] * h["weight_decay"])
    p -= decay * p + rate * over(m, np.sqrt(v + root) + eps, least_of(h, c2, real))


def adam(p: Array, g: Array, m: Array, v: Array, *, h: Scalars, k: Scalars) -> Carried:
    found = products(k, *moments(m, v, g, h))
    _descend(p, m, v, h, found)
    return found


def amsgrad(
    p: Array, g: Array, m: Array, v: Array, v_max: Array, *, h: Scalars, k: Scalars
) -> Carried:
    found = products(k, *moments(m, v, g, h))
    v_max[...] = np.where(v > v_max, v, v_max)
    _descend(p, m, v_max, h, found)
    return found


def adam_nesterov(p: Array, g: Array, m: Array, v: Array, *, h: Scalars, k: Scalars) -> Carried:
    real = p.dtype.type
    beta1, beta2 = moments(m, v, g, h)
    found = products(k, beta1, beta2)
    c1, c2 = 1 - found["product1"], 1 - found["product2"]
    rate = h["lr"] * sqrt(c2)
    rate_m, rate_g = rate * beta1 / (1 - found["product1"] * beta1), rate * (1 - beta1) / c1
    u = real(rate_m) * m + real(rate_g) * g
    eps = real(h["eps"] if h["eps_hat"] else h["eps"] * sqrt(c2))
    root = np.sqrt(v + real(h["eps_root"] * c2)) + eps
    p -= real(h["lr"] * h["weight_decay"]) * p + over(u, root, least_of(h, c2, real))
    return found


def amsgrad_corrected(
    p: Array, g: Array, m: Array, v: Array, v_max: Array, *, h: Scalars, k: Scalars
) -> Carried:
    real = p.dtype.type
    found = products(k, *moments(m, v, g, h))
    v_hat = real(1 / (1 - found["product2"])) * v
    v_max[...] = np.where(v_hat > v_max, v_hat, v_max)
    root = np.sqrt(v_max + real(h["eps_root"])) + real(h["eps"])
    rate = real(h["lr"] / (1 - found["product1"]))
    decay = real(h["lr"] * h["weight_decay"])
    p -= decay * p + rate * over(m, root, least_of(h, 4.0, real))
    return found


def _warming(x: float) -> float:
    """0.96 ** x, with the same bits everywhere."""
    y, total, halved = -0.04082199452025513 * x, 1.0, 0
    if y < -750:
        return 0.0
    while y < -0.0625:
        y, halved = y / 2, halved + 1
    for i in range(9, 0, -1):
        total = 1 + y * total / i
    for _ in range(halved):
        total *= total
    return total


def nadam(p: Array, g: Array, m: Array, v: Array, *, h: Scalars, k: Scalars) -> Carried:
    real, n = p.dtype.type, k["n"] + 1
    beta1, beta2 = moments(m, v, g, h)
    mu = beta1 * (1 - 0.5 * _warming(n * h["momentum_decay"]))
    following = beta1 * (1 - 0.5 * _warming((n + 1) * h["momentum_decay"]))
    product, product2 = k["product"] * mu, k["product2"] * beta2
    c2 = 1 - product2
    rate = h["lr"] * sqrt(c2)
    rate_m, rate_g = rate * following / (1 - product * following), rate * (1 - mu) / (1 - product)
    u = real(rate_m) * m + real(rate_g) * g
    root = np.sqrt(v) + real(h["eps"] * sqrt(c2))
    p -= real(h["lr"] * h["weight_decay"]) * p + over(u, root, least_of(h, c2, real))
    return {"n": n, "product": product, "product2": product2}


def radam(p: Array, g: Array, m: Array, v: Array, *, h: Scalars, k: Scalars) -> Carried:
    real, n = p.dtype.type, k["n"] + 1
    found = products(k, *moments(m, v, g, h))
    c1, c2 = 1 - found["product1"], 1 - found["product2"]
    given2 = k["given2"] * h["beta2"]
    longest = 2 / (1 - h["beta2"]) - 1
    length = longest - 2 * n * given2 / (1 - given2)
    rate, root = h["lr"] / c1, np.ones_like(v)
    if length > 5:
        above = (length - 4) * (length - 2) * longest
        below = (longest - 4) * (longest - 2) * length
        rate = h["lr"] * sqrt(above / below) * sqrt(c2) / c1
        root = np.sqrt(v) + real(h["eps"] if h["eps_hat"] else h["eps"] * sqrt(c2))
    decay = real(h["lr"] * h["weight_decay"])
    p -= decay * p + real(rate) * over(m, root, least_of(h, c2, real))
    return found | {"n": n, "given2": given2}
