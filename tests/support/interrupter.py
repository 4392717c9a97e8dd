"""KeyboardInterrupts at every place of a program where one can come."""

from __future__ import annotations

import dis
from types import CodeType, FrameType
from typing import Any


class Interrupter:
    """A tracer that raises KeyboardInterrupt at the n-th such place."""

    def __init__(self, n: int) -> None:
        self.n, self.seen = n, 0
        self.before: dict[FrameType, str] = {}
        self.codes: dict[CodeType, bytes] = {}

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Interrupter | None:
        if event == "call":
            frame.f_trace_opcodes = True
        elif event == "opcode" and self.is_place(frame):
            self.seen += 1
            if self.seen == self.n:
                raise KeyboardInterrupt
        return self

    def is_place(self, frame: FrameType) -> bool:
        """At the start of a function, after a call and after a jump back."""
        if frame.f_code not in self.codes:  # the property makes a copy each time
            self.codes[frame.f_code] = frame.f_code.co_code
        before = self.before.get(frame, "RESUME")
        self.before[frame] = dis.opname[self.codes[frame.f_code][frame.f_lasti]]
        return before.startswith(("RESUME", "CALL", "JUMP_BACKWARD"))
