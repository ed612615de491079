/*
 * admit.c - the last stage at which an attempt costs nothing to turn away
 *
 * The first time: what binds the request (bind.h).  Then holds for the next
 * candidate at its own price; one that does not fit is skipped for the next;
 * when none fits the budget's answer is what it says: wait for money that
 * others hold, lower the output limit (clamp), go on at a cheaper model
 * (downgrade, once), or refuse (money-protocol 1).  Two rounds: those whose
 * breaker lets a call through, then those that rest, as a last resort.
 */
#include "base/clock.h"
#include "gateway/bind.h"
#include "gateway/stages.h"
#include "gateway/wait.h"
#include "gateway/worker_priv.h"
#include "journal/writer.h"
#include "provider/provider.h"
#include "route/capacity.h"
#include "route/rule.h"
#include "shm/breaker.h"
#include "shm/key.h"
#include "shm/label.h"

enum {
	FRAMES_ATTEMPT = 2,
	CLAMP_LEAST = 16, /* output tokens worth asking for */
	CLAMP_TRIES = 4   /* accounts of a chain that may each lower it */
};

static void
bar(struct candidate *c, enum why why)
{
	c->barred = true;
	c->why = why;
}

static void
unbar(struct req *req)
{
	unsigned i;

	for (i = 0; i < req->ncandidate; i++) {
		struct candidate *c = &req->candidate[i];

		c->barred = c->barred && c->why != WHY_BUDGET;
	}
}

/*
 * Rows of the tier that is asked for, which is the one expected, and of the
 * deployment's own, at which the provider may serve instead.
 */
static void
find_prices(const struct req *req, struct attempt *t)
{
	const struct deployment_conf *d = t->deployment;
	const struct slice own = slice_of(d->tier);
	const struct slice asked = req->dialect->tier(req->ask->tier, own);

	t->row[t->nrow++] = deployment_price_of(d, asked, t->price_ns);
	if (!slice_eq(asked, own))
		t->row[t->nrow++] = deployment_price(d, t->price_ns);
	t->price = t->row[0];
}

/* Are the rates of everything it may be billed for known? */
static bool
is_priced(const struct req *req, const struct attempt *t, bool bounded)
{
	const uint64_t input = bounded ? t->bound_in : 0;
	unsigned i;

	for (i = 0; i < t->nrow; i++) {
		if (t->row[i] == NULL ||
		    !price_knows(t->row[i], req->ask->lanes, input))
			return false;
	}
	return true;
}

/* What that much input and output can cost at most at list prices, by the
 * dearest row. */
static bool
bound_money(const struct req *req, const struct attempt *t, uint64_t in,
    uint64_t out, struct money *most)
{
	struct money cost;
	unsigned i;

	*most = (struct money){ 0 };
	for (i = 0; i < t->nrow; i++) {
		if (t->row[i] == NULL)
			continue;
		if (!price_bound(t->row[i], req->ask->lanes, in, out, &cost)) {
			*most = (struct money){ 0 };
			return false;
		}
		if (cost.nano > most->nano)
			*most = cost;
	}
	return true;
}

static struct money
by_agreement(const struct attempt *t, struct money list)
{
	return agreement_bound(
	    t->agreement != NULL ? &t->agreement->terms : NULL, list);
}

/* False: it cannot be said, or is more than may be held. */
static bool
set_bound(const struct req *req, struct attempt *t)
{
	struct money list;

	if (!bound_money(req, t, t->bound_in, t->bound_out, &list) ||
	    list.nano > AMOUNT_MAX)
		return false;
	t->list_most = list;
	t->most = by_agreement(t, list);
	return true;
}

/*
 * The most it can cost.  Without a budget a bound is wanted too (an attempt
 * whose end is unknown is booked at it), but not required.
 */
