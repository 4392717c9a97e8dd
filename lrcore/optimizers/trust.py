"""Steps as long as the array that they change allows: options, formula, and the rules asked for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Unpack, final

import numpy as np

from ..checks.arguments import Decay, NonNegative
from ..checks.arrays import Array
from .adam import adam_rates
from .base import Optimizer
from .element_rates import Scalars, State
from .hyperparameters import Betas, Epsilon, Rate, Scheduled
from .kinds import RuleChoice
from .options import Common, constructor


@final
class LARS(Optimizer):
    r"""Layer-wise adaptive rates: momentum whose gradients are scaled to the parameter's norm.

    With the Euclidean norms of each array, and velocity b::

        q = trust * |p| / (|g| + l2 * |p| + eps)   or trust * |p| / (|g + l2 * p| + eps)
        b = momentum * b + lr * q * (g + l2 * p)
        p -= b

    q is 1 where ``|p|`` or ``|g|`` (``|g + l2 * p|`` with `joint_norm`) is 0. An array that is cut
    into two moves otherwise.

    Parameters
    ----------
    momentum : float or schedule, default 0.9
        In [0, 1).
    nesterov : bool, default False
        Look ahead along the velocity; wants momentum.
    lr_in_momentum : bool, default True
        Gather ``lr * q * (g + l2 * p)`` in the velocity, as the paper does; False leaves lr
        outside.
    trust : float or schedule, optional, default 1e-3
        At least 0: an update is at most about lr * trust of the norm of its array. None makes q 1:
        for biases and norms, by ``Group(..., trust=None)``.
    eps : float or schedule, default 0.0
        At least 0; beside the norm that is divided by.
    joint_norm : bool, default False
        Divide by the norm of gradient and decay together.
    **common

    Notes
    -----
    optax: ``joint_norm=True``. timm: ``lr_in_momentum=False, eps=1e-8``; without decay it is plain
    SGD unless told ``always_adapt=True``. Norms are taken in float64; one below 1e-135 or above
    1e154, whose square leaves its range, counts as 0. The last q of an array is the `ratio` among
    the carried scalars of `state_dict`.
    Reference: You, Gitman & Ginsburg 2017.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([3.0, 4.0])
    >>> opt = lrc.LARS(w, lr=1.0, trust=0.01)
    >>> _ = opt.step(100 * w)
    >>> w
    array([2.97, 3.96])
    """

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 1.0,
        *,
        momentum: Scheduled[Decay] = 0.9,
        nesterov: bool = False,
        lr_in_momentum: bool = True,
        trust: Scheduled[NonNegative] | None = 1e-3,
        eps: Scheduled[NonNegative] = 0.0,
        joint_norm: bool = False,
        l2: Scheduled[NonNegative] = 0.0,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        if h["nesterov"] and h["momentum"] == 0.0:
            raise ValueError("LARS: nesterov wants momentum above 0")
        adaptive = h["trust"] is not None
        trust = h["trust"] if adaptive else 0.0
        return RuleChoice("lars", {**h, "trust": trust, "adaptive": adaptive})

    @staticmethod
    def _element_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> float:
        return h["lr"] * k["ratio"]


@final
class LAMB(Optimizer):
    r"""Layer-wise adaptive moments: Adam's step, as long as a share of its array.

    m_hat and v_hat as for `Adam`; with the Euclidean norms of each array::

        u = m_hat / (sqrt(v_hat + eps_root) + eps) + weight_decay * p
        trust = |p| / |u|, 1 if either is 0, and max_trust at most
        p -= lr * trust * u

    With ``decay_in_ratio=False`` decay is no part of u: p shrinks by ``lr * weight_decay * p``,
    and ``|p|`` is what that leaves. An array that is cut into two moves otherwise.

    Parameters
    ----------
    betas : pair of float or schedule, default (0.9, 0.999)
        Decay of the two averages, each in [0, 1).
    eps, eps_root : float or schedule, default 1e-6 and 0.0
        Added outside and inside the root, at least 0.
    weight_decay : float or schedule, default 0.01
        At least 0; decoupled from the moments.
    decay_in_ratio : bool, default True
        Let the ratio measure and scale decay too, as the paper does.
    max_trust : float or schedule, optional
        The largest ratio, at least 0, also where a norm is 0; None sets no limit.
    **common

    Notes
    -----
    As the paper and optax. timm is this with ``clip_norm=1.0``, its ``trust_clip=True`` is
    ``max_trust=1.0`` and its ``decoupled_decay=True`` ``decay_in_ratio=False``; without decay it
    takes no ratio unless told ``always_adapt=True``: from a norm of 3.77 at rate 0.01 its first
    step is 0.0141 long, this one 0.0377. Keras is ``decay_in_ratio=False``. That of
    pytorch_optimizer, ten times as long at first, is another rule. Biases and norms usually go
    without decay: ``Group(..., weight_decay=0.0)``. Norms are taken in float64; one below 1e-135
    or above 1e154, whose square leaves its range, counts as 0. The last ratio of an array is the
    `ratio` among the carried scalars of `state_dict`, and part of `effective_lr`.
    Reference: You et al. 2020.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([3.0, 4.0])
    >>> opt = lrc.LAMB(w, lr=0.1, weight_decay=0.0)
    >>> _ = opt.step(100 * w)
    >>> (w - [3, 4]).round(4)
    array([-0.3536, -0.3536])
    """

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 1e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: Scheduled[Epsilon] = 1e-6,
        eps_root: Scheduled[Epsilon] = 0.0,
        weight_decay: Scheduled[NonNegative] = 1e-2,
        decay_in_ratio: bool = True,
        max_trust: Scheduled[NonNegative] | None = None,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        most = sys.float_info.max if h["max_trust"] is None else h["max_trust"]
        return RuleChoice("lamb", {**h, "max_trust": most})

    @staticmethod
    def _element_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> Array:
        return np.asarray(k["ratio"] * adam_rates(state, h, k, dtype))
