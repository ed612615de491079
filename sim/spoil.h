/*
 * spoil.h - faults in how a rendered answer is played
 *
 * What stands inside a stream (a bad event, an error event) is rendered by
 * plan.c; what replaces, compresses, stops or cuts the whole is here.
 */
#ifndef KONTOR_SIM_SPOIL_H
#define KONTOR_SIM_SPOIL_H

#include "base/arena.h"
#include "base/buf.h"
#include "sim/mishap.h"

struct plan; /* sim/plan.h */

void spoil_plan(struct plan *p, struct play play);

/* AWS's faults inside a stream: an exception, or the frame `good` (taken) with
 * the sum of another one. */
struct slice spoil_frame(struct arena *a, enum mishap m, struct buf *good);

#endif
