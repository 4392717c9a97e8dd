# Part of _core.pyx: arrays as addresses, and what Python asks of them outside of a step.

cdef struct Extent:
    size_t low
    size_t high


cdef int _compare_extents(const void* a, const void* b) noexcept nogil:
    cdef size_t x = (<const Extent*>a).low, y = (<const Extent*>b).low
    return (x > y) - (x < y)


cdef Extent _extent_of(cnp.ndarray array):
    """The bytes between the first and the last element of a non-empty array."""
    cdef size_t low = <size_t>cnp.PyArray_DATA(array), high = low + cnp.PyArray_ITEMSIZE(array)
    cdef Py_ssize_t reach
    for axis in range(cnp.PyArray_NDIM(array)):
        reach = (cnp.PyArray_DIM(array, axis) - 1) * cnp.PyArray_STRIDE(array, axis)
        if reach < 0:
            low += reach
        else:
            high += reach
    return Extent(low, high)


@cython.final
cdef class Storage:
    """Memory for pointers to point into, as long as this lives."""

    cdef list blocks

    def __cinit__(self):
        self.blocks = []

    cdef void* zeros(self, size_t count, size_t size) except NULL:
        cdef cnp.ndarray block = np.zeros(max(count, 1) * size, np.uint8)
        self.blocks.append(block)
        return cnp.PyArray_DATA(block)


def address(cnp.ndarray array):
    """Where its element of index 0 lies; `__array_interface__` crashes where memory is short."""
    return <size_t>cnp.PyArray_DATA(array)


def extent(cnp.ndarray array):
    """The addresses between the first and the last element of a non-empty array."""
    cdef Extent found = _extent_of(array)
    return found.low, found.high


def global_norm(list arrays):
    """The joint Euclidean norm of C-contiguous native float32 and float64 arrays, times a power of
    two that keeps it in range, and that power."""
    cdef Storage storage = Storage()
    cdef lrc_job job
    cdef cnp.ndarray array
    cdef double norm
    memset(&job, 0, sizeof(lrc_job))
    job.table = _table
    job.n_tensors = len(arrays)
    job.recipes = <lrc_recipe*>storage.zeros(LRC_DTYPES, sizeof(lrc_recipe))
    job.tensors = <lrc_tensor*>storage.zeros(job.n_tensors, sizeof(lrc_tensor))
    for i in range(LRC_DTYPES):
        job.recipes[i].dtype = i
    for i, array in enumerate(arrays):
        job.tensors[i].recipe = DTYPES[:LRC_DTYPES].index(array.dtype)
        job.tensors[i].n = cnp.PyArray_SIZE(array)
        job.tensors[i].flat = cnp.PyArray_DATA(array)
        job.tensors[i].first_chunk = job.n_chunks
        job.n_chunks += lrc_chunks(job.tensors[i].n)
    job.partial = <double*>storage.zeros(job.n_chunks, sizeof(double))
    job.threads = 1
    with nogil:
        norm = lrc_norm(&job)
    return norm, job.factor
