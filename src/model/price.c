#include "model/price.h"

/* The rates of one side of the long-context step, fallbacks applied. */
struct rates {
	struct rate input, cached, cache_write, output;
};

static struct rates
rates_at(const struct price *p, uint64_t input)
{
	if (p->above != 0 && input > p->above)
		return (struct rates){
			.input = p->hi_input,
			.cached = p->hi_has_cached ? p->hi_cached : p->hi_input,
			.cache_write = p->hi_has_cache_write ? p->hi_cache_write
							     : p->hi_input,
			.output = p->hi_output,
		};
	return (struct rates){
		.input = p->input,
		.cached = p->has_cached ? p->cached : p->input,
		.cache_write = p->has_cache_write ? p->cache_write : p->input,
		.output = p->output,
	};
}

static bool
add_line(struct rate r, uint64_t n, struct money *sum)
{
	struct money line;

	return money_line(r, n, &line) && money_add(*sum, line, sum);
}

bool
price_cost(const struct price *p, const struct usage *u, struct money *out)
{
	const struct rates r = rates_at(p, u->input);
	struct money sum = p->per_request;

	if (!usage_sane(u) ||
	    !add_line(r.input, u->input - u->cached - u->cache_write, &sum) ||
	    !add_line(r.cached, u->cached, &sum) ||
	    !add_line(r.cache_write, u->cache_write, &sum) ||
	    !add_line(r.output, u->output, &sum))
		return false;
	*out = sum;
	return true;
}

static struct rate
worse(struct rate a, struct rate b)
{
	return a.pico > b.pico ? a : b;
}

static struct rate
worst_input(const struct rates *r)
{
	return worse(r->input, worse(r->cached, r->cache_write));
}

/*
 * Input is three lines of a cost and one of a bound, each off by half a nano
 * at most: with two nano more no cost can pass its bound.
 */
enum { ROUNDING = 2 };

bool
price_bound(
    const struct price *p, uint64_t input, uint64_t output, struct money *out)
{
	struct rates r = rates_at(p, 0);
	struct rate in = worst_input(&r), o = r.output;
	struct money sum = p->per_request;

	if (p->above != 0 && input > p->above) {
		r = rates_at(p, input);
		in = worse(in, worst_input(&r));
		o = worse(o, r.output);
	}
	if (!add_line(in, input, &sum) || !add_line(o, output, &sum) ||
	    (input != 0 && in.pico != 0 &&
		!money_add(sum, (struct money){ ROUNDING }, &sum)))
		return false;
	*out = sum;
	return true;
}
