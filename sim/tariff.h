/*
 * tariff.h - what a simulated provider charges, in exact integers
 *
 * A rate is nano-USD per million tokens, a charge is nano-USD.  A bill is the
 * sum of one line per component (fresh input, cached input, cache write,
 * output); each line is rounded half to even, once.  Nothing here is shared
 * with the gateway whose books it is compared with.
 */
#ifndef KONTOR_SIM_TARIFF_H
#define KONTOR_SIM_TARIFF_H

#include "base/base.h"
#include "base/buf.h"

struct tokens {
	int64_t input; /* all of it: cached and cache-written too */
	int64_t cached, cache_write;
	int64_t output; /* with reasoning */
	int64_t reasoning;
};

struct rates {
	int64_t input, cached, cache_write, output;
};

struct tariff {
	struct rates base;
	/* From this input on the whole call costs `beyond`; 0: never. */
	int64_t above;
	struct rates beyond;
};

/* "2.50" USD per million tokens; at most 9 decimals; false: not a rate. */
bool tariff_rate(struct slice text, int64_t *rate);
int64_t tariff_line(int64_t rate, int64_t tokens);
int64_t tariff_bill(const struct tariff *t, const struct tokens *n);
/* "0.000012345", always nine decimals */
void tariff_write(struct buf *b, int64_t nano);

#endif
