"""Steps as long as the array that they change allows, in plain NumPy: bit for bit what the loops
compute.

A function changes `p` and the state arrays in place and returns the carried scalars of the next
update.
"""

from __future__ import annotations

import math

import numpy as np

from .descent import velocity
from .norm import own_norm
from .rounding import Array, Carried, Scalars, halt


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
