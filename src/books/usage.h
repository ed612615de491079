/*
 * usage.h - what was used and what it cost, grouped, from the store
 *
 * attempts: sent and not void.  calls: requests with at least one of these;
 * estimated_calls, unknown_calls: of those, the ones with such an attempt,
 * unknown wins.  A call that went to two providers counts once in each
 * one's row and once in the total; so does one with two tags, with all that
 * it used.  A span that begins when only hours are kept any more is widened
 * to whole hours, and the report says "widened".  The time is that of the
 * request, UTC; of a correction in a later month its own, so a month that is
 * over does not change.
 */
#ifndef KONTOR_BOOKS_USAGE_H
#define KONTOR_BOOKS_USAGE_H

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "books/roll.h"
#include "store/store.h"

enum usage_by {
#define BY(NAME, text) BY_##NAME,
#include "books/by.def"
#undef BY
	BY_MAX
};

enum usage_format { USAGE_JSON, USAGE_CSV, USAGE_TABLE };

/* One column to group by; of BY_TAG_OF the tag's name, else empty. */
struct usage_column {
	enum usage_by by;
	struct slice tag;
};

enum { USAGE_COLUMNS = 16 };

struct usage_query {
	struct roll_span span;
	unsigned n;
	struct usage_column column[USAGE_COLUMNS]; /* borrow from the text */
	/* Who has no team is named so; the table shows money alone. */
	bool chargeback;
};

/* "team,tag:env"; empty: none.  False: a name that is none, twice, too many. */
bool usage_by_parse(struct slice text, struct usage_query *out) MUST_USE;
bool usage_format_parse(struct slice text, enum usage_format *out) MUST_USE;
/* Appends "org, team, ..., tag:NAME". */
void usage_by_names(struct buf *out);

/* Appends to out.  FAULT_DISK, FAULT_DATA: store_error() says why. */
enum fault usage_read(struct store *s, const struct usage_query *q,
    enum usage_format format, struct buf *out) MUST_USE;

#endif
