#include "base/clock.h"
#include "base/log.h"
#include "journal/pledge.h"
#include "recorder/state.h"

enum { ATTEMPTS_MAX = 99 };

/* --- open requests ---------------------------------------------------------
 */

static uint64_t
req_hash(const struct reqid *id)
{
	uint64_t a, b;

	memcpy(&a, id->b, 8);
	memcpy(&b, id->b + 8, 8);
	return table_hash(a, b, 0);
}

struct request *
request_find(const struct recorder *r, const struct reqid *id)
{
	struct request *q = table_first(&r->requests, req_hash(id));

	while (q != NULL && memcmp(&q->id, id, sizeof(*id)) != 0)
		q = table_same(q);
	return q;
}

struct attempt *
attempt_find(const struct request *q, unsigned number)
{
	struct attempt *a = q->attempts;

	while (a != NULL && a->number != number)
		a = a->next;
	return a;
}

static struct request *
request_new(struct recorder *r, const struct frame *f, const struct reqid *id,
    uint64_t place)
{
	struct request *q = slab_new(&r->request_slab);

	*q = (struct request){ .id = *id,
		.journal = f->name,
		.place = place,
		.hash = filter_hash(id),
		.older = r->newest };
	if (r->newest != NULL)
		r->newest->newer = q;
	else
		r->oldest = q;
	r->newest = q;
	table_add(&r->requests, &q->node, req_hash(id));
	return q;
}

static void
request_free(struct recorder *r, struct request *q)
{
	struct attempt *a;

	if (q->older != NULL)
		q->older->newer = q->newer;
	else
		r->oldest = q->newer;
	if (q->newer != NULL)
		q->newer->older = q->older;
	else
		r->newest = q->older;
	table_remove(&r->requests, &q->node);
	while ((a = q->attempts) != NULL) {
		q->attempts = a->next;
		slab_free(&r->attempt_slab, a);
	}
	slab_free(&r->request_slab, q);
}

void
requests_free(struct recorder *r)
{
	while (r->oldest != NULL)
		request_free(r, r->oldest);
	table_free(&r->requests);
	slab_fini(&r->request_slab);
	slab_fini(&r->attempt_slab);
	buf_fini(&r->path_text);
}

static bool
same_name(const struct journal_name *a, const struct journal_name *b)
{
	return a->node == b->node && a->boot == b->boot && a->slot == b->slot &&
	       a->incarnation == b->incarnation;
}

/*
 * In the log any recorder's journal may end what a worker's began; a ring
 * may speak of its own requests alone.
 */
static bool
may_speak(
    const struct recorder *r, const struct frame *f, const struct request *q)
{
	return r->replaying || same_name(&q->journal, &f->name) ||
	       same_name(&f->name, &r->name);
}

struct cursor *
cursor_get(struct recorder *r, const struct journal_name *n)
{
	const uint64_t h = table_hash(
	    n->node, n->boot, (uint64_t)n->slot << 16 | n->incarnation);
	struct cursor *c = r->last_cursor;

	if (c != NULL && same_name(&c->name, n))
		return c;
	c = table_first(&r->cursors, h);
	while (c != NULL && !same_name(&c->name, n))
		c = table_same(c);
	if (c == NULL) {
		c = NEW(struct cursor);
		c->name = *n;
		table_add(&r->cursors, &c->node, h);
	}
	r->last_cursor = c;
	return c;
}

/* --- blocks
 * ------------------------------------------------------------------*/

void
block_note(
    struct recorder *r, const struct reqid *id, uint64_t hash, uint64_t place)
{
	const int64_t ms = reqid_wall_ms(id);
	struct block *b = &r->block;

	if (place < r->block_from)
		return;
	if (b->last_ms == 0 || ms < b->first_ms)
		b->first_ms = ms;
	if (ms > b->last_ms)
		b->last_ms = ms;
	filter_add(b->filter, hash);
}

static void
block_end(struct recorder *r, uint64_t stop)
{
	struct block *done;

	if (stop <= r->block_from || stop - r->block.start < BLOCK_BYTES)
		return;
	done = NEW(struct block);
	*done = r->block;
	done->stop = stop;
	done->next = r->blocks;
	r->blocks = done;
	r->block = (struct block){ .start = stop };
	r->block_from = stop;
}

/* --- intents
 * -----------------------------------------------------------------*/

bool
attempt_chain_known(
    const struct recorder *r, const struct frame_need *chain, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		if (chain[i].window == 0 ||
		    account_find(r, chain[i].account) == NULL)
			return false;
	}
	return true;
}

