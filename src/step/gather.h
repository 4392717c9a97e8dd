/* Gradients of several calls, added up in the order of these. Refuses to know how many there are. */
#ifndef LRC_GATHER_H
#define LRC_GATHER_H

#include "job.h"

/* Whether the sums with the gradients of this call are finite. Changes nothing. */
bool lrc_sums_finite(lrc_job *job);
/* Adds the gradients of this call, and divides the sums by job->divisor. */
void lrc_gather(lrc_job *job);

#endif
