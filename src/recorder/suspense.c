/*
 * suspense.c - attempts at their bound, and what is known better later
 *
 * An attempt that ended unknown is charged its bound and listed here until a
 * correction says what it cost.  A correction says what the attempt was and
 * what it is, so that it is applied without looking anything up; only that
 * its number is the next is asked of the store.
 */
#include "base/clock.h"
#include "journal/pledge.h"
#include "ledger/account.h"
#include "recorder/state.h"

static bool
same_attempt(const struct outcome *o, const struct reqid *id, unsigned attempt)
{
	return o->attempt == attempt && memcmp(&o->req, id, sizeof(*id)) == 0;
}

static uint64_t
attempt_hash(const struct reqid *id, unsigned attempt)
{
	uint64_t a, b;

	memcpy(&a, id->b, 8);
	memcpy(&b, id->b + 8, 8);
	return table_hash(a, b, attempt);
}

/* They are the frame's. */
static void
forget_texts(struct outcome *o)
{
	o->provider_id = o->used_tier = (struct slice){ 0 };
}

void
suspense_add(struct recorder *r, const struct outcome *o, int64_t dim)
{
	struct suspense *s = NEW(struct suspense);

	s->what = *o;
	forget_texts(&s->what);
	s->dim = dim;
	s->next = r->suspense;
	r->suspense = s;
	table_add(&r->suspended, &s->node, attempt_hash(&o->req, o->attempt));
}

/* Also of one that is not stored yet. */
static void
resolve(struct recorder *r, const struct outcome *o)
{
	struct suspense *s =
	    table_first(&r->suspended, attempt_hash(&o->req, o->attempt));

	for (; s != NULL; s = table_same(s)) {
		if (same_attempt(&s->what, &o->req, o->attempt)) {
			s->resolved = true;
			return;
		}
	}
	suspense_add(r, o, 0);
	r->suspense->resolved = true;
}

/* The number of an attempt's last correction; 0: none. */
static unsigned
correction_last(struct recorder *r, const struct reqid *id, unsigned attempt)
{
	struct noted_correction *c =
	    table_first(&r->corrected, attempt_hash(id, attempt));
	unsigned last = 0;
	struct stmt *q;

	for (; c != NULL; c = table_same(c)) {
		if (same_attempt(&c->what.now, id, attempt) &&
		    c->what.now.number > last)
			last = c->what.now.number;
	}
	if (last > 0)
		return last;
	q = store_sql(r->store, "SELECT max(number) FROM corrections"
				" WHERE req = ? AND attempt = ?");
	stmt_blob(q, 1, (struct slice){ (const char *)id->b, sizeof(id->b) });
	stmt_i64(q, 2, attempt);
	return stmt_step(q) ? (unsigned)stmt_get_i64(q, 0) : 0;
}

/* --- applying
 * ----------------------------------------------------------------*/

static bool
counts(const struct outcome *o)
{
	return o->sent && o->resolution != RESOLUTION_VOID;
}

static const char *
judge_siblings(const struct known_config *c, const struct correction *v)
{
	unsigned i;

	for (i = 0; i < v->nsiblings; i++) {
		if (v->sibling[i].deployment >= c->g.ndeployments ||
		    v->sibling[i].resolution == RESOLUTION_VOID)
			return "a sibling of it cannot be";
	}
	return NULL;
}

static const char *
judge(struct recorder *r, const struct correction *v)
{
	const struct known_config *c = config_find(r, v->now.generation);
	const char *why;

	if (request_find(r, &v->now.req) != NULL)
		return "its request is not over";
	if (c == NULL || v->now.deployment >= c->g.ndeployments)
		return "its deployment is not known";
	if (noun_key(r, v->now.key) == NULL)
		return "its key is not known";
	if (!attempt_chain_known(r, v->now.chain, v->now.n))
		return "its account is not known";
	if (v->now.resolution == RESOLUTION_UNKNOWN)
		return "it is corrected to unknown";
	why = attempt_judge_numbers(&v->was);
	if (why == NULL)
		why = attempt_judge_numbers(&v->now);
	if (why == NULL)
		why = attempt_judge_resolution(&v->now);
	if (why == NULL && !v->stated)
		why = pledge_judge_cost(&c->g, &v->now);
	return why != NULL ? why : judge_siblings(c, v);
}

