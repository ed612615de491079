/*
 * route.c - the permitted candidates, in order
 *
 * The first time: reads the body, finds the model, orders its deployments by
 * the model's strategy; those whose breaker is open go behind the others, so
 * that they are tried only when nothing healthy is left.  After a failed
 * attempt: is there another?
 */
#include "base/inflate.h"
#include "gateway/stages.h"
#include "gateway/worker_priv.h"
#include "http/msg.h"
#include "httpio/server.h"
#include "shm/breaker.h"
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
	if (req->w->buffered >= BUFFERED_MAX)
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
	req->ask = ARENA_NEW(&req->arena, struct ask);
	f = req->dialect->ask(&req->arena, body, req->ask);
	if (f != FAULT_NONE)
		return f;
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

static void
swap(struct candidate *a, struct candidate *b)
{
	struct candidate tmp = *a;

	*a = *b;
	*b = tmp;
}

/* Draws without replacement, each draw in proportion to the weights left. */
static void
order_weighted(struct worker *w, struct candidate *c, unsigned n)
{
	uint64_t sum, draw;
	unsigned i, j;

	for (i = 0; i + 1 < n; i++) {
		for (sum = 0, j = i; j < n; j++)
			sum += c[j].deployment->weight;
		if (sum == 0)
			return;
		draw = worker_random(w) % sum;
		for (j = i; draw >= c[j].deployment->weight; j++)
			draw -= c[j].deployment->weight;
		swap(&c[i], &c[j]);
	}
}

/* Stable: healthy ones keep their order, resting ones theirs. */
static void
rest_last(struct req *req, struct candidate *c, unsigned n)
{
	struct candidate tmp;
	const int64_t now = loop_now(req->w->loop);
	unsigned i, j, healthy = 0;

	for (i = 0; i < n; i++) {
		if (breaker_state(
			breaker_get(&req->w->shm, c[i].deployment->hash),
			now) == BREAKER_OPEN) {
			c[i].why = WHY_BREAKER;
			continue;
		}
		tmp = c[i];
		for (j = i; j > healthy; j--)
			c[j] = c[j - 1];
		c[healthy++] = tmp;
	}
}

/* Adds the model's deployments behind what is there. */
static void
gather(struct req *req)
{
	const struct model_conf *m = req->model;
	const unsigned old = req->ncandidate;
	struct candidate *c =
	    ARENA_ARRAY(&req->arena, struct candidate, old + m->n);
	unsigned i;

	if (old > 0)
		memcpy(c, req->candidate, old * sizeof(*c));
	for (i = 0; i < m->n; i++)
		c[old + i].deployment = m->deployment[i];
	req->candidate = c;
	req->ncandidate = old + m->n;
	if (m->strategy == STRATEGY_WEIGHTED)
		order_weighted(req->w, c + old, m->n);
	rest_last(req, c + old, m->n);
}

void
req_downgrade(struct req *req, const struct model_conf *m)
{
	unsigned i;

	for (i = 0; i < req->ncandidate; i++) {
		struct candidate *c = &req->candidate[i];

		if (!c->barred && !c->tried)
			c->why = WHY_BUDGET;
		c->barred = true;
	}
	req->model = m;
	gather(req);
}

/* The caller names one deployment of the model: the others are not tried.
 * Not its provider's choice, so it holds for this request alone. */
static enum fault
pin(struct req *req)
{
	const struct slice id =
	    slice_trim(http_value(req->x->head, S("x-kontor-deployment")));
	bool found = false;
	unsigned i;

	if (id.len == 0)
		return FAULT_NONE;
	for (i = 0; i < req->ncandidate; i++) {
		struct candidate *c = &req->candidate[i];

		if (slice_eq(slice_of(c->deployment->id), id)) {
			found = true;
			continue;
		}
		c->barred = true;
		c->why = WHY_PINNED;
	}
	if (found)
		return FAULT_NONE;
	req->ask->param = S("x-kontor-deployment");
	req->ask->hint = "is no deployment of this model";
	return FAULT_FIELD;
}

enum next
stage_route(struct req *req, enum wake wake)
{
	enum fault f;

	if (wake == WAKE_GONE || req->x == NULL)
		return req_fail(req, FAULT_GONE, STAGE_REFUSE);
	if (req->candidate == NULL) {
		f = read_body(req);
		if (f == FAULT_NONE)
			f = find_model(req);
		if (f == FAULT_NONE) {
			gather(req);
			f = pin(req);
		}
		if (f != FAULT_NONE)
			return req_fail(req, f, STAGE_REFUSE);
	}
	return req_goto(req, STAGE_ADMIT);
}
