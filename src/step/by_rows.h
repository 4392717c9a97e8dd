/* Tensors of which an update changes some rows: the elements of these, one row after another, are
 * all that a job knows of them. Refuses to change anything else. */
#ifndef LRC_BY_ROWS_H
#define LRC_BY_ROWS_H

#include "job.h"

/* The gradients of rows that were given more than once, and of all others, to where the norm and the
 * update read them. */
void lrc_add_up_rows(const lrc_job *job);
/* Elements offset .. offset + n, at most a block, with their average. */
void lrc_update_by_rows(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n);

#endif
