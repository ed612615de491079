/*
 * explain.c - x-kontor-route: what became of every candidate, in one line
 *
 *   a;fault=provider_error;owner=provider;status=503;ms=12, b;why="resting
 *   after failures", c;served;why="in order"
 *
 * A list in the manner of RFC 8941; the log has the same and more.
 */
#include "gateway/worker_priv.h"

enum { TOLD_MAX = 24 };

static void
write_hop(struct buf *b, const struct hop *h)
{
	buf_fmt(b, ";fault=%s;owner=%s", fault_get(h->fault)->code,
	    owner_text(h->owner));
	if (h->status != 0)
		buf_fmt(b, ";status=%d", h->status);
	if (h->first_ms != 0)
		buf_fmt(b, ";first=%u", h->first_ms);
	buf_fmt(b, ";ms=%u", h->end_ms);
}

static void
write_candidate(struct buf *b, const struct req *req, const struct candidate *c)
{
	unsigned i;

	if (b->len > 0)
		buf_str(b, ", ");
	buf_str(b, c->deployment->id);
	for (i = 0; i < req->nhops; i++) {
		if (req->hop[i].deployment == c->deployment)
			write_hop(b, &req->hop[i]);
	}
	if (req->try.deployment == c->deployment && c->tried &&
	    (req->streaming || req->try.complete))
		buf_str(b, ";served");
	buf_str(b, ";why=\"");
	buf_str(b, why_text(c->why));
	buf_char(b, '"');
}

struct slice
req_route_text(struct req *req)
{
	/* One process, one loop: its memory is kept. */
	static struct buf b;
	unsigned i;

	/* Refused before there was a model: there is nothing to tell. */
	if (req->ncandidate == 0)
		return S("");
	buf_clear(&b);
	for (i = 0; i < req->ncandidate && i < TOLD_MAX; i++)
		write_candidate(&b, req, &req->candidate[i]);
	if (i < req->ncandidate)
		buf_fmt(&b, ", more=%u", req->ncandidate - i);
	return arena_copy(&req->desk->arena, buf_slice(&b));
}
