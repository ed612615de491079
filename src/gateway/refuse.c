/*
 * refuse.c - a no that can be used: the caller's shape, the rule, the numbers
 */
#include "base/clock.h"
#include "gateway/endpoint.h"
#include "gateway/relay.h"
#include "gateway/stages.h"
#include "gateway/worker_priv.h"
#include "httpio/server.h"
#include "provider/provider.h"

#include <time.h>

static void
reply_header(struct req *req, struct slice name, struct slice value)
{
	struct reply *r = &req->reply;

	CHECK(r->nhdr < NELEM(r->hdr));
	r->hdr[r->nhdr++] = (struct http_hdr){ name, value };
}

static bool
has_header(const struct reply *r, struct slice name)
{
	unsigned i;

	for (i = 0; i < r->nhdr; i++) {
		if (slice_ieq(r->hdr[i].name, name))
			return true;
	}
	return false;
}

static struct slice
stored(struct req *req, struct buf *b)
{
	struct slice s = arena_copy(&req->arena, buf_slice(b));

	buf_fini(b);
	return s;
}

static void
write_money(struct buf *b, const char *label, int64_t nano)
{
	buf_str(b, label);
	money_write(b, (struct money){ nano });
}

/* "... spent 9.99, pending 0.01, limit 10; it resets at ..." */
static struct slice
budget_text(struct req *req)
{
	const struct hold_short *s = &req->shortage;
	char when[32];
	struct buf b = { 0 };
	struct tm tm;
	time_t t;

	buf_str(&b, req->busy_budget
			? "The budget of this key is held by other calls"
			: "The budget of this key is exhausted");
	write_money(&b, ": spent ", s->settled);
	write_money(&b, ", pending ", s->pending);
	write_money(&b, ", limit ", s->granted);
	buf_fmt(&b, " %s; ", req->snap->currency);
	if (s->reset_ns == INT64_MAX) {
		buf_str(&b, "it does not reset.");
	} else {
		t = (time_t)(s->reset_ns / NS_PER_S);
		gmtime_r(&t, &tm);
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
		buf_fmt(&b, "it resets at %s.", when);
	}
	buf_str(&b, " Ask for fewer output tokens, or ask its owner.");
	return stored(req, &b);
}

static struct slice
named_text(struct req *req)
{
	struct buf b = { 0 };

	buf_fmt(&b, "%s: '%.*s'", fault_get(req->fault)->text,
	    (int)(req->ask->model.len < 200 ? req->ask->model.len : 200),
	    req->ask->model.p);
	return stored(req, &b);
}

static struct slice
field_text(struct req *req)
{
	struct buf b = { 0 };

	if (req->ask->param.len > 0)
		buf_fmt(&b, "'%.*s' %s", S_FMT(req->ask->param),
		    req->ask->hint != NULL ? req->ask->hint
					   : fault_get(req->fault)->text);
	else if (req->ask->hint != NULL)
		buf_str(&b, req->ask->hint);
	return stored(req, &b);
}

static void
describe(struct req *req, struct problem *p)
{
	switch ((int)req->fault) {
	case FAULT_BUDGET:
		p->message = budget_text(req);
		break;
	case FAULT_MODEL_UNKNOWN:
	case FAULT_MODEL_FORBIDDEN:
		if (req->ask != NULL)
			p->message = named_text(req);
		break;
	case FAULT_FIELD:
	case FAULT_JSON_DUPLICATE:
		p->message = field_text(req);
		break;
	case FAULT_UP_STATUS:
		p->message = req->try.message;
		break;
	default:
		break;
	}
	if (req->ask != NULL)
		p->param = req->ask->param;
}

static void
headers(struct req *req, int status)
{
	struct reply *r = &req->reply;

	/* Money that other calls hold may come back in a moment. */
	if (req->fault == FAULT_BUDGET && req->busy_budget)
		reply_header(req, S("retry-after"), S("1"));
	else if (req->fault == FAULT_BUDGET)
		reply_header(req, S("x-should-retry"), S("false"));
	if (status == 503 && !has_header(r, S("retry-after")))
		reply_header(req, S("retry-after"), S("1"));
	if (status == 405)
		reply_header(req, S("allow"), S("GET, POST"));
}

/*
 * An earlier provider's answer that the caller can use (come back later)
 * says more than a later one's that only broke.
 */
static void
prefer_kept(struct req *req)
{
	if (req->kept == NULL ||
	    fault_get(req->fault)->blame != BLAME_UPSTREAM ||
	    (req->fault == FAULT_UP_STATUS && verdict_passes(req->try.status)))
		return;
	req->fault = FAULT_UP_STATUS;
	req->try = req->kept->try;
	req->reply = req->kept->reply;
}

enum next
stage_refuse(struct req *req, enum wake wake)
{
	struct problem p = { 0 };
	struct buf body = { 0 };

	(void)wake;
	relay_free(req);
	prefer_kept(req);
	p.status = fault_get(req->fault)->status;
	p.fault = req->fault;
	if (req->fault == FAULT_UP_STATUS && verdict_passes(req->try.status))
		p.status = req->try.status;
	else
		req->reply.nhdr = 0;
	headers(req, p.status);
	req->reply.status = p.status;
	req->reply.type = S("application/json");
	if (p.status == req->try.status && req->try.error_shape) {
		req->reply.body = req->dialect->mend_error(
		    &req->arena, req->try.error, p.status);
	} else {
		describe(req, &p);
		req->dialect->error(&body, &p);
		req->reply.body = stored(req, &body);
	}
	return req_goto(req, STAGE_RECORD);
}
