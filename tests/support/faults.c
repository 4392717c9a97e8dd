/* Loaded before libc: counts the allocations and thread starts of a process from faults_arm on, and
 * lets one of each fail. Needs glibc, whose allocator has these second names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_bool armed;
static atomic_long allocations, threads;
static long bad_allocation, bad_thread, bad_threads;

static bool fails(void)
{
    return atomic_load(&armed) && atomic_fetch_add(&allocations, 1) + 1 == bad_allocation;
}

/* Fails the allocation-th allocation, and as many thread starts from the thread-th on. Counted from
 * 1; 0 fails none. */
void faults_arm(long allocation, long thread, long as_many)
{
    bad_allocation = allocation;
    bad_thread = thread;
    bad_threads = as_many;
    atomic_store(&allocations, 0);
    atomic_store(&threads, 0);
    atomic_store(&armed, true);
}

/* The allocations since faults_arm. */
long faults_disarm(void)
{
    atomic_store(&armed, false);
    return atomic_load(&allocations);
}

long faults_threads(void)
{
    return atomic_load(&threads);
}

void *malloc(size_t n)
{
    if (!fails())
        return __libc_malloc(n);
    errno = ENOMEM;
    return NULL;
}

void *calloc(size_t n, size_t size)
{
    if (!fails())
        return __libc_calloc(n, size);
    errno = ENOMEM;
    return NULL;
}

void *realloc(void *old, size_t n)
{
    if (!fails())
        return __libc_realloc(old, n);
    errno = ENOMEM;
    return NULL;
}

void *memalign(size_t alignment, size_t n)
{
    if (!fails())
        return __libc_memalign(alignment, n);
    errno = ENOMEM;
    return NULL;
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return memalign(alignment, n);
}

int posix_memalign(void **place, size_t alignment, size_t n)
{
    void *const block = memalign(alignment, n);
    if (block != NULL)
        *place = block;
    return block != NULL ? 0 : ENOMEM;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument)
{
    static int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (create == NULL)
        create = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(
            RTLD_NEXT, "pthread_create");
    if (atomic_load(&armed)) {
        const long n = atomic_fetch_add(&threads, 1) + 1;
        if (n >= bad_thread && n < bad_thread + bad_threads)
            return EAGAIN;
    }
    return create(thread, attributes, run, argument);
}
