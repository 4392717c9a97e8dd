/* One update of many tensors: splits them into chunks of fixed size and hands each to its loop.
 * With reduce.h the entry to the compiled core. Refuses to check or allocate anything: what reaches
 * this point cannot fail. */
#ifndef LRC_JOB_H
#define LRC_JOB_H

#include "rows.h"
#include "table.h"
#include "view.h"

enum {
    LRC_CHUNK = 16384, /* elements of one unit of work and of one partial sum */
    LRC_PIECE = 16,    /* chunks that are gone through forwards where the order is backwards */
    LRC_LARGE = 1 << 22, /* elements that no cache holds */
    LRC_LINE = 64,     /* bytes */
    LRC_BLOCK = 1024,  /* elements staged at once: both blocks stay in the first-level cache */
};

/* A part of an array, staged. */
typedef union {
    float f32[LRC_BLOCK];
    double f64[LRC_BLOCK];
} lrc_block;

/* What a tensor has of its own, if its rule has sums. */
typedef struct {
    size_t n_arrays;                         /* parameter, gradient and state */
    const lrc_view *logical[LRC_MAX_ARRAYS]; /* each in index order; NULL if it lies in that */
    int shape[LRC_MAX_ARRAYS];               /* of state */
    unsigned single;                         /* a bit for each that has one number for a row */
    bool together;                           /* whether rows share state */
    size_t rows, columns; /* of a matrix; 0 if all state is like the parameter */
    double sums[LRC_MAX_SUMS];
    double kept[LRC_MAX_KEPT];
    lrc_folded folded;
} lrc_own;

/* A parameter with its gradient and state. Elements are numbered in the order in which the
 * parameter lies in memory; state is flat in that order. One without elements has no chunks, and so
 * no part in norm, finiteness, sums and update. */
typedef struct {
    void *array[LRC_MAX_ARRAYS]; /* parameter, gradient, state */
    size_t n;
    size_t recipe;
    size_t first_chunk;
    const lrc_view *parameter; /* NULL if array[0] is flat in that order */
    const lrc_view *gradient; /* NULL if array[1] is, and of the parameter's dtype */
    const lrc_view *logical; /* the gradient in index order, for sums; NULL if flat is that */
    void *average; /* flat in the order of the numbers; NULL for none */
    void *gathered; /* the same, of gradients of several calls */
    double scale; /* of this gradient besides: clipping by its own norm */
    const void *flat; /* the gradient, flat in any order if only finiteness matters */
    const lrc_folded *folded; /* of the recipe, or its own */
    lrc_own *own; /* NULL if the rule has no sums */
    const lrc_rows *rows; /* whose elements the numbers mean; NULL for all */
} lrc_tensor;

/* The average of the parameters of a recipe. */
typedef struct {
    bool wanted;
    bool fading;  /* of weights that fall by decay; else they are all alike */
    size_t count; /* where the updates so far are among the carried scalars */
    double decay;
    double start, every; /* which updates count */
    double gain;         /* of this update: 1 copies, 0 leaves the average alone */
} lrc_average;

/* Tensors that share a rule, a dtype and their hyperparameters. */
typedef struct {
    int rule;
    int dtype;
    double hyper[LRC_MAX_SCALARS];
    double applied[LRC_MAX_SCALARS]; /* hyper of the last update that was applied */
    double l2;
    double most; /* the norm that each gradient may have; infinite for any */
    double carried[LRC_MAX_SCALARS];
    double advanced[LRC_MAX_SCALARS]; /* carried, once the step has been applied */
    lrc_average average;
    lrc_folded folded; /* 0 to begin with: what a rule leaves unused fits any dtype */
} lrc_recipe;

typedef struct {
    void **last; /* for each tensor the update before, in the order of its memory */
    lrc_sums *chunk; /* for each chunk */
} lrc_observer;

typedef struct {
    const lrc_table *table;
    lrc_recipe *recipes;
    size_t n_recipes;
    lrc_tensor *tensors;
    size_t n_tensors;
    size_t n_chunks;
    double scale; /* of every gradient: clipping by norm, the sign of maximize */
    double limit; /* clipping by value; infinite for none */
    bool uneven;  /* whether some gradient has a scale of its own */
    bool clipped; /* whether these three do anything */
    double factor; /* of the elements whose squares are summed */
    double *partial; /* one for each chunk */
    double *measured; /* LRC_MAX_SUMS for each chunk; NULL if no rule has sums */
    bool averages; /* whether there are any */
    bool fresh; /* whether nothing has been gathered yet */
    double divisor; /* of the sums once this call is gathered */
    const lrc_observer *observer; /* NULL if this update is not observed */
    size_t elements;
    int threads;
} lrc_job;

typedef void lrc_chunk_function(lrc_job *job, const lrc_tensor *tensor, size_t chunk, size_t offset,
                                size_t n);

/* Calls function for every chunk of the job, from several threads if the job allows it. */
void lrc_each_chunk(lrc_job *job, lrc_chunk_function *function);

/* The same, if the job is large from its end to its start in pieces that are gone through forwards:
 * the loop that comes next begins where the cache is warm. */
void lrc_each_chunk_before_others(lrc_job *job, lrc_chunk_function *function);

/* hyper -> folded for every recipe; the carried scalars stay as they are. False if a scalar is out
 * of the range of its dtype. */
bool lrc_fold(lrc_job *job);
/* The first pass of rules with sums, and what is made of them. */
void lrc_measure(lrc_job *job);
/* Applies the step: parameters, state and carried scalars change. */
void lrc_apply(lrc_job *job);

static inline size_t lrc_up_to_a_block(size_t n)
{
    return n < LRC_BLOCK ? n : LRC_BLOCK;
}

/* The number of chunks of a tensor of n elements. */
static inline size_t lrc_chunks(size_t n)
{
    return n / LRC_CHUNK + (n % LRC_CHUNK != 0);
}

#endif
