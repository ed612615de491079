/*
 * window.h - the windows of budgets: numbered, half-open, without holes
 *
 * [start, end) in wall time; the end of one is the start of the next.  Days
 * and longer follow the zone's calendar, however long a day is there: weeks
 * begin on Monday, quarters with January, April, July, October.  An hour is
 * an hour of UTC in every zone, so that none comes twice.  Numbers count from
 * 1 at 1970 for each unit and fit into 32 bits; the one window of "total" has
 * number 1 and no end.
 */
#ifndef KONTOR_LEDGER_WINDOW_H
#define KONTOR_LEDGER_WINDOW_H

#include "ledger/zone.h"
#include "model/money.h"

/* Numbers are in the log. */
enum window_unit {
	WINDOW_HOUR = 1,
	WINDOW_DAY = 2,
	WINDOW_WEEK = 3,
	WINDOW_MONTH = 4,
	WINDOW_QUARTER = 5,
	WINDOW_YEAR = 6,
	WINDOW_TOTAL = 7
};

struct window {
	uint64_t id;
	int64_t start_ns, end_ns; /* wall; INT64_MAX: never */
};

/* The window wall_ns lies in.  Times before 1970 count as 1970. */
struct window window_at(
    const struct zone *z, enum window_unit unit, int64_t wall_ns);
/* The one after it; that of "total" is itself. */
struct window window_next(
    const struct zone *z, enum window_unit unit, struct window w);

const char *window_unit_name(enum window_unit unit); /* "month" */
bool window_unit_parse(struct slice name, enum window_unit *out) MUST_USE;
/* "25.00/month"; money_parse() says what an amount is, 0 or more. */
bool window_limit_parse(
    struct slice text, struct money *amount, enum window_unit *unit) MUST_USE;

#endif
