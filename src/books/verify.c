#include "books/verify.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "books/scan.h"
#include "books/tally.h"
#include "journal/pledge.h"

enum { ERRORS_MAX = 100, OPEN_MAX = 100, ATTEMPTS_MAX = 99 };

/* One attempt whose request is not over. */
struct open_attempt {
	struct open_attempt *next;
	struct intent intent;
	bool closed;
	struct outcome outcome;
};

/* The attempts of a request that is over, when there is more than one. */
struct family {
	unsigned n;
	struct outcome *one;
};

/* export: what corrections made of an attempt. */
struct corrected {
	struct {
		struct reqid req;
		uint32_t attempt;
	} key;
	struct outcome now;
};

struct open_request {
	struct reqid id;
	struct open_attempt *first;
	bool counts; /* an attempt that was sent and is not void */
};

struct journal_seen {
	struct journal_name name;
	uint64_t seq;
	bool is_recorder; /* its opening says so */
};

struct sum {
	uint64_t account, window;
	int128 settled;
};

/* An account of an agreement, as the log goes on. */
struct promise {
	int64_t cap;
	struct share_sum sum;
};

struct totals {
	uint64_t attempts, calls, unknown;
	int128 effective, suspense;
};

struct verify {
	struct scan scan;
	uint64_t base;    /* where the log begins */
	uint64_t applied; /* what the store stands for; 0: no store */
	/* Attempt, kind and number, hashed; outcomes with their digest. */
	struct map64 seen;
	struct map64 families; /* by request, hashed */
	struct map journals, requests, sums, corrected;
	uint64_t frames, intents, by[RESOLUTION_UNKNOWN + 1], incidents;
	uint64_t corrections;
	int128 settled;
	struct totals upto; /* of frames before applied */
	struct tally tally; /* the same */
	unsigned errors, opens;
	struct map64 promises;
	struct buf error_json, error_text, note_json, note_text, open_json;
	export_line_f *line; /* export: instead of checking */
	void *line_arg;
	bool collect; /* export: corrections only, first */
	bool stop;
};

/* --- what is said
 * ---------------------------------------------------------------*/

static void
wrong(struct verify *v, uint64_t place, const char *text,
    const struct reqid *id, unsigned attempt)
{
	char name[ATTEMPT_TEXT + 1] = "";

	if (++v->errors > ERRORS_MAX)
		return;
	if (id != NULL)
		(void)attempt_write(id,
		    attempt >= 1 && attempt <= ATTEMPTS_MAX ? attempt : 1,
		    name);
	buf_fmt(&v->error_text, "  at %llu: %s%s%s\n",
	    (unsigned long long)place, name, id != NULL ? ": " : "", text);
	json_w_begin(&v->error_json, '{');
	json_w_ku64(&v->error_json, "place", place);
	if (id != NULL)
		json_w_kstr(&v->error_json, "attempt", slice_of(name));
	json_w_kstr(&v->error_json, "text", slice_of(text));
	json_w_end(&v->error_json, '}');
}

static void
note(struct verify *v, const char *text, uint64_t number)
{
	struct buf b = { 0 };

	buf_fmt(&b, "%s %llu", text, (unsigned long long)number);
	buf_fmt(&v->note_text, "  %s\n", buf_cstr(&b));
	json_w_str(&v->note_json, buf_slice(&b));
	buf_fini(&b);
}

/* --- uniqueness
 * -----------------------------------------------------------------*/

/* Two 64-bit halves of the id, then what is said about it. */
static uint64_t
seen_key(const struct reqid *id, unsigned attempt, unsigned what)
{
	char bytes[REQID_LEN + 8];
	const uint32_t a = attempt, w = what;
	uint64_t h;

	memcpy(bytes, id->b, REQID_LEN);
	memcpy(bytes + REQID_LEN, &a, 4);
	memcpy(bytes + REQID_LEN + 4, &w, 4);
	h = hash64((struct slice){ bytes, sizeof(bytes) });
	return h != 0 ? h : 1;
}

static bool
is_new(
    struct verify *v, const struct reqid *id, unsigned attempt, unsigned what)
{
	return map64_put(&v->seen, seen_key(id, attempt, what), v) == NULL;
}

/* What a correction must know of an outcome, and leave as it is. */
static void *
digest_of_outcome(const struct outcome *o)
{
	const struct {
		uint64_t number[14];
		struct usage usage;
	} whole = { { o->generation, o->key, o->deployment, (uint64_t)o->hold,
			o->price, (uint64_t)o->resolution, o->sent,
			(uint64_t)o->list, (uint64_t)o->contracted,
			(uint64_t)o->effective, o->agreement,
			hash64(o->used_tier), o->ntags, o->n },
		o->usage };
	uint64_t h =
	    hash64((struct slice){ (const char *)&whole, sizeof(whole) });

	h ^= hash64((struct slice){
	    (const char *)o->chain, o->n * sizeof(o->chain[0]) });
	h += hash64((struct slice){
	    (const char *)o->tags, o->ntags * sizeof(o->tags[0]) });
	return (void *)(uintptr_t)(h | 1); /* never NULL, never followed */
}

