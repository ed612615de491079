/*
 * route.c - the permitted candidates, in order
 *
 * The first time: reads the body, finds the model, and asks for the plan of
 * its deployments (route/plan.h): what residency drops is never tried, what
 * rests or is full comes last.  After a failed attempt: is there another?
 */
#include "base/clock.h"
#include "base/inflate.h"
#include "gateway/bind.h"
#include "gateway/endpoint.h"
#include "gateway/stages.h"
#include "gateway/wishes.h"
#include "gateway/worker_priv.h"
#include "http/msg.h"
#include "model/place.h"
#include "httpio/server.h"
#include "provider/provider.h"
#include "shm/key.h"

bool
req_has_next(const struct req *req)
{
	unsigned i;

	if (req->attempts >= req->snap->max_attempts)
		return false;
	for (i = 0; i < req->ncandidate; i++) {
		if (!req->candidate[i].tried && !req->candidate[i].barred)
			return true;
	}
	return false;
}

static enum fault
inflate(struct req *req, enum encoding how, struct slice in, struct slice *out)
{
	struct inflater *z;
	enum fault f;

	/* Small bytes may hold many: what they become has a bound too. */
	if (!worker_has_room(req->w, 1))
		return FAULT_OVERLOAD;
	z = inflater_new(how, req->snap->max_body);
	f = inflater_feed(z, in, &req->plain);
	req->w->buffered += req->plain.cap;
	if (f == FAULT_NONE)
		f = inflater_end(z);
	if (f == FAULT_NONE)
		*out = buf_slice(&req->plain);
	inflater_free(z);
	return f;
}

/* A compressed body is decoded within the limits of a plain one. */
static enum fault
plain_body(struct req *req, struct slice *body)
{
	struct slice coding =
	    slice_trim(http_value(req->x->head, S("content-encoding")));
	enum encoding how;
	enum fault f = encoding_parse(coding, &how);

	*body = req->x->body;
	if (f != FAULT_NONE || how == ENCODING_IDENTITY)
		return f;
	return inflate(req, how, *body, body);
}

static enum fault
read_body(struct req *req)
{
	struct slice body;
	enum fault f = plain_body(req, &body);

	if (f != FAULT_NONE)
		return f;
	if (req->dialect->which != NULL)
		req->dialect = req->dialect->which(body);
	req->ask = ARENA_NEW(&req->arena, struct ask);
	f = req->dialect->ask(&req->arena, body, req->ask);
	if (f != FAULT_NONE)
		return f;
	if (req->endpoint->stream >= 0)
		req->ask->stream = req->endpoint->stream == 1;
	if (req->dialect == &dialect_gemini && req->ask->stream &&
	    !slice_eq(
		http_query_get(http_query(req->x->head), S("alt")), S("sse")))
		req->array = true;
	/* It is priced by when the body may be gone. */
	if (req->ask->tier.len > 0)
		req->ask->tier = arena_copy(&req->arena, req->ask->tier);
	if (req->path_model.len > 0)
		req->ask->model = req->path_model;
	if (req->ask->model.len == 0) {
		req->ask->param = S("model");
		req->ask->hint = "is missing";
		return FAULT_FIELD;
	}
	return FAULT_NONE;
}

static enum fault
find_model(struct req *req)
{
	req->model = req->asked = snapshot_model(req->snap, req->ask->model);
	req->ask->param = S("model");
	if (req->model == NULL)
		return FAULT_MODEL_UNKNOWN;
	if (!key_may_use(req->key, req->model->hash))
		return FAULT_MODEL_FORBIDDEN;
	req->ask->param = S("");
	return FAULT_NONE;
}

/* A model whose time is over gives way to its successor, or to nothing. */
static enum fault
heed_lifecycle(struct req *req)
{
	const int64_t now = worker_wall_ns(req->w);
	const struct model_conf *m = req->model;

	if (m->retires_ns == 0 && m->deprecated_ns == 0)
		return FAULT_NONE;
	m = model_living(m, now);
	if (!key_may_use(req->key, m->hash))
		return FAULT_MODEL_FORBIDDEN;
	if (model_retired(m, now))
		return FAULT_MODEL_RETIRED;
	if (m->deprecated_ns != 0 && now >= m->deprecated_ns)
		wishes_warn_deprecated(req, m);
	if (m != req->model)
		wishes_warn_moved(req, m, "the other has been retired");
	req->model = m;
	return FAULT_NONE;
}

