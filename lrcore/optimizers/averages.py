"""Averages of the parameters: what is asked for, and what a rule with one has besides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final, NamedTuple, final

from .._core import Hyper, Rule
from ..checks.arguments import Count, Decay, Natural
from ..checks.catalogues import named
from ..schedules.value import Value, frozen
from .hyperparameters import Hyperparameter, Scheduled, as_hyper

LETTER: Final = "average"  # of the state
COUNT: Final = "averaged"  # the carried scalar: updates of the array so far
_DECAY: Final = Hyperparameter("decay", (Decay,), scheduled=True, size=0, optional=False)


class Weights(NamedTuple):
    """Which updates an average counts, and how much each, as the core takes it."""

    decay: Hyper | None = None  # by which weights fall; None where all are alike
    start: int = 0
    every: int = 1


class Average(Value):
    """The abstract base of the averages that an optimizer can take of its parameters."""

    __slots__ = ()

    weights: ClassVar[Callable[[Any], Weights]]


@final
@frozen
class EMA(Average):
    """The exponential moving average of the parameters, as ``average=`` of an optimizer.

    After each update, with the average a in ``opt.state[name]["average"]``::

        a = p                            at the first update of an array
        a = a + (1 - decay) * (p - a)    later

    `Optimizer.eval_params` and `Optimizer.eval_arrays` hand it out. It is computed with the update,
    in the dtype of its loop, and costs one more array, read and written once.

    Parameters
    ----------
    decay : float or schedule, default 0.999
        In [0, 1). The average remembers about ``1 / (1 - decay)`` updates.

    Raises
    ------
    TypeError, ValueError
        For a decay that is not accepted.

    Notes
    -----
    float32 stalls: a no longer moves once it is within about half a unit in the last place over
    ``1 - decay`` of p. From 1.001 towards 1 with decay 0.9999, 6.0e-4 are left after 100,000
    updates, in float64 4.5e-8. A smaller decay stalls closer.

    What falls below 65536 times the smallest normal number of the dtype is stored as zero.
    Equals torch's ``AveragedModel`` with ``get_ema_multi_avg_fn(decay)`` and Keras's
    ``use_ema=True, ema_momentum=decay``. optax's ``ema`` begins at zero, and averages updates.
    Updates that are left out (``nonfinite="skip"``) and frozen arrays do not count.
    Reference: Polyak & Juditsky 1992.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([1.0])
    >>> opt = lrc.SGD(w, lr=1.0, average=lrc.EMA(decay=0.75))
    >>> for _ in range(2):
    ...     _ = opt.step(np.array([-4.0]))
    >>> w, opt.state["0"]["average"]
    (array([9.]), array([6.]))
    """

    decay: Scheduled[Decay] = 0.999

    _form: ClassVar = "EMA(decay={decay})"

    def __post_init__(self) -> None:
        object.__setattr__(self, "decay", _DECAY.checked("EMA", self.decay)["decay"])

    def weights(self) -> Weights:
        """What counts, as the core takes it."""
        return Weights(as_hyper("decay", self.decay, Decay))


@final
@frozen
class Mean(Average):
    """The mean of the parameters over updates, as ``average=`` of an optimizer.

    With t updates of an array before this one, after each update::

        a = p                       while t <= start
        a = a + (p - a) / n         later, if (t - start) % every == 0,
                                    n = (t - start) // every + 1

    so that a is the plain mean of the parameters after the updates start, start + every, ... (the
    first update is 0), and follows them until then. `EMA` says where it is kept and what it costs.

    Parameters
    ----------
    start : int, default 0
        The first update that counts, of each array's own. At least 0.
    every : int, default 1
        Only each such update from there on counts. At least 1.

    Raises
    ------
    TypeError, ValueError
        For an argument that is not accepted.

    Notes
    -----
    float32 stalls: p no longer moves a once it is within about half a unit in the last place times
    n of it. `every` keeps n small.

    As torch's ``AveragedModel``, updated after update `start` and each `every` after that:
    stochastic weight averaging, with a rate that stays high. torch's ASGD averages like
    ``Mean(start=t0 + 1)``. Its weights 1 / n have torch's default dtype, so that in float32
    averages of float64 parameters are 2e-8 off. References: Polyak & Juditsky 1992; Izmailov et
    al. 2018.

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([0.0])
    >>> opt = lrc.SGD(w, lr=1.0, average=lrc.Mean(start=1))
    >>> for _ in range(3):
    ...     _ = opt.step(np.array([-1.0]))
    >>> w, opt.state["0"]["average"]
    (array([3.]), array([2.5]))
    """

    start: Natural = 0
    every: Count = 1

    _form: ClassVar = "Mean(start={start}, every={every})"

    def weights(self) -> Weights:
        """What counts, as the core takes it."""
        return Weights(start=self.start, every=self.every)


AVERAGES: Final[dict[str, type[Average]]] = named(EMA, Mean)


def checked_average(owner: str, given: Any) -> Average | None:
    """What was given as `average`.

    Raises
    ------
    TypeError
        For anything else than an average or None.
    """
    if given is None or isinstance(given, Average):
        return given
    ways = f"lrcore.{', lrcore.'.join(AVERAGES)}"
    made = "; write EMA(decay=...)" if isinstance(given, float) else ""
    made = "; write EMA()" if isinstance(given, bool) else made
    if isinstance(given, type) and issubclass(given, Average):
        made = f"; write {given.__name__}()"
    raise TypeError(f"{owner}: average must be one of {ways}, or None, got {given!r}{made}")


def with_average(rule: Rule) -> Rule:
    """The rule with an average of its parameters besides."""
    at = len(rule.carried) - len(rule.kept)
    return rule._replace(
        state=(*rule.state, LETTER),
        shapes=(*rule.shapes, "LIKE"),
        carried=(*rule.carried[:at], COUNT, *rule.carried[at:]),
        starts=(*rule.starts[:at], 0.0, *rule.starts[at:]),
    )
