"""Adaptive moments over how far gradients spread: options, formulas, and the rules asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack, final

import numpy as np

from ..checks.arguments import NonNegative
from ..checks.arrays import Array
from .base import Optimizer
from .element_rates import Scalars, State, over_root
from .hyperparameters import Betas, Epsilon, Rate, Scheduled
from .kinds import RuleChoice
from .options import Common, constructor


@final
class Adamax(Optimizer):
    """Adam with the largest gradient, as it fades, in the place of the root.

    ::

        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, abs(g) + eps)
        p -= lr / (1 - prod(beta1)) * m / (u + eps_out)

    Parameters
    ----------
    betas : pair of float or schedule, default (0.9, 0.999)
        Decay of the mean and of the largest gradient, each in [0, 1).
    eps : float or schedule, default 1e-8
        Added to the size of each gradient, at least 0.
    eps_out : float or schedule, default 0.0
        Added to u where it divides, at least 0; not 0 if eps is.
    **common

    Notes
    -----
    As torch and optax. Keras has ``lr=1e-3, eps=0, eps_out=1e-7``.
    Reference: Kingma & Ba 2015.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0, -100.0])
    >>> _ = lrc.Adamax(w, lr=0.1).step(2 * w)
    >>> w
    array([  0.9, -99.9])
    """

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 2e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: Scheduled[Epsilon] = 1e-8,
        eps_out: Scheduled[Epsilon] = 0.0,
        l2: Scheduled[NonNegative] = 0.0,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        if h["eps"] == h["eps_out"] == 0.0:
            raise ValueError(
                "Adamax: eps and eps_out are both 0, and nothing divides an element that has had "
                "no gradient; give one of them, such as eps=1e-8"
            )
        return RuleChoice("adamax", h)

    @staticmethod
    def _element_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> Array:
        root = state["u"] + h["eps_out"]
        with np.errstate(divide="ignore"):
            return np.where(root < np.finfo(dtype).tiny, 0.0, h["lr"] / root)


@final
class AdaBelief(Optimizer):
    """Adam with the deviation of gradients from their mean in the place of their size.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * (g - m)**2 + eps_root
        m_hat = m / (1 - prod(beta1))
        v_hat = v / (1 - prod(beta2))
        p -= lr * weight_decay * p + lr * m_hat / (sqrt(v_hat) + eps)

    Where gradients stay the same nothing but eps_root, which gathers up to
    ``eps_root / (1 - beta2)``, holds the steps back: along a gradient of 1 they grow from 1 rate
    to 20 in 1000 updates, and to 205,000 in 19,000. Give ``eps_root=1e-8``, which ends that at 316
    rates, unless gradients are noisy.

    Parameters
    ----------
    betas : pair of float or schedule, default (0.9, 0.999)
        Decay of the mean and of the squared deviation, each in [0, 1).
    eps : float or schedule, default 1e-16
        Added outside the root, at least 0.
    eps_root : float or schedule, default 1e-16
        Added to v at every update, at least 0.
    **common

    Notes
    -----
    As optax; adabelief-pytorch and timm agree with ``rectify=False`` and ``eps_root=eps``. Their
    default, rectified, is another rule. Reference: Zhuang et al. 2020.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.zeros(2)
    >>> opt = lrc.AdaBelief(w, lr=0.1, betas=(0.5, 0.5), eps_root=0.0)
    >>> _ = opt.step(np.array([1.0, -100.0]))
    >>> w
    array([-0.2,  0.2])
    """

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 1e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: Scheduled[Epsilon] = 1e-16,
        eps_root: Scheduled[Epsilon] = 1e-16,
        weight_decay: Scheduled[NonNegative] = 0.0,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        return RuleChoice("adabelief", h)

    @staticmethod
    def _element_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> Array:
        c = np.sqrt(1 - k["product2"])
        return over_root(h["lr"] * c, np.sqrt(state["v"]) + h["eps"] * c, dtype)
