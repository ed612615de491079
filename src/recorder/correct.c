/*
 * correct.c - an attempt is known better: what the control op says, made a
 * correction
 *
 * What the attempt was comes from the log; what it is now from the operator:
 * its usage, priced by the row it was admitted under; its cost, as stated; or
 * that the provider never billed it.  With "plan" nothing is written.
 */
#include "recorder/correct.h"

#include <stdlib.h>

#include "base/clock.h"
#include "books/story.h"
#include "journal/pledge.h"
#include "model/ident.h"
#include "recorder/state.h"

/* What is asked for. */
struct wish {
	struct reqid req;
	unsigned attempt;
	bool is_void, has_usage, has_cost, estimated, plan;
	struct usage usage;
	struct money cost;
	enum correction_reason reason;
};

static const struct {
	const char *name;
	size_t at;
	bool must;
} parts[] = {
	{ "input_tokens", offsetof(struct usage, input), true },
	{ "cached_tokens", offsetof(struct usage, cached), false },
	{ "cache_write_tokens", offsetof(struct usage, cache_write), false },
	{ "cache_write_1h_tokens", offsetof(struct usage, cache_write_1h),
	    false },
	{ "audio_input_tokens", offsetof(struct usage, audio_input), false },
	{ "image_input_tokens", offsetof(struct usage, image_input), false },
	{ "output_tokens", offsetof(struct usage, output), true },
	{ "reasoning_tokens", offsetof(struct usage, reasoning), false },
	{ "audio_output_tokens", offsetof(struct usage, audio_output), false },
	{ "image_output_tokens", offsetof(struct usage, image_output), false },
};

/* --- reading
 * -----------------------------------------------------------------*/

static const char *
read_part(const struct json *j, size_t i, struct usage *u)
{
	const struct json *v = json_get(j, parts[i].name);
	int64_t n = 0;

	if (v == NULL)
		return parts[i].must
			   ? "usage needs input_tokens and output_tokens"
			   : NULL;
	if (!json_get_i64(j, parts[i].name, &n))
		return "a count of usage is not a whole number";
	if (n < 0)
		return "a count of usage is negative";
	if (n >> 40 != 0)
		return "a count of usage is absurd";
	memcpy((char *)u + parts[i].at, &n, sizeof(n));
	return NULL;
}

static const char *
read_usage(const struct json *j, struct wish *w)
{
	const struct json *u = json_get(j, "usage"), *m;
	const char *why = NULL;
	size_t i;

	if (u == NULL)
		return NULL;
	if (u->type != JSON_OBJECT)
		return "usage is not an object";
	for (m = u->child; m != NULL; m = m->next) {
		for (i = 0; i < NELEM(parts); i++) {
			if (slice_eq(m->key, slice_of(parts[i].name)))
				break;
		}
		if (i == NELEM(parts))
			return "usage has a count that is not known";
	}
	for (i = 0; i < NELEM(parts) && why == NULL; i++)
		why = read_part(u, i, &w->usage);
	if (why == NULL && !usage_sane(&w->usage))
		why = "usage has a part that is larger than the whole, or is "
		      "absurd";
	w->has_usage = true;
	return why;
}

static const char *
read_cost(const struct json *j, struct wish *w)
{
	const struct json *v = json_get(j, "cost");

	if (v == NULL)
		return NULL;
	if ((v->type != JSON_STRING && v->type != JSON_NUMBER) ||
	    !money_parse(v->text, &w->cost))
		return "cost is not an amount of at most 9 decimals";
	if (w->cost.nano < 0)
		return "cost is negative";
	if (w->cost.nano > AMOUNT_MAX)
		return "cost is absurd";
	w->has_cost = true;
	return NULL;
}

static const char *
read_reason(const struct json *j, struct wish *w)
{
	static const struct {
		const char *name;
		enum correction_reason reason;
	} rows[] = { { "operator", REASON_OPERATOR },
		{ "reconciled", REASON_RECONCILED }, { "late", REASON_LATE } };
	const struct json *v = json_get(j, "reason");
	size_t i;

	w->reason = REASON_OPERATOR;
	if (v == NULL)
		return NULL;
	for (i = 0; i < NELEM(rows) && v->type == JSON_STRING; i++) {
		if (slice_eq(v->text, slice_of(rows[i].name))) {
			w->reason = rows[i].reason;
			return NULL;
		}
	}
	return "reason is none of operator, reconciled, late";
}

