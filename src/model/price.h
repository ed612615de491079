/*
 * price.h - a row of the price book, and what usage costs by it
 *
 * Rates are per token.  A rate that is unknown is not zero: a row says which
 * it has.  A missing cached or cache_write rate falls back to the input
 * rate; reasoning is output.  One rounding per line (component).
 */
#ifndef KONTOR_MODEL_PRICE_H
#define KONTOR_MODEL_PRICE_H

#include "model/money.h"
#include "model/usage.h"

struct price {
	uint64_t id;     /* hash64 of its canonical text; 0: unknown price */
	int64_t from_ns; /* wall; in force from then on */
	bool operators;  /* the operator's row: wins over the built-in book */
	struct rate input, cached, cache_write, output;
	bool has_cached, has_cache_write;
	/* Long-context step: above `above` input tokens the whole call is
	 * priced by these; above == 0: none. */
	uint64_t above;
	struct rate hi_input, hi_cached, hi_cache_write, hi_output;
	bool hi_has_cached, hi_has_cache_write;
	struct money per_request;
};

/* False on overflow or unsane usage. */
bool price_cost(
    const struct price *p, const struct usage *u, struct money *out) MUST_USE;
/* The most that input and output tokens can cost: worst input rate. */
bool price_bound(const struct price *p, uint64_t input, uint64_t output,
    struct money *out) MUST_USE;

#endif
