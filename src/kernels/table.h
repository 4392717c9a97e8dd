/* The update rules as a table of loops, one table for each instruction set.
 * Knows flat arrays of one dtype and plain scalars; refuses to know tensors, strides or Python. */
#ifndef LRC_TABLE_H
#define LRC_TABLE_H

#include <stdbool.h>
#include <stddef.h>

/* What loops compute in, and the formats in which arrays are stored: those of the former first. */
enum { LRC_FLOAT32, LRC_FLOAT64, LRC_DTYPES, LRC_f32 = LRC_FLOAT32, LRC_f64 = LRC_FLOAT64 };
enum {
#define FORMAT(name, storage, number, fetch, store) LRC_FORMAT_##name,
#include "formats.def"
    LRC_FORMATS
};
_Static_assert((int)LRC_FORMAT_float32 == (int)LRC_FLOAT32, "float32 is its own format");
_Static_assert((int)LRC_FORMAT_float64 == (int)LRC_FLOAT64, "float64 is its own format");

enum { LRC_LANES = 16 /* partial sums of a block, whatever the width of registers */ };
typedef double lrc_lanes[LRC_LANES];
#define LRC_SMALL_SUM 0x1p-900 /* a sum of squares below may have lost some to underflow */

enum { LRC_PER_ARRAY, LRC_PER_OPTIMIZER };

/* Of state: that of the parameter, a number for each row, for each column of a matrix, or one. */
enum { LRC_LIKE, LRC_ROWS, LRC_COLS, LRC_ONE };

/* A row: its place in its matrix of the last two axes, and the shape of that. */
typedef struct {
    size_t row, rows, columns;
} lrc_row;

/* The lists of all.def, as they stand. */
#define HYPER(...) __VA_ARGS__
#define CARRIED(...) __VA_ARGS__
#define STARTS(...) __VA_ARGS__
#define FOLDED(...) __VA_ARGS__
#define MEASURED(...) __VA_ARGS__
#define KEPT(...) __VA_ARGS__
#define STATE(...) __VA_ARGS__
#define SHAPED(...) __VA_ARGS__

/* A byte for each entry of a list, so that their sizes are the lengths of the longest lists. */
union lrc_longest_scalars {
#define SCALARS(name, hyper, carried, starts, folded)                                              \
    struct {                                                                                       \
        char hyper;                                                                                \
    } name##_hyper;                                                                                \
    struct {                                                                                       \
        char carried;                                                                              \
    } name##_carried;                                                                              \
    struct {                                                                                       \
        char carried, averaged;                                                                    \
    } name##_averaged;                                                                             \
    struct {                                                                                       \
        char folded;                                                                               \
    } name##_folded;
#include "all.def"
};

union lrc_longest_state {
#define RULE(name, scalars, state)                                                                 \
    struct {                                                                                       \
        char state;                                                                                \
    } name;
#include "all.def"
};

/* What an update did to some elements: sums of squares of the parameters before it, of gradients
 * and updates, the sums of products of updates with those before and with gradients; the numbers of
 * gradients that are not zero, of those among them whose update is, and of gradients that are not
 * finite. */
#define LRC_OBSERVED p, g, u, product, along, wanted, dead, nonfinite

union lrc_longest_sums {
    struct {
        char LRC_OBSERVED;
    } update;
#define SUMS(rule, measured, kept, starts, scope)                                                  \
    struct {                                                                                       \
        char measured;                                                                             \
    } rule;
#include "all.def"
};

union lrc_longest_kept {
#define SUMS(rule, measured, kept, starts, scope)                                                  \
    struct {                                                                                       \
        char kept;                                                                                 \
    } rule;
#include "all.def"
};

enum {
    LRC_MAX_SCALARS = sizeof(union lrc_longest_scalars),
    LRC_MAX_STATES = sizeof(union lrc_longest_state),
    LRC_MAX_ARRAYS = 2 + LRC_MAX_STATES, /* parameter, gradient, state */
    LRC_MAX_SUMS = sizeof(union lrc_longest_sums),
    LRC_MAX_KEPT = sizeof(union lrc_longest_kept),
};

