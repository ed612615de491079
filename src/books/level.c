#include "books/level.h"

#include <stdlib.h>

#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "model/ident.h"

enum { FIRST_OCTAVE = 8, GROUPS_MAX = 20000, DAY_S = 86400 };

/* --- buckets -------------------------------------------------------------- */

unsigned
level_bucket(uint64_t us)
{
	unsigned octave, at;

	if (us < (1u << FIRST_OCTAVE))
		return 0;
	octave = 63 - (unsigned)__builtin_clzll(us);
	at = (octave - FIRST_OCTAVE) * 4 + (unsigned)(us >> (octave - 2) & 3) +
	     1;
	return at < LEVEL_BUCKETS ? at : LEVEL_BUCKETS - 1;
}

uint64_t
level_bucket_us(unsigned bucket)
{
	unsigned octave;

	if (bucket == 0)
		return 0;
	octave = FIRST_OCTAVE + (bucket - 1) / 4;
	return (UINT64_C(4) + (bucket - 1) % 4) << (octave - 2);
}

void
level_add_bytes(uint64_t bucket[LEVEL_BUCKETS], struct slice bytes)
{
	uint32_t n;
	size_t i;

	if (bytes.len != LEVEL_BUCKETS * sizeof(n))
		return;
	for (i = 0; i < LEVEL_BUCKETS; i++) {
		memcpy(&n, bytes.p + i * sizeof(n), sizeof(n));
		bucket[i] += n;
	}
}

uint64_t
level_percentile(const uint64_t bucket[LEVEL_BUCKETS], unsigned p)
{
	uint64_t all = 0, want, seen = 0, from, to;
	unsigned i;

	for (i = 0; i < LEVEL_BUCKETS; i++)
		all += bucket[i];
	if (all == 0)
		return 0;
	want = (all * p + 999) / 1000;
	if (want == 0)
		want = 1;
	for (i = 0; seen + bucket[i] < want; i++)
		seen += bucket[i];
	from = level_bucket_us(i);
	to = i + 1 < LEVEL_BUCKETS ? level_bucket_us(i + 1) : from;
	return from + (to - from) * (want - seen) / bucket[i];
}

/* --- what it is grouped by ------------------------------------------------ */

static const struct column {
	const char *name;
	bool of_key;     /* else of the deployment, or the time */
	const char *sql; /* of the table keys or dims */
} columns[] = {
	{ "deployment", false, NULL },
	{ "model", false, "model" },
	{ "provider", false, "provider" },
	{ "publisher", false, "publisher" },
	{ "region", false, "region" },
	{ "zone", false, "zone" },
	{ "tier", false, "tier" },
	{ "type", false, "type" },
	{ "key", true, NULL },
	{ "org", true, "org" },
	{ "team", true, "team" },
	{ "project", true, "project" },
	{ "user", true, "user" },
	{ "service", true, "service" },
	{ "hour", false, NULL },
	{ "day", false, NULL },
	{ "month", false, NULL },
};

enum {
	COLUMN_DEPLOYMENT = 0,
	COLUMN_KEY = 8,
	COLUMN_USER = 12,
	COLUMN_SERVICE = 13,
	COLUMN_HOUR = 14,
	COLUMN_DAY = 15,
	COLUMN_MONTH = 16
};

struct group {
	struct level level;
	struct slice text[LEVEL_COLUMNS];
};

/* What a key or a deployment is, by column. */
struct thing {
	struct slice text[NELEM(columns)];
};

struct reading {
	struct store *s;
	struct arena arena;
	unsigned n;
	unsigned column[LEVEL_COLUMNS];
	struct map groups;
	struct map64 keys;
	struct map deployments;
	struct level total;
};

static bool
read_by(struct reading *r, struct slice by)
{
	struct slice one;
	size_t i;

	while (by.len > 0) {
		if (!slice_cut(by, ',', &one, &by)) {
			one = by;
			by.len = 0;
		}
		for (i = 0; i < NELEM(columns); i++) {
			if (slice_eq(
				slice_trim(one), slice_of(columns[i].name)))
				break;
		}
		if (i == NELEM(columns) || r->n == LEVEL_COLUMNS)
			return false;
		r->column[r->n++] = (unsigned)i;
	}
	return true;
}