static struct plan_ask
ask_plan(struct req *req)
{
	const struct ask *q = req->ask;

	return (struct plan_ask){ .who = wishes_who(req),
		.model = req->model,
		.class = req->wishes.class,
		.stream = q->stream,
		.warm_key = req->warm_key,
		.input = ask_input_estimate(q),
		.max_output = q->max_output * (q->n > 0 ? q->n : 1),
		.mono_ns = loop_now(req->w->loop),
		.wall_ns = worker_wall_ns(req->w),
		.random = &req->w->random };
}

/*
 * A caller that says where its call is to run must not move a deployment out
 * of its zone.  Of a zone that has a name of the operator's own nobody can
 * tell: where there are rules, that is no.
 */
static bool
leaves_zone(
    const struct req *req, const struct deployment_conf *d, struct slice geo)
{
	const struct slice zone = slice_of(d->zone);

	/* One that says it of itself overrules the caller. */
	if (geo.len == 0 || d->inference_geo[0] != '\0' || slice_eq(zone, geo))
		return false;
	return place_contradicts(zone, geo) ||
	       (req->snap->nresidency > 0 && !place_known(zone));
}

/* The number of those from the first on that may be tried. */
static unsigned
heed_geo(struct req *req)
{
	const struct slice geo = req->ask->geo.with;
	unsigned i, open = 0;

	for (i = req->first; i < req->ncandidate; i++) {
		struct candidate *c = &req->candidate[i];

		if (!c->barred && leaves_zone(req, c->deployment, geo)) {
			c->barred = true;
			c->why = WHY_ZONE;
		}
		open += !c->barred;
	}
	return open;
}

/*
 * Adds the model's deployments behind what is there.  The number of them that
 * may be tried.
 */
static unsigned
gather(struct req *req)
{
	const struct model_conf *m = req->model;
	const unsigned old = req->ncandidate;
	struct candidate *c =
	    ARENA_ARRAY(&req->arena, struct candidate, old + m->n);
	const struct plan_ask a = ask_plan(req);
	struct plan plan;

	if (old > 0)
		memcpy(c, req->candidate, old * sizeof(*c));
	plan_make(&a, c + old, &plan);
	req->candidate = c;
	req->first = old;
	req->ncandidate = old + plan.n;
	req->rule = plan.rule;
	return req->ask->geo.with.len == 0 ? plan.open : heed_geo(req);
}

/* The first n, which are another model's now. */
static void
bar(struct req *req, unsigned n, enum why why)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		struct candidate *c = &req->candidate[i];

		if (!c->barred && !c->tried)
			c->why = why_kept(c->why) ? why : c->why;
		c->barred = true;
	}
}

/*
 * To another model's deployments, or as before: neither a key, a date nor a
 * rule that holds for what was asked for is got around by a move.
 */
static bool
change_model(struct req *req, const struct model_conf *m)
{
	const struct model_conf *from = req->model;
	const unsigned before = req->ncandidate, first = req->first;
	struct candidate *old = req->candidate;
	const int rule = req->rule;

	if (!key_may_use(req->key, m->hash) ||
	    model_retired(m, worker_wall_ns(req->w)))
		return false;
	req->model = m;
	wishes_take_model(req);
	if (gather(req) > 0)
		return true;
	req->model = from;
	wishes_take_model(req);
	req->candidate = old;
	req->ncandidate = before;
	req->first = first;
	req->rule = rule;
	return false;
}

bool
req_downgrade(struct req *req, const struct model_conf *m)
{
	const unsigned before = req->ncandidate;

	m = model_living(m, worker_wall_ns(req->w));
	if (m == req->model || !change_model(req, m))
		return false;
	bar(req, before, WHY_BUDGET);
	return true;
}

