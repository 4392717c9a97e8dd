"""Optimizer steps and learning-rate schedules for NumPy arrays, at the speed of the machine.

    opt = lrcore.Adam(params, lr=lrcore.CosineAnnealing(1e-3, steps=10_000).warmup(500))
    with lrcore.stoppable() as stop:
        while opt.t < 10_500 and not stop:
            opt.step(gradients(params))  # params change in place

`lrcore.optimizers`, `lrcore.schedules` and `lrcore.controllers` have all classes; `RangeTest`,
`diagnose` and `Monitor` find and judge a rate. `dir(lrcore)` lists everything, and a name of torch,
Keras or optax that is asked for here says what it is: `lrcore.StepLR`.
"""

from typing import TYPE_CHECKING

try:
    from ._core import COMPILER as _COMPILER
    from ._core import ISA as _ISA
    from ._core import ISAS as _ISAS
    from ._core import VERSION as _VERSION
except ModuleNotFoundError as error:
    if error.name != "lrcore._core":
        raise
    raise ImportError(
        "lrcore's compiled part is missing: this is its source tree, not an installed package. "
        "Run `pip install -e .` in it, or import lrcore from another directory."
    ) from None

from .controllers import BarzilaiBorwein as BarzilaiBorwein
from .controllers import Controller as Controller
from .controllers import DoG as DoG
from .controllers import EarlyStopping as EarlyStopping
from .controllers import Hypergradient as Hypergradient
from .controllers import Polyak as Polyak
from .controllers import ReduceOnPlateau as ReduceOnPlateau
from .gradients import clip_grad_norm_ as clip_grad_norm_
from .gradients import global_norm as global_norm
from .gradients import zero_grads as zero_grads
from .groups import Group as Group
from .optimizers import SGD as SGD
from .optimizers import Adadelta as Adadelta
from .optimizers import Adagrad as Adagrad
from .optimizers import Adam as Adam
from .optimizers import AdamW as AdamW
from .optimizers import RMSprop as RMSprop
from .records import schedule_from_dict as schedule_from_dict
from .schedules import WSD as WSD
from .schedules import Constant as Constant
from .schedules import CosineAnnealing as CosineAnnealing
from .schedules import CosineWarmRestarts as CosineWarmRestarts
from .schedules import Cyclical as Cyclical
from .schedules import ExponentialDecay as ExponentialDecay
from .schedules import Interp as Interp
from .schedules import InverseScaling as InverseScaling
from .schedules import InverseSqrt as InverseSqrt
from .schedules import InverseTimeDecay as InverseTimeDecay
from .schedules import Lambda as Lambda
from .schedules import Linear as Linear
from .schedules import MultiStepDecay as MultiStepDecay
from .schedules import OneCycle as OneCycle
from .schedules import PiecewiseConstant as PiecewiseConstant
from .schedules import PolynomialDecay as PolynomialDecay
from .schedules import Schedule as Schedule
from .schedules import StepDecay as StepDecay
from .schedules import Sweep as Sweep
from .schedules import TimeBasedDecay as TimeBasedDecay
from .threads import get_num_threads as get_num_threads
from .threads import register_with_threadpoolctl as _register_with_threadpoolctl
from .threads import set_num_threads as set_num_threads

if TYPE_CHECKING:
    from . import bridges as bridges
    from . import plots as plots
    from . import tune as tune
    from .batches import NoiseScale as NoiseScale
    from .batches import noise_scale as noise_scale
    from .batches import noise_scale_from_norms as noise_scale_from_norms
    from .batches import scale_lr as scale_lr
    from .curvature import newton_step as newton_step
    from .curvature import stability_limit as stability_limit
    from .diagnosis import Diagnosis as Diagnosis
    from .diagnosis import diagnose as diagnose
    from .monitor import Monitor as Monitor
    from .range_suggestions import RangeResult as RangeResult
    from .range_sweep import RangeTest as RangeTest
    from .range_sweep import range_test as range_test
    from .runs import Run as Run
    from .stopping_signals import Stop as Stop
    from .stopping_signals import stoppable as stoppable
else:
    # Modules, and what is in them, that are loaded when they are first asked for.
    _LATER = {
        "bridges": "bridges",
        "plots": "plots",
        "tune": "tune",
        "NoiseScale": "batches",
        "noise_scale": "batches",
        "noise_scale_from_norms": "batches",
        "scale_lr": "batches",
        "newton_step": "curvature",
        "stability_limit": "curvature",
        "Diagnosis": "diagnosis",
        "diagnose": "diagnosis",
        "Monitor": "monitor",
        "RangeResult": "range_suggestions",
        "RangeTest": "range_sweep",
        "range_test": "range_sweep",
        "Run": "runs",
        "Stop": "stopping_signals",
        "stoppable": "stopping_signals",
    }

    def __getattr__(name):
        """What `_LATER` lists."""
        if name not in _LATER:
            raise AttributeError(f"module 'lrcore' has no attribute {name!r}{_way(name)}")
        from importlib import import_module

        module = import_module(f"lrcore.{_LATER[name]}")
        found = globals()[name] = getattr(module, name, module)
        return found

    def _way(name):
        """What that may have meant; nothing for what programs ask every module for."""
        if name.startswith("_"):
            return ""
        from types import ModuleType

        from . import synonyms

        found = {n for n, x in globals().items() if not isinstance(x, ModuleType) and n[0] != "_"}
        ours = sorted(found - {"TYPE_CHECKING"})
        return f"; {synonyms.name(name, [*ours, *_LATER])}"

    def __dir__():
        return sorted({*globals(), *_LATER})


__version__ = _VERSION

_register_with_threadpoolctl()


def build_info() -> dict[str, object]:
    """Version, compiler, instruction set in use, those usable here, and threads of a step."""
    return {
        "version": __version__,
        "compiler": _COMPILER,
        "isa": _ISA,
        "isas": _ISAS,
        "num_threads": get_num_threads(),
    }
