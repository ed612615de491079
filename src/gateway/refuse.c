/*
 * refuse.c - a no that can be used: the caller's shape, the rule, the numbers
 */
#include "base/clock.h"
#include "gateway/bind.h"
#include "gateway/endpoint.h"
#include "gateway/relay.h"
#include "gateway/stages.h"
#include "gateway/worker_priv.h"
#include "httpio/server.h"
#include "provider/provider.h"
#include "shm/label.h"

#include <time.h>

static void
reply_header(struct req *req, struct slice name, struct slice value)
{
	struct reply *r = &req->reply;

	CHECK(r->nhdr < REPLY_HEADERS);
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
	const struct hold_short *s = &req->desk->shortage;
	char when[32], label[LABEL_LEN];
	const char *who;
	struct buf b = { 0 };
	struct tm tm;
	time_t t;

	(void)label_get(&req->w->shm.accounts[s->row].label, label);
	who = label[0] != '\0' ? label : "of this key";
	if (s->no_window) {
		buf_fmt(&b,
		    "The budget '%s' has no window open at this time: the "
		    "clock jumped, or calls of an earlier one are not over. "
		    "Try again in a minute.",
		    who);
		return stored(req, &b);
	}
	buf_fmt(&b,
	    req->busy_budget ? "The budget '%s' is held by other calls"
	    : s->settled >= s->granted
		? "The budget '%s' is exhausted"
		: "The budget '%s' has not enough left for this call",
	    who);
	write_money(&b, ": it may cost ", s->need);
	write_money(&b, "; spent ", s->settled);
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

/* "The limit of 60 requests per 60 s of team ml is reached; ..." */
static struct slice
limit_text(struct req *req)
{
	const int64_t ms =
	    (req->desk->slow.wait_ns + NS_PER_MS - 1) / NS_PER_MS;
	struct buf b = { 0 };

	buf_str(&b, "The limit of ");
	bind_describe(req, req->desk->slow.limit, &b);
	if (req->fault == FAULT_COST_PER_CALL)
		buf_str(&b, " does not allow what this call may cost; ask "
			    "for fewer output tokens or less input.");
	else if (ms > 0)
		buf_fmt(&b, " is reached; try again in %lld.%03lld s.",
		    (long long)(ms / 1000), (long long)(ms % 1000));
	else
		buf_str(&b, " is reached by calls under way; try again when "
			    "one of them is over.");
	return stored(req, &b);
}

static struct slice
tag_text(struct req *req)
{
	struct buf b = { 0 };

	buf_str(&b, "x-kontor-tags names a tag that does not exist, or more "
		    "than 8");
	if (req->nwarnings > 0)
		buf_fmt(&b, ": '%.*s'", S_FMT(req->desk->warning[0]));
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

/* "... the rule 'eu only' allows none of gpt-6's deployments ..." */
static struct slice
residency_text(struct req *req)
{
	struct buf b = { 0 };

	if (req->rule < 0) {
		buf_fmt(&b,
		    "The call asks to run where no deployment of '%s' is "
		    "(inference_geo); it was sent nowhere.",
		    req->model->id);
		return stored(req, &b);
	}
	buf_fmt(&b,
	    "The residency rule '%s' allows no deployment of '%s' for this "
	    "call; it was sent nowhere. Ask who keeps the rules.",
	    req->rule >= 0 ? req->snap->residency[req->rule].name : "?",
	    req->model->id);
	return stored(req, &b);
}

static struct slice
retired_text(struct req *req)
{
	const time_t t = (time_t)(req->model->retires_ns / NS_PER_S);
	struct buf b = { 0 };
	char when[16];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d", &tm);
	buf_fmt(&b, "The model '%s' was retired on %s", req->model->id, when);
	if (req->model->successor != NULL)
		buf_fmt(&b, "; use '%s'", req->model->successor->id);
	buf_char(&b, '.');
	return stored(req, &b);
}

static struct slice
model_text(struct req *req)
{
	struct buf b = { 0 };

	if (req->try.deployment == NULL)
		return S("");
	buf_fmt(&b, "%s: '%s' was to answer as '%s'",
	    fault_get(FAULT_UP_MODEL)->text, req->try.deployment->id,
	    req->try.deployment->answers_as);
	return stored(req, &b);
}

static struct slice
poison_text(struct req *req)
{
	struct buf b = { 0 };

	buf_fmt(&b, "%s (incident %016llx). Its operator can look it up.",
	    fault_get(FAULT_POISON)->text, (unsigned long long)req->incident);
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
	case FAULT_RATE:
	case FAULT_CONCURRENCY:
	case FAULT_COST_PER_CALL:
		p->message = limit_text(req);
		break;
	case FAULT_TAG:
		p->message = tag_text(req);
		break;
	case FAULT_MODEL_UNKNOWN:
	case FAULT_MODEL_FORBIDDEN:
		if (req->ask != NULL)
			p->message = named_text(req);
		break;
	case FAULT_RESIDENCY:
		p->message = residency_text(req);
		break;
	case FAULT_MODEL_RETIRED:
		p->message = retired_text(req);
		break;
	case FAULT_UP_MODEL:
		p->message = model_text(req);
		break;
	case FAULT_FIELD:
	case FAULT_JSON_DUPLICATE:
		p->message = field_text(req);
		break;
	case FAULT_POISON:
		p->message = poison_text(req);
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

/* Seconds for everybody (RFC 9110 10.2.3), milliseconds for OpenAI's SDKs. */
static void
retry_headers(struct req *req, int64_t wait_ns)
{
	const int64_t ms = (wait_ns + NS_PER_MS - 1) / NS_PER_MS;
	struct buf b = { 0 };

	buf_i64(&b, (ms + 999) / 1000 > 0 ? (ms + 999) / 1000 : 1);
	reply_header(req, S("retry-after"), stored(req, &b));
	if (ms > 0) {
		buf_i64(&b, ms);
		reply_header(req, S("retry-after-ms"), stored(req, &b));
	}
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
	if (req->fault == FAULT_RESIDENCY || req->fault == FAULT_POISON ||
	    req->fault == FAULT_LARGE_ANSWER)
		reply_header(req, S("x-should-retry"), S("false"));
	if (req->fault == FAULT_RATE || req->fault == FAULT_CONCURRENCY)
		retry_headers(req, req->desk->slow.wait_ns);
	if (req->fault == FAULT_UP_FULL && req->come_ns != 0)
		retry_headers(req, req->come_ns - loop_now(req->w->loop));
	if ((status == 503 || req->fault == FAULT_CROWD) &&
	    !has_header(r, S("retry-after")))
		reply_header(req, S("retry-after"), S("1"));
	if (status == 405)
		reply_header(req, S("allow"), S("GET, POST"));
}

/* AWS's SDKs sort errors by a header. */
static void
error_type(struct req *req, const struct problem *p)
{
	static const struct slice name = S_INIT("x-amzn-errortype");

	if (req->dialect->error_type != NULL && !has_header(&req->reply, name))
		reply_header(req, name, req->dialect->error_type(p));
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
	req->reply.hdr = req->desk->hdr;
	memcpy(req->reply.hdr, req->kept->reply.hdr,
	    req->reply.nhdr * sizeof(*req->reply.hdr));
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
		error_type(req, &p);
		req->reply.body = stored(req, &body);
	}
	return req_goto(req, STAGE_RECORD);
}
