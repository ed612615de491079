#include "books/explain.h"

#include "base/json.h"
#include "books/scan.h"
#include "journal/filter.h"

enum { ATTEMPTS_MAX = 99 };

static const struct {
	bool kept;
	const char *text;
} whys[] = {
#define WHY(NAME, kept, text) { kept, text },
#include "model/why.def"
#undef WHY
};

struct told {
	struct intent intent;
	struct outcome outcome;
	char provider_id[FRAME_PROVIDER_ID], used_tier[FRAME_TIER];
	bool closed;
};

struct story {
	struct reqid id;
	struct scan scan;
	unsigned n;
	struct told *told; /* in order of the log */
	bool ended;
	struct final final;
};

/* --- finding
 * -------------------------------------------------------------------*/

static struct told *
find(struct story *t, unsigned attempt)
{
	unsigned i;

	for (i = 0; i < t->n; i++) {
		if (t->told[i].intent.attempt == attempt)
			return &t->told[i];
	}
	return NULL;
}

static void
take_intent(struct story *t, const struct frame *f)
{
	struct intent v = { 0 };

	if (frame_get_intent(f, &v) != FAULT_NONE ||
	    memcmp(&v.req, &t->id, sizeof(v.req)) != 0 ||
	    t->n == ATTEMPTS_MAX || find(t, v.attempt) != NULL)
		return;
	t->told = mem_grow(t->told, (t->n + 1) * sizeof(*t->told));
	memset(&t->told[t->n], 0, sizeof(*t->told));
	t->told[t->n++].intent = v;
}

/* A correction comes later and is the truth then. */
static void
take_outcome(struct story *t, const struct frame *f)
{
	struct outcome v = { 0 };
	struct told *a;

	if (frame_get_outcome(f, &v) != FAULT_NONE ||
	    memcmp(&v.req, &t->id, sizeof(v.req)) != 0)
		return;
	a = find(t, v.attempt);
	if (a == NULL)
		return;
	if (v.provider_id.len > sizeof(a->provider_id))
		v.provider_id.len = sizeof(a->provider_id);
	if (v.provider_id.len > 0)
		memcpy(a->provider_id, v.provider_id.p, v.provider_id.len);
	if (v.used_tier.len > 0)
		memcpy(a->used_tier, v.used_tier.p, v.used_tier.len);
	a->outcome = v;
	a->closed = true;
}

static void
take_final(struct story *t, const struct frame *f)
{
	struct final v = { 0 };

	if (frame_get_final(f, &v) != FAULT_NONE ||
	    memcmp(&v.req, &t->id, sizeof(v.req)) != 0)
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
	else if (f->kind == FRAME_CONFIG)
		(void)scan_learn(&t->scan, f->payload);
}

/* Damage on the way is verify's to tell: what can be read is read. */
static enum fault
read_range(struct story *t, const char *dir, uint64_t from, uint64_t to)
{
	struct log_reader *r;
	struct frame f;
	enum fault fault = log_reader_open(dir, from, &r);
	uint64_t at = from;

	if (fault != FAULT_NONE)
		return fault;
	while (at < to && !t->ended) {
		fault = log_next(r, &f, &at);
		if (fault == FAULT_NONE && at < to)
			take(t, &f);
		else if (fault != FAULT_NONE && fault != FAULT_DATA)
			break;
	}
	log_reader_close(&r);
	return fault == FAULT_DISK ? fault : FAULT_NONE;
}

/* Blocks that may speak of it, then what has no block yet. */
static enum fault
read_blocks(struct story *t, const char *dir, struct store *s)
{
	const int64_t ms = reqid_wall_ms(&t->id);
	uint64_t rest = 0, start, stop;
	enum fault fault = FAULT_NONE;
	struct stmt *q;

	store_begin(s);
	scan_learn_store(&t->scan, s);
	q = store_sql(s, "SELECT value FROM meta WHERE name = 'block'");
	if (stmt_step(q))
		rest = stmt_get_u64(q, 0);
	q = store_sql(s,
	    "SELECT start, stop, filter FROM blocks"
	    " WHERE last_ms >= ? AND first_ms <= ? ORDER BY start");
	stmt_i64(q, 1, ms);
	stmt_i64(q, 2, ms);
	while (fault == FAULT_NONE && !t->ended && stmt_step(q)) {
		start = stmt_get_u64(q, 0);
		stop = stmt_get_u64(q, 1);
		if (filter_may_have(stmt_get(q, 2), &t->id))
			fault = read_range(t, dir, start, stop);
	}
	store_rollback(s);
	if (fault == FAULT_NONE && !t->ended)
		fault = read_range(t, dir, rest, UINT64_MAX);
	return fault;
}

