"""Division by the size of past gradients: options, formulas, and the rules they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Unpack, final

import numpy as np

from ..checks.arguments import Decay, NonNegative
from ..checks.arrays import Array
from .base import Optimizer
from .element_rates import Scalars, State, over_root
from .hyperparameters import Epsilon, Rate, Scheduled
from .kinds import RuleChoice
from .options import Common, constructor


@final
class Adagrad(Optimizer):
    """Divide by the root of the sum of all squared gradients so far.

    ::

        s = s + g**2
        p -= lr * g / (sqrt(s + eps_root) + eps)

    Parameters
    ----------
    lr : float or schedule, default 0.01
        At least 0. For torch's ``lr_decay`` give an `InverseTimeDecay`.
    eps, eps_root : float or schedule, default 1e-10 and 0.0
        Added outside and inside the root, at least 0.
    initial_accumulator_value : float, default 0.0
        s before the first update.
    **common

    Notes
    -----
    The defaults are torch's; Keras and optax have
    ``eps=0, eps_root=1e-7, initial_accumulator_value=0.1``.
    Reference: Duchi, Hazan & Singer 2011.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0, -100.0])
    >>> opt = lrc.Adagrad(w, lr=0.5)
    >>> _ = opt.step(2 * w)
    >>> w
    array([  0.5, -99.5])
    """

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 1e-2,
        *,
        eps: Scheduled[Epsilon] = 1e-10,
        eps_root: Scheduled[Epsilon] = 0.0,
        initial_accumulator_value: NonNegative = 0.0,
        l2: Scheduled[NonNegative] = 0.0,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        return RuleChoice("adagrad", h, {"s": h["initial_accumulator_value"]})

    @staticmethod
    def _element_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> Array:
        root = np.sqrt(state["s"] + h["eps_root"]) + h["eps"]
        return over_root(h["lr"], root, dtype)


@final
class Adadelta(Optimizer):
    """Steps in the units of the parameters, from two running mean squares.

    ::

        v = rho * v + (1 - rho) * g**2
        delta = sqrt((u + eps) / (v + eps)) * g
        u = rho * u + (1 - rho) * delta**2
        p -= lr * delta

    Parameters
    ----------
    lr : float or schedule, default 1.0
        At least 0; the paper has none, which is 1.
    rho : float or schedule, default 0.9
        Decay of the averages, in [0, 1).
    eps : float or schedule, default 1e-6
        At least 0; sets the size of the first steps.
    **common

    Notes
    -----
    torch and optax agree; Keras too, but for its default rate of 0.001 in place of the paper's 1.
    Reference: Zeiler 2012.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0])
    >>> opt = lrc.Adadelta(w)
    >>> for _ in range(100):
    ...     _ = opt.step(2 * w)
    >>> round(float(w[0]), 2)
    0.65
    """

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 1.0,
        *,
        rho: Scheduled[Decay] = 0.9,
        eps: Scheduled[Epsilon] = 1e-6,
        l2: Scheduled[NonNegative] = 0.0,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        return RuleChoice("adadelta", h)

    @staticmethod
    def _element_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> Array:
        below = state["v"] + h["eps"]
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = h["lr"] * np.sqrt((state["u"] + h["eps"]) / below)
        return np.where(below < np.finfo(dtype).tiny, 0.0, rate)


# by whether it is centered, and whether it has momentum
_RMSPROP: Final = {
    (False, False): "rmsprop",
    (False, True): "rmsprop_momentum",
    (True, False): "rmsprop_centered",
    (True, True): "rmsprop_centered_momentum",
}
# the same, of those with a correction or a velocity of another kind
_RMSPROP_AHEAD: Final = {
    (False, False): "rmsprop_corrected",
    (False, True): "rmsprop_ahead",
    (True, True): "rmsprop_centered_ahead",
}


@final
class RMSprop(Optimizer):
    """Divide by a running root mean square of the gradient.

    ::

        v = rho * v + (1 - rho) * g**2
        u = g / (sqrt(v + eps_root) + eps)
        p -= lr * u

    `centered` puts the exponentially weighted variance s in the place of v, in a form that does not
    cancel: ``d = g - mean``, ``mean += (1 - rho) * d``, ``s = rho * (s + (1 - rho) * d**2)``. With
    `momentum`, ``b = momentum * b + u`` takes the place of u, with `nesterov` ``momentum * b + u``
    of the new b.

    Parameters
    ----------
    rho : float or schedule, default 0.99
        Decay of the average, in [0, 1).
    eps, eps_root : float or schedule, default 1e-8 and 0.0
        Added outside and inside the root, at least 0.
    centered : bool, default False
        Divide by the standard deviation instead.
    momentum : float or schedule, default 0.0
        In [0, 1).
    nesterov : bool, default False
        Look ahead along the velocity; wants momentum.
    lr_in_momentum : bool, default False
        Gather ``lr * u`` in the velocity, as Keras and optax do: it differs once the rate changes.
        Wants momentum.
    bias_correction : bool, default False
        Divide by the root of ``v / (1 - prod(rho))``; not with `centered`.
    initial_accumulator_value : float, default 0.0
        v (or s) before the first update.
    **common

    Notes
    -----
    The defaults are torch's. Keras and optax put eps inside the root (``eps=0, eps_root=1e-7`` and
    ``eps=0, eps_root=1e-8, rho=0.9``), and with momentum ``lr_in_momentum=True``; optax has
    `nesterov` and `bias_correction` too. Without correction the first step is
    ``1 / sqrt(1 - rho)`` rates long, 10 by default. Their centered forms and torch's compute
    ``v - mean**2``, which cancels: on a constant gradient it turns to NaN or to huge steps.
    References: Tieleman & Hinton 2012; Graves 2013 (centered); Dozat 2016 (nesterov).

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0, -100.0])
    >>> _ = lrc.RMSprop(w, lr=0.1).step(2 * w)
    >>> w.round(6)
    array([  0., -99.])
    """

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 1e-2,
        *,
        rho: Scheduled[Decay] = 0.99,
        eps: Scheduled[Epsilon] = 1e-8,
        eps_root: Scheduled[Epsilon] = 0.0,
        centered: bool = False,
        momentum: Scheduled[Decay] = 0.0,
        nesterov: bool = False,
        lr_in_momentum: bool = False,
        bias_correction: bool = False,
        initial_accumulator_value: NonNegative = 0.0,
        l2: Scheduled[NonNegative] = 0.0,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        centered, moving = h["centered"], h["momentum"] != 0.0
        if (h["nesterov"] or h["lr_in_momentum"]) and not moving:
            raise ValueError("RMSprop: nesterov and lr_in_momentum want momentum above 0")
        if centered and h["bias_correction"]:
            raise ValueError(
                "RMSprop: bias_correction wants centered=False: the variance starts at 0 with the "
                "mean, and has no such correction"
            )
        rule = _RMSPROP[centered, moving]
        if h["nesterov"] or h["lr_in_momentum"] or h["bias_correction"]:
            rule = _RMSPROP_AHEAD[centered, moving]
        accumulator = "s" if h["centered"] else "v"
        return RuleChoice(rule, h, {accumulator: h["initial_accumulator_value"]})

    @staticmethod
    def _element_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> Array:
        squares = state["s"] if "mean" in state else state["v"]  # centered, or not
        whole = 1 - k["product"] if h.get("bias_correction") else 1.0
        root = np.sqrt(squares / whole + h["eps_root"]) + h["eps"]
        return over_root(h["lr"], root, dtype)