static const struct thing *
key_of(struct reading *r, uint64_t key)
{
	struct thing *t = map64_find(&r->keys, key);
	struct stmt *q;

	if (t != NULL)
		return t;
	t = ARENA_NEW(&r->arena, struct thing);
	q = store_sql(r->s,
	    "SELECT name, org, team, project, principal_name, principal_kind"
	    " FROM keys WHERE id = ?");
	stmt_u64(q, 1, key);
	if (stmt_step(q)) {
		t->text[COLUMN_KEY] = arena_copy(&r->arena, stmt_get(q, 0));
		t->text[COLUMN_KEY + 1] = arena_copy(&r->arena, stmt_get(q, 1));
		t->text[COLUMN_KEY + 2] = arena_copy(&r->arena, stmt_get(q, 2));
		t->text[COLUMN_KEY + 3] = arena_copy(&r->arena, stmt_get(q, 3));
		t->text[slice_eq(stmt_get(q, 5), S("service")) ? COLUMN_SERVICE
							       : COLUMN_USER] =
		    arena_copy(&r->arena, stmt_get(q, 4));
	}
	if (key != 0)
		(void)map64_put(&r->keys, key, t);
	return t;
}

/* As it was when it last served something that counts. */
static const struct thing *
deployment_of(struct reading *r, struct slice id)
{
	struct thing *t = map_find(&r->deployments, id);
	struct stmt *q;
	unsigned i;

	if (t != NULL)
		return t;
	t = ARENA_NEW(&r->arena, struct thing);
	t->text[COLUMN_DEPLOYMENT] = arena_copy(&r->arena, id);
	q = store_sql(r->s,
	    "SELECT model, provider, publisher, region, zone, tier, type"
	    " FROM dims WHERE deployment = ? ORDER BY id DESC LIMIT 1");
	stmt_text(q, 1, t->text[COLUMN_DEPLOYMENT]);
	if (stmt_step(q)) {
		for (i = 0; i < 7; i++)
			t->text[1 + i] =
			    arena_copy(&r->arena, stmt_get(q, (int)i));
	}
	(void)map_put(&r->deployments, t->text[COLUMN_DEPLOYMENT], t);
	return t;
}

static struct slice
time_text(struct reading *r, unsigned column, int64_t hour)
{
	const time_t s = (time_t)hour * 3600;
	char text[32];
	struct tm tm;

	if (gmtime_r(&s, &tm) == NULL ||
	    strftime(text, sizeof(text),
		column == COLUMN_HOUR  ? "%Y-%m-%dT%H:00:00Z"
		: column == COLUMN_DAY ? "%Y-%m-%d"
				       : "%Y-%m",
		&tm) == 0)
		return S("");
	return arena_copy(&r->arena, slice_of(text));
}

static struct group *
group_of(struct reading *r, int64_t hour, uint64_t key, struct slice deployment)
{
	struct slice text[LEVEL_COLUMNS];
	struct buf name = { 0 };
	struct group *g;
	unsigned i;

	for (i = 0; i < r->n; i++) {
		const unsigned c = r->column[i];

		text[i] = c >= COLUMN_HOUR ? time_text(r, c, hour)
			  : columns[c].of_key
			      ? key_of(r, key)->text[c]
			      : deployment_of(r, deployment)->text[c];
		buf_add(&name, text[i]);
		buf_char(&name, '\0');
	}
	g = map_find(&r->groups, buf_slice(&name));
	if (g == NULL && r->groups.n < GROUPS_MAX) {
		g = ARENA_NEW(&r->arena, struct group);
		memcpy(g->text, text, sizeof(text));
		(void)map_put(
		    &r->groups, arena_copy(&r->arena, buf_slice(&name)), g);
	}
	buf_fini(&name);
	return g;
}

static void
add(struct level *l, struct stmt *q)
{
	l->tries += stmt_get_u64(q, 3);
	l->failures += stmt_get_u64(q, 4);
	level_add_bytes(l->first, stmt_get(q, 5));
	level_add_bytes(l->total, stmt_get(q, 6));
}

