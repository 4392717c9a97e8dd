#define _GNU_SOURCE /* sched_getcpu, and with -std=c11 pthread_sigmask and clock_gettime */
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

enum {
    MAX_WORKERS = 255,
    LINE = 64,       /* bytes */
    MOMENT = 50000,  /* nanoseconds: about what it takes to wake a worker */
    PAUSES = 32      /* between two looks at the clock: about a microsecond */
};

enum { IDLE, CALLED, WORKING };

static atomic_int num_threads;

/* The caller is number 0 and has but a share. A worker is called by whoever opens a loop, joins it
 * or not, and is idle again once it has finished or the loop was closed before it came. */
typedef struct {
    _Alignas(LINE) atomic_int call;
    atomic_bool asleep;
    pthread_cond_t wake;
    _Alignas(LINE) atomic_size_t taken; /* of its parts; more than there are, once all are */
    size_t begin, end;
} lrc_member;

static struct {
    pthread_mutex_t lock; /* of falling asleep, waking and starting */
    pthread_cond_t done;
    atomic_int workers;    /* started, and for ever */
    atomic_bool waiting;   /* for done */
    atomic_bool attentive; /* whether idle workers stay awake for a moment */
    atomic_bool closely;   /* whether the last expectation followed within a moment */
    atomic_llong dismissed; /* when, in nanoseconds */
    atomic_int core;        /* of the last expectation */
    atomic_bool busy; /* a loop is under way, and what follows belongs to who opened it */
    lrc_pool_loop loop;
    size_t team; /* members that have a share */
    lrc_member member[MAX_WORKERS + 1];
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

int lrc_get_num_threads(void)
{
    return atomic_load_explicit(&num_threads, memory_order_relaxed);
}

void lrc_set_num_threads(int threads)
{
    atomic_store_explicit(&num_threads, threads, memory_order_relaxed);
}

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Whether a call becomes another within a moment, or as long as there is reason to wait. Giving the
 * core to others meanwhile would cost a slice of time where there are any. */
static bool changes(const atomic_int *call, int from, const atomic_bool *reason)
{
    const long long end = now() + MOMENT;
    do {
        for (int i = 0; i < PAUSES; i++) {
            if (atomic_load_explicit(call, memory_order_acquire) != from)
                return true;
            relax();
        }
    } while (atomic_load_explicit(reason, memory_order_relaxed) && now() < end);
    return false;
}

static void run_part(const lrc_pool_loop *loop, size_t part)
{
    const size_t begin = part * loop->grain, left = loop->count - begin;
    loop->body(loop->context, begin, begin + (left < loop->grain ? left : loop->grain));
}

static void drain(size_t me)
{
    const lrc_pool_loop loop = pool.loop;
    for (size_t i = 0; i < pool.team; i++) {
        lrc_member *const member = &pool.member[(me + i) % pool.team];
        const size_t parts = member->end - member->begin;
        for (;;) {
            const size_t k = atomic_fetch_add_explicit(&member->taken, 1, memory_order_relaxed);
            if (k >= parts)
                break;
            run_part(&loop, loop.backwards ? member->end - 1 - k : member->begin + k);
        }
    }
}

/* A worker that is woken on the core of the caller may be left there though another is free: for the
 * kernel of a virtual machine those that are halted are not idle. Only Linux tells. */
enum { OF_CALLER = -1, OF_WORKER = -2 };
#ifdef __linux__
static int core(int unknown)
{
    (void)unknown;
    return sched_getcpu();
}

/* Goes to another core, if this thread is allowed on one. Whoever changes meanwhile what it is
 * allowed has the last word. */
static bool leave(int core)
{
    cpu_set_t allowed, others, found;
    CPU_ZERO(&allowed); /* so that it stays where there are more cores than have room in it */
    sched_getaffinity(0, sizeof allowed, &allowed);
    others = allowed;
    CPU_CLR((size_t)core, &others);
    if (sched_setaffinity(0, sizeof others, &others) != 0)
        return false;
    sched_getaffinity(0, sizeof found, &found);
    if (CPU_EQUAL(&found, &others))
        sched_setaffinity(0, sizeof allowed, &allowed);
    return true;
}
#else
static int core(int unknown)
{
    return unknown;
}

static bool leave(int core)
{
    (void)core;
    return false;
}
#endif

static void fall_asleep(lrc_member *me)
{
    pthread_mutex_lock(&pool.lock);
    atomic_store(&me->asleep, true);
    while (atomic_load(&me->asleep) && atomic_load(&me->call) == IDLE)
        pthread_cond_wait(&me->wake, &pool.lock);
    atomic_store(&me->asleep, false);
    pthread_mutex_unlock(&pool.lock);
}

static void wake(lrc_member *member)
{
    if (!atomic_load(&member->asleep))
        return;
    pthread_mutex_lock(&pool.lock);
    atomic_store(&member->asleep, false);
    pthread_cond_signal(&member->wake);
    pthread_mutex_unlock(&pool.lock);
}

static void finish(lrc_member *me)
{
    atomic_store(&me->call, IDLE);
    if (!atomic_load(&pool.waiting))
        return;
    pthread_mutex_lock(&pool.lock);
    pthread_cond_signal(&pool.done);
    pthread_mutex_unlock(&pool.lock);
}

static void await(lrc_member *member)
{
    if (changes(&member->call, WORKING, &pool.busy))
        return;
    pthread_mutex_lock(&pool.lock);
    atomic_store(&pool.waiting, true);
    while (atomic_load(&member->call) == WORKING)
        pthread_cond_wait(&pool.done, &pool.lock);
    atomic_store(&pool.waiting, false);
    pthread_mutex_unlock(&pool.lock);
}

static bool replace(atomic_int *call, int from, int to)
{
    return atomic_compare_exchange_strong(call, &from, to);
}

static bool is_apart(void)
{
    const int mine = core(OF_WORKER);
    return mine != atomic_load(&pool.core) || leave(mine);
}

static void *work(void *self)
{
    lrc_member *const me = self;
    for (;;) {
        const bool apart = is_apart();
        if (replace(&me->call, CALLED, WORKING)) {
            drain((size_t)(me - pool.member));
            finish(me);
        } else if (!apart || !changes(&me->call, IDLE, &pool.attentive)) {
            fall_asleep(me);
        }
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
    pthread_cond_init(&pool.done, NULL);
    atomic_store(&pool.workers, 0);
    atomic_store(&pool.busy, false);
    atomic_store(&pool.waiting, false);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static bool start_worker(lrc_member *member)
{
    pthread_t thread;
    pthread_cond_init(&member->wake, NULL);
    atomic_store(&member->call, IDLE);
    atomic_store(&member->asleep, false);
    if (pthread_create(&thread, NULL, work, member) != 0)
        return false;
    pthread_detach(thread);
    return true;
}

/* Gives the number of workers there are of those wanted. Signals stay with the threads that Python
 * knows. */
static int start_workers(int wanted)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int workers = atomic_load(&pool.workers);
    if (workers >= wanted)
        return wanted;
    pthread_once(&once, watch_forks);
    sigset_t all, old;
    sigfillset(&all);
    pthread_mutex_lock(&pool.lock);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    workers = atomic_load(&pool.workers);
    while (workers < wanted && workers < MAX_WORKERS && start_worker(&pool.member[workers + 1]))
        atomic_store(&pool.workers, ++workers);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_mutex_unlock(&pool.lock);
    return workers < wanted ? workers : wanted;
}

int lrc_pool_expect(int threads, bool worth_waking)
{
    const bool closely = now() - atomic_load(&pool.dismissed) < MOMENT;
    atomic_store(&pool.closely, closely);
    if (!closely && !worth_waking)
        return 1;
    atomic_store(&pool.attentive, true);
    atomic_store(&pool.core, core(OF_CALLER));
    for (int i = start_workers(threads - 1); i > 0; i--)
        wake(&pool.member[i]);
    return threads;
}

void lrc_pool_dismiss(void)
{
    atomic_store(&pool.attentive, atomic_load(&pool.closely));
    atomic_store(&pool.dismissed, now());
}

/* Calls up to so many workers to a loop of so many parts. */
static void call(size_t parts, int workers)
{
    pool.team = (size_t)start_workers(workers) + 1;
    for (size_t i = 0; i < pool.team; i++) {
        atomic_store_explicit(&pool.member[i].taken, 0, memory_order_relaxed);
        pool.member[i].begin = parts * i / pool.team;
        pool.member[i].end = parts * (i + 1) / pool.team;
    }
    for (size_t i = 1; i < pool.team; i++)
        atomic_store(&pool.member[i].call, CALLED);
    for (size_t i = 1; i < pool.team; i++)
        wake(&pool.member[i]);
}

/* Waits for the workers that have joined; those still waking up are not called any more. */
static void dissolve(void)
{
    for (size_t i = 1; i < pool.team; i++)
        replace(&pool.member[i].call, CALLED, IDLE);
    for (size_t i = 1; i < pool.team; i++)
        await(&pool.member[i]);
}

static void run_alone(const lrc_pool_loop *loop, size_t parts)
{
    if (!loop->backwards)
        loop->body(loop->context, 0, loop->count);
    else
        while (parts-- > 0)
            run_part(loop, parts);
}

void lrc_pool_run(const lrc_pool_loop *loop, int threads)
{
    const size_t parts = loop->count / loop->grain + (loop->count % loop->grain != 0);
    const size_t useful = parts < (size_t)threads ? parts : (size_t)threads;
    if (useful < 2 || atomic_exchange(&pool.busy, true)) {
        run_alone(loop, parts);
        return;
    }
    pool.loop = *loop;
    call(parts, (int)useful - 1);
    drain(0);
    dissolve();
    atomic_store(&pool.busy, false);
}
