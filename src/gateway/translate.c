/*
 * translate.c - the request as its provider will read it
 *
 * Where client and provider speak the same dialect the bytes pass with the
 * edits of ask_edit(), and the headers of `forwarded` go along; else carry.h
 * makes another body.
 */
#include "gateway/carry.h"

#include "dialect/seal.h"
#include "gateway/send.h"
#include "gateway/stages.h"
#include "gateway/worker_priv.h"
#include "http/msg.h"
#include "httpio/server.h"
#include "provider/provider.h"

/* What a caller's header may steer at a provider. */
static const struct slice forwarded[] = {
	S_INIT("accept"),
	S_INIT("idempotency-key"),
	S_INIT("traceparent"),
	S_INIT("tracestate"),
};

/* And where the provider speaks the caller's dialect. */
static const struct slice native[] = {
	S_INIT("openai-beta"),
	S_INIT("anthropic-version"),
};

static void
forward(struct req *req, struct http_head *head, const struct slice *names,
    size_t n)
{
	struct slice v;
	size_t i;

	for (i = 0; i < n; i++) {
		v = http_value(req->x->head, names[i]);
		if (v.len > 0)
			(void)http_add(head, names[i], v);
	}
}

static void
headers(struct req *req, struct http_head *head)
{
	char attempt[ATTEMPT_TEXT + 1];
	struct slice betas;

	(void)http_add(head, S("content-type"), S("application/json"));
	(void)http_add(head, S("accept-encoding"), S("identity"));
	(void)http_add(head, S("user-agent"), S("kontor"));
	attempt_write(&req->id, req->attempts, attempt);
	(void)http_add(head, S("x-client-request-id"),
	    arena_copy(&req->desk->arena, slice_of(attempt)));
	forward(req, head, forwarded, NELEM(forwarded));
	if (req->try.dialect == req->dialect)
		forward(req, head, native, NELEM(native));
	betas = carry_betas(req);
	if (betas.len > 0 && req->try.dialect == &dialect_anthropic)
		(void)http_add(head, S("anthropic-beta"), betas);
}

/* FAULT_UP_CREDENTIAL: the courier has none that is good. */
static enum fault
take_pass(struct req *req, const struct signin_conf *c, struct parcel *p)
{
	const struct wallet_pass *pass =
	    wallet_find(&req->w->wallet, c->id, p->wall_ns);
	unsigned i;

	if (pass == NULL)
		return FAULT_UP_CREDENTIAL;
	req->try.pass_row = pass->row;
	req->try.pass_version = pass->version;
	p->wall_ns += pass->skew_ns;
	if (pass->kind == PASS_BEARER)
		p->bearer = pass->part[0];
	for (i = 0; i < NELEM(p->aws) && pass->kind == PASS_AWS; i++)
		p->aws[i] = pass->part[i];
	return FAULT_NONE;
}

void
letter_refused(struct req *req)
{
	if (req->try.pass_version != 0)
		atomic_store_explicit(
		    &req->w->shm.signins[req->try.pass_row].refused,
		    req->try.pass_version, memory_order_relaxed);
}

enum fault
letter_dress(struct req *req, struct http_head *head)
{
	const struct deployment_conf *d = req->try.deployment;
	struct parcel p = { .deployment = d,
		.dialect = req->try.dialect,
		.part = req->letter->part,
		.npart = req->letter->npart,
		.stream = req->ask->stream,
		.wall_ns = worker_wall_ns(req->w),
		.arena = &req->desk->arena,
		.head = head };

	head->nhdr = 0;
	head->lens = 0;
	headers(req, head);
	req->try.pass_version = 0;
	if (d->provider->signin != NULL) {
		const enum fault f = take_pass(req, d->provider->signin, &p);

		if (f != FAULT_NONE)
			return f;
	}
	return provider_get(d->provider->type)->dress(&p);
}

/* What was translated says nothing of it: it goes first into the object. */
static void
say_where(struct req *req, struct letter *letter, struct slice geo)
{
	const struct slice body = letter->part[0];
	const struct slice said[] = { S("{\"inference_geo\":\""), geo,
		S("\",") };

	if (body.len < 2 || body.p[0] != '{' || body.p[1] == '}')
		return;
	letter->part[0] = arena_join(&req->desk->arena, said, NELEM(said));
	letter->part[1] = (struct slice){ body.p + 1, body.len - 1 };
	letter->npart = 2;
}

