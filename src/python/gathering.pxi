# Part of _core.pyx: gradients of several calls that make one update.

cdef bint _sums_finite(lrc_job* c) noexcept:
    """Whether what was gathered stays finite with the gradients of this call."""
    cdef bint finite
    if c.elements < GIL_ELEMENTS:
        return lrc_sums_finite(c)
    with nogil:
        finite = lrc_sums_finite(c)
    return finite


cdef void _gather(lrc_job* c, double divisor) noexcept:
    c.divisor = divisor
    if c.elements < GIL_ELEMENTS:
        lrc_gather(c)
    else:
        with nogil:
            lrc_gather(c)


cdef int _point_at_gathered(Job job) except -1:
    """Points every tensor at what was gathered in the place of its gradient."""
    cdef lrc_tensor* tensor
    cdef Leaf* leaf
    cdef cnp.ndarray sums
    cdef int flat
    for i in range(job.c.n_tensors):
        tensor, leaf, sums = &job.c.tensors[i], &job.leaves[i], job.gathered[i]
        flat = cnp.PyArray_FLAGS(sums) & (cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_F_CONTIGUOUS)
        tensor.array[1] = tensor.flat = tensor.gathered
        job._point_views(tensor, leaf, sums, flat)
    return 0


cdef bint _gathers(Job job, long long pending, bint allow) noexcept:
    """Whether the gradients of this call may be added to those of `pending` others."""
    job.c.fresh = pending == 0
    return allow or _sums_finite(&job.c)


cdef double _norm(lrc_job* c) noexcept:
    cdef double norm
    if c.elements < GIL_ELEMENTS:
        return lrc_norm(c)
    with nogil:
        norm = lrc_norm(c)
    return norm


cdef void _clip_each(lrc_job* c, double norm) noexcept:
    if c.elements < GIL_ELEMENTS:
        lrc_clip_each(c, norm)
    else:
        with nogil:
            lrc_clip_each(c, norm)
