# Part of _core.pyx: updates that are observed, and what they did.

# As many updates are observed at the start, later the first two of every so many.
cdef long long DENSE = 16

OBSERVED = ("t", "p", "g", "u", "product", "along", "wanted", "dead", "nonfinite", "last")


@cython.final
cdef class Observer:
    """The sums of lrc_sums for each array at the last observed update, in total at those before,
    and the sum of squares of the update before ("last", NaN where that was not observed)."""

    cdef lrc_observer observer
    cdef list storage
    cdef long long every, first, seen
    cdef Py_ssize_t count
    cdef tuple names
    cdef cnp.ndarray table     # a row for each array
    cdef cnp.ndarray history   # a row for each update, the oldest overwritten

    def __init__(self, Job job, long long first, long long every, Py_ssize_t keep):
        self.every, self.first, self.seen = every, first, -2
        self.history = np.empty((keep, len(OBSERVED)))
        self._make_room(job)

    cdef int _make_room(self, Job job) except -1:
        cdef cnp.ndarray pointers = np.empty(len(job.parameters), np.uintp)
        cdef cnp.ndarray chunks = np.empty(job.c.n_chunks * sizeof(lrc_sums), np.uint8)
        cdef list last = [None] * len(job.parameters)
        for i, p in enumerate(job.parameters):
            last[i] = np.zeros(p.size, DTYPES[job.c.recipes[job.c.tensors[i].recipe].dtype])
            pointers[i] = address(last[i])
        self.names = job.names
        self.table = np.full((len(last), len(OBSERVED)), NAN)
        self.storage = [pointers, chunks, last]
        self.observer.last = <void**>cnp.PyArray_DATA(pointers)
        self.observer.chunk = <lrc_sums*>cnp.PyArray_DATA(chunks)
        return 0

    def grown(self, Job job):
        """The same for another job."""
        cdef Observer other = Observer(job, self.first, self.every, len(self.history))
        other.history, other.count = self.history, self.count
        return other

    cdef int forget(self) except -1:
        """The next update has none before it."""
        self.seen = -2
        return 0

    cdef inline bint due(self, long long t) noexcept:
        cdef long long updates = t - self.first
        return updates < DENSE or updates % self.every < 2

    cdef int collect(self, const lrc_job* c, long long t) except -1:
        """Sums up the chunks, in their order."""
        cdef double* row = <double*>cnp.PyArray_DATA(self.table)
        cdef double* total = <double*>cnp.PyArray_DATA(self.history)
        cdef double* sums
        cdef double before
        cdef int fields = sizeof(lrc_sums) // sizeof(double), k
        cdef size_t i, chunk
        total += (self.count % cnp.PyArray_DIM(self.history, 0)) * (fields + 2)
        for k in range(fields + 2):
            total[k] = 0
        for i in range(c.n_tensors):
            before = row[3] if self.seen == t - 1 else NAN
            for k in range(fields + 2):
                row[k] = 0
            for chunk in range(lrc_chunks(c.tensors[i].n)):
                sums = <double*>&self.observer.chunk[c.tensors[i].first_chunk + chunk]
                for k in range(fields):
                    row[1 + k] += sums[k]
            row[fields + 1] = before
            for k in range(1, fields + 2):
                total[k] += row[k]
            row[0] = t
            row += fields + 2
        total[0] = t
        self.count += 1
        self.seen = t
        return 0

    def contents(self):
        """Copies: the history, oldest first, and the rows of the arrays; and their names."""
        kept = min(self.count, len(self.history))
        order = np.arange(self.count - kept, self.count) % len(self.history)
        return self.history[order], self.table.copy(), self.names
