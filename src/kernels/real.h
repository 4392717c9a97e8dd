/* All loops for one dtype and their row of the table. kernels.c includes this once for each dtype,
 * having defined SUFFIX, real, bits (an integer as wide as real), TINY (the smallest normal number)
 * and ROOT (its square root); they are undefined again at the end. */

#define FAMILY(name, hyper, carried, folded)                                                       \
    struct NAME(name##_folded) {                                                                   \
        real folded;                                                                               \
    };
#define RULE(...)
#include "all.def"
#undef FAMILY
#undef RULE

/* Denormal numbers make a step many times slower, and averages of zeros would become denormal. */
static inline real NAME(zero_below)(real x, real least)
{
    return fabs(x) < least ? 0 : x;
}
/* For second moments, which are stored without a sign. */
static inline real NAME(settled)(real x)
{
    return x < TINY ? 0 : x;
}
#define settle(x) NAME(settled)(x)
/* For first moments and velocities, whose product with a rate from 2^-16 on is normal as well. */
#define halt(x) NAME(zero_below)(x, 65536 * TINY)
/* The same for what is squared. */
#define halt_root(x) NAME(zero_below)(x, 256 * ROOT)
/* x / root, or 0 where so little is left of the root that what was stored as zero is missed in it:
 * no step grows because its denominator faded. */
static inline real NAME(over)(real x, real root, real least)
{
    return root < least ? 0 : x / root;
}
#define over(x, root, least) NAME(over)(x, root, least)

#include "all.h"

#include "blocks.h"

#include "observe.h"

/* clang-format off */
static const lrc_kernels NAME(kernels) = {
#define FAMILY(...)
#define RULE(name, family, state) [LRC_RULE_##name] = NAME(family##_coefficients),
    .coefficients = {
#include "all.def"
    },
#undef RULE
#define RULE(name, family, state) [LRC_RULE_##name] = NAME(name),
    .loop = {
#include "all.def"
    },
#undef RULE
#undef FAMILY
    .squares = NAME(squares),
    .finite = NAME(finite),
    .clip = NAME(clip),
    .couple = NAME(couple),
    .observe = NAME(observe),
};
/* clang-format on */

#undef settle
#undef halt
#undef halt_root
#undef over
#undef SUFFIX
#undef real
#undef bits
#undef TINY
#undef ROOT
