# Part of _core.pyx: the loops of the floor below, without the GIL where they are long.

# Releasing the GIL costs about 50 ns, a step over this many elements some microseconds.
cdef size_t GIL_ELEMENTS = 8192


cdef inline PyThreadState* _let_others(size_t elements) noexcept:
    """Lets go of the GIL for work on so many elements, if that is worth it; `_go_on` takes it back.
    In between nothing of Python may be touched."""
    return PyEval_SaveThread() if elements >= GIL_ELEMENTS else NULL


cdef inline void _go_on(PyThreadState* state) noexcept:
    if state != NULL:
        PyEval_RestoreThread(state)


cdef inline void _apply(lrc_job* c) noexcept:
    cdef PyThreadState* state = _let_others(c.elements)
    lrc_apply(c)
    _go_on(state)


cdef bint _finite(lrc_job* c) noexcept:
    cdef PyThreadState* state = _let_others(c.elements)
    cdef bint finite = lrc_finite(c)
    _go_on(state)
    return finite


cdef double _norm(lrc_job* c) noexcept:
    cdef PyThreadState* state = _let_others(c.elements)
    cdef double norm = lrc_norm(c)
    _go_on(state)
    return norm


cdef void _clip_each(lrc_job* c, double norm) noexcept:
    cdef PyThreadState* state = _let_others(c.elements)
    lrc_clip_each(c, norm)
    _go_on(state)


cdef bint _sums_finite(lrc_job* c) noexcept:
    """Whether what was gathered stays finite with the gradients of this call."""
    cdef PyThreadState* state = _let_others(c.elements)
    cdef bint finite = lrc_sums_finite(c)
    _go_on(state)
    return finite


cdef void _gather(lrc_job* c, double divisor) noexcept:
    cdef PyThreadState* state = _let_others(c.elements)
    c.divisor = divisor
    lrc_gather(c)
    _go_on(state)
