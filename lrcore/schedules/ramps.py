"""Schedules that reach an end, and hold it; and those that begin with a ramp."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Literal, Self, final

from ..checks.arguments import (
    Length,
    Natural,
    NonNegative,
    Positive,
    check,
    check_fields,
)
from .algebra import Schedule
from .maths import Maths, Number, between, half_cosine
from .value import frozen


def ramp(top: float, steps: int, t: Number, m: Maths[Number]) -> Number:
    """From `top / steps` at 0 to `top` at `steps - 1`: the first update is not wasted."""
    return top * m.min((t + 1.0) / steps, 1.0)


@final
@frozen
class Linear(Schedule, pure=True):
    """`start + (end - start) * min(t / steps, 1)`.

    Parameters
    ----------
    start, end : float >= 0
        `start` is the rate of update 0; either may be the higher one.
    steps : int >= 1
        The update from which the rate is `end`: it is held ever after.

    Notes
    -----
    optax's `linear_schedule(start, end, steps)`, which takes `steps <= 0` for a constant without a
    word. torch's `LinearLR` has factors of the rate in place of `start` and `end`, takes no
    factor above 1, and none of 0 at the start. A ramp in front of another schedule is `warmup`,
    which does not spend an update on a rate of 0. Any hyperparameter can follow such a line, for
    instance `SGD(params, momentum=Linear(0.5, 0.99, steps=1000))`.

    >>> Linear(1.0, 0.0, steps=4)(range(6))
    array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ])
    """

    start: NonNegative
    end: NonNegative
    steps: Length

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return between(self.start, self.end, m.min(t, self.steps) / self.steps, m)

    def _length(self) -> int | None:
        return 0 if self.start == self.end else self.steps

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr, 0.0, steps)


@final
@frozen
class PolynomialDecay(Schedule, pure=True):
    """`end + (lr - end) * (1 - min(t / steps, 1))**power`.

    Parameters
    ----------
    lr : float >= 0
        The rate of update 0.
    steps : int >= 1
        The update from which the rate is `end`: it is held ever after, unless `cycle`.
    power : float > 0
    end : float >= 0
        May lie above `lr`.
    cycle : bool
        Instead of holding `end`, climb and decay anew over a longer time: `steps` becomes
        `steps * ceil(t / steps)`.

    Notes
    -----
    Keras's `PolynomialDecay` (where `end` is 1e-4 unless given) and optax's `polynomial_schedule`.
    torch's `PolynomialLR` has no `end` and decays over 5 steps unless told; Hugging Face's
    polynomial schedule ends at 1e-7.

    >>> PolynomialDecay(1.0, steps=4, power=2.0)(range(6))
    array([1.    , 0.5625, 0.25  , 0.0625, 0.    , 0.    ])
    >>> PolynomialDecay(1.0, steps=2, cycle=True)(range(6))
    array([1.        , 0.5       , 0.        , 0.25      , 0.        ,
           0.16666667])
    """

    lr: NonNegative
    steps: Length
    _: KW_ONLY
    power: Positive = 1.0
    end: NonNegative = 0.0
    cycle: bool = False

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        if self.cycle:
            whole = m.max(-(-t // self.steps), 1.0) * self.steps
            w = (whole - t) / whole
        else:
            w = m.max(self.steps - t, 0.0) / self.steps
        if self.power != 1.0:
            w = m.power(1.0, w, self.power)
        return between(self.end, self.lr, w, m)

    def _length(self) -> int | None:
        if self.lr == self.end:
            return 0
        return None if self.cycle else self.steps

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr, steps, power=2.0)


@final
@frozen
class CosineAnnealing(Schedule, pure=True):
    """`end + (lr - end) * ((1 + cos(pi * min(t / steps, 1))) / 2)**exponent`.

    Parameters
    ----------
    lr : float >= 0
        The rate of update 0.
    steps : int >= 1
        The update from which the rate is `end`: it is held ever after.
    end : float >= 0
        May lie above `lr`.
    exponent : float > 0

    Notes
    -----
    torch's `CosineAnnealingLR(T_max=steps, eta_min=end)` climbs back to `lr` after `T_max`; optax's
    `cosine_decay_schedule` and Keras's `CosineDecay` hold, as here, but take `end / lr` as `alpha`.

    References
    ----------
    Loshchilov & Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts".

    >>> CosineAnnealing(1.0, steps=100, end=0.1)([0, 50, 100, 101])
    array([1.  , 0.55, 0.1 , 0.1 ])
    """

    lr: NonNegative
    steps: Length
    _: KW_ONLY
    end: NonNegative = 0.0
    exponent: Positive = 1.0

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        w = half_cosine(m.max(self.steps - t, 0.0) / self.steps, m)
        if self.exponent != 1.0:
            w = m.power(1.0, w, self.exponent)
        return between(self.end, self.lr, w, m)

    def _length(self) -> int | None:
        return 0 if self.lr == self.end else self.steps

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr, steps)


@final
@frozen
class Sweep(Schedule, pure=True):
    """From `start` at update 0 to `end` at update `steps - 1`, as a range test goes.

    `start * (end / start)**x` or `start + (end - start) * x`, with `x = min(t / (steps - 1), 1)`:
    the values of `numpy.geomspace` and `numpy.linspace`.

    Parameters
    ----------
    start, end : float
        Above 0 for spacing "log", else at least 0; either may be the higher one.
    steps : int >= 1
        How many values there are, both ends included; a single one is `start`.
    spacing : "log" or "linear"

    Notes
    -----
    Its last value is that of the last of `steps` updates, as with `OneCycle`; the others reach
    theirs one update later. The sweep of Lightning's `lr_find` leaves out its second value.

    References
    ----------
    Smith (2017), "Cyclical Learning Rates for Training Neural Networks", section 3.3.

    >>> Sweep(0.001, 10.0, steps=5)(range(6))
    array([1.e-03, 1.e-02, 1.e-01, 1.e+00, 1.e+01, 1.e+01])
    """

    start: NonNegative
    end: NonNegative
    steps: Length
    _: KW_ONLY
    spacing: Literal["log", "linear"] = "log"

    def __post_init__(self) -> None:
        check_fields(self)
        if self.spacing == "log":
            check(self, "start", Positive)
            check(self, "end", Positive)

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        last = self.steps - 1
        x = m.min(t, last) / (last or 1)
        if self.spacing == "linear":
            return between(self.start, self.end, x, m)
        # two powers, because end / start may overflow
        value = m.power(m.power(1.0, self.end, x), self.start, 1.0 - x)
        if self.start > self.end:
            return m.min(m.max(value, self.end), self.start)
        return m.min(m.max(value, self.start), self.end)

    def _length(self) -> int | None:
        return 0 if self.start == self.end else self.steps - 1

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr / 1000, lr, max(steps, 2), spacing="log" if lr else "linear")


@final
@frozen
class InverseSqrt(Schedule, pure=True):
    """`lr * (t + 1) / warmup_steps`, then `lr / sqrt((t - warmup_steps + timescale) / timescale)`.

    Parameters
    ----------
    lr : float >= 0
        The highest rate, of updates `warmup_steps - 1` and `warmup_steps`.
    warmup_steps : int >= 0
        Updates of the ramp; without a ramp update 0 has the full `lr`.
    timescale : float > 0, optional
        Updates after which the rate has fallen by sqrt(2); `warmup_steps` if left out, or 10000
        where that is 0.

    Notes
    -----
    Hugging Face's `get_inverse_sqrt_schedule`, whose ramp is `t / warmup_steps`, so that its first
    update has a rate of 0. The schedule of the Transformer paper ("Noam") falls one update earlier:
    `Linear(0, lr, n).then(InverseSqrt(lr, 0, timescale=n), at=n).shift(-1)`, where `lr` is
    `1 / sqrt(d_model * n)`.

    References
    ----------
    Vaswani et al. (2017), "Attention Is All You Need", section 5.3.

    >>> InverseSqrt(1.0, warmup_steps=4)([0, 1, 2, 3, 4, 16, 64])
    array([0.25, 0.5 , 0.75, 1.  , 1.  , 0.5 , 0.25])
    """

    lr: NonNegative
    warmup_steps: Natural
    _: KW_ONLY
    timescale: Positive | None = None

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.split(t, self.warmup_steps, self._climb, self._fall)

    def _climb(self, t: Number, m: Maths[Number]) -> Number:
        return ramp(self.lr, self.warmup_steps, t, m)

    def _fall(self, t: Number, m: Maths[Number]) -> Number:
        scale = self.timescale or self.warmup_steps or 10_000
        return m.power(self.lr, scale / (t - self.warmup_steps + scale), 0.5)

    def _length(self) -> int | None:
        return 0 if self.lr == 0 else None

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr, max(steps // 20, 1))


@final
@frozen
class WSD(Schedule, pure=True):
    """Warm up, stay at `peak`, decay to `end`: a trapezoid, if `shape` is "linear".

    `peak * (t + 1) / warmup_steps`, then `peak`, then `end + (peak - end) * s(x)` where x goes from
    0 to 1 in `decay_steps` updates and s is `1 - sqrt(x)`, `1 - x` or `(1 + cos(pi * x)) / 2`.

    Parameters
    ----------
    peak : float >= 0
    warmup_steps, stable_steps, decay_steps : int >= 0
        Updates of each phase; 0 leaves the phase out. Without a decay the rate stays at `peak`.
    shape : "1-sqrt", "linear" or "cosine"
        Of the decay.
    end : float >= 0
        Reached after `warmup_steps + stable_steps + decay_steps` updates, and held.

    Notes
    -----
    Hugging Face's `get_wsd_schedule` decays along a cosine unless told, to `min_lr_ratio * peak`,
    and its first update has a rate of 0.

    References
    ----------
    Hu et al. (2024), "MiniCPM: Unveiling the Potential of Small Language Models with Scalable
    Training Strategies"; Haegele et al. (2024), "Scaling Laws and Compute-Optimal Training Beyond
    Fixed Training Durations" for `1 - sqrt(x)`.

    >>> WSD(1.0, warmup_steps=2, stable_steps=2, decay_steps=4)(range(9))
    array([0.5       , 1.        , 1.        , 1.        , 1.        ,
           0.5       , 0.29289322, 0.1339746 , 0.        ])
    """

    peak: NonNegative
    _: KW_ONLY
    warmup_steps: Natural
    stable_steps: Natural
    decay_steps: Natural
    shape: Literal["1-sqrt", "linear", "cosine"] = "1-sqrt"
    end: NonNegative = 0.0

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.split(t, self.warmup_steps, self._climb, self._rest)

    def _climb(self, t: Number, m: Maths[Number]) -> Number:
        return ramp(self.peak, self.warmup_steps, t, m)

    def _rest(self, t: Number, m: Maths[Number]) -> Number:
        if self.decay_steps == 0:
            return self.peak + 0.0 * t
        begin = self.warmup_steps + self.stable_steps
        w = m.min(m.max(begin + self.decay_steps - t, 0.0) / self.decay_steps, 1.0)
        if self.shape == "1-sqrt":
            # 1 - sqrt(x) where w = 1 - x, without the cancellation near the end
            w = w / (1.0 + m.power(1.0, 1.0 - w, 0.5))
        elif self.shape == "cosine":
            w = half_cosine(w, m)
        return between(self.end, self.peak, w, m)

    def _length(self) -> int | None:
        if self.decay_steps and self.peak != self.end:
            return self.warmup_steps + self.stable_steps + self.decay_steps
        return max(self.warmup_steps - 1, 0) if self.peak else 0

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        warm, decay = steps // 20, steps // 5
        stable = steps - warm - decay
        return cls(lr, warmup_steps=warm, stable_steps=stable, decay_steps=decay)
