/* rules x dtypes -> one table. Compiled once for each instruction set, with LRC_TABLE naming the
 * table. Everything else here is static: a second visible function, compiled for AVX, might be
 * the copy that the linker keeps for all. */
#include "table.h"

#include <float.h>
#include <stdint.h>
#include <tgmath.h>

/* The arrays of a step never overlap, so the compiler need not check it at run time. */
#define SIMD _Pragma("omp simd")

#define PASTE(name, suffix) name##_##suffix
#define EXPAND(name, suffix) PASTE(name, suffix)
#define NAME(name) EXPAND(name, SUFFIX)

#define SCALARS(name, hyper, carried, folded)                                                      \
    struct name##_hyper {                                                                          \
        double hyper;                                                                              \
    };                                                                                             \
    struct name##_carried {                                                                        \
        double carried;                                                                            \
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
