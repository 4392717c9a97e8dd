"""Every rule in a few lines of plain NumPy: the specification of the compiled loops, bit for bit.

The function of a rule changes `p` and the state arrays in place and returns the carried scalars of
the next update. `h` holds the hyperparameters of src/rules by name, `k` the carried scalars. Each
scalar is computed in double and narrowed once, to the dtype of `p`; see src/rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import trees
from .base import Optimizer

Array = NDArray[Any]
Scalars = Mapping[str, float]
Carried = dict[str, float]


def _zero_below(x: Array, least: float) -> Array:
    return np.where((x > -least) & (x < least), x.dtype.type(0), x)


def settle(x: Array) -> Array:
    """A second moment below the smallest normal number is stored as zero."""
    return np.where(x < np.finfo(x.dtype).tiny, x.dtype.type(0), x)


def halt(x: Array) -> Array:
    """First moments and velocities end at 65536 times that, for the sake of their products."""
    return _zero_below(x, 65536 * np.finfo(x.dtype).tiny)


def halt_root(x: Array) -> Array:
    """The same for what is squared."""
    return _zero_below(x, 256 * np.sqrt(np.finfo(x.dtype).tiny))


def _root(dtype: Any) -> float:
    """The root of the smallest normal number."""
    return sqrt(np.finfo(dtype).tiny)


def over(x: Array, root: Array, least: float) -> Array:
    """`x / root`, or 0 where too little is left of the root to know it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(root < root.dtype.type(least), root.dtype.type(0), x / root)


def _average(decay: float, real: type) -> tuple[Any, Any]:
    """A decay as the dtype can hold it, and its exact complement."""
    rounded = real(decay)
    return rounded, real(1 - float(rounded))


def sgd(p: Array, g: Array, *, h: Scalars, k: Scalars) -> Carried:
    p -= p.dtype.type(h["lr"]) * g
    return {}


def momentum(p: Array, g: Array, b: Array, *, h: Scalars, k: Scalars) -> Carried:
    real = p.dtype.type
    outer, inner = (1.0, h["lr"]) if h["lr_in_momentum"] else (h["lr"], 1.0)
    gain = inner if k["first"] else inner * (1 - h["dampening"])
    rate_b = outer * h["momentum"] if h["nesterov"] else outer
    rate_g = h["lr"] if h["nesterov"] else 0.0
    b[...] = halt(real(h["momentum"]) * b + real(gain) * g)
    p -= real(rate_b) * b + real(rate_g) * g
    return {"first": 0.0}


def _root_mean_square(v: Array, g: Array, h: Scalars) -> Array:
    """One update of v; the gradient divided by its root."""
    real = v.dtype.type
    rho, gain = _average(h["rho"], real)
    v[...] = settle(rho * v + gain * (g * g))
    least = _root(real) * sqrt(1 / float(gain))
    return over(g, np.sqrt(v + real(h["eps_root"])) + real(h["eps"]), least)


def _standard_deviation(mean: Array, s: Array, g: Array, h: Scalars) -> Array:
    """One update of mean and variance; the gradient divided by the root of the latter."""
    real = s.dtype.type
    rho, gain = _average(h["rho"], real)
    d = halt_root(g - mean)
    mean[...] = halt(rho * mean + gain * g)
    s[...] = settle(rho * (s + gain * (d * d)))
    least = _root(real) * sqrt(1 / float(gain) + 65536)
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
    p -= real(h["lr"]) * over(g, root, _root(real))
    return {}


def adadelta(p: Array, g: Array, v: Array, u: Array, *, h: Scalars, k: Scalars) -> Carried:
    real = p.dtype.type
    rho, gain = _average(h["rho"], real)
    eps = real(h["eps"])
    v[...] = settle(rho * v + gain * (g * g))
    delta = np.sqrt(over(u + eps, v + eps, np.finfo(real).tiny / float(gain))) * g
    u[...] = settle(rho * u + gain * (delta * delta))
    p -= real(h["lr"]) * delta
    return {}


def _moments(m: Array, v: Array, g: Array, h: Scalars, k: Scalars) -> Carried:
    """One update of both moments; the running products of the betas."""
    beta1, gain1 = _average(h["beta1"], m.dtype.type)
    beta2, gain2 = _average(h["beta2"], m.dtype.type)
    m[...] = halt(beta1 * m + gain1 * g)
    v[...] = settle(beta2 * v + gain2 * (g * g))
    return {"product1": k["product1"] * float(beta1), "product2": k["product2"] * float(beta2)}


def _descend(p: Array, m: Array, v: Array, h: Scalars, k: Scalars) -> None:
    real = p.dtype.type
    c1, c2 = 1 - k["product1"], 1 - k["product2"]
    rate, root = real(h["lr"] * sqrt(c2) / c1), real(h["eps_root"] * c2)
    eps = real(h["eps"] if h["eps_hat"] else h["eps"] * sqrt(c2))
    decay = real(h["lr"] * h["weight_decay"])
    gain2 = _average(h["beta2"], real)[1]
    least = _root(real) * sqrt(c2 / float(gain2))
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


