/*
 * usage.c - the books, read for people: usage, one request
 */
#include <time.h>

#include "admin/api.h"
#include "admin/control_priv.h"
#include "base/clock.h"
#include "base/date.h"
#include "books/explain.h"
#include "books/focus.h"
#include "books/level.h"
#include "books/usage.h"
#include "store/store.h"

/* What date_parse() takes, or seconds since 1970. */
static bool
query_time(struct api *a, const char *name, int64_t *ns)
{
	const struct slice v = api_query(a, name);
	uint64_t s;

	if (v.len == 0)
		return true;
	if (!slice_u64(v, &s) || s > DATE_LAST_S)
		return date_parse(v, ns);
	*ns = (int64_t)s * NS_PER_S;
	return true;
}

const char *
api_read_span(struct api *a, int64_t *from_ns, int64_t *to_ns)
{
	if (!query_time(a, "from", from_ns) || !query_time(a, "to", to_ns))
		return "'from' and 'to' take 2026-11-23, 2026-11-23T08:00:00Z "
		       "or seconds since 1970, until 2200";
	/* Nothing was spent between the two: an answer, but a wrong one. */
	if (*to_ns != 0 && *to_ns < *from_ns)
		return "'to' is before 'from'";
	return NULL;
}

static const char *
read_span(struct api *a, struct roll_span *s)
{
	return api_read_span(a, &s->from_ns, &s->to_ns);
}

static const char *
wrong_by(struct api *a)
{
	struct buf b = { 0 };
	const char *text;

	buf_str(&b, "'by' takes ");
	usage_by_names(&b);
	text = arena_str(&a->arena, buf_slice(&b));
	buf_fini(&b);
	return text;
}

static const char *
read_query(struct api *a, struct usage_query *q, enum usage_format *format)
{
	struct slice v = api_query(a, "format");
	const char *wrong;

	*q = (struct usage_query){ 0 };
	*format = USAGE_JSON;
	if (!usage_by_parse(api_query(a, "by"), q))
		return wrong_by(a);
	wrong = read_span(a, &q->span);
	if (wrong != NULL)
		return wrong;
	if (v.len > 0 && !usage_format_parse(v, format))
		return "'format' takes table, csv, json, focus or focus-json";
	return NULL;
}

static const char *
read_focus(struct api *a, struct focus_query *q)
{
	const struct slice v = api_query(a, "granularity");

	*q = (struct focus_query){ .currency = a->c->snapshot->currency,
		.json = slice_eq(api_query(a, "format"), S("focus-json")),
		.daily = slice_eq(v, S("daily")),
		.now_ns = clock_wall_ns() };
	if (api_query(a, "by").len > 0)
		return "FOCUS has its own columns: 'by' is not for it";
	if (v.len > 0 && !q->daily && !slice_eq(v, S("hourly")))
		return "'granularity' takes hourly or daily";
	return read_span(a, &q->span);
}

/* "2026-11": that month, in UTC. */
static bool
read_month(struct slice text, struct roll_span *out)
{
	struct slice head, tail;
	uint64_t year, month;
	struct tm tm = { 0 };

	if (!slice_cut(text, '-', &head, &tail) || head.len != 4 ||
	    tail.len != 2 || !slice_u64(head, &year) ||
	    !slice_u64(tail, &month) || year < DATE_YEAR_FIRST ||
	    year > DATE_YEAR_LAST || month < 1 || month > 12)
		return false;
	tm.tm_year = (int)year - 1900;
	tm.tm_mon = (int)month - 1;
	tm.tm_mday = 1;
	out->from_ns = (int64_t)timegm(&tm) * NS_PER_S;
	tm = (struct tm){
		.tm_year = (int)year - 1900, .tm_mon = (int)month, .tm_mday = 1
	};
	out->to_ns = (int64_t)timegm(&tm) * NS_PER_S;
	return true;
}

static void
answer(struct api *a, struct store *s, enum fault f, enum usage_format format,
    struct buf *b)
{
	struct slice text;