static bool
bound(struct req *req, struct candidate *c, struct attempt *t)
{
	const struct deployment_conf *d = c->deployment;
	const bool strict = req->desk->chain.hard;
	bool known = ask_bound(
	    req->ask, d->context, d->max_output, &t->bound_in, &t->bound_out);

	t->price_ns = worker_wall_ns(req->w);
	t->agreement = snapshot_agreement(
	    req->snap, d->provider, reqid_wall_ms(&req->id) * NS_PER_MS);
	find_prices(req, t);
	if (strict && !is_priced(req, t, known)) {
		bar(c, WHY_PRICE);
		return false;
	}
	if (strict && req->ask->hosted_tool) {
		bar(c, WHY_UNBOUNDED);
		return false;
	}
	if (known)
		known = set_bound(req, t);
	if (!known && strict) {
		bar(c, WHY_UNBOUNDED);
		return false;
	}
	return true;
}

/* Does a limit on the cost of one call forbid it? */
static bool
costs_too_much(struct req *req, struct candidate *c, const struct attempt *t)
{
	const int32_t row =
	    rate_cost_refused(&req->w->shm, &req->desk->chain, t->most.nano);

	if (row < 0)
		return false;
	req->desk->slow.limit = (uint32_t)row;
	req->desk->slow.kind = LIMIT_COST_PER_CALL;
	bar(c, WHY_COST);
	return true;
}

static enum fault
hold_once(struct req *req, struct attempt *t)
{
	const struct hold_spec spec = {
		.req = req->id,
		.attempt = req->attempts + 1,
		.deployment = t->deployment->index,
		.generation = req->snap->generation,
		.key = atomic_load(&req->key->id),
		.price = t->price != NULL ? t->price->id : 0,
		.most = t->most,
		.wall_ns = worker_wall_ns(req->w),
		.account = req->desk->chain.account,
		.n = req->desk->chain.naccounts,
	};

	return hold_open(req->w->ledger, &spec, &t->hold, &req->desk->shortage);
}

/* --- clamp ---------------------------------------------------------------- */

/* The largest output limit that money pays for; 0: none worth asking for. */
static uint64_t
affordable(const struct req *req, const struct attempt *t, int64_t nano)
{
	const uint64_t each = t->bound_out / req->ask->n;
	uint64_t lo = CLAMP_LEAST - 1, hi = each, mid;
	struct money most;

	while (lo + 1 < hi) {
		mid = lo + (hi - lo) / 2;
		if (bound_money(
			req, t, t->bound_in, mid * req->ask->n, &most) &&
		    by_agreement(t, most).nano <= nano)
			lo = mid;
		else
			hi = mid;
	}
	return lo >= CLAMP_LEAST ? lo : 0;
}

/*
 * The account that is short may say that less will do.  While calls under
 * way hold what would pay for more, they are waited for first.
 */
static enum fault
clamp(struct req *req, struct attempt *t, enum fault f)
{
	const struct hold_short *s = &req->desk->shortage;
	const int64_t after = s->granted - s->settled;
	uint64_t out;

	if (!(s->flags & ACCOUNT_CLAMP) || t->price == NULL ||
	    req->ask->extra_output > 0 || s->granted == 0)
		return f;
	if (f == FAULT_PENDING && !req->tight)
		return f;
	out = affordable(req, t, after - s->pending);
	if (out == 0)
		return !req->tight && s->pending > 0 &&
			       affordable(req, t, after) > 0
			   ? FAULT_PENDING
			   : f;
	t->clamp = out;
	t->bound_out = out * req->ask->n;
	return set_bound(req, t) ? FAULT_NONE : f;
}

static enum fault
hold(struct req *req, struct attempt *t)
{
	enum fault f = hold_once(req, t), how;
	unsigned i;

	for (i = 0; i < CLAMP_TRIES; i++) {
		if (f != FAULT_BUDGET && f != FAULT_PENDING)
			break;
		how = clamp(req, t, f);
		if (how != FAULT_NONE)
			return how;
		f = hold_once(req, t);
	}
	return f;
}