static const char *
judge_intent(struct recorder *r, const struct intent *v)
{
	const struct known_config *c = config_find(r, v->generation);

	if (v->attempt < 1 || v->attempt > ATTEMPTS_MAX)
		return "its attempt has no such number";
	if (v->hold < 0 || v->hold > AMOUNT_MAX || v->list > AMOUNT_MAX)
		return "its hold is out of bounds";
	if (c == NULL || v->deployment >= c->g.ndeployments)
		return "its deployment is not known";
	if (noun_key(r, v->key) == NULL)
		return "its key is not known";
	if (!attempt_chain_known(r, v->chain, v->n))
		return "its account is not known";
	return pledge_judge_intent(&c->g, v);
}

static const char *
apply_intent(struct recorder *r, const struct frame *f, uint64_t place)
{
	struct request *q;
	struct attempt *a;
	struct intent v;
	const char *why;

	if (frame_get_intent(f, &v) != FAULT_NONE)
		return "it is not an intent";
	why = judge_intent(r, &v);
	if (why != NULL)
		return why;
	q = request_find(r, &v.req);
	if (q != NULL && attempt_find(q, v.attempt) != NULL)
		return "its attempt has an intent already";
	if (q != NULL && !may_speak(r, f, q))
		return "its request is another journal's";
	if (q == NULL)
		q = request_new(r, f, &v.req, place);
	a = slab_new(&r->attempt_slab);
	*a = (struct attempt){ .number = v.attempt,
		.open = true,
		.said = v,
		.next = q->attempts };
	q->attempts = a;
	block_note(r, &v.req, q->hash, place);
	return NULL;
}

/* --- outcomes
 * ----------------------------------------------------------------*/

const char *
attempt_judge_resolution(const struct outcome *o)
{
	const bool bound = o->n > 0;

	if (o->resolution != RESOLUTION_VOID && !o->sent)
		return "it costs and was never sent";
	switch (o->resolution) {
	case RESOLUTION_VOID:
		return o->effective != 0 ? "it is void and costs" : NULL;
	case RESOLUTION_BOOKED:
		return bound && o->effective > o->hold
			   ? "it is above its hold and not an overage"
			   : NULL;
	case RESOLUTION_OVERAGE:
		return bound && o->effective <= o->hold ? "it is no overage"
							: NULL;
	case RESOLUTION_UNKNOWN:
		return bound && o->effective != o->hold
			   ? "it is unknown and not booked at its bound"
			   : NULL;
	case RESOLUTION_ESTIMATED:
		return NULL;
	}
	return "it has no such resolution";
}

static bool
same_chain(const struct intent *i, const struct outcome *o)
{
	unsigned k;

	if (i->n != o->n || i->ntags != o->ntags ||
	    memcmp(i->tags, o->tags, sizeof(i->tags)) != 0)
		return false;
	for (k = 0; k < i->n; k++) {
		if (i->chain[k].account != o->chain[k].account ||
		    i->chain[k].window != o->chain[k].window)
			return false;
	}
	return true;
}

/* Of the same deployment, at whatever tier it was served. */
static bool
price_fits(struct recorder *r, const struct intent *i, uint64_t price)
{
	const struct known_config *c;

	if (price == i->price)
		return true;
	c = config_find(r, i->generation);
	return c != NULL && generation_uses(&c->g, i, price);
}

const char *
attempt_judge_numbers(const struct outcome *o)
{
	if (o->effective < 0 || o->list < 0 || o->contracted < 0 ||
	    o->effective > AMOUNT_MAX || o->list > AMOUNT_MAX ||
	    o->contracted > AMOUNT_MAX || !usage_sane(&o->usage))
		return "its numbers are out of bounds";
	return NULL;
}

static const char *
judge_outcome(struct recorder *r, const struct request *q,
    const struct attempt *a, const struct frame *f, const struct outcome *o)
{
	const char *why;

	if (q == NULL || a == NULL)
		return "it has no intent";
	if (!a->open)
		return "its attempt has an outcome already";
	if (!may_speak(r, f, q))
		return "its intent is another journal's";
	if (o->by_recorder && !r->replaying && !same_name(&f->name, &r->name))
		return "it says that we wrote it";
	if (o->hold != a->said.hold || o->key != a->said.key ||
	    o->generation != a->said.generation ||
	    o->deployment != a->said.deployment ||
	    !price_fits(r, &a->said, o->price) || !same_chain(&a->said, o))
		return "it differs from its intent";
	why = attempt_judge_numbers(o);
	if (why == NULL)
		why = attempt_judge_resolution(o);
	if (why == NULL)
		why = pledge_judge_outcome(
		    &config_find(r, o->generation)->g, &a->said, o);
	return why;
}