static void
charge(struct recorder *r, const struct frame *f, const struct correction *v)
{
	const int64_t difference = v->now.effective - v->was.effective;
	const struct frame_need *n;
	unsigned i;

	pledge_book(r, f, &v->now, &v->was);
	for (i = 0; i < v->now.n && difference != 0; i++) {
		n = &v->now.chain[i];
		balance_add(r, n->account, n->window, &f->name, difference);
		balance_get(r, n->account, n->window)->moved = true;
		if (difference > 0)
			alert_check(r, account_find(r, n->account), n->window,
			    v->now.wall_ns);
	}
}

/* The call's path with this attempt as it says; 0: it does not count. */
static int64_t
path_of(struct recorder *r, const struct correction *v,
    const struct outcome *self, int64_t late)
{
	struct known_config *c = config_find(r, self->generation);
	struct attempt one[FRAME_SIBLINGS + 1] = { { 0 } };
	struct request q = { .id = self->req };
	struct buf text = { 0 };
	const struct outcome *o;
	int64_t path = 0;
	unsigned i;

	for (i = 0; i <= v->nsiblings; i++) {
		o = i < v->nsiblings ? &v->sibling[i] : self;
		if (counts(o)) {
			one[i].dim = dim_of(r, c, o, late);
			one[i].flag = apply_flag(o->resolution);
		}
		one[i].next = q.attempts;
		q.attempts = &one[i];
	}
	path_write(&q, &text);
	if (text.len > 0)
		path = path_get(r, buf_slice(&text));
	buf_fini(&text);
	return path;
}

/*
 * At the time of the request; in a later month at its own, so that what was
 * reported of a month that is over stays as it is.
 */
static void
count_again(struct recorder *r, const struct correction *v)
{
	struct known_config *c = config_find(r, v->now.generation);
	const int64_t began = reqid_wall_ms(&v->now.req);
	const int64_t made = v->now.wall_ns / NS_PER_MS;
	const bool is_late = roll_month(made) > roll_month(began);
	const int64_t late = is_late ? began / 3600000 : 0;
	const int64_t minute = (is_late ? made : began) / 60000;
	const int64_t was = path_of(r, v, &v->was, late);
	const int64_t now = path_of(r, v, &v->now, late);

	if (counts(&v->was))
		roll_add(r, &v->was, dim_of(r, c, &v->was, late), minute, -1);
	if (counts(&v->now))
		roll_add(r, &v->now, dim_of(r, c, &v->now, late), minute, 1);
	if (was != now && was != 0)
		calls_add(r, v->now.key, was, minute, -1);
	if (was != now && now != 0)
		calls_add(r, v->now.key, now, minute, 1);
}

static void
note(struct recorder *r, const struct correction *v)
{
	struct noted_correction *n = NEW(struct noted_correction);

	n->what = *v;
	n->what.nsiblings = 0;
	n->what.sibling = NULL;
	n->what.now.provider_id = n->what.was.provider_id = (struct slice){ 0 };
	n->next = r->corrections;
	r->corrections = n;
	table_add(
	    &r->corrected, &n->node, attempt_hash(&v->now.req, v->now.attempt));
	r->dirty_rows++;
}

static const char *
book(struct recorder *r, const struct frame *f, const struct correction *v)
{
	const char *why = judge(r, v);

	if (why != NULL)
		return why;
	if (v->now.number !=
	    correction_last(r, &v->now.req, v->now.attempt) + 1)
		return "it is not the attempt's next correction";
	charge(r, f, v);
	count_again(r, v);
	resolve(r, &v->now);
	note(r, v);
	return NULL;
}

