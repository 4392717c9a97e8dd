"""Learning-rate schedules: pure functions of the update index, and the operators that combine them.

A schedule is called with `t`, the number of updates made so far: the first update uses `s(0)`.
An int gives a float, an array gives a float64 array of its shape, with the same bits. Past its end
a schedule holds its last value. There is no state: nothing is stepped, nothing is saved but `t`.

A new schedule is one class beside its like, and its name here: fields whose types say what they
accept, the formula in `_at`, `_length` and `_example`.
"""

from __future__ import annotations

from typing import Final

from ..checks.catalogues import named
from .algebra import Constant as Constant
from .algebra import Schedule as Schedule
from .cycles import CosineWarmRestarts as CosineWarmRestarts
from .cycles import Cyclical as Cyclical
from .cycles import OneCycle as OneCycle
from .decays import ExponentialDecay as ExponentialDecay
from .decays import InverseScaling as InverseScaling
from .decays import InverseTimeDecay as InverseTimeDecay
from .decays import TimeBasedDecay as TimeBasedDecay
from .piecewise import Interp as Interp
from .piecewise import Lambda as Lambda
from .piecewise import MultiStepDecay as MultiStepDecay
from .piecewise import PiecewiseConstant as PiecewiseConstant
from .piecewise import StepDecay as StepDecay
from .ramps import WSD as WSD
from .ramps import CosineAnnealing as CosineAnnealing
from .ramps import InverseSqrt as InverseSqrt
from .ramps import Linear as Linear
from .ramps import PolynomialDecay as PolynomialDecay
from .ramps import Sweep as Sweep

SCHEDULES: Final[dict[str, type[Schedule]]] = named(
    Constant,
    StepDecay,
    MultiStepDecay,
    PiecewiseConstant,
    Interp,
    Lambda,
    ExponentialDecay,
    TimeBasedDecay,
    InverseTimeDecay,
    InverseScaling,
    Linear,
    PolynomialDecay,
    CosineAnnealing,
    Sweep,
    InverseSqrt,
    WSD,
    Cyclical,
    CosineWarmRestarts,
    OneCycle,
)
