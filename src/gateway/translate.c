/*
 * translate.c - the request as its provider will read it
 *
 * Client and provider speak the same dialect: the bytes pass with the edits
 * of ask_edit(), and the headers of `forwarded` go along.
 */
#include "gateway/send.h"
#include "gateway/stages.h"
#include "http/msg.h"
#include "httpio/server.h"
#include "provider/provider.h"

/* What a caller's header may steer at a provider. */
static const struct slice forwarded[] = {
	S_INIT("accept"),
	S_INIT("openai-beta"),
	S_INIT("idempotency-key"),
	S_INIT("traceparent"),
	S_INIT("tracestate"),
};

static void
headers(struct req *req, struct http_head *head)
{
	char attempt[ATTEMPT_TEXT + 1];
	struct slice v;
	size_t i;

	(void)http_add(head, S("content-type"), S("application/json"));
	(void)http_add(head, S("accept-encoding"), S("identity"));
	(void)http_add(head, S("user-agent"), S("kontor"));
	attempt_write(&req->id, req->attempts, attempt);
	(void)http_add(head, S("x-client-request-id"),
	    arena_copy(&req->wire, slice_of(attempt)));
	for (i = 0; i < NELEM(forwarded); i++) {
		v = http_value(req->x->head, forwarded[i]);
		if (v.len > 0)
			(void)http_add(head, forwarded[i], v);
	}
}

enum next
stage_translate(struct req *req, enum wake wake)
{
	const struct deployment_conf *d = req->try.deployment;
	struct letter *letter;
	struct parcel p;
	enum fault f;

	if (wake == WAKE_GONE || req->x == NULL)
		return req_fail(req, FAULT_GONE, STAGE_SETTLE);
	letter = ARENA_NEW(&req->wire, struct letter);
	letter->npart =
	    ask_edit(req->ask, &req->wire, slice_of(d->name), letter->part);
	headers(req, &letter->head);
	p = (struct parcel){ .deployment = d,
		.part = letter->part,
		.npart = letter->npart,
		.wall_ns = req->wall_ns + (req->try.start_ns - req->start_ns),
		.arena = &req->wire,
		.head = &letter->head };
	f = provider_get(d->provider->type)->dress(&p);
	if (f != FAULT_NONE)
		return req_fail(req, f, STAGE_SETTLE);
	req->letter = letter;
	return req_goto(req, STAGE_SEND);
}
