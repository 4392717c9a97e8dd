#include "rows.h"

#include <string.h>

enum {
    DIGIT_BITS = 11, /* so that counts of one digit fit the first-level cache */
    DIGITS = 1 << DIGIT_BITS,
    LINE = 64,
    FORETOLD = 8 * LINE, /* of a row: from there on the processor sees where it goes */
};

static size_t digit(int64_t row, int shift)
{
    return (size_t)(row >> shift) & (DIGITS - 1);
}

/* from -> to, sorted by one digit of the row; those that are alike keep their order. */
static void sort_by_digit(const lrc_rows *rows, const size_t *from, size_t *to, int shift)
{
    size_t place[DIGITS] = {0}, total = 0;
    for (size_t i = 0; i < rows->n; i++)
        place[digit(rows->given[i], shift)]++;
    for (size_t k = 0; k < DIGITS; k++) {
        const size_t count = place[k];
        place[k] = total;
        total += count;
    }
    for (size_t i = 0; i < rows->n; i++)
        to[place[digit(rows->given[from[i]], shift)]++] = from[i];
}

/* The largest row, or 0 if they ascend as they are. */
static int64_t largest(const lrc_rows *rows)
{
    int64_t most = 0;
    bool ascending = true;
    for (size_t i = 0; i < rows->n; i++) {
        ascending = ascending && rows->given[i] >= most;
        most = rows->given[i] > most ? rows->given[i] : most;
    }
    return ascending ? 0 : most;
}

void lrc_rows_sort(lrc_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        rows->order[i] = i;
    int shift = 0;
    for (int64_t left = largest(rows); left > 0; left >>= DIGIT_BITS, shift += DIGIT_BITS) {
        size_t *const sorted = rows->spare;
        sort_by_digit(rows, rows->order, sorted, shift);
        rows->spare = rows->order;
        rows->order = sorted;
    }
    rows->touched = 0;
    for (size_t i = 0; i < rows->n; i++)
        if (i == 0 || rows->given[rows->order[i]] != rows->given[rows->order[i - 1]])
            rows->first[rows->touched++] = i;
    rows->first[rows->touched] = rows->n;
}

void lrc_rows_add_up(const lrc_table *table, const lrc_rows *rows, size_t begin, size_t end)
{
    const lrc_kernels *kernels = (*table)[rows->dtype];
    const size_t bytes = rows->width * (size_t)lrc_item_size[rows->dtype];
    memset(rows->sums + begin * bytes, 0, (end - begin) * bytes);
    for (size_t k = begin; k < end; k++) {
        char *const sum = rows->sums + k * bytes;
        for (size_t i = rows->first[k]; i < rows->first[k + 1]; i++)
            kernels->add(sum, sum, rows->gradient + rows->order[i] * bytes, rows->width);
    }
}

static char *row_of(const lrc_rows *rows, const lrc_rows_array *array, size_t k)
{
    return array->data + rows->given[rows->order[rows->first[k]]] * array->stride;
}

static void copy_part(const lrc_table *table, const lrc_rows *rows, const lrc_rows_array *array,
                      size_t k, size_t column, size_t n, char *block, bool writing)
{
    const size_t item = (size_t)lrc_item_size[rows->dtype];
    char *const row = row_of(rows, array, k);
    if (!array->view) {
        memcpy(writing ? row + column * item : block, writing ? block : row + column * item,
               n * item);
        return;
    }
    lrc_view view = *array->view;
    view.data = row;
    if (writing)
        lrc_view_write(table, rows->dtype, &view, column, n, block);
    else
        lrc_view_read(table, rows->dtype, &view, column, n, block);
}

static void copy(const lrc_table *table, const lrc_rows *rows, size_t array, size_t first, size_t n,
                 char *block, bool writing)
{
    const size_t item = (size_t)lrc_item_size[rows->dtype];
    size_t k = first / rows->width, column = first % rows->width;
    for (size_t part; n > 0; n -= part, k++, column = 0) {
        part = n < rows->width - column ? n : rows->width - column;
        copy_part(table, rows, &rows->array[array], k, column, part, block, writing);
        block += part * item;
    }
}

void lrc_rows_read(const lrc_table *table, const lrc_rows *rows, size_t array, size_t first,
                   size_t n, void *block)
{
    copy(table, rows, array, first, n, block, false);
}

void lrc_rows_write(const lrc_table *table, const lrc_rows *rows, size_t array, size_t first,
                    size_t n, const void *block)
{
    copy(table, rows, array, first, n, (char *)block, true);
}

void lrc_rows_foretell(const lrc_rows *rows, size_t first, size_t n)
{
    const size_t bytes = rows->width * (size_t)lrc_item_size[rows->dtype];
    const size_t begin = first / rows->width, end = (first + n + rows->width - 1) / rows->width;
    for (size_t k = begin; k < end; k++)
        for (size_t i = 0; i < rows->n_arrays; i++)
            for (size_t at = 0; at < bytes && at < FORETOLD; at += LINE)
                __builtin_prefetch(row_of(rows, &rows->array[i], k) + at);
}
