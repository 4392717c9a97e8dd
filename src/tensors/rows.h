/* Some rows of arrays, which gradients are given for: which they are, their gradients added up, and
 * their elements as those of one flat array. Refuses to check or allocate anything. */
#ifndef LRC_ROWS_H
#define LRC_ROWS_H

#include "view.h"

#include <stdint.h>

/* An array whose first axis counts rows. */
typedef struct {
    char *data;
    ptrdiff_t stride; /* bytes from row to row */
    const lrc_view *view; /* of one row; NULL if that is flat, and of dtype */
} lrc_rows_array;

typedef struct {
    const int64_t *given; /* the row of each gradient, which may come again */
    size_t n; /* gradients */
    const char *gradient; /* n rows, flat, of dtype */
    char *sums; /* of the gradients of each row touched, flat */
    size_t *order; /* n: the gradients of a row one after another, in the order given */
    size_t *spare; /* n */
    size_t *first; /* n + 1: where those of each row begin */
    size_t touched; /* rows without repetition, ascending */
    size_t width; /* elements of a row */
    int dtype;
    bool averaged; /* whether the last array is the average */
    size_t n_arrays;
    lrc_rows_array array[LRC_MAX_ARRAYS]; /* parameter, state, average */
} lrc_rows;

/* given -> order, first, touched. */
void lrc_rows_sort(lrc_rows *rows);
/* The gradients of the rows touched from begin to end to sums, each from 0 in the order given. */
void lrc_rows_add_up(const lrc_table *table, const lrc_rows *rows, size_t begin, size_t end);
/* Elements first .. first + n of the rows touched, one after another in index order, to block. */
void lrc_rows_read(const lrc_table *table, const lrc_rows *rows, size_t array, size_t first,
                   size_t n, void *block);
/* The other way. */
void lrc_rows_write(const lrc_table *table, const lrc_rows *rows, size_t array, size_t first,
                    size_t n, const void *block);
/* Says that these elements of all arrays are wanted soon: rows that lie apart come from memory one
 * by one, since no processor foresees where the next begins. */
void lrc_rows_foretell(const lrc_rows *rows, size_t first, size_t n);

#endif
