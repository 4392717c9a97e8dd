# Part of _core.pyx: one thread at a time.

cdef extern from *:  # gcc and clang know these, whatever the type
    unsigned long __atomic_load_n(unsigned long* place, int order) noexcept nogil
    void __atomic_store_n(unsigned long* place, unsigned long value, int order) noexcept nogil
    int __ATOMIC_RELAXED, __ATOMIC_ACQUIRE, __ATOMIC_RELEASE

cdef unsigned long _generation = 0   # of processes: one more in each forked child
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
    cdef unsigned long _owner          # the thread inside, or 0; others see that it is not them
    cdef unsigned long _generation

    def __cinit__(self, *_, **__):
        self._lock = PyThread_allocate_lock()
        if self._lock == NULL:
            raise MemoryError("no lock could be had")
        self._generation = _generation

    def __dealloc__(self):
        if self._lock != NULL:
            PyThread_free_lock(self._lock)

    @cython.final
    cdef inline unsigned long _inside(self) noexcept:
        return __atomic_load_n(&self._owner, __ATOMIC_RELAXED)

    @cython.final
    cdef inline void _let_in(self, unsigned long thread) noexcept:
        __atomic_store_n(&self._owner, thread, __ATOMIC_RELAXED)

    cdef int _outlive_fork(self) except -1:
        """Frees what a thread held at the fork that does not exist in this process; a step that
        forked, in one of its callbacks, goes on here too."""
        cdef PyThread_type_lock fresh
        with cython.critical_section(self):
            if self._generation != _generation:
                if self._inside() != _survivor:
                    fresh = PyThread_allocate_lock()
                    if fresh == NULL:
                        raise MemoryError("no lock could be had")
                    self._lock = fresh
                    self._let_in(0)
                __atomic_store_n(&self._generation, _generation, __ATOMIC_RELEASE)
        return 0

    cdef int _enter(self) except -1:
        cdef unsigned long me = PyThread_get_thread_ident()
        if __atomic_load_n(&self._generation, __ATOMIC_ACQUIRE) != _generation:
            self._outlive_fork()
        if not PyThread_acquire_lock(self._lock, NOWAIT_LOCK):
            if self._inside() == me:
                raise RuntimeError("already stepping: this is a callback of the same optimizer")
            with nogil:
                PyThread_acquire_lock(self._lock, WAIT_LOCK)
        self._let_in(me)
        return 0

    cdef void _leave(self) noexcept:
        self._let_in(0)
        PyThread_release_lock(self._lock)

    cdef bint _enter_from_anywhere(self) except -1:
        """Enters, unless this thread is inside, in a callback; tells whether it has."""
        if __atomic_load_n(&self._generation, __ATOMIC_ACQUIRE) != _generation:
            self._outlive_fork()
        if self._inside() == PyThread_get_thread_ident():
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
