#include "stage.h"

/* The place of the number that belongs to an element, in state that is not like the parameter. */
static size_t place(const lrc_own *own, int shape, size_t element)
{
    const size_t row = element / own->columns;
    if (shape == LRC_COLS)
        return row / own->rows * own->columns + element % own->columns;
    return shape == LRC_ROWS ? row : 0;
}

void lrc_stage(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n,
               lrc_staged *staged)
{
    const lrc_recipe *recipe = &job->recipes[tensor->recipe];
    const lrc_own *own = tensor->own;
    void **at = staged->at;
    lrc_locate(tensor, recipe->dtype, offset, at);
    for (size_t k = 0; k < own->n_arrays; k++) {
        const lrc_view *view = k == 1 ? tensor->logical : own->logical[k];
        if (view) {
            lrc_view_read(job->table, recipe->dtype, view, offset, n, &staged->block[k]);
            at[k] = &staged->block[k];
        } else if (own->shape[k] != LRC_LIKE) {
            at[k] = (char *)tensor->array[k] +
                    place(own, own->shape[k], offset) * (size_t)lrc_item_size[recipe->dtype];
        }
    }
    lrc_change_gradient(job, tensor, at, n, &staged->block[1]);
}

void lrc_unstage(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n,
                 const lrc_staged *staged, bool parameter)
{
    const int dtype = job->recipes[tensor->recipe].dtype;
    for (size_t k = 0; k < tensor->own->n_arrays; k++)
        if (tensor->own->logical[k] && (k > 1 || parameter))
            lrc_view_write(job->table, dtype, tensor->own->logical[k], offset, n,
                           &staged->block[k]);
}