static void
warn_clamped(struct req *req)
{
	char label[LABEL_LEN];
	struct buf b = { 0 };

	if (req->try.clamp == 0)
		return;
	(void)label_get(
	    &req->w->shm.accounts[req->desk->shortage.row].label, label);
	buf_fmt(&b, "budget %s: output limit lowered to ", label);
	buf_u64(&b, req->try.clamp);
	bind_warn(req, arena_copy(&req->arena, buf_slice(&b)));
	buf_fini(&b);
}

/* --- one candidate -------------------------------------------------------- */

static void
write_intent(struct req *req, struct attempt *t)
{
	struct intent v = {
		.req = req->id,
		.attempt = req->attempts,
		.wall_ns = t->price_ns,
		.generation = req->snap->generation,
		.key = atomic_load(&req->key->id),
		.price = t->price != NULL ? t->price->id : 0,
		.model = req->asked->hash,
		.deployment = t->deployment->index,
		.hold = t->most.nano,
		.agreement = t->agreement != NULL ? t->agreement->terms.id : 0,
		.list =
		    t->list_most.nano != t->most.nano ? t->list_most.nano : 0,
		.n = t->hold->n,
		.ntags = req->ntags,
	};
	unsigned i;

	memcpy(v.tags, req->tag_id, sizeof(v.tags));
	for (i = 0; i < v.n; i++) {
		v.chain[i].account = t->hold->chain[i].account_id;
		v.chain[i].window = t->hold->chain[i].window_id;
	}
	journal_intent(req->w->journal, &v);
	t->intent_end = journal_head(req->w->journal);
}

/* Room for what the attempt and the request will write; kept until then. */
static bool
reserve(struct req *req)
{
	struct journal *j = req->w->journal;

	if (journal_lagging(j, loop_now(req->w->loop), req->snap->max_lag_ns))
		return false;
	if (!req->final_reserved) {
		if (!journal_reserve(j, 1))
			return false;
		req->final_reserved = true;
	}
	return journal_reserve(j, FRAMES_ATTEMPT);
}

static enum fault
begin(struct req *req, struct candidate *c, struct attempt *t)
{
	enum fault f;

	if (!reserve(req))
		return FAULT_LOG;
	f = hold(req, t);
	if (f != FAULT_NONE) {
		journal_unreserve(req->w->journal, FRAMES_ATTEMPT);
		return f;
	}
	t->start_ns = loop_now(req->w->loop);
	c->tried = true;
	req->attempts++;
	req->try = *t;
	req->fault = FAULT_NONE;
	bind_warn_soft(req);
	warn_clamped(req);
	write_intent(req, &req->try);
	breaker_enter(t->breaker, req->w->slot);
	worker_count(req->w, COUNTER_ATTEMPTS, 1);
	return FAULT_NONE;
}

/* It is not tried now, and when it may be is known. */
static bool
later(struct req *req, struct candidate *c, enum why why, int64_t at_ns)
{
	c->why = why;
	if (req->come_ns == 0 || at_ns < req->come_ns)
		req->come_ns = at_ns;
	return false;
}

/* What calls of this class leave free they may not take as a last resort. */
static bool
take_capacity(
    struct req *req, struct candidate *c, struct attempt *t, bool last_resort)
{
	const int64_t now = loop_now(req->w->loop);
	const unsigned keep = rule_keep(req->snap, req->wishes.class);
	uint64_t output = capacity_expected_output(t->breaker);
	int64_t wait;

	if (t->breaker == NULL)
		return true;
	if (t->bound_out > 0 && output > t->bound_out)
		output = t->bound_out;
	t->taken = ask_input_estimate(req->ask) + output;
	if (capacity_take(
		c->deployment, t->breaker, t->taken, keep, now, &wait))
		return true;
	if (!last_resort)
		return later(req, c, WHY_FULL, now + wait);
	if (keep > 0)
		return later(req, c, WHY_CLASS, now + wait);
	capacity_force(c->deployment, t->breaker, t->taken, now);
	return true;
}

