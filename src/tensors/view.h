/* Strided arrays as runs of elements: copies a part of one to or from a flat block of numbers, in
 * whatever format it is stored. Refuses to compute anything. */
#ifndef LRC_VIEW_H
#define LRC_VIEW_H

#include "table.h"

extern const ptrdiff_t lrc_item_size[LRC_DTYPES];

/* Elements are numbered with the last axis varying fastest. stride is in bytes; no axis is
 * empty. */
typedef struct {
    char *data;
    int format;
    int ndim;
    ptrdiff_t *shape;
    ptrdiff_t *stride;
} lrc_view;

/* Elements first .. first + n of view to block, as dtype. */
void lrc_view_read(const lrc_table *table, int dtype, const lrc_view *view, size_t first, size_t n,
                   void *block);
/* Elements first .. first + n of view from block, which is of dtype. */
void lrc_view_write(const lrc_table *table, int dtype, const lrc_view *view, size_t first, size_t n,
                    const void *block);

/* Where n flat elements of dtype can be read, from the given one on: in place in array, or if
 * there is a view of it, in block. */
static inline const void *lrc_view_block(const lrc_table *table, int dtype, const lrc_view *view,
                                         const void *array, size_t first, size_t n, void *block)
{
    if (!view)
        return (const char *)array + first * (size_t)lrc_item_size[dtype];
    lrc_view_read(table, dtype, view, first, n, block);
    return block;
}

#endif
