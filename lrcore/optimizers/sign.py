"""Steps by the sign of a mean: options, formula, and the rules that they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack, final

from ..checks.arguments import NonNegative
from .base import Optimizer
from .element_rates import same_for_all
from .hyperparameters import Betas, Rate, Scheduled
from .options import Common, constructor
from .roster import RuleChoice


@final
class Lion(Optimizer):
    """Steps by the rate, against the sign of a mean of gradients.

    ::

        u = sign(beta1 * m + (1 - beta1) * g)
        m = beta2 * m + (1 - beta2) * g
        p -= lr * weight_decay * p + lr * u

    where the sign of 0 is 0. Every element moves by the whole rate: the paper advises a third to a
    tenth of Adam's. Where rounding alone decides a sign, float32 may step the other way than
    float64.

    Parameters
    ----------
    betas : pair of float or schedule, default (0.9, 0.99)
        Weight of m in the step, and its decay, each in [0, 1).
    **common

    Notes
    -----
    As lion-pytorch, timm, optax (whose decay is 1e-3) and Keras (whose rate is 1e-3). What
    lion-pytorch calls ``decoupled_weight_decay=True`` is ``weight_decay=wd / lr`` here.
    `effective_lr` is `lr`. Reference: Chen et al. 2023.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0, -100.0])
    >>> _ = lrc.Lion(w, lr=0.1).step(2 * w)
    >>> w
    array([  0.9, -99.9])
    """

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 1e-4,
        *,
        betas: Betas = (0.9, 0.99),
        weight_decay: Scheduled[NonNegative] = 0.0,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        return RuleChoice("lion", h)

    _element_rates = staticmethod(same_for_all)
