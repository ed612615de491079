/*
 * weighted.c - drawn without replacement, each draw in proportion to the
 * weights left; so many as a request may try, the rest keep their order
 */
#include "route/strategy.h"

static uint64_t
draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static void
draw_one(const struct plan_ask *a, struct ranked *r, unsigned n, uint64_t rank)
{
	uint64_t sum = 0, at;
	unsigned i;

	for (i = 0; i < n; i++)
		sum +=
		    r[i].score == SCORE_MAX - 1 ? r[i].live->conf->weight : 0;
	if (sum == 0)
		return;
	at = draw(a->random) % sum;
	for (i = 0; i < n; i++) {
		if (r[i].score != SCORE_MAX - 1)
			continue;
		if (at < r[i].live->conf->weight)
			break;
		at -= r[i].live->conf->weight;
	}
	if (i < n)
		r[i].score = rank;
}

void
strategy_weighted(const struct plan_ask *a, struct ranked *r, unsigned n)
{
	const unsigned wanted = a->who.snap->max_attempts;
	unsigned i;

	for (i = 0; i < n; i++)
		r[i].score = SCORE_MAX - 1;
	for (i = 0; i < n && i < wanted; i++)
		draw_one(a, r, n, i);
}