const char *
correction_apply(struct recorder *r, const struct frame *f, uint64_t place)
{
	struct arena a = { 0 };
	struct correction v;
	const char *why = NULL;

	if (frame_get_correction(f, &a, &v) != FAULT_NONE)
		why = "it is not a correction";
	else if (place >= r->applied)
		why = book(r, f, &v);
	if (why == NULL)
		block_note(r, &v.now.req, filter_hash(&v.now.req), place);
	arena_fini(&a);
	return why;
}

/* --- the store
 * ---------------------------------------------------------------*/

static struct slice
req_slice(const struct outcome *o)
{
	return (struct slice){ (const char *)o->req.b, REQID_LEN };
}

static void
save_row(struct recorder *r, const struct suspense *s)
{
	const struct outcome *o = &s->what;
	struct stmt *q;

	q = store_sql(r->store,
	    s->resolved ? "DELETE FROM suspense WHERE req = ? AND attempt = ?"
			: "INSERT OR REPLACE INTO suspense (req, attempt,"
			  " at_ns, key, dim, amount, by_recorder, fault,"
			  " status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
	stmt_blob(q, 1, req_slice(o));
	stmt_i64(q, 2, o->attempt);
	if (!s->resolved) {
		stmt_i64(q, 3, o->wall_ns);
		stmt_u64(q, 4, o->key);
		stmt_i64(q, 5, s->dim);
		stmt_i64(q, 6, o->effective);
		stmt_i64(q, 7, o->by_recorder);
		stmt_text(q, 8,
		    o->fault != FAULT_NONE ? slice_of(fault_get(o->fault)->code)
					   : S(""));
		stmt_i64(q, 9, o->status);
	}
	stmt_run(q);
}

static void
save_correction(struct recorder *r, const struct correction *c)
{
	struct stmt *q = store_sql(r->store,
	    "INSERT INTO corrections VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");

	stmt_blob(q, 1, req_slice(&c->now));
	stmt_i64(q, 2, c->now.attempt);
	stmt_i64(q, 3, c->now.number);
	stmt_i64(q, 4, c->now.wall_ns);
	stmt_i64(q, 5, (int64_t)c->reason);
	stmt_i64(q, 6, (int64_t)c->now.resolution);
	stmt_i64(q, 7, c->now.list - c->was.list);
	stmt_i64(q, 8, c->now.contracted - c->was.contracted);
	stmt_i64(q, 9, c->now.effective - c->was.effective);
	stmt_run(q);
}

void
suspense_save(struct recorder *r)
{
	const struct noted_correction *c;
	const struct suspense *s;

	for (s = r->suspense; s != NULL; s = s->next)
		save_row(r, s);
	for (c = r->corrections; c != NULL; c = c->next)
		save_correction(r, &c->what);
}

void
suspense_forget(struct recorder *r)
{
	struct noted_correction *c;
	struct suspense *s;

	while ((s = r->suspense) != NULL) {
		r->suspense = s->next;
		table_remove(&r->suspended, &s->node);
		mem_free(s);
	}
	while ((c = r->corrections) != NULL) {
		r->corrections = c->next;
		table_remove(&r->corrected, &c->node);
		mem_free(c);
	}
	table_free(&r->suspended);
	table_free(&r->corrected);
}

/*
 * A closed window is in the books only.  Before the commit the column says
 * what was: for a moment too much is reserved, never too little, when the
 * frame is lost with us.
 */
static void
settle(void *arg, void *node)
{
	struct recorder *r = arg;
	struct balance *b = node;
	const struct account *a;

	if (!b->moved)
		return;
	b->moved = false;
	a = account_find(r, b->account);
	if (a != NULL && a->row != UINT32_MAX)
		(void)account_settled(r->m, a->row, r->own, b->window,
		    balance_own(r, b->account, b->window));
}

void
suspense_settle(struct recorder *r)
{
	table_each(&r->balances, settle, r);
}
