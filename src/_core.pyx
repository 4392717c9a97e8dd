# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True, autotestdict=False
# cython: embedsignature=True, embedsignature.format=python
"""The compiled core: checks arrays, holds pointers, resolves rates, calls step.c."""

cimport numpy as cnp
from cpython.pythread cimport (
    NOWAIT_LOCK,
    WAIT_LOCK,
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_get_thread_ident,
    PyThread_release_lock,
    PyThread_type_lock,
)
from cpython.sequence cimport PySequence_Fast_GET_ITEM
from libc.math cimport INFINITY, isfinite
from libc.stdlib cimport qsort
from libc.string cimport memcmp

import os
from typing import NamedTuple

import numpy as np

from . import arguments, parameters

cnp.import_array()


cdef extern from "kernels.h":
    enum: LRC_FLOAT32, LRC_FLOAT64, LRC_RULES, LRC_MAX_SCALARS, LRC_MAX_ARRAYS, LRC_MAX_STATES
    ctypedef struct lrc_kernels:
        pass
    ctypedef const lrc_kernels* lrc_table[2]

cdef extern from "cpu.h":
    enum: LRC_MAX_ISAS
    ctypedef struct lrc_isa:
        const char* name
        const lrc_table* table
        bint usable
    size_t lrc_cpu_isas(lrc_isa* isas) noexcept nogil

cdef extern from "names.h":
    ctypedef struct lrc_rule_names:
        const char* name
        const char* state
        const char* hyper
        const char* carried
    lrc_rule_names lrc_names_of(int rule) noexcept nogil

cdef extern from "view.h":
    ctypedef struct lrc_view:
        char* data
        int dtype
        int ndim
        Py_ssize_t* shape
        Py_ssize_t* stride

cdef extern from "step.h":
    ctypedef struct lrc_tensor:
        void** array
        size_t n
        size_t group
        size_t first_chunk
        const lrc_view* parameter
        const lrc_view* gradient
        const lrc_view* logical
        const void* flat
    ctypedef struct lrc_group:
        int rule
        int dtype
        size_t states
        double* hyper
        double l2
        double* carried
    ctypedef struct lrc_job:
        const lrc_table* table
        lrc_group* groups
        size_t n_groups
        lrc_tensor* tensors
        size_t n_tensors
        size_t n_chunks
        double scale
        double limit
        double* partial
    size_t lrc_chunks(size_t n) noexcept nogil
    void lrc_fold(lrc_job* job) noexcept nogil
    void lrc_apply(lrc_job* job) noexcept nogil

cdef extern from "reduce.h":
    double lrc_norm(lrc_job* job) noexcept nogil
    bint lrc_finite(lrc_job* job) noexcept nogil

cdef extern from *:
    """
    #if defined(__clang__)
    #define LRC_COMPILER "clang " __clang_version__
    #else
    #define LRC_COMPILER "gcc " __VERSION__
    #endif
    """
    const char* LRC_COMPILER


# The one line per dtype: NumPy's number for it, in the order of kernels.h.
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


class Rule(NamedTuple):
    """A row of rules.def."""

    index: int
    state: tuple[str, ...]
    hyper: tuple[str, ...]
    carried: tuple[str, ...]


cdef _words(const char* text):
    listed = text.decode()
    return () if listed == "NOTHING" else tuple(listed.split(", "))


cdef _rules():
    rules = {}
    for i in range(LRC_RULES):
        names = lrc_names_of(i)
        rules[names.name.decode()] = Rule(
            i, _words(names.state), _words(names.hyper), _words(names.carried)
        )
    return rules


RULES = _rules()

cdef lrc_isa _isas[LRC_MAX_ISAS]
cdef size_t _n_isas = lrc_cpu_isas(_isas)
ISAS = tuple(_isas[i].name.decode() for i in range(_n_isas) if _isas[i].usable)


cdef const lrc_table* _table_of(str name) except NULL:
    for i in range(_n_isas):
        if _isas[i].usable and _isas[i].name.decode() == name:
            return _isas[i].table
    raise ValueError(
        f"LRCORE_ISA={name}: this machine runs {', '.join(ISAS)}; leave it unset for the widest"
    )


ISA = os.environ.get("LRCORE_ISA") or ISAS[len(ISAS) - 1]
COMPILER = LRC_COMPILER.decode()
cdef const lrc_table* _table = _table_of(ISA)

# Releasing the GIL costs about 50 ns, a step over this many elements some microseconds.
cdef size_t GIL_ELEMENTS = 8192