bool
req_move(struct req *req, const struct model_conf *m, enum why why)
{
	const unsigned before = req->ncandidate;
	unsigned i;

	if (m == NULL || req->moves == MODEL_HOPS_MAX)
		return false;
	m = model_living(m, worker_wall_ns(req->w));
	if (m == req->model || !change_model(req, m))
		return false;
	req->moves++;
	for (i = 0; i < before; i++)
		req->candidate[i].barred = true;
	for (i = before; i < req->ncandidate; i++) {
		if (why_kept(req->candidate[i].why))
			req->candidate[i].why = why;
	}
	wishes_warn_moved(req, m,
	    why == WHY_LARGER ? "the call is too long for the other"
			      : "nothing of the other could serve");
	return true;
}

/* By its bytes: the estimate that everything but money goes by. */
static bool
is_too_long(const struct req *req)
{
	const uint64_t input = ask_input_estimate(req->ask);
	unsigned i;

	for (i = req->first; i < req->ncandidate; i++) {
		const struct candidate *c = &req->candidate[i];

		if (!c->barred && (c->deployment->context == 0 ||
				      c->deployment->context >= input))
			return false;
	}
	return true;
}

/* The caller names one deployment of the model: the others are not tried.
 * Not its provider's choice, so it holds for this request alone. */
static enum fault
pin(struct req *req)
{
	const struct slice id =
	    slice_trim(http_value(req->x->head, S("x-kontor-deployment")));
	bool found = false, open = false;
	unsigned i;

	if (id.len == 0)
		return FAULT_NONE;
	for (i = 0; i < req->ncandidate; i++) {
		struct candidate *c = &req->candidate[i];

		if (slice_eq(slice_of(c->deployment->id), id)) {
			found = true;
			open = !c->barred;
			continue;
		}
		if (!c->barred)
			c->why = WHY_PINNED;
		c->barred = true;
	}
	/* Nor another model's. */
	req->moves = MODEL_HOPS_MAX;
	if (found)
		return open ? FAULT_NONE : FAULT_RESIDENCY;
	req->ask->param = S("x-kontor-deployment");
	req->ask->hint = "is no deployment of this model";
	return FAULT_FIELD;
}

static enum fault
first_time(struct req *req)
{
	enum fault f = read_body(req);

	if (f == FAULT_NONE)
		f = find_model(req);
	if (f == FAULT_NONE)
		f = wishes_read(req);
	if (f == FAULT_NONE)
		f = heed_lifecycle(req);
	if (f != FAULT_NONE)
		return f;
	wishes_take_model(req);
	if (gather(req) == 0)
		return req->ncandidate > 0 ? FAULT_RESIDENCY
					   : FAULT_UP_UNHEALTHY;
	f = pin(req);
	if (f != FAULT_NONE)
		return f;
	if (req->model->larger != NULL && is_too_long(req))
		(void)req_move(req, req->model->larger, WHY_LARGER);
	retry_call(&req->w->retry, req->snap->retry_percent);
	return FAULT_NONE;
}

/* A count that nobody can make is ours to estimate. */
static bool
is_ours(const struct req *req)
{
	unsigned i;

	if (req->endpoint->local == NULL)
		return false;
	for (i = 0; i < req->ncandidate; i++) {
		const struct candidate *c = &req->candidate[i];

		if (!c->barred &&
		    provider_dialect(c->deployment, req->dialect) != NULL)
			return false;
	}
	return true;
}

enum next
stage_route(struct req *req, enum wake wake)
{
	enum fault f;

	if (wake == WAKE_GONE || req->x == NULL)
		return req_fail(req, FAULT_GONE, STAGE_REFUSE);
	if (req->candidate == NULL) {
		f = first_time(req);
		if (f != FAULT_NONE)
			return req_fail(req, f, STAGE_REFUSE);
		if (is_ours(req))
			return req_goto(req, STAGE_LOCAL);
	}
	return req_goto(req, STAGE_ADMIT);
}