/* A "plan" that is no plan would be booked. */
static const char *
read_flags(const struct json *j, struct wish *w)
{
	const struct {
		const char *name;
		bool *flag;
	} rows[] = { { "void", &w->is_void }, { "estimated", &w->estimated },
		{ "plan", &w->plan } };
	const struct json *v;
	size_t i;

	for (i = 0; i < NELEM(rows); i++) {
		v = json_get(j, rows[i].name);
		if (v != NULL && v->type != JSON_TRUE && v->type != JSON_FALSE)
			return "void, estimated and plan are true or false";
		*rows[i].flag = v != NULL && v->type == JSON_TRUE;
	}
	return NULL;
}

static const char *
read_wish(const struct json *j, struct wish *w)
{
	const char *why = read_flags(j, w);

	if (why == NULL &&
	    !attempt_parse(json_get_str(j, "attempt"), &w->req, &w->attempt))
		why = "attempt is not the id of one: req_ and 26 characters, "
		      "a dash and its number";
	if (why == NULL)
		why = read_usage(j, w);
	if (why == NULL)
		why = read_cost(j, w);
	if (why == NULL)
		why = read_reason(j, w);
	if (why == NULL && !w->is_void && !w->has_usage && !w->has_cost)
		why = "say usage, cost or void";
	if (why == NULL && w->is_void &&
	    (w->has_usage || w->has_cost || w->estimated))
		why = "what is void has no usage and no cost";
	return why;
}

/* --- making
 * ------------------------------------------------------------------*/

static bool
counts(const struct outcome *o)
{
	return o->sent && o->resolution != RESOLUTION_VOID;
}

/* By the row and the agreement of admission. */
static const char *
price(struct recorder *r, struct outcome *o)
{
	const struct known_config *c = config_find(r, o->generation);
	const struct price *p =
	    c != NULL ? config_price(c, o->deployment, o->price) : NULL;
	struct money cost = { 0 };

	/* Without a price and a bound it is counted, and costs nothing. */
	if (p == NULL && (o->price != 0 || o->hold != 0))
		return "its price is not known: state its cost";
	if (p != NULL && !price_cost(p, &o->usage, &cost))
		return "its cost does not fit";
	if (cost.nano > AMOUNT_MAX)
		return "its cost is absurd";
	o->list = o->contracted = o->effective = cost.nano;
	if (c != NULL)
		pledge_contract(&c->g, o);
	return NULL;
}

static enum resolution
resolution_of(const struct wish *w, const struct outcome *o)
{
	if (w->estimated)
		return RESOLUTION_ESTIMATED;
	return o->effective > o->hold && (o->n > 0 || o->price != 0)
		   ? RESOLUTION_OVERAGE
		   : RESOLUTION_BOOKED;
}

static const char *
make(struct recorder *r, const struct wish *w, const struct told *told,
    struct correction *c)
{
	struct outcome *o = &c->now;
	const char *why = NULL;

	c->was = c->now = story_outcome(told);
	c->reason = w->reason;
	c->stated = w->has_cost;
	o->number++;
	o->wall_ns = clock_wall_ns();
	o->resolution = RESOLUTION_VOID;
	if (w->is_void) {
		o->usage = (struct usage){ 0 };
		o->list = o->contracted = o->effective = 0;
		return NULL;
	}
	o->sent = true;
	if (w->has_usage)
		o->usage = w->usage;
	if (w->has_cost)
		o->list = o->contracted = o->effective = w->cost.nano;
	else
		why = price(r, o);
	o->resolution = resolution_of(w, o);
	return why;
}

static bool
same(const struct correction *c)
{
	const struct outcome *a = &c->was, *b = &c->now;

	return a->resolution == b->resolution && a->list == b->list &&
	       a->contracted == b->contracted && a->effective == b->effective &&
	       memcmp(&a->usage, &b->usage, sizeof(a->usage)) == 0;
}

static int
by_attempt(const void *a, const void *b)
{
	const struct outcome *x = a, *y = b;

	return x->attempt < y->attempt ? -1 : x->attempt > y->attempt;
}

static void
add_siblings(struct correction *c, const struct story *t, struct arena *a)
{
	struct outcome o;
	unsigned i;

	c->sibling = ARENA_ARRAY(a, struct outcome, t->n + 1);
	for (i = 0; i < t->n; i++) {
		o = story_outcome(&t->told[i]);
		if (o.attempt != c->now.attempt && counts(&o))
			c->sibling[c->nsiblings++] = o;
	}
	qsort(c->sibling, c->nsiblings, sizeof(*c->sibling), by_attempt);
}

