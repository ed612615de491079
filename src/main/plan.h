/*
 * plan.h - what a new configuration would change
 */
#ifndef KONTOR_MAIN_PLAN_H
#define KONTOR_MAIN_PLAN_H

#include "base/base.h"
#include "base/buf.h"

/*
 * Both as snapshot_write() gives them.  Objects, comma-separated:
 * {"change":"added"|"removed"|"changed","kind","id"} and, of a change,
 * "field", "from", "to".
 */
void plan_changes(struct slice old, struct slice new, struct buf *out);

#endif
