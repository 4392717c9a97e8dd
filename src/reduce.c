#include "reduce.h"

#include <math.h>

/* Squares of doubles beyond 2^511 overflow and those below 2^-511 vanish. When the sum shows signs
 * of either, it is taken again of elements multiplied by a power of two. */
static const double SMALL_SUM = 0x1p-900, ENLARGE = 0x1p600, REDUCE = 0x1p-600;

/* Where n gradient elements in index order can be read: in place, or in block. */
static const void *logical_block(const lrc_job *job, const lrc_tensor *tensor, size_t offset,
                                 size_t n, lrc_block *block)
{
    const int dtype = job->groups[tensor->group].dtype;
    if (!tensor->logical)
        return (const char *)tensor->flat + offset * (size_t)lrc_item_size[dtype];
    lrc_view_read(tensor->logical, offset, n, block, dtype);
    return block;
}

static void squares_chunk(lrc_job *job, const lrc_tensor *tensor, size_t chunk, size_t offset,
                          size_t n)
{
    const lrc_kernels *kernels = (*job->table)[job->groups[tensor->group].dtype];
    double sum = 0;
    for (size_t done = 0; done < n; done += LRC_BLOCK) {
        const size_t count = n - done < LRC_BLOCK ? n - done : LRC_BLOCK;
        lrc_block block;
        const void *g = logical_block(job, tensor, offset + done, count, &block);
        sum += kernels->squares(g, count, job->factor);
    }
    job->partial[chunk] = sum;
}

static void finite_chunk(lrc_job *job, const lrc_tensor *tensor, size_t chunk, size_t offset,
                         size_t n)
{
    const lrc_kernels *kernels = (*job->table)[job->groups[tensor->group].dtype];
    bool finite = true;
    for (size_t done = 0; done < n; done += LRC_BLOCK) {
        const size_t count = n - done < LRC_BLOCK ? n - done : LRC_BLOCK;
        lrc_block block;
        const void *g = logical_block(job, tensor, offset + done, count, &block);
        finite = kernels->finite(g, count) && finite;
    }
    job->partial[chunk] = finite ? 0 : 1;
}

static double sum_of_chunks(lrc_job *job, lrc_chunk_function *function)
{
    double sum = 0;
    lrc_each_chunk(job, function);
    for (size_t chunk = 0; chunk < job->n_chunks; chunk++)
        sum += job->partial[chunk];
    return sum;
}

bool lrc_finite(lrc_job *job)
{
    return sum_of_chunks(job, finite_chunk) == 0;
}

double lrc_norm(lrc_job *job)
{
    job->factor = 1;
    double sum = sum_of_chunks(job, squares_chunk);
    if (sum < SMALL_SUM)
        job->factor = ENLARGE;
    else if (!isfinite(sum) && lrc_finite(job))
        job->factor = REDUCE;
    if (job->factor != 1)
        sum = sum_of_chunks(job, squares_chunk);
    return sqrt(sum);
}
