/* The lists of rules and formats as text, for the Python layer. Refuses to know what a rule does. */
#ifndef LRC_NAMES_H
#define LRC_NAMES_H

#include "table.h"

/* Lists are comma-separated; "NOTHING" is the empty one. */
typedef struct {
    const char *name;
    const char *state;
    const char *hyper;
    const char *carried;
    const char *measured;
    const char *kept;
    const double *starts; /* of the carried scalars */
    const double *kept_starts; /* of the kept ones */
    const char *shapes; /* of the state */
    bool shared; /* whether sums and kept scalars are those of the optimizer */
} lrc_rule_names;

lrc_rule_names lrc_names_of(int rule);

/* NumPy's name of a format, and what loops compute its numbers in. */
typedef struct {
    const char *name;
    int dtype;
} lrc_format;

extern const lrc_format lrc_formats[LRC_FORMATS];

#endif
