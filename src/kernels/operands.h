/* The loops that take elements out of arrays of every format and put them back. Included like
 * blocks.h; refuses to compute anything. */

#define FORMAT(name, storage, number, fetch, store)                                                \
    static void NAME(fetch_##name)(void *restrict to_data, const char *from, ptrdiff_t stride,     \
                                   size_t n)                                                       \
    {                                                                                              \
        real *to = to_data;                                                                        \
        for (size_t i = 0; i < n; i++, from += stride) {                                           \
            const storage x = *(const storage *)(const void *)from;                                \
            to[i] = (real)(fetch);                                                                 \
        }                                                                                          \
    }
#include "formats.def"

#define FORMAT(name, storage, number, fetch, store)                                                \
    ONLY(                                                                                          \
        SUFFIX, number,                                                                            \
        static void NAME(store_##name)(char *to, ptrdiff_t stride, const void *restrict from_data, \
                                       size_t n) {                                                 \
            const real *from = from_data;                                                          \
            for (size_t i = 0; i < n; i++, to += stride) {                                         \
                const real x = from[i];                                                            \
                *(storage *)(void *)to = (storage)(store);                                         \
            }                                                                                      \
        })
#include "formats.def"