def rule(name: str) -> Callable[..., Carried]:
    """The function of a row of src/rules."""
    function: Callable[..., Carried] = globals()[name]
    return function


def norm(gradients: Sequence[Array]) -> tuple[float, float]:
    """The joint Euclidean norm times a power of two, and that power.

    Added up in the order of the compiled core: 16 lanes in blocks of 1024, blocks in chunks of
    16384, chunks in turn. The power is 1 unless squares leave the range of double.
    """
    total = _sum_of_squares(gradients, 1.0)
    factor = 2.0**600 if total < 2.0**-900 else 2.0**-600 if total == np.inf else 1.0
    if factor != 1.0 and all(np.isfinite(g).all() for g in gradients):
        return sqrt(_sum_of_squares(gradients, factor)), factor
    return sqrt(total), 1.0


def _sum_of_squares(gradients: Sequence[Array], factor: float) -> float:
    total = 0.0
    for g in gradients:
        flat = factor * np.asarray(g, np.float64).reshape(-1)
        for start in range(0, flat.size, 16384):
            chunk = flat[start : start + 16384]
            total += _sum([_squares(chunk[i : i + 1024]) for i in range(0, chunk.size, 1024)])
    return total


def _sum(values: Sequence[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total


def _squares(block: Array) -> float:
    rows = np.zeros((block.size // 16 + 1, 16))
    rows.flat[: block.size] = block
    lanes = np.zeros(16)
    for row in rows:
        lanes += row * row
    while lanes.size > 1:
        lanes = lanes[: lanes.size // 2] + lanes[lanes.size // 2 :]
    return float(lanes[0])


class Reference:
    """An optimizer's twin in plain NumPy: the same options on copies of its arrays.

    Parameters
    ----------
    opt : Optimizer
        Never changed. Its parameters and state are copied when the twin is made.

    Attributes
    ----------
    params, state : list of ndarray, list of dict of ndarray
        In the order of ``opt.names``.
    """

    def __init__(self, opt: Optimizer) -> None:
        self.t = opt.t
        self._opt = opt
        self._tree = opt._tree
        self._common = opt._common
        self._groups = [opt._checked(group.overrides) for group in opt._groups]
        self._scales = [group.lr_scale for group in opt._groups]
        self.params: list[Array] = []
        self.state: list[dict[str, Array]] = []
        self._choices = [opt._choose(options) for options in self._groups]
        self._group_of = [i for i, leaves in enumerate(opt._named) for _ in leaves]
        for leaves in opt._named:
            for name, array in leaves:
                self.params.append(array.copy())
                self.state.append({key: s.copy() for key, s in opt.state[name].items()})
        self._carried = opt._get_carried(opt._rules())

    def step(self, grads: Any) -> bool:
        """One update with `grads` in the structure of the parameters, as `Optimizer.step`."""
        gradients = [
            np.asarray(g).astype(p.dtype)
            for g, p in zip(
                trees.in_order(self._tree, grads, self._opt.names), self.params, strict=True
            )
        ]
        if not all(np.isfinite(g).all() for g in gradients):
            if self._common["nonfinite"] == "raise":
                raise FloatingPointError("not finite")
            if self._common["nonfinite"] == "skip":
                return False
        scale = self._scale(gradients)
        for i, (p, g) in enumerate(zip(self.params, gradients, strict=True)):
            self._update(i, p, g, scale)
        self.t += 1
        return True

    def _scale(self, gradients: Sequence[Array]) -> float:
        scale = -1.0 if self._common["maximize"] else 1.0
        limit = self._common["clip_norm"]
        if limit is None or not all(np.isfinite(g).all() for g in gradients):
            return scale
        size, factor = norm(gradients)
        return scale * (limit * factor / size) if size > limit * factor else scale

    def _update(self, i: int, p: Array, g: Array, scale: float) -> None:
        real = p.dtype.type
        group = self._group_of[i]
        h = {name: self._value(value) for name, value in self._choices[group].hyper.items()}
        h = {"weight_decay": 0.0, **h}
        h["lr"] *= self._scales[group] * self._opt.lr_scale
        controllers = self._opt.controllers
        floor = min(h["lr"], max((c.min_lr for c in controllers), default=0.0))
        h["lr"] = max(h["lr"] * math.prod(c.scale for c in controllers), floor)
        if scale != 1.0:
            g = (scale * g.astype(np.float64)).astype(real)
        if self._common["clip_value"] is not None:
            limit = real(self._common["clip_value"])
            g = np.where(g > limit, limit, np.where(g < -limit, -limit, g))
        if h.get("l2", 0.0):
            g = g + real(h["l2"]) * p
        update = rule(self._choices[group].rule)
        self._carried[i] |= update(p, g, *self.state[i].values(), h=h, k=self._carried[i])

    def _value(self, value: Any) -> Any:
        return value(self.t) if callable(value) else value
