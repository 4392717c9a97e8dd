# Part of _core.pyx: an update of some rows, as that of small arrays of which a step knows no more.

cdef size_t LINE = 64  # bytes of a line of the cache


cdef inline size_t _lines(size_t bytes) noexcept:
    return (bytes + LINE - 1) // LINE * LINE


@cython.final
cdef class RowUpdate:
    """What an update of some rows wants beside the job; its memory is used again by the next.

    `take` may fail; once the job has been pointed at its arrays, `join` makes its tensors those of
    the rows, and after the step `leave` puts things back.
    """

    cdef Storage storage
    cdef lrc_tensor* tensors   # those of the job, those by rows with what is touched of them
    cdef lrc_tensor* kept      # the job's own meanwhile; NULL if it has them
    cdef lrc_rows* rows        # one for each tensor; without arrays where it is not by rows
    cdef list given            # those that were taken; None for the others
    cdef cnp.ndarray memory
    cdef size_t n_chunks, elements  # of the update; the job's own meanwhile

    def __init__(self, Job job):
        self.storage = Storage()
        self.tensors = <lrc_tensor*>self.storage.zeros(job.c.n_tensors, sizeof(lrc_tensor))
        self.rows = <lrc_rows*>self.storage.zeros(job.c.n_tensors, sizeof(lrc_rows))

    cdef int take(self, Job job, list given) except -1:
        """given: for each tensor (rows, gradients), both flat in memory, the former int64, apart
        from what others know, and in range, the latter in the dtype of the loops; or None."""
        cdef size_t bytes = LINE
        cdef char* free
        self.given = job.by_rows = given
        for i in range(job.c.n_tensors):
            if given[i] is not None:
                self._describe(job, i)
                bytes += self._room(&self.rows[i])
        if self.memory is None or <size_t>cnp.PyArray_SIZE(self.memory) < bytes:
            self.memory = None
            self.memory = np.empty(bytes, np.uint8)
        free = <char*>cnp.PyArray_DATA(self.memory)
        free += -<size_t>free % LINE
        self.elements = 0
        for i in range(job.c.n_tensors):
            if given[i] is None:
                self.elements += job.c.tensors[i].n
            else:
                free = self._settle(&self.rows[i], free)
                self.elements += self.rows[i].touched * self.rows[i].width
        return 0

    cdef int _describe(self, Job job, size_t i) except -1:
        """What is to be known of the rows of a tensor, and of its arrays if that is not known."""
        cdef lrc_rows* rows = &self.rows[i]
        cdef cnp.ndarray parameter = job.parameters[i], array, given, gradients
        given, gradients = self.given[i]
        rows.given = <const cnp.int64_t*>cnp.PyArray_DATA(given)
        rows.gradient = <const char*>cnp.PyArray_DATA(gradients)
        rows.n = cnp.PyArray_SIZE(given)
        if not _is_as_bound(parameter, &job.leaves[i]):
            raise ValueError(f'parameter "{job.names[i]}" was resized, reshaped or moved')
        if rows.n_arrays > 0 or rows.n == 0 or cnp.PyArray_SIZE(parameter) == 0:
            return 0
        rows.dtype = job.c.recipes[job.c.tensors[i].recipe].dtype
        rows.width = cnp.PyArray_SIZE(parameter) // cnp.PyArray_DIM(parameter, 0)
        _, _, states, _, average, _ = job.tensors[i]
        arrays = [parameter, *states] if average is None else [parameter, *states, average]
        for k, array in enumerate(arrays):
            view = <lrc_view*>self.storage.zeros(1, sizeof(lrc_view))
            job._view(view, cnp.PyArray_NDIM(parameter))
            rows.array[k].data = <char*>cnp.PyArray_DATA(array)
            rows.array[k].stride = cnp.PyArray_STRIDE(array, 0)
            rows.array[k].view = _describe(view, array[:1], NULL, rows.dtype)
        rows.averaged = average is not None
        rows.n_arrays = len(arrays)
        return 0

    cdef size_t _room(self, const lrc_rows* rows) noexcept:
        """Bytes for the order of the rows, and for their sums if none comes twice."""
        return 3 * _lines((rows.n + 1) * sizeof(size_t)) + _lines(
            rows.n * rows.width * <size_t>lrc_item_size[rows.dtype]
        )

    cdef char* _settle(self, lrc_rows* rows, char* free) noexcept:
        """Sorts the rows, in memory from `free` on; returns what is left of it."""
        cdef size_t bytes = _lines((rows.n + 1) * sizeof(size_t))
        rows.order = <size_t*>free
        rows.spare = <size_t*>(free + bytes)
        rows.first = <size_t*>(free + 2 * bytes)
        rows.sums = free + 3 * bytes
        cdef PyThreadState* state = _let_others(rows.n)
        lrc_rows_sort(rows)
        _go_on(state)
        return free + self._room(rows)

    cdef void join(self, Job job) noexcept:
        """Lets the job's tensors be those of the rows, with the sums of their gradients."""
        cdef lrc_job* c = &job.c
        cdef lrc_tensor* tensor
        self.n_chunks = 0
        for i in range(c.n_tensors):
            tensor = &self.tensors[i]
            tensor[0] = c.tensors[i]
            if self.given[i] is not None:
                tensor.rows = &self.rows[i]
                tensor.n = self.rows[i].touched * self.rows[i].width
                tensor.array[1] = self.rows[i].sums
                tensor.flat = self.rows[i].sums
                tensor.parameter = &job.leaves[i].parameter  # not in one go, see update_chunk
                tensor.gradient = tensor.logical = NULL
                tensor.average = NULL
            tensor.first_chunk = self.n_chunks
            self.n_chunks += lrc_chunks(tensor.n)
        self._swap(c, self.tensors)
        cdef PyThreadState* state = _let_others(c.elements)
        lrc_add_up_rows(c)
        _go_on(state)

    cdef void _swap(self, lrc_job* c, lrc_tensor* tensors) noexcept:
        self.kept, c.tensors = (c.tensors if self.kept == NULL else NULL), tensors
        self.n_chunks, c.n_chunks = c.n_chunks, self.n_chunks
        self.elements, c.elements = c.elements, self.elements

    cdef void leave(self, Job job) noexcept:
        """The job has its own tensors again."""
        if self.kept != NULL:
            self._swap(&job.c, self.kept)
        self.given = job.by_rows = None

    cdef int show(self, Job job) except -1:
        """Puts the gradients of rows among those of the job, for a message: as they were given, or
        where these are finite as they add up."""
        for i in range(job.c.n_tensors):
            if self.given[i] is not None:
                gradients = self.given[i][1]
                finite = np.isfinite(gradients).all()
                job.gradients[i] = self._sums(i) if finite else gradients
        return 0

    cdef _sums(self, size_t i):
        cdef lrc_rows* rows = &self.rows[i]
        cdef cnp.ndarray sums = np.empty_like(self.given[i][1][:rows.touched])
        memcpy(cnp.PyArray_DATA(sums), rows.sums, cnp.PyArray_NBYTES(sums))
        return sums