cdef struct Leaf:
    int typenum
    int order            # NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_F_CONTIGUOUS, 0 if not flat
    int ndim
    char* data
    Py_ssize_t* axes     # slowest first, as the parameter lies in memory
    const void* checked  # gradient data known not to overlap parameters and state
    lrc_view parameter
    lrc_view gradient
    lrc_view logical


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


cdef bint _same_shape(cnp.ndarray a, cnp.ndarray b):
    cdef int ndim = cnp.PyArray_NDIM(a)
    return ndim == cnp.PyArray_NDIM(b) and memcmp(
        cnp.PyArray_DIMS(a), cnp.PyArray_DIMS(b), ndim * sizeof(cnp.npy_intp)
    ) == 0


cdef const lrc_view* _describe(lrc_view* view, cnp.ndarray array, const Py_ssize_t* axes, int dtype):
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


cdef class Binding:
    """Parameters and state as pointers, and the gradients of the step under way."""

    cdef lrc_job job
    cdef Leaf* leaves
    cdef Extent* extents       # bytes that a step writes, in order
    cdef size_t n_extents
    cdef size_t elements
    cdef bint sums             # norms are wanted, so gradients are needed in index order
    cdef tuple parameters, names
    cdef list written          # parameters and state
    cdef list gradients        # references, while a step needs them
    cdef list storage          # what the pointers above point into
    cdef object tree

    def __init__(self, list groups, list tensors, tree, tuple names):
        """groups: (rule, dtype, l2); tensors: (group, parameter, state arrays, axes)."""
        self.storage = []
        self.written = []
        self.tree = tree
        self.names = names
        self.parameters = tuple(parameter for _, parameter, _, _ in tensors)
        self.gradients = [None] * len(tensors)
        self.job.table = _table
        self.job.n_groups, self.job.n_tensors = len(groups), len(tensors)
        self.job.groups = <lrc_group*>self._allocate(len(groups), sizeof(lrc_group))
        self.job.tensors = <lrc_tensor*>self._allocate(len(tensors), sizeof(lrc_tensor))
        self.leaves = <Leaf*>self._allocate(len(tensors), sizeof(Leaf))
        self.extents = <Extent*>self._allocate(
            len(tensors) * (1 + LRC_MAX_STATES), sizeof(Extent)
        )
        for i, (rule, dtype) in enumerate(groups):
            self.job.groups[i].rule = rule.index
            self.job.groups[i].dtype = dtype
            self.job.groups[i].states = len(rule.state)
            for k in range(LRC_MAX_SCALARS):
                self.job.groups[i].carried[k] = 1
        for i, (group, parameter, states, axes) in enumerate(tensors):
            self._add(i, group, parameter, states, axes)
        self.job.partial = <double*>self._allocate(self.job.n_chunks, sizeof(double))
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

    cdef void* _allocate(self, size_t count, size_t size) except NULL:
        cdef cnp.ndarray block = np.zeros(max(count, 1) * size, np.uint8)
        self.storage.append(block)
        return cnp.PyArray_DATA(block)

    cdef int _view(self, lrc_view* view, int ndim) except -1:
        view.shape = <Py_ssize_t*>self._allocate(ndim + 1, sizeof(Py_ssize_t))
        view.stride = <Py_ssize_t*>self._allocate(ndim + 1, sizeof(Py_ssize_t))
        return 0

    cdef int _add(self, size_t i, size_t group, cnp.ndarray parameter, list states, axes) except -1:
        cdef lrc_tensor* tensor = &self.job.tensors[i]
        cdef Leaf* leaf = &self.leaves[i]
        cdef int ndim = cnp.PyArray_NDIM(parameter)
        cdef cnp.ndarray array
        leaf.typenum = cnp.PyArray_TYPE(parameter)
        leaf.ndim = ndim
        leaf.data = <char*>cnp.PyArray_DATA(parameter)
        leaf.axes = <Py_ssize_t*>self._allocate(ndim, sizeof(Py_ssize_t))
        for k in range(ndim):
            leaf.axes[k] = axes[k]
        self._view(&leaf.parameter, ndim)
        self._view(&leaf.gradient, ndim)
        self._view(&leaf.logical, ndim)
        tensor.group = group
        tensor.n = cnp.PyArray_SIZE(parameter)
        tensor.first_chunk = self.job.n_chunks
        tensor.array[0] = leaf.data
        tensor.parameter = _describe(
            &leaf.parameter, parameter, leaf.axes, self.job.groups[group].dtype
        )
        if tensor.parameter == NULL:
            leaf.order = cnp.PyArray_FLAGS(parameter) & (
                cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_F_CONTIGUOUS
            )
        for k, array in enumerate(states):
            tensor.array[2 + k] = cnp.PyArray_DATA(array)
        self.job.n_chunks += lrc_chunks(tensor.n)
        self.elements += tensor.n
        if tensor.n > 0:
            for array in [parameter, *states]:
                self.written.append(array)
                self.extents[self.n_extents] = _extent_of(array)
                self.n_extents += 1
        return 0

    cdef int inherit(self, Binding old) except -1:
        """Goes on from the carried scalars of a binding to the first groups of this one."""
        for i in range(old.job.n_groups):
            for k in range(LRC_MAX_SCALARS):
                self.job.groups[i].carried[k] = old.job.groups[i].carried[k]
        return 0

    cdef int check_parameters(self) except -1:
        """Refuses arrays that were resized or made read-only since they were bound."""
        cdef cnp.ndarray parameter
        for i in range(self.job.n_tensors):
            parameter = self.parameters[i]
            if <char*>cnp.PyArray_DATA(parameter) != self.leaves[i].data:
                raise ValueError(f'parameter "{self.names[i]}" was resized or moved in memory')
            if not cnp.PyArray_ISWRITEABLE(parameter):
                raise ValueError(f'parameter "{self.names[i]}" is read-only')
        return 0

    cdef int take(self, grads, bint keep) except -1:
        """Points every tensor at its gradient. keep: they will be used again, so no copies."""
        cdef Py_ssize_t taken = self._take(self.tree, grads, 0, keep)
        assert taken == <Py_ssize_t>self.job.n_tensors
        return 0

    cdef Py_ssize_t _take(self, tree, grads, Py_ssize_t i, bint keep) except -1:
        if tree is None:
            self._take_one(i, grads, keep)
            return i + 1
        if type(tree) is tuple:
            if type(grads) is not list and type(grads) is not tuple or len(grads) != len(tree):
                grads = parameters.same_sequence(tree, grads, self.names[i])
            for k in range(len(<tuple>tree)):
                i = self._take(
                    (<tuple>tree)[k], <object>PySequence_Fast_GET_ITEM(grads, k), i, keep
                )
            return i
        if type(grads) is not dict or len(grads) != len(tree):
            parameters.same_mapping(tree, grads, self.names[i])
        for key, child in tree.items():
            try:
                gradient = grads[key]
            except KeyError:
                parameters.same_mapping(tree, grads, self.names[i])
                raise
            i = self._take(child, gradient, i, keep)
        return i

    cdef int _take_one(self, Py_ssize_t i, gradient, bint keep) except -1:
        cdef lrc_tensor* tensor = &self.job.tensors[i]
        cdef Leaf* leaf = &self.leaves[i]
        cdef cnp.ndarray parameter = self.parameters[i]
        cdef cnp.ndarray array
        cdef bint usual = (
            cnp.PyArray_CheckExact(gradient)
            and cnp.PyArray_TYPE(gradient) == leaf.typenum
            and cnp.PyArray_ISBEHAVED_RO(gradient)
            and _same_shape(gradient, parameter)
        )
        array = gradient if usual else parameters.as_gradient(
            gradient, parameter, self.names[i], keep
        )
        if not self._is_disjoint(leaf, array, tensor.n):
            if keep:
                parameters.check_disjoint(array, self.written, self.names[i])
            else:
                array = array.copy()
        self.gradients[i] = array
        if leaf.order & cnp.PyArray_FLAGS(array) and cnp.PyArray_TYPE(array) == leaf.typenum:
            tensor.array[1] = cnp.PyArray_DATA(array)
            tensor.gradient = NULL
        else:
            tensor.gradient = _describe(
                &leaf.gradient, array, leaf.axes, self.job.groups[tensor.group].dtype
            )
            tensor.array[1] = cnp.PyArray_DATA(array)
        tensor.flat = tensor.array[1]
        tensor.logical = tensor.gradient
        if self.sums and not (cnp.PyArray_IS_C_CONTIGUOUS(array) and tensor.gradient == NULL):
            tensor.logical = _describe(
                &leaf.logical, array, NULL, self.job.groups[tensor.group].dtype
            )
        return 0

    cdef bint _is_disjoint(self, Leaf* leaf, cnp.ndarray gradient, size_t n):
        """Whether no byte between the gradient's first and last is written by a step."""
        cdef size_t low = 0, high = self.n_extents, middle
        cdef Extent extent
        cdef bint dense = (
            cnp.PyArray_FLAGS(gradient)
            & (cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_F_CONTIGUOUS)
        ) != 0
        dense = dense and cnp.PyArray_TYPE(gradient) == leaf.typenum
        if n == 0 or (dense and cnp.PyArray_DATA(gradient) == leaf.checked):
            return True
        extent = _extent_of(gradient)
        while low < high:
            middle = low + (high - low) // 2
            if self.extents[middle].high <= extent.low:
                low = middle + 1
            else:
                high = middle
        if low < self.n_extents and self.extents[low].low < extent.high:
            return False
        if dense:
            leaf.checked = cnp.PyArray_DATA(gradient)
        return True

    cdef int drop(self) except -1:
        """Lets go of the gradients."""
        for i in range(self.job.n_tensors):
            self.gradients[i] = None
        return 0


