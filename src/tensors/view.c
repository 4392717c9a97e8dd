#include "view.h"

enum { MAX_NDIM = 64 }; /* NumPy 2 */

const ptrdiff_t lrc_item_size[LRC_DTYPES] = {sizeof(float), sizeof(double)};

typedef struct {
    char *at;
    ptrdiff_t stride;
    int dtype;
} lrc_run;

#define PAIR(to, from) ((to) * LRC_DTYPES + (from))

#define COPY(to_type, from_type)                                                                   \
    for (size_t i = 0; i < n; i++, to.at += to.stride, from.at += from.stride) {                   \
        *(to_type *)(void *)to.at = (to_type) * (const from_type *)(const void *)from.at;          \
    }

static void copy_run(lrc_run to, lrc_run from, size_t n)
{
    switch (PAIR(to.dtype, from.dtype)) {
    case PAIR(LRC_FLOAT32, LRC_FLOAT32):
        COPY(float, float)
        break;
    case PAIR(LRC_FLOAT32, LRC_FLOAT64):
        COPY(float, double)
        break;
    case PAIR(LRC_FLOAT64, LRC_FLOAT32):
        COPY(double, float)
        break;
    default:
        COPY(double, double)
        break;
    }
}

/* Walks elements first .. first + n of view row by row; writing says which side the view is. */
static void copy(const lrc_view *view, size_t first, size_t n, lrc_run block, bool writing)
{
    ptrdiff_t index[MAX_NDIM];
    const int last = view->ndim - 1;
    char *row = view->data;
    for (int axis = last; axis >= 0; axis--) {
        index[axis] = (ptrdiff_t)(first % (size_t)view->shape[axis]);
        first /= (size_t)view->shape[axis];
        row += index[axis] * view->stride[axis];
    }
    while (n > 0) {
        const size_t left = (size_t)(view->shape[last] - index[last]);
        const size_t count = n < left ? n : left;
        const lrc_run part = {row, view->stride[last], view->dtype};
        if (writing)
            copy_run(part, block, count);
        else
            copy_run(block, part, count);
        block.at += (ptrdiff_t)count * block.stride;
        n -= count;
        row -= index[last] * view->stride[last];
        index[last] = 0;
        for (int axis = last - 1; axis >= 0; axis--) {
            row += view->stride[axis];
            if (++index[axis] < view->shape[axis])
                break;
            row -= view->shape[axis] * view->stride[axis];
            index[axis] = 0;
        }
    }
}

void lrc_view_read(const lrc_view *view, size_t first, size_t n, void *block, int dtype)
{
    copy(view, first, n, (lrc_run){block, lrc_item_size[dtype], dtype}, false);
}

void lrc_view_write(const lrc_view *view, size_t first, size_t n, const void *block)
{
    const lrc_run from = {(char *)block, lrc_item_size[view->dtype], view->dtype};
    copy(view, first, n, from, true);
}
