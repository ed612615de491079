#include "books/roll.h"

#include "books/tally.h"
#include "base/clock.h"
#include "base/json.h"
#include "shm/shm.h"

/* --- names ------------------------------------------------------------- */

static struct roll_tag
tag_of(struct slice text)
{
	struct roll_tag t = { .text = text };

	if (!slice_cut(text, '=', &t.name, &t.value))
		t.name = text;
	return t;
}

static void
add_tag(struct roll_tag **tag, unsigned *n, struct slice text)
{
	*tag = mem_grow(*tag, (*n + 1) * sizeof(**tag));
	(*tag)[(*n)++] = tag_of(text);
}

/* Where each kind of subject (shm/shm.h) stands in a key's place. */
static const int places[] = { [SUBJECT_ORG] = ROLL_ORG,
	[SUBJECT_TEAM] = ROLL_TEAM,
	[SUBJECT_PROJECT] = ROLL_PROJECT,
	[SUBJECT_USER] = ROLL_USER,
	[SUBJECT_SERVICE] = ROLL_SERVICE,
	[SUBJECT_KEY] = -1,
	[SUBJECT_TAG] = -1 };

static void
load_subjects(struct roll_names *n, struct store *s)
{
	struct stmt *q = store_sql(s, "SELECT id, kind, name FROM subjects");
	int64_t kind;

	while (stmt_step(q)) {
		kind = stmt_get_i64(q, 1);
		if (kind == SUBJECT_TAG)
			(void)map64_put(&n->tags, stmt_get_u64(q, 0),
			    mem_dup(stmt_get(q, 2)));
		else if (kind > 0 && kind < SUBJECT_KEY)
			(void)map64_put(&n->kinds, stmt_get_u64(q, 0),
			    (void *)(uintptr_t)&places[kind]);
	}
}

/* Ids, 8 bytes each. */
static void
read_places(const struct roll_names *n, struct slice ids, struct roll_key *k)
{
	const int *place;
	uint64_t id;
	size_t i;

	for (i = 0; i + sizeof(id) <= ids.len; i += sizeof(id)) {
		memcpy(&id, ids.p + i, sizeof(id));
		place = map64_find(&n->kinds, id);
		if (place != NULL)
			k->place[*place] = id;
	}
}

/* "3,17": what a tag is called that the store does not know is its id. */
static void
read_ids(struct roll_names *n, struct slice ids, struct roll_dim *d)
{
	struct slice head, tail = ids;
	uint64_t id;
	char *name;
	bool more = ids.len > 0;

	while (more) {
		more = slice_cut(tail, ',', &head, &tail);
		if (!more)
			head = tail;
		if (!slice_u64(head, &id) || id == 0)
			continue;
		name = map64_find(&n->tags, id);
		if (name == NULL) {
			struct buf b = { 0 };

			buf_fmt(&b, "#%llu", (unsigned long long)id);
			name = mem_dup(buf_slice(&b));
			buf_fini(&b);
			(void)map64_put(&n->tags, id, name);
		}
		add_tag(&d->tag, &d->ntags, slice_of(name));
	}
}

static void
load_dims(struct roll_names *n, struct store *s)
{
	struct stmt *q = store_sql(s,
	    "SELECT id, price, agreement, percent, per_token, step, flag, late,"
	    " tags, model,"
	    " provider, publisher, deployment, region, tier, type, zone, name"
	    " FROM dims");
	struct roll_dim *d;
	struct slice flag;
	int i;

	while (stmt_step(q)) {
		d = NEW(struct roll_dim);
		d->id = stmt_get_i64(q, 0);
		d->price = stmt_get_u64(q, 1);
		d->agreement = stmt_get_u64(q, 2);
		d->percent = stmt_get_i64(q, 3);
		d->per_token = stmt_get_i64(q, 4);
		d->step = (unsigned)stmt_get_i64(q, 5);
		flag = stmt_get(q, 6);
		d->flag = flag.len > 0 ? flag.p[0] : 'b';
		d->late = stmt_get_i64(q, 7);
		read_ids(n, stmt_get(q, 8), d);
		for (i = 0; i < ROLL_TEXTS; i++)
			d->text[i] = mem_dup(stmt_get(q, i + 9));
		(void)map64_put(&n->dims, (uint64_t)d->id, d);
	}
}

/* A JSON list of "k=v".  What is decoded is never longer than its text. */
static void
read_tags(struct roll_key *k)
{
	const struct json *item;
	struct arena a = { 0 };
	struct json *list;
	char *at = k->tags;

	if (json_parse(&a, slice_of(k->tags), &list) == FAULT_NONE &&
	    list->type == JSON_ARRAY) {
		for (item = list->child; item != NULL; item = item->next) {
			const struct slice s = item->text;

			memmove(at, s.p, s.len);
			add_tag(
			    &k->tag, &k->ntags, (struct slice){ at, s.len });
			at += s.len;
		}
	}
	arena_fini(&a);
}

