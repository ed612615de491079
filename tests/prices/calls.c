/*
 * calls.c - random calls priced by the C code, for another to price again
 *
 *     calls SEED COUNT
 *
 * A line per call, numbers with blanks between them: steps and fee (nano);
 * for the base and each step what it is above, the lanes it has as bits and
 * ten rates (pico); ten counts of usage; then 0 when it cannot be priced, or
 * 1, the step, and eleven costs (nano), the last of them the fee.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/price.h"

static uint64_t state;

static uint64_t
mix(void)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t
below(uint64_t n)
{
	return mix() % n;
}

/* Of any size up to so many bits. */
static uint64_t
sized(unsigned bits)
{
	return mix() >> (64 - 1 - below(bits));
}

static void
make_rates(struct rates *r)
{
	const uint32_t must = LANE_BIT(LANE_INPUT) | LANE_BIT(LANE_OUTPUT);
	unsigned i;

	r->has = (uint32_t)mix() & ((1u << LANES) - 1);
	if (below(50) != 0)
		r->has |= must;
	for (i = 0; i < LANES; i++) {
		if ((r->has & LANE_BIT(i)) != 0)
			r->rate[i].pico =
			    below(20) == 0 ? 0 : (int64_t)sized(40);
	}
}

static void
make_price(struct price *p)
{
	uint64_t above = 0;
	unsigned i;

	*p = (struct price){ .nsteps = (unsigned)below(PRICE_STEPS + 1) };
	make_rates(&p->base);
	for (i = 0; i < p->nsteps; i++) {
		above += 1 + below(200000);
		p->step[i].above = above;
		make_rates(&p->step[i].rates);
	}
	p->per_request.nano = below(2) == 0 ? 0 : (int64_t)sized(40);
}

/* Up to most; sometimes one more than that. */
static uint64_t
part(uint64_t most)
{
	if (below(200) == 0)
		return most + 1;
	return below(4) == 0 ? 0 : below(most + 1);
}

static uint64_t
less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static void
make_usage(const struct price *p, struct usage *u)
{
	*u = (struct usage){ .input = sized(40), .output = sized(40) };
	if (p->nsteps > 0 && below(2) == 0)
		u->input = p->step[below(p->nsteps)].above + below(3) - 1;
	u->cached = part(u->input);
	u->cache_write = part(less(u->input, u->cached));
	u->cache_write_1h = part(u->cache_write);
	if (below(3) == 0) {
		u->audio_input = part(u->input);
		u->image_input = part(less(u->input, u->audio_input));
		u->audio_output = part(u->output);
	}
	u->reasoning = part(less(u->output, u->audio_output));
	u->image_output = part(less(u->output, u->audio_output + u->reasoning));
}

static void
put(uint64_t v)
{
	printf("%" PRIu64 " ", v);
}

static void
put_rates(uint64_t above, const struct rates *r)
{
	unsigned i;

	put(above);
	put(r->has);
	for (i = 0; i < LANES; i++)
		put((uint64_t)r->rate[i].pico);
}

static void
put_usage(const struct usage *u)
{
	put(u->input);
	put(u->cached);
	put(u->cache_write);
	put(u->cache_write_1h);
	put(u->audio_input);
	put(u->image_input);
	put(u->output);
	put(u->reasoning);
	put(u->audio_output);
	put(u->image_output);
}

static void
one_call(void)
{
	struct price_line line[PRICE_LINES];
	struct money cost, sum = { 0 };
	struct usage u;
	struct price p;
	unsigned i, step;
	bool good;

	make_price(&p);
	make_usage(&p, &u);
	put(p.nsteps);
	put((uint64_t)p.per_request.nano);
	put_rates(0, &p.base);
	for (i = 0; i < p.nsteps; i++)
		put_rates(p.step[i].above, &p.step[i].rates);
	put_usage(&u);
	good = price_cost(&p, &u, &cost);
	if (!good || !price_lines(&p, &u, line, &step)) {
		puts("0");
		return;
	}
	printf("1 %u", step);
	for (i = 0; i < PRICE_LINES; i++) {
		printf(" %" PRId64, line[i].cost.nano);
		CHECK(money_add(sum, line[i].cost, &sum));
	}
	CHECK(sum.nano == cost.nano);
	putchar('\n');
}

int
main(int argc, char **argv)
{
	uint64_t n;

	if (argc != 3)
		return 2;
	state = strtoull(argv[1], NULL, 10);
	for (n = strtoull(argv[2], NULL, 10); n > 0; n--)
		one_call();
	return fflush(stdout) == 0 ? 0 : 1;
}
