# Part of _core.pyx: what a Stepper is going to be bound to, made before anything changes.

cdef enum Policy:
    RAISE, SKIP, ALLOW


POLICIES = ("raise", "skip", "allow")


@cython.final
cdef class Attachment:
    """What a Stepper is going to be bound to, and the options that all parameters share."""

    cdef Job job
    cdef list rates, dynamic, bound, controllers
    cdef Observer observer
    cdef object default_threads
    cdef double clip_norm, clip_value, sign
    cdef int nonfinite, threads

    def __init__(
        self,
        *,
        double clip_norm,
        double clip_value,
        bint maximize,
        str nonfinite,
        list controllers,
        int num_threads,
        default_threads,
    ):
        """num_threads: 0 for what default_threads gives at a step that is large."""
        self.threads, self.default_threads = num_threads, default_threads
        self.controllers = controllers
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.sign = -1 if maximize else 1
        self.nonfinite = POLICIES.index(nonfinite)
