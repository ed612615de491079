/*
 * req.c - the one loop that walks a request through stages.def
 *
 * The table is the specification: a stage may only move to a successor its
 * row lists, and the unit test walks the same table to prove that no request
 * that took a hold can end without settling it.
 */
#include "gateway/req.h"

#include "gateway/counts.h"
#include "gateway/endpoint.h"
#include "gateway/crash.h"
#include "gateway/relay.h"
#include "gateway/stages.h"
#include "gateway/wait.h"
#include "gateway/worker_priv.h"
#include "httpio/server.h"

enum { REQ_MAGIC = 0x52455131 };

/* With both its sides a stream has 4 KiB. */
_Static_assert(sizeof(struct req) <= 2112, "an open stream is too large");

#define TO(s) (1u << STAGE_##s)

static const struct stage_row {
	const char *name;
	stage_f *run;
	unsigned next;
} stages[STAGE_MAX] = {
#define STAGE(name, NAME, to) [STAGE_##NAME] = { #name, stage_##name, to },
#include "gateway/stages.def"
#undef STAGE
	[STAGE_DONE] = { "done", NULL, 0 },
};

enum next
req_goto(struct req *req, enum stage to)
{
	CHECK(stages[req->stage].next & (1u << to));
	req->stage = to;
	return NEXT_RUN;
}

enum next
req_fail(struct req *req, enum fault why, enum stage to)
{
	if (req->fault == FAULT_NONE)
		req->fault = why;
	return req_goto(req, to);
}

static void
unlink_req(struct req *req)
{
	if (req->prev != NULL)
		req->prev->next = req->next;
	else
		req->w->reqs = req->next;
	if (req->next != NULL)
		req->next->prev = req->prev;
}

void
req_weigh(struct req *req)
{
	req->w->buffered += req->arena.total - req->weighed;
	req->weighed = req->arena.total;
}

void
req_free_plain(struct req *req)
{
	req->w->buffered -= req->plain.cap;
	buf_fini(&req->plain);
}

void
req_free_desk(struct req *req)
{
	struct desk *d = req->desk;

	if (d == NULL)
		return;
	req->desk = NULL;
	req->letter = NULL;
	req->reply.hdr = NULL;
	req->reply.nhdr = 0;
	arena_fini(&d->arena);
	slab_free(&req->w->desks, d);
}

static void
free_req(void *p)
{
	struct req *req = p;

	req_free_desk(req);
	arena_fini(&req->arena);
	req->w->buffered -= req->weighed;
	req_free_plain(req);
	slab_free(&req->w->memory, req);
}

static struct desk *
new_desk(struct worker *w)
{
	struct desk *d = slab_new(&w->desks);

	memset(d, 0, offsetof(struct desk, chain));
	arena_start(&d->arena, d->room, sizeof(d->room));
	return d;
}

/* All but the room is zero. */
static struct req *
new_req(struct worker *w)
{
	struct req *req = slab_new(&w->memory);

	memset(req, 0, offsetof(struct req, room));
	req->desk = new_desk(w);
	req->reply.hdr = req->desk->hdr;
	arena_start(&req->arena, req->room, sizeof(req->room));
	return req;
}

/* Requests come and go by the thousand. */
void
req_memory_init(struct worker *w)
{
	slab_init(&w->memory, sizeof(struct req));
	slab_init(&w->desks, sizeof(struct desk));
}

void
req_memory_trim(struct worker *w)
{
	slab_trim(&w->memory);
	slab_trim(&w->desks);
}

void
req_memory_fini(struct worker *w)
{
	slab_fini(&w->memory);
	slab_fini(&w->desks);
}

void
req_leave(struct req *req)
{
	if (req->x != NULL)
		req->left = req->x;
	req->x = NULL;
	req->gone = true;
}

static void
finish(struct req *req)
{
	struct worker *w = req->w;

	CHECK(req->try.hold == NULL && req->try.leg == NULL);
	timer_clear(&req->timer);
	if (req->left != NULL)
		exchange_abort(req->left);
	wait_leave(req);
	relay_free(req);
	unlink_req(req);
	overload_leave(req);
	w->open--;
	atomic_store_explicit(&w->shm.slots[w->slot].open_requests, w->open,
	    memory_order_relaxed);
	snapshot_unref(&req->snap);
	req->magic = 0;
	loop_reap(w->loop, req, free_req);
}

