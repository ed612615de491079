#include "ledger/zone.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
	FILE_MAX = 256 * 1024,
	NAME_MAX_LEN = 64,
	HEAD = 44,
	DAY_S = 86400,
	HOUR_S = 3600,
	OFFSET_MAX = 26 * HOUR_S /* RFC 8536 3.2 */
};

/* When a rule's half year begins: "M3.5.0/2", "J60", "59". */
struct change {
	enum { BY_WEEKDAY, BY_JULIAN, BY_DAY } by;
	int month, week, day; /* day: weekday, or number in the year */
	int64_t time_s;       /* local, after midnight; may be negative */
};

struct rule {
	int64_t standard, summer; /* offsets */
	bool has_summer;
	struct change begin, end; /* of summer */
};

struct zone {
	size_t n;
	int64_t *at;      /* transitions, rising */
	int64_t *offset;  /* [i]: from at[i] on */
	int64_t first;    /* before them all */
	struct rule rule; /* after them all */
};

/* --- the calendar ------------------------------------------------------- */

/* Years are counted from March, so that the leap day is the last. */
int64_t
civil_days(struct civil c)
{
	const int64_t y = c.month <= 2 ? c.year - 1 : c.year;
	const int64_t era = (y >= 0 ? y : y - 399) / 400;
	const int64_t of_era = y - era * 400;
	const int64_t month = c.month > 2 ? c.month - 3 : c.month + 9;
	const int64_t of_year = (153 * month + 2) / 5 + c.day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

struct civil
civil_from_days(int64_t days)
{
	const int64_t z = days + 719468;
	const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	const int64_t of_era = z - era * 146097;
	const int64_t year =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	const int64_t mp = (5 * of_year + 2) / 153;
	const int month = (int)(mp < 10 ? mp + 3 : mp - 9);

	return (struct civil){
		.year = year + era * 400 + (month <= 2),
		.month = month,
		.day = (int)(of_year - (153 * mp + 2) / 5 + 1),
	};
}

static bool
is_leap(int64_t y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* --- the rule at the end ------------------------------------------------ */

static bool
take_number(struct slice *s, int64_t most, int64_t *out)
{
	size_t i;
	int64_t v = 0;

	for (i = 0; i < s->len && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
		v = v * 10 + (s->p[i] - '0');
		if (v > most)
			return false;
	}
	if (i == 0)
		return false;
	s->p += i;
	s->len -= i;
	*out = v;
	return true;
}

static bool
take_char(struct slice *s, char c)
{
	if (s->len == 0 || *s->p != c)
		return false;
	s->p++;
	s->len--;
	return true;
}

/* [+-]h[:m[:s]] in seconds. */
static bool
take_time(struct slice *s, int64_t *out)
{
	const bool minus = take_char(s, '-');
	int64_t h, m = 0, sec = 0;

	if (!minus)
		(void)take_char(s, '+');
	if (!take_number(s, 167, &h))
		return false;
	if (take_char(s, ':') && !take_number(s, 59, &m))
		return false;
	if (take_char(s, ':') && !take_number(s, 59, &sec))
		return false;
	*out = h * HOUR_S + m * 60 + sec;
	if (minus)
		*out = -*out;
	return true;
}

/* A name is letters, or anything between < and >; it does not matter. */
static bool
take_name(struct slice *s)
{
	size_t n = 0;

	if (take_char(s, '<')) {
		while (n < s->len && s->p[n] != '>')
			n++;
		if (n == s->len)
			return false;
		s->p += n + 1;
		s->len -= n + 1;
		return true;
	}
	while (n < s->len && ((s->p[n] | 32) >= 'a' && (s->p[n] | 32) <= 'z'))
		n++;
	s->p += n;
	s->len -= n;
	return n >= 3;
}

static bool
take_weekday(struct slice *s, struct change *c)
{
	int64_t month, week, day;

	if (!take_number(s, 12, &month) || !take_char(s, '.') ||
	    !take_number(s, 5, &week) || !take_char(s, '.') ||
	    !take_number(s, 6, &day) || month < 1 || week < 1)
		return false;
	*c = (struct change){ BY_WEEKDAY, (int)month, (int)week, (int)day, 0 };
	return true;
}

static bool
take_change(struct slice *s, struct change *c)
{
	int64_t day;

	if (take_char(s, 'M')) {
		if (!take_weekday(s, c))
			return false;
	} else {
		const bool julian = take_char(s, 'J');

		if (!take_number(s, 365, &day) || (julian && day < 1))
			return false;
		*c = (struct change){ julian ? BY_JULIAN : BY_DAY, 0, 0,
			(int)day, 0 };
	}
	c->time_s = 2 * (int64_t)HOUR_S;
	return !take_char(s, '/') || take_time(s, &c->time_s);
}

/* POSIX TZ: its offsets are positive west of Greenwich. */
static bool
parse_rule(struct slice s, struct rule *r)
{
	int64_t west;

	*r = (struct rule){ 0 };
	if (!take_name(&s) || !take_time(&s, &west))
		return false;
	r->standard = -west;
	if (s.len == 0)
		return true;
	r->has_summer = true;
	r->summer = r->standard + HOUR_S;
	if (!take_name(&s))
		return false;
	if (s.len > 0 && *s.p != ',') {
		if (!take_time(&s, &west))
			return false;
		r->summer = -west;
	}
	return take_char(&s, ',') && take_change(&s, &r->begin) &&
	       take_char(&s, ',') && take_change(&s, &r->end) && s.len == 0;
}

/* The local second, as if since 1970, at which c falls in that year. */
static int64_t
change_local(const struct change *c, int64_t year)
{
	const int64_t january = civil_days((struct civil){ year, 1, 1 });
	int64_t first, day;

	switch (c->by) {
	case BY_JULIAN: /* 29 February is never counted */
		day = january + c->day - 1 + (c->day >= 60 && is_leap(year));
		break;
	case BY_DAY:
		day = january + c->day;
		break;
	case BY_WEEKDAY:
	default:
		first = civil_days((struct civil){ year, c->month, 1 });
		/* 1970-01-01 was a Thursday. */
		day = first + (c->day - (first + 4) % 7 + 7) % 7 +
		      7 * (c->week - 1);
		if (civil_from_days(day).month != c->month)
			day -= 7;
		break;
	}
	return day * DAY_S + c->time_s;
}

/* A span of time with one offset. */
struct span {
	int64_t offset, until;
};

/* Among the changes of three years, the last before and the next after t. */
static struct span
rule_span(const struct rule *r, int64_t t)
{
	struct span s = { r->standard, INT64_MAX };
	int64_t year, y, last = INT64_MIN;

	if (!r->has_summer)
		return s;
	year = civil_from_days(floor_div(t, DAY_S)).year;
	for (y = year - 1; y <= year + 1; y++) {
		const int64_t begin = change_local(&r->begin, y) - r->standard;
		const int64_t end = change_local(&r->end, y) - r->summer;

		if (begin <= t && begin > last) {
			last = begin;
			s.offset = r->summer;
		}
		if (end <= t && end > last) {
			last = end;
			s.offset = r->standard;
		}
		if (begin > t && begin < s.until)
			s.until = begin;
		if (end > t && end < s.until)
			s.until = end;
	}
	return s;
}

/* --- looking up --------------------------------------------------------- */

static struct span
span_at(const struct zone *z, int64_t t)
{
	size_t low = 0, high = z->n;
	struct span s;

	while (low < high) { /* how many are at or before t */
		const size_t mid = (low + high) / 2;

		if (z->at[mid] <= t)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == z->n)
		return rule_span(&z->rule, t);
	s.offset = low == 0 ? z->first : z->offset[low - 1];
	s.until = z->at[low];
	return s;
}

int64_t
zone_offset(const struct zone *z, int64_t utc_s)
{
	return span_at(z, utc_s).offset;
}

/* No offset is larger than a day and two hours: begin there and walk. */
int64_t
zone_instant(const struct zone *z, int64_t local_s)
{
	int64_t from = local_s - OFFSET_MAX, t;

	for (;;) {
		const struct span s = span_at(z, from);

		t = local_s - s.offset;
		if (t < from)
			t = from;
		if (t < s.until)
			return t;
		from = s.until;
	}
}

/* --- the file ----------------------------------------------------------- */

/* RFC 8536 3.1: counts of the six kinds of data in a block. */
struct counts {
	uint64_t isut, isstd, leap, time, type, chars;
};

static uint64_t
big_endian(const char *p, size_t len)
{
	uint64_t v = 0;

	while (len-- > 0)
		v = v << 8 | (unsigned char)*p++;
	return v;
}

static bool
take_bytes(struct slice *s, uint64_t len, const char **out)
{
	if (len > s->len)
		return false;
	*out = s->p;
	s->p += len;
	s->len -= len;
	return true;
}

static bool
take_head(struct slice *s, struct counts *c, char *version)
{
	const char *p;

	if (!take_bytes(s, HEAD, &p) || memcmp(p, "TZif", 4) != 0)
		return false;
	*version = p[4];
	*c = (struct counts){
		.isut = big_endian(p + 20, 4),
		.isstd = big_endian(p + 24, 4),
		.leap = big_endian(p + 28, 4),
		.time = big_endian(p + 32, 4),
		.type = big_endian(p + 36, 4),
		.chars = big_endian(p + 40, 4),
	};
	return true;
}

static uint64_t
block_size(const struct counts *c, uint64_t time_size)
{
	return c->time * (time_size + 1) + c->type * 6 + c->chars +
	       c->leap * (time_size + 4) + c->isstd + c->isut;
}

static bool
offset_of_type(const char *types, uint64_t ntypes, uint64_t i, int64_t *out)
{
	if (i >= ntypes)
		return false;
	*out = (int32_t)(uint32_t)big_endian(types + i * 6, 4);
	return *out > -OFFSET_MAX && *out < OFFSET_MAX;
}

/* The 64-bit block: times, indexes into types, types. */
static bool
fill(struct zone *z, const struct counts *c, const char *block)
{
	const char *index = block + c->time * 8;
	const char *types = index + c->time;
	size_t i;

	if (!offset_of_type(types, c->type, 0, &z->first))
		return false;
	z->at = mem_new((c->time + 1) * sizeof(int64_t));
	z->offset = mem_new((c->time + 1) * sizeof(int64_t));
	for (i = 0; i < c->time; i++) {
		z->at[i] = (int64_t)big_endian(block + i * 8, 8);
		if ((i > 0 && z->at[i] <= z->at[i - 1]) ||
		    !offset_of_type(
			types, c->type, (unsigned char)index[i], &z->offset[i]))
			return false;
		z->n = i + 1;
	}
	return true;
}

/* Without a rule the last offset holds for ever. */
static bool
footer(struct zone *z, struct slice s)
{
	struct slice rule, rest;

	if (!take_char(&s, '\n') || !slice_cut(s, '\n', &rule, &rest))
		return false;
	if (rule.len > 0)
		return parse_rule(rule, &z->rule);
	z->rule.standard = z->n > 0 ? z->offset[z->n - 1] : z->first;
	return true;
}

static bool
parse(struct zone *z, struct slice s)
{
	struct counts c;
	const char *block;
	char version;

	if (!take_head(&s, &c, &version) || version < '2' ||
	    !take_bytes(&s, block_size(&c, 4), &block) ||
	    !take_head(&s, &c, &version) ||
	    !take_bytes(&s, block_size(&c, 8), &block))
		return false;
	return fill(z, &c, block) && footer(z, s);
}

struct zone *
zone_parse(struct slice bytes)
{
	struct zone *z = NEW(struct zone);

	if (bytes.len > FILE_MAX || !parse(z, bytes))
		zone_free(&z);
	return z;
}

/* Beside the zones: what this machine is set to, and copies of the tree, one
 * of them with leap seconds.  A log read elsewhere must mean the same. */
static bool
of_this_machine(struct slice s)
{
	return slice_eq(s, S("localtime")) || slice_eq(s, S("posixrules")) ||
	       slice_starts(s, S("right/")) || slice_starts(s, S("posix/"));
}

/* Names only what lies below the folder of zones. */
static bool
name_sane(struct slice s)
{
	size_t i;

	if (of_this_machine(s))
		return false;

	if (s.len > NAME_MAX_LEN || s.p[0] == '/' || s.p[0] == '.')
		return false;
	for (i = 0; i < s.len; i++) {
		const char c = s.p[i], low = (char)(c | 32);

		if (!(low >= 'a' && low <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '_' && c != '+' && c != '-' && c != '/')
			return false;
	}
	return true;
}

struct zone *
zone_open(struct slice name)
{
	struct zone *z = NULL;
	char path[128], *bytes;
	ssize_t len;
	int fd;

	if (name.len == 0 || slice_eq(name, S("UTC")))
		return NEW(struct zone);
	if (!name_sane(name))
		return NULL;
	(void)snprintf(
	    path, sizeof(path), "/usr/share/zoneinfo/%.*s", S_FMT(name));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	bytes = mem_new(FILE_MAX);
	len = read(fd, bytes, FILE_MAX);
	if (len > 0)
		z = zone_parse((struct slice){ bytes, (size_t)len });
	mem_free(bytes);
	close(fd);
	return z;
}

void
zone_free(struct zone **z)
{
	if (*z == NULL)
		return;
	mem_free((*z)->at);
	mem_free((*z)->offset);
	mem_free(*z);
	*z = NULL;
}

bool
zone_known(struct slice name)
{
	struct slice head, tail = name;
	struct zone *z;

	while (slice_cut(tail, '/', &head, &tail)) {
		if (head.len == 0 || tail.len == 0)
			return false;
	}
	z = zone_open(name);
	if (z == NULL)
		return false;
	zone_free(&z);
	return true;
}
