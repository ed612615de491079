#include "books/tally.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "model/sum.h"

struct tally_row {
	char *key;
	int64_t sum[SUMS];
};

/* --- keys: everything a row is told apart by, as text ------------------ */

static void
add_text(struct tally *t, struct slice s)
{
	buf_add(&t->key, s);
	buf_char(&t->key, '\n');
}

static void
add_number(struct tally *t, int64_t v)
{
	buf_i64(&t->key, v);
	buf_char(&t->key, '\n');
}

static void
add_tags(struct tally *t, const struct outcome *o)
{
	uint64_t last = 0, next;
	bool first = true;
	unsigned i;

	for (;; first = false) {
		next = UINT64_MAX;
		for (i = 0; i < o->ntags; i++) {
			if (o->tags[i] > last && o->tags[i] < next)
				next = o->tags[i];
		}
		if (next == UINT64_MAX)
			break;
		if (!first)
			buf_char(&t->key, ',');
		buf_u64(&t->key, next);
		last = next;
	}
	buf_char(&t->key, '\n');
}

static void
add_terms(struct tally *t, const struct scan *s, const struct outcome *o)
{
	const struct generation *g = scan_generation(s, o->generation);
	int64_t percent = 0, per_token = 0;
	unsigned i;

	for (i = 0; g != NULL && o->agreement != 0 && i < g->nagreements; i++) {
		if (g->agreements[i].terms.id == o->agreement) {
			percent = g->agreements[i].terms.percent;
			per_token = g->agreements[i].terms.per_token.pico;
		}
	}
	add_number(t, (int64_t)o->agreement);
	add_number(t, percent);
	add_number(t, per_token);
}

static void
add_places(struct tally *t, const struct deployment_row *d,
    const struct price *p, const struct outcome *o)
{
	static const struct deployment_row none;

	if (d == NULL)
		d = &none;
	add_text(t, d->model);
	add_text(t, d->provider);
	add_text(t, d->publisher);
	add_text(t, d->id);
	add_text(t, d->region);
	add_text(t, p != NULL && p->tier.len > 0 ? p->tier : d->tier);
	add_text(t, d->type);
	add_text(t, d->zone);
	add_text(t, d->name);
	add_tags(t, o);
}

static char
flag(enum resolution r)
{
	return r == RESOLUTION_UNKNOWN     ? 'u'
	       : r == RESOLUTION_ESTIMATED ? 'e'
					   : 'b';
}

static void
write_key(struct tally *t, const struct scan *s, const struct outcome *o,
    int64_t hour, int64_t late)
{
	const struct price *p =
	    scan_price(s, o->generation, o->deployment, o->price);
	const char f = flag(o->resolution);
	unsigned step = 0;

	if (p != NULL)
		(void)price_rates(p, o->usage.input, &step);
	buf_clear(&t->key);
	add_number(t, hour);
	add_number(t, (int64_t)o->key);
	add_number(t, (int64_t)o->price);
	add_number(t, step);
	add_terms(t, s, o);
	add_text(t, (struct slice){ &f, 1 });
	add_number(t, late);
	add_places(t, scan_deployment(s, o->generation, o->deployment), p, o);
}

/* --- adding ------------------------------------------------------------ */

static struct tally_row *
row_get(struct tally *t)
{
	struct tally_row *r = map_find(&t->rows, buf_slice(&t->key));

	if (r == NULL) {
		r = NEW(struct tally_row);
		r->key = mem_dup(buf_slice(&t->key));
		(void)map_put(
		    &t->rows, (struct slice){ r->key, t->key.len }, r);
	}
	return r;
}

static void
add(struct tally *t, const struct scan *s, const struct outcome *o,
    int64_t hour, int64_t late, int times)
{
	int64_t one[SUMS];
	struct tally_row *r;
	unsigned i;

	if (!o->sent || o->resolution == RESOLUTION_VOID)
		return;
	write_key(t, s, o, hour, late);
	r = row_get(t);
	sum_usage(&o->usage, one);
	one[SUM_LIST] = o->list;
	one[SUM_CONTRACTED] = o->contracted;
	one[SUM_EFFECTIVE] = o->effective;
	for (i = 0; i < SUMS; i++)
		r->sum[i] += times * one[i];
}

void
tally_outcome(struct tally *t, const struct scan *s, const struct outcome *o)
{
	add(t, s, o, reqid_wall_ms(&o->req) / 3600000, 0, 1);
}