/*
 * A wake that comes while a stage runs (a write that finds the client gone)
 * is kept and delivered when the stage waits; the client's leaving is never
 * displaced by another.
 */
void
req_wake(struct req *req, enum wake wake)
{
	CHECK(req->magic == REQ_MAGIC);
	if (req->running) {
		if (!req->pending_wake || req->pending != WAKE_GONE)
			req->pending = wake;
		req->pending_wake = true;
		return;
	}
	req->running = true;
	check_context = req->id_text;
	crash_work_on(req);
	for (;;) {
		while (req->stage != STAGE_DONE &&
		       stages[req->stage].run(req, wake) == NEXT_RUN)
			wake = WAKE_ENTER;
		if (req->stage == STAGE_DONE || !req->pending_wake)
			break;
		req->pending_wake = false;
		wake = req->pending;
	}
	check_context = "";
	crash_work_on(NULL);
	req->running = false;
	if (req->stage == STAGE_DONE)
		finish(req);
}

static void
new_id(struct worker *w, struct reqid *id, char text[REQID_TEXT + 1])
{
	const struct shm_slot *slot = &w->shm.slots[w->slot];

	*id = reqid_make(worker_wall_ns(w), w->shm.head->node,
	    (uint16_t)atomic_load_explicit(
		&slot->incarnation, memory_order_relaxed),
	    ++w->seq);
	reqid_write(id, text);
}

void
req_start(struct worker *w, struct exchange *x)
{
	struct req *req = new_req(w);

	req->magic = REQ_MAGIC;
	req->w = w;
	req->x = x;
	req->snap = snapshot_ref(w->snapshot);
	req->start_ns = loop_now(w->loop);
	req->rule = -1;
	req->wall_ns = worker_wall_ns(w);
	req->deadline_ns = req->start_ns + req->snap->total_deadline_ns;
	req->next = w->reqs;
	if (req->next != NULL)
		req->next->prev = req;
	w->reqs = req;
	w->open++;
	atomic_store_explicit(&w->shm.slots[w->slot].open_requests, w->open,
	    memory_order_relaxed);
	new_id(w, &req->id, req->id_text);
	x->user = req;
	worker_count(w, COUNTER_REQUESTS, 1);
	req_wake(req, WAKE_ENTER);
}

/* In whose words a refusal is said: the path's, when the head got so far. */
static const struct dialect *
dialect_of(const struct http_head *head)
{
	const struct endpoint *e;
	struct slice segment;
	bool known;

	if (head == NULL || head->method.len == 0)
		return &dialect_openai_chat;
	e = endpoint_find(head->method, http_path(head), &segment, &known);
	return endpoint_dialect(e, head);
}

void
req_bad_http(struct worker *w, struct exchange *x, enum fault why)
{
	struct problem p = { .status = fault_get(why)->status, .fault = why };
	const struct dialect *d = dialect_of(x->head);
	char text[REQID_TEXT + 1];
	struct http_hdr hdr[4];
	struct buf body = { 0 };
	struct reqid id;
	unsigned n = 0;

	new_id(w, &id, text);
	worker_count(w, COUNTER_REQUESTS, 1);
	worker_count(w, COUNTER_REFUSED, 1);
	counts_network(w->counts, slice_of(exchange_peer(x)), why);
	d->error(&body, &p);
	hdr[n++] =
	    (struct http_hdr){ S("content-type"), S("application/json") };
	hdr[n++] =
	    (struct http_hdr){ S("x-kontor-request-id"), slice_of(text) };
	if (d->error_type != NULL)
		hdr[n++] = (struct http_hdr){ S("x-amzn-errortype"),
			d->error_type(&p) };
	if (p.status == 503 || why == FAULT_CROWD)
		hdr[n++] = (struct http_hdr){ S("retry-after"), S("1") };
	x->user = NULL;
	exchange_answer(x, p.status, hdr, n, (int64_t)body.len);
	exchange_write(x, buf_slice(&body), true);
	buf_fini(&body);
}

unsigned
stage_successors(enum stage s)
{
	return stages[s].next;
}

const char *
stage_name(enum stage s)
{
	return stages[s].name;
}
