"""KeyboardInterrupts at every place of a program where one can come."""

import dis


class Interrupter:
    """A tracer that raises KeyboardInterrupt at the n-th such place."""

    def __init__(self, n):
        self.n, self.seen, self.before, self.codes = n, 0, {}, {}

    def __call__(self, frame, event, argument):
        if event == "call":
            frame.f_trace_opcodes = True
        elif event == "opcode" and self.is_place(frame):
            self.seen += 1
            if self.seen == self.n:
                raise KeyboardInterrupt
        return self

    def is_place(self, frame):
        """At the start of a function, after a call and after a jump back."""
        if frame.f_code not in self.codes:  # the property makes a copy each time
            self.codes[frame.f_code] = frame.f_code.co_code
        before = self.before.get(frame, "RESUME")
        self.before[frame] = dis.opname[self.codes[frame.f_code][frame.f_lasti]]
        return before.startswith(("RESUME", "CALL", "JUMP_BACKWARD"))
