# Part of _core.pyx: gradients of several calls that make one update.

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
