# Part of _core.pyx: hyperparameters that are functions of the update index.

cdef enum:
    AHEAD = 512   # values at once: a schedule takes 5 to 30 us a call and 10 to 150 ns a value


@cython.final
cdef class Hyper:
    """A hyperparameter: a number or a function of the update index, and what is accepted of its
    values. Those of a function that is pure are computed ahead."""

    cdef str name
    cdef double number
    cdef object call           # the function; None for a number
    cdef object check          # of where a value comes from and itself: the value, or an error
    cdef double high, narrow
    cdef bint pure
    cdef long long first
    cdef cnp.ndarray values    # from first on

    def __init__(self, str name, given, check, *, double high, double narrow, bint pure):
        """high: from 0 to below this a float needs no check; narrow: what no other value may be
        when rounded to float32, NaN for nothing."""
        self.name, self.check, self.high, self.narrow = name, check, high, narrow
        if callable(given):
            self.call, self.pure, self.first = given, pure, -AHEAD
        else:
            self.number = given

    cdef double at(self, long long t) except? -1:
        """The value of the function at t, checked."""
        cdef double value
        if self.pure:
            if not 0 <= t - self.first < AHEAD:
                values = np.array(self.call(np.arange(t, t + AHEAD)), np.float64).reshape(AHEAD)
                self.values, self.first = values, t
            value = (<double*>cnp.PyArray_DATA(self.values))[t - self.first]
            if 0 <= value < self.high:
                return value
        return self._one(t)

    cdef double _one(self, long long t) except? -1:
        given = self.call(t)
        if type(given) is float and 0 <= <double>given < self.high:
            return given
        if isinstance(given, np.ndarray) and given.ndim == 0:
            given = given[()]
        return self.check(f"the schedule at update {t}", given)

    cdef double narrowed(self, double value) except -1:
        """The value, having checked that a float32 array can hold it."""
        if <float>value == self.narrow and value != self.narrow:
            raise ValueError(
                f"{self.name}={value!r} is {self.narrow:g} when rounded to the parameters' float32"
            )
        return value


@cython.final
cdef class Rate:
    """The rate of one parameter group."""

    cdef Hyper hyper
    cdef double scale
    cdef list recipes          # of the job


cpdef double controlled(controllers, double lr) except? -1:
    """lr times the scale of every controller, but not below their min_lr; an lr that is below that
    already is not raised."""
    cdef double scale = 1, floor = 0
    for controller in controllers:
        scale *= <double>controller.scale
    if scale == 1:
        return lr
    for controller in controllers:
        floor = max(floor, <double>controller.min_lr)
    return max(lr * scale, min(lr, floor))


@cython.final
cdef class Dynamic:
    """A hyperparameter that is a function of the update index, and where its value goes."""

    cdef Hyper hyper
    cdef bint narrow           # to be checked as float32
    cdef double* target


cdef int _assign(double* target, Hyper hyper, int dtype, list dynamic) except -1:
    cdef Dynamic entry
    cdef bint narrow = dtype == LRC_FLOAT32
    if hyper.call is None:
        target[0] = hyper.narrowed(hyper.number) if narrow else hyper.number
        return 0
    entry = Dynamic()
    entry.hyper, entry.narrow, entry.target = hyper, narrow, target
    dynamic.append(entry)
    return 0


cdef list _rates(list given, list recipes):
    """given: (Hyper, scale) for each parameter group; recipes: those of each."""
    cdef list made = [None] * len(given)
    cdef Rate rate
    for i in range(len(given)):
        rate = Rate()
        rate.hyper, rate.scale = given[i]
        rate.recipes = recipes[i]
        made[i] = rate
    return made
