#include "names.h"

#define TEXT(...) #__VA_ARGS__

enum {
#define FAMILY(name, hyper, carried, folded) FAMILY_##name,
#define RULE(name, family, state)
#include "all.def"
#undef FAMILY
    FAMILIES
};

static const struct {
    const char *hyper, *carried;
} families[FAMILIES] = {
#define FAMILY(name, hyper, carried, folded) [FAMILY_##name] = {TEXT(hyper), TEXT(carried)},
#include "all.def"
#undef FAMILY
#undef RULE
};

lrc_rule_names lrc_names_of(int rule)
{
    static const struct {
        const char *name, *state;
        int family;
    } rules[LRC_RULES] = {
#define FAMILY(name, hyper, carried, folded)
#define RULE(name, family, state) [LRC_RULE_##name] = {#name, TEXT(state), FAMILY_##family},
#include "all.def"
#undef FAMILY
#undef RULE
    };
    const int family = rules[rule].family;
    return (lrc_rule_names){rules[rule].name, rules[rule].state, families[family].hyper,
                            families[family].carried};
}
