/* All loops for one dtype and their row of the table. kernels.c includes this once for each dtype,
 * having defined SUFFIX, real, bits (an integer as wide as real), TINY (the smallest normal
 * number) and ROOT (its square root); they are undefined again at the end. Refuses to hold a loop
 * itself. */

#define SCALARS(name, hyper, carried, starts, folded)                                              \
    struct NAME(name##_folded) {                                                                   \
        real folded;                                                                               \
    };
#include "all.def"

#include "lanes.h"

#include "all.h"

#include "blocks.h"

#include "observe.h"

#include "operands.h"

/* clang-format off */
static const lrc_kernels NAME(kernels) = {
#define RULE(name, scalars, state) [LRC_RULE_##name] = NAME(scalars##_coefficients),
    .coefficients = {
#include "all.def"
    },
#define RULE(name, scalars, state) [LRC_RULE_##name] = NAME(name),
    .loop = {
#include "all.def"
    },
#define SUMS(rule, measured, kept, starts, scope) [LRC_RULE_##rule] = NAME(rule##_measure),
    .measure = {
#include "all.def"
    },
#define SUMS(rule, measured, kept, starts, scope) [LRC_RULE_##rule] = NAME(rule##_between),
    .between = {
#include "all.def"
    },
#define SHAPES(rule, shapes) [LRC_RULE_##rule] = NAME(rule##_row),
    .row = {
#include "all.def"
        [LRC_RULES] = NULL,
    },
    .squares = NAME(squares),
    .finite = NAME(finite),
    .clip = NAME(clip),
    .couple = NAME(couple),
    .add = NAME(add),
    .divide = NAME(divide),
    .average = NAME(average),
    .observe = NAME(observe),
#define FORMAT(name, storage, number, fetch, store) [LRC_FORMAT_##name] = NAME(fetch_##name),
    .fetch = {
#include "formats.def"
    },
#define FORMAT(name, storage, number, fetch, store)                                                \
    ONLY(SUFFIX, number, [LRC_FORMAT_##name] = NAME(store_##name), )
    .store = {
#include "formats.def"
    },
};
/* clang-format on */

#undef SUFFIX
#undef real
#undef bits
#undef TINY
#undef ROOT