/* --- requests under way
 * -----------------------------------------------------------*/

static struct slice
id_slice(const struct reqid *id)
{
	return (struct slice){ (const char *)id->b, REQID_LEN };
}

static struct open_request *
request_get(struct verify *v, const struct reqid *id)
{
	struct open_request *q = map_find(&v->requests, id_slice(id));

	if (q != NULL)
		return q;
	q = NEW(struct open_request);
	q->id = *id;
	(void)map_put(&v->requests, id_slice(&q->id), q);
	return q;
}

static void
request_free(struct open_request *q)
{
	struct open_attempt *a;

	while ((a = q->first) != NULL) {
		q->first = a->next;
		mem_free(a);
	}
	mem_free(q);
}

static struct open_attempt *
attempt_of(const struct open_request *q, unsigned attempt)
{
	struct open_attempt *a = q != NULL ? q->first : NULL;

	while (a != NULL && a->intent.attempt != attempt)
		a = a->next;
	return a;
}

/* --- frames
 * -------------------------------------------------------------------------*/

static void
check_seq(struct verify *v, const struct frame *f, uint64_t place)
{
	const struct slice key = { (const char *)&f->name, sizeof(f->name) };
	struct journal_seen *j = map_find(&v->journals, key);

	if (j == NULL) {
		j = NEW(struct journal_seen);
		j->name = f->name;
		(void)map_put(&v->journals,
		    (struct slice){ (const char *)&j->name, sizeof(j->name) },
		    j);
		if (v->base == 0 && f->seq != 1)
			wrong(v, place, "a journal does not begin with 1", NULL,
			    0);
	} else if (f->seq != j->seq + 1) {
		wrong(v, place,
		    f->seq <= j->seq ? "a sequence number comes twice"
				     : "a journal has a gap",
		    NULL, 0);
	}
	j->seq = f->seq;
}

static void
take_opening(struct verify *v, const struct frame *f)
{
	struct journal_seen *j = map_find(&v->journals,
	    (struct slice){ (const char *)&f->name, sizeof(f->name) });
	struct opening o = { 0 };

	if (j != NULL && frame_get_opening(f, &o) == FAULT_NONE)
		j->is_recorder = o.is_recorder;
}

