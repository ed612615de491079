/*
 * retry.h - attempts behind the first are a part of the calls
 *
 * When everything fails, what failed must not be asked a multiple of what it
 * was asked.  Each call adds a part of an attempt, time adds a floor; what is
 * left over is kept: of the floor ten seconds, so that the first moments of an
 * outage, before breakers have opened, are no outage for the callers.
 *
 * Threads:  one worker's.
 */
#ifndef KONTOR_ROUTE_RETRY_H
#define KONTOR_ROUTE_RETRY_H

#include "base/base.h"

struct retry {
	uint64_t part;  /* of calls, in 1/100 of an attempt */
	uint64_t floor; /* of time, the same */
	int64_t at_ns;  /* when floor was last filled; 0: never */
};

void retry_call(struct retry *r, unsigned percent);
/* One more attempt; false: the budget is spent. */
bool retry_take(struct retry *r, unsigned floor, int64_t mono_ns) MUST_USE;

#endif
