#include "view.h"

enum { MAX_NDIM = 64 }; /* NumPy 2 */

const ptrdiff_t lrc_item_size[LRC_DTYPES] = {sizeof(float), sizeof(double)};

/* Walks elements first .. first + n of view row by row; writing says which side the view is. */
static void copy(const lrc_kernels *kernels, int dtype, const lrc_view *view, size_t first,
                 size_t n, char *block, bool writing)
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
        if (writing)
            kernels->store[view->format](row, view->stride[last], block, count);
        else
            kernels->fetch[view->format](block, row, view->stride[last], count);
        block += count * (size_t)lrc_item_size[dtype];
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

void lrc_view_read(const lrc_table *table, int dtype, const lrc_view *view, size_t first, size_t n,
                   void *block)
{
    copy((*table)[dtype], dtype, view, first, n, block, false);
}

void lrc_view_write(const lrc_table *table, int dtype, const lrc_view *view, size_t first, size_t n,
                    const void *block)
{
    copy((*table)[dtype], dtype, view, first, n, (char *)block, true);
}
