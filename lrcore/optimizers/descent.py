"""Descent along the gradient: options, formula, and the rules they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack, final

from ..checks.arguments import Decay, Fraction, NonNegative
from .base import Optimizer
from .element_rates import same_for_all
from .hyperparameters import Rate, Scheduled
from .kinds import RuleChoice
from .options import Common, constructor


@final
class SGD(Optimizer):
    r"""Stochastic gradient descent, plain or with momentum.

    With momentum :math:`\mu`, dampening :math:`\tau` (none on the first update) and velocity b::

        b = momentum * b + (1 - dampening) * g
        u = g + momentum * b   if nesterov, else b
        p -= lr * u

    and without, ``p -= lr * g``.

    Parameters
    ----------
    momentum : float or schedule, default 0.0
        In [0, 1). The effective rate is ``lr / (1 - momentum)``, the memory about
        ``1 / (1 - momentum)`` updates.
    dampening : float or schedule, default 0.0
        In [0, 1].
    nesterov : bool, default False
        Look ahead along the velocity; wants momentum and no dampening.
    lr_in_momentum : bool, default False
        Gather ``lr * g`` in the velocity, as Keras does: a drop of the rate then works only after
        about ``1 / (1 - momentum)`` updates. The default gathers g, as torch does.
    **common

    Notes
    -----
    At a constant rate torch, Keras and optax agree with the default. torch's default rate is 1e-3.
    References: Polyak 1964; Sutskever et al. 2013.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0, 2.0])
    >>> opt = lrc.SGD(w, lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     _ = opt.step(2 * w)
    >>> w.round(3)
    array([0.46, 0.92])
    """

    _decoupled = "SGDW"

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 1e-2,
        *,
        momentum: Scheduled[Decay] = 0.0,
        dampening: Scheduled[Fraction] = 0.0,
        nesterov: bool = False,
        lr_in_momentum: bool = False,
        l2: Scheduled[NonNegative] = 0.0,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        if h["momentum"] != 0.0:
            if h["nesterov"] and h["dampening"] != 0.0:
                raise ValueError("SGD: nesterov=True wants dampening=0")
            return RuleChoice("momentum", h)
        if h["nesterov"] or h["lr_in_momentum"] or h["dampening"] != 0.0:
            raise ValueError("SGD: nesterov, lr_in_momentum and dampening want momentum above 0")
        return RuleChoice("sgd", h)

    _element_rates = staticmethod(same_for_all)


@final
class SGDW(Optimizer):
    r"""Stochastic gradient descent with decoupled weight decay.

    With momentum :math:`\mu` and velocity b::

        b = momentum * b + g
        u = g + momentum * b   if nesterov, else b
        p -= lr * weight_decay * p + lr * u

    summed before the one subtraction; without momentum, u is g.

    Parameters
    ----------
    momentum : float or schedule, default 0.9
        In [0, 1).
    nesterov : bool, default False
        Look ahead along the velocity; wants momentum.
    **common

    Notes
    -----
    As timm's SGDW; as Keras's SGD with ``weight_decay`` while the rate is constant. The velocity
    gathers no decay: with `SGD` and ``l2`` it does. Reference: Loshchilov & Hutter 2019.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0, 2.0])
    >>> opt = lrc.SGDW(w, lr=0.1, weight_decay=0.5)
    >>> _ = opt.step(np.zeros(2))
    >>> w
    array([0.95, 1.9 ])
    """

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 1e-2,
        *,
        momentum: Scheduled[Decay] = 0.9,
        nesterov: bool = False,
        weight_decay: Scheduled[NonNegative] = 1e-4,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        if h["momentum"] != 0.0:
            return RuleChoice("sgdw_momentum", h)
        if h["nesterov"]:
            raise ValueError("SGDW: nesterov wants momentum above 0")
        return RuleChoice("sgdw", h)

    _element_rates = staticmethod(same_for_all)
