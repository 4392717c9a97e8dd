/* How a part of a tensor is handed to a loop. Refuses to know which. */
#ifndef LRC_STAGE_H
#define LRC_STAGE_H

#include "job.h"

#include <stdint.h>

static inline void lrc_locate(const lrc_tensor *tensor, int dtype, size_t offset, void **at)
{
    const uintptr_t bytes = offset * (size_t)lrc_item_size[dtype];
    for (size_t i = 0; i < LRC_MAX_ARRAYS; i++)
        at[i] = (void *)((uintptr_t)tensor->array[i] + bytes);
}

static inline bool lrc_has_rows(const lrc_tensor *tensor)
{
    return tensor->own && tensor->own->columns;
}

/* In the order in which elements are numbered. */
static inline const lrc_view *lrc_view_of_gradient(const lrc_tensor *tensor)
{
    return lrc_has_rows(tensor) ? tensor->logical : tensor->gradient;
}

/* Parts of all arrays of a tensor that has some of its own. */
typedef struct {
    void *at[LRC_MAX_ARRAYS];
    lrc_block block[LRC_MAX_ARRAYS];
} lrc_staged;

/* n elements in index order, whatever the layout; of one row where the shape matters. */
void lrc_stage(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n,
               lrc_staged *staged);
/* What was changed of them goes back: state, and the parameter if it was. */
void lrc_unstage(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n,
                 const lrc_staged *staged, bool parameter);

/* The gradient in at[1] clipped and with coupled decay, in the block if anything changes. */
static inline void lrc_change_gradient(const lrc_job *job, const lrc_tensor *tensor, void **at,
                                       size_t n, lrc_block *block)
{
    const lrc_recipe *recipe = &job->recipes[tensor->recipe];
    const lrc_kernels *kernels = (*job->table)[recipe->dtype];
    if (job->clipped) {
        kernels->clip(block, at[1], n, job->scale * tensor->scale, job->limit);
        at[1] = block;
    }
    if (recipe->l2 != 0) {
        kernels->couple(block, at[1], at[0], n, recipe->l2);
        at[1] = block;
    }
}

#endif
