# Part of _core.pyx: what Python asks of arrays outside of a step.


def global_norm(list arrays):
    """The joint Euclidean norm of C-contiguous native float32 and float64 arrays, times a power of
    two that keeps it in range, and that power."""
    cdef Binding binding = Binding.__new__(Binding)
    cdef lrc_job* job = &binding.job
    cdef cnp.ndarray array
    cdef double norm
    binding.storage = []
    job.table = _table
    job.n_tensors = len(arrays)
    job.groups = <lrc_group*>binding._allocate(LRC_DTYPES, sizeof(lrc_group))
    job.tensors = <lrc_tensor*>binding._allocate(job.n_tensors, sizeof(lrc_tensor))
    for i in range(LRC_DTYPES):
        job.groups[i].dtype = i
    for i, array in enumerate(arrays):
        job.tensors[i].group = DTYPES.index(array.dtype)
        job.tensors[i].n = cnp.PyArray_SIZE(array)
        job.tensors[i].flat = cnp.PyArray_DATA(array)
        job.tensors[i].first_chunk = job.n_chunks
        job.n_chunks += lrc_chunks(job.tensors[i].n)
    job.partial = <double*>binding._allocate(job.n_chunks, sizeof(double))
    job.threads = 1
    with nogil:
        norm = lrc_norm(job)
    return norm, job.factor


def address(cnp.ndarray array):
    """Where its element of index 0 lies; `__array_interface__` crashes where memory is short."""
    return <size_t>cnp.PyArray_DATA(array)


def extent(cnp.ndarray array):
    """The addresses between the first and the last element of a non-empty array."""
    cdef Extent found = _extent_of(array)
    return found.low, found.high


def change(list changes, list targets, list sources):
    """Copies arrays into others of their shapes and dtypes, and updates dicts by others that bring
    no new keys: no Python runs in between, so an interrupt comes before or after all of it."""
    cdef Py_ssize_t i
    cdef dict place, values
    for i in range(len(targets)):
        cnp.PyArray_CopyInto(targets[i], sources[i])
    for i in range(len(changes)):
        place, values = <tuple>changes[i]
        PyDict_Update(place, values)
