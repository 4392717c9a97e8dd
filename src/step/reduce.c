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
        const size_t count = lrc_up_to_a_block(n - done);
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

double lrc_sum_of_chunks(lrc_job *job, lrc_chunk_function *function)
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
    return lrc_sum_of_chunks(job, finite_chunk) == 0;
}

double lrc_norm(lrc_job *job)
{
    job->factor = 1;
    double sum = lrc_sum_of_chunks(job, squares_chunk);
    if (sum < LRC_SMALL_SUM)
        job->factor = LRC_ENLARGE;
    else if (!isfinite(sum) && lrc_finite(job))
        job->factor = 1 / LRC_ENLARGE;
    if (job->factor != 1)
        sum = lrc_sum_of_chunks(job, squares_chunk);
    return sqrt(sum);
}

static double sum_of_own(const lrc_job *job, const lrc_tensor *tensor)
{
    double sum = 0;
    for (size_t i = 0; i < lrc_chunks(tensor->n); i++)
        sum += job->partial[tensor->first_chunk + i];
    return sum;
}

static double own_squares(lrc_job *job, const lrc_tensor *tensor, double factor)
{
    job->factor = factor;
    for (size_t offset = 0; offset < tensor->n; offset += LRC_CHUNK) {
        const size_t left = tensor->n - offset;
        squares_chunk(job, tensor, tensor->first_chunk + offset / LRC_CHUNK, offset,
                      left < LRC_CHUNK ? left : LRC_CHUNK);
    }
    return sum_of_own(job, tensor);
}

/* What brings a gradient to a norm of at most `most`; 1 for one that is not finite. sum: of its
 * squares. Of a sum that may have lost some to underflow all that matters is often that it is
 * small. */
static double own_scale(lrc_job *job, const lrc_tensor *tensor, double sum, double most)
{
    double factor = 1;
    if (sum < LRC_SMALL_SUM && most * most > 2 * LRC_SMALL_SUM)
        return 1;
    if (sum < LRC_SMALL_SUM)
        factor = LRC_ENLARGE;
    else if (!isfinite(sum))
        factor = 1 / LRC_ENLARGE;
    if (factor != 1)
        sum = own_squares(job, tensor, factor);
    const double norm = sqrt(sum) * fabs(job->scale);
    return isfinite(norm) && norm > most * factor ? most * factor / norm : 1;
}

void lrc_clip_each(lrc_job *job, double norm)
{
    const bool known = job->factor == 1 && isfinite(norm); /* else partial holds other sums */
    job->uneven = false;
    for (size_t i = 0; i < job->n_tensors; i++) {
        lrc_tensor *tensor = &job->tensors[i];
        const double most = job->recipes[tensor->recipe].most;
        if (most == (double)INFINITY)
            continue;
        tensor->scale = own_scale(
            job, tensor, known ? sum_of_own(job, tensor) : own_squares(job, tensor, 1), most);
        job->uneven = job->uneven || tensor->scale != 1;
    }
}