static void
take_intent(struct verify *v, const struct frame *f, uint64_t place)
{
	struct intent i = { 0 };
	struct open_attempt *a;
	struct open_request *q;

	if (frame_get_intent(f, &i) != FAULT_NONE) {
		wrong(v, place, "an intent cannot be read", NULL, 0);
		return;
	}
	v->intents++;
	if (!is_new(v, &i.req, i.attempt, UINT32_MAX))
		wrong(v, place, "it has two intents", &i.req, i.attempt);
	if (scan_deployment(&v->scan, i.generation, i.deployment) == NULL)
		wrong(v, place, "the log does not know its deployment", &i.req,
		    i.attempt);
	q = request_get(v, &i.req);
	a = NEW(struct open_attempt);
	a->intent = i;
	a->next = q->first;
	q->first = a;
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

/* The price row of the log, again.  An estimate of ours stops at most. */
static void
check_cost(
    struct verify *v, const struct outcome *o, int64_t most, uint64_t place)
{
	const struct price *p =
	    scan_price(&v->scan, o->generation, o->deployment, o->price);
	struct money cost;

	if (o->resolution == RESOLUTION_VOID ||
	    o->resolution == RESOLUTION_UNKNOWN)
		return;
	if (p == NULL) {
		if (o->price != 0 || o->list != 0)
			wrong(v, place, "the log does not know its price row",
			    &o->req, o->attempt);
		return;
	}
	if (!price_cost(p, &o->usage, &cost)) {
		wrong(v, place, "its usage cannot be priced", &o->req,
		    o->attempt);
		return;
	}
	if (o->resolution == RESOLUTION_ESTIMATED && most > 0 &&
	    cost.nano > most && o->list == most)
		return;
	if (cost.nano != o->list)
		wrong(v, place, "its cost is not what its price row says",
		    &o->req, o->attempt);
}

static void
check_amount(struct verify *v, const struct outcome *o, uint64_t place)
{
	const bool bound = o->n > 0;
	const char *text = NULL;

	if (o->effective < 0)
		text = "its cost is negative";
	else if (o->resolution == RESOLUTION_VOID && o->effective != 0)
		text = "it is void and costs";
	else if (o->resolution != RESOLUTION_VOID && !o->sent)
		text = "it costs and was never sent";
	else if (o->resolution == RESOLUTION_BOOKED && bound &&
		 o->effective > o->hold)
		text = "it is above its hold and not an overage";
	else if (o->resolution == RESOLUTION_OVERAGE && bound &&
		 o->effective <= o->hold)
		text = "it is no overage";
	else if (o->resolution == RESOLUTION_UNKNOWN && bound &&
		 o->effective != o->hold)
		text = "it is unknown and not booked at its bound";
	if (text != NULL)
		wrong(v, place, text, &o->req, o->attempt);
}

static void
add_sum(struct verify *v, uint64_t account, uint64_t window, int64_t amount)
{
	const uint64_t key[2] = { account, window };
	struct sum *s = map_find(
	    &v->sums, (struct slice){ (const char *)key, sizeof(key) });

	if (s == NULL) {
		s = NEW(struct sum);
		s->account = account;
		s->window = window;
		(void)map_put(
		    &v->sums, (struct slice){ (const char *)s, 16 }, s);
	}
	s->settled += amount;
}

/* --- what agreements promise
 * -----------------------------------------------------------------*/

static struct promise *
promise_get(struct verify *v, uint64_t account, int64_t cap)
{
	struct promise *p = map64_find(&v->promises, account);

	if (p != NULL)
		return p;
	p = NEW(struct promise);
	p->cap = cap;
	(void)map64_put(&v->promises, account, p);
	return p;
}

static void
take_account(struct verify *v, const struct frame *f, uint64_t place)
{
	struct account_change c = { 0 };

	if (frame_get_account(f, &c) != FAULT_NONE)
		wrong(v, place, "an account cannot be read", NULL, 0);
	else if (c.pledge != 0 && c.account != 0)
		promise_get(v, c.account, 0)->cap = c.limit;
}

static void
keep_promise(struct verify *v, const struct pledge_posting *p,
    const struct outcome *o, uint64_t place)
{
	struct promise *m = promise_get(v, p->account, p->cap.nano);
	const struct share_sum was = m->sum;

	m->sum = pledge_post(p, (struct money){ m->cap }, was);
	if (p->share != NULL && m->sum.accrued.nano > was.accrued.nano &&
	    m->sum.accrued.nano > m->cap)
		wrong(v, place, "a revenue share passes its cap", &o->req,
		    o->attempt);
	if (m->sum.accrued.nano < 0)
		wrong(v, place, "what was promised is below zero", &o->req,
		    o->attempt);
	if (place >= v->applied)
		return;
	add_sum(v, p->account, PLEDGE_ACCRUED,
	    m->sum.accrued.nano - was.accrued.nano);
	add_sum(
	    v, p->account, PLEDGE_EARNED, m->sum.earned.nano - was.earned.nano);
}

static void
keep_promises(struct verify *v, const struct outcome *o,
    const struct outcome *was, uint64_t place)
{
	const struct generation *g = scan_generation(&v->scan, o->generation);
	struct pledge_posting posting[PLEDGE_POSTINGS];
	unsigned i, n = 0;

	if (g != NULL && o->deployment < g->ndeployments)
		n = pledge_postings(g, o, was, posting);
	for (i = 0; i < n; i++)
		keep_promise(v, &posting[i], o, place);
}

static void
count_outcome(struct verify *v, struct open_request *q, const struct outcome *o,
    uint64_t place)
{
	unsigned i;

	v->by[o->resolution]++;
	v->settled += o->effective;
	if (place < v->applied) {
		for (i = 0; i < o->n; i++)
			add_sum(v, o->chain[i].account, o->chain[i].window,
			    o->effective);
	}
	if (o->resolution == RESOLUTION_VOID || !o->sent)
		return;
	keep_promises(v, o, NULL, place);
	q->counts = true;
	if (place < v->applied) {
		v->upto.attempts++;
		v->upto.effective += o->effective;
		tally_outcome(&v->tally, &v->scan, o);
	}
	if (place < v->applied && o->resolution == RESOLUTION_UNKNOWN) {
		v->upto.unknown++;
		v->upto.suspense += o->effective;
	}
}

static struct corrected *
corrected_find(const struct verify *v, const struct reqid *id, unsigned attempt)
{
	struct corrected key = { .key = { .req = *id, .attempt = attempt } };

	return map_find(&v->corrected,
	    (struct slice){ (const char *)&key.key, sizeof(key.key) });
}

/* The last correction is what stands. */
static void
collect(struct verify *v, const struct frame *f)
{
	struct outcome o = { 0 };
	struct arena a = { 0 };
	struct correction c;
	struct corrected *n;

	if (f->kind == FRAME_OUTCOME &&
	    frame_get_outcome(f, &o) == FAULT_NONE && o.number > 0 &&
	    frame_get_correction(f, &a, &c) == FAULT_NONE) {
		n = corrected_find(v, &o.req, o.attempt);
		if (n == NULL) {
			n = NEW(struct corrected);
			n->key.req = o.req;
			n->key.attempt = o.attempt;
			(void)map_put(&v->corrected,
			    (struct slice){
				(const char *)&n->key, sizeof(n->key) },
			    n);
		}
		n->now = c.now;
		n->now.used_tier = (struct slice){ 0 };
	}
	arena_fini(&a);
}

static void
export_attempt(
    struct verify *v, const struct intent *i, const struct outcome *as_ended)
{
	const struct corrected *c = corrected_find(v, &i->req, i->attempt);
	struct outcome now;
	const struct outcome *o = as_ended;
	char id[REQID_TEXT + 1];
	struct buf b = { 0 };

	if (c != NULL && o != NULL) {
		now = c->now;
		now.provider_id = o->provider_id;
		o = &now;
	}
	reqid_write(&i->req, id);
	json_w_begin(&b, '{');
	json_w_kstr(&b, "request", slice_of(id));
	scan_key(&b, "key", i->key);
	scan_write_attempt(&b, &v->scan, i, o);
	json_w_ki64(&b, "corrections", c != NULL ? c->now.number : 0);
	json_w_end(&b, '}');
	v->stop = !v->line(v->line_arg, buf_slice(&b));
	buf_fini(&b);
}

/* The agreement of the log, again. */
static void
check_terms(struct verify *v, const struct intent *i, const struct outcome *o,
    uint64_t place)
{
	const struct generation *g = scan_generation(&v->scan, o->generation);
	const char *text = NULL;

	if (g == NULL || o->deployment >= g->ndeployments)
		return; /* said already */
	if (i == NULL) {
		text = pledge_judge_cost(g, o);
	} else {
		text = pledge_judge_intent(g, i);
		if (text == NULL)
			text = pledge_judge_outcome(g, i, o);
	}
	if (text != NULL)
		wrong(v, place, text, &o->req, o->attempt);
}

/* --- corrections
 * -----------------------------------------------------------------*/

static bool
counts(const struct outcome *o)
{
	return o->sent && o->resolution != RESOLUTION_VOID;
}

static void
check_stands(struct verify *v, const struct correction *c, uint64_t place)
{
	const struct outcome *o = &c->now;
	const void *was =
	    map64_find(&v->seen, seen_key(&o->req, o->attempt, o->number - 1));

	if (was == NULL)
		wrong(v, place, "it is corrected out of turn", &o->req,
		    o->attempt);
	else if (was != digest_of_outcome(&c->was))
		wrong(v, place,
		    "its correction differs from what was booked before",
		    &o->req, o->attempt);
	if (map64_put(&v->seen, seen_key(&o->req, o->attempt, o->number),
		digest_of_outcome(o)) != NULL)
		wrong(v, place, "it has two corrections of one number", &o->req,
		    o->attempt);
	if (map_find(&v->requests, id_slice(&o->req)) != NULL)
		wrong(v, place, "it is corrected before its request is over",
		    &o->req, o->attempt);
}

static void
check_writer(struct verify *v, const struct frame *f,
    const struct correction *c, uint64_t place)
{
	const struct journal_seen *j = map_find(&v->journals,
	    (struct slice){ (const char *)&f->name, sizeof(f->name) });

	if (v->base == 0 && (j == NULL || !j->is_recorder))
		wrong(v, place, "its correction is not the recorder's",
		    &c->now.req, c->now.attempt);
}

static bool
same_sibling(const struct outcome *a, const struct outcome *b)
{
	return a->attempt == b->attempt && a->deployment == b->deployment &&
	       a->resolution == b->resolution && a->price == b->price &&
	       a->usage.input == b->usage.input && a->agreement == b->agreement;
}

static const struct outcome *
sibling_of(const struct correction *c, unsigned attempt)
{
	unsigned i;

	for (i = 0; i < c->nsiblings; i++) {
		if (c->sibling[i].attempt == attempt)
			return &c->sibling[i];
	}
	return NULL;
}

/* Does it name the others that count as they stand? */
static bool
names_siblings(const struct family *y, const struct correction *c)
{
	const struct outcome *o, *s;
	unsigned i, n = 0;

	for (i = 0; y != NULL && i < y->n; i++) {
		o = &y->one[i];
		if (o->attempt == c->now.attempt || !counts(o))
			continue;
		s = sibling_of(c, o->attempt);
		if (s == NULL || !same_sibling(s, o))
			return false;
		n++;
	}
	return n == c->nsiblings;
}

static void
check_siblings(struct verify *v, const struct correction *c, uint64_t place)
{
	struct family *y =
	    map64_find(&v->families, seen_key(&c->now.req, 0, 0));
	unsigned i;

	if (!names_siblings(y, c))
		wrong(v, place,
		    "its correction has other attempts of its request wrong",
		    &c->now.req, c->now.attempt);
	for (i = 0; y != NULL && i < y->n; i++) {
		if (y->one[i].attempt == c->now.attempt)
			y->one[i] = c->now; /* its texts are not looked at */
	}
}

static void
check_value(struct verify *v, const struct correction *c, uint64_t place)
{
	const struct outcome *o = &c->now;

	check_amount(v, o, place);
	if (o->resolution == RESOLUTION_UNKNOWN)
		wrong(v, place, "it is corrected to unknown", &o->req,
		    o->attempt);
	if (o->list < 0 || o->contracted < 0)
		wrong(v, place, "its cost is negative", &o->req, o->attempt);
	if (c->stated && o->resolution != RESOLUTION_VOID &&
	    (o->list != o->contracted || o->list != o->effective))
		wrong(v, place, "its stated cost is not one", &o->req,
		    o->attempt);
	if (!c->stated) {
		check_cost(v, o, o->hold, place);
		check_terms(v, NULL, o, place);
	}
}

static void
count_correction(struct verify *v, const struct correction *c, uint64_t place)
{
	const int64_t difference = c->now.effective - c->was.effective;
	const bool was = counts(&c->was), now = counts(&c->now);
	unsigned i;

	v->corrections++;
	v->by[c->was.resolution]--;
	v->by[c->now.resolution]++;
	v->settled += difference;
	keep_promises(v, &c->now, &c->was, place);
	if (place >= v->applied)
		return;
	for (i = 0; i < c->now.n; i++)
		add_sum(v, c->now.chain[i].account, c->now.chain[i].window,
		    difference);
	tally_correction(&v->tally, &v->scan, c);
	v->upto.attempts += (uint64_t)now - (uint64_t)was;
	v->upto.effective += difference;
	if (c->nsiblings == 0)
		v->upto.calls += (uint64_t)now - (uint64_t)was;
	if (c->was.resolution == RESOLUTION_UNKNOWN) {
		v->upto.unknown--;
		v->upto.suspense -= c->was.effective;
	}
}

static void
take_correction(struct verify *v, const struct frame *f, uint64_t place)
{
	struct arena a = { 0 };
	struct correction c;

	if (frame_get_correction(f, &a, &c) != FAULT_NONE) {
		wrong(v, place, "a correction cannot be read", NULL, 0);
	} else {
		check_writer(v, f, &c, place);
		check_stands(v, &c, place);
		check_value(v, &c, place);
		check_siblings(v, &c, place);
		count_correction(v, &c, place);
	}
	arena_fini(&a);
}

static void
take_outcome(struct verify *v, const struct frame *f, uint64_t place)
{
	struct outcome o = { 0 };
	struct open_request *q;
	struct open_attempt *a;

	if (frame_get_outcome(f, &o) != FAULT_NONE) {
		wrong(v, place, "an outcome cannot be read", NULL, 0);
		return;
	}
	if (o.number > 0) {
		take_correction(v, f, place);
		return;
	}
	q = map_find(&v->requests, id_slice(&o.req));
	a = attempt_of(q, o.attempt);
	if (map64_put(&v->seen, seen_key(&o.req, o.attempt, 0),
		digest_of_outcome(&o)) != NULL) {
		wrong(v, place, "it has two outcomes", &o.req, o.attempt);
		return;
	}
	if (a == NULL) {
		wrong(v, place, "it has an outcome and no intent", &o.req,
		    o.attempt);
		return;
	}
	if (o.hold != a->intent.hold || o.key != a->intent.key ||
	    !scan_price_fits(&v->scan, &a->intent, o.price) ||
	    o.generation != a->intent.generation ||
	    o.deployment != a->intent.deployment || !same_chain(&a->intent, &o))
		wrong(v, place, "its outcome differs from its intent", &o.req,
		    o.attempt);
	check_amount(v, &o, place);
	check_cost(v, &o, pledge_list_hold(&a->intent).nano, place);
	check_terms(v, &a->intent, &o, place);
	count_outcome(v, q, &o, place);
	a->closed = true;
	a->outcome = o;
	a->outcome.provider_id = a->outcome.used_tier = (struct slice){ 0 };
	if (v->line != NULL)
		export_attempt(v, &a->intent, &o);
}

static void
keep_family(struct verify *v, const struct open_request *q)
{
	const struct open_attempt *a;
	struct family *y;
	unsigned n = 0;

	for (a = q->first; a != NULL; a = a->next)
		n++;
	if (n < 2)
		return;
	y = NEW(struct family);
	y->one = mem_new(n * sizeof(*y->one));
	for (a = q->first; a != NULL; a = a->next)
		y->one[y->n++] = a->outcome;
	CHECK(map64_put(&v->families, seen_key(&q->id, 0, 0), y) == NULL);
}

static void
take_final(struct verify *v, const struct frame *f, uint64_t place)
{
	struct final x = { 0 };
	struct open_request *q;
	struct open_attempt *a;
	bool first;

	if (frame_get_final(f, &x) != FAULT_NONE) {
		wrong(v, place, "a final outcome cannot be read", NULL, 0);
		return;
	}
	first = is_new(v, &x.req, 0, UINT32_MAX - 1);
	if (!first)
		wrong(v, place, "it has two final outcomes", &x.req, 1);
	q = map_drop(&v->requests, id_slice(&x.req));
	if (q == NULL)
		return;
	for (a = q->first; a != NULL; a = a->next) {
		if (!a->closed)
			wrong(v, place, "it is open and its request is over",
			    &x.req, a->intent.attempt);
	}
	if (q->counts && place < v->applied)
		v->upto.calls++;
	if (first)
		keep_family(v, q);
	request_free(q);
}

static void
take(struct verify *v, const struct frame *f, uint64_t place)
{
	if (v->collect) {
		collect(v, f);
		return;
	}
	v->frames++;
	check_seq(v, f, place);
	switch (f->kind) {
	case FRAME_INTENT:
		take_intent(v, f, place);
		return;
	case FRAME_OUTCOME:
		take_outcome(v, f, place);
		return;
	case FRAME_FINAL:
		take_final(v, f, place);
		return;
	case FRAME_CONFIG:
		(void)scan_learn(&v->scan, f->payload);
		return;
	case FRAME_INCIDENT:
		v->incidents++;
		return;
	case FRAME_OPEN:
		take_opening(v, f);
		return;
	case FRAME_ACCOUNT:
		take_account(v, f, place);
		return;
	case FRAME_COUNT:
	case FRAME_KEY:
	case FRAME_SUBJECT:
	case FRAME_LIMIT:
		return;
	}
	wrong(v, place, "a frame is of no known kind", NULL, 0);
}

static enum fault
read_log(struct verify *v, const char *dir)
{
	struct log_reader *r;
	struct frame f;
	enum fault fault = log_reader_open(dir, 0, &r);
	uint64_t at;

	if (fault != FAULT_NONE)
		return fault;
	v->base = log_reader_base(r);
	while (!v->stop) {
		fault = log_next(r, &f, &at);
		if (fault == FAULT_NONE)
			take(v, &f, at);
		else if (fault == FAULT_DATA)
			wrong(v, at, "the log is damaged here", NULL, 0);
		else
			break;
	}
	if (fault == FAULT_PENDING && log_reader_torn(r) > 0)
		note(v, "bytes at the very end that are no whole frame:",
		    log_reader_torn(r));
	log_reader_close(&r);
	return fault == FAULT_DISK ? fault : FAULT_NONE;
}

/* --- the store
 * ------------------------------------------------------------------------*/

struct stored {
	struct map sums;
	struct totals totals;
	struct tally hours, minutes;
	int64_t minutes_from; /* hour: before it there are only hours */
};

static void
load_sums(struct store *s, struct stored *out)
{
	struct stmt *q =
	    store_sql(s, "SELECT account, window, settled FROM balances");

	while (stmt_step(q)) {
		struct sum *b = NEW(struct sum);

		b->account = stmt_get_u64(q, 0);
		b->window = stmt_get_u64(q, 1);
		b->settled = stmt_get_i64(q, 2);
		(void)map_put(
		    &out->sums, (struct slice){ (const char *)b, 16 }, b);
	}
}

static void
load_totals(struct store *s, struct totals *t)
{
	struct stmt *q =
	    store_sql(s, "SELECT attempts, effective FROM usage_hour");

	while (stmt_step(q)) {
		t->attempts += stmt_get_u64(q, 0);
		t->effective += stmt_get_i64(q, 1);
	}
	q = store_sql(s, "SELECT calls FROM calls_hour");
	while (stmt_step(q))
		t->calls += stmt_get_u64(q, 0);
	q = store_sql(s, "SELECT amount FROM suspense");
	while (stmt_step(q)) {
		t->unknown++;
		t->suspense += stmt_get_i64(q, 0);
	}
}

/* One view, taken before the log is read: the log is never shorter. */
static void
load_store(struct verify *v, const char *data_dir, struct stored *out)
{
	struct buf path = { 0 };
	struct store *s;
	struct stmt *q;

	scan_path(&path, data_dir, "store.db");
	if (store_open_read(buf_cstr(&path), &s) != FAULT_NONE) {
		note(v, "there is no store to compare with:", 0);
		buf_fini(&path);
		return;
	}
	store_begin(s);
	q = store_sql(s, "SELECT value FROM meta WHERE name = 'applied'");
	if (stmt_step(q))
		v->applied = stmt_get_u64(q, 0);
	load_sums(s, out);
	load_totals(s, &out->totals);
	out->minutes_from = tally_minutes_from(s) / 60;
	tally_load(&out->hours, s, false);
	tally_load(&out->minutes, s, true);
	if (store_commit(s) != FAULT_NONE)
		wrong(v, 0, "the store cannot be read", NULL, 0);
	store_close(&s);
	buf_fini(&path);
}

static void
compare_sums(struct verify *v, const struct map *a, const struct map *b)
{
	const struct map_slot *e;
	size_t at = 0;

	while ((e = map_next(a, &at)) != NULL) {
		const struct sum *x = e->value, *y = map_find(b, e->key);

		if (x->settled != (y != NULL ? y->settled : 0))
			wrong(v, v->applied,
			    "a balance of the store is not what the log adds "
			    "up to",
			    NULL, 0);
	}
}

static void
compare(struct verify *v, const struct stored *s)
{
	const struct map_slot *e;
	size_t at = 0;

	if (v->applied == 0 || v->base > 0)
		return;
	compare_sums(v, &v->sums, &s->sums);
	/* What the store alone has. */
	while ((e = map_next(&s->sums, &at)) != NULL) {
		const struct sum *x = e->value;

		if (map_find(&v->sums, e->key) == NULL && x->settled != 0)
			wrong(v, v->applied,
			    "the store has a balance the log does not know",
			    NULL, 0);
	}
	if (s->totals.attempts != v->upto.attempts)
		wrong(
		    v, v->applied, "the store counts other attempts", NULL, 0);
	if (s->totals.effective != v->upto.effective)
		wrong(v, v->applied, "the store's usage costs otherwise", NULL,
		    0);
	if (s->totals.unknown != v->upto.unknown ||
	    s->totals.suspense != v->upto.suspense)
		wrong(v, v->applied, "the store has other attempts in suspense",
		    NULL, 0);
	if (s->totals.calls != v->upto.calls)
		wrong(v, v->applied, "the store counts other calls", NULL, 0);
	if (tally_differences(&v->tally, &s->hours, INT64_MIN) > 0)
		wrong(v, v->applied,
		    "usage by hour, key and dimension is not what the log adds "
		    "up to",
		    NULL, 0);
	if (tally_differences(&v->tally, &s->minutes, s->minutes_from) > 0)
		wrong(v, v->applied,
		    "usage by minute, key and dimension is not what the log "
		    "adds up to",
		    NULL, 0);
}

/* --- the report
 * -----------------------------------------------------------------------*/

static void
list_open(struct verify *v)
{
	const struct map_slot *e;
	const struct open_attempt *a;
	char name[ATTEMPT_TEXT + 1];
	size_t at = 0;

	while ((e = map_next(&v->requests, &at)) != NULL && !v->stop) {
		const struct open_request *q = e->value;

		for (a = q->first; a != NULL && !v->stop; a = a->next) {
			if (a->closed)
				continue;
			if (v->line != NULL)
				export_attempt(v, &a->intent, NULL);
			if (++v->opens > OPEN_MAX ||
			    a->intent.attempt > ATTEMPTS_MAX)
				continue;
			(void)attempt_write(&q->id, a->intent.attempt, name);
			json_w_str(&v->open_json, slice_of(name));
		}
	}
}

static void
write_json(struct verify *v, struct buf *b)
{
	unsigned i;

	json_w_begin(b, '{');
	json_w_kbool(b, "ok", v->errors == 0);
	json_w_ku64(b, "frames", v->frames);
	json_w_ku64(b, "journals", v->journals.n);
	json_w_ku64(b, "attempts", v->intents);
	json_w_key(b, "resolutions");
	json_w_begin(b, '{');
	for (i = 0; i <= RESOLUTION_UNKNOWN; i++)
		json_w_ku64(b, resolution_name((enum resolution)i), v->by[i]);
	json_w_end(b, '}');
	scan_money_sum(b, "settled", v->settled);
	json_w_ku64(b, "corrections", v->corrections);
	json_w_ku64(b, "incidents", v->incidents);
	json_w_ku64(b, "store_place", v->applied);
	json_w_ku64(b, "open", v->opens);
	json_w_key(b, "open_attempts");
	json_w_begin(b, '[');
	buf_add(b, buf_slice(&v->open_json));
	json_w_end(b, ']');
	json_w_key(b, "notes");
	json_w_begin(b, '[');
	buf_add(b, buf_slice(&v->note_json));
	json_w_end(b, ']');
	json_w_ku64(b, "wrong", v->errors);
	json_w_key(b, "errors");
	json_w_begin(b, '[');
	buf_add(b, buf_slice(&v->error_json));
	json_w_end(b, ']');
	json_w_end(b, '}');
}

static void
write_text(struct verify *v, struct buf *b)
{
	unsigned i;

	buf_fmt(b, "%llu frames of %zu journals, %llu attempts:",
	    (unsigned long long)v->frames, v->journals.n,
	    (unsigned long long)v->intents);
	for (i = 0; i <= RESOLUTION_UNKNOWN; i++)
		buf_fmt(b, " %s %llu", resolution_name((enum resolution)i),
		    (unsigned long long)v->by[i]);
	buf_str(b, "\nsettled ");
	money_write_sum(b, v->settled);
	buf_fmt(b, ", %u open, %llu corrections, %llu incidents\n", v->opens,
	    (unsigned long long)v->corrections,
	    (unsigned long long)v->incidents);
	buf_add(b, buf_slice(&v->note_text));
	if (v->errors == 0) {
		buf_str(b, v->applied > 0 && v->base == 0
			       ? "the log is whole and the store agrees with "
				 "it\n"
			       : "the log is whole\n");
		return;
	}
	buf_fmt(b, "%u things are wrong:\n", v->errors);
	buf_add(b, buf_slice(&v->error_text));
}

/* --- all of it
 * --------------------------------------------------------------------------*/

static void
free_map(struct map *m)
{
	const struct map_slot *e;
	size_t at = 0;

	while ((e = map_next(m, &at)) != NULL)
		mem_free(e->value);
	map_fini(m);
}

static void
free_families(struct verify *v)
{
	const struct map64_slot *e;
	size_t at = 0;

	while ((e = map64_next(&v->families, &at)) != NULL) {
		struct family *y = e->value;

		mem_free(y->one);
		mem_free(y);
	}
	map64_fini(&v->families);
}

static void
fini(struct verify *v)
{
	const struct map_slot *e;
	const struct map64_slot *p;
	size_t at = 0;

	while ((e = map_next(&v->requests, &at)) != NULL)
		request_free(e->value);
	map_fini(&v->requests);
	map64_fini(&v->seen);
	free_families(v);
	at = 0;
	while ((p = map64_next(&v->promises, &at)) != NULL)
		mem_free(p->value);
	map64_fini(&v->promises);
	free_map(&v->corrected);
	free_map(&v->journals);
	free_map(&v->sums);
	scan_fini(&v->scan);
	tally_fini(&v->tally);
	buf_fini(&v->error_json);
	buf_fini(&v->error_text);
	buf_fini(&v->note_json);
	buf_fini(&v->note_text);
	buf_fini(&v->open_json);
}

enum fault
ledger_verify(const char *data_dir, bool json, struct buf *out, bool *good)
{
	struct verify v = { .line = NULL };
	struct stored stored = { .totals = { 0 } };
	struct buf dir = { 0 };
	enum fault fault;

	*good = false;
	load_store(&v, data_dir, &stored);
	scan_path(&dir, data_dir, "log");
	fault = read_log(&v, buf_cstr(&dir));
	if (fault == FAULT_NONE) {
		compare(&v, &stored);
		list_open(&v);
		if (json)
			write_json(&v, out);
		else
			write_text(&v, out);
		*good = v.errors == 0;
	}
	free_map(&stored.sums);
	tally_fini(&stored.hours);
	tally_fini(&stored.minutes);
	buf_fini(&dir);
	fini(&v);
	return fault;
}

enum fault
ledger_export(const char *data_dir, export_line_f *line, void *arg)
{
	struct verify v = { .line = line, .line_arg = arg, .collect = true };
	struct buf dir = { 0 };
	enum fault fault;

	scan_path(&dir, data_dir, "log");
	fault = read_log(&v, buf_cstr(&dir));
	v.collect = false;
	if (fault == FAULT_NONE)
		fault = read_log(&v, buf_cstr(&dir));
	if (fault == FAULT_NONE)
		list_open(&v);
	buf_fini(&dir);
	fini(&v);
	return fault;
}
