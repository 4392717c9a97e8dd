"""Division by the size of past gradients, in plain NumPy: bit for bit what the loops compute.

A function changes `p` and the state arrays in place and returns the carried scalars of the next
update.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from .descent import velocity
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


def _ahead(p: Array, b: Array, u: Array, h: Scalars, size: float) -> None:
    """The velocity of steps u, of which the last counts again with Nesterov."""
    real = p.dtype.type
    inner, rate_b, rate_u = velocity(h)
    b[...] = halt(real(h["momentum"]) * b + real(inner * size) * u)
    p -= real(rate_b) * b + real(rate_u * size) * u


def _corrected(v: Array, g: Array, h: Scalars, k: Scalars) -> tuple[Array, float, Carried]:
    """One update of v; the gradient over its root, the factor that corrects it, the product."""
    real = v.dtype.type
    rho, gain = average(h["rho"], real)
    product = k["product"] * float(rho)
    whole = 1 - product if h["bias_correction"] else 1.0
    v[...] = settle(rho * v + gain * (g * g))
    root = np.sqrt(v + real(h["eps_root"] * whole)) + real(h["eps"] * sqrt(whole))
    u = over(g, root, least_root(real) * sqrt(whole / float(gain)))
    return u, sqrt(whole), {"product": product}


def rmsprop_corrected(p: Array, g: Array, v: Array, *, h: Scalars, k: Scalars) -> Carried:
    u, size, found = _corrected(v, g, h, k)
    p -= p.dtype.type(h["lr"] * size) * u
    return found


def rmsprop_ahead(p: Array, g: Array, v: Array, b: Array, *, h: Scalars, k: Scalars) -> Carried:
    u, size, found = _corrected(v, g, h, k)
    _ahead(p, b, u, h, size)
    return found


def rmsprop_centered_ahead(
    p: Array, g: Array, mean: Array, s: Array, b: Array, *, h: Scalars, k: Scalars
) -> Carried:
    _ahead(p, b, _standard_deviation(mean, s, g, h), h, 1.0)
    return {"product": k["product"] * float(average(h["rho"], p.dtype.type)[0])}


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
