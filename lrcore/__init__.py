"""Optimizer steps and learning-rate schedules for NumPy arrays, at the speed of the machine.

    opt = lrcore.Adam(params, lr=lrcore.CosineAnnealing(1e-3, steps=10_000).warmup(500))
    with lrcore.stoppable() as stop:
        while opt.t < 10_500 and not stop:
            opt.step(gradients(params))  # params change in place

`RangeTest`, `diagnose` and `Monitor` find and judge a rate. `dir(lrcore)` lists everything, and a
name of torch, Keras or optax that is asked for here says what it is: `lrcore.StepLR`.
"""

from typing import TYPE_CHECKING

try:
    from .build import __version__ as __version__
    from .build import build_info as build_info
except ModuleNotFoundError as error:
    if error.name != "lrcore._core":
        raise
    raise ImportError(
        "lrcore's compiled part is missing: this is its source tree, not an installed package. "
        "Run `pip install -e .` in it, or import lrcore from another directory."
    ) from None

from .arrays.gradients import clip_grad_norm_ as clip_grad_norm_
from .arrays.gradients import global_norm as global_norm
from .arrays.gradients import zero_grads as zero_grads
from .checks import synonyms as _synonyms
from .checks.pickles import call as _call  # noqa: F401
from .controllers.catalogue import BarzilaiBorwein as BarzilaiBorwein
from .controllers.catalogue import Controller as Controller
from .controllers.catalogue import DoG as DoG
from .controllers.catalogue import EarlyStopping as EarlyStopping
from .controllers.catalogue import Hypergradient as Hypergradient
from .controllers.catalogue import Polyak as Polyak
from .controllers.catalogue import ReduceOnPlateau as ReduceOnPlateau
from .optimizers.averages import EMA as EMA
from .optimizers.averages import Mean as Mean
from .optimizers.catalogue import FTRL as FTRL
from .optimizers.catalogue import LAMB as LAMB
from .optimizers.catalogue import LARS as LARS
from .optimizers.catalogue import SGD as SGD
from .optimizers.catalogue import SGDW as SGDW
from .optimizers.catalogue import AdaBelief as AdaBelief
from .optimizers.catalogue import Adadelta as Adadelta
from .optimizers.catalogue import Adagrad as Adagrad
from .optimizers.catalogue import Adam as Adam
from .optimizers.catalogue import Adamax as Adamax
from .optimizers.catalogue import AdamW as AdamW
from .optimizers.catalogue import Lion as Lion
from .optimizers.catalogue import NAdam as NAdam
from .optimizers.catalogue import RAdam as RAdam
from .optimizers.catalogue import RMSprop as RMSprop
from .optimizers.catalogue import Rprop as Rprop
from .optimizers.catalogue import ScheduleFreeAdamW as ScheduleFreeAdamW
from .optimizers.catalogue import ScheduleFreeSGD as ScheduleFreeSGD
from .optimizers.catalogue import SignSGD as SignSGD
from .optimizers.checkpoint import Snapshot as _Snapshot
from .optimizers.groups import Group as Group
from .schedules.catalogue import WSD as WSD
from .schedules.catalogue import Constant as Constant
from .schedules.catalogue import CosineAnnealing as CosineAnnealing
from .schedules.catalogue import CosineWarmRestarts as CosineWarmRestarts
from .schedules.catalogue import Cyclical as Cyclical
from .schedules.catalogue import ExponentialDecay as ExponentialDecay
from .schedules.catalogue import Interp as Interp
from .schedules.catalogue import InverseScaling as InverseScaling
from .schedules.catalogue import InverseSqrt as InverseSqrt
from .schedules.catalogue import InverseTimeDecay as InverseTimeDecay
from .schedules.catalogue import Lambda as Lambda
from .schedules.catalogue import Linear as Linear
from .schedules.catalogue import MultiStepDecay as MultiStepDecay
from .schedules.catalogue import OneCycle as OneCycle
from .schedules.catalogue import PiecewiseConstant as PiecewiseConstant
from .schedules.catalogue import PolynomialDecay as PolynomialDecay
from .schedules.catalogue import Schedule as Schedule
from .schedules.catalogue import StepDecay as StepDecay
from .schedules.catalogue import Sweep as Sweep
from .schedules.catalogue import TimeBasedDecay as TimeBasedDecay
from .schedules.from_data import CLASSES as _SCHEDULES
from .schedules.from_data import schedule_from_dict as schedule_from_dict
from .threads import get_num_threads as get_num_threads
from .threads import register_with_threadpoolctl as _register_with_threadpoolctl
from .threads import set_num_threads as set_num_threads

if TYPE_CHECKING:
    from . import bridges as bridges
    from . import diagnosis as diagnosis
    from . import plots as plots
    from . import tune as tune
    from .finding.batches import NoiseScale as NoiseScale
    from .finding.batches import noise_scale as noise_scale
    from .finding.batches import noise_scale_from_norms as noise_scale_from_norms
    from .finding.batches import scale_lr as scale_lr
    from .finding.curvature import newton_step as newton_step
    from .finding.curvature import stability_limit as stability_limit
    from .finding.diagnosis import Diagnosis as Diagnosis
    from .finding.diagnosis import diagnose as diagnose
    from .finding.monitor import Monitor as Monitor
    from .finding.range_result import RangeResult as RangeResult
    from .finding.range_test import RangeTest as RangeTest
    from .finding.range_test import range_test as range_test
    from .finding.run import Run as Run
    from .stopping_signals import Stop as Stop
    from .stopping_signals import stoppable as stoppable
else:
    # Modules, and what is in them, that are loaded when they are first asked for.
    _LATER = {
        "bridges": "bridges",
        "diagnosis": "diagnosis",
        "plots": "plots",
        "tune": "tune",
        "NoiseScale": "finding.batches",
        "noise_scale": "finding.batches",
        "noise_scale_from_norms": "finding.batches",
        "scale_lr": "finding.batches",
        "newton_step": "finding.curvature",
        "stability_limit": "finding.curvature",
        "Diagnosis": "finding.diagnosis",
        "diagnose": "finding.diagnosis",
        "Monitor": "finding.monitor",
        "RangeResult": "finding.range_result",
        "RangeTest": "finding.range_test",
        "range_test": "finding.range_test",
        "Run": "finding.run",
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

        found = {n for n, x in globals().items() if not isinstance(x, ModuleType) and n[0] != "_"}
        ours = sorted(found - {"TYPE_CHECKING"})
        return f"; {_synonyms.name(name, [*ours, *_LATER])}"

    def __dir__():
        return sorted({*globals(), *_LATER})


# What pickles name beside the names above.
_PICKLED = {**_SCHEDULES, "Snapshot": _Snapshot}

_register_with_threadpoolctl()
