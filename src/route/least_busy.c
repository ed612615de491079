/*
 * least_busy.c - by calls under way, of all workers, for its weight
 */
#include "route/strategy.h"
#include "shm/breaker.h"

void
strategy_least_busy(const struct plan_ask *a, struct ranked *r, unsigned n)
{
	const uint32_t nslots = a->who.m->sizes.slots;
	uint64_t calls;
	unsigned i, weight;

	for (i = 0; i < n; i++) {
		calls = breaker_inflight(r[i].live->row, nslots);
		weight = r[i].live->conf->weight;
		r[i].score = (calls << 16) / (weight > 0 ? weight : 1);
	}
}
