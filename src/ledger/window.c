#include "ledger/window.h"

#include "base/clock.h"

enum { DAY_S = 86400, HOUR_S = 3600, EPOCH_YEAR = 1970 };

static const char *const names[] = {
	[WINDOW_HOUR] = "hour",
	[WINDOW_DAY] = "day",
	[WINDOW_WEEK] = "week",
	[WINDOW_MONTH] = "month",
	[WINDOW_QUARTER] = "quarter",
	[WINDOW_YEAR] = "year",
	[WINDOW_TOTAL] = "total",
};

/* Months in a unit that is counted in months. */
static int64_t
months(enum window_unit unit)
{
	switch (unit) {
	case WINDOW_MONTH:
		return 1;
	case WINDOW_QUARTER:
		return 3;
	case WINDOW_YEAR:
		return 12;
	case WINDOW_HOUR:
	case WINDOW_DAY:
	case WINDOW_WEEK:
	case WINDOW_TOTAL:
		break;
	}
	return 0;
}

/* The number (from 0) of the unit that a local day lies in. */
static int64_t
number_of(enum window_unit unit, int64_t day)
{
	const struct civil c = civil_from_days(day);

	if (unit == WINDOW_DAY)
		return day;
	if (unit == WINDOW_WEEK) /* 1970-01-01 was a Thursday */
		return (day + 3) / 7;
	return ((c.year - EPOCH_YEAR) * 12 + c.month - 1) / months(unit);
}

/* Its first local day. */
static int64_t
first_day(enum window_unit unit, int64_t number)
{
	int64_t month;

	if (unit == WINDOW_DAY)
		return number;
	if (unit == WINDOW_WEEK)
		return number * 7 - 3;
	month = number * months(unit);
	return civil_days((struct civil){
	    .year = EPOCH_YEAR + month / 12,
	    .month = (int)(month % 12) + 1,
	    .day = 1,
	});
}

static int64_t
start_s(const struct zone *z, enum window_unit unit, int64_t number)
{
	if (unit == WINDOW_HOUR)
		return number * HOUR_S;
	return zone_instant(z, first_day(unit, number) * DAY_S);
}

static struct window
numbered(const struct zone *z, enum window_unit unit, int64_t number)
{
	return (struct window){
		.id = (uint64_t)number + 1,
		.start_ns = start_s(z, unit, number) * NS_PER_S,
		.end_ns = start_s(z, unit, number + 1) * NS_PER_S,
	};
}

static struct window
total(void)
{
	return (struct window){ 1, INT64_MIN, INT64_MAX };
}

/*
 * Local time may jump back over a boundary that was passed already; the
 * instants decide, not what the clock shows.
 */
struct window
window_at(const struct zone *z, enum window_unit unit, int64_t wall_ns)
{
	int64_t utc_s = (wall_ns < 0 ? 0 : wall_ns) / NS_PER_S, local, number;
	struct window w;

	if (unit == WINDOW_TOTAL)
		return total();
	local = utc_s + zone_offset(z, utc_s);
	if (local < 0)
		local = 0;
	number = unit == WINDOW_HOUR ? utc_s / HOUR_S
				     : number_of(unit, local / DAY_S);
	w = numbered(z, unit, number);
	while (wall_ns >= w.end_ns)
		w = numbered(z, unit, ++number);
	return w;
}

struct window
window_next(const struct zone *z, enum window_unit unit, struct window w)
{
	if (unit == WINDOW_TOTAL)
		return total();
	return numbered(z, unit, (int64_t)w.id);
}

const char *
window_unit_name(enum window_unit unit)
{
	CHECK(unit >= WINDOW_HOUR && unit <= WINDOW_TOTAL);
	return names[unit];
}

bool
window_unit_parse(struct slice name, enum window_unit *out)
{
	unsigned i;

	for (i = WINDOW_HOUR; i <= WINDOW_TOTAL; i++) {
		if (slice_eq(name, slice_of(names[i]))) {
			*out = (enum window_unit)i;
			return true;
		}
	}
	return false;
}

bool
window_limit_parse(
    struct slice text, struct money *amount, enum window_unit *unit)
{
	struct slice head, tail;

	return slice_cut(text, '/', &head, &tail) &&
	       money_parse(head, amount) && amount->nano >= 0 &&
	       window_unit_parse(tail, unit);
}
