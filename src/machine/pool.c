#define _POSIX_C_SOURCE 200809L /* pthread_sigmask, with -std=c11 */
#include "pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { MAX_WORKERS = 255 };

static atomic_int num_threads;

typedef struct {
    lrc_pool_body *body;
    void *context;
    size_t count, grain;
} lrc_items;

/* All but next is guarded by lock. Workers sleep on wake; a spinning worker would take the core
 * that the BLAS between two steps wants. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    int workers;       /* started, and for ever */
    bool busy;         /* a loop is under way */
    int places;        /* workers that may still join it */
    int working;       /* workers that have joined it and not finished */
    lrc_items items;
    atomic_size_t next; /* the first item that nobody has taken */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

int lrc_get_num_threads(void)
{
    return atomic_load_explicit(&num_threads, memory_order_relaxed);
}

void lrc_set_num_threads(int threads)
{
    atomic_store_explicit(&num_threads, threads, memory_order_relaxed);
}

static void drain(lrc_items items)
{
    for (;;) {
        const size_t begin =
            atomic_fetch_add_explicit(&pool.next, items.grain, memory_order_relaxed);
        if (begin >= items.count)
            return;
        const size_t left = items.count - begin;
        items.body(items.context, begin, begin + (left < items.grain ? left : items.grain));
    }
}

static void *work(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        while (pool.places == 0)
            pthread_cond_wait(&pool.wake, &pool.lock);
        pool.places--;
        pool.working++;
        const lrc_items items = pool.items;
        pthread_mutex_unlock(&pool.lock);
        drain(items);
        pthread_mutex_lock(&pool.lock);
        if (--pool.working == 0)
            pthread_cond_signal(&pool.done);
    }
    return NULL;
}

static void before_fork(void)
{
    pthread_mutex_lock(&pool.lock);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&pool.lock);
}

/* Only the forking thread lives on in the child: no workers, no loop under way. */
static void after_fork_in_child(void)
{
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.wake, NULL);
    pthread_cond_init(&pool.done, NULL);
    pool.workers = pool.places = pool.working = 0;
    pool.busy = false;
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* Called with the lock held. Signals stay with the threads that Python knows. */
static void start_workers(int wanted)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (pool.workers < wanted && pool.workers < MAX_WORKERS) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, NULL) != 0)
            break;
        pthread_detach(thread);
        pool.workers++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Whether the loop is now the pool's; otherwise another thread's loop is under way. */
static bool open_loop(lrc_items items, int helpers)
{
    pthread_mutex_lock(&pool.lock);
    const bool free = !pool.busy;
    if (free) {
        start_workers(helpers);
        pool.busy = true;
        pool.items = items;
        atomic_store_explicit(&pool.next, 0, memory_order_relaxed);
        pool.places = helpers < pool.workers ? helpers : pool.workers;
        if (pool.places == 1)
            pthread_cond_signal(&pool.wake);
        else
            pthread_cond_broadcast(&pool.wake);
    }
    pthread_mutex_unlock(&pool.lock);
    return free;
}

/* Waits for the workers that joined; those still waking up find no place any more. */
static void close_loop(void)
{
    pthread_mutex_lock(&pool.lock);
    pool.places = 0;
    while (pool.working > 0)
        pthread_cond_wait(&pool.done, &pool.lock);
    pool.busy = false;
    pthread_mutex_unlock(&pool.lock);
}

void lrc_pool_run(size_t count, size_t grain, int threads, lrc_pool_body *body, void *context)
{
    const lrc_items items = {body, context, count, grain};
    const size_t parts = count / grain + (count % grain != 0);
    const size_t useful = parts < (size_t)threads ? parts : (size_t)threads;
    if (useful < 2 || !open_loop(items, (int)useful - 1)) {
        body(context, 0, count);
        return;
    }
    drain(items);
    close_loop();
}
