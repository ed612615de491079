/*
 * priority.c - in the order of the configuration
 */
#include "route/strategy.h"

void
strategy_priority(const struct plan_ask *a, struct ranked *r, unsigned n)
{
	unsigned i;

	(void)a;
	for (i = 0; i < n; i++)
		r[i].score = 0;
}
