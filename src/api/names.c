#include "names.h"

const lrc_format lrc_formats[LRC_FORMATS] = {
#define FORMAT(name, storage, number, fetch, store) {#name, LRC_##number},
#include "formats.def"
};

#define TEXT(...) #__VA_ARGS__

#define SIZE(longest, member) sizeof(((union longest *)0)->member)
#define STARTS_OF(name, starts, size)                                                              \
    static const double name[] = {starts};                                                         \
    _Static_assert(sizeof name / sizeof *name == size, #name ": one for each scalar");

#define SCALARS(name, hyper, carried, starts, folded)                                              \
    STARTS_OF(name##_starts, STARTS(starts), SIZE(lrc_longest_scalars, name##_carried))
#define SUMS(rule, measured, kept, starts, scope)                                                  \
    STARTS_OF(rule##_kept_starts, STARTS(starts), SIZE(lrc_longest_kept, rule))
#include "all.def"

enum {
#define SCALARS(name, hyper, carried, starts, folded) SCALARS_##name,
#include "all.def"
    SCALAR_SETS
};

static const struct {
    const char *hyper, *carried;
    const double *starts;
} sets[SCALAR_SETS] = {
#define SCALARS(name, hyper, carried, starts, folded)                                              \
    [SCALARS_##name] = {TEXT(hyper), TEXT(carried), name##_starts},
#include "all.def"
};

static const struct {
    const char *measured, *kept;
    const double *starts;
    bool shared;
} sums[LRC_RULES] = {
#define SUMS(rule, measured, kept, starts, scope)                                                  \
    [LRC_RULE_##rule] = {TEXT(measured), TEXT(kept), rule##_kept_starts, LRC_##scope},
#include "all.def"
};

static const char *const shapes[LRC_RULES + 1] = {
#define SHAPES(rule, shapes) [LRC_RULE_##rule] = TEXT(shapes),
#include "all.def"
    [LRC_RULES] = NULL,
};

lrc_rule_names lrc_names_of(int rule)
{
    static const struct {
        const char *name, *state;
        int scalars;
    } rules[LRC_RULES] = {
#define RULE(name, scalars, state) [LRC_RULE_##name] = {#name, TEXT(state), SCALARS_##scalars},
#include "all.def"
    };
    const int set = rules[rule].scalars;
    const bool two = sums[rule].measured;
    return (lrc_rule_names){
        .name = rules[rule].name,
        .state = rules[rule].state,
        .hyper = sets[set].hyper,
        .carried = sets[set].carried,
        .measured = two ? sums[rule].measured : TEXT(NOTHING),
        .kept = two ? sums[rule].kept : TEXT(NOTHING),
        .starts = sets[set].starts,
        .kept_starts = sums[rule].starts,
        .shapes = shapes[rule] ? shapes[rule] : TEXT(NOTHING),
        .shared = sums[rule].shared,
    };
}
