"""The optimizers: for each its options, its formula, and which rule of the core they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack, final

from .base import Optimizer, RuleChoice
from .hyperparameters import Value
from .options import Common


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
    params : ndarray, sequence, mapping or list of Group
        float32 or float64 arrays, changed in place.
    lr : float or schedule, default 0.01
        At least 0.
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
    l2 : float or schedule, default 0.0
        Coupled decay: adds ``l2 * p`` to the gradient (what torch calls weight_decay).
    **common
        See `lrcore.base.Common`.

    Raises
    ------
    TypeError, ValueError
        For an argument or array that is not accepted, naming it.

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

    def __init__(
        self,
        params: Any,
        lr: Value = 1e-2,
        *,
        momentum: Value = 0.0,
        dampening: Value = 0.0,
        nesterov: bool = False,
        lr_in_momentum: bool = False,
        l2: Value = 0.0,
        **common: Unpack[Common],
    ) -> None:
        hyper = {
            "momentum": momentum,
            "dampening": dampening,
            "nesterov": nesterov,
            "lr_in_momentum": lr_in_momentum,
            "l2": l2,
        }
        super().__init__(params, lr, hyper, common)

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        if h["momentum"] != 0.0:
            if h["nesterov"] and h["dampening"] != 0.0:
                raise ValueError("SGD: nesterov=True wants dampening=0")
            return RuleChoice("momentum", h)
        if h["nesterov"] or h["lr_in_momentum"] or h["dampening"] != 0.0:
            raise ValueError("SGD: nesterov, lr_in_momentum and dampening want momentum above 0")
        return RuleChoice("sgd", h)


@final
class RMSprop(Optimizer):
    """Divide by a running root mean square of the gradient.

    ::

        v = rho * v + (1 - rho) * g**2
        u = g / (sqrt(v + eps_root) + eps)
        p -= lr * u

    `centered` puts the exponentially weighted variance s in the place of v, in a form that does not
    cancel: ``d = g - mean``, ``mean += (1 - rho) * d``, ``s = rho * (s + (1 - rho) * d**2)``. With
    `momentum`, ``b = momentum * b + u`` takes the place of u.

    Parameters
    ----------
    params : ndarray, sequence, mapping or list of Group
        float32 or float64 arrays, changed in place.
    lr : float or schedule, default 0.01
        At least 0.
    rho : float or schedule, default 0.99
        Decay of the average, in [0, 1).
    eps, eps_root : float or schedule, default 1e-8 and 0.0
        Added outside and inside the root, at least 0.
    centered : bool, default False
        Divide by the standard deviation instead.
    momentum : float or schedule, default 0.0
        In [0, 1).
    initial_accumulator_value : float, default 0.0
        v (or s) before the first update.
    l2 : float or schedule, default 0.0
        Coupled decay: adds ``l2 * p`` to the gradient.
    **common
        See `lrcore.base.Common`.

    Raises
    ------
    TypeError, ValueError
        For an argument or array that is not accepted, naming it.

    Notes
    -----
    The defaults are torch's. Keras and optax put eps inside the root (``eps=0, eps_root=1e-7`` and
    ``eps_root=1e-8``, ``rho=0.9``). Their centered forms and torch's compute ``v - mean**2``, which
    cancels: on a constant gradient it turns to NaN or to huge steps.
    References: Tieleman & Hinton 2012; Graves 2013 (centered).

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0, -100.0])
    >>> _ = lrc.RMSprop(w, lr=0.1).step(2 * w)
    >>> w.round(6)
    array([  0., -99.])
    """

    def __init__(
        self,
        params: Any,
        lr: Value = 1e-2,
        *,
        rho: Value = 0.99,
        eps: Value = 1e-8,
        eps_root: Value = 0.0,
        centered: bool = False,
        momentum: Value = 0.0,
        initial_accumulator_value: float = 0.0,
        l2: Value = 0.0,
        **common: Unpack[Common],
    ) -> None:
        hyper = {
            "rho": rho,
            "eps": eps,
            "eps_root": eps_root,
            "centered": centered,
            "momentum": momentum,
            "initial_accumulator_value": initial_accumulator_value,
            "l2": l2,
        }
        super().__init__(params, lr, hyper, common)

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        rule = "rmsprop" + "_centered" * h["centered"] + "_momentum" * (h["momentum"] != 0.0)
        accumulator = "s" if h["centered"] else "v"
        return RuleChoice(rule, h, {accumulator: h["initial_accumulator_value"]})


@final
class Adagrad(Optimizer):
    """Divide by the root of the sum of all squared gradients so far.

    ::

        s = s + g**2
        p -= lr * g / (sqrt(s + eps_root) + eps)

    Parameters
    ----------
    params : ndarray, sequence, mapping or list of Group
        float32 or float64 arrays, changed in place.
    lr : float or schedule, default 0.01
        At least 0. For torch's ``lr_decay`` give an `InverseTimeDecay`.
    eps, eps_root : float or schedule, default 1e-10 and 0.0
        Added outside and inside the root, at least 0.
    initial_accumulator_value : float, default 0.0
        s before the first update.
    l2 : float or schedule, default 0.0
        Coupled decay: adds ``l2 * p`` to the gradient.
    **common
        See `lrcore.base.Common`.

    Raises
    ------
    TypeError, ValueError
        For an argument or array that is not accepted, naming it.

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

    def __init__(
        self,
        params: Any,
        lr: Value = 1e-2,
        *,
        eps: Value = 1e-10,
        eps_root: Value = 0.0,
        initial_accumulator_value: float = 0.0,
        l2: Value = 0.0,
        **common: Unpack[Common],
    ) -> None:
        hyper = {
            "eps": eps,
            "eps_root": eps_root,
            "initial_accumulator_value": initial_accumulator_value,
            "l2": l2,
        }
        super().__init__(params, lr, hyper, common)

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        return RuleChoice("adagrad", h, {"s": h["initial_accumulator_value"]})


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
    params : ndarray, sequence, mapping or list of Group
        float32 or float64 arrays, changed in place.
    lr : float or schedule, default 1.0
        At least 0; the paper has none, which is 1.
    rho : float or schedule, default 0.9
        Decay of the averages, in [0, 1).
    eps : float or schedule, default 1e-6
        At least 0; sets the size of the first steps.
    l2 : float or schedule, default 0.0
        Coupled decay: adds ``l2 * p`` to the gradient.
    **common
        See `lrcore.base.Common`.

    Raises
    ------
    TypeError, ValueError
        For an argument or array that is not accepted, naming it.

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

    def __init__(
        self,
        params: Any,
        lr: Value = 1.0,
        *,
        rho: Value = 0.9,
        eps: Value = 1e-6,
        l2: Value = 0.0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(params, lr, {"rho": rho, "eps": eps, "l2": l2}, common)

    @staticmethod
    def _choose(h: Mapping[str, Any]) -> RuleChoice:
        return RuleChoice("adadelta", h)


def _choose_adam(h: Mapping[str, Any]) -> RuleChoice:
    return RuleChoice("amsgrad" if h["amsgrad"] else "adam", {"weight_decay": 0.0, **h})


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
    params : ndarray, sequence, mapping or list of Group
        float32 or float64 arrays, changed in place.
    lr : float or schedule, default 0.001
        At least 0.
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
    amsgrad : bool, default False
        Divide by the largest v so far (Reddi et al. 2018; as torch, before the correction; optax
        takes the largest corrected one).
    l2 : float or schedule, default 0.0
        Coupled decay: adds ``l2 * p`` to the gradient (what torch calls weight_decay here).
    **common
        See `lrcore.base.Common`.

    Raises
    ------
    TypeError, ValueError
        For an argument or array that is not accepted, naming it.

    Notes
    -----
    The defaults are torch's and optax's; Keras has ``eps=1e-7, eps_hat=True``.
    Reference: Kingma & Ba 2015.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0, -100.0])
    >>> _ = lrc.Adam(w, lr=0.1).step(2 * w)
    >>> w
    array([  0.9, -99.9])
    """

    def __init__(
        self,
        params: Any,
        lr: Value = 1e-3,
        *,
        betas: tuple[Value, Value] = (0.9, 0.999),
        eps: Value = 1e-8,
        eps_root: Value = 0.0,
        eps_hat: bool = False,
        amsgrad: bool = False,
        l2: Value = 0.0,
        **common: Unpack[Common],
    ) -> None:
        hyper = {
            "betas": betas,
            "eps": eps,
            "eps_root": eps_root,
            "eps_hat": eps_hat,
            "amsgrad": amsgrad,
            "l2": l2,
        }
        super().__init__(params, lr, hyper, common)

    _choose = staticmethod(_choose_adam)


@final
class AdamW(Optimizer):
    """Adam with decoupled weight decay.

    As `Adam`, but the last line is::

        p -= lr * weight_decay * p + lr * m_hat / (sqrt(v_hat + eps_root) + eps)

    summed before the one subtraction.

    Parameters
    ----------
    params : ndarray, sequence, mapping or list of Group
        float32 or float64 arrays, changed in place.
    lr : float or schedule, default 0.001
        At least 0.
    weight_decay : float or schedule, default 0.01
        At least 0; multiplied by the rate of the update.
    betas, eps, eps_root, eps_hat, amsgrad
        As for `Adam`.
    **common
        See `lrcore.base.Common`.

    Raises
    ------
    TypeError, ValueError
        For an argument or array that is not accepted, naming it.

    Notes
    -----
    torch and optax use the same formula; optax's default decay is 1e-4, Keras's 0.004. The form
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

    def __init__(
        self,
        params: Any,
        lr: Value = 1e-3,
        *,
        weight_decay: Value = 1e-2,
        betas: tuple[Value, Value] = (0.9, 0.999),
        eps: Value = 1e-8,
        eps_root: Value = 0.0,
        eps_hat: bool = False,
        amsgrad: bool = False,
        **common: Unpack[Common],
    ) -> None:
        hyper = {
            "weight_decay": weight_decay,
            "betas": betas,
            "eps": eps,
            "eps_root": eps_root,
            "eps_hat": eps_hat,
            "amsgrad": amsgrad,
        }
        super().__init__(params, lr, hyper, common)

    _choose = staticmethod(_choose_adam)


OPTIMIZERS: dict[str, type[Optimizer]] = {cls.__name__: cls for cls in Optimizer.__subclasses__()}
