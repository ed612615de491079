/*
 * focus.h - what was charged, as FOCUS 1.2 has it (docs/reports.md)
 *
 * A row for each charge period, key, dimension and kind of token.  A cost is
 * unit price x quantity exactly, up to 20 decimals; what the books rounded
 * once for each call and line stands in an Adjustment row beside, so that
 * the sums are those of the ledger to the nano-unit.  So do attempts whose
 * usage nobody knows, at their bound.
 */
#ifndef KONTOR_BOOKS_FOCUS_H
#define KONTOR_BOOKS_FOCUS_H

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "books/roll.h"
#include "store/store.h"

struct focus_query {
	struct roll_span span; /* widened to whole charge periods */
	bool daily;            /* else hourly */
	bool json;             /* {"rows":[...]}; else CSV */
	const char *currency;
	int64_t now_ns;
};

/* Appends to out.  FAULT_DISK, FAULT_DATA: store_error() says why. */
enum fault focus_read(
    struct store *s, const struct focus_query *q, struct buf *out) MUST_USE;

#endif
