/*
 * lowest_latency.c - by the time to the first byte, which decays
 *
 * What was measured long ago counts less: it halves each half minute, so that
 * one that was slow is looked at again.  What was never measured goes first.
 */
#include "route/pace.h"
#include "route/strategy.h"

void
strategy_lowest_latency(const struct plan_ask *a, struct ranked *r, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		r[i].score = pace_of(r[i].live->row, a->mono_ns);
}
