# Part of _core.pyx: one update from rates and gradients to step.c, and what is changed between two.

cdef enum Half:
    BOTH, FIRST, SECOND


# Why no step starts, and nothing that it would disturb.
cdef tuple _REASONS = (
    "",
    "a measured step is open: apply it or leave its block first",
    "inside of eval_params the parameters hold what is evaluated: leave its block first",
)


cdef class Stepper(Holder):
    """Resolves rates and hyperparameters and applies one update to all arrays at once."""

    cdef double _rate_at(self, Rate rate) except -1:
        cdef Hyper hyper = rate.hyper  # its own code may replace that of the rate
        cdef double lr = hyper.number
        if hyper.call is not None:
            lr = hyper.at(self.t)
        lr *= rate.scale * self._lr_scale
        if self._controllers:
            lr = controlled(self._controllers, lr)
        return lr

    cdef int _resolve(self, lr) except -1:
        """Rates and hyperparameters of the next update, from the user's schedules."""
        cdef Rate rate
        cdef Dynamic dynamic
        cdef Hyper hyper
        cdef double value, first = NAN
        cdef size_t k
        if lr is None:
            lr = self._imposed
        for rate in self._rates:
            value = self._rate_at(rate) if lr is None else <double>lr * rate.scale
            if not 0 <= value < INFINITY:
                raise ValueError(f"the rate of update {self.t} would be {value}")
            for k in rate.recipes:
                self._job.c.recipes[k].hyper[0] = value
            if first != first:
                first = value
        for dynamic in self._dynamic:
            hyper = dynamic.hyper
            value = hyper.at(self.t)
            dynamic.target[0] = hyper.narrowed(value) if dynamic.narrow else value
        self._next_lr = first
        return 0

    cdef bint _gradients_finite(self):
        """Sets the job's scales and tells whether the gradients may be used."""
        cdef lrc_job* c = &self._job.c
        cdef bint finite = True
        c.scale, c.limit = self._sign, self._clip_value
        if self._job.norm:
            finite = self._clip(_norm(c))
        elif self._nonfinite != ALLOW:
            finite = _finite(c)
        return finite or self._nonfinite == ALLOW

    cdef inline bint _clip(self, double norm) noexcept:
        """Clips gradients of this norm, which is times the job's factor; False if it is none."""
        cdef bint finite = self._scale_by(norm)
        if self._job.each:
            _clip_each(&self._job.c, norm)
        return finite

    cdef inline bint _scale_by(self, double norm) noexcept:
        cdef lrc_job* c = &self._job.c
        if isfinite(norm) and norm > self._clip_norm * c.factor:
            c.scale *= self._clip_norm * c.factor / norm
        return isfinite(norm)

    cdef inline int _begin(self, bint reading=False) except -1:
        """Enters, unless a step has been measured and not applied, or the parameters hold what is
        evaluated, of which those who read the state need not know."""
        self._enter()
        if self._between != NOTHING and not (reading and self._between == EVALUATED):
            self._leave()
            raise RuntimeError(_REASONS[self._between])
        return 0

    def _alone(self, function, *, bint reading=False):
        """Calls function while no step is under way."""
        self._begin(reading)
        try:
            return function()
        finally:
            self._leave()

    def _next_rate(self, Py_ssize_t group):
        cdef bint entered = self._enter_from_anywhere()
        cdef Rate rate
        try:
            rate = self._rates[group]
            return self._rate_at(rate) if self._imposed is None else self._imposed * rate.scale
        finally:
            if entered:
                self._leave()

    def _impose(self, rate):
        """Use this rate, as if every step were given it, until it is None.

        A trial has no reason to raise: gradients that are not finite are left out meanwhile.
        """
        if rate is not None:
            self._check_rate("a rate for a trial")
        cdef bint entered = self._enter_from_anywhere()
        self._imposed = rate
        if entered:
            self._leave()

    @property
    def lr_scale(self):
        """A factor on every rate, 1 unless assigned."""
        return self._lr_scale

    @lr_scale.setter
    def lr_scale(self, value):
        cdef double scale = arguments.checked(
            type(self).__name__, "lr_scale", value, arguments.NonNegative
        )
        if scale != 1:
            self._check_rate("lr_scale")
        cdef bint entered = self._enter_from_anywhere()
        self._lr_scale = scale
        if entered:
            self._leave()

    def step(self, grads=None, *, lr=None):
        """Apply one update to all parameters, or none.

        Parameters
        ----------
        grads : optional
            Gradients in the structure of the parameters; with groups, one entry for each. Anything
            that NumPy takes for a real array of the parameter's shape. Not needed after `bind`.
        lr : float, optional
            The rate of this update alone, in the place of the schedule, `lr_scale` and the
            controllers; the `lr_scale` of a group still applies.

        Returns
        -------
        bool
            True if the update was applied, False if it was left out (``nonfinite="skip"``), or if
            the gradients wait for those of other calls (``accumulate=k``).

        Raises
        ------
        TypeError, ValueError
            For gradients or rates that are not accepted, naming the array or argument.
        FloatingPointError
            For NaN or infinity among the gradients, with ``nonfinite="raise"``.
        RuntimeError
            Without gradients, or from a callback of the same optimizer.

        Notes
        -----
        Whatever is raised, nothing has been changed.
        """
        if lr is not None:
            lr = arguments.checked("step", "lr", lr, arguments.NonNegative)
            self._check_rate("the lr of one step")
        self._begin()
        try:
            return self._step(grads, lr, BOTH, None)
        finally:
            self._leave()

    def _step_rows(self, list given, list dense, lr):
        """An update of some rows, for whoever is inside already. given: for each tensor its rows,
        as `RowUpdate` wants them, or None; dense: the gradients of the others."""
        cdef RowUpdate rows
        if self._job.rows is None:
            self._job.rows = RowUpdate(self._job)
        rows = self._job.rows
        try:
            rows.take(self._job, given)
            return self._step(dense, lr, BOTH, rows)
        finally:
            rows.leave(self._job)

    cdef bint _step(self, grads, lr, Half half, RowUpdate rows) except -1:
        """All of a step, or a half: the first takes rates and gradients, the second makes the
        update. rows: what `_step_rows` has taken, or None."""
        cdef Job job = self._job
        cdef lrc_job* c
        cdef int most = 1  # threads
        cdef size_t elements
        if job is None:
            raise RuntimeError("step() before the optimizer was initialised")
        c = &job.c
        try:
            if half != SECOND:
                if grads is None and self._bound is None and c.n_tensors > 0:
                    raise RuntimeError("step() without gradients: give them, or bind(grads) first")
                c.threads = 1
                elements = c.elements if rows is None else rows.elements
                if elements >= THREAD_ELEMENTS:
                    most = self._threads or self._default_threads()
                if most > 1:  # workers wake up during the checks
                    most = min(most, <int>(elements // LRC_CHUNK))
                    c.threads = lrc_pool_expect(most, elements >= WAKE_ELEMENTS)
                if self.pending + 1 >= self._accumulate:
                    self._resolve(lr)
                job.check_replaced()
                if rows is not None:
                    job.refetch(grads)
                elif grads is not None:
                    job.fetch(grads)
                elif c.n_tensors > 0:
                    job.refetch(self._bound)
                job.point(grads is None)
                if half == FIRST:
                    return True
                if rows is not None:
                    rows.join(job)
                if self._accumulate == 1:
                    if not self._gradients_finite():
                        return self._leave_out(rows)
                elif not _gathers(job, self.pending, self._nonfinite == ALLOW):
                    return self._leave_out(rows)
                elif self.pending + 1 < self._accumulate:
                    _gather(c, 1)
                    self.pending += 1
                    return False
            if not lrc_fold(c):
                self._raise_unrepresentable()
            if self._accumulate > 1:
                self._take_gathered()
            c.observer = NULL
            if rows is None and self._observer is not None and self._observer.due(self.t):
                c.observer = &self._observer.observer
            _apply(c)
        finally:
            if most > 1:
                lrc_pool_dismiss()
            if half != FIRST:
                job.drop()
        if c.observer != NULL:
            self._observer.collect(c, self.t)
        self.last_lr = self._next_lr
        self.t += 1
        self.pending = 0
        return True

    cdef int _take_gathered(self) except -1:
        """Puts the mean of all gradients, which are finite or may be anything, in their place."""
        cdef Job job = self._job
        _gather(&job.c, <double>self._accumulate)
        _point_at_gathered(job)
        job.c.scale, job.c.limit = self._sign, self._clip_value
        if job.norm:
            self._clip(_norm(&job.c))
        return 0

    cdef bint _leave_out(self, RowUpdate rows) except -1:
        """An update whose gradients are not finite."""
        cdef Job job = self._job
        self._refusals.n += 1
        if self._nonfinite == RAISE and self._imposed is None:
            if rows is not None:
                rows.show(job)
            parameters.raise_nonfinite(
                job.gradients, job.parameters, job.names, job.gathered if self.pending else None
            )
        self.skipped += 1
        return False

    cdef list _rates_of_recipes(self):
        cdef list rates = [None] * self._job.c.n_recipes
        for i in range(self._job.c.n_recipes):
            rates[i] = self._job.c.recipes[i].hyper[0]
        return rates

    cdef _raise_unrepresentable(self):
        rates = ", ".join(map(str, self._rates_of_recipes()))
        raise ValueError(
            f"update {self.t}: a rate ({rates}), decay or eps is out of the "
            "range of its parameters' dtype"
        )

    def bind(self, grads):
        """Fix the gradient arrays: from then on `step()` reads these, and takes no argument.

        Parameters
        ----------
        grads
            float32 or float64 arrays in the structure of the parameters. They are kept, and must
            not overlap parameters or state.

        Raises
        ------
        TypeError, ValueError
            For gradients that cannot be kept; those bound before stay bound.
        """
        cdef Job job
        self._begin()
        try:
            job = self._job
            if job is None:
                raise RuntimeError("bind() before the optimizer was initialised")
            job.check_replaced()
            try:
                job.fetch(grads)
                bound = list(job.gradients)
                job.point(True)
                self._bound = bound
            finally:
                job.drop()
        finally:
            self._leave()
