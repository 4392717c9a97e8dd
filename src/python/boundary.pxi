# Part of _core.pyx: what it calls of C, the floors below and Python itself, and nothing else.

cdef extern from "Python.h":
    ctypedef struct PyThreadState
    PyThreadState* PyEval_SaveThread() noexcept
    void PyEval_RestoreThread(PyThreadState* state) noexcept
    # with borrowed references
    Py_ssize_t PyList_GET_SIZE(object items)
    PyObject* PyList_GET_ITEM(object items, Py_ssize_t i)
    PyObject* PyDict_GetItemWithError(object mapping, object key) except? NULL

cdef extern from "table.h":
    const double LRC_SMALL_SUM
    enum: LRC_LANES
    enum: LRC_FLOAT32, LRC_FLOAT64, LRC_DTYPES, LRC_FORMATS, LRC_RULES
    enum: LRC_MAX_SCALARS, LRC_MAX_STATES, LRC_MAX_ARRAYS, LRC_MAX_SUMS, LRC_MAX_KEPT
    enum: LRC_LIKE, LRC_ROWS, LRC_COLS, LRC_ONE
    ctypedef struct lrc_kernels:
        pass
    ctypedef const lrc_kernels* lrc_table[2]

cdef extern from "isas.h":
    enum: LRC_MAX_ISAS
    ctypedef struct lrc_isa:
        const char* name
        const lrc_table* table
        bint usable
    size_t lrc_find_isas(lrc_isa* isas) noexcept nogil

cdef extern from "names.h":
    ctypedef struct lrc_rule_names:
        const char* name
        const char* state
        const char* hyper
        const char* carried
        const char* measured
        const char* kept
        const double* starts
        const double* kept_starts
        const char* shapes
        bint shared
    lrc_rule_names lrc_names_of(int rule) noexcept nogil
    ctypedef struct lrc_format:
        const char* name
        int dtype
    const lrc_format* lrc_formats

cdef extern from "view.h":
    const Py_ssize_t[2] lrc_item_size
    ctypedef struct lrc_view:
        char* data
        int format
        int ndim
        Py_ssize_t* shape
        Py_ssize_t* stride

cdef extern from "rows.h":
    ctypedef struct lrc_rows_array:
        char* data
        Py_ssize_t stride
        const lrc_view* view
    ctypedef struct lrc_rows:
        const cnp.int64_t* given
        size_t n
        const char* gradient
        char* sums
        size_t* order
        size_t* spare
        size_t* first
        size_t touched
        size_t width
        int dtype
        bint averaged
        size_t n_arrays
        lrc_rows_array* array
    void lrc_rows_sort(lrc_rows* rows) noexcept nogil

cdef extern from "job.h":
    enum: LRC_BLOCK, LRC_CHUNK
    ctypedef struct lrc_folded:
        pass
    ctypedef struct lrc_own:
        size_t n_arrays
        const lrc_view** logical
        int* shape
        unsigned int single
        bint together
        size_t rows, columns
        double* kept
        lrc_folded folded
    ctypedef struct lrc_average:
        bint wanted
        bint fading
        size_t count
        double decay
        double start, every
    ctypedef struct lrc_tensor:
        void** array
        size_t n
        size_t recipe
        size_t first_chunk
        const lrc_view* parameter
        const lrc_view* gradient
        const lrc_view* logical
        void* average
        void* gathered
        double scale
        const void* flat
        const lrc_folded* folded
        lrc_own* own
        const lrc_rows* rows
    ctypedef struct lrc_recipe:
        int rule
        int dtype
        double* hyper
        double* applied
        double l2
        double most
        double* carried
        lrc_average average
        lrc_folded folded
    ctypedef struct lrc_sums:
        double u
    ctypedef struct lrc_observer:
        void** last
        lrc_sums* chunk
    ctypedef struct lrc_job:
        const lrc_table* table
        lrc_recipe* recipes
        size_t n_recipes
        lrc_tensor* tensors
        size_t n_tensors
        size_t n_chunks
        double scale
        double limit
        double factor
        double* partial
        double* measured
        bint uneven
        bint averages
        bint fresh
        double divisor
        const lrc_observer* observer
        size_t elements
        int threads
    size_t lrc_chunks(size_t n) noexcept nogil
    bint lrc_fold(lrc_job* job) noexcept nogil
    void lrc_apply(lrc_job* job) noexcept nogil

cdef extern from "by_rows.h":
    void lrc_add_up_rows(const lrc_job* job) noexcept nogil

cdef extern from "pool.h":
    int lrc_pool_expect(int threads, bint worth_waking) noexcept nogil
    void lrc_pool_dismiss() noexcept nogil
    int lrc_get_num_threads() noexcept nogil
    void lrc_set_num_threads(int threads) noexcept nogil

cdef extern from "reduce.h":
    const double LRC_ENLARGE
    double lrc_norm(lrc_job* job) noexcept nogil
    bint lrc_finite(lrc_job* job) noexcept nogil
    void lrc_clip_each(lrc_job* job, double norm) noexcept nogil
    void lrc_squares(lrc_job* job, double factor) noexcept nogil

cdef extern from "gather.h":
    bint lrc_sums_finite(lrc_job* job) noexcept nogil
    void lrc_gather(lrc_job* job) noexcept nogil

cdef extern from *:
    """
    #if defined(__clang__)
    #define LRC_COMPILER "clang " __clang_version__
    #else
    #define LRC_COMPILER "gcc " __VERSION__
    #endif
    """
    const char* LRC_COMPILER
    const char* LRC_VERSION    # CMakeLists.txt defines it
