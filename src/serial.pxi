# Part of _core.pyx: one thread at a time.

cdef unsigned int _generation = 0   # of processes: one more in each forked child
cdef unsigned long _survivor = 0    # the thread of the parent that goes on in this child


def _count_fork():
    global _generation, _survivor
    _generation += 1
    _survivor = PyThread_get_thread_ident()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


cdef class Serial:
    """What only one thread at a time may enter, and that thread but once."""

    cdef PyThread_type_lock _lock
    cdef unsigned long _owner          # the thread inside, or 0
    cdef unsigned int _generation

    def __cinit__(self, *_, **__):
        self._lock = PyThread_allocate_lock()
        if self._lock == NULL:
            raise MemoryError("no lock could be had")
        self._generation = _generation

    def __dealloc__(self):
        if self._lock != NULL:
            PyThread_free_lock(self._lock)

    cdef int _outlive_fork(self) except -1:
        """Frees what a thread held at the fork that does not exist in this process; a step that
        forked, in one of its callbacks, goes on here too."""
        cdef PyThread_type_lock fresh
        with cython.critical_section(self):
            if self._generation != _generation:
                if self._owner != _survivor:
                    fresh = PyThread_allocate_lock()
                    if fresh == NULL:
                        raise MemoryError("no lock could be had")
                    self._lock, self._owner = fresh, 0
                self._generation = _generation
        return 0

    cdef int _enter(self) except -1:
        cdef unsigned long me = PyThread_get_thread_ident()
        if self._generation != _generation:
            self._outlive_fork()
        if not PyThread_acquire_lock(self._lock, NOWAIT_LOCK):
            if self._owner == me:
                raise RuntimeError("already stepping: this is a callback of the same optimizer")
            with nogil:
                PyThread_acquire_lock(self._lock, WAIT_LOCK)
        self._owner = me
        return 0

    cdef void _leave(self) noexcept:
        self._owner = 0
        PyThread_release_lock(self._lock)

    cdef bint _enter_from_anywhere(self) except -1:
        """Enters, unless this thread is inside, in a callback; tells whether it has."""
        if self._generation != _generation:
            self._outlive_fork()
        if self._owner == PyThread_get_thread_ident():
            return False
        self._enter()
        return True

    def _between(self, function):
        """Calls function while no step is under way in another thread."""
        cdef bint entered = self._enter_from_anywhere()
        try:
            return function()
        finally:
            if entered:
                self._leave()

    def _alone(self, function):
        """Calls function while no step is under way."""
        self._enter()
        try:
            return function()
        finally:
            self._leave()
