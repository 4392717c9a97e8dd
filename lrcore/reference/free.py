"""Steps of a point that is never evaluated, in plain NumPy: bit for bit what the loops compute.

A function changes `p` and the state arrays in place and returns the carried scalars of the next
update.
"""

from __future__ import annotations

from math import floor, fmod, frexp, ldexp, sqrt
from typing import Any

import numpy as np

from .rounding import Array, Carried, Scalars, average, halt, least_root, over, settle


def _power(x: float, y: float) -> float:
    """``x ** y`` for both at least 0, with the same bits everywhere."""
    whole = float(floor(y))
    rest, base, product = y - whole, x, 1.0
    while whole > 0:
        if fmod(whole, 2) != 0:
            product *= base
        base *= base
        whole = float(floor(whole / 2))
    if rest == 0 or x == 0:
        return product if rest == 0 else 0.0
    m, exponent = frexp(x)
    t, total = (m - 0.7) / (m + 0.7), 0.0
    for i in range(23, 0, -2):
        total = total * (t * t) + 1.0 / i
    log2 = rest * (exponent + (2.8853900817779268 * (t * total) - 0.5145731728297583))
    nearest = floor(log2 + 0.5)
    f, total = (log2 - nearest) * 0.6931471805599453, 1.0
    for i in range(14, 0, -1):
        total = 1 + f * total / i
    return product * ldexp(total, nearest)


def ramped(h: Scalars, n: float) -> float:
    """The rate of the update number n, from 1 on."""
    return h["lr"] * (n / h["warmup"]) if n < h["warmup"] else h["lr"]


def _shared(h: Scalars, k: Scalars, beta: float, real: Any) -> tuple[Carried, Any, Any, Any]:
    """The carried scalars of the next update, and the folded ones: share of z, both rates."""
    n = k["n"] + 1
    rate = ramped(h, n)
    lr_max = max(rate, k["lr_max"])
    weight = _power(n, h["r"]) * _power(lr_max, h["weight_lr_power"])
    weights = k["weights"] + weight
    mix = weight / weights if weights != 0 else 0.0
    found = {"n": n, "lr_max": lr_max, "weights": weights, "beta": beta}
    return found, real(mix), real(rate * (1 - beta * (1 - mix))), real(rate)


def _move(p: Array, z: Array, u: Array, first: bool, mix: Any, rate_p: Any, rate_z: Any) -> None:
    origin = p.copy() if first else z
    new = halt(origin - rate_z * u)
    p -= mix * (p - origin) + rate_p * u
    z[...] = new


def schedule_free(p: Array, g: Array, z: Array, *, h: Scalars, k: Scalars) -> Carried:
    found, *folded = _shared(h, k, h["momentum"], p.dtype.type)
    _move(p, z, g, found["n"] == 1, *folded)
    return found


def schedule_free_adam(
    p: Array, g: Array, z: Array, v: Array, *, h: Scalars, k: Scalars
) -> Carried:
    real = p.dtype.type
    found, *folded = _shared(h, k, h["beta1"], real)
    beta2, gain2 = average(h["beta2"], real)
    found["product2"] = k["product2"] * float(beta2)
    c2 = 1 - found["product2"]
    v[...] = settle(beta2 * v + gain2 * (g * g))
    least = least_root(real) * sqrt(c2 / float(gain2))
    quotient = over(g, np.sqrt(v) + real(h["eps"] * sqrt(c2)), least)
    u = real(sqrt(c2)) * quotient + real(h["weight_decay"]) * p
    _move(p, z, u, found["n"] == 1, *folded)
    return found
