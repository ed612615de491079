/*
 * usage.c - the books, read for people: usage, one request
 */
#include <time.h>

#include "admin/api.h"
#include "admin/control_priv.h"
#include "base/clock.h"
#include "books/explain.h"
#include "books/usage.h"
#include "store/store.h"

/* "2026-11-23", "2026-11-23T08:00:00Z" or seconds since 1970, UTC. */
static bool
read_time(const char *text, int64_t *ns)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%SZ",
		"%Y-%m-%dT%H:%MZ", "%Y-%m-%d" };
	const char *end;
	struct tm tm;
	uint64_t s;
	size_t i;

	if (slice_u64(slice_of(text), &s) && s < 100000000000) {
		*ns = (int64_t)s * NS_PER_S;
		return true;
	}
	for (i = 0; i < NELEM(forms); i++) {
		tm = (struct tm){ 0 };
		end = strptime(text, forms[i], &tm);
		if (end != NULL && *end == '\0') {
			*ns = (int64_t)timegm(&tm) * NS_PER_S;
			return true;
		}
	}
	return false;
}

static bool
query_time(struct api *a, const char *name, int64_t *ns)
{
	struct slice v = api_query(a, name);

	return v.len == 0 || read_time(arena_str(&a->arena, v), ns);
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

	*q = (struct usage_query){ 0 };
	*format = USAGE_JSON;
	if (!usage_by_parse(api_query(a, "by"), q))
		return wrong_by(a);
	if (!query_time(a, "from", &q->span.from_ns) ||
	    !query_time(a, "to", &q->span.to_ns))
		return "'from' and 'to' take 2026-11-23, "
		       "2026-11-23T08:00:00Z or seconds since 1970";
	if (v.len > 0 && !usage_format_parse(v, format))
		return "'format' takes table, csv or json";
	return NULL;
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

void
usage_report(struct api *a)
{
	struct usage_query q;
	enum usage_format format;
	const char *wrong = read_query(a, &q, &format);
	struct buf b = { 0 };
	struct store *s;

	if (wrong != NULL) {
		api_fail(a, FAULT_FIELD, wrong);
		return;
	}
	s = control_store(a->c);
	if (s == NULL) {
		api_fail(a, FAULT_DISK, "the store cannot be read");
		return;
	}
	answer(a, s, usage_read(s, &q, format, &b), format, &b);
	store_close(&s);
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
