"""Steps as long as the array that they change allows, in plain NumPy: bit for bit what the loops
compute.

A function changes `p` and the state arrays in place and returns the carried scalars of the next
update.
"""

from __future__ import annotations

import math

import numpy as np

from .adam import least_of, moments, products
from .descent import velocity
from .norm import own_norm
from .rounding import Array, Carried, Scalars, halt, over


def lars(p: Array, g: Array, b: Array, *, h: Scalars, k: Scalars) -> Carried:
    real = p.dtype.type
    inner, rate_b, outer = velocity(h)
    d = g + real(h["l2"]) * p
    ratio = _ratio(p, d if h["joint_norm"] else g, h)
    with np.errstate(over="ignore"):
        gain, rate_g = real(inner * ratio), real(outer * ratio)
    if not (math.isfinite(gain) and math.isfinite(rate_g)):
        ratio, gain, rate_g = 1.0, real(inner), real(outer)
    b[...] = halt(real(h["momentum"]) * b + gain * d)
    p -= real(rate_b) * b + rate_g * d
    return {"ratio": ratio}


def _ratio(p: Array, g: Array, h: Scalars) -> float:
    size, slope = own_norm(p), own_norm(g)
    if not h["adaptive"] or size == 0 or slope == 0:
        return 1.0
    whole = slope if h["joint_norm"] else slope + h["l2"] * size
    return h["trust"] * size / (whole + h["eps"])


def lamb(p: Array, g: Array, m: Array, v: Array, *, h: Scalars, k: Scalars) -> Carried:
    real, inside = p.dtype.type, h["decay_in_ratio"]
    found = products(k, *moments(m, v, g, h))
    c1, c2 = 1 - found["product1"], 1 - found["product2"]
    root = np.sqrt(v + real(h["eps_root"] * c2)) + real(h["eps"] * math.sqrt(c2))
    u = real(math.sqrt(c2) / c1) * over(m, root, least_of(h, c2, real))
    u = u + real(h["weight_decay"] if inside else 0.0) * p
    left = 1.0 if inside else abs(1 - h["lr"] * h["weight_decay"])
    size, length = left * own_norm(p), own_norm(u)
    ratio = min(size / length if size > 0 and length > 0 else 1.0, h["max_trust"])
    with np.errstate(over="ignore"):
        rate = real(h["lr"] * ratio)
    if not math.isfinite(rate):
        ratio, rate = 1.0, real(h["lr"])
    decay = real(0.0 if inside else h["lr"] * h["weight_decay"])
    p -= decay * p + rate * u
    return found | {"ratio": ratio}
