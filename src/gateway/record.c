/*
 * record.c - the request's last frame, then the last bytes to the client
 *
 * Refusals without money take a frame only while their share of the ring has
 * room; beyond it they are counted, as unauthenticated ones always are.
 */
#include "gateway/array.h"
#include "gateway/bind.h"
#include "gateway/counts.h"
#include "gateway/endpoint.h"
#include "gateway/relay.h"
#include "gateway/stages.h"
#include "gateway/worker_priv.h"
#include "httpio/server.h"
#include "journal/writer.h"

enum { OWN_HEADERS = 4 + BIND_HEADERS };

void
reply_head(struct req *req, int64_t body_len)
{
	struct reply *r = &req->reply;
	struct http_hdr hdr[REPLY_HEADERS + OWN_HEADERS];
	struct slice route;
	unsigned n = 0, i;
	bool replaces;

	hdr[n++] = (struct http_hdr){ S("content-type"), r->type };
	hdr[n++] = (struct http_hdr){ S("x-kontor-request-id"),
		slice_of(req->id_text) };
	if (req->try.deployment != NULL)
		hdr[n++] = (struct http_hdr){ S("x-kontor-deployment"),
			slice_of(req->try.deployment->id) };
	route = req_route_text(req);
	if (route.len > 0)
		hdr[n++] = (struct http_hdr){ S("x-kontor-route"), route };
	n += bind_headers(req, hdr + n, &replaces);
	for (i = 0; i < r->nhdr; i++) {
		if (!replaces ||
		    !slice_starts(r->hdr[i].name, S("x-ratelimit-")))
			hdr[n++] = r->hdr[i];
	}
	exchange_answer(req->x, r->status, hdr, n, body_len);
}

static void
name_rule(const char *name, struct final *v)
{
	struct slice rest = slice_of(name);

	for (v->nrule = 0; rest.len > 0 && v->nrule < FRAME_RULE;) {
		const size_t len = rest.len < 8 ? rest.len : 8;

		v->rule[v->nrule++] = frame_pack(rest);
		rest = (struct slice){ rest.p + len, rest.len - len };
	}
}

static void
fill(const struct req *req, struct final *v)
{
	unsigned i;

	*v = (struct final){ .req = req->id,
		.wall_ns = worker_wall_ns(req->w),
		.key = atomic_load(&req->key->id),
		.generation = req->snap->generation,
		.model = req->asked != NULL ? req->asked->hash : 0,
		.status = req->reply.status,
		.fault = req->fault,
		.attempts = req->attempts,
		.total_us =
		    (uint64_t)(loop_now(req->w->loop) - req->start_ns) / 1000,
		.client_gone = req->gone };
	if (req->model != NULL) {
		v->strategy = (unsigned)req->model->strategy;
		v->class = (unsigned)req->wishes.class;
	}
	if (req->rule >= 0)
		name_rule(req->snap->residency[req->rule].name, v);
	for (i = 0; i < req->ncandidate && i < FRAME_CANDIDATES; i++) {
		v->candidate[i].deployment =
		    req->candidate[i].deployment->index;
		v->candidate[i].why = req->candidate[i].why;
	}
	v->n = i;
}

static void
write_final(struct req *req)
{
	struct worker *w = req->w;
	struct final v;

	/* Asking for the list of models is not a call. */
	if (req->endpoint != NULL && req->endpoint->dialect == NULL &&
	    req->fault == FAULT_NONE)
		return;
	if (req->key == NULL) {
		if (req->x != NULL)
			counts_network(w->counts,
			    slice_of(exchange_peer(req->x)), req->fault);
		return;
	}
	if (!req->final_reserved && !journal_reserve_small(w->journal)) {
		counts_key(w->counts, atomic_load(&req->key->id), req->fault);
		return;
	}
	req->final_reserved = false;
	fill(req, &v);
	journal_final(w->journal, &v);
}

/* A stream that broke after it began: its error is its last event. */
static void
end_stream(struct req *req)
{
	struct problem p = { .status = fault_get(req->fault)->status,
		.fault = req->fault };
	struct buf b = { 0 };

	if (req->fault == FAULT_NONE) {
		exchange_write(
		    req->x, array_shape(req, req->reply.body, true), true);
		return;
	}
	/* The provider's own error event has gone out already. */
	if (req->fault == FAULT_UP_STATUS) {
		exchange_write(req->x, array_shape(req, S(""), true), true);
		return;
	}
	req->dialect->error_event(&b, &p);
	exchange_write(req->x, array_shape(req, buf_slice(&b), true), true);
	buf_fini(&b);
}

static void
answer(struct req *req)
{
	struct exchange *x = req->x;

	x->user = NULL;
	if (req->streaming) {
		end_stream(req);
	} else {
		reply_head(req, (int64_t)req->reply.body.len);
		exchange_write(x, req->reply.body, true);
	}
	req->x = NULL;
}

enum next
stage_record(struct req *req, enum wake wake)
{
	(void)wake;
	if (req->fault != FAULT_NONE && req->attempts == 0)
		worker_count(req->w, COUNTER_REFUSED, 1);
	if (req->gone)
		worker_count(req->w, COUNTER_GONE, 1);
	write_final(req);
	bind_end(req);
	if (req->x != NULL)
		answer(req);
	relay_free(req);
	return req_goto(req, STAGE_DONE);
}
