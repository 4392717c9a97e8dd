# Part of _core.pyx: what a Stepper is going to be bound to, made before anything changes.

@cython.final
cdef class Cell:
    """A place for one frozen record, where only `commit` puts another."""

    cdef object held

    def __init__(self, value=None):
        self.held = value

    @property
    def value(self):
        with cython.critical_section(self):
            return self.held


cdef enum Policy:
    RAISE, SKIP, ALLOW


POLICIES = ("raise", "skip", "allow")


@cython.final
cdef class Attachment:
    """What a Stepper is going to be bound to, and the options that all parameters share."""

    cdef Holder stepper
    cdef Job job               # None where only rates are others
    cdef list rates, dynamic, bound, controllers
    cdef Observer observer
    cdef object default_threads
    cdef double clip_norm, clip_value, sign
    cdef int nonfinite, threads
    cdef double last_lr, lr_scale
    cdef long long t, skipped, accumulate, pending
    cdef readonly bint done    # by `commit`

    def __init__(
        self,
        *,
        double clip_norm,
        double clip_value,
        bint maximize,
        long long accumulate,
        str nonfinite,
        list controllers,
        int num_threads,
        default_threads,
    ):
        """num_threads: 0 for what default_threads gives at a step that is large."""
        self.threads, self.default_threads = num_threads, default_threads
        self.controllers = controllers
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.accumulate = accumulate
        self.sign = -1 if maximize else 1
        self.nonfinite = POLICIES.index(nonfinite)

    def go_back(
        self,
        *,
        long long t,
        long long skipped,
        long long pending,
        double last_lr,
        double lr_scale,
    ):
        """Lets the numbers be those of a state."""
        self.t, self.skipped, self.pending = t, skipped, pending
        self.last_lr, self.lr_scale = last_lr, lr_scale