enum {
#define RULE(name, scalars, state) LRC_RULE_##name,
#include "all.def"
    LRC_RULES
};

/* Aligned storage for the folded scalars of any rule in any dtype. */
typedef union {
    float f32[LRC_MAX_SCALARS];
    double f64[LRC_MAX_SCALARS];
} lrc_folded;

/* hyper -> folded, advancing the carried scalars. */
typedef void lrc_coefficients(const double *hyper, double *carried, lrc_folded *folded);
/* One update of n elements. arrays: parameter, gradient, then state in the order of its row.
 * They do not overlap (checked by the caller). */
typedef void lrc_loop(const lrc_folded *folded, void *const *arrays, size_t n);
/* Adds to sums what n elements contribute, of a rule with sums; may advance state. Arrays in the
 * bits of `single` have one number for all of them. */
typedef void lrc_measure_loop(const lrc_folded *folded, void *const *arrays, size_t n_arrays,
                              unsigned single, size_t n, double *sums);
/* sums of a row -> state that has the shape of rows, columns or neither; that of columns from the
 * first one on. */
typedef void lrc_row_end(const double *sums, const lrc_folded *folded, void *const *arrays,
                         const lrc_row *row);
/* sums, hyper -> folded, advancing the kept scalars. Cannot fail. */
typedef void lrc_between(const double *sums, const double *hyper, double *kept, lrc_folded *folded);
/* Sum of (factor * x)^2 in double, in an order that depends on n alone. */
typedef double lrc_squares_loop(const void *x, size_t n, double factor);
typedef bool lrc_finite_loop(const void *x, size_t n);
/* out = clip(scale * in, -limit, limit); out may be in. */
typedef void lrc_clip_loop(void *out, const void *in, size_t n, double scale, double limit);
/* out = in + l2 * p; out may be in. */
typedef void lrc_couple_loop(void *out, const void *in, const void *p, size_t n, double l2);
/* out = a + b; out may be a. */
typedef void lrc_add_loop(void *out, const void *a, const void *b, size_t n);
typedef void lrc_divide_loop(void *x, size_t n, double by);
/* average += gain * (p - average); a gain of 1 copies. */
typedef void lrc_average_loop(void *average, const void *p, size_t n, double gain);

typedef struct {
    double LRC_OBSERVED;
} lrc_sums;
typedef struct {
    lrc_lanes LRC_OBSERVED;
} lrc_lanes_of_update;
enum { LRC_SUMS_OF_UPDATE = sizeof(lrc_sums) / sizeof(double) };
/* Adds to sums what an update from before to after did, and puts it in the place of the last. */
typedef void lrc_observe_loop(void *last, const void *before, const void *after, const void *g,
                              size_t n, lrc_sums *sums);

/* n elements, stride bytes apart, as numbers that lie side by side. */
typedef void lrc_fetch_loop(void *to, const char *from, ptrdiff_t stride, size_t n);
/* The other way. */
typedef void lrc_store_loop(char *to, ptrdiff_t stride, const void *from, size_t n);

typedef struct {
    lrc_coefficients *coefficients[LRC_RULES];
    lrc_loop *loop[LRC_RULES];
    lrc_measure_loop *measure[LRC_RULES]; /* NULL for rules without sums */
    lrc_between *between[LRC_RULES];
    lrc_row_end *row[LRC_RULES + 1]; /* NULL where all state is like the parameter */
    lrc_squares_loop *squares;
    lrc_finite_loop *finite;
    lrc_clip_loop *clip;
    lrc_couple_loop *couple;
    lrc_add_loop *add;
    lrc_divide_loop *divide;
    lrc_average_loop *average;
    lrc_observe_loop *observe;
    lrc_fetch_loop *fetch[LRC_FORMATS];
    lrc_store_loop *store[LRC_FORMATS];
} lrc_kernels;

/* What an instruction set provides: its loops for each dtype. */
typedef const lrc_kernels *lrc_table[LRC_DTYPES];

#endif