/* Is it known to be of no use now? */
static bool
is_out(struct req *req, struct candidate *c, const struct live_deployment *l,
    bool last_resort)
{
	const int64_t now = loop_now(req->w->loop);
	const int64_t floor = capacity_floor_of(l->row);

	if (floor > now)
		return !later(req, c, WHY_TOLD, floor);
	if (last_resort)
		return false;
	if (breaker_shuns(l->row, now, req->key->principal)) {
		c->why = WHY_SHUNNED;
		return true;
	}
	if (capacity_is_full(l->row, now)) {
		c->why = WHY_FULL;
		return true;
	}
	return !plan_has_credential(l, now, &c->why);
}

/* FAULT_UP_UNHEALTHY: not this one in this round. */
static enum fault
try_candidate(struct req *req, struct candidate *c, bool last_resort)
{
	const int64_t now = loop_now(req->w->loop);
	struct attempt t = { .deployment = c->deployment };
	enum fault f;

	t.dialect = provider_dialect(c->deployment, req->dialect);
	if (t.dialect == NULL) {
		bar(c, WHY_DIALECT);
		return FAULT_UP_UNHEALTHY;
	}
	t.live = &live_of(req->snap)->deployment[c->deployment->index];
	if (is_out(req, c, t.live, last_resort))
		return FAULT_UP_UNHEALTHY;
	if (!bound(req, c, &t) || costs_too_much(req, c, &t))
		return FAULT_BUDGET;
	t.breaker = t.live->row;
	if (!take_capacity(req, c, &t, last_resort))
		return FAULT_UP_UNHEALTHY;
	if (!last_resort && !breaker_may(t.breaker, now, &t.probe)) {
		c->why = WHY_BREAKER;
		f = FAULT_UP_UNHEALTHY;
	} else {
		f = begin(req, c, &t);
		if (f != FAULT_NONE)
			breaker_neutral(t.breaker, t.probe);
	}
	if (f != FAULT_NONE && t.breaker != NULL)
		capacity_settle(c->deployment, t.breaker, t.taken, 0, false);
	if (f == FAULT_BUDGET)
		bar(c, WHY_BUDGET);
	return f;
}

/* FAULT_NONE: an attempt stands; FAULT_PENDING: one would, later. */
static enum fault
try_round(struct req *req, bool last_resort)
{
	enum fault f, worst = FAULT_BUDGET;
	unsigned i;

	for (i = 0; i < req->ncandidate; i++) {
		struct candidate *c = &req->candidate[i];

		if (c->tried || c->barred)
			continue;
		f = try_candidate(req, c, last_resort);
		if (f == FAULT_PENDING)
			worst = f;
		else if (f != FAULT_BUDGET && f != FAULT_UP_UNHEALTHY)
			return f;
	}
	return worst;
}

/* Why nothing could be admitted, when it was not the money. */
static enum fault
refusal(const struct req *req)
{
	bool price = false, unbounded = false, cost = false;
	unsigned i;

	for (i = 0; i < req->ncandidate; i++) {
		if (req->candidate[i].why == WHY_BUDGET)
			return FAULT_BUDGET;
		price = price || req->candidate[i].why == WHY_PRICE;
		unbounded = unbounded || req->candidate[i].why == WHY_UNBOUNDED;
		cost = cost || req->candidate[i].why == WHY_COST;
	}
	if (cost)
		return FAULT_COST_PER_CALL;
	if (unbounded)
		return FAULT_UNBOUNDED;
	if (price)
		return FAULT_PRICE_UNKNOWN;
	return req->come_ns != 0 ? FAULT_UP_FULL : FAULT_UP_UNHEALTHY;
}

/* --- when nothing fits ------------------------------------------------------
 */

