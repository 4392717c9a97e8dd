"""Steps by a sign, of gradients or of a mean: options, formula, and the rules that they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack, final

import numpy as np

from ..checks.arguments import Decay, Growth, NonNegative, Shrinkage
from ..checks.arrays import Array
from .base import Optimizer
from .element_rates import Scalars, State, same_for_all
from .hyperparameters import Betas, Bound, Rate, Scheduled
from .kinds import RuleChoice
from .options import Common, constructor


@final
class SignSGD(Optimizer):
    """Steps by the rate, against the sign of the gradient or of its mean.

    ::

        m = momentum * m + (1 - momentum) * g
        p -= lr * weight_decay * p + lr * sign(m)

    where the sign of 0 is 0; without momentum m is g and there is no state. Every element moves by
    the whole rate, the first time already: only a falling rate ends that. Multiplying all gradients
    by a number above 0 changes nothing. Where rounding alone decides a sign, float32 may step the
    other way than float64.

    Parameters
    ----------
    momentum : float or schedule, default 0.9
        Decay of the mean, in [0, 1).
    **common

    Notes
    -----
    `Lion` with both betas equal, to the bit. optax: signum, and sign_sgd with ``momentum=0``;
    pytorch_optimizer: SignSGD. A momentum that gathers ``momentum * m + g`` has the same signs.
    `effective_lr` is `lr`. Reference: Bernstein et al. 2018.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0, -100.0, 0.0])
    >>> _ = lrc.SignSGD(w, lr=0.1).step(2 * w)
    >>> w
    array([  0.9, -99.9,   0. ])
    """

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 1e-3,
        *,
        momentum: Scheduled[Decay] = 0.9,
        weight_decay: Scheduled[NonNegative] = 0.0,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        return RuleChoice("signsgd" if h["momentum"] == 0.0 else "signsgd_momentum", h)

    _element_rates = staticmethod(same_for_all)


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


@final
class Rprop(Optimizer):
    """Steps against the sign of the gradient, of a length that each element finds for itself.

    With 0 as the first g_old and lr as the first step::

        same sign as g_old:      step = step * etas[1]
        opposite sign:           step = step * etas[0], and g = 0
        step = min(max(step, step_sizes[0]), step_sizes[1])
        g_old = g
        p -= sign(g) * step

    Where the sign turns, an element rests for an update. The sizes of gradients play no part, so
    those of small batches, whose signs are chance, lead nowhere: give it whole batches.

    Parameters
    ----------
    lr : float, default 0.01
        The first step of each element, at least 0; brought into `step_sizes` at the first update.
        Nothing acts on steps later: a schedule, an `lr_scale`, a controller, a `RangeTest` and
        another lr are refused. Steps are the state ``"step"``, from the start, and may be
        assigned there.
    etas : pair of float or schedule, default (0.5, 1.2)
        Factors of a step after a turn, in (0, 1), and without one, above 1.
    step_sizes : pair of float or schedule, default (1e-6, 50.0)
        The shortest and the longest step, above 0.
    **common

    Notes
    -----
    As torch, which multiplies g by g_old: products of float32 gradients below 1e-23 are 0 there,
    and its steps stay as they are. optax returns the update before: its first step is 0, and it
    turns a step late. `effective_lr` is the step, also where an element rests.
    Reference: Riedmiller & Braun 1993; the rest after a turn is iRprop- of Igel & Huesken 2000.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0, -100.0])
    >>> opt = lrc.Rprop(w, lr=0.1)
    >>> for _ in range(3):
    ...     _ = opt.step(2 * w)
    >>> w
    array([  0.636, -99.636])
    """

    _anneals = False
    _decay = "nothing but signs of gradients moves it. SGD has l2"

    @constructor
    def __init__(
        self,
        params: Any,
        lr: NonNegative = 1e-2,
        *,
        etas: tuple[Scheduled[Shrinkage], Scheduled[Growth]] = (0.5, 1.2),
        step_sizes: tuple[Scheduled[Bound], Scheduled[Bound]] = (1e-6, 50.0),
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        least, most = h["step_size1"], h["step_size2"]
        if not (callable(least) or callable(most) or least <= most):
            raise ValueError(
                f"Rprop: step_sizes must be the shortest and the longest, got {(least, most)!r}"
            )
        # no more than the first update leaves of it, which float32 may not hold
        first = h["lr"] if callable(most) else min(h["lr"], most)
        return RuleChoice("rprop", h, {"step": first})

    @staticmethod
    def _element_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> Array:
        return state["step"]