static void
load_keys(struct roll_names *n, struct store *s)
{
	struct stmt *q = store_sql(s,
	    "SELECT id, org, team, project,"
	    " CASE principal_kind WHEN 'user' THEN principal_name ELSE '' END,"
	    " CASE principal_kind WHEN 'service' THEN principal_name"
	    " ELSE '' END, name, tags, subjects FROM keys");
	struct roll_key *k;
	int i;

	while (stmt_step(q)) {
		k = NEW(struct roll_key);
		k->id = stmt_get_u64(q, 0);
		for (i = 0; i < ROLL_PLACES; i++)
			k->text[i] = mem_dup(stmt_get(q, i + 1));
		k->tags = mem_dup(stmt_get(q, ROLL_PLACES + 1));
		read_tags(k);
		read_places(n, stmt_get(q, ROLL_PLACES + 2), k);
		(void)map64_put(&n->keys, k->id, k);
	}
}

void
roll_names_load(struct roll_names *n, struct store *s)
{
	int i;

	load_subjects(n, s);
	load_dims(n, s);
	load_keys(n, s);
	for (i = 0; i < ROLL_PLACES; i++)
		n->nobody.text[i] = mem_dup(S(""));
}

static void
free_key(struct roll_key *k)
{
	int i;

	for (i = 0; i < ROLL_PLACES; i++)
		mem_free(k->text[i]);
	mem_free(k->tags);
	mem_free(k->tag);
}

static void
free_dim(struct roll_dim *d)
{
	int i;

	for (i = 0; i < ROLL_TEXTS; i++)
		mem_free(d->text[i]);
	mem_free(d->tag);
	mem_free(d);
}

void
roll_names_fini(struct roll_names *n)
{
	const struct map64_slot *e;
	size_t at = 0;

	while ((e = map64_next(&n->dims, &at)) != NULL)
		free_dim(e->value);
	at = 0;
	while ((e = map64_next(&n->keys, &at)) != NULL) {
		free_key(e->value);
		mem_free(e->value);
	}
	at = 0;
	while ((e = map64_next(&n->tags, &at)) != NULL)
		mem_free(e->value);
	map64_fini(&n->dims);
	map64_fini(&n->keys);
	map64_fini(&n->tags);
	map64_fini(&n->kinds);
	free_key(&n->nobody);
}

const struct roll_key *
roll_key(const struct roll_names *n, uint64_t id)
{
	const struct roll_key *k = map64_find(&n->keys, id);

	return k != NULL ? k : &n->nobody;
}

const struct roll_dim *
roll_dim(const struct roll_names *n, uint64_t id)
{
	return map64_find(&n->dims, id);
}

/* --- rows -------------------------------------------------------------- */

static bool
is_hourly(const struct roll_span *s)
{
	return !s->minutes && s->from_ns % (3600 * NS_PER_S) == 0 &&
	       s->to_ns % (3600 * NS_PER_S) == 0;
}

bool
roll_widen(struct store *s, struct roll_span *span)
{
	const int64_t hour = 3600 * NS_PER_S;

	if (is_hourly(span) ||
	    span->from_ns / (60 * NS_PER_S) >= tally_minutes_from(s))
		return false;
	span->minutes = false;
	span->from_ns = span->from_ns / hour * hour;
	if (span->to_ns % hour != 0)
		span->to_ns = (span->to_ns / hour + 1) * hour;
	return true;
}

/* What a row's time is counted in. */
static int64_t
bind(struct stmt *q, const struct roll_span *s)
{
	const int64_t unit = is_hourly(s) ? 3600 : 60;
	const int64_t ns = unit * NS_PER_S;

	stmt_i64(q, 1, s->from_ns / ns);
	stmt_i64(q, 2, s->to_ns == 0 ? INT64_MAX : (s->to_ns - 1) / ns + 1);
	return unit;
}

void
roll_each(struct store *s, const struct roll_span *span, roll_f *f, void *arg)
{
	struct stmt *q = store_sql(
	    s, is_hourly(span) ? "SELECT hour, key, dim, " SUM_COLUMNS
				 " FROM usage_hour WHERE hour >= ? AND hour < ?"
				 " ORDER BY hour, key, dim"
			       : "SELECT minute, key, dim, " SUM_COLUMNS
				 " FROM usage_minute"
				 " WHERE minute >= ? AND minute < ?"
				 " ORDER BY minute, key, dim");
	const int64_t unit = bind(q, span);
	struct roll_row r;
	int i;

	while (stmt_step(q)) {
		r.second = stmt_get_i64(q, 0) * unit;
		r.key = stmt_get_u64(q, 1);
		r.dim = stmt_get_u64(q, 2);
		for (i = 0; i < SUMS; i++)
			r.sum[i] = stmt_get_i64(q, 3 + i);
		f(arg, &r);
	}
}

void
roll_each_call(
    struct store *s, const struct roll_span *span, roll_call_f *f, void *arg)
{
	struct stmt *q = store_sql(
	    s, is_hourly(span)
		   ? "SELECT c.hour, c.key, p.text, c.calls FROM calls_hour c"
		     " JOIN paths p ON p.id = c.path"
		     " WHERE c.hour >= ? AND c.hour < ?"
		   : "SELECT c.minute, c.key, p.text, c.calls"
		     " FROM calls_minute c JOIN paths p ON p.id = c.path"
		     " WHERE c.minute >= ? AND c.minute < ?");
	const int64_t unit = bind(q, span);
	struct roll_call c;

	while (stmt_step(q)) {
		c.second = stmt_get_i64(q, 0) * unit;
		c.key = stmt_get_u64(q, 1);
		c.path = stmt_get(q, 2);
		c.calls = stmt_get_i64(q, 3);
		f(arg, &c);
	}
}