static int64_t
month_of(int64_t ms)
{
	const time_t s = (time_t)(ms / 1000);
	struct tm tm = { 0 };

	(void)gmtime_r(&s, &tm);
	return (int64_t)tm.tm_year * 12 + tm.tm_mon;
}

/* In a later month at its own time, else at its request's. */
void
tally_correction(
    struct tally *t, const struct scan *s, const struct correction *c)
{
	const int64_t began = reqid_wall_ms(&c->now.req);
	const int64_t made = c->now.wall_ns / NS_PER_MS;
	const bool late = month_of(made) > month_of(began);
	const int64_t hour = (late ? made : began) / 3600000;

	add(t, s, &c->was, hour, late ? began / 3600000 : 0, -1);
	add(t, s, &c->now, hour, late ? began / 3600000 : 0, 1);
}

/* --- the store --------------------------------------------------------- */

enum { NUMBERS = 8, TEXTS = 10 };

int64_t
tally_minutes_from(struct store *s)
{
	struct stmt *q =
	    store_sql(s, "SELECT value FROM meta WHERE name = 'minutes_from'");

	return stmt_step(q) ? stmt_get_i64(q, 0) : 0;
}

void
tally_load(struct tally *t, struct store *s, bool minutes)
{
	struct stmt *q = store_sql(
	    s, minutes ? "SELECT u.minute / 60, u.key, d.price, d.step,"
			 " d.agreement, d.percent, d.per_token, d.late, d.flag,"
			 " d.model, d.provider, d.publisher, d.deployment,"
			 " d.region, d.tier, d.type, d.zone, d.name, d.tags,"
			 " " SUM_COLUMNS " FROM usage_minute u"
			 " JOIN dims d ON d.id = u.dim"
		       : "SELECT u.hour, u.key, d.price, d.step,"
			 " d.agreement, d.percent, d.per_token, d.late, d.flag,"
			 " d.model, d.provider, d.publisher, d.deployment,"
			 " d.region, d.tier, d.type, d.zone, d.name, d.tags,"
			 " " SUM_COLUMNS " FROM usage_hour u"
			 " JOIN dims d ON d.id = u.dim");
	struct tally_row *r;
	int i;

	while (stmt_step(q)) {
		buf_clear(&t->key);
		for (i = 0; i < NUMBERS - 1; i++)
			add_number(t, stmt_get_i64(q, i));
		add_text(t, stmt_get(q, NUMBERS));
		add_number(t, stmt_get_i64(q, NUMBERS - 1));
		for (i = 1; i <= TEXTS; i++)
			add_text(t, stmt_get(q, NUMBERS + i));
		r = row_get(t);
		for (i = 0; i < SUMS; i++)
			r->sum[i] += stmt_get_i64(q, NUMBERS + TEXTS + 1 + i);
	}
}

/* --- comparing --------------------------------------------------------- */

static bool
is_nothing(const struct tally_row *r)
{
	unsigned i;

	for (i = 0; i < SUMS && r->sum[i] == 0; i++)
		;
	return i == SUMS;
}

/* Rows of a that b does not have and, if others, those it has otherwise. */
static size_t
count_missing(const struct tally *a, const struct tally *b, int64_t from_hour,
    bool others)
{
	const struct map_slot *e;
	size_t at = 0, n = 0;

	while ((e = map_next(&a->rows, &at)) != NULL) {
		const struct tally_row *x = e->value,
				       *y = map_find(&b->rows, e->key);

		if (strtoll(x->key, NULL, 10) < from_hour)
			continue;
		if (y == NULL
			? !is_nothing(x)
			: others && memcmp(x->sum, y->sum, sizeof(x->sum)) != 0)
			n++;
	}
	return n;
}

size_t
tally_differences(
    const struct tally *a, const struct tally *b, int64_t from_hour)
{
	return count_missing(a, b, from_hour, true) +
	       count_missing(b, a, from_hour, false);
}

void
tally_fini(struct tally *t)
{
	const struct map_slot *e;
	size_t at = 0;

	while ((e = map_next(&t->rows, &at)) != NULL) {
		mem_free(((struct tally_row *)e->value)->key);
		mem_free(e->value);
	}
	map_fini(&t->rows);
	buf_fini(&t->key);
}
