"""Division by the size of past gradients, in plain NumPy: bit for bit what the loops compute.

A function changes `p` and the state arrays in place and returns the carried scalars of the next
update.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from .rounding import Array, Carried, Scalars, average, halt, halt_root, least_root, over, settle


def _root_mean_square(v: Array, g: Array, h: Scalars) -> Array:
    """One update of v; the gradient divided by its root."""
    real = v.dtype.type
    rho, gain = average(h["rho"], real)
    v[...] = settle(rho * v + gain * (g * g))
    least = least_root(real) * sqrt(1 / float(gain))
    return over(g, np.sqrt(v + real(h["eps_root"])) + real(h["eps"]), least)


def _standard_deviation(mean: Array, s: Array, g: Array, h: Scalars) -> Array:
    """One update of mean and variance; the gradient divided by the root of the latter."""
    real = s.dtype.type
    rho, gain = average(h["rho"], real)
    d = halt_root(g - mean)
    mean[...] = halt(rho * mean + gain * g)
    s[...] = settle(rho * (s + gain * (d * d)))
    least = least_root(real) * sqrt(1 / float(gain) + 65536)
    return over(g, np.sqrt(s + real(h["eps_root"])) + real(h["eps"]), least)


def _gather(p: Array, b: Array, u: Array, h: Scalars) -> None:
    real = p.dtype.type
    b[...] = halt(real(h["momentum"]) * b + u)
    p -= real(h["lr"]) * b


def rmsprop(p: Array, g: Array, v: Array, *, h: Scalars, k: Scalars) -> Carried:
    p -= p.dtype.type(h["lr"]) * _root_mean_square(v, g, h)
    return {}


def rmsprop_momentum(p: Array, g: Array, v: Array, b: Array, *, h: Scalars, k: Scalars) -> Carried:
    _gather(p, b, _root_mean_square(v, g, h), h)
    return {}


def rmsprop_centered(
    p: Array, g: Array, mean: Array, s: Array, *, h: Scalars, k: Scalars
) -> Carried:
    p -= p.dtype.type(h["lr"]) * _standard_deviation(mean, s, g, h)
    return {}


def rmsprop_centered_momentum(
    p: Array, g: Array, mean: Array, s: Array, b: Array, *, h: Scalars, k: Scalars
) -> Carried:
    _gather(p, b, _standard_deviation(mean, s, g, h), h)
    return {}


def adagrad(p: Array, g: Array, s: Array, *, h: Scalars, k: Scalars) -> Carried:
    real = p.dtype.type
    s[...] = settle(s + g * g)
    root = np.sqrt(s + real(h["eps_root"])) + real(h["eps"])
    p -= real(h["lr"]) * over(g, root, least_root(real))
    return {}


def adadelta(p: Array, g: Array, v: Array, u: Array, *, h: Scalars, k: Scalars) -> Carried:
    real = p.dtype.type
    rho, gain = average(h["rho"], real)
    eps = real(h["eps"])
    v[...] = settle(rho * v + gain * (g * g))
    delta = np.sqrt(over(u + eps, v + eps, np.finfo(real).tiny / float(gain))) * g
    u[...] = settle(rho * u + gain * (delta * delta))
    p -= real(h["lr"]) * delta
    return {}
