# Part of _core.pyx: a parameter as it was bound, and views of arrays as view.h wants them.

cdef struct Leaf:
    PyObject* array      # the parameter; Job.parameters holds the reference
    int typenum
    int order            # NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_F_CONTIGUOUS, 0 if not flat
    int ndim
    char* data
    Py_ssize_t* shape
    Py_ssize_t* strides
    Py_ssize_t* axes      # slowest first, as the parameter lies in memory
    const void* disjoint  # data of a flat gradient known not to overlap parameters and state
    const void* between   # data of a gradient whose elements lie between theirs
    double number         # in the parameter's dtype: the gradient, if that is no array
    lrc_view parameter
    lrc_view gradient
    lrc_view logical


cdef inline bint _has_shape_of(cnp.ndarray array, const Leaf* leaf) noexcept:
    cdef int axis
    if cnp.PyArray_NDIM(array) != leaf.ndim:
        return False
    for axis in range(leaf.ndim):
        if cnp.PyArray_DIM(array, axis) != leaf.shape[axis]:
            return False
    return True


cdef inline bint _is_as_bound(cnp.ndarray parameter, const Leaf* leaf) noexcept:
    cdef int axis
    if (
        <char*>cnp.PyArray_DATA(parameter) != leaf.data
        or cnp.PyArray_TYPE(parameter) != leaf.typenum
        or not cnp.PyArray_ISNOTSWAPPED(parameter)
        or cnp.PyArray_NDIM(parameter) != leaf.ndim
    ):
        return False
    for axis in range(leaf.ndim):
        if (
            cnp.PyArray_DIM(parameter, axis) != leaf.shape[axis]
            or cnp.PyArray_STRIDE(parameter, axis) != leaf.strides[axis]
        ):
            return False
    return True


cdef const lrc_view* _describe(
    lrc_view* view, cnp.ndarray array, const Py_ssize_t* axes, int dtype
):
    """Fills view with the axes in the given order, neighbours merged where they allow it.
    Returns it, or NULL if the array is flat in that order."""
    cdef Py_ssize_t size, stride
    cdef int k, axis, ndim = 0
    for k in range(cnp.PyArray_NDIM(array)):
        axis = <int>axes[k] if axes else k
        size, stride = cnp.PyArray_DIM(array, axis), cnp.PyArray_STRIDE(array, axis)
        if size == 1:
            continue
        if ndim > 0 and view.stride[ndim - 1] == size * stride:
            view.shape[ndim - 1] *= size
            view.stride[ndim - 1] = stride
        else:
            view.shape[ndim] = size
            view.stride[ndim] = stride
            ndim += 1
    view.data = <char*>cnp.PyArray_DATA(array)
    view.format = _format_of(cnp.PyArray_TYPE(array))
    view.ndim = ndim
    if view.format == dtype and (
        ndim == 0 or (ndim == 1 and view.stride[0] == cnp.PyArray_ITEMSIZE(array))
    ):
        return NULL
    if ndim == 0:
        view.ndim = 1
        view.shape[0] = 1
        view.stride[0] = cnp.PyArray_ITEMSIZE(array)
    return view
