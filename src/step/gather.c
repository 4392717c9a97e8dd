#include "gather.h"

#include "reduce.h"
#include "stage.h"

#include <string.h>

static void *sums_at(const lrc_job *job, const lrc_tensor *tensor, size_t offset)
{
    const int dtype = job->recipes[tensor->recipe].dtype;
    return (char *)tensor->gathered + offset * (size_t)lrc_item_size[dtype];
}

/* The sums of n elements with this call's gradient, to out. */
static void add_block(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n,
                      void *out)
{
    const int dtype = job->recipes[tensor->recipe].dtype;
    lrc_block block;
    const void *g = lrc_view_block(job->table, dtype, lrc_view_of_gradient(tensor),
                                   tensor->array[1], offset, n, &block);
    if (job->fresh)
        memcpy(out, g, n * (size_t)lrc_item_size[dtype]);
    else
        (*job->table)[dtype]->add(out, sums_at(job, tensor, offset), g, n);
}

static void finite_chunk(lrc_job *job, const lrc_tensor *tensor, size_t chunk, size_t offset,
                         size_t n)
{
    const lrc_kernels *kernels = (*job->table)[job->recipes[tensor->recipe].dtype];
    bool finite = true;
    lrc_block sums;
    for (size_t done = 0; done < n; done += LRC_BLOCK) {
        const size_t count = lrc_up_to_a_block(n - done);
        add_block(job, tensor, offset + done, count, &sums);
        finite = kernels->finite(&sums, count) && finite;
    }
    job->partial[chunk] = finite ? 0 : 1;
}

/* Block by block, so that what is divided is in the nearest cache. */
static void gather_chunk(lrc_job *job, const lrc_tensor *tensor, size_t chunk, size_t offset,
                         size_t n)
{
    const lrc_kernels *kernels = (*job->table)[job->recipes[tensor->recipe].dtype];
    (void)chunk;
    for (size_t done = 0; done < n; done += LRC_BLOCK) {
        const size_t count = lrc_up_to_a_block(n - done);
        void *sums = sums_at(job, tensor, offset + done);
        add_block(job, tensor, offset + done, count, sums);
        if (job->divisor != 1)
            kernels->divide(sums, count, job->divisor);
    }
}

bool lrc_sums_finite(lrc_job *job)
{
    return job->fresh ? lrc_finite(job) : lrc_sum_of_chunks(job, finite_chunk) == 0;
}

void lrc_gather(lrc_job *job)
{
    lrc_each_chunk(job, gather_chunk);
}
