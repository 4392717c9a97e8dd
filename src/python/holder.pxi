# Part of _core.pyx: what an optimizer is attached to, and how that is replaced.

@cython.final
cdef class Tally:
    """A count that others may look at without holding on to who counts."""

    cdef object __weakref__
    cdef readonly long long n


cdef enum Between:
    NOTHING, MEASURED, EVALUATED


cdef class Holder(Serial):
    """What an optimizer is attached to, and the numbers that live from step to step."""

    cdef Job _job
    cdef list _rates, _dynamic, _controllers
    cdef object _default_threads
    cdef Observer _observer    # or None
    cdef list _bound           # the gradients of bind(), in the order of the parameters
    cdef double _lr_scale, _clip_norm, _clip_value, _sign, _next_lr
    cdef readonly Cell _cell   # for what Python knows of it
    cdef readonly object _watcher  # who observes
    cdef readonly object _imposed  # the rate of all updates while one is tried out, or None
    cdef int _nonfinite, _threads
    cdef Between _between      # what is under way from one call to another
    cdef readonly double last_lr
    cdef readonly long long t, skipped
    cdef readonly long long pending  # gradients that wait for their update
    cdef long long _accumulate       # of each update
    cdef readonly Tally _refusals  # updates that gradients which are not finite have prevented

    def __cinit__(self, *_, **__):
        self._refusals = Tally()
        self._cell = Cell()
        self._lr_scale = self._sign = self._accumulate = 1
        self._clip_norm = self._clip_value = INFINITY
        self.last_lr = np.nan
        self._controllers = []

    def _prepare(
        self,
        list rates,
        list recipes,
        list tensors,
        tuple trees,
        params,
        list leaves,
        list scalars,
        dict common,
        *,
        bint keep_bound=False,
    ):
        """What `commit` attaches to. rates: (Hyper, scale) for each parameter group; recipes:
        (rule, dtype, rate, a Hyper for each of the rule's but the rate, that of l2, `Weights` of an
        average or None, the norm that each gradient may have); tensors, trees, params, leaves: see
        Job; scalars: carried and applied ones of each tensor, by name; common: the options that all
        share."""
        cdef Job job = Job(recipes, tensors, trees, params, leaves)
        cdef Attachment new = Attachment(**common)
        cdef list dynamic = [], of_rate = [[] for _ in rates]
        job.norm = new.clip_norm < INFINITY or job.each
        job.sums = job.sums or job.norm
        for i, (_, dtype, index, hypers, l2, weights, _) in enumerate(recipes):
            of_rate[index].append(i)
            for k, hyper in enumerate(hypers, 1):
                _assign(&job.c.recipes[i].hyper[k], hyper, dtype, dynamic)
            _assign(&job.c.recipes[i].l2, l2, dtype, dynamic)
            if weights is not None and weights.decay is not None:  # the gain alone is narrowed
                _assign(&job.c.recipes[i].average.decay, weights.decay, LRC_FLOAT64, dynamic)
        if self._observer is not None:
            new.observer = self._observer.grown(job)
        job.set_scalars(
            [recipe[0] for recipe in recipes],
            [carried for carried, _ in scalars],
            [applied for _, applied in scalars],
        )
        new.stepper, new.job, new.dynamic = self, job, dynamic
        new.rates = _rates(rates, of_rate)
        if keep_bound and self._bound is not None:
            bound = dict(zip(self._job.names, self._bound))
            if all([name in bound for name in job.names]):
                new.bound = [bound[name] for name in job.names]
        new.t, new.skipped, new.pending = self.t, self.skipped, self.pending
        new.last_lr, new.lr_scale = self.last_lr, self._lr_scale
        return new

    def _prepare_rates(self, list rates):
        """The same where only the rates are others."""
        cdef Attachment new = Attachment.__new__(Attachment)
        cdef Rate rate
        new.stepper, new.rates = self, _rates(rates, [rate.recipes for rate in self._rates])
        return new

    cdef void _switch(self, Attachment new) noexcept:
        """Attaches to what is new, and leaves there what was before, to be let go of later."""
        self._rates, new.rates = new.rates, self._rates
        if new.job is None:
            return
        self._job, new.job = new.job, self._job
        self._dynamic, new.dynamic = new.dynamic, self._dynamic
        self._observer, new.observer = new.observer, self._observer
        self._bound, new.bound = new.bound, self._bound
        self._controllers, new.controllers = new.controllers, self._controllers
        self._default_threads, new.default_threads = new.default_threads, self._default_threads
        self._threads = new.threads
        self._clip_norm, self._clip_value = new.clip_norm, new.clip_value
        self._sign, self._nonfinite = new.sign, new.nonfinite
        self.t, self.skipped, self.pending = new.t, new.skipped, new.pending
        self._accumulate = new.accumulate
        self.last_lr, self._lr_scale = new.last_lr, new.lr_scale

    def _observe(self, every, Py_ssize_t keep, watcher=None):
        """Observe two of `every` updates from now on, or none if that is None."""
        self._watcher = watcher
        self._observer = None if every is None else Observer(self._job, self.t, every, keep)

    def _observed(self):
        """What `Observer.contents` gives, or None."""
        return None if self._observer is None else self._observer.contents()

    def _get_carried(self, rules):
        return self._job.carried(rules)

    def _get_applied(self, rules):
        return self._job.applied(rules)

    def _is_attached(self):
        return self._job is not None

    def _check_replaced(self):
        self._job.check_replaced()
