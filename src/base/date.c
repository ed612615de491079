#include "base/date.h"

#include <time.h>

#include "base/clock.h"

enum { DAY_LEN = 10, MINUTE_LEN = 17, SECOND_LEN = 20 };

static bool
digits(const char *p, size_t n, int *out)
{
	uint64_t v;

	if (!slice_u64((struct slice){ p, n }, &v))
		return false;
	*out = (int)v;
	return true;
}

static bool
date_part(const char *p, struct tm *tm)
{
	return p[4] == '-' && p[7] == '-' && digits(p, 4, &tm->tm_year) &&
	       digits(p + 5, 2, &tm->tm_mon) && digits(p + 8, 2, &tm->tm_mday);
}

static bool
minute_part(const char *p, struct tm *tm)
{
	return p[0] == 'T' && p[3] == ':' && digits(p + 1, 2, &tm->tm_hour) &&
	       digits(p + 4, 2, &tm->tm_min);
}

static bool
second_part(const char *p, struct tm *tm)
{
	return p[0] == ':' && digits(p + 1, 2, &tm->tm_sec);
}

static bool
parts(struct slice s, struct tm *tm)
{
	if (s.len != DAY_LEN && s.len != MINUTE_LEN && s.len != SECOND_LEN)
		return false;
	return date_part(s.p, tm) &&
	       (s.len == DAY_LEN ||
		   (s.p[s.len - 1] == 'Z' && minute_part(s.p + 10, tm))) &&
	       (s.len != SECOND_LEN || second_part(s.p + 16, tm));
}

/* The 31st of February comes back as another day. */
static bool
is_as_written(const struct tm *tm, time_t t)
{
	struct tm back;

	return gmtime_r(&t, &back) != NULL && back.tm_mday == tm->tm_mday &&
	       back.tm_mon == tm->tm_mon && back.tm_hour == tm->tm_hour &&
	       back.tm_min == tm->tm_min && back.tm_sec == tm->tm_sec;
}

bool
date_parse(struct slice s, int64_t *wall_ns)
{
	struct tm tm = { 0 }, sum;
	time_t t;

	if (!parts(s, &tm) || tm.tm_year < DATE_YEAR_FIRST ||
	    tm.tm_year > DATE_YEAR_LAST)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	sum = tm; /* timegm() writes into what it is given */
	t = timegm(&sum);
	if (!is_as_written(&tm, t))
		return false;
	*wall_ns = (int64_t)t * NS_PER_S;
	return true;
}
