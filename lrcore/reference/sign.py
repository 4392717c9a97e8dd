"""Steps by a sign, in plain NumPy: bit for bit what the loops compute.

A function changes `p` and the state arrays in place and returns the carried scalars of the next
update.
"""

from __future__ import annotations

import numpy as np

from .rounding import Array, Carried, Scalars, average, halt


def signsgd(p: Array, g: Array, *, h: Scalars, k: Scalars) -> Carried:
    _along(p, np.sign(g), h)
    return {}


def signsgd_momentum(p: Array, g: Array, m: Array, *, h: Scalars, k: Scalars) -> Carried:
    beta, gain = average(h["momentum"], p.dtype.type)
    mean = beta * m + gain * g
    m[...] = halt(mean)
    _along(p, np.sign(mean), h)
    return {}


def lion(p: Array, g: Array, m: Array, *, h: Scalars, k: Scalars) -> Carried:
    real = p.dtype.type
    beta1, gain1 = average(h["beta1"], real)
    beta2, gain2 = average(h["beta2"], real)
    u = np.sign(beta1 * m + gain1 * g)
    m[...] = halt(beta2 * m + gain2 * g)
    _along(p, u, h)
    return {}


def _along(p: Array, u: Array, h: Scalars) -> None:
    real, lr = p.dtype.type, h["lr"]
    p -= real(lr * h["weight_decay"]) * p + real(lr) * u


def rprop(p: Array, g: Array, g_old: Array, step: Array, *, h: Scalars, k: Scalars) -> Carried:
    real = p.dtype.type
    turn = np.sign(g) * np.sign(g_old)
    taken = np.where(turn < 0, real(0), g)
    factor = np.where(turn > 0, real(h["eta2"]), np.where(turn < 0, real(h["eta1"]), real(1)))
    least, most = real(h["step_size1"]), real(h["step_size2"])
    step *= factor
    step[step > most] = most
    step[step < least] = least
    g_old[...] = taken
    p -= np.sign(taken) * step
    return {}