cdef class Rate:
    """The rate of one parameter group: a number or a function of the update index."""

    cdef object function
    cdef double constant, scale
    cdef list groups           # of the job


cdef class Dynamic:
    """A hyperparameter that is a function of the update index, and where its value goes."""

    cdef object function, interval
    cdef str name
    cdef double* target


cdef double _evaluate(function, t, str name, interval) except? -1:
    value = function(t)
    if type(value) is float and value in interval:
        return value
    return arguments.number(f"{name} schedule at update {t}", name, value, interval)


cdef enum Policy:
    RAISE, SKIP, ALLOW


POLICIES = ("raise", "skip", "allow")


cdef int _assign(double* target, value, str name, list dynamic) except -1:
    cdef Dynamic entry
    if not callable(value):
        target[0] = value
        return 0
    entry = Dynamic()
    entry.function, entry.name = value, name
    entry.interval = arguments.SCHEDULABLE[name]
    entry.target = target
    dynamic.append(entry)
    return 0


cdef class Stepper:
    """Resolves rates and hyperparameters and applies one update to all arrays at once."""

    cdef Binding _binding
    cdef list _rates, _dynamic, _controllers
    cdef object _bound         # the gradients of bind()
    cdef bint _bound_taken
    cdef double _lr_scale, _clip_norm, _clip_value, _sign, _next_lr
    cdef int _nonfinite
    cdef readonly double last_lr
    cdef readonly long long t, skipped
    cdef PyThread_type_lock _lock
    cdef unsigned long _owner

    def __cinit__(self, *_, **__):
        self._lock = PyThread_allocate_lock()
        if self._lock == NULL:
            raise MemoryError("no lock could be had")
        self._lr_scale = self._sign = 1
        self._clip_norm = self._clip_value = INFINITY
        self.last_lr = np.nan
        self._controllers = []

    def __dealloc__(self):
        if self._lock != NULL:
            PyThread_free_lock(self._lock)

    def _configure(
        self, *, double clip_norm, double clip_value, bint maximize, str nonfinite, list controllers
    ):
        self._controllers = controllers
        self._clip_norm, self._clip_value = clip_norm, clip_value
        self._sign = -1 if maximize else 1
        self._nonfinite = POLICIES.index(nonfinite)

    def _attach(self, list rates, list groups, list tensors, tree, tuple names):
        """Binds to arrays. rates: (number or function, scale) for each parameter group;
        groups: (rule, dtype, rate, hyperparameters, l2); tensors: see Binding."""
        cdef Binding binding = Binding(
            [(rule, dtype) for rule, dtype, _, _, _ in groups], tensors, tree, names
        )
        cdef list resolved = [], dynamic = []
        cdef Rate rate
        binding.sums = self._clip_norm < INFINITY
        for value, scale in rates:
            rate = Rate()
            rate.function, rate.constant = (value, 0) if callable(value) else (None, value)
            rate.scale = scale
            rate.groups = []
            resolved.append(rate)
        for i, (rule, _, index, hyper, l2) in enumerate(groups):
            (<Rate>resolved[index]).groups.append(i)
            for k, name in enumerate(rule.hyper[1:], 1):
                _assign(&binding.job.groups[i].hyper[k], hyper[name], name, dynamic)
            _assign(&binding.job.groups[i].l2, l2, "l2", dynamic)
        self._enter()
        if self._binding is not None:
            binding.inherit(self._binding)
        self._binding, self._rates, self._dynamic = binding, resolved, dynamic
        self._bound = None
        self._leave()

    cdef int _enter(self) except -1:
        cdef unsigned long me = PyThread_get_thread_ident()
        if not PyThread_acquire_lock(self._lock, NOWAIT_LOCK):
            if self._owner == me:
                raise RuntimeError("the optimizer is already stepping: called from its own callback")
            with nogil:
                PyThread_acquire_lock(self._lock, WAIT_LOCK)
        self._owner = me
        return 0

    cdef void _leave(self) noexcept:
        self._owner = 0
        PyThread_release_lock(self._lock)

    cdef double _rate_at(self, Rate rate) except -1:
        cdef double lr = rate.constant
        if rate.function is not None:
            lr = _evaluate(rate.function, self.t, "lr", arguments.RATE)
        lr *= rate.scale * self._lr_scale
        for controller in self._controllers:
            lr = controller.rate(lr)
        return lr

    cdef int _resolve(self, lr) except -1:
        """Rates and hyperparameters of the next update. User code runs here, and only here."""
        cdef Rate rate
        cdef Dynamic dynamic
        cdef double value, first = 0
        for i, rate in enumerate(self._rates):
            value = self._rate_at(rate) if lr is None else <double>lr * rate.scale
            if not 0 <= value < INFINITY:
                raise ValueError(f"the rate of update {self.t} would be {value}")
            for k in rate.groups:
                self._binding.job.groups[<size_t>k].hyper[0] = value
            if i == 0:
                first = value
        for dynamic in self._dynamic:
            dynamic.target[0] = _evaluate(
                dynamic.function, self.t, dynamic.name, dynamic.interval
            )
        self._next_lr = first
        return 0

    cdef bint _gradients_finite(self):
        """Sets the job's scale and tells whether the gradients may be used."""
        cdef lrc_job* job = &self._binding.job
        cdef bint release = self._binding.elements >= GIL_ELEMENTS
        cdef bint finite = True
        cdef double norm = 0
        job.scale = self._sign
        job.limit = self._clip_value
        if self._binding.sums:
            if release:
                with nogil:
                    norm = lrc_norm(job)
            else:
                norm = lrc_norm(job)
            finite = isfinite(norm) or lrc_finite(job)
            if finite and norm > self._clip_norm:
                job.scale *= self._clip_norm / norm
        elif self._nonfinite != ALLOW:
            if release:
                with nogil:
                    finite = lrc_finite(job)
            else:
                finite = lrc_finite(job)
        return finite or self._nonfinite == ALLOW

    def _next_rate(self, Py_ssize_t group):
        return self._rate_at(self._rates[group])

    def _replace_rate(self, Py_ssize_t group, value):
        cdef Rate rate = self._rates[group]
        rate.function, rate.constant = (value, 0) if callable(value) else (None, value)

    @property
    def lr_scale(self):
        """A factor on every rate, 1 unless assigned."""
        return self._lr_scale

    @lr_scale.setter
    def lr_scale(self, value):
        self._lr_scale = arguments.number("optimizer", "lr_scale", value, arguments.RATE)

    def step(self, grads=None, *, lr=None):
        """Apply one update; see Optimizer."""
        if lr is not None:
            lr = arguments.number("step", "lr", lr, arguments.RATE)
        self._enter()
        try:
            return self._step(grads, lr)
        finally:
            self._leave()

    cdef bint _step(self, grads, lr) except -1:
        cdef Binding binding = self._binding
        cdef lrc_job* job = &binding.job
        if grads is None and self._bound is None:
            raise RuntimeError("step() without gradients: give them, or bind(grads) first")
        self._resolve(lr)
        binding.check_parameters()
        try:
            if grads is not None:
                self._bound_taken = False
                binding.take(grads, False)
            elif not self._bound_taken:
                binding.take(self._bound, True)
                self._bound_taken = True
            if not self._gradients_finite():
                if self._nonfinite == RAISE:
                    parameters.raise_nonfinite(
                        binding.gradients, binding.parameters, binding.names
                    )
                self.skipped += 1
                return False
            lrc_fold(job)
            if binding.elements >= GIL_ELEMENTS:
                with nogil:
                    lrc_apply(job)
            else:
                lrc_apply(job)
        finally:
            if not self._bound_taken:
                binding.drop()
        self.last_lr = self._next_lr
        self.t += 1
        return True

    def bind(self, grads):
        """Fix the gradient arrays; see Optimizer."""
        self._enter()
        try:
            self._bound_taken = False
            self._bound = None
            self._binding.take(grads, True)
            self._bound = grads
            self._bound_taken = True
        finally:
            self._leave()
