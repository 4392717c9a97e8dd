/* All loops for one dtype and their row of the table. kernels.c includes this once for each dtype,
 * having defined SUFFIX, real, bits (an integer as wide as real) and TINY (the smallest normal
 * number); they are undefined again at the end. */

#define FAMILY(name, hyper, carried, folded)                                                       \
    struct NAME(name##_folded) {                                                                   \
        real folded;                                                                               \
    };
#define RULE(...)
#include "rules.def"
#undef FAMILY
#undef RULE

/* Denormal state would make every later step many times slower: it is stored as zero. */
static inline real NAME(settle)(real x)
{
    return x > -TINY && x < TINY ? 0 : x;
}
#define settle(x) NAME(settle)(x)

#include "rules.h"

#include "gradients.h"

/* clang-format off */
static const lrc_kernels NAME(kernels) = {
#define FAMILY(...)
#define RULE(name, family, state) [LRC_RULE_##name] = NAME(family##_coefficients),
    .coefficients = {
#include "rules.def"
    },
#undef RULE
#define RULE(name, family, state) [LRC_RULE_##name] = NAME(name),
    .loop = {
#include "rules.def"
    },
#undef RULE
#undef FAMILY
    .squares = NAME(squares),
    .finite = NAME(finite),
    .clip = NAME(clip),
    .couple = NAME(couple),
};
/* clang-format on */

#undef settle
#undef SUFFIX
#undef real
#undef bits
#undef TINY
