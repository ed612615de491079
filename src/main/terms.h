/*
 * terms.h - the agreements of a configuration, compiled
 */
#ifndef KONTOR_MAIN_TERMS_H
#define KONTOR_MAIN_TERMS_H

#include "base/arena.h"
#include "main/report.h"
#include "main/yaml.h"
#include "model/snapshot.h"

/*
 * Fills s->agreement, in its arena; s has its providers and its currency.
 * root was checked by the rows of options.def; what they cannot say is
 * reported here.
 */
void terms_take(struct arena *scratch, const struct ynode *root,
    struct report *r, struct snapshot *s);

#endif
