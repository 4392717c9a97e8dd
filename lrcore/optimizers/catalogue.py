"""The optimizers by name. A family has a file, of one stem with its loops and its reference."""

from __future__ import annotations

from typing import Final

from ..checks.catalogues import named
from .adagrad import Adadelta as Adadelta
from .adagrad import Adagrad as Adagrad
from .adagrad import RMSprop as RMSprop
from .adam import Adam as Adam
from .adam import AdamW as AdamW
from .adam import NAdam as NAdam
from .adam import RAdam as RAdam
from .base import Optimizer
from .descent import SGD as SGD
from .descent import SGDW as SGDW
from .free import ScheduleFreeAdamW as ScheduleFreeAdamW
from .free import ScheduleFreeSGD as ScheduleFreeSGD
from .leader import FTRL as FTRL
from .sign import Lion as Lion
from .sign import Rprop as Rprop
from .sign import SignSGD as SignSGD
from .spread import AdaBelief as AdaBelief
from .spread import Adamax as Adamax
from .trust import LAMB as LAMB
from .trust import LARS as LARS

OPTIMIZERS: Final[dict[str, type[Optimizer]]] = named(
    SGD,
    SGDW,
    RMSprop,
    Adagrad,
    Adadelta,
    Adam,
    AdamW,
    NAdam,
    RAdam,
    Adamax,
    AdaBelief,
    SignSGD,
    Lion,
    Rprop,
    FTRL,
    ScheduleFreeSGD,
    ScheduleFreeAdamW,
    LARS,
    LAMB,
)
