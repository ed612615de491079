/*
 * lowest_latency.c - by the time to the first token, which decays
 *
 * A stream goes by what streams took to their first token; a call that wants
 * its answer in one piece goes by what those took to be there.
 * What was measured long ago counts less: it halves each half minute, so that
 * one that was slow is looked at again.  What was never measured goes first.
 */
#include "route/pace.h"
#include "route/strategy.h"

void
strategy_lowest_latency(const struct plan_ask *a, struct ranked *r, unsigned n)
{
	const enum pace kind = a->stream ? PACE_STREAM : PACE_WHOLE;
	unsigned i;

	for (i = 0; i < n; i++)
		r[i].score = pace_of(r[i].live->row, kind, a->mono_ns);
}
