/* Which instruction sets this library was built for and this machine can run.
 * Refuses to know what they are used for. */
#ifndef LRC_ISAS_H
#define LRC_ISAS_H

#include "table.h"

typedef struct {
    const char *name;
    const lrc_table *table;
    bool usable;
} lrc_isa;

enum { LRC_MAX_ISAS = 4 };

/* Fills isas, the narrowest first, and returns how many there are. */
size_t lrc_find_isas(lrc_isa isas[LRC_MAX_ISAS]);

#endif
