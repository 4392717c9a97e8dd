"""Every rule as one writes it by hand: the formula on whole arrays, and nothing that guards it.

What `lrcore demo` and `lrcore bench` time a step against. The rest of this package has the same
rules to the bit, with everything that takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from ..checks.arrays import Array
from ..checks.trees import in_order
from ..optimizers.base import Optimizer

State = dict[str, Array]
Numbers = Mapping[str, Any]


def _sgd(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    p -= h["lr"] * g


def _momentum(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["b"] = h["momentum"] * s["b"] + g
    p -= h["lr"] * s["b"]


def _sgdw(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    p -= h["lr"] * (h["weight_decay"] * p + g)


def _sgdw_momentum(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["b"] = h["momentum"] * s["b"] + g
    p -= h["lr"] * (h["weight_decay"] * p + s["b"])


def _rmsprop(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["v"] = h["rho"] * s["v"] + (1 - h["rho"]) * g**2
    p -= h["lr"] * g / (np.sqrt(s["v"]) + h["eps"])


def _rmsprop_momentum(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["v"] = h["rho"] * s["v"] + (1 - h["rho"]) * g**2
    s["b"] = h["momentum"] * s["b"] + g / (np.sqrt(s["v"]) + h["eps"])
    p -= h["lr"] * s["b"]


def _spread(g: Array, s: State, h: Numbers) -> Array:
    d = g - s["mean"]
    s["mean"] = s["mean"] + (1 - h["rho"]) * d
    s["s"] = h["rho"] * (s["s"] + (1 - h["rho"]) * d**2)
    return np.asarray(g / (np.sqrt(s["s"]) + h["eps"]))


def _rmsprop_centered(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    p -= h["lr"] * _spread(g, s, h)


def _rmsprop_centered_momentum(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["b"] = h["momentum"] * s["b"] + _spread(g, s, h)
    p -= h["lr"] * s["b"]


def _rms(g: Array, s: State, h: Numbers, t: int) -> Array:
    s["v"] = h["rho"] * s["v"] + (1 - h["rho"]) * g**2
    v_hat = s["v"] / (1 - h["rho"] ** t) if h["bias_correction"] else s["v"]
    return np.asarray(g / (np.sqrt(v_hat) + h["eps"]))


def _rmsprop_corrected(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    p -= h["lr"] * _rms(g, s, h, t)


def _look_ahead(p: Array, u: Array, s: State, h: Numbers) -> None:
    s["b"] = h["momentum"] * s["b"] + h["lr"] * u
    p -= h["momentum"] * s["b"] + h["lr"] * u if h["nesterov"] else s["b"]


def _rmsprop_ahead(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    _look_ahead(p, _rms(g, s, h, t), s, h)


def _rmsprop_centered_ahead(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    _look_ahead(p, _spread(g, s, h), s, h)


def _adagrad(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["s"] = s["s"] + g**2
    p -= h["lr"] * g / (np.sqrt(s["s"]) + h["eps"])


def _adadelta(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["v"] = h["rho"] * s["v"] + (1 - h["rho"]) * g**2
    delta = np.sqrt((s["u"] + h["eps"]) / (s["v"] + h["eps"])) * g
    s["u"] = h["rho"] * s["u"] + (1 - h["rho"]) * delta**2
    p -= h["lr"] * delta


def _adam(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["m"] = h["beta1"] * s["m"] + (1 - h["beta1"]) * g
    s["v"] = h["beta2"] * s["v"] + (1 - h["beta2"]) * g**2
    m_hat = s["m"] / (1 - h["beta1"] ** t)
    v_hat = s["v"] / (1 - h["beta2"] ** t)
    if h["weight_decay"]:
        p -= h["lr"] * h["weight_decay"] * p
    p -= h["lr"] * m_hat / (np.sqrt(v_hat) + h["eps"])


def _amsgrad(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["m"] = h["beta1"] * s["m"] + (1 - h["beta1"]) * g
    s["v"] = h["beta2"] * s["v"] + (1 - h["beta2"]) * g**2
    s["v_max"] = np.maximum(s["v"], s["v_max"])
    m_hat = s["m"] / (1 - h["beta1"] ** t)
    v_hat = s["v_max"] / (1 - h["beta2"] ** t)
    p -= h["lr"] * m_hat / (np.sqrt(v_hat) + h["eps"])


def _adam_nesterov(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["m"] = h["beta1"] * s["m"] + (1 - h["beta1"]) * g
    s["v"] = h["beta2"] * s["v"] + (1 - h["beta2"]) * g**2
    m_hat = h["beta1"] * s["m"] / (1 - h["beta1"] ** (t + 1))
    m_hat += (1 - h["beta1"]) * g / (1 - h["beta1"] ** t)
    v_hat = s["v"] / (1 - h["beta2"] ** t)
    p -= h["lr"] * (h["weight_decay"] * p + m_hat / (np.sqrt(v_hat) + h["eps"]))


def _amsgrad_corrected(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["m"] = h["beta1"] * s["m"] + (1 - h["beta1"]) * g
    s["v"] = h["beta2"] * s["v"] + (1 - h["beta2"]) * g**2
    s["v_max"] = np.maximum(s["v_max"], s["v"] / (1 - h["beta2"] ** t))
    m_hat = s["m"] / (1 - h["beta1"] ** t)
    p -= h["lr"] * (h["weight_decay"] * p + m_hat / (np.sqrt(s["v_max"]) + h["eps"]))


def _lars(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    q = h["trust"] * np.linalg.norm(p) / (np.linalg.norm(g) + h["l2"] * np.linalg.norm(p))
    s["b"] = h["momentum"] * s["b"] + h["lr"] * q * (g + h["l2"] * p)
    p -= s["b"]


def _lamb(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["m"] = h["beta1"] * s["m"] + (1 - h["beta1"]) * g
    s["v"] = h["beta2"] * s["v"] + (1 - h["beta2"]) * g**2
    m_hat = s["m"] / (1 - h["beta1"] ** t)
    v_hat = s["v"] / (1 - h["beta2"] ** t)
    u = m_hat / (np.sqrt(v_hat) + h["eps"]) + h["weight_decay"] * p
    p -= h["lr"] * np.linalg.norm(p) / np.linalg.norm(u) * u


def _nadam(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["m"] = h["beta1"] * s["m"] + (1 - h["beta1"]) * g
    s["v"] = h["beta2"] * s["v"] + (1 - h["beta2"]) * g**2
    mu = h["beta1"] * (1 - 0.5 * 0.96 ** (t * h["momentum_decay"]))
    following = h["beta1"] * (1 - 0.5 * 0.96 ** ((t + 1) * h["momentum_decay"]))
    s["product"] = s.get("product", np.float64(1)) * mu
    m_hat = following * s["m"] / (1 - s["product"] * following) + (1 - mu) * g / (1 - s["product"])
    v_hat = s["v"] / (1 - h["beta2"] ** t)
    p -= h["lr"] * (h["weight_decay"] * p + m_hat / (np.sqrt(v_hat) + h["eps"]))


def _radam(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["m"] = h["beta1"] * s["m"] + (1 - h["beta1"]) * g
    s["v"] = h["beta2"] * s["v"] + (1 - h["beta2"]) * g**2
    u = s["m"] / (1 - h["beta1"] ** t)
    longest = 2 / (1 - h["beta2"]) - 1
    n = longest - 2 * t * h["beta2"] ** t / (1 - h["beta2"] ** t)
    if n > 5:
        u *= np.sqrt((n - 4) * (n - 2) * longest / ((longest - 4) * (longest - 2) * n))
        u /= np.sqrt(s["v"] / (1 - h["beta2"] ** t)) + h["eps"]
    p -= h["lr"] * (h["weight_decay"] * p + u)


def _adamax(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["m"] = h["beta1"] * s["m"] + (1 - h["beta1"]) * g
    s["u"] = np.maximum(h["beta2"] * s["u"], np.abs(g) + h["eps"])
    p -= h["lr"] / (1 - h["beta1"] ** t) * s["m"] / (s["u"] + h["eps_out"])


def _adabelief(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["m"] = h["beta1"] * s["m"] + (1 - h["beta1"]) * g
    s["v"] = h["beta2"] * s["v"] + (1 - h["beta2"]) * (g - s["m"]) ** 2 + h["eps_root"]
    m_hat = s["m"] / (1 - h["beta1"] ** t)
    v_hat = s["v"] / (1 - h["beta2"] ** t)
    p -= h["lr"] * (h["weight_decay"] * p + m_hat / (np.sqrt(v_hat) + h["eps"]))


def _signsgd(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    p -= h["lr"] * (h["weight_decay"] * p + np.sign(g))


def _signsgd_momentum(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["m"] = h["momentum"] * s["m"] + (1 - h["momentum"]) * g
    p -= h["lr"] * (h["weight_decay"] * p + np.sign(s["m"]))


def _lion(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    u = np.sign(h["beta1"] * s["m"] + (1 - h["beta1"]) * g)
    s["m"] = h["beta2"] * s["m"] + (1 - h["beta2"]) * g
    p -= h["lr"] * (h["weight_decay"] * p + u)


def _rprop(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    turn = np.sign(g) * np.sign(s["g_old"])
    s["step"] = s["step"] * np.where(turn > 0, h["eta2"], np.where(turn < 0, h["eta1"], 1.0))
    s["step"] = np.clip(s["step"], h["step_size1"], h["step_size2"])
    s["g_old"] = np.where(turn < 0, 0.0, g)
    p -= np.sign(s["g_old"]) * s["step"]


def _ftrl(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    total = s["s"] + g**2
    s["z"] = s["z"] + g - (np.sqrt(total) - np.sqrt(s["s"])) / h["lr"] * p
    s["s"] = total
    pull = np.sign(s["z"]) * np.maximum(np.abs(s["z"]) - h["l1"], 0.0)
    p[...] = -pull / ((h["beta"] + np.sqrt(total)) / h["lr"] + h["l2"])


def _weigh(s: State, h: Numbers, t: int) -> tuple[float, float]:
    """The share of the new z in what is evaluated, and the rate."""
    rate = h["lr"] * min(1.0, t / max(h["warmup"], 1))
    s["lr_max"] = np.maximum(s.get("lr_max", 0.0), rate)
    weight = t ** h["r"] * s["lr_max"] ** h["weight_lr_power"]
    s["weights"] = s.get("weights", 0.0) + weight
    return float(weight / s["weights"]) if s["weights"] > 0 else 0.0, rate


def _free(p: Array, u: Array, s: State, mix: float, rate: float, beta: float) -> None:
    p += mix * (s["z"] - p) - rate * (1 - beta * (1 - mix)) * u
    s["z"] = s["z"] - rate * u


def _schedule_free(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    _free(p, g + h["l2"] * p, s, *_weigh(s, h, t), h["momentum"])


def _schedule_free_adam(p: Array, g: Array, s: State, h: Numbers, t: int) -> None:
    s["v"] = h["beta2"] * s["v"] + (1 - h["beta2"]) * g**2
    v_hat = s["v"] / (1 - h["beta2"] ** t)
    u = g / (np.sqrt(v_hat) + h["eps"]) + h["weight_decay"] * p
    _free(p, u, s, *_weigh(s, h, t), h["beta1"])


RULES: Final[dict[str, Callable[[Array, Array, State, Numbers, int], None]]] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "sgdw": _sgdw,
    "sgdw_momentum": _sgdw_momentum,
    "rmsprop": _rmsprop,
    "rmsprop_momentum": _rmsprop_momentum,
    "rmsprop_centered": _rmsprop_centered,
    "rmsprop_centered_momentum": _rmsprop_centered_momentum,
    "rmsprop_corrected": _rmsprop_corrected,
    "rmsprop_ahead": _rmsprop_ahead,
    "rmsprop_centered_ahead": _rmsprop_centered_ahead,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "adam": _adam,
    "amsgrad": _amsgrad,
    "adam_nesterov": _adam_nesterov,
    "amsgrad_corrected": _amsgrad_corrected,
    "lars": _lars,
    "lamb": _lamb,
    "nadam": _nadam,
    "radam": _radam,
    "adamax": _adamax,
    "adabelief": _adabelief,
    "signsgd": _signsgd,
    "signsgd_momentum": _signsgd_momentum,
    "lion": _lion,
    "rprop": _rprop,
    "ftrl": _ftrl,
    "schedule_free": _schedule_free,
    "schedule_free_adam": _schedule_free_adam,
}


class Plain:
    """An optimizer's rule by hand on copies of its arrays: one group, options at their plainest.

    Parameters
    ----------
    opt : Optimizer
        Never changed.
    """

    def __init__(self, opt: Optimizer) -> None:
        self.t = opt.t
        roster = opt.roster
        choice = roster.choice(0)
        self._update = RULES[choice.rule]
        self._h = {"weight_decay": 0.0, **choice.hyper}
        self._tree = roster.tree
        self._names = opt.names
        self.params = [array.copy() for array in roster.arrays.values()]
        self._state = [
            {letter: array.copy() for letter, array in state.items()}
            for state in roster.state.values()
        ]

    def step(self, grads: Any, lr: float) -> None:
        """One update at a rate, with `grads` in the structure of the parameters."""
        self.t += 1
        h = {**self._h, "lr": lr}
        gradients = in_order(self._tree, grads, self._names)
        for p, g, s in zip(self.params, gradients, self._state, strict=True):
            self._update(p, g, s, h, self.t)
