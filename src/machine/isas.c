#include "isas.h"

#ifdef __AVX__
#error "this object must run on every machine: leave -mavx and the like out of CFLAGS"
#endif

#if defined(__x86_64__)

extern const lrc_table lrc_kernels_baseline;
extern const lrc_table lrc_kernels_avx2;
extern const lrc_table lrc_kernels_avx512;

/* Each feature by its own name: "x86-64-v3" is refused by clang 14 and 16. The compiler's test
 * includes whether the operating system saves the registers. */
size_t lrc_find_isas(lrc_isa isas[LRC_MAX_ISAS])
{
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl");
    size_t n = 0;
    isas[n++] = (lrc_isa){"baseline", &lrc_kernels_baseline, true};
    isas[n++] = (lrc_isa){"avx2", &lrc_kernels_avx2, avx2};
    isas[n++] = (lrc_isa){"avx512", &lrc_kernels_avx512, avx512};
    return n;
}

#else

/* On 64-bit Arm the baseline is NEON; elsewhere whatever the compiler takes for granted. */
extern const lrc_table lrc_kernels_baseline;

size_t lrc_find_isas(lrc_isa isas[LRC_MAX_ISAS])
{
    isas[0] = (lrc_isa){"baseline", &lrc_kernels_baseline, true};
    return 1;
}

#endif
