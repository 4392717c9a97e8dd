"""Reduce on plateau: a lower rate when a metric stops improving."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from math import isfinite
from typing import Annotated, ClassVar, Literal, final

from ..checks.arguments import (
    Count,
    Finite,
    Fraction,
    Natural,
    NonNegative,
    Patience,
    Range,
)
from .controller import Follower, State, with_settings


@dataclass(eq=False, repr=False)
class PlateauState(State):
    """Everything that changes in a `ReduceOnPlateau`."""

    scale: Fraction = 1.0
    best: Finite | None = None
    bad: Natural = 0
    cooling: Natural = 0
    reports: tuple[Finite, ...] = ()
    recent: tuple[Finite, ...] = ()


@final
@with_settings
class ReduceOnPlateau(Follower):
    """Multiply the rate by `factor` when `patience` evaluations in a row brought no improvement.

    An evaluation improves if `value < best - margin` (mode "min") or `value > best + margin`
    ("max"), with `margin = max(rel * |best|, abs)`; it becomes `best` then. The first finite one
    always improves, any other is bad. The `patience`-th bad one in a row lowers `scale` to
    `max(scale * factor, min_scale)` and starts `cooldown`; then the count begins anew.

    Parameters
    ----------
    factor : float, 0 < factor < 1
        "Reduce by a factor of 10" is `factor=0.1`.
    patience : int >= 1
        1 lowers the rate at the first bad evaluation.
    mode : "min" or "max"
        Whether a good metric is low or high.
    rel, abs : float >= 0
        The improvement that counts, relative to the size of `best` and absolute: the larger rules.
    cooldown : int >= 0
        Evaluations after a reduction that are not counted as bad; a better one becomes `best`.
    min_lr : float >= 0
        The rate is not lowered below it. `scale` knows no rate: it goes on falling, without effect.
    min_scale : float, 0 to 1
        `scale` is not lowered below it. There `update` goes on as ever, but returns False.
    window : int >= 1
        Judge the mean of the last `window` finite reports, of those there are at the start.
    reference : "best" or "window"
        With "window" an evaluation need not beat `best` if the best of the few before it is worse:
        of the last `patience - window` finite ones, or of the last one if that is none. So a good
        value long ago is not held against a run that improves again: a spike followed by steady
        decrease is no plateau (where `patience > window`).
    on_nan : "bad" or "raise"
        NaN and infinity are bad evaluations and otherwise left out, or a `FloatingPointError`
        that leaves the controller as it was.

    Raises
    ------
    TypeError, ValueError
        For a senseless argument, at construction and when it is assigned later.
    FloatingPointError
        From `update`, with ``on_nan="raise"``.

    Notes
    -----
    Keras and optax count patience the same way, torch waits for one evaluation more. torch and
    optax never reduce on a negative metric; here it may have either sign. Keras takes a NaN for
    `best`, and then reduces for ever. `patience=0`, which optax inverts, is refused: use 1.
    docs/guide/controllers.md has their traces side by side.

    Examples
    --------
    >>> import lrcore as lrc
    >>> plateau = lrc.ReduceOnPlateau(factor=0.5, patience=2)
    >>> [plateau.update(loss) for loss in (1.0, 0.5, 0.5, 0.5)]
    [False, False, False, True]
    >>> plateau.rate(0.1)
    0.05
    """

    factor: Annotated[float, Range(float, 0, 1, open="both")] = 0.1
    patience: Patience = 10
    _: KW_ONLY
    mode: Literal["min", "max"] = "min"
    rel: NonNegative = 1e-4
    abs: NonNegative = 0.0
    cooldown: Natural = 0
    min_lr: NonNegative = 0.0
    min_scale: Annotated[float, Range(float, 0, 1)] = 0.0
    window: Count = 1
    reference: Literal["best", "window"] = "best"
    on_nan: Literal["bad", "raise"] = "bad"

    _State: ClassVar = PlateauState

    @property
    def best(self) -> float | None:
        """The last value that was an improvement; None before the first."""
        best: float | None = self._state.best
        return best

    def _follow(self, state: PlateauState, value: float, grads: object) -> tuple[bool, None]:
        finite = isfinite(value)
        if self.on_nan == "raise" and not finite:
            raise FloatingPointError(f"ReduceOnPlateau: value must be finite, got {value!r}")
        improved = finite and self._improves(state, self._mean(state, value))
        state.bad = 0 if improved else state.bad + 1
        return self._lower(state), None

    def _mean(self, state: PlateauState, value: float) -> float:
        reports = (*state.reports, value)[-self.window :]
        state.reports = reports
        mean = sum(report / len(reports) for report in reports)
        # rounding must not make the mean of equal reports an improvement on them
        return min(max(mean, min(reports)), max(reports))

    def _improves(self, state: PlateauState, value: float) -> bool:
        sign = 1.0 if self.mode == "min" else -1.0
        memory = max(self.patience - self.window, 1)
        improves = state.best is None
        if state.best is not None:
            target = sign * state.best
            recent = [sign * value for value in state.recent[-memory:]]
            target = max(target, min(recent, default=target))
            margin = max(self.rel * abs(target), self.abs)
            improves = sign * value < target - margin
        if improves:
            state.best = value
        if self.reference == "window":
            state.recent = (*state.recent, value)[-memory:]
        return improves

    def _lower(self, state: PlateauState) -> bool:
        if state.cooling > 0:
            state.cooling -= 1
            state.bad = 0
        if state.bad < self.patience:
            return False
        state.bad = 0
        state.cooling = self.cooldown
        before = state.scale
        state.scale = min(before, max(before * self.factor, self.min_scale))
        return state.scale < before
