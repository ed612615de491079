/*
 * lowest_cost.c - what the call is expected to cost there
 *
 * By the price in force and the agreement: the input, of which a warm cache
 * reads the share that it has been seen to read, and the output to be
 * expected.  For the order only; what is held and booked is exact and
 * elsewhere.  An unknown price goes last.
 */
#include "route/capacity.h"
#include "route/strategy.h"
#include "shm/atomic.h"

/* Pico to nano: a call of a million dollars still fits. */
#define PICO_PER_NANO 1000
#define MILLION 1000000

static uint64_t
part(const struct rates *r, enum lane lane, uint64_t tokens)
{
	struct rate rate;
	uint64_t pico;

	if (tokens == 0 || !rates_get(r, lane, &rate) || rate.pico < 0)
		return 0;
	if (__builtin_mul_overflow((uint64_t)rate.pico, tokens, &pico))
		return SCORE_MAX;
	return pico / PICO_PER_NANO;
}

static uint64_t
cost(const struct plan_ask *a, const struct ranked *r)
{
	const struct price *p = live_price(a->who.snap, r->live, a->wall_ns);
	const struct shm_breaker *b = r->live->row;
	uint64_t output = capacity_expected_output(b), cached = 0, sum;
	const struct rates *rates;
	unsigned step;

	if (p == NULL)
		return SCORE_MAX - 1;
	if (a->max_output != 0 && output > a->max_output)
		output = a->max_output;
	if (r->warm && b != NULL)
		cached = a->input * at_peek(&b->cached) / 1024;
	rates = price_rates(p, a->input, &step);
	sum = part(rates, LANE_INPUT, a->input - cached) +
	      part(rates, LANE_CACHED, cached) +
	      part(rates, LANE_OUTPUT, output) + (uint64_t)p->per_request.nano;
	if (r->live->keep_ppm != MILLION)
		sum = sum < SCORE_MAX
			  ? sum / MILLION * (uint64_t)r->live->keep_ppm +
				sum % MILLION * (uint64_t)r->live->keep_ppm /
				    MILLION
			  : sum;
	return sum < SCORE_MAX - 1 ? sum : SCORE_MAX - 2;
}

void
strategy_lowest_cost(const struct plan_ask *a, struct ranked *r, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		r[i].score = cost(a, &r[i]);
}
