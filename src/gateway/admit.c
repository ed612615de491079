/*
 * admit.c - the last stage at which an attempt costs nothing to turn away
 *
 * Holds for the next candidate at its own price; one that does not fit is
 * skipped for the next; when none fits the budget's refusal is the answer
 * (money-protocol 1).  Two rounds: those whose breaker lets a call through,
 * then those that rest, as a last resort.
 */
#include "gateway/stages.h"
#include "gateway/wait.h"
#include "gateway/worker_priv.h"
#include "journal/writer.h"
#include "shm/breaker.h"

enum { FRAMES_ATTEMPT = 2 };

static void
bar(struct candidate *c, enum why why)
{
	c->barred = true;
	c->why = why;
}

/*
 * The most it can cost.  Without a budget a bound is wanted too (an attempt
 * whose end is unknown is booked at it), but not required.
 */
static bool
bound(struct req *req, struct candidate *c, struct attempt *t)
{
	const struct deployment_conf *d = c->deployment;
	const bool strict = req->chain.hard;
	bool known;

	t->price = deployment_price(d, worker_wall_ns(req->w));
	if (strict && (t->price == NULL || req->ask->other_price)) {
		bar(c, WHY_PRICE);
		return false;
	}
	if (strict && req->ask->hosted_tool) {
		bar(c, WHY_UNBOUNDED);
		return false;
	}
	known = ask_bound(
	    req->ask, d->context, d->max_output, &t->bound_in, &t->bound_out);
	if (known && t->price != NULL)
		known = price_bound(
		    t->price, LANES_TEXT, t->bound_in, t->bound_out, &t->most);
	if (!known && strict) {
		bar(c, WHY_UNBOUNDED);
		return false;
	}
	return true;
}

static enum fault
hold(struct req *req, struct attempt *t)
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
		.account = req->chain.account,
		.n = req->chain.naccounts,
	};

	return hold_open(req->w->ledger, &spec, &t->hold, &req->shortage);
}

static void
write_intent(struct req *req, struct attempt *t)
{
	struct intent v = {
		.req = req->id,
		.attempt = req->attempts,
		.wall_ns = worker_wall_ns(req->w),
		.generation = req->snap->generation,
		.key = atomic_load(&req->key->id),
		.price = t->price != NULL ? t->price->id : 0,
		.model = req->model->hash,
		.deployment = t->deployment->index,
		.hold = t->most.nano,
		.n = t->hold->n,
	};
	unsigned i;

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
	write_intent(req, &req->try);
	breaker_enter(t->breaker, req->w->slot);
	worker_count(req->w, COUNTER_ATTEMPTS, 1);
	return FAULT_NONE;
}

/* FAULT_UP_UNHEALTHY: not this one in this round. */
static enum fault
try_candidate(struct req *req, struct candidate *c, bool last_resort)
{
	struct attempt t = { .deployment = c->deployment };
	enum fault f;

	if (!bound(req, c, &t))
		return FAULT_BUDGET;
	t.breaker = breaker_get(&req->w->shm, c->deployment->hash);
	if (!last_resort &&
	    !breaker_may(t.breaker, loop_now(req->w->loop), &t.probe)) {
		c->why = WHY_BREAKER;
		return FAULT_UP_UNHEALTHY;
	}
	f = begin(req, c, &t);
	if (f != FAULT_NONE)
		breaker_neutral(t.breaker, t.probe);
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
	bool price = false, unbounded = false;
	unsigned i;

	for (i = 0; i < req->ncandidate; i++) {
		if (req->candidate[i].why == WHY_BUDGET)
			return FAULT_BUDGET;
		price = price || req->candidate[i].why == WHY_PRICE;
		unbounded = unbounded || req->candidate[i].why == WHY_UNBOUNDED;
	}
	if (unbounded)
		return FAULT_UNBOUNDED;
	return price ? FAULT_PRICE_UNKNOWN : FAULT_UP_UNHEALTHY;
}

static enum next
wait(struct req *req)
{
	const int64_t now = loop_now(req->w->loop);

	if (req->wait_until_ns == 0)
		req->wait_until_ns = now + req->snap->admit_wait_ns;
	if (now >= req->wait_until_ns) {
		wait_leave(req);
		req->busy_budget = true;
		return req_fail(req, FAULT_BUDGET, STAGE_REFUSE);
	}
	wait_for_money(req);
	return NEXT_WAIT;
}

enum next
stage_admit(struct req *req, enum wake wake)
{
	enum fault f;

	if (wake == WAKE_GONE) {
		wait_leave(req);
		return req_fail(req, FAULT_GONE, STAGE_REFUSE);
	}
	if (wake == WAKE_DRAIN)
		return NEXT_WAIT;
	CHECK(req->try.hold == NULL);
	if (!req->chained &&
	    !chain_gather(&req->w->shm, req->key, NULL, 0, &req->chain))
		return req_fail(req, FAULT_CHAIN, STAGE_REFUSE);
	req->chained = true;
	f = try_round(req, false);
	if (f == FAULT_BUDGET)
		f = try_round(req, true);
	if (f == FAULT_PENDING)
		return wait(req);
	wait_leave(req);
	if (f == FAULT_BUDGET)
		f = refusal(req);
	if (f != FAULT_NONE)
		return req_fail(req, f, STAGE_REFUSE);
	return req_goto(req, STAGE_TRANSLATE);
}
