/* A small thread pool for loops over independent items. Refuses to be general: one loop at a time,
 * no nesting, no return values. The calling thread always works; others join it if they can. */
#ifndef LRC_POOL_H
#define LRC_POOL_H

#include <stddef.h>

typedef void lrc_pool_body(void *context, size_t begin, size_t end);

/* Runs body over items 0 .. count, grain at a time, on up to threads threads including the
 * caller's. Where another loop is under way, or threads cannot be had, fewer work; the caller
 * suffices. */
void lrc_pool_run(size_t count, size_t grain, int threads, lrc_pool_body *body, void *context);

/* How many threads a step may use; 0 until somebody has decided. Visible to threadpoolctl. */
__attribute__((visibility("default"))) int lrc_get_num_threads(void);
__attribute__((visibility("default"))) void lrc_set_num_threads(int threads);

#endif
