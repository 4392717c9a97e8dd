"""The rules by name, in the order of src/rules: the specification of the compiled loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .adagrad import (
    adadelta,
    adagrad,
    rmsprop,
    rmsprop_ahead,
    rmsprop_centered,
    rmsprop_centered_ahead,
    rmsprop_centered_momentum,
    rmsprop_corrected,
    rmsprop_momentum,
)
from .adam import adam, adam_nesterov, amsgrad, amsgrad_corrected, nadam, radam
from .descent import momentum, sgd, sgdw, sgdw_momentum
from .free import schedule_free, schedule_free_adam
from .leader import ftrl
from .rounding import Carried
from .sign import lion, rprop, signsgd, signsgd_momentum
from .spread import adabelief, adamax
from .trust import lamb, lars

RULES: Final[dict[str, Callable[..., Carried]]] = {
    rule.__name__: rule
    for rule in (
        sgd,
        momentum,
        sgdw,
        sgdw_momentum,
        adagrad,
        rmsprop,
        rmsprop_momentum,
        rmsprop_centered,
        rmsprop_centered_momentum,
        rmsprop_corrected,
        rmsprop_ahead,
        rmsprop_centered_ahead,
        adadelta,
        adam,
        amsgrad,
        adam_nesterov,
        amsgrad_corrected,
        nadam,
        radam,
        adamax,
        adabelief,
        signsgd,
        signsgd_momentum,
        lion,
        rprop,
        ftrl,
        schedule_free,
        schedule_free_adam,
        lars,
        lamb,
    )
}
