"""Steps to the point that all gradients so far make the best: options, formula, and its rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack, final

import numpy as np

from ..checks.arguments import NonNegative, Positive
from ..checks.arrays import Array
from .base import Optimizer
from .element_rates import Scalars, State
from .hyperparameters import Scheduled
from .kinds import RuleChoice
from .options import Common, constructor


@final
class FTRL(Optimizer):
    """Follow the regularised leader: online learning of linear models, with weights that are 0.

    With z = 0 and s = `initial_accumulator_value` at first::

        sigma = (sqrt(s + g * g) - sqrt(s)) / lr
        z = z + (g - sigma * p)
        s = s + g * g
        q = sqrt(s) / lr + beta / lr + l2
        p = 0                            where abs(z) <= l1
        p = -(z - sign(z) * l1) / q      elsewhere (0 where q is)

    p is set, not moved. What else writes into it is lost, and the leader of no gradients is 0: a
    weight of 1 whose gradient is 0 becomes 0 at the first step. Start from zeros. There, without
    l1, an update is ``p -= g / q``: Adagrad, with beta beside the root.

    Parameters
    ----------
    lr : float or schedule, default 0.05
        Above 0; best left as it is. A weight is set to what all gradients so far make of it at the
        rate of now: half the rate about halves it, and a schedule that falls to 0 takes it there.
        At an update whose rate a schedule or a scale makes 0 nothing changes.
    beta : float or schedule, default 1.0
        Added to the root, at least 0.
    l1 : float or schedule, default 0.0
        Regulariser ``l1 * abs(p)`` of the leader, at least 0: makes weights that matter little
        exactly 0.
    l2 : float or schedule, default 0.0
        Regulariser ``l2 / 2 * p**2`` of the leader, at least 0. It counts once, not at each
        update, and nothing is added to gradients.
    initial_accumulator_value : float, default 0.0
        What s starts at, at least 0.
    **common

    Notes
    -----
    As McMahan et al., and pytorch_optimizer (``lambda_1``, ``lambda_2``). Keras and TensorFlow:
    ``initial_accumulator_value=0.1, beta=0``, and l2 is twice their l2_regularization_strength.
    river computes weights before it takes in the gradient, one step late, and sets none to 0.
    Their powers other than -1/2 and shrinkage are not offered. `effective_lr` is ``1 / q``.
    Reference: McMahan et al. 2013.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.zeros(3)
    >>> opt = lrc.FTRL(w, lr=0.5, l1=1.0)
    >>> _ = opt.step(np.array([3.0, -3.0, 0.9]))
    >>> w
    array([-0.25,  0.25,  0.  ])
    """

    _anneals = False
    _decay = "use l2=, which regularises the leader"

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Scheduled[Positive] = 0.05,
        *,
        beta: Scheduled[NonNegative] = 1.0,
        l1: Scheduled[NonNegative] = 0.0,
        l2: Scheduled[NonNegative] = 0.0,
        initial_accumulator_value: NonNegative = 0.0,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        return RuleChoice("ftrl", h, {"s": h["initial_accumulator_value"]})

    @staticmethod
    def _element_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> Array:
        q = np.sqrt(state["s"]) + h["beta"] + h["l2"] * h["lr"]
        return np.divide(h["lr"], q, out=np.zeros_like(q), where=q > 0)
