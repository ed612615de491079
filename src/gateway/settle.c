/*
 * settle.c - how an attempt ended, and what that costs: money-protocol 4
 *
 * The outcome goes into the ring first, then the money moves; the breaker
 * hears what was the provider's fault.
 */
#include "gateway/learn.h"
#include "gateway/send.h"
#include "gateway/stages.h"
#include "gateway/worker_priv.h"
#include "journal/writer.h"
#include "model/place.h"
#include "provider/provider.h"

struct result {
	enum resolution resolution;
	struct usage usage;
	struct money list, cost;   /* cost: by the agreement */
	const struct price *price; /* it is priced by; NULL: not known */
	struct slice tier;         /* used, when not the deployment's own */
};

/* 502, 504, and 520 to 527 of some networks: of who stands in between. */
static bool
is_gateways(int status)
{
	return status == 502 || status == 504 ||
	       (status >= 520 && status <= 527);
}

/*
 * Did the provider say that it did nothing?  By its status alone when it is
 * the caller's or ours (4xx) or it has no room (529); a 5xx must be whole and
 * without usage, and not a gateway's own page, which says nothing of what the
 * model did.  Any other status (1xx, 2xx but 200, 3xx, from 600) is none that
 * says so.
 */
static bool
refused(const struct req *req)
{
	const struct attempt *t = &req->try;

	if ((t->status >= 400 && t->status < 500) || t->status == 529)
		return true;
	if (t->status < 500 || t->status >= 600 || !t->error_whole)
		return false;
	return !t->tally.has_usage &&
	       !(is_gateways(t->status) && t->message.len == 0);
}

/* Is the usage what the whole call cost? */
static bool
counted(const struct attempt *t)
{
	if (!t->tally.has_usage)
		return false;
	if (t->status == 200)
		return t->complete || t->tally.finished;
	return t->status >= 500 && t->status < 600 && t->error_whole;
}

static void
unknown(const struct attempt *t, struct result *r)
{
	r->resolution = RESOLUTION_UNKNOWN;
	r->usage = (struct usage){ 0 };
	r->list = t->list_most;
	r->price = t->price;
}

/*
 * The row in force at admission of the tier that was used: as the provider
 * says, else as was asked for.
 */
static void
find_price(const struct req *req, struct result *r)
{
	const struct attempt *t = &req->try;
	const struct slice own = slice_of(t->deployment->tier);
	const struct slice said = { t->tally.tier, t->tally.tier_len };
	const struct slice used = said.len > 0
				      ? t->dialect->tier(said, own)
				      : req->dialect->tier(req->ask->tier, own);

	r->price = deployment_price_of(t->deployment, used, t->price_ns);
	if (!slice_eq(used, own))
		r->tier = used;
}

/* False: it cannot be said, or no call costs as much.  Without a price and a
 * bound nothing can. */
static bool
cost(const struct attempt *t, struct result *r)
{
	r->list = (struct money){ 0 };
	if (r->price == NULL)
		return t->price == NULL && t->list_most.nano == 0;
	return price_cost(r->price, &r->usage, &r->list) &&
	       r->list.nano <= AMOUNT_MAX;
}

static void
booked(const struct attempt *t, struct result *r)
{
	r->usage = t->tally.usage;
	r->resolution = RESOLUTION_BOOKED;
	if (!cost(t, r))
		unknown(t, r);
}

static void
estimated(const struct req *req, struct result *r)
{
	const struct attempt *t = &req->try;

	r->usage.input = ask_input_estimate(req->ask);
	r->usage.output = tally_output(&t->tally);
	if (t->bound_in > 0 && r->usage.input > t->bound_in)
		r->usage.input = t->bound_in;
	if (t->bound_out > 0 && r->usage.output > t->bound_out)
		r->usage.output = t->bound_out;
	r->resolution = RESOLUTION_ESTIMATED;
	if (!cost(t, r) && r->price == NULL)
		unknown(t, r);
	else if (!cost(t, r) ||
		 (r->list.nano > t->list_most.nano && t->list_most.nano > 0))
		r->list = t->list_most;
}

/* What it costs by the agreement; tokens that were not counted save nothing,
 * so that an unknown one costs the hold. */
static void
contract(const struct attempt *t, struct result *r)
{
	r->cost = agreement_contracted(
	    t->agreement != NULL ? &t->agreement->terms : NULL, r->list,
	    r->usage.input + r->usage.output);
	/* Where nothing was to be kept to, nothing was held to be above. */
	if (r->resolution == RESOLUTION_BOOKED && r->price != NULL &&
	    (t->hold->n > 0 || t->most.nano > 0) && r->cost.nano > t->most.nano)
		r->resolution = RESOLUTION_OVERAGE;
}