static const struct model_conf *
model_of_hash(const struct snapshot *s, uint64_t hash)
{
	unsigned i;

	for (i = 0; i < s->nmodels; i++) {
		if (s->model[i].hash == hash)
			return &s->model[i];
	}
	return NULL;
}

/* The budget that is short may name a cheaper model; once in a request. */
static bool
downgrade(struct req *req)
{
	const struct shm_account *a =
	    &req->w->shm.accounts[req->desk->shortage.row];
	const struct model_conf *m, *from;
	char label[LABEL_LEN];
	struct buf b = { 0 };

	if (req->downgraded || !(req->desk->shortage.flags & ACCOUNT_DOWNGRADE))
		return false;
	m = model_of_hash(req->snap, atomic_load(&a->downgrade));
	if (m == NULL || m == req->model)
		return false;
	from = req->model;
	if (!req_downgrade(req, m))
		return false;
	req->downgraded = true;
	req->tight = false;
	req->wait_until_ns = 0;
	(void)label_get(&a->label, label);
	buf_fmt(
	    &b, "budget %s: %s instead of %s", label, req->model->id, from->id);
	req->nwarnings = req->nfixed;
	bind_warn(req, arena_copy(&req->arena, buf_slice(&b)));
	req->nfixed = req->nwarnings;
	buf_fini(&b);
	return true;
}

static int64_t
wait_ns(const struct req *req)
{
	const int64_t own = atomic_load(
	    &req->w->shm.accounts[req->desk->shortage.row].admit_wait_ns);

	return own >= 0 ? own : req->snap->admit_wait_ns;
}

/* True: the request stands in line.  False: it has waited long enough. */
static bool
wait(struct req *req)
{
	const int64_t now = loop_now(req->w->loop);

	if (req->wait_until_ns == 0)
		req->wait_until_ns = now + wait_ns(req);
	if (now >= req->wait_until_ns || now >= req->deadline_ns)
		return false;
	wait_for_money(req);
	return true;
}

static enum fault
try_rounds(struct req *req)
{
	enum fault f;

	req->come_ns = 0;
	f = try_round(req, false);
	return f == FAULT_BUDGET ? try_round(req, true) : f;
}

static enum fault
try_afresh(struct req *req)
{
	enum fault f = try_rounds(req);

	if (f != FAULT_BUDGET)
		return f;
	f = bind_afresh(req);
	if (f != FAULT_NONE)
		return f;
	unbar(req);
	return try_rounds(req);
}

enum next
stage_admit(struct req *req, enum wake wake)
{
	enum fault f = FAULT_NONE;

	if (wake == WAKE_GONE) {
		wait_leave(req);
		return req_fail(req, FAULT_GONE, STAGE_REFUSE);
	}
	if (wake == WAKE_DRAIN)
		return NEXT_WAIT;
	CHECK(req->try.hold == NULL);
	if (!req->chained)
		f = bind_take(req);
	if (f != FAULT_NONE)
		return req_fail(req, f, STAGE_REFUSE);
	f = try_afresh(req);
	if (f == FAULT_PENDING && wait(req))
		return NEXT_WAIT;
	if (f == FAULT_PENDING && !req->tight) {
		req->tight = true;
		f = try_rounds(req);
	}
	wait_leave(req);
	req->busy_budget = f == FAULT_PENDING || req->desk->shortage.no_window;
	if (f == FAULT_BUDGET)
		f = refusal(req);
	if (f == FAULT_PENDING)
		f = FAULT_BUDGET;
	if (f == FAULT_BUDGET && downgrade(req))
		return req_goto(req, STAGE_ROUTE);
	if ((f == FAULT_UP_FULL || f == FAULT_UP_UNHEALTHY) &&
	    req_move(req, req->model->fallback, WHY_FALLBACK))
		return req_goto(req, STAGE_ROUTE);
	if (f != FAULT_NONE)
		return req_fail(req, f, STAGE_REFUSE);
	return req_goto(req, STAGE_TRANSLATE);
}
