/*
 * spoil.h - faults in how a rendered answer is played
 *
 * What stands inside a stream (a bad event, an error event) is rendered by
 * plan.c; what replaces, compresses, stops or cuts the whole is here.
 */
#ifndef KONTOR_SIM_SPOIL_H
#define KONTOR_SIM_SPOIL_H

#include "sim/mishap.h"

struct plan; /* sim/plan.h */

void spoil_plan(struct plan *p, struct play play);

#endif