static struct result
resolve(const struct req *req)
{
	const struct attempt *t = &req->try;
	struct result r = { .resolution = RESOLUTION_VOID };

	r.price = t->price;
	if (t->sent_ns == 0 || refused(req))
		return r;
	find_price(req, &r);
	if (counted(t))
		booked(t, &r);
	else if (t->complete || (t->status == 200 && t->answered))
		estimated(req, &r);
	else
		unknown(t, &r);
	contract(t, &r);
	return r;
}

static uint64_t
since_us(const struct attempt *t, int64_t at_ns)
{
	return at_ns == 0 ? 0 : (uint64_t)((at_ns - t->start_ns) / 1000) + 1;
}

/* Where it says it was served, when that is not where it is said to be. */
static uint64_t
seen_elsewhere(const struct attempt *t)
{
	const struct slice said = { t->tally.geo, t->tally.geo_len };
	const struct slice from = said.len > 0 ? said : t->seen;
	const struct deployment_conf *d = t->deployment;
	struct slice geo;

	if (from.len == 0)
		return 0;
	geo = place_of_region(from);
	return place_contradicts(
		   place_to_be(slice_of(d->zone), slice_of(d->geo)), geo)
		   ? frame_pack(geo)
		   : 0;
}

static void
write_outcome(struct req *req, const struct result *r)
{
	const struct attempt *t = &req->try;
	struct outcome v = {
		.req = req->id,
		.attempt = req->attempts,
		.wall_ns = worker_wall_ns(req->w),
		.resolution = r->resolution,
		.sent = t->sent_ns != 0,
		.streamed = req->ask->stream,
		.client_gone = req->gone,
		.generation = req->snap->generation,
		.key = atomic_load(&req->key->id),
		.price = r->price != NULL ? r->price->id : 0,
		.deployment = t->deployment->index,
		.hold = t->most.nano,
		.usage = r->usage,
		.list = r->list.nano,
		.contracted = r->cost.nano,
		.effective = r->cost.nano,
		.status = t->status,
		.fault = req->fault,
		.sent_us = since_us(t, t->sent_ns),
		.first_us = since_us(t, t->first_ns),
		.end_us = since_us(t, loop_now(req->w->loop)),
		.provider_id = t->provider_id,
		.used_tier = r->tier,
		.agreement = t->agreement != NULL ? t->agreement->terms.id : 0,
		.owner = (unsigned)t->owner,
		.seen = seen_elsewhere(t),
		.n = t->hold->n,
		.ntags = req->ntags,
	};
	unsigned i;

	memcpy(v.tags, req->tag_id, sizeof(v.tags));
	for (i = 0; i < v.n; i++) {
		v.chain[i].account = t->hold->chain[i].account_id;
		v.chain[i].window = t->hold->chain[i].window_id;
	}
	journal_outcome(req->w->journal, &v);
}

static enum verdict
verdict(const struct req *req)
{
	/* Without room for a call another place may have some, or need none;
	 * without room for its answer another one would only be paid for as
	 * well. */
	if (req->fault == FAULT_OVERLOAD || req->fault == FAULT_BODY_TOO_LARGE)
		return req->try.sent_ns == 0 ? VERDICT_CAPACITY : VERDICT_PASS;
	switch (req->try.owner) {
	case OWNER_PROVIDER:
		return VERDICT_NEXT;
	case OWNER_CAPACITY:
		return VERDICT_CAPACITY;
	case OWNER_CREDENTIAL:
		return VERDICT_OURS;
	case OWNER_CONTEXT:
		/* A larger one may take it; else it is the caller's. */
		return req->model->larger != NULL ? VERDICT_NEXT : VERDICT_PASS;
	case OWNER_NOBODY:
	case OWNER_CLIENT:
	case OWNER_POLICY:
	case OWNER_US:
	case OWNERS:
		break;
	}
	return VERDICT_PASS;
}

/* What limits count: of an attempt that nobody counted, its bound. */
static void
use(struct req *req, const struct result *r)
{
	const struct attempt *t = &req->try;
	const bool unknown = r->resolution == RESOLUTION_UNKNOWN;

	req->used.input += unknown ? t->bound_in : r->usage.input;
	req->used.output += unknown ? t->bound_out : r->usage.output;
}

static void
count(struct req *req, const struct result *r)
{
	struct worker *w = req->w;

	worker_count(w, COUNTER_INPUT, r->usage.input);
	worker_count(w, COUNTER_OUTPUT, r->usage.output);
	if (!req->try.complete)
		worker_count(w, COUNTER_ATTEMPT_BAD, 1);
	if (r->resolution == RESOLUTION_ESTIMATED)
		worker_count(w, COUNTER_ESTIMATED, 1);
	if (r->resolution == RESOLUTION_UNKNOWN)
		worker_count(w, COUNTER_UNKNOWN, 1);
	if (r->resolution == RESOLUTION_OVERAGE)
		worker_count(w, COUNTER_OVERAGE, 1);
}

