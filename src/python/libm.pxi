# Part of _core.pyx: functions of the C library, element by element. They are those that Python's
# math module calls, so a float and an element of an array give the same bits; NumPy's are not.

from libc cimport math as libm

ctypedef double (*lrc_function)(double) noexcept nogil


cdef _each(lrc_function function, x):
    cdef cnp.ndarray given = np.ascontiguousarray(x, np.float64)
    cdef cnp.ndarray result = np.empty_like(given)
    cdef const double* source = <const double*>cnp.PyArray_DATA(given)
    cdef double* target = <double*>cnp.PyArray_DATA(result)
    for i in range(cnp.PyArray_SIZE(given)):
        target[i] = function(source[i])
    return result


def each_sin(x):
    """Sine of each element of an array."""
    return _each(libm.sin, x)


def each_exp(x):
    """Exponential function of each element of an array; inf where it overflows."""
    return _each(libm.exp, x)


def each_log1p(x):
    """`log(1 + x)` of each element of an array."""
    return _each(libm.log1p, x)


def each_power(base, n):
    """`base**n` for each element of two arrays or of a number and an array; inf if it overflows."""
    cdef cnp.ndarray x, y, result
    x, y = np.broadcast_arrays(np.asarray(base, np.float64), np.asarray(n, np.float64))
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    result = np.empty_like(x)
    cdef const double* bases = <const double*>cnp.PyArray_DATA(x)
    cdef const double* exponents = <const double*>cnp.PyArray_DATA(y)
    cdef double* target = <double*>cnp.PyArray_DATA(result)
    for i in range(cnp.PyArray_SIZE(result)):
        target[i] = libm.pow(bases[i], exponents[i])
    return result
