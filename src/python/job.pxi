# Part of _core.pyx: parameters, gradients and state as the pointers that job.h wants.

cdef object FLOAT32 = np.float32


@cython.final
cdef class Job:
    """A job of step.c: parameters and state as pointers, what these point into, and the gradients
    of the step under way."""

    cdef lrc_job c
    cdef Leaf* leaves
    cdef Extent* extents       # bytes that a step writes, in order
    cdef size_t n_extents
    cdef bint norm             # is wanted
    cdef bint each             # whether some gradients are clipped by their own
    cdef bint sums             # of any kind, so gradients are needed in index order
    cdef tuple parameters, names  # of those that are updated
    cdef tuple all_names       # and of those that are frozen
    cdef list places           # of the former among the latter; None if none is frozen
    cdef list written          # parameters and state
    cdef list gradients        # references, while a step needs them
    cdef list gathered         # sums of these over calls, of each parameter, or None
    cdef list tensors          # as they were given
    cdef list by_rows          # of an update by rows: for each tensor those, or None; else None
    cdef object rows           # what such updates use again
    cdef Storage storage       # what the pointers above point into
    cdef Node root             # None for a single array

    def __init__(self, list recipes, list tensors, tuple trees, params, list leaves):
        """recipes: (rule, dtype, ...); tensors: (recipe, parameter, state arrays, axes, average or
        None, gathered or None) of the leaves that are not frozen; trees: all of it, and with
        numbers for what is frozen; params: what the user gave, in the structure of the former;
        leaves: (name, parameter, frozen)."""
        whole, tree = trees
        self.storage = Storage()
        self.tensors = tensors
        self.written = []
        self.all_names = tuple([name for name, _, _ in leaves])
        self.names = tuple([name for name, _, frozen in leaves if not frozen])
        if len(self.names) < len(self.all_names):
            self.places = [i for i, (_, _, frozen) in enumerate(leaves) if not frozen]
        self.parameters = tuple(parameter for _, parameter, _, _, _, _ in tensors)
        if whole is not None:
            self.root = Node(whole, tree, params, iter([parameter for _, parameter, _ in leaves]))
        self.gradients = [None] * len(tensors)
        self.gathered = [None] * len(tensors)
        self.c.table = _table
        self.c.n_recipes, self.c.n_tensors = len(recipes), len(tensors)
        self.c.recipes = <lrc_recipe*>self.storage.zeros(len(recipes), sizeof(lrc_recipe))
        self.c.tensors = <lrc_tensor*>self.storage.zeros(len(tensors), sizeof(lrc_tensor))
        self.leaves = <Leaf*>self.storage.zeros(len(tensors), sizeof(Leaf))
        self.extents = <Extent*>self.storage.zeros(
            len(tensors) * (3 + LRC_MAX_STATES), sizeof(Extent)
        )
        for i, (rule, dtype, _, _, _, weights, most) in enumerate(recipes):
            self.c.recipes[i].rule = rule.index
            self.c.recipes[i].dtype = dtype
            self.c.recipes[i].most = most
            self.each |= most < INFINITY
            for k in range(LRC_MAX_SCALARS):
                self.c.recipes[i].applied[k] = NAN
            for k in range(len(rule.carried) - len(rule.kept)):
                self.c.recipes[i].carried[k] = rule.starts[k]
            if weights is not None:
                self._weigh(&self.c.recipes[i].average, weights)
                self.c.recipes[i].average.count = len(rule.carried) - len(rule.kept) - 1
        for i, (recipe, parameter, states, axes, average, gathered) in enumerate(tensors):
            self._add(i, recipe, parameter, states, axes)
            if average is not None:
                self.c.tensors[i].average = cnp.PyArray_DATA(<cnp.ndarray>average)
                self._write(average)
            if gathered is not None:
                self.c.tensors[i].gathered = cnp.PyArray_DATA(<cnp.ndarray>gathered)
                self.gathered[i] = gathered
                self._write(gathered)
            if recipes[recipe][0].sums:
                self._add_own(i, recipes[recipe][0], parameter, states)
        self.c.partial = <double*>self.storage.zeros(self.c.n_chunks, sizeof(double))
        if self.sums:
            self.c.measured = <double*>self.storage.zeros(
                self.c.n_chunks * LRC_MAX_SUMS, sizeof(double)
            )
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
        tensor.recipe, tensor.scale = recipe, 1
        tensor.n = cnp.PyArray_SIZE(parameter)
        tensor.first_chunk = self.c.n_chunks
        tensor.array[0] = leaf.data
        tensor.folded = &self.c.recipes[recipe].folded
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
        for array in [parameter, *states]:
            self._write(array)
        return 0

    cdef int _write(self, cnp.ndarray array) except -1:
        """Counts an array among those that a step writes."""
        if cnp.PyArray_SIZE(array) > 0:
            self.written.append(array)
            self.extents[self.n_extents] = _extent_of(array)
            self.n_extents += 1
        return 0

    cdef int _weigh(self, lrc_average* average, weights) except -1:
        average.wanted = self.c.averages = True
        average.fading = weights.decay is not None
        average.start, average.every = weights.start, weights.every
        return 0

    cdef int _add_own(self, size_t i, rule, cnp.ndarray parameter, list states) except -1:
        """What a tensor of a rule with sums has besides."""
        cdef lrc_tensor* tensor = &self.c.tensors[i]
        cdef lrc_own* own = <lrc_own*>self.storage.zeros(1, sizeof(lrc_own))
        cdef lrc_view* views = <lrc_view*>self.storage.zeros(LRC_MAX_ARRAYS, sizeof(lrc_view))
        cdef int ndim = self.leaves[i].ndim
        cdef Py_ssize_t k
        own.n_arrays = 2 + len(states)
        for k, array in enumerate([parameter, None, *states]):
            if array is not None:
                self._view(&views[k], ndim)
                own.logical[k] = _describe(
                    &views[k], array, NULL, self.c.recipes[tensor.recipe].dtype
                )
        for k, shape in enumerate(rule.shapes[:len(states)], 2):  # what comes besides is behind
            own.shape[k] = SHAPES[shape]
            if shape != "LIKE":  # what may not be done in one go, see update_chunk
                tensor.parameter = &self.leaves[i].parameter
                own.columns = cnp.PyArray_DIM(parameter, ndim - 1) if ndim > 0 else 1
                own.rows = cnp.PyArray_DIM(parameter, ndim - 2) if ndim > 1 else 1
                own.together |= shape != "ROWS"
                own.single |= (shape != "COLS") << k
        for k, start in enumerate(rule.starts[len(rule.carried) - len(rule.kept):]):
            own.kept[k] = start
        tensor.own, tensor.folded = own, &own.folded
        self.sums = True
        return 0

    cdef double* _scalar(self, Py_ssize_t i, rule, Py_ssize_t k) except NULL:
        """Where the carried scalar number k of a tensor lies."""
        cdef Py_ssize_t of_recipe = len(rule.carried) - len(rule.kept)
        if k < of_recipe:
            return &self.c.recipes[self.c.tensors[i].recipe].carried[k]
        return &self.c.tensors[i].own.kept[k - of_recipe]

    def carried(self, rules):
        """The carried scalars of each tensor, by name; rules: the rule of each recipe."""
        cdef list found = [None] * self.c.n_tensors
        for i in range(self.c.n_tensors):
            rule = rules[self.c.tensors[i].recipe]
            found[i] = {
                name: self._scalar(i, rule, k)[0] for k, name in enumerate(rule.carried)
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
        for i in range(self.c.n_tensors):
            rule = rules[self.c.tensors[i].recipe]
            for k, name in enumerate(rule.carried):
                self._scalar(i, rule, k)[0] = carried[i][name]
            for k, name in enumerate(rule.hyper):
                self.c.recipes[self.c.tensors[i].recipe].applied[k] = applied[i].get(name, NAN)

    cdef int check_replaced(self) except -1:
        """Refuses to go on where the user has put another array in the place of a parameter."""
        if self.root is not None:
            self.root.check(self.all_names, 0)
        return 0

    cdef int fetch(self, grads) except -1:
        """Takes the gradients, in the structure of the parameters."""
        cdef Py_ssize_t fetched = 1
        if self.places is not None:
            return self._fetch_some(grads)
        if self.root is None:
            self.gradients[0] = grads
        else:
            fetched = self.root.fetch(grads, self.gradients, self.all_names, 0)
        assert fetched == <Py_ssize_t>self.c.n_tensors
        return 0

    cdef int _fetch_some(self, grads) except -1:
        """The same where some parameters are frozen."""
        cdef list found = [None] * len(self.all_names)
        if self.root is not None and self.c.n_tensors > 0:
            self.root.fetch(grads, found, self.all_names, 0)
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
            self.gradients[i], <object>self.leaves[i].array, self.names[i], DTYPES, keep
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
            return self.by_rows is not None and self.by_rows[i] is not None
        array = <cnp.ndarray>self.gradients[i]
        if (
            (cnp.PyArray_TYPE(array) != leaf.typenum and _format_of(cnp.PyArray_TYPE(array)) < 0)
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
        if self.c.recipes[tensor.recipe].dtype == LRC_FLOAT32:
            (<float*>&leaf.number)[0] = <float><double>gradient
        else:
            leaf.number = gradient
        tensor.array[1] = tensor.flat = &leaf.number
        tensor.gradient = tensor.logical = NULL
        return True

    cdef inline bint _point_gradient(self, lrc_tensor* tensor, Leaf* leaf, cnp.ndarray array):
        cdef int flat = 0
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
        self._point_views(tensor, leaf, array, flat)
        return True

    cdef inline int _point_views(
        self, lrc_tensor* tensor, Leaf* leaf, cnp.ndarray array, int flat
    ) except -1:
        tensor.gradient = tensor.logical = NULL
        if not leaf.order & flat or (self.sums and not cnp.PyArray_IS_C_CONTIGUOUS(array)):
            self._view_gradient(tensor, leaf, array, flat)
        return 0

    cdef int _view_gradient(
        self, lrc_tensor* tensor, Leaf* leaf, cnp.ndarray array, int flat
    ) except -1:
        """Describes one whose elements do not lie as the step goes through them."""
        cdef int dtype = self.c.recipes[tensor.recipe].dtype
        if not leaf.order & flat:
            tensor.gradient = _describe(&leaf.gradient, array, leaf.axes, dtype)
        tensor.logical = tensor.gradient
        if self.sums and not (cnp.PyArray_IS_C_CONTIGUOUS(array) and tensor.gradient == NULL):
            tensor.logical = _describe(&leaf.logical, array, NULL, dtype)
        return 0

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
