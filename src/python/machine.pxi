# Part of _core.pyx: the build, the instruction sets of this machine, and its threads.

cdef lrc_isa _isas[LRC_MAX_ISAS]
cdef size_t _n_isas = lrc_find_isas(_isas)
ISAS = tuple(_isas[i].name.decode() for i in range(_n_isas) if _isas[i].usable)


cdef const lrc_table* _table_of(str name) except NULL:
    for i in range(_n_isas):
        if _isas[i].usable and _isas[i].name.decode() == name:
            return _isas[i].table
    raise ValueError(
        f"LRCORE_ISA={name}: this machine runs {', '.join(ISAS)}; leave it unset for the widest"
    )


ISA = os.environ.get("LRCORE_ISA") or ISAS[len(ISAS) - 1]
VERSION = LRC_VERSION.decode()
COMPILER = LRC_COMPILER.decode()
# The order of sums: lanes of a block, blocks of a chunk, chunks in turn; below SMALL_SUM squares
# are taken again, enlarged. From a BLOCK on a step heeds the lines of the cache.
LANES, BLOCK, CHUNK = LRC_LANES, LRC_BLOCK, LRC_CHUNK
SMALL_SUM, ENLARGE = LRC_SMALL_SUM, LRC_ENLARGE
cdef const lrc_table* _table = _table_of(ISA)

# From so many elements on, two threads that are awake are worth it. Waking one takes 30 to 85 us,
# half as long as one thread takes for the larger number; with the threads of a matrix product still
# spinning, fewer elements take longer on two threads than on one.
cdef size_t THREAD_ELEMENTS = 64 * 1024
cdef size_t WAKE_ELEMENTS = 512 * 1024


def get_num_threads():
    """What has been set; 0 if nothing has."""
    return lrc_get_num_threads()


def set_num_threads(int n):
    """For all steps from now on."""
    lrc_set_num_threads(n)