	if (f != FAULT_NONE) {
		buf_fini(b);
		api_fail(a, f, store_error(s));
	} else if (format == USAGE_JSON) {
		api_reply(a, 200, b);
	} else {
		text = arena_copy(&a->arena, buf_slice(b));
		buf_fini(b);
		api_text(a, 200,
		    format == USAGE_CSV ? S("text/csv; charset=utf-8")
					: S("text/plain; charset=utf-8"),
		    text);
	}
}

static void
report(struct api *a, const struct usage_query *q, enum usage_format format)
{
	struct store *s = api_store(a);
	struct buf b = { 0 };

	if (s == NULL)
		return;
	answer(a, s, usage_read(s, q, format, &b), format, &b);
	store_close(&s);
}

static void
focus(struct api *a)
{
	struct focus_query q;
	const char *wrong = read_focus(a, &q);
	struct buf b = { 0 };
	struct store *s;

	if (wrong != NULL) {
		api_fail(a, FAULT_FIELD, wrong);
		return;
	}
	s = api_store(a);
	if (s == NULL)
		return;
	answer(
	    a, s, focus_read(s, &q, &b), q.json ? USAGE_JSON : USAGE_CSV, &b);
	store_close(&s);
}

void
usage_report(struct api *a)
{
	const struct slice as = api_query(a, "format");
	struct usage_query q;
	enum usage_format format;
	const char *wrong;

	if (slice_eq(as, S("focus")) || slice_eq(as, S("focus-json"))) {
		focus(a);
		return;
	}
	wrong = read_query(a, &q, &format);
	if (wrong != NULL)
		api_fail(a, FAULT_FIELD, wrong);
	else
		report(a, &q, format);
}

/* How often and how fast, by what a key or a deployment has. */
void
usage_latency(struct api *a)
{
	struct roll_span span = { 0 };
	const char *wrong = read_span(a, &span);
	struct buf b = { 0 };
	struct store *s;
	enum fault f;

	if (wrong != NULL) {
		api_fail(a, FAULT_FIELD, wrong);
		return;
	}
	s = api_store(a);
	if (s == NULL)
		return;
	f = level_read(s, &span, api_query(a, "by"), &b);
	if (f == FAULT_NONE) {
		api_reply(a, 200, &b);
	} else {
		buf_fini(&b);
		api_fail(a, f,
		    f == FAULT_FIELD
			? "'by' takes at most three of deployment, model, "
			  "provider, publisher, region, zone, tier, type, key, "
			  "org, team, project, user, service, hour, day, month"
			: store_error(s));
	}
	store_close(&s);
}

/* What each team is charged: the effective cost, the others beside it. */
void
usage_chargeback(struct api *a)
{
	const struct slice month = api_query(a, "month");
	struct usage_query q;
	enum usage_format format;
	const char *wrong = read_query(a, &q, &format);

	if (wrong == NULL && month.len > 0 && !read_month(month, &q.span))
		wrong = "'month' takes 2026-11, until 2200-12";
	if (wrong == NULL && q.n > 0)
		wrong = "a chargeback is by org, team and project: 'by' is not "
			"for it";
	if (wrong != NULL) {
		api_fail(a, FAULT_FIELD, wrong);
		return;
	}
	CHECK(usage_by_parse(S("org,team,project"), &q));
	q.chargeback = true;
	report(a, &q, format);
}

void
usage_request(struct api *a)
{
	struct buf b = { 0 };
	struct store *s;
	struct reqid id;
	enum fault f;

	if (!reqid_parse(a->segment, &id)) {
		api_fail(a, FAULT_NOT_FOUND,
		    "a request id is req_ and 26 characters");
		return;
	}
	s = control_store(a->c);
	f = explain_request(a->c->snapshot->data_dir, s, &id, &b);
	if (f != FAULT_NONE) {
		buf_fini(&b);
		api_fail(a, f,
		    f == FAULT_NOT_FOUND ? "the log does not speak of it"
					 : NULL);
	} else {
		api_reply(a, 200, &b);
	}
	store_close(&s);
}
