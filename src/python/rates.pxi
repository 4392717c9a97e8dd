# Part of _core.pyx: hyperparameters that are functions of the update index.

cdef enum:
    AHEAD = 512   # values at once: a schedule takes 5 to 30 us a call and 10 to 150 ns a value


EPS = ("eps", "eps_root")   # a zero gradient must not be divided by what rounds to zero


@cython.final
cdef class Function:
    """A function of the update index. Values of a schedule that is pure are computed ahead."""

    cdef object call
    cdef str name
    cdef double high
    cdef bint pure
    cdef long long first
    cdef cnp.ndarray values    # from first on

    def __init__(self, call, str name):
        from . import algebra  # which needs the functions of this module

        self.call, self.name = call, name
        self.high = arguments.range_of(arguments.SCHEDULABLE[name]).high
        self.pure = isinstance(call, algebra.Schedule) and call._is_pure
        self.first = -AHEAD

    cdef double at(self, long long t) except? -1:
        """The value at t, checked: at least 0 and below high, or else as the argument is."""
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
        return arguments.checked(
            f"the schedule at update {t}", self.name, given, arguments.SCHEDULABLE[self.name]
        )


@cython.final
cdef class Rate:
    """The rate of one parameter group: a number or a function of the update index."""

    cdef Function function
    cdef double constant, scale
    cdef list groups           # of the job

    cdef int assign(self, value) except -1:
        if callable(value):
            self.function = Function(value, "lr")
        else:
            self.function, self.constant = None, value
        return 0


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

    cdef Function function
    cdef bint narrow           # to be checked as float32
    cdef double* target


cdef int _assign(double* target, value, str name, int dtype, list dynamic) except -1:
    cdef Dynamic entry
    cdef bint narrow = dtype == LRC_FLOAT32 and (
        name in EPS or arguments.SCHEDULABLE.get(name) is arguments.Decay
    )
    if not callable(value):
        target[0] = _narrowed(value, name) if narrow else value
        return 0
    entry = Dynamic()
    entry.function, entry.narrow, entry.target = Function(value, name), narrow, target
    dynamic.append(entry)
    return 0


cdef double _narrowed(double value, str name) except -1:
    """A decay or eps, having checked that a float32 array can hold it."""
    if name in EPS:
        if value > 0 and <float>value == 0:
            raise ValueError(f"{name}={value!r} is 0 when rounded to the parameters' float32")
    elif <float>value >= 1:
        raise ValueError(f"{name}={value!r} is 1 when rounded to the parameters' float32")
    return value
