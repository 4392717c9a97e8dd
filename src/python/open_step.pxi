# Part of _core.pyx: a step that stops between its norm and its update.


def joint_norm(partials):
    """The norm times a power of two, and that power, as a step takes them. partials: from a factor
    to the sums that `OpenStep.partials` gives of it, of all chunks there are, in their order."""
    cdef double factor = 1, total = _in_turn(partials(1.0))
    if total < LRC_SMALL_SUM:
        factor = LRC_ENLARGE
    elif not isfinite(total):
        factor = 1 / LRC_ENLARGE
    if factor != 1:
        total = _in_turn(partials(factor))
    return libm.sqrt(total), factor


cdef double _in_turn(cnp.ndarray sums) except? -1:
    cdef double total = 0
    cdef const double* x
    sums = np.ascontiguousarray(sums, np.float64)
    x = <const double*>cnp.PyArray_DATA(sums)
    for i in range(cnp.PyArray_SIZE(sums)):
        total += x[i]
    return total


@cython.final
cdef class OpenStep:
    """A step in two halves: `with OpenStep(opt, grads) as step:` takes rates and gradients, and
    `step.apply` makes the update. In between other processes may be asked for the partial sums of
    theirs, and no other step starts. A block that ends without `apply` has changed nothing."""

    cdef Stepper stepper
    cdef object grads, lr
    cdef bint open, kept

    def __init__(self, Stepper stepper, grads=None, *, lr=None):
        self.stepper, self.grads, self.lr = stepper, grads, lr

    def __enter__(self):
        cdef Stepper s = self.stepper
        lr = self.lr
        if lr is not None:
            lr = arguments.checked("OpenStep", "lr", lr, arguments.NonNegative)
            self.stepper._check_rate("the lr of one step")
        s._begin()
        try:
            if s._accumulate > 1:
                raise RuntimeError(
                    f"a step in two halves takes all gradients of its update: accumulate is "
                    f"{s._accumulate}; add up gradients before it, with accumulate=1"
                )
            if s._job is not None:
                s._job.sums = True
            s._step(self.grads, lr, FIRST, None)
            self.open, s._between = True, MEASURED
            self.kept = self.grads is None
        finally:
            self._restore()
            s._leave()
        return self

    cdef int _restore(self) except -1:
        """What only an open step wants, once it is none."""
        cdef Job job = self.stepper._job
        if job is not None and not self.open:
            job.sums = job.norm or job.c.measured != NULL
            job.drop()
        return 0

    cdef int _resume(self) except -1:
        """Enters again; arrays may have been moved meanwhile."""
        self.stepper._enter()
        try:
            if not self.open:
                raise RuntimeError("this step is not open: it was applied, or its block was left")
            self.stepper._job.point(self.kept)
        except BaseException:
            self.stepper._leave()
            raise
        return 0

    def partials(self, double factor=1.0):
        """For each chunk of the gradients the sum of the squares of factor times its elements."""
        cdef lrc_job* c
        self._resume()
        try:
            c = &self.stepper._job.c
            found = np.empty(c.n_chunks)
            with nogil:
                lrc_squares(c, factor)
            for i in range(c.n_chunks):
                found[i] = c.partial[i]
            return found
        finally:
            self.stepper._leave()

    def apply(self, norm=None, double factor=1.0):
        """Makes the update, as `step` does. norm: of all gradients, what `joint_norm` gives with
        its factor; by default that of the optimizer's own."""
        cdef Stepper s = self.stepper
        cdef bint finite
        cdef double given = NAN if norm is None else norm
        self._resume()
        try:
            if norm is None:
                finite = s._gradients_finite()
            else:
                s._job.c.scale, s._job.c.limit, s._job.c.factor = s._sign, s._clip_value, factor
                finite = s._scale_by(given) or s._nonfinite == ALLOW
                if s._job.each:
                    _clip_each(&s._job.c, _norm(&s._job.c))
            return s._step(None, None, SECOND, None) if finite else s._leave_out(None)
        finally:
            self._close()
            s._leave()

    cdef int _close(self) except -1:
        self.open, self.stepper._between = False, NOTHING
        return self._restore()

    def __exit__(self, *error):
        if self.open:
            self.stepper._enter()
            try:
                self._close()
            finally:
                self.stepper._leave()
