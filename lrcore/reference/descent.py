"""Descent along the gradient, in plain NumPy: bit for bit what the loops compute.

A function changes `p` and the state arrays in place and returns the carried scalars of the next
update.
"""

from __future__ import annotations

from .rounding import Array, Carried, Scalars, halt


def sgd(p: Array, g: Array, *, h: Scalars, k: Scalars) -> Carried:
    p -= p.dtype.type(h["lr"]) * g
    return {}


def velocity(h: Scalars) -> tuple[float, float, float]:
    """Gain of a velocity, its rate, and that of the gradient beside it."""
    outer, inner = (1.0, h["lr"]) if h["lr_in_momentum"] else (h["lr"], 1.0)
    rate_b = outer * h["momentum"] if h["nesterov"] else outer
    return inner, rate_b, h["lr"] if h["nesterov"] else 0.0


def momentum(p: Array, g: Array, b: Array, *, h: Scalars, k: Scalars) -> Carried:
    real = p.dtype.type
    inner, rate_b, rate_g = velocity(h)
    gain = inner if k["first"] else inner * (1 - h["dampening"])
    b[...] = halt(real(h["momentum"]) * b + real(gain) * g)
    p -= real(rate_b) * b + real(rate_g) * g
    return {"first": 0.0}


def sgdw(p: Array, g: Array, *, h: Scalars, k: Scalars) -> Carried:
    real = p.dtype.type
    p -= real(h["lr"] * h["weight_decay"]) * p + real(h["lr"]) * g
    return {}


def sgdw_momentum(p: Array, g: Array, b: Array, *, h: Scalars, k: Scalars) -> Carried:
    real, lr = p.dtype.type, h["lr"]
    rate_b, rate_g = (lr * h["momentum"], lr) if h["nesterov"] else (lr, 0.0)
    b[...] = halt(real(h["momentum"]) * b + g)
    p -= real(lr * h["weight_decay"]) * p + (real(rate_b) * b + real(rate_g) * g)
    return {}
