"""Early stopping: when a metric no longer improves, and the parameters it was best with."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, Literal, final

from .._core import commit
from ..checks.arguments import Finite, Natural, NonNegative, Patience
from ..checks.arrays import Array
from .controller import Follower, State, with_settings
from .kept import Change, Memory


@dataclass(eq=False, repr=False)
class StopState(State):
    """Everything that changes in an `EarlyStopping`, the best parameters apart."""

    scale: ClassVar[float] = 1.0
    best: Finite | None = None
    best_step: Natural | None = None
    seen: Natural = 0
    wait: Natural = 0
    stop: bool = False


@final
@with_settings
class EarlyStopping(Follower):
    """Say when to stop: after `patience` evaluations in a row without improvement.

    An evaluation improves if ``value < best - min_delta`` (mode "min") or ``value > best +
    min_delta`` ("max"); it becomes `best` then, and the parameters are copied. The first finite one
    always improves. The `patience`-th in a row that does not sets `stop`, and the parameters of the
    best evaluation are put back into their arrays, exact to the bit. The rate is left alone.

    An optimizer tells its `controller` which the parameters are. In a loop without an optimizer
    `bind` does; with no parameters told, nothing is copied or put back.

    Parameters
    ----------
    patience : int >= 1
        1 stops at the first evaluation that does not improve.
    min_delta : float >= 0
        The improvement that counts, in the units of the metric.
    mode : "min" or "max"
        Whether a good metric is low or high.
    restore_best : bool
        Keep a copy of the best parameters (allocated once) and put it back at the stop. A loop that
        ends otherwise calls `restore`.
    baseline : float, optional
        Improvements that do not also beat it become `best`, but do not end the wait.
    start_from : int >= 0
        As many evaluations at the start are left out altogether.

    Raises
    ------
    TypeError, ValueError
        For a senseless argument; in `update`, if the parameters were reshaped or made read-only.

    Notes
    -----
    Keras's rules, with two differences: NaN and infinity are bad evaluations (Keras takes a first
    NaN or an infinity for `best`), and a first evaluation that is one of them can stop a run (Keras
    never stops at its first epoch). Keras puts the best back at the end of `fit`, here it
    happens at the stop. The moments of the optimizer and its `t` stay as they are: go on training
    only with a new optimizer, or from a state saved at the best. Reports after the stop are
    ignored.

    Not a remedy for a noisy metric: the best of many noisy evaluations is partly luck, so hold the
    kept parameters against data that had no part in choosing them.
    Reference: Prechelt 1998, "Early stopping - but when?".

    Examples
    --------
    >>> import numpy as np, lrcore as lrc
    >>> w = np.array([4.0])
    >>> opt = lrc.SGD(w, lr=1.0, controller=lrc.EarlyStopping(patience=2))
    >>> while not opt.controller.stop:
    ...     _ = opt.step(np.ones(1))
    ...     _ = opt.controller.update(float(abs(w[0] - 1.0)), step=opt.t)
    >>> opt.t, opt.controller.best_step, w
    (5, 3, array([1.]))
    """

    patience: Patience = 10
    _: KW_ONLY
    min_delta: NonNegative = 0.0
    mode: Literal["min", "max"] = "min"
    restore_best: bool = True
    baseline: Finite | None = None
    start_from: Natural = 0

    _letters: ClassVar[tuple[str, ...]] = ("best",)
    _State: ClassVar = StopState

    @property
    def stop(self) -> bool:
        """Whether it is time to stop."""
        stop: bool = self._state.stop
        return stop

    @property
    def best(self) -> float | None:
        """The best value; None before the first finite one."""
        best: float | None = self._state.best
        return best

    @property
    def best_step(self) -> int | None:
        """The step reported with `best`, or if there was none its number, counted from 0."""
        best_step: int | None = self._state.best_step
        return best_step

    def restore(self) -> None:
        """Put the best parameters back into their arrays, all or none.

        Raises
        ------
        RuntimeError
            If none are kept.
        ValueError
            If an array was reshaped or made read-only since.
        """
        if self._watched is None or not self._memory.full:
            raise RuntimeError("EarlyStopping: no parameters are kept, so none can be put back")
        back = self._going_back()
        commit([], back.copies)

    def _going_back(self) -> Change:
        copies = []
        for name, array in self._arrays():
            best = self._memory.arrays[name]["best"]
            if array.flags.writeable:
                copies.append((array, best))
            elif array.tobytes() != best.tobytes():
                raise ValueError(f'EarlyStopping: parameter "{name}" is read-only')
        return Change(self._memory, copies)

    def _arrays(self) -> list[tuple[str, Array]]:
        """The parameters by name, checked to be of the kept shapes."""
        if self._watched is None:
            return []
        self._refuse(self._memory.problems(self._watched))
        return list(zip(self._watched.names, self._watched.arrays, strict=True))

    def _follow(self, state: StopState, value: float, grads: object) -> tuple[bool, Change | None]:
        number = state.seen
        state.seen += 1
        if state.stop or number < self.start_from:
            return False, None
        if self._beats(value, state.best):
            state.best = value
            state.best_step = number if state.step is None else state.step
            beaten = self.baseline is None or self._beats(value, self.baseline)
            state.wait = 0 if beaten else state.wait + 1
            return False, self._keeping_best()
        state.wait += 1
        state.stop = state.wait >= self.patience
        if state.stop and self.restore_best and self._memory.full:
            return True, self._going_back()
        return state.stop, None

    def _beats(self, value: float, other: float | None) -> bool:
        if not abs(value) < float("inf"):
            return False
        sign = 1.0 if self.mode == "min" else -1.0
        return other is None or sign * value < sign * other - self.min_delta

    def _keeping_best(self) -> Change:
        self._arrays()
        memory = self._room()
        if self.restore_best and self._watched is not None:
            return memory.keeping(self._watched)
        return Change(Memory(memory.arrays, full=False))
