# Part of _core.pyx: parameters, gradients and state as the pointers that job.h wants.

cdef object FLOAT32 = np.float32


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
    view.dtype = LRC_FLOAT32 if cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT32 else LRC_FLOAT64
    view.ndim = ndim
    if view.dtype == dtype and (
        ndim == 0 or (ndim == 1 and view.stride[0] == cnp.PyArray_ITEMSIZE(array))
    ):
        return NULL
    if ndim == 0:
        view.ndim = 1
        view.shape[0] = 1
        view.stride[0] = cnp.PyArray_ITEMSIZE(array)
    return view


@cython.final
cdef class Job:
    """A job of step.c: parameters and state as pointers, what these point into, and the gradients
    of the step under way."""

    cdef lrc_job c
    cdef Leaf* leaves
    cdef Extent* extents       # bytes that a step writes, in order
    cdef size_t n_extents
    cdef bint sums             # norms are wanted, so gradients are needed in index order
    cdef tuple parameters, names  # of those that are updated
    cdef tuple all_names       # and of those that are frozen
    cdef list places           # of the former among the latter; None if none is frozen
    cdef list written          # parameters and state
    cdef list gradients        # references, while a step needs them
    cdef Storage storage       # what the pointers above point into
    cdef Node root             # None for a single array

    def __init__(self, list recipes, list tensors, tuple trees, params, list leaves):
        """recipes: (rule, dtype, ...); tensors: (recipe, parameter, state arrays, axes) of the
        leaves that are not frozen; trees: all of it, and with numbers for what is frozen; params:
        what the user gave, in the structure of the former; leaves: (name, parameter, frozen)."""
        whole, tree = trees
        self.storage = Storage()
        self.written = []
        self.all_names = tuple([name for name, _, _ in leaves])
        self.names = tuple([name for name, _, frozen in leaves if not frozen])
        if len(self.names) < len(self.all_names):
            self.places = [i for i, (_, _, frozen) in enumerate(leaves) if not frozen]
        self.parameters = tuple(parameter for _, parameter, _, _ in tensors)
        if whole is not None:
            self.root = Node(whole, tree, params, iter([parameter for _, parameter, _ in leaves]))
        self.gradients = [None] * len(tensors)
        self.c.table = _table
        self.c.n_recipes, self.c.n_tensors = len(recipes), len(tensors)
        self.c.recipes = <lrc_recipe*>self.storage.zeros(len(recipes), sizeof(lrc_recipe))
        self.c.tensors = <lrc_tensor*>self.storage.zeros(len(tensors), sizeof(lrc_tensor))
        self.leaves = <Leaf*>self.storage.zeros(len(tensors), sizeof(Leaf))
        self.extents = <Extent*>self.storage.zeros(
            len(tensors) * (1 + LRC_MAX_STATES), sizeof(Extent)
        )
        for i, (rule, dtype, _, _, _) in enumerate(recipes):
            self.c.recipes[i].rule = rule.index
            self.c.recipes[i].dtype = dtype
            for k in range(LRC_MAX_SCALARS):
                self.c.recipes[i].carried[k] = 1
                self.c.recipes[i].applied[k] = NAN
        for i, (recipe, parameter, states, axes) in enumerate(tensors):
            self._add(i, recipe, parameter, states, axes)
        self.c.partial = <double*>self.storage.zeros(self.c.n_chunks, sizeof(double))
        self._merge_extents()

    cdef int _merge_extents(self) except -1:
        cdef size_t kept = 0
        qsort(self.extents, self.n_extents, sizeof(Extent), _compare_extents)
        for i in range(self.n_extents):
            if kept > 0 and self.extents[i].low <= self.extents[kept - 1].high:
                self.extents[kept - 1].high = max(
                    self.extents[kept - 1].high, self.extents[i].high
                )
            else:
                self.extents[kept] = self.extents[i]
                kept += 1
        self.n_extents = kept
        return 0

    cdef int _view(self, lrc_view* view, int ndim) except -1:
        view.shape = <Py_ssize_t*>self.storage.zeros(ndim + 1, sizeof(Py_ssize_t))
        view.stride = <Py_ssize_t*>self.storage.zeros(ndim + 1, sizeof(Py_ssize_t))
        return 0

    cdef int _add(
        self, size_t i, size_t recipe, cnp.ndarray parameter, list states, axes
    ) except -1:
        cdef lrc_tensor* tensor = &self.c.tensors[i]
        cdef Leaf* leaf = &self.leaves[i]
        cdef int ndim = cnp.PyArray_NDIM(parameter)
        cdef cnp.ndarray array
        leaf.array = <PyObject*>parameter
        leaf.typenum = cnp.PyArray_TYPE(parameter)
        leaf.ndim = ndim
        leaf.data = <char*>cnp.PyArray_DATA(parameter)
        leaf.axes = <Py_ssize_t*>self.storage.zeros(ndim, sizeof(Py_ssize_t))
        leaf.shape = <Py_ssize_t*>self.storage.zeros(ndim, sizeof(Py_ssize_t))
        leaf.strides = <Py_ssize_t*>self.storage.zeros(ndim, sizeof(Py_ssize_t))
        for k in range(ndim):
            leaf.axes[k] = axes[k]
            leaf.shape[k] = cnp.PyArray_DIM(parameter, k)
            leaf.strides[k] = cnp.PyArray_STRIDE(parameter, k)
        self._view(&leaf.parameter, ndim)
        self._view(&leaf.gradient, ndim)
        self._view(&leaf.logical, ndim)
        tensor.recipe = recipe
        tensor.n = cnp.PyArray_SIZE(parameter)
        tensor.first_chunk = self.c.n_chunks
        tensor.array[0] = leaf.data
        tensor.parameter = _describe(
            &leaf.parameter, parameter, leaf.axes, self.c.recipes[recipe].dtype
        )
        if tensor.parameter == NULL:
            leaf.order = cnp.PyArray_FLAGS(parameter) & (
                cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_F_CONTIGUOUS
            )
        for k, array in enumerate(states):
            tensor.array[2 + k] = cnp.PyArray_DATA(array)
        self.c.n_chunks += lrc_chunks(tensor.n)
        self.c.elements += tensor.n
        if tensor.n > 0:
            for array in [parameter, *states]:
                self.written.append(array)
                self.extents[self.n_extents] = _extent_of(array)
                self.n_extents += 1
        return 0

    def carried(self, rules):
        """The carried scalars of each tensor, by name; rules: the rule of each recipe."""
        cdef list found = [None] * self.c.n_tensors
        for i in range(self.c.n_tensors):
            found[i] = {
                name: self.c.recipes[self.c.tensors[i].recipe].carried[k]
                for k, name in enumerate(rules[self.c.tensors[i].recipe].carried)
            }
        return found

    def applied(self, rules):
        """The hyperparameters of each tensor's last update, by name."""
        cdef list found = [None] * self.c.n_tensors
        for i in range(self.c.n_tensors):
            found[i] = {
                name: self.c.recipes[self.c.tensors[i].recipe].applied[k]
                for k, name in enumerate(rules[self.c.tensors[i].recipe].hyper)
            }
        return found

    def set_scalars(self, rules, list carried, list applied):
        """The inverse of `carried` and of `applied`, which may lack what was never updated."""
        cdef lrc_recipe* recipe
        for i in range(self.c.n_tensors):
            recipe = &self.c.recipes[self.c.tensors[i].recipe]
            rule = rules[self.c.tensors[i].recipe]
            for k, name in enumerate(rule.carried):
                recipe.carried[k] = carried[i][name]
            for k, name in enumerate(rule.hyper):
                recipe.applied[k] = applied[i].get(name, NAN)

    cdef int check_replaced(self) except -1:
        """Refuses to go on where the user has put another array in the place of a parameter."""
        if self.root is not None:
            self.root.check(self.all_names, 0)
        return 0

    cdef int fetch(self, grads) except -1:
        """Takes the gradients, in the structure of the parameters."""
        cdef Py_ssize_t fetched = 1
        cdef list found = self.gradients
        if self.places is not None:
            found = [None] * len(self.all_names)
        if self.root is None:
            found[0] = grads
        elif self.c.n_tensors > 0:
            fetched = self.root.fetch(grads, found, self.all_names, 0)
            assert fetched == len(self.all_names)
        if self.places is not None:
            for i in range(self.c.n_tensors):
                self.gradients[i] = found[self.places[i]]
        return 0

    cdef int refetch(self, list bound) except -1:
        """Takes gradients that were fetched before."""
        for i in range(self.c.n_tensors):
            self.gradients[i] = bound[i]
        return 0

    cdef int point(self, bint keep) except -1:
        """Points every tensor at its arrays. Once it returns, no user code runs until the step is
        done. With keep, gradients are not to be copied."""
        for i in range(self.c.n_tensors):
            if not self._point(i):
                self._admit_and_point(keep)
                break
        return 0

    cdef int _admit_and_point(self, bint keep) except -1:
        """The same where some gradient is a number, or has first to be made an array."""
        cdef bint admitted = False
        try:
            for i in range(self.c.n_tensors):
                if not self._point(i) and (keep or not self._point_number(i)):
                    self._admit(i, keep)
                    admitted = True
            for i in range(self.c.n_tensors if admitted else 0):  # that has run user code
                if not self._point(i) and (keep or not self._point_number(i)):
                    raise ValueError(f'gradient "{self.names[i]}" was resized, reshaped or moved')
        finally:
            for i in range(self.c.n_tensors):
                self.leaves[i].between = NULL
        return 0

    cdef int _admit(self, Py_ssize_t i, bint keep) except -1:
        """Makes an array that can be read of a gradient, apart from all that a step writes; one to
        be kept must be that already."""
        gradient = parameters.as_gradient(
            self.gradients[i], <object>self.leaves[i].array, self.names[i], keep
        )
        if keep:
            parameters.check_disjoint(gradient, self.written, self.names[i])
            self.leaves[i].between = cnp.PyArray_DATA(<cnp.ndarray>gradient)
        elif not self._is_disjoint(<cnp.ndarray>gradient):
            gradient = gradient.copy()
        self.gradients[i] = gradient
        return 0

    cdef bint _point(self, Py_ssize_t i) except -1:
        """Points a tensor at its arrays; False if the gradient cannot be read as it is."""
        cdef Leaf* leaf = &self.leaves[i]
        cdef cnp.ndarray parameter = <cnp.ndarray>leaf.array
        cdef cnp.ndarray array
        if not _is_as_bound(parameter, leaf):
            raise ValueError(f'parameter "{self.names[i]}" was resized, reshaped or moved')
        if not cnp.PyArray_ISWRITEABLE(parameter):
            raise ValueError(f'parameter "{self.names[i]}" is read-only')
        if not cnp.PyArray_CheckExact(self.gradients[i]):
            return False
        array = <cnp.ndarray>self.gradients[i]
        if (
            cnp.PyArray_TYPE(array) not in (cnp.NPY_FLOAT32, cnp.NPY_FLOAT64)
            or not cnp.PyArray_ISBEHAVED_RO(array)
            or not _has_shape_of(array, leaf)
        ):
            return False
        return self._point_gradient(&self.c.tensors[i], leaf, array)

    cdef bint _point_number(self, Py_ssize_t i) except -1:
        """The same where parameter and gradient are single numbers."""
        cdef Leaf* leaf = &self.leaves[i]
        cdef lrc_tensor* tensor = &self.c.tensors[i]
        gradient = self.gradients[i]
        if leaf.ndim > 0 or not (isinstance(gradient, float) or type(gradient) is FLOAT32):
            return False
        if leaf.typenum == cnp.NPY_FLOAT32:
            (<float*>&leaf.number)[0] = <float><double>gradient
        else:
            leaf.number = gradient
        tensor.array[1] = tensor.flat = &leaf.number
        tensor.gradient = tensor.logical = NULL
        return True

    cdef inline bint _point_gradient(self, lrc_tensor* tensor, Leaf* leaf, cnp.ndarray array):
        cdef int flat = 0, dtype = self.c.recipes[tensor.recipe].dtype
        if cnp.PyArray_TYPE(array) == leaf.typenum:
            flat = cnp.PyArray_FLAGS(array) & (
                cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_F_CONTIGUOUS
            )
        tensor.array[1] = tensor.flat = cnp.PyArray_DATA(array)
        if not (flat and tensor.flat == leaf.disjoint) and tensor.flat != leaf.between:
            if not self._is_disjoint(array):
                return False
            if flat:
                leaf.disjoint = tensor.flat
        if leaf.order & flat:
            tensor.gradient = NULL
        else:
            tensor.gradient = _describe(&leaf.gradient, array, leaf.axes, dtype)
        tensor.logical = tensor.gradient
        if self.sums and not (cnp.PyArray_IS_C_CONTIGUOUS(array) and tensor.gradient == NULL):
            tensor.logical = _describe(&leaf.logical, array, NULL, dtype)
        return True

    cdef bint _is_disjoint(self, cnp.ndarray gradient):
        """Whether no byte between the gradient's first and last is written by a step."""
        cdef size_t low = 0, high = self.n_extents, middle
        cdef Extent extent
        if cnp.PyArray_SIZE(gradient) == 0:
            return True
        extent = _extent_of(gradient)
        while low < high:
            middle = low + (high - low) // 2
            if self.extents[middle].high <= extent.low:
                low = middle + 1
            else:
                high = middle
        return low == self.n_extents or self.extents[low].low >= extent.high

    cdef int drop(self) except -1:
        """Lets go of the gradients."""
        for i in range(self.c.n_tensors):
            self.gradients[i] = None
        return 0
