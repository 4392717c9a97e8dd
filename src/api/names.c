#include "names.h"

#define TEXT(...) #__VA_ARGS__

enum {
#define SCALARS(name, hyper, carried, folded) SCALARS_##name,
#include "all.def"
    SCALAR_SETS
};

static const struct {
    const char *hyper, *carried;
} sets[SCALAR_SETS] = {
#define SCALARS(name, hyper, carried, folded) [SCALARS_##name] = {TEXT(hyper), TEXT(carried)},
#include "all.def"
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
    return (lrc_rule_names){rules[rule].name, rules[rule].state, sets[set].hyper,
                            sets[set].carried};
}