char
apply_flag(enum resolution res)
{
	return res == RESOLUTION_UNKNOWN     ? 'u'
	       : res == RESOLUTION_ESTIMATED ? 'e'
					     : 'b';
}

/* The provider's number stands; who set the limits should hear of it. */
static void
say_overage(const struct outcome *o)
{
	char id[ATTEMPT_TEXT + 1];

	(void)attempt_write(&o->req, o->attempt, id);
	log_warn("overage: %s costs %lld nano, and %lld were held", id,
	    (long long)o->effective, (long long)o->hold);
}

static void
book(struct recorder *r, const struct frame *f, const struct outcome *o,
    int64_t dim)
{
	unsigned i;

	for (i = 0; i < o->n; i++) {
		balance_add(r, o->chain[i].account, o->chain[i].window,
		    &f->name, o->effective);
		alert_check(r, account_find(r, o->chain[i].account),
		    o->chain[i].window, o->wall_ns);
	}
	if (o->resolution == RESOLUTION_VOID || !o->sent)
		return;
	roll_add(r, o, dim, roll_minute(&o->req), 1);
	pledge_book(r, f, o, NULL);
	if (o->resolution == RESOLUTION_UNKNOWN)
		suspense_add(r, o, dim);
	if (o->resolution == RESOLUTION_OVERAGE && !r->replaying)
		say_overage(o);
}

/* What an operator must look at; written by the next turn. */
static void
raise(struct raised *i, const struct outcome *o, uint64_t what)
{
	if (o->by_recorder)
		return;
	i->due = true;
	i->numbers[0] = o->key;
	i->numbers[1] = o->attempt;
	i->numbers[2] = o->deployment;
	i->numbers[3] = what;
}

static const char *
apply_outcome(struct recorder *r, const struct frame *f, uint64_t place)
{
	struct known_config *c;
	struct request *q;
	struct attempt *a;
	struct outcome o;
	const char *why;

	if (frame_get_outcome(f, &o) != FAULT_NONE)
		return "it is not an outcome";
	if (o.number > 0)
		return r->replaying || same_name(&f->name, &r->name)
			   ? correction_apply(r, f, place)
			   : "it is a correction";
	q = request_find(r, &o.req);
	a = q != NULL ? attempt_find(q, o.attempt) : NULL;
	why = judge_outcome(r, q, a, f, &o);
	if (why != NULL)
		return why;
	a->open = false;
	if (o.resolution != RESOLUTION_VOID && o.sent) {
		c = config_find(r, o.generation);
		a->dim = dim_of(r, c, &o, 0);
		a->flag = apply_flag(o.resolution);
	}
	if (place >= r->applied) {
		book(r, f, &o, a->dim);
		level_attempt(r, config_find(r, o.generation), &o);
		if (o.seen != 0)
			raise(&r->raised[0], &o, o.seen);
		if (o.owner == OWNER_US)
			raise(&r->raised[1], &o, (uint64_t)o.fault);
	}
	block_note(r, &o.req, q->hash, place);
	return NULL;
}

/* --- the end of a request
 * ------------------------------------------------------*/

/* The attempts that count, each dimension once with its worst flag. */
void
path_write(const struct request *q, struct buf *out)
{
	const struct attempt *a, *b;
	int64_t last = 0, next;
	char flag;

	for (;;) {
		next = INT64_MAX;
		for (a = q->attempts; a != NULL; a = a->next) {
			if (a->dim > last && a->dim < next)
				next = a->dim;
		}
		if (next == INT64_MAX)
			return;
		flag = 'b';
		for (b = q->attempts; b != NULL; b = b->next) {
			if (b->dim == next && b->flag > flag)
				flag = b->flag;
		}
		if (out->len > 0)
			buf_char(out, ',');
		buf_i64(out, next);
		buf_char(out, ':');
		buf_char(out, flag);
		last = next;
	}
}

static bool
has_open(const struct request *q)
{
	const struct attempt *a;

	for (a = q->attempts; a != NULL; a = a->next) {
		if (a->open)
			return true;
	}
	return false;
}

static void
count_call(struct recorder *r, const struct request *q)
{
	struct buf *path = &r->path_text;

	buf_clear(path);
	path_write(q, path);
	if (path->len > 0)
		calls_add(r, q->attempts->said.key,
		    path_get(r, buf_slice(path)), roll_minute(&q->id), 1);
}

