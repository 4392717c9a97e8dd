"""Loops that end between two iterations when the process is asked to stop: Ctrl-C, SIGTERM."""

from __future__ import annotations

import signal
import threading
from contextlib import AbstractContextManager
from types import FrameType, TracebackType
from typing import Any, Final, NoReturn, final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@final
class Stop:
    """Whether the process was asked to stop: false at first, true from the first signal on.

    Attributes
    ----------
    signal : signal.Signals or None
        The first signal that asked for it, `SIGINT` or `SIGTERM`; None before.
    """

    __slots__ = ("signal",)

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __bool__(self) -> bool:
        return self.signal is not None

    def __repr__(self) -> str:
        return f"<Stop: {'not asked' if self.signal is None else self.signal.name}>"


def stoppable() -> AbstractContextManager[Stop]:
    """A loop in this block can be stopped between two iterations, by Ctrl-C or SIGTERM.

    The first Ctrl-C (SIGINT) makes the `stop` of ``with stoppable() as stop`` true, and nothing
    else; a second one raises KeyboardInterrupt at once. So does SIGTERM, the signal of schedulers
    and containers, whose second one does what it would have done outside; each kind is counted by
    itself. At the end of the block
    the handlers from before are back, whatever happens, and the program goes on: `stop.signal`
    tells what it was. Save inside of the block, where a second signal is needed to break that off.

    A signal that was ignored stays ignored, and one whose handler Python did not install is left
    alone. Of blocks inside of one another all are told.

    Returns
    -------
    context manager
        Entering it gives the `Stop`, which other threads may read too.

    Raises
    ------
    RuntimeError
        When it is entered in another than the main thread, which alone hears of signals, or twice.

    Notes
    -----
    A call that waits, for data or for another process, goes on waiting: only a second Ctrl-C ends
    it. asyncio treats the two in the same way.

    Examples
    --------
    >>> import signal
    >>> import numpy as np, lrcore as lrc
    >>> w = np.ones(3)
    >>> opt = lrc.SGD(w, lr=0.1)
    >>> with lrc.stoppable() as stop:
    ...     while opt.t < 1000 and not stop:
    ...         _ = opt.step(w)
    ...         if opt.t == 5:
    ...             signal.raise_signal(signal.SIGTERM)  # as a scheduler does
    >>> opt.t, stop.signal.name
    (5, 'SIGTERM')
    """
    return _Listening()


@final
class _Listening:
    """What `stoppable` gives; `_hear` is the handler meanwhile."""

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._heard: set[int] = set()
        self._late: int | None = None  # a second signal, while handlers are put back
        self._around: _Listening | None = None
        self._stop = Stop()
        self._entered = False

    def __enter__(self) -> Stop:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(
                "stoppable: signals come to the main thread alone; enter it there, and hand the "
                "stop that it gives to other threads"
            )
        if self._entered:
            raise RuntimeError("stoppable: this one was entered before; call stoppable() anew")
        self._entered = True
        self._join_those_around()
        try:
            for number in SIGNALS:
                before = signal.getsignal(number)
                # None is a handler that is not from Python, which could not put it back
                if before is not None and before is not signal.SIG_IGN:
                    self._before[number] = before
                    signal.signal(number, self._hear)
        except BaseException:  # of a handler from before
            self.__exit__(None, None, None)
            raise
        return self._stop

    def __bool__(self) -> NoReturn:
        raise TypeError("stoppable: write `with lrcore.stoppable() as stop`, and ask that stop")

    def _join_those_around(self) -> None:
        for number in SIGNALS:
            around = getattr(signal.getsignal(number), "__self__", None)
            if isinstance(around, _Listening):
                self._around = around
                self._heard |= around._heard
                self._stop.signal = around._stop.signal

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        try:  # a handler that is back may raise before the next one is
            if signal.SIGTERM in self._before:
                signal.signal(signal.SIGTERM, self._before[signal.SIGTERM])
        finally:
            if signal.SIGINT in self._before:
                try:
                    signal.signal(signal.SIGINT, self._before[signal.SIGINT])
                except BaseException:  # of SIGTERM's, which signal.signal lets in first
                    signal.signal(signal.SIGINT, self._before[signal.SIGINT])
                    raise
        if self._late is not None:
            signal.raise_signal(self._late)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if number not in self._heard:
            self._tell(signal.Signals(number))
        elif self._is_leaving(frame):
            self._late = number
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            self._as_before(signal.Signals(number), frame)

    def _tell(self, number: signal.Signals) -> None:
        listening: _Listening | None = self
        while listening is not None:
            listening._heard.add(number)
            listening._stop.signal = listening._stop.signal or number
            listening = listening._around

    def _is_leaving(self, frame: FrameType | None) -> bool:
        """Whether this block is in `__exit__`, which has to get to its end."""
        while frame is not None:
            if frame.f_code is _Listening.__exit__.__code__ and frame.f_locals["self"] is self:
                return True
            frame = frame.f_back
        return False

    def _as_before(self, number: signal.Signals, frame: FrameType | None) -> None:
        before = self._before[number]
        if callable(before):
            before(number, frame)
        else:  # what the system does, which ends the process
            signal.signal(number, before)
            signal.raise_signal(number)
