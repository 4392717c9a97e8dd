#include "reduce.h"

#include <math.h>

/* Squares of doubles beyond 2^511 overflow and those below 2^-511 vanish. When the sum shows signs
 * of either, it is taken again of elements multiplied by a power of two. */

static void squares_chunk(lrc_job *job, const lrc_tensor *tensor, size_t chunk, size_t offset,
                          size_t n)
{
    const int dtype = job->recipes[tensor->recipe].dtype;
    const lrc_kernels *kernels = (*job->table)[dtype];
    double sum = 0;
    for (size_t done = 0; done < n; done += LRC_BLOCK) {
        const size_t count = n - done < LRC_BLOCK ? n - done : LRC_BLOCK;
        lrc_block block;
        const void *g = lrc_view_block(job->table, dtype, tensor->logical, tensor->flat,
                                       offset + done, count, &block);
        sum += kernels->squares(g, count, job->factor);
    }
    job->partial[chunk] = sum;
}

static void finite_chunk(lrc_job *job, const lrc_tensor *tensor, size_t chunk, size_t offset,
                         size_t n)
{
    const int dtype = job->recipes[tensor->recipe].dtype;
    const lrc_kernels *kernels = (*job->table)[dtype];
    const size_t most = tensor->logical ? LRC_BLOCK : n; /* what need not be staged, in one go */
    bool finite = true;
    for (size_t done = 0; done < n; done += most) {
        const size_t count = n - done < most ? n - done : most;
        lrc_block block;
        const void *g = lrc_view_block(job->table, dtype, tensor->logical, tensor->flat,
                                       offset + done, count, &block);
        finite = kernels->finite(g, count) && finite;
    }
    job->partial[chunk] = finite ? 0 : 1;
}

static double sum_of_chunks(lrc_job *job, lrc_chunk_function *function)
{
    double sum = 0;
    lrc_each_chunk_before_others(job, function);
    for (size_t chunk = 0; chunk < job->n_chunks; chunk++)
        sum += job->partial[chunk];
    return sum;
}

void lrc_squares(lrc_job *job, double factor)
{
    job->factor = factor;
    lrc_each_chunk(job, squares_chunk);
}

bool lrc_finite(lrc_job *job)
{
    return sum_of_chunks(job, finite_chunk) == 0;
}

double lrc_norm(lrc_job *job)
{
    job->factor = 1;
    double sum = sum_of_chunks(job, squares_chunk);
    if (sum < LRC_SMALL_SUM)
        job->factor = LRC_ENLARGE;
    else if (!isfinite(sum) && lrc_finite(job))
        job->factor = 1 / LRC_ENLARGE;
    if (job->factor != 1)
        sum = sum_of_chunks(job, squares_chunk);
    return sqrt(sum);
}
