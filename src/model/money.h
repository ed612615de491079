/*
 * money.h - exact amounts and rates; no float ever holds money
 *
 * An amount is int64 nano-units (10^-9) of the ledger's one currency; a rate
 * is int64 pico-units (10^-12) per unit (per token, per request).  A line is
 * rate x quantity in 128 bits, rounded once, half to even.
 */
#ifndef KONTOR_MODEL_MONEY_H
#define KONTOR_MODEL_MONEY_H

#include "base/base.h"
#include "base/buf.h"

struct money {
	int64_t nano;
};

struct rate {
	int64_t pico;
};

/*
 * The most one call may cost or hold.  Far above any, and 1,000 of them stay
 * far below an overflow.
 */
#define AMOUNT_MAX (INT64_C(1) << 53)

enum { MONEY_DECIMALS = 9, RATE_DECIMALS = 12 };

/* rate x quantity, rounded half to even; false on overflow. */
bool money_line(struct rate r, uint64_t quantity, struct money *out) MUST_USE;
bool money_add(struct money a, struct money b, struct money *out) MUST_USE;

/*
 * "25", "0.000012345", "-1.5".  At most 9 decimals, no exponent, no sign
 * "+", no grouping; false else, and on overflow.
 */
bool money_parse(struct slice s, struct money *out) MUST_USE;
/* Shortest exact form: "25", "0.000012345". */
void money_write(struct buf *b, struct money m);
/* Sums: the same for a 128-bit count of nano-units. */
void money_write_sum(struct buf *b, int128 nano);

/* A price per 1,000,000 units ("1.25") as a rate; at most 6 decimals, since
 * more cannot be held exactly. */
bool rate_parse_per_million(struct slice s, struct rate *out) MUST_USE;
void rate_write_per_million(struct buf *b, struct rate r);

#endif
