#include "books/story.h"

#include "journal/filter.h"
#include "journal/segment.h"

enum { ATTEMPTS_MAX = 99 };

struct told *
story_find(const struct story *t, unsigned attempt)
{
	unsigned i;

	for (i = 0; i < t->n; i++) {
		if (t->told[i].intent.attempt == attempt)
			return &t->told[i];
	}
	return NULL;
}

static bool
is_ours(const struct story *t, const struct reqid *id)
{
	return memcmp(id, &t->id, sizeof(*id)) == 0;
}

static void
take_intent(struct story *t, const struct frame *f)
{
	struct intent v = { 0 };

	if (frame_get_intent(f, &v) != FAULT_NONE || !is_ours(t, &v.req) ||
	    t->n == ATTEMPTS_MAX || story_find(t, v.attempt) != NULL)
		return;
	t->told = mem_grow(t->told, (t->n + 1) * sizeof(*t->told));
	memset(&t->told[t->n], 0, sizeof(*t->told));
	t->told[t->n++].intent = v;
}

/* Out of the frame; whose place it is, story_outcome() says. */
static void
keep_tier(struct told *a)
{
	struct slice *s = &a->outcome.used_tier;

	if (s->len > 0)
		memmove(a->used_tier, s->p, s->len);
}

static void
note(struct told *a, const struct correction *c)
{
	struct story_note *n = NEW(struct story_note), **end = &a->note;

	while (*end != NULL)
		end = &(*end)->next;
	*n = (struct story_note){ .number = c->now.number,
		.wall_ns = c->now.wall_ns,
		.reason = c->reason,
		.resolution = c->now.resolution,
		.difference = c->now.effective - c->was.effective,
		.stated = c->stated };
	*end = n;
}

/* What it changes; when and how the attempt ended stays as it was. */
static void
take_correction(struct story *t, const struct frame *f)
{
	struct arena a = { 0 };
	struct correction c;
	struct outcome *o;
	struct told *told;

	if (frame_get_correction(f, &a, &c) == FAULT_NONE &&
	    is_ours(t, &c.now.req)) {
		told = story_find(t, c.now.attempt);
		if (told != NULL && told->closed) {
			o = &told->outcome;
			note(told, &c);
			c.now.wall_ns = o->wall_ns;
			c.now.provider_id = o->provider_id;
			*o = c.now;
			keep_tier(told);
			told->stated = c.stated;
		}
	}
	arena_fini(&a);
}

static void
take_outcome(struct story *t, const struct frame *f)
{
	struct outcome v = { 0 };
	struct told *a;

	if (frame_get_outcome(f, &v) != FAULT_NONE || !is_ours(t, &v.req))
		return;
	if (v.number > 0) {
		take_correction(t, f);
		return;
	}
	a = story_find(t, v.attempt);
	if (a == NULL || a->closed)
		return;
	if (v.provider_id.len > 0)
		memcpy(a->provider_id, v.provider_id.p, v.provider_id.len);
	a->outcome = v;
	keep_tier(a);
	a->closed = true;
}

static void
take_final(struct story *t, const struct frame *f)
{
	struct final v = { 0 };

	if (frame_get_final(f, &v) != FAULT_NONE || !is_ours(t, &v.req))
		return;
	t->final = v;
	t->ended = true;
}

static void
take(struct story *t, const struct frame *f)
{
	if (f->kind == FRAME_INTENT)
		take_intent(t, f);
	else if (f->kind == FRAME_OUTCOME)
		take_outcome(t, f);
	else if (f->kind == FRAME_FINAL)
		take_final(t, f);
	else if (f->kind == FRAME_CONFIG && t->scan != NULL)
		(void)scan_learn(t->scan, f->payload);
}

/* on: past the request's end, for corrections. */
static enum fault
read_range(
    struct story *t, const char *dir, uint64_t from, uint64_t to, bool on)
{
	struct log_reader *r;
	struct frame f;
	enum fault fault = log_reader_open(dir, from, &r);
	uint64_t at = from;

	if (fault != FAULT_NONE)
		return fault;
	while (at < to && (on || !t->ended)) {
		fault = log_next(r, &f, &at);
		if (fault == FAULT_NONE && at < to)
			take(t, &f);
		else if (fault != FAULT_NONE && fault != FAULT_DATA)
			break;
	}
	log_reader_close(&r);
	return fault == FAULT_DISK ? fault : FAULT_NONE;
}

static bool
is_corrected(const struct story *t, struct store *s)
{
	struct stmt *q = store_sql(
	    s, "SELECT number FROM corrections WHERE req = ? LIMIT 1");

	stmt_blob(
	    q, 1, (struct slice){ (const char *)t->id.b, sizeof(t->id.b) });
	return stmt_step(q);
}

/* Blocks that may speak of it, then what has no block yet. */
static enum fault
read_blocks(struct story *t, const char *dir, struct store *s)
{
	const int64_t ms = reqid_wall_ms(&t->id);
	const bool on = is_corrected(t, s);
	uint64_t rest = 0, start, stop;
	enum fault fault = FAULT_NONE;
	struct stmt *q;

	q = store_sql(s, "SELECT value FROM meta WHERE name = 'block'");
	if (stmt_step(q))
		rest = stmt_get_u64(q, 0);
	q = store_sql(s,
	    "SELECT start, stop, filter FROM blocks"
	    " WHERE last_ms >= ? AND first_ms <= ? ORDER BY start");
	stmt_i64(q, 1, ms);
	stmt_i64(q, 2, ms);
	while (fault == FAULT_NONE && (on || !t->ended) && stmt_step(q)) {
		start = stmt_get_u64(q, 0);
		stop = stmt_get_u64(q, 1);
		if (filter_may_have(stmt_get(q, 2), &t->id))
			fault = read_range(t, dir, start, stop, on);
	}
	if (fault == FAULT_NONE && (on || !t->ended))
		fault = read_range(t, dir, rest, UINT64_MAX, on);
	return fault;
}

enum fault
story_read(struct story *t, const char *data_dir, struct store *s)
{
	struct buf dir = { 0 };
	enum fault fault;

	if (reqid_wall_ms(&t->id) > INT64_MAX / 1000000)
		return FAULT_NOT_FOUND;
	scan_path(&dir, data_dir, "log");
	if (s != NULL) {
		store_begin(s);
		if (t->scan != NULL)
			scan_learn_store(t->scan, s);
		fault = read_blocks(t, buf_cstr(&dir), s);
		store_rollback(s);
	} else {
		fault = read_range(t, buf_cstr(&dir), 0, UINT64_MAX, true);
	}
	if (fault == FAULT_NONE && t->n == 0 && !t->ended)
		fault = FAULT_NOT_FOUND;
	buf_fini(&dir);
	return fault;
}

struct outcome
story_outcome(const struct told *a)
{
	struct outcome o = a->outcome;

	o.provider_id.p = a->provider_id;
	o.used_tier.p = a->used_tier;
	return o;
}

void
story_fini(struct story *t)
{
	struct story_note *n;
	unsigned i;

	for (i = 0; i < t->n; i++) {
		while ((n = t->told[i].note) != NULL) {
			t->told[i].note = n->next;
			mem_free(n);
		}
	}
	mem_free(t->told);
	t->told = NULL;
	t->n = 0;
}
