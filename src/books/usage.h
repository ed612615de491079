/*
 * usage.h - what was used and what it cost, grouped, from the store
 *
 * attempts: sent and not void.  calls: requests with at least one of these;
 * estimated_calls, unknown_calls: of those, the ones with such an attempt,
 * unknown wins.  A call that went to two providers counts once in each
 * one's row and once in the total.  The time is that of the request, UTC.
 */
#ifndef KONTOR_BOOKS_USAGE_H
#define KONTOR_BOOKS_USAGE_H

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "store/store.h"

enum usage_by {
	BY_MODEL,
	BY_PROVIDER,
	BY_PUBLISHER,
	BY_DEPLOYMENT,
	BY_REGION,
	BY_TIER,
	BY_KEY,
	BY_TEAM,
	BY_HOUR,
	BY_DAY,
	BY_MONTH,
	BY_MAX
};

enum usage_format { USAGE_JSON, USAGE_CSV, USAGE_TABLE };

struct usage_query {
	int64_t from_ns, to_ns; /* wall, half open; 0: no bound */
	unsigned nby;
	enum usage_by by[BY_MAX];
};

/* "team,model"; empty: none.  False: a name that is none, or twice. */
bool usage_by_parse(struct slice text, struct usage_query *out) MUST_USE;
bool usage_format_parse(struct slice text, enum usage_format *out) MUST_USE;

/* Appends to out.  FAULT_DISK, FAULT_DATA: store_error() says why. */
enum fault usage_read(struct store *s, const struct usage_query *q,
    enum usage_format format, struct buf *out) MUST_USE;

/*
 * {"rows":[{request, attempt, time, key, deployment, provider, amount,
 * by_recorder}], "total"}: attempts booked at their bound that nobody has
 * corrected, the oldest first, at most max.
 */
enum fault suspense_read(
    struct store *s, unsigned max, struct buf *out) MUST_USE;

#endif