static const char *
apply_final(struct recorder *r, const struct frame *f, uint64_t place)
{
	struct request *q;
	struct final v;

	if (frame_get_final(f, &v) != FAULT_NONE)
		return "it is not a final outcome";
	q = request_find(r, &v.req);
	if (q != NULL && has_open(q))
		return "an attempt of its request is open";
	if (q != NULL && !may_speak(r, f, q))
		return "its request is another journal's";
	block_note(r, &v.req, q != NULL ? q->hash : filter_hash(&v.req), place);
	if (q != NULL) {
		if (place >= r->applied)
			count_call(r, q);
		request_free(r, q);
	}
	if (place >= r->applied)
		level_request(r, &v);
	return NULL;
}

/* --- the rest
 * --------------------------------------------------------------------*/

static const char *
apply_count(struct recorder *r, const struct frame *f, bool fresh)
{
	struct count v;

	if (frame_get_count(f, &v) != FAULT_NONE || v.times > INT64_MAX >> 20 ||
	    v.second < 0 || v.second > INT64_MAX / NS_PER_S)
		return "it is not a count";
	if (fresh)
		refusal_add(r, &v);
	return NULL;
}

static const char *
apply_account(struct recorder *r, const struct frame *f)
{
	struct account_change v;

	if (frame_get_account(f, &v) != FAULT_NONE)
		return "it is not an account";
	return v.pledge != 0 ? pledge_apply(r, &v) : budget_apply(r, &v);
}

static const char *
apply_key(struct recorder *r, const struct frame *f)
{
	struct key_change v;

	if (frame_get_key(f, &v) != FAULT_NONE)
		return "it is not a key";
	return noun_apply_key(r, &v);
}

static const char *
apply_subject(struct recorder *r, const struct frame *f)
{
	struct subject_change v;

	if (frame_get_subject(f, &v) != FAULT_NONE || v.subject == 0)
		return "it is not a subject";
	return tree_apply(r, &v);
}

static const char *
apply_limit(struct recorder *r, const struct frame *f)
{
	struct limit_change v;

	if (frame_get_limit(f, &v) != FAULT_NONE)
		return "it is not a limit";
	return cap_apply(r, &v);
}

static const char *
apply_incident(struct recorder *r, const struct frame *f, uint64_t place)
{
	struct noted_incident *n;
	struct incident v;

	if (frame_get_incident(f, &v) != FAULT_NONE)
		return "it is not an incident";
	n = NEW(struct noted_incident);
	n->what = v;
	n->place = place;
	n->next = r->incidents;
	r->incidents = n;
	return NULL;
}

static const char *
apply_kind(
    struct recorder *r, const struct frame *f, uint64_t place, bool fresh)
{
	switch (f->kind) {
	case FRAME_INTENT:
		return apply_intent(r, f, place);
	case FRAME_OUTCOME:
		return apply_outcome(r, f, place);
	case FRAME_FINAL:
		return apply_final(r, f, place);
	case FRAME_COUNT:
		return apply_count(r, f, fresh);
	case FRAME_OPEN:
		return NULL;
	case FRAME_CONFIG:
		return fresh && config_learn(r, f->payload, true) != FAULT_NONE
			   ? "it is not a generation"
			   : NULL;
	case FRAME_ACCOUNT:
		return fresh ? apply_account(r, f) : NULL;
	case FRAME_KEY:
		return fresh ? apply_key(r, f) : NULL;
	case FRAME_SUBJECT:
		return fresh ? apply_subject(r, f) : NULL;
	case FRAME_LIMIT:
		return fresh ? apply_limit(r, f) : NULL;
	case FRAME_INCIDENT:
		return fresh ? apply_incident(r, f, place) : NULL;
	}
	return "it is of no known kind";
}

enum fault
apply_frame(
    struct recorder *r, const struct frame *f, uint64_t place, const char **why)
{
	const bool fresh = place >= r->applied;
	struct cursor *c;

	*why = apply_kind(r, f, place, fresh);
	if (*why != NULL)
		return FAULT_DATA;
	r->place = place + f->size;
	block_end(r, r->place);
	if (!fresh)
		return FAULT_NONE;
	c = cursor_get(r, &f->name);
	c->seq = f->seq;
	if (!c->dirty)
		r->dirty_rows++;
	c->dirty = true;
	r->dirty = true;
	return FAULT_NONE;
}
