/* rules x dtypes -> one table. Compiled once for each instruction set, with LRC_TABLE naming the
 * table. Everything else here is static: a second visible function, compiled for AVX, might be
 * the copy that the linker keeps for all. */
#include "table.h"

#include <float.h>
#include <stdint.h>
#include <string.h>
#include <tgmath.h>

/* The arrays of a step never overlap, so the compiler need not check it at run time. */
#define SIMD _Pragma("omp simd")

#define PASTE(name, suffix) name##_##suffix
#define EXPAND(name, suffix) PASTE(name, suffix)
#define NAME(name) EXPAND(name, SUFFIX)

/* What stands there where the dtype is that of a format: no other stores in it. */
#define ONLY_f32_f32(...) __VA_ARGS__
#define ONLY_f32_f64(...)
#define ONLY_f64_f32(...)
#define ONLY_f64_f64(...) __VA_ARGS__
#define ONLY_OF(suffix, number, ...) ONLY_##suffix##_##number(__VA_ARGS__)
#define ONLY(suffix, number, ...) ONLY_OF(suffix, number, __VA_ARGS__)

#define SCALARS(name, hyper, carried, starts, folded)                                              \
    struct name##_hyper {                                                                          \
        double hyper;                                                                              \
    };                                                                                             \
    struct name##_carried {                                                                        \
        double carried;                                                                            \
    };
#define SUMS(rule, measured, kept, starts, scope)                                                  \
    struct rule##_sums {                                                                           \
        double measured;                                                                           \
    };                                                                                             \
    struct rule##_lanes {                                                                          \
        lrc_lanes measured;                                                                        \
    };                                                                                             \
    struct rule##_kept {                                                                           \
        double kept;                                                                               \
    };
#include "all.def"

#define COEFFICIENTS(scalars)                                                                      \
    static void NAME(scalars##_fold)(const struct scalars##_hyper *h, struct scalars##_carried *k, \
                                     struct NAME(scalars##_folded) *c);                            \
    static void NAME(scalars##_coefficients)(const double *h, double *k, lrc_folded *c)            \
    {                                                                                              \
        NAME(scalars##_fold)((const void *)h, (void *)k, (void *)c);                               \
    }                                                                                              \
    static void NAME(scalars##_fold)(const struct scalars##_hyper *h, struct scalars##_carried *k, \
                                     struct NAME(scalars##_folded) *c)

#define KERNEL(rule, scalars)                                                                      \
    static inline void NAME(rule##_body)(struct NAME(scalars##_folded) c, void *const *a,          \
                                         size_t n);                                                \
    static void NAME(rule)(const lrc_folded *folded, void *const *a, size_t n)                     \
    {                                                                                              \
        NAME(rule##_body)(*(const struct NAME(scalars##_folded) *)(const void *)folded, a, n);     \
    }                                                                                              \
    static inline void NAME(rule##_body)(const struct NAME(scalars##_folded) c, void *const *a,    \
                                         size_t n)

/* What the LRC_LANES elements from i on add to the sums s. */
#define MEASURE(rule, scalars)                                                                     \
    static inline void NAME(rule##_gather)(const struct NAME(scalars##_folded) *c, void *const *a, \
                                           size_t i, struct rule##_lanes *restrict s);             \
    static inline void NAME(rule##_add)(const void *c, void *const *a, size_t i, lrc_lanes *lane)  \
    {                                                                                              \
        NAME(rule##_gather)(c, a, i, (void *)lane);                                                \
    }                                                                                              \
    static void NAME(rule##_measure)(const lrc_folded *folded, void *const *a, size_t n_arrays,    \
                                     unsigned single, size_t n, double *sums)                      \
    {                                                                                              \
        NAME(over_lanes)(NAME(rule##_add), folded, a, n_arrays, 2, single, n, sums,                \
                         sizeof(struct rule##_sums) / sizeof(double));                             \
    }                                                                                              \
    static inline void NAME(rule##_gather)(const struct NAME(scalars##_folded) *c, void *const *a, \
                                           size_t i, struct rule##_lanes *restrict s)

/* What becomes of the sums of a row, for rules that have state of another shape. */
#define ROW(rule, scalars)                                                                         \
    static void NAME(rule##_end)(const struct rule##_sums *s,                                      \
                                 const struct NAME(scalars##_folded) *c, void *const *a,           \
                                 const lrc_row *row);                                              \
    static void NAME(rule##_row)(const double *s, const lrc_folded *c, void *const *a,             \
                                 const lrc_row *row)                                               \
    {                                                                                              \
        NAME(rule##_end)((const void *)s, (const void *)c, a, row);                                \
    }                                                                                              \
    static void NAME(rule##_end)(const struct rule##_sums *s,                                      \
                                 const struct NAME(scalars##_folded) *c, void *const *a,           \
                                 const lrc_row *row)

#define BETWEEN(rule, scalars)                                                                     \
    static void NAME(rule##_join)(const struct rule##_sums *s, const struct scalars##_hyper *h,    \
                                  struct rule##_kept *k, struct NAME(scalars##_folded) *c);        \
    static void NAME(rule##_between)(const double *s, const double *h, double *k, lrc_folded *c)   \
    {                                                                                              \
        NAME(rule##_join)((const void *)s, (const void *)h, (void *)k, (void *)c);                 \
    }                                                                                              \
    static void NAME(rule##_join)(const struct rule##_sums *s, const struct scalars##_hyper *h,    \
                                  struct rule##_kept *k, struct NAME(scalars##_folded) *c)

/* The root of a sum of squares; 0 where squares may have left the range of double. */
static inline double norm_of(double sum)
{
    return sum >= LRC_SMALL_SUM && isfinite(sum) ? sqrt(sum) : 0;
}

#define SUFFIX f32
#define real float
#define bits uint32_t
#define TINY FLT_MIN
#define ROOT 0x1p-63F
#include "real.h"

#define SUFFIX f64
#define real double
#define bits uint64_t
#define TINY DBL_MIN
#define ROOT 0x1p-511
#include "real.h"

extern const lrc_table LRC_TABLE;
const lrc_table LRC_TABLE = {[LRC_FLOAT32] = &kernels_f32, [LRC_FLOAT64] = &kernels_f64};