/* --- telling
 * -----------------------------------------------------------------*/

static void
tell(struct buf *b, const char *key, const struct outcome *o)
{
	uint64_t n;
	size_t i;

	json_w_key(b, key);
	json_w_begin(b, '{');
	json_w_kstr(b, "resolution", slice_of(resolution_name(o->resolution)));
	scan_money(b, "settled", o->effective);
	scan_money(b, "list_cost", o->list);
	scan_money(b, "contracted_cost", o->contracted);
	scan_money(b, "effective_cost", o->effective);
	for (i = 0; i < NELEM(parts); i++) {
		memcpy(&n, (const char *)&o->usage + parts[i].at, sizeof(n));
		json_w_ku64(b, parts[i].name, n);
	}
	json_w_end(b, '}');
}

/* Members beside "ok": they follow a comma. */
static void
tell_all(struct buf *b, const struct wish *w, const struct correction *c)
{
	char id[ATTEMPT_TEXT + 1];

	(void)attempt_write(&w->req, w->attempt, id);
	buf_char(b, ',');
	buf_str(b, "\"attempt\":");
	json_w_str(b, slice_of(id));
	json_w_ki64(b, "number", c->now.number);
	json_w_kbool(b, "planned", w->plan);
	tell(b, "was", &c->was);
	tell(b, "now", &c->now);
	scan_money(b, "hold", c->now.hold);
	scan_money(b, "difference", c->now.effective - c->was.effective);
	json_w_kbool(b, "overage", c->now.resolution == RESOLUTION_OVERAGE);
}

/* --- doing
 * -------------------------------------------------------------------*/

static enum fault
no(enum fault fault, const char *why, const char **text)
{
	*text = why;
	return fault;
}

static enum fault
write(struct recorder *r, const struct correction *c, const char **text)
{
	if (!own_correction(r, c))
		return no(FAULT_INTERNAL, "the books refuse it", text);
	if (c->now.resolution == RESOLUTION_OVERAGE &&
	    c->now.effective > c->was.effective)
		own_incident(r, INCIDENT_OVERAGE, 4,
		    (uint64_t[]){ c->now.key, c->now.attempt,
			(uint64_t)c->now.hold, (uint64_t)c->now.effective });
	return FAULT_NONE;
}

static enum fault
correct_told(struct recorder *r, const struct wish *w, const struct story *t,
    struct buf *answer, const char **text)
{
	const struct told *told = story_find(t, w->attempt);
	struct correction c = { .nsiblings = 0 };
	struct arena a = { 0 };
	enum fault fault = FAULT_NONE;
	const char *why;

	if (told == NULL)
		return no(
		    FAULT_NOT_FOUND, "the log knows no such attempt", text);
	if (!told->closed || !t->ended || request_find(r, &w->req) != NULL)
		return no(FAULT_CONFLICT,
		    "its request is under way: it can be corrected when it is "
		    "over",
		    text);
	why = make(r, w, told, &c);
	if (why != NULL)
		return no(FAULT_FIELD, why, text);
	if (same(&c))
		return no(FAULT_UNCHANGED, "it is booked so already", text);
	if (c.now.number > FRAME_NUMBER_MAX)
		return no(FAULT_CONFLICT, "it was corrected too often", text);
	add_siblings(&c, t, &a);
	if (!w->plan)
		fault = write(r, &c, text);
	if (fault == FAULT_NONE)
		tell_all(answer, w, &c);
	arena_fini(&a);
	return fault;
}

enum fault
correct_attempt(struct recorder *r, const struct json *j, struct buf *answer,
    const char **text)
{
	struct wish w = { .is_void = false };
	struct story t = { .scan = NULL };
	const char *why = read_wish(j, &w);
	enum fault fault;

	if (why != NULL)
		return no(FAULT_FIELD, why, text);
	/* What it tells must be on disk, and its place in the store. */
	if (recorder_barrier(r) != FAULT_NONE)
		return no(
		    FAULT_LOG, "the log or the store cannot be written", text);
	t.id = w.req;
	fault = story_read(&t, r->data_dir, r->store);
	if (fault == FAULT_NONE)
		fault = correct_told(r, &w, &t, answer, text);
	else
		*text = fault == FAULT_NOT_FOUND
			    ? "the log knows no such request"
			    : "the log cannot be read";
	story_fini(&t);
	return fault;
}
