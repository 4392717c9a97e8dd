/* Norm and finiteness of all gradients of a job. The partial sums of the chunks are added in their
 * order, whoever computed them: the same bits for every number of threads, layout and
 * instruction set. Refuses to change anything but the job's partial sums, factor and scales. */
#ifndef LRC_REDUCE_H
#define LRC_REDUCE_H

#include "job.h"

#define LRC_ENLARGE 0x1p600

/* The Euclidean norm times job->factor, a power of two that it sets: 1 unless squares leave the
 * range of double. Not finite only if a gradient is not. */
double lrc_norm(lrc_job *job);
bool lrc_finite(lrc_job *job);
/* The sum of what function puts into job->partial for each chunk. */
double lrc_sum_of_chunks(lrc_job *job, lrc_chunk_function *function);
/* After lrc_norm, which gave norm, with the scale of all gradients: those of each by its own. */
void lrc_clip_each(lrc_job *job, double norm);
/* The sums of squares of each chunk, times the square of factor, to job->partial. */
void lrc_squares(lrc_job *job, double factor);

#endif
