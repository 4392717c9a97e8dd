"""Schedules that rise and fall, once or again and again."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, field, replace
from typing import Annotated, Literal, Self, final

from ..checks.arguments import (
    EXACT,
    Fraction,
    Length,
    NonNegative,
    Positive,
    Range,
    check,
    check_fields,
    checked,
)
from .algebra import Schedule
from .maths import Maths, Number, between, half_cosine
from .value import frozen


@final
@frozen
class Cyclical(Schedule, pure=True):
    """From `low` to `high` in `up` updates, back in `down`, and again, at a height that may shrink.

    `low + (high - low) * triangle(t) * s`, where s is 1 ("triangular"), `2**-cycle` ("triangular2",
    cycle 0 first) or `gamma**t` ("exp_range").

    Parameters
    ----------
    low, high : float, 0 <= low <= high
    up : int >= 1
    down : int >= 1, optional
        As `up` if left out.
    mode : "triangular", "triangular2" or "exp_range"
    gamma : float > 0
        For "exp_range" alone; above 1 the peaks grow.

    Notes
    -----
    torch's `CyclicLR(low, high, up, down, mode, gamma)`, which cycles the momentum too unless told
    otherwise. thinc's `cyclic_triangular` is one update ahead. It has no end: nothing is held.

    References
    ----------
    Smith (2017), "Cyclical Learning Rates for Training Neural Networks".

    >>> Cyclical(0.0, 1.0, up=2, mode="triangular2")(range(9))
    array([0.  , 0.5 , 1.  , 0.5 , 0.  , 0.25, 0.5 , 0.25, 0.  ])
    """

    low: NonNegative
    high: NonNegative
    up: Length
    down: Length | None = None
    _: KW_ONLY
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    gamma: Positive = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
        check(self, "high", Annotated[float, Range(float, self.low)])

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        down = self.down or self.up
        period = self.up + down
        here = t % period
        w = m.min(here / self.up, (period - here) / down)
        if self.mode == "triangular2":
            w = m.power(w, 0.5, t // period)
        elif self.mode == "exp_range" and self.gamma <= 1.0:
            w = m.power(w, self.gamma, t)
        elif self.mode == "exp_range":
            return self.low + m.power((self.high - self.low) * w, self.gamma, t)
        return between(self.low, self.high, w, m)

    def _length(self) -> int | None:
        return 0 if self.low == self.high else None

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr / 10, lr, up=max(steps // 8, 1))


@final
@frozen
class CosineWarmRestarts(Schedule, pure=True):
    """Half a cosine from `lr * decay**i` to `end` in cycle i, which has `first * mult**i` updates.

    `end + (lr * decay**i - end) * (1 + cos(pi * x)) / 2`, where x goes from 0 to 1 in each cycle.

    Parameters
    ----------
    lr : float >= 0
        The rate of update 0.
    first : int >= 1
        Updates of the first cycle.
    mult : float >= 1
        Each cycle is `mult` times as long as the one before; it need not be whole.
    decay : float > 0
        Each cycle starts at `decay` times the height of the one before; above 1 the peaks grow.
    end : float >= 0
        What every cycle falls towards; its last update is one short of it.

    Notes
    -----
    torch's `CosineAnnealingWarmRestarts(T_0=first, T_mult=mult, eta_min=end)`, which takes a whole
    `mult` alone, has no `decay`, and restarts one cycle late for some `step(epoch)`: at `T_mult=3`
    and epoch 1210 a logarithm is rounded down. Here cycles of whole length are counted in whole
    numbers, exactly for every t up to 2**53. timm's `CosineLRScheduler` calls them `cycle_mul` and
    `cycle_decay`. Keras's `CosineDecayRestarts` lets `m_mul` shrink the distance to `end`, so that
    the peaks of cycles fall towards `end`, not 0; its `t_mul` is 2 unless given, and its float32
    logarithm is late for some restarts too, as for that at 25 with `first=10` and `mult=1.5`.

    References
    ----------
    Loshchilov & Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts".

    >>> CosineWarmRestarts(1.0, first=2, mult=2, decay=0.5)(range(7))
    array([1.       , 0.5      , 0.5      , 0.4267767, 0.25     , 0.0732233,
           0.25     ])
    """

    lr: NonNegative
    first: Length
    _: KW_ONLY
    mult: Annotated[float, Range(float, 1)] = 1
    decay: Positive = 1.0
    end: NonNegative = 0.0
    _starts: tuple[float, ...] = field(init=False, repr=False, compare=False)
    _lengths: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_fields(self)
        starts, lengths = [0.0], [float(self.first)]
        if self.mult > 1 and self.mult.is_integer():
            # sums and products of whole numbers up to 2**53 are exact
            while starts[-1] + lengths[-1] <= EXACT:
                starts.append(starts[-1] + lengths[-1])
                lengths.append(min(lengths[-1] * self.mult, 1e300))
        object.__setattr__(self, "_starts", tuple(starts))
        object.__setattr__(self, "_lengths", tuple(lengths))

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        cycle, left, length = self._place(t, m)
        w = half_cosine(m.max(left, 0.0) / length, m)
        if self.decay == 1.0:
            return between(self.end, self.lr, w, m)
        return m.times(m.power(self.lr, self.decay, cycle), w) + self.end * (1.0 - w)

    def _place(self, t: Number, m: Maths[Number]) -> tuple[Number, Number, Number | float]:
        """The number of the cycle, how many of its updates are left, and how many it has."""
        if self.mult == 1:
            return t // self.first, self.first - t % self.first, self.first
        if len(self._starts) > 1:
            cycle = m.rank(self._starts, t) - 1
            length = m.item(self._lengths, cycle)
            return cycle, length - (t - m.item(self._starts, cycle)), length
        t = m.min(t, float(EXACT))
        late = t * (1.0 + 1e-12)  # rounding must not delay a start that is a whole number
        growth = self.mult - 1.0
        cycle = m.log1p(late * (growth / self.first)) / math.log1p(growth) // 1.0
        # the logarithm may be rounded over a start
        cycle = cycle + (late >= self._start(cycle + 1.0, m)) - (late < self._start(cycle, m))
        length = m.power(self.first, self.mult, cycle)
        return cycle, length - (t - self._start(cycle, m)), length

    def _start(self, cycle: Number, m: Maths[Number]) -> Number:
        return self.first * (m.power(1.0, self.mult, cycle) - 1.0) / (self.mult - 1.0)

    def _length(self) -> int | None:
        return 0 if self.lr == self.end and (self.lr == 0 or self.decay == 1) else None

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr, max(steps // 7, 1), mult=2)


@final
@frozen
class OneCycle(Schedule, pure=True):
    """Up from `peak / div` to `peak`, then down to `peak / div / final_div`, in `steps` updates.

    The peak is at `pct_start * steps - 1`, the end at `steps - 1`, and held ever after. Between
    them the rate goes along half a cosine, or a line.

    Parameters
    ----------
    peak : float >= 0
    steps : int >= 1
        All updates of the run.
    pct_start : float, 0 <= pct_start <= 1
        The part of them that rises: a fraction, not a percentage.
    div, final_div : float > 0
        The first rate is `peak / div`, the last one that divided by `final_div`.
    anneal : "cos" or "linear"
    three_phase : bool
        Fall to `peak / div` as fast as the rise was, and go on to the end from there.

    Notes
    -----
    torch's `OneCycleLR(max_lr, total_steps)`, update by update, where the rise takes one at least.
    Where `pct_start` is 1, or 1 over `steps`, torch divides by 0; it starts runs of 2 and 3 steps
    at 0.81 and 0.99 of the peak, leaves the end one step after it, and then raises an error. Here
    a rise shorter than one update is left out, so that update 0 has the peak rate; a single update
    has it too; with `pct_start=1` it is reached at the end, and held. Phases that would go on after
    `steps` are cut off there.

    torch cycles the momentum of SGD, or the first beta of Adam, against the rate: `momentum` makes
    that schedule. fastai's `fit_one_cycle` has `pct_start=0.25` and `div_final=div * final_div`.
    The slanted triangle of Howard & Ruder (2018) has `pct_start=0.1`, `div=32`, `final_div=1` and
    `anneal="linear"`.

    References
    ----------
    Smith & Topin (2018), "Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates".

    >>> OneCycle(1.0, steps=10, div=10, final_div=10, anneal="linear")([0, 1, 2, 9, 10])
    array([0.1 , 0.55, 1.  , 0.01, 0.01])
    """

    peak: NonNegative
    steps: Length
    _: KW_ONLY
    pct_start: Fraction = 0.3
    div: Positive = 25.0
    final_div: Positive = 1e4
    anneal: Literal["cos", "linear"] = "cos"
    three_phase: bool = False
    _top: float = field(init=False, repr=False, compare=False)  # when the peak is
    _foot: float = field(init=False, repr=False, compare=False)  # when the fall from it ends
    _low: float = field(init=False, repr=False, compare=False)
    _final: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_fields(self)
        low = self.peak / self.div
        final = low / self.final_div
        if math.isinf(low) or math.isinf(final):
            raise ValueError(
                "OneCycle: peak / div and peak / div / final_div must be finite, got "
                f"{self.peak!r}, {self.div!r} and {self.final_div!r}"
            )
        top = max(self.pct_start * self.steps - 1.0, 0.0)
        foot = 2.0 * top if self.three_phase else self.steps - 1.0
        # a fall of no length would leave no room for the peak
        foot = max(foot, math.nextafter(top, math.inf))
        for name, value in ("_top", top), ("_foot", foot), ("_low", low), ("_final", final):
            object.__setattr__(self, name, value)

    def momentum(self, low: float = 0.85, high: float = 0.95) -> OneCycle:
        """The momentum, or first beta, that goes from `high` to `low` as the rate goes to its peak.

        Parameters
        ----------
        low, high : float, 0 < low <= high < 1

        Notes
        -----
        torch's `OneCycleLR` does this unless told `cycle_momentum=False`.

        >>> import numpy as np, lrcore as lrc
        >>> lr = lrc.OneCycle(0.1, steps=10)
        >>> opt = lrc.SGD(np.zeros(3), lr=lr, momentum=lr.momentum())
        >>> lr.momentum()([0, 2, 9])
        array([0.95, 0.85, 0.95])
        """
        owner = "OneCycle.momentum"
        low = checked(owner, "low", low, Annotated[float, Range(float, 0, 1, open="both")])
        high = checked(owner, "high", high, Annotated[float, Range(float, low, 1, open="high")])
        return replace(self, peak=low, div=low / high, final_div=1.0)

    def _at(self, t: Number, m: Maths[Number]) -> Number:
        return m.split(m.min(t, self.steps - 1.0), self._top, self._rise, self._sink)

    def _rise(self, t: Number, m: Maths[Number]) -> Number:
        return self._along(self._low, self.peak, t / self._top, m)

    def _sink(self, t: Number, m: Maths[Number]) -> Number:
        if self.three_phase:
            return m.split(t, self._foot, self._fall, self._end)
        return self._fall(t, m)

    def _fall(self, t: Number, m: Maths[Number]) -> Number:
        bottom = self._low if self.three_phase else self._final
        x = m.max(self._foot - t, 0.0) / (self._foot - self._top)
        return self._along(bottom, self.peak, x, m)

    def _end(self, t: Number, m: Maths[Number]) -> Number:
        last = self.steps - 1.0
        x = (last - t) / (last - self._foot or 1.0)
        return self._along(self._final, self._low, x, m)

    def _along(self, a: float, b: float, x: Number, m: Maths[Number]) -> Number:
        return between(a, b, half_cosine(x, m) if self.anneal == "cos" else x, m)

    def _length(self) -> int | None:
        last = self.steps - 1.0
        bottom = self._low if self.three_phase else self._final
        ends = [0.0]
        if self._low != self.peak:
            ends.append(self._top)
        if bottom != self.peak and self._top < last:
            ends.append(min(self._foot, last))
        if self._final != bottom and self._foot <= last:
            ends.append(last)
        return math.ceil(max(ends))

    @classmethod
    def _example(cls, lr: float, steps: int) -> Self:
        return cls(lr, steps, pct_start=max(round(0.3 * steps), 1) / steps)  # a whole update