/* What was translated is amended as what passes is: by where things stand. */
static enum fault
amend_translated(
    struct req *req, struct letter *letter, const struct edits *edits)
{
	struct ask q;
	enum fault f;

	f = req->try.dialect->ask(&req->desk->arena, letter->part[0], &q);
	if (f == FAULT_NONE)
		letter->npart =
		    ask_edit(&q, &req->desk->arena, edits, letter->part);
	return f;
}

static enum fault
translated(struct req *req, struct letter *letter, struct edits *edits)
{
	enum fault f = carry_request(req, &letter->part[0]);

	letter->npart = 1;
	if (f == FAULT_NONE && edits->geo.len > 0)
		say_where(req, letter, edits->geo);
	if (f != FAULT_NONE || edits->version.len == 0)
		return f;
	edits->clamp = 0; /* it was seen to */
	return amend_translated(req, letter, edits);
}

/* What the provider wants to be told in the body. */
static void
amend(struct req *req, struct edits *edits)
{
	const struct deployment_conf *d = req->try.deployment;
	const struct provider *p = provider_get(d->provider->type);

	if (p->amend != NULL)
		p->amend(d, req->try.dialect,
		    req->try.dialect == req->dialect
			? http_value(req->x->head, S("anthropic-version"))
			: S(""),
		    edits);
}

/* A bare signature in Anthropic's or Converse's field is Anthropic's, unless
 * nobody knows who made the model. */
static bool
goes_astray(const struct req *req)
{
	static const struct slice sign = S_INIT("\"signature\"");
	const enum vendor vendor = provider_vendor(req->try.deployment);

	return (req->dialect == &dialect_anthropic ||
		   req->dialect == &dialect_bedrock) &&
	       vendor != VENDOR_ANTHROPIC && vendor != VENDOR_NONE &&
	       memmem(req->ask->body.p, req->ask->body.len, sign.p, sign.len) !=
		   NULL;
}

/* The same bodies in another envelope. */
static bool
is_wrapped(const struct req *req)
{
	return req->try.dialect->wraps == req->dialect;
}

/* What the headers, the path and "model" say elsewhere. */
static void
wrap(struct req *req, struct edits *edits)
{
	const struct slice version =
	    http_value(req->x->head, S("anthropic-version"));

	edits->version = slice_eq(version, S("2026-10-21"))
			     ? version
			     : req->try.dialect->version;
	edits->no_model = edits->no_stream = true;
	edits->betas = carry_betas(req);
}

/*
 * Do the bytes pass?  What they hold of another vendor's reasoning, or of our
 * envelopes, would: then they are translated to their own dialect.
 */
static bool
passes(const struct req *req)
{
	const struct ask *q = req->ask;

	if (req->try.dialect != req->dialect && !is_wrapped(req))
		return false;
	if (req->dialect->codec == NULL || req->dialect->vectors)
		return true;
	if (req->dialect == &dialect_openai_chat)
		return !q->sealed && (!q->signatures ||
					 provider_vendor(req->try.deployment) ==
					     VENDOR_GOOGLE);
	return !seal_is_in(q->body) && !goes_astray(req);
}

enum next
stage_translate(struct req *req, enum wake wake)
{
	const struct deployment_conf *d;
	struct letter *letter;
	struct edits edits;
	enum fault f;

	if (wake == WAKE_GONE || req->x == NULL)
		return req_fail(req, FAULT_GONE, STAGE_SETTLE);
	d = req->try.deployment;
	edits = (struct edits){ .name = slice_of(d->name),
		.clamp = req->try.clamp,
		/* What its SDKs send; others know only the older name. */
		.limit = d->provider->type == PROVIDER_OPENAI_COMPATIBLE
			     ? S("max_tokens")
			     : S("max_completion_tokens"),
		.geo = req->try.dialect == &dialect_anthropic
			   ? slice_of(d->inference_geo)
			   : S("") };
	amend(req, &edits);
	letter = ARENA_NEW(&req->desk->arena, struct letter);
	req->letter = letter;
	if (passes(req)) {
		if (is_wrapped(req))
			wrap(req, &edits);
		letter->npart =
		    ask_edit(req->ask, &req->desk->arena, &edits, letter->part);
		return req_goto(req, STAGE_SEND);
	}
	f = translated(req, letter, &edits);
	return f == FAULT_NONE ? req_goto(req, STAGE_SEND)
			       : req_fail(req, f, STAGE_SETTLE);
}
