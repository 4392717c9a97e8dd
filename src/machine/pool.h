/* A small thread pool for loops over independent items. Refuses to be general: one loop at a time,
 * no nesting, no return values. The calling thread always works; others join it if they can. */
#ifndef LRC_POOL_H
#define LRC_POOL_H

#include <stdbool.h>
#include <stddef.h>

typedef void lrc_pool_body(void *context, size_t begin, size_t end);

typedef struct {
    lrc_pool_body *body;
    void *context;
    size_t count; /* items */
    size_t grain; /* items at a time */
    bool backwards; /* from the last to the first, each grain forwards */
} lrc_pool_loop;

/* Says that loops of up to so many threads follow at once, so that workers wake up meanwhile; gives
 * the number of threads to use. Unless they are worth waking for, that is 1 while workers sleep. */
int lrc_pool_expect(int threads, bool worth_waking);
/* Says that there are no more. Workers stay awake for a moment if the last expectation came within
 * a moment of the end of the one before, and else go to sleep. */
void lrc_pool_dismiss(void);

/* Runs a loop on up to threads threads including the caller's: each goes through a range of its
 * own, as the prefetcher of its core wants it, and then through what others have left. Where another
 * loop is under way, or threads cannot be had, fewer work; the caller suffices. */
void lrc_pool_run(const lrc_pool_loop *loop, int threads);

/* How many threads a step may use; 0 until somebody has decided. Visible to threadpoolctl. */
__attribute__((visibility("default"))) int lrc_get_num_threads(void);
__attribute__((visibility("default"))) void lrc_set_num_threads(int threads);

#endif