/* --- telling
 * -------------------------------------------------------------------*/

static void
write_candidates(struct buf *b, const struct story *t)
{
	const struct deployment_row *d;
	const struct final *v = &t->final;
	unsigned i, why;

	json_w_key(b, "candidates");
	json_w_begin(b, '[');
	for (i = 0; t->ended && i < v->n && i < FRAME_CANDIDATES; i++) {
		d = scan_deployment(
		    &t->scan, v->generation, v->candidate[i].deployment);
		why = v->candidate[i].why;
		json_w_begin(b, '{');
		json_w_kstr(b, "deployment", d != NULL ? d->id : S("?"));
		json_w_kbool(b, "kept", why < NELEM(whys) && whys[why].kept);
		json_w_kstr(b, "why",
		    slice_of(why < NELEM(whys) ? whys[why].text : "?"));
		json_w_end(b, '}');
	}
	json_w_end(b, ']');
}

static void
write_attempts(struct buf *b, const struct story *t)
{
	int64_t hold = 0;
	int128 settled = 0;
	unsigned i;

	json_w_key(b, "attempts");
	json_w_begin(b, '[');
	for (i = 0; i < t->n; i++) {
		const struct told *a = &t->told[i];
		struct outcome o = a->outcome;

		o.provider_id.p = a->provider_id;
		o.used_tier.p = a->used_tier;
		json_w_begin(b, '{');
		scan_write_attempt(
		    b, &t->scan, &a->intent, a->closed ? &o : NULL);
		json_w_end(b, '}');
		if (a->intent.hold > hold)
			hold = a->intent.hold;
		if (a->closed)
			settled += o.effective;
	}
	json_w_end(b, ']');
	scan_money(b, "hold", hold);
	scan_money_sum(b, "settled", settled);
}

/* The model as it was asked for, by any deployment that serves it. */
static void
write_model(struct buf *b, const struct story *t)
{
	const uint64_t generation =
	    t->ended ? t->final.generation : t->told[0].intent.generation;
	const uint64_t hash =
	    t->ended ? t->final.model : t->told[0].intent.model;
	const struct deployment_row *d;
	unsigned i;

	json_w_key(b, "model");
	for (i = 0; (d = scan_deployment(&t->scan, generation, i)) != NULL;
	     i++) {
		if (d->model_hash == hash) {
			json_w_str(b, d->model);
			return;
		}
	}
	json_w_null(b);
}

static void
write_end(struct buf *b, const struct story *t)
{
	json_w_kbool(b, "open", !t->ended);
	json_w_key(b, "status");
	if (t->ended)
		json_w_i64(b, t->final.status);
	else
		json_w_null(b);
	json_w_key(b, "fault");
	if (t->ended && t->final.fault != FAULT_NONE)
		json_w_str(b, slice_of(fault_get(t->final.fault)->code));
	else
		json_w_null(b);
	json_w_kbool(b, "client_gone", t->ended && t->final.client_gone);
	json_w_key(b, "total_us");
	if (t->ended)
		json_w_u64(b, t->final.total_us);
	else
		json_w_null(b);
}

static void
write_story(struct buf *b, const struct story *t)
{
	char id[REQID_TEXT + 1];
	const uint64_t key = t->ended ? t->final.key : t->told[0].intent.key;

	reqid_write(&t->id, id);
	json_w_begin(b, '{');
	json_w_kstr(b, "id", slice_of(id));
	scan_time(b, "time", reqid_wall_ms(&t->id) * 1000000);
	scan_key(b, "key", key);
	write_model(b, t);
	write_end(b, t);
	write_candidates(b, t);
	write_attempts(b, t);
	json_w_end(b, '}');
}

enum fault
explain_request(const char *data_dir, struct store *s, const struct reqid *id,
    struct buf *out)
{
	struct story t = { .id = *id };
	struct buf dir = { 0 };
	enum fault fault;

	if (reqid_wall_ms(id) > INT64_MAX / 1000000)
		return FAULT_NOT_FOUND;
	scan_path(&dir, data_dir, "log");
	fault = s != NULL ? read_blocks(&t, buf_cstr(&dir), s)
			  : read_range(&t, buf_cstr(&dir), 0, UINT64_MAX);
	if (fault == FAULT_NONE && t.n == 0 && !t.ended)
		fault = FAULT_NOT_FOUND;
	if (fault == FAULT_NONE)
		write_story(out, &t);
	mem_free(t.told);
	scan_fini(&t.scan);
	buf_fini(&dir);
	return fault;
}
