"""Adaptive moments: options, formulas, and the rules they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Literal, TypeAlias, Unpack, final

import numpy as np

from ..checks.arguments import NonNegative
from ..checks.arrays import Array
from .base import Optimizer
from .element_rates import Scalars, State, over_root
from .hyperparameters import Betas, Epsilon, Rate, Scheduled
from .kinds import RuleChoice
from .options import Common, constructor

AMSGrad: TypeAlias = bool | Literal["corrected"]
_BY_AMSGRAD: Final = {False: "adam", True: "amsgrad", "corrected": "amsgrad_corrected"}


def _choose_adam(owner: str, h: Mapping[str, Any]) -> RuleChoice:
    if h["nesterov"] and h["amsgrad"]:
        raise ValueError(f"{owner}: nesterov=True wants amsgrad=False; no rule has both")
    if h["eps_hat"] and h["amsgrad"] == "corrected":
        raise ValueError(
            f'{owner}: amsgrad="corrected" wants eps_hat=False; its eps comes after the correction'
        )
    rule = "adam_nesterov" if h["nesterov"] else _BY_AMSGRAD[h["amsgrad"]]
    return RuleChoice(rule, {"weight_decay": 0.0, **h})


def adam_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> Array:
    """The rate over the corrected root, of any rule with the letters of Adam."""
    c2 = 1 - k["product2"]
    if "v_max" in state and "eps_hat" not in h:  # whose largest v is corrected
        return over_root(h["lr"], np.sqrt(state["v_max"] + h["eps_root"]) + h["eps"], dtype)
    eps = h["eps"] if h.get("eps_hat") else h["eps"] * np.sqrt(c2)
    squares = state["v_max"] if "v_max" in state else state["v"]  # amsgrad, or not
    root = np.sqrt(squares + h.get("eps_root", 0.0) * c2) + eps
    return over_root(h["lr"] * np.sqrt(c2), root, dtype)


@final
class Adam(Optimizer):
    """Adaptive moments.

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - prod(beta1))
        v_hat = v / (1 - prod(beta2))
        p -= lr * m_hat / (sqrt(v_hat + eps_root) + eps)

    Parameters
    ----------
    betas : pair of float or schedule, default (0.9, 0.999)
        Decay of the two averages, each in [0, 1). The bias corrections use the running products, so
        that scheduled betas are corrected exactly.
    eps : float or schedule, default 1e-8
        Added outside the root, at least 0.
    eps_root : float or schedule, default 0.0
        Added inside the root, at least 0.
    eps_hat : bool, default False
        Add eps to ``sqrt(v)`` before the bias correction (the paper's epsilon-hat; scikit-learn,
        Keras and thinc), which makes it count 31.6-fold at the first update.
    amsgrad : bool or "corrected", default False
        Divide by the largest v so far (Reddi et al. 2018): True takes the largest v and corrects
        it, as torch does; "corrected" the largest v_hat, as optax does, and wants no `eps_hat`.
        The state of one is not that of the other.
    nesterov : bool, default False
        Look ahead: ``beta1 * m / (1 - prod(beta1) * beta1) + (1 - beta1) * g / (1 - prod(beta1))``
        takes the place of m_hat. Not together with `amsgrad`.
    **common

    Notes
    -----
    The defaults are torch's and optax's; Keras has ``eps=1e-7, eps_hat=True``. After gradients of
    1, 10 and four of 1 at rate 0.001, ``amsgrad=True`` and torch are at 0.004218, "corrected" and
    optax at 0.003491. ``nesterov=True`` is optax's nadam, and what `NAdam`, which is torch's and
    Keras's, comes to with a large momentum_decay; after the first gradient, 1, at rate 0.01, it is
    at 0.0147, torch's NAdam at 0.0106. References: Kingma & Ba 2015; Dozat 2016 (nesterov).

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0, -100.0])
    >>> _ = lrc.Adam(w, lr=0.1).step(2 * w)
    >>> w
    array([  0.9, -99.9])
    """

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 1e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: Scheduled[Epsilon] = 1e-8,
        eps_root: Scheduled[Epsilon] = 0.0,
        eps_hat: bool = False,
        amsgrad: AMSGrad = False,
        nesterov: bool = False,
        l2: Scheduled[NonNegative] = 0.0,
        **common: Unpack[Common],
    ) -> None: ...

    _choose = staticmethod(partial(_choose_adam, "Adam"))
    _element_rates = staticmethod(adam_rates)


@final
class AdamW(Optimizer):
    """Adam with decoupled weight decay.

    As `Adam`, but the last line is::

        p -= lr * weight_decay * p + lr * m_hat / (sqrt(v_hat + eps_root) + eps)

    summed before the one subtraction.

    Parameters
    ----------
    betas, eps, eps_root, eps_hat, amsgrad, nesterov
        As for `Adam`.
    **common

    Notes
    -----
    torch and optax use the same formula; optax's default decay is 1e-4, Keras's 0.004. optax's
    nadamw is ``nesterov=True``; timm's NAdamW is another rule. The form
    ``p *= 1 - lr * weight_decay`` of torch loses up to 3e-8 of p an update in float32.
    Reference: Loshchilov & Hutter 2019.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0, -100.0])
    >>> _ = lrc.AdamW(w, lr=0.1, weight_decay=0.5).step(np.zeros(2))
    >>> w
    array([  0.95, -95.  ])
    """

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 1e-3,
        *,
        weight_decay: Scheduled[NonNegative] = 1e-2,
        betas: Betas = (0.9, 0.999),
        eps: Scheduled[Epsilon] = 1e-8,
        eps_root: Scheduled[Epsilon] = 0.0,
        eps_hat: bool = False,
        amsgrad: AMSGrad = False,
        nesterov: bool = False,
        **common: Unpack[Common],
    ) -> None: ...

    _choose = staticmethod(partial(_choose_adam, "AdamW"))
    _element_rates = staticmethod(adam_rates)


@final
class NAdam(Optimizer):
    """Adam that looks ahead, with a momentum that warms up.

    m and v as for `Adam`; with n updates of the array, this one included::

        mu = beta1 * (1 - 0.5 * 0.96 ** (n * momentum_decay)), next that of n + 1
        m_hat = next * m / (1 - prod(mu) * next) + (1 - mu) * g / (1 - prod(mu))
        p -= lr * weight_decay * p + lr * m_hat / (sqrt(v_hat) + eps)

    Parameters
    ----------
    betas, eps
        As for `Adam`.
    momentum_decay : float or schedule, default 0.004
        At least 0. The momentum rises from beta1 / 2 to beta1, half of that in
        ``17 / momentum_decay`` updates.
    **common

    Notes
    -----
    As torch, whose weight_decay is l2 unless ``decoupled_weight_decay=True``. Keras is
    ``lr=1e-3, eps=1e-7, momentum_decay=1.0``. optax's and timm's are other rules: after the first
    gradient, 1, at rate 0.01, this one and torch are at 0.0106, Keras too, optax at 0.0147, timm at
    0.019. Reference: Dozat 2016.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.zeros(1)
    >>> _ = lrc.NAdam(w, lr=0.01).step(np.ones(1))
    >>> w.round(5)
    array([-0.01056])
    """

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 2e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: Scheduled[Epsilon] = 1e-8,
        momentum_decay: Scheduled[NonNegative] = 4e-3,
        l2: Scheduled[NonNegative] = 0.0,
        weight_decay: Scheduled[NonNegative] = 0.0,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        return RuleChoice("nadam", h)

    _element_rates = staticmethod(adam_rates)


@final
class RAdam(Optimizer):
    """Adam that trusts the root of v only once enough gradients are in it.

    m and v as for `Adam`; with n updates of the array, this one included::

        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * n * prod(beta2) / (1 - prod(beta2))
        r = sqrt((length - 4) * (length - 2) * longest
                 / ((longest - 4) * (longest - 2) * length))
        u = r * m_hat / (sqrt(v_hat) + eps)   if length > 5, else m_hat
        p -= lr * weight_decay * p + lr * u

    The first updates, 5 with the default beta2, are thus as long as gradients are large: large ones
    can throw p far. With beta2 up to 2/3 all are.

    Parameters
    ----------
    betas, eps, eps_hat
        As for `Adam`.
    **common

    Notes
    -----
    As optax; torch is ``eps_hat=True``, and its weight_decay l2 unless
    ``decoupled_weight_decay=True``. `effective_lr` is `lr` while nothing is divided.
    Reference: Liu et al. 2020.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.zeros(1)
    >>> opt = lrc.RAdam(w, lr=0.1)
    >>> for _ in range(5):
    ...     _ = opt.step(np.full(1, 2.0))
    >>> w.round(12)
    array([-1.])
    """

    @constructor
    def __init__(
        self,
        params: Any,
        lr: Rate = 1e-3,
        *,
        betas: Betas = (0.9, 0.999),
        eps: Scheduled[Epsilon] = 1e-8,
        eps_hat: bool = False,
        l2: Scheduled[NonNegative] = 0.0,
        weight_decay: Scheduled[NonNegative] = 0.0,
        **common: Unpack[Common],
    ) -> None: ...

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        return RuleChoice("radam", h)

    @staticmethod
    def _element_rates(state: State, h: Scalars, k: Scalars, dtype: np.dtype[Any]) -> float | Array:
        longest = 2 / (1 - h["beta2"]) - 1
        length = longest - 2 * k["n"] * k["given2"] / (1 - k["given2"])
        if length <= 5:
            return h["lr"]
        above = (length - 4) * (length - 2) * longest
        r = np.sqrt(above / ((longest - 4) * (longest - 2) * length))
        return np.asarray(r * adam_rates(state, h, k, dtype))
