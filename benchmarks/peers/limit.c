/* What the machine allows: the bytes of a step without its arithmetic, and the arithmetic that
 * takes longest without its bytes. Called by compiled.py and bounds.py through ctypes. */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef struct {
    size_t arrays;
    const size_t *n;
    uint32_t **p, **g, **s;
    int states, parts;
} job;
typedef struct {
    int part;
    sem_t go;
} worker;

static job current;
enum { MOST_THREADS = 256 };
static worker workers[MOST_THREADS];
static int started = 1;
static sem_t done;

static void stream_range(uint32_t *restrict p, const uint32_t *restrict g, uint32_t *restrict a,
                         uint32_t *restrict b, size_t n, int states)
{
    if (states == 1)
        for (size_t i = 0; i < n; i++) {
            a[i] ^= g[i];
            p[i] ^= g[i];
        }
    else
        for (size_t i = 0; i < n; i++) {
            a[i] ^= g[i];
            b[i] ^= g[i];
            p[i] ^= g[i];
        }
}

/* A part of each array; what comes before the first line of the cache apart, as in the step. */
static void stream_part(job j, size_t part)
{
    for (size_t k = 0; k < j.arrays; k++) {
        const size_t end = j.n[k] * (part + 1) / j.parts;
        size_t i = j.n[k] * part / j.parts, next = i;
        while (next < end && (uintptr_t)(j.p[k] + next) % 64 != 0)
            next++;
        for (int both = 0; both < 2; both++) {
            stream_range(j.p[k] + i, j.g[k] + i, j.s[k] + i, j.s[j.arrays + k] + i, next - i,
                         j.states);
            i = next;
            next = end;
        }
    }
}

static long long nanoseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Awake for a moment, as the threads of a step wait for the next one, so that it is not the
 * waking that is measured; then asleep. */
static void await(sem_t *semaphore)
{
    const long long end = nanoseconds() + 50000;
    do {
        for (int i = 0; i < 32; i++) {
            if (sem_trywait(semaphore) == 0)
                return;
            relax();
        }
        sched_yield();
    } while (nanoseconds() < end);
    sem_wait(semaphore);
}

static void *work(void *self)
{
    worker *const w = self;
    for (;;) {
        await(&w->go);
        stream_part(current, w->part);
        sem_post(&done);
    }
    return NULL;
}

void stream(size_t arrays, const size_t *n, uint32_t **p, uint32_t **g, uint32_t **s, int states,
            int threads)
{
    if (started == 1)
        sem_init(&done, 0, 0);
    for (; started < threads; started++) {
        pthread_t thread;
        workers[started].part = started;
        sem_init(&workers[started].go, 0, 0);
        pthread_create(&thread, NULL, work, &workers[started]);
    }
    current = (job){arrays, n, p, g, s, states, threads};
    for (int i = 1; i < threads; i++)
        sem_post(&workers[i].go);
    stream_part(current, 0);
    for (int i = 1; i < threads; i++)
        await(&done);
}

/* One square root and one division an element. */
void roots(size_t n, const float *x, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / (sqrtf(x[i]) + 1);
}