static void
read_rows(struct reading *r, const struct roll_span *span)
{
	const int64_t hour_ns = 3600 * NS_PER_S;
	struct slice deployment;
	struct group *g;
	struct stmt *q = store_sql(r->s,
	    "SELECT hour, key, deployment, tries, failures, first, total"
	    " FROM levels WHERE hour >= ? AND hour < ?");

	stmt_i64(q, 1, span->from_ns / hour_ns);
	stmt_i64(q, 2,
	    span->to_ns == 0 ? INT64_MAX
			     : (span->to_ns + hour_ns - 1) / hour_ns);
	while (stmt_step(q)) {
		deployment = arena_copy(&r->arena, stmt_get(q, 2));
		if (deployment.len == 0) {
			add(&r->total, q);
			continue;
		}
		g = group_of(
		    r, stmt_get_i64(q, 0), stmt_get_u64(q, 1), deployment);
		if (g != NULL)
			add(&g->level, q);
	}
}

/* --- telling -------------------------------------------------------------- */

static void
write_percentile(struct buf *b, const char *key,
    const uint64_t bucket[LEVEL_BUCKETS], unsigned p)
{
	const uint64_t us = level_percentile(bucket, p);

	json_w_key(b, key);
	if (us == 0)
		json_w_null(b);
	else
		buf_fmt(b, "%llu.%llu", (unsigned long long)(us / 1000),
		    (unsigned long long)(us % 1000 / 100));
}

static void
write_level(struct buf *b, const struct level *l)
{
	json_w_ku64(b, "calls", l->tries);
	json_w_ku64(b, "errors", l->failures);
	write_percentile(b, "first_p50_ms", l->first, 500);
	write_percentile(b, "first_p95_ms", l->first, 950);
	write_percentile(b, "total_p50_ms", l->total, 500);
	write_percentile(b, "total_p95_ms", l->total, 950);
}

static int
by_text(const void *a, const void *b)
{
	const struct group *x = *(struct group *const *)a,
			   *y = *(struct group *const *)b;
	unsigned i;
	int d = 0;

	for (i = 0; i < LEVEL_COLUMNS && d == 0; i++) {
		const struct slice s = x->text[i], t = y->text[i];
		const size_t n = s.len < t.len ? s.len : t.len;

		d = n > 0 ? memcmp(s.p, t.p, n) : 0;
		if (d == 0)
			d = s.len < t.len ? -1 : s.len > t.len;
	}
	return d;
}

static void
write_rows(struct reading *r, struct buf *b)
{
	struct group **all = mem_new((r->groups.n + 1) * sizeof(*all));
	const struct map_slot *e;
	size_t at = 0, n = 0, i;
	unsigned k;

	while ((e = map_next(&r->groups, &at)) != NULL)
		all[n++] = e->value;
	qsort(all, n, sizeof(*all), by_text);
	for (i = 0; i < n; i++) {
		json_w_begin(b, '{');
		for (k = 0; k < r->n; k++)
			json_w_kstr(
			    b, columns[r->column[k]].name, all[i]->text[k]);
		write_level(b, &all[i]->level);
		json_w_end(b, '}');
	}
	mem_free(all);
}

enum fault
level_read(struct store *s, const struct roll_span *span, struct slice by,
    struct buf *out)
{
	struct reading *r = NEW(struct reading);
	enum fault fault = FAULT_FIELD;

	r->s = s;
	if (read_by(r, by)) {
		store_begin(s);
		read_rows(r, span);
		fault = store_fault(s);
		store_rollback(s);
	}
	if (fault == FAULT_NONE) {
		json_w_begin(out, '{');
		json_w_key(out, "rows");
		json_w_begin(out, '[');
		write_rows(r, out);
		json_w_end(out, ']');
		json_w_key(out, "total");
		json_w_begin(out, '{');
		write_level(out, &r->total);
		json_w_end(out, '}');
		json_w_end(out, '}');
	}
	map_fini(&r->groups);
	map64_fini(&r->keys);
	map_fini(&r->deployments);
	arena_fini(&r->arena);
	mem_free(r);
	return fault;
}