/* The exact cost on a whole answer, while it fits into a header. */
static void
cost_header(struct req *req, const struct result *r)
{
	struct reply *reply = &req->reply;
	/* One process, one loop: its memory is kept. */
	static struct buf b;

	if (req->ask->stream || reply->body.len > 256 * 1024 ||
	    r->resolution == RESOLUTION_UNKNOWN || r->price == NULL)
		return;
	buf_clear(&b);
	money_write(&b, r->cost);
	buf_char(&b, ' ');
	buf_str(&b, req->snap->currency);
	reply->hdr[reply->nhdr++] = (struct http_hdr){ S("x-kontor-cost"),
		arena_copy(&req->desk->arena, buf_slice(&b)) };
}

/*
 * A kept connection that the provider closed at the moment it was used says
 * nothing of the provider's health: one more attempt there, with a hold of
 * its own, on a fresh one.  True: what is offered again was not looked at, so
 * that nobody is asked more than without it.
 */
static bool
offer_again(struct req *req)
{
	const struct attempt *t = &req->try;
	bool again = false;
	unsigned i;

	if (req->fault != FAULT_UP_RESET || !t->reused || t->status != 0)
		return false;
	for (i = 0; i < req->ncandidate; i++) {
		struct candidate *c = &req->candidate[i];

		if (c->deployment == t->deployment && !c->again) {
			c->again = again = true;
			c->tried = false;
		}
	}
	return again && t->sent_ns == 0;
}

static void
keep_answer(struct req *req)
{
	if (req->fault != FAULT_UP_STATUS || !verdict_passes(req->try.status))
		return;
	if (req->kept == NULL)
		req->kept = ARENA_NEW(&req->arena, struct kept);
	req->kept->try = req->try;
	req->kept->reply = req->reply;
	req->kept->reply.hdr =
	    ARENA_ARRAY(&req->arena, struct http_hdr, req->reply.nhdr);
	memcpy(req->kept->reply.hdr, req->reply.hdr,
	    req->reply.nhdr * sizeof(*req->reply.hdr));
}

/* May the request be tried once more at all?  free: out of no budget. */
static bool
may_go_on(struct req *req, enum verdict v, bool free)
{
	unsigned i;

	if (req->gone || req->x == NULL || v == VERDICT_PASS ||
	    req->attempts >= req->snap->max_attempts ||
	    loop_now(req->w->loop) >= req->deadline_ns)
		return false;
	if (free || retry_take(&req->w->retry, req->snap->retry_floor,
			loop_now(req->w->loop)))
		return true;
	for (i = 0; i < req->ncandidate; i++) {
		struct candidate *c = &req->candidate[i];

		if (!c->tried && !c->barred)
			c->why = WHY_RETRIES;
	}
	return false;
}

/* Another deployment, or another model: a larger one, the fallback. */
static bool
has_way_on(struct req *req)
{
	if (req->try.owner == OWNER_CONTEXT)
		return req_move(req, req->model->larger, WHY_LARGER);
	return req_has_next(req) ||
	       req_move(req, req->model->fallback, WHY_FALLBACK);
}

static enum next
go_on(struct req *req, enum verdict v)
{
	bool free;

	if (req->try.complete || req->streaming)
		return req_goto(req, STAGE_RECORD);
	free = offer_again(req);
	if (!may_go_on(req, v, free) || !has_way_on(req))
		return req_goto(req, STAGE_REFUSE);
	worker_count(req->w, COUNTER_FAILOVERS, 1);
	keep_answer(req);
	req->wait_until_ns = 0;
	req->tight = false;
	return req_goto(req, STAGE_ROUTE);
}

enum next
stage_settle(struct req *req, enum wake wake)
{
	struct result r = resolve(req);
	enum verdict v;

	(void)wake;
	req->try.owner = owner_of(req->fault, req->try.status, req->try.error);
	v = verdict(req);
	req->try.hurried = learn_hurried(req);
	if (req->try.hurried)
		req->try.owner = OWNER_CLIENT;
	timer_clear(&req->timer);
	worker_heed(req->w);
	write_outcome(req, &r);
	hold_close(req->w->ledger, &req->try.hold, r.cost);
	learn_end(req, &r.usage, r.resolution != RESOLUTION_UNKNOWN);
	count(req, &r);
	use(req, &r);
	if (req->try.complete) {
		leg_leave(req);
		cost_header(req, &r);
	} else {
		leg_drop(req);
	}
	req->letter = NULL;
	return go_on(req, v);
}
