"""Rules that need no schedule, since they evaluate an average: options, formulas, their rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack, final

import numpy as np

from ..checks.arguments import Decay, Natural, NonNegative, Shrinkage
from ..checks.arrays import Array
from .base import Optimizer
from .element_rates import Scalars, State, over_root
from .hyperparameters import Epsilon, Rate, Scheduled
from .options import Common, constructor
from .roster import Evaluated, RuleChoice

Kept = tuple[Scheduled[Shrinkage], Scheduled[Decay]]


def _average(p: Array, state: Mapping[str, Array], k: Mapping[str, float]) -> Array | None:
    """x, of which p and z alone are kept; before the first update it is p."""
    if k.get("n", 0) == 0:
        return None
    z = state["z"]
    near = p.astype(z.dtype, copy=False)
    return np.asarray(near + (1 - 1 / k["beta"]) * (z - near))


def _ramped(h: Scalars, k: Scalars) -> float:
    """The rate of the last update."""
    return h["lr"] * min(1.0, k["n"] / h["warmup"]) if h["warmup"] else h["lr"]


@final
class ScheduleFreeSGD(Optimizer):
    """SGD whose average is evaluated: no schedule to choose, and no end to know beforehand.

    With z = p, lr_max = S = 0 at first, and n updates of the array, this one included::

        lr' = lr * min(1, n / warmup)
        lr_max = max(lr_max, lr')
        w = n ** r * lr_max ** weight_lr_power
        S = S + w
        c = w / S                        0 if S is 0
        u = g + l2 * p
        p = p + c * (z - p) - lr' * (1 - momentum * (1 - c)) * u
        z = z - lr' * u
        x = p + (1 - 1 / momentum) * (z - p)

    p, which your arrays hold and gradients are taken at, lies between z and x. **Evaluate, and keep
    for later, x**: ``with opt.eval_params():`` puts it into the arrays for the time of a block,
    `eval_arrays` gives copies. x is the mean of all z, by the weights w, and is stored nowhere; it
    follows from the momentum of the last update. After the first update x, p and z are the same.

    Parameters
    ----------
    momentum : float or schedule, default 0.9
        How much nearer to x than to z gradients are taken. In (0, 1): x divides by it.
    warmup : int, default 0
        Updates over which the rate rises from ``lr / warmup`` to lr, of each array's own.
    r : float or schedule, default 0.0
        Power of n in the weights, at least 0: later updates count more.
    weight_lr_power : float or schedule, default 2.0
        Power of the largest rate so far in the weights, at least 0: updates of a warm-up, also one
        by a schedule of the rate, count less.
    **common

    Raises
    ------
    ValueError
        For an `average`, of a `Group` too: x is one.

    Notes
    -----
    A rate that a schedule lowers does not lower the weights. The first update takes z from p, so
    that values written into the arrays before it count; to change them later, make another
    optimizer. `Optimizer.save` stores p, if asked for, and z.

    As schedulefree 1.4.1 (SGDScheduleFree, whose weight_decay is l2 and whose warmup_steps warmup):
    its eval() and train() change bits of parameters, `eval_params` does not. optax 0.2.8 is the
    same without warm-up; with one its first update has rate 0 and weights are those of the rate of
    the next update, which is not offered. `effective_lr` is lr'. Reference: Defazio et al. 2024,
    arXiv:2405.15682.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([8.0])
    >>> opt = lrc.ScheduleFreeSGD(w, lr=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     _ = opt.step(w.copy())
    >>> w, opt.state["0"]["z"]
    (array([2.5]), array([2.]))
    >>> with opt.eval_params():
    ...     print(w)
    [3.]
    """

    _anneals = False
    _decoupled = "ScheduleFreeAdamW"
    _evaluated_as: ClassVar[Evaluated | None] = staticmethod(_average)

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 1.0,
        *,
        momentum: Scheduled[Shrinkage] = 0.9,
        l2: Scheduled[NonNegative] = 0.0,
        warmup: Natural = 0,
        r: Scheduled[NonNegative] = 0.0,
        weight_lr_power: Scheduled[NonNegative] = 2.0,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        return RuleChoice("schedule_free", h, copies=("z",))

    @staticmethod
    def _element_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> float:
        return _ramped(h, k)


@final
class ScheduleFreeAdamW(Optimizer):
    """Adam whose average is evaluated: no schedule to choose, and no end to know beforehand.

    As `ScheduleFreeSGD`, with the momentum ``betas[0]`` and, v being 0 at first::

        v = beta2 * v + (1 - beta2) * g**2
        v_hat = v / (1 - prod(beta2))
        u = g / (sqrt(v_hat) + eps) + weight_decay * p

    **Evaluate, and keep for later, x**: ``with opt.eval_params():`` puts it into the arrays for the
    time of a block, `eval_arrays` gives copies. What the arrays hold otherwise is where gradients
    are taken.

    Parameters
    ----------
    betas : pair of float or schedule, default (0.9, 0.999)
        How much nearer to x than to z gradients are taken, in (0, 1), and the decay of v, in
        [0, 1).
    eps : float or schedule, default 1e-8
        Added outside the root, at least 0.
    weight_decay : float or schedule, default 0.0
        Decoupled decay of p, at least 0; multiplied by the rate of the update.
    warmup, r, weight_lr_power
        As for `ScheduleFreeSGD`.
    **common

    Raises
    ------
    ValueError
        For an `average`, of a `Group` too: x is one.

    Notes
    -----
    As schedulefree 1.4.1 (AdamWScheduleFree, whose warmup_steps is warmup), and as optax 0.2.8
    without warm-up. Keras's is ``weight_lr_power=0.0``, so that c is ``1 / n``: after 60 updates
    from 1 by the gradient p, 10 of them warm-up to the rate 0.01, p is 0.726 so, and 0.705 by
    default. Its decay shrinks p but not z, and it hands out no x; neither is offered.
    `effective_lr` is ``lr' / (sqrt(v_hat) + eps)``, that of z. Gradients times a constant lead the
    same way without eps. Reference: Defazio et al. 2024, arXiv:2405.15682.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0, -100.0])
    >>> opt = lrc.ScheduleFreeAdamW(w, lr=0.1, warmup=2)
    >>> for _ in range(2):
    ...     _ = opt.step(2 * w)
    >>> opt.eval_arrays().round(3)
    array([  0.872, -99.87 ])
    """

    _anneals = False
    _evaluated_as: ClassVar[Evaluated | None] = staticmethod(_average)

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 2.5e-3,
        *,
        betas: Kept = (0.9, 0.999),
        eps: Scheduled[Epsilon] = 1e-8,
        weight_decay: Scheduled[NonNegative] = 0.0,
        warmup: Natural = 0,
        r: Scheduled[NonNegative] = 0.0,
        weight_lr_power: Scheduled[NonNegative] = 2.0,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        return RuleChoice("schedule_free_adam", h, copies=("z",))

    @staticmethod
    def _element_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> Array:
        c = np.sqrt(1 - k["product2"])
        return over_root(_ramped(h, k) * c, np.sqrt(state["v"]) + h["eps"] * c, dtype)
