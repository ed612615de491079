/*
 * send.c - the attempt leaves for its provider
 *
 * The hold says SENT before the first byte is given to the kernel, so a
 * crash at any moment knows whether the provider may have seen the call.
 */
#include "gateway/send.h"

#include "base/clock.h"
#include "gateway/relay.h"
#include "gateway/stages.h"
#include "gateway/wait.h"
#include "gateway/worker_priv.h"
#include "httpio/client.h"
#include "io/tls.h"
#include "journal/writer.h"

enum { SYNC_WAIT_S = 10, SPARE_LEGS = 256 };
#define CONNECT_NS (10 * NS_PER_S)
#define STREAM_FIRST_NS (120 * NS_PER_S)
#define UNARY_FIRST_NS (600 * NS_PER_S)
#define IDLE_NS (300 * NS_PER_S)
/* The answer is whole; what is still to come is its connection's end. */
#define LEAVE_NS (5 * NS_PER_S)
#define FIRST_NS_PER_BYTE INT64_C(20000)

/* The worker's legs that run out without a request; one process, one list.
 * And those that wait for a call. */
static struct leg *leaving, *spare;
static unsigned nspare;

static struct leg *
take_leg(struct req *req)
{
	struct leg *leg = spare;

	if (leg == NULL) {
		leg = NEW(struct leg);
	} else {
		spare = leg->next;
		nspare--;
	}
	*leg = (struct leg){ .req = req };
	return leg;
}

static void
give_leg(struct leg *leg)
{
	if (nspare == SPARE_LEGS) {
		mem_free(leg);
		return;
	}
	leg->next = spare;
	spare = leg;
	nspare++;
}

static void
end_leg(struct leg *leg)
{
	if (leg->prev != NULL)
		leg->prev->next = leg->next;
	else if (leaving == leg)
		leaving = leg->next;
	if (leg->next != NULL)
		leg->next->prev = leg->prev;
	give_leg(leg);
}

static void
on_send(struct call *c)
{
	struct leg *leg = call_user(c);

	if (leg->req == NULL)
		return;
	hold_sent(leg->req->try.hold);
	leg->req->try.sent_ns = loop_now(leg->req->w->loop);
	leg->req->try.reused = call_reused(c);
}

static void
on_head(struct call *c, const struct http_head *head)
{
	struct leg *leg = call_user(c);

	if (leg->req == NULL)
		return;
	leg->req->try.first_ns = loop_now(leg->req->w->loop);
	relay_head(leg->req, head);
	req_wake(leg->req, WAKE_HEAD);
}

static void
on_body(struct call *c, struct slice data, bool last)
{
	struct leg *leg = call_user(c);
	struct req *req = leg->req;

	if (last)
		leg->call = NULL;
	if (req != NULL) {
		req->up.data = data;
		req->up.last = last;
		req_wake(req, WAKE_BODY);
	} else if (last) {
		end_leg(leg);
	}
}

static void
on_fail(struct call *c, enum fault why)
{
	struct leg *leg = call_user(c);

	leg->call = NULL;
	if (leg->req != NULL) {
		/* A peer of HTTP/2 says that it did not look at it. */
		if (!call_sent(c))
			leg->req->try.sent_ns = 0;
		leg->req->try.reused = call_reused(c);
		leg->req->up.why = why;
		req_wake(leg->req, WAKE_FAIL);
	} else {
		end_leg(leg);
	}
}

static const struct call_ops ops = {
	.on_send = on_send,
	.on_head = on_head,
	.on_body = on_body,
	.on_fail = on_fail,
};

void
leg_drop(struct req *req)
{
	struct leg *leg = req->try.leg;

	if (leg == NULL)
		return;
	req->try.leg = NULL;
	if (leg->call != NULL)
		call_cancel(&leg->call);
	give_leg(leg);
}

void
leg_leave(struct req *req)
{
	struct leg *leg = req->try.leg;

	if (leg == NULL)
		return;
	req->try.leg = NULL;
	leg->req = NULL;
	if (leg->call == NULL) {
		give_leg(leg);
		return;
	}
	leg->next = leaving;
	if (leaving != NULL)
		leaving->prev = leg;
	leaving = leg;
	call_hurry(leg->call, LEAVE_NS);
	call_resume(leg->call);
}

void
leg_end_all(void)
{
	while (leaving != NULL) {
		call_cancel(&leaving->call);
		end_leg(leaving);
	}
	while (spare != NULL) {
		struct leg *leg = spare;

		spare = leg->next;
		mem_free(leg);
	}
	nspare = 0;
}

static int64_t
or_else(int64_t conf_ns, int64_t ns)
{
	return conf_ns > 0 ? conf_ns : ns;
}

/* A long prompt takes the provider longer to read. */
int64_t
leg_first_ns(const struct req *req)
{
	return or_else(req->try.deployment->provider->first_byte_ns,
		   req->ask->stream ? STREAM_FIRST_NS : UNARY_FIRST_NS) +
	       FIRST_NS_PER_BYTE * (int64_t)req->ask->body.len;
}

int64_t
leg_idle_ns(const struct req *req)
{
	return or_else(req->try.deployment->provider->idle_ns, IDLE_NS);
}

/*
 * With each attempt less time is left.  While another deployment may be tried
 * this one has at most half of it, so that its silence is not the request's.
 */
static int64_t
shrunk(const struct req *req, int64_t first_ns)
{
	const int64_t left = req->deadline_ns - loop_now(req->w->loop);

	return req_has_next(req) && first_ns > left / 2 ? left / 2 : first_ns;
}

static enum fault
open_call(struct req *req)
{
	/* Borrowed by call_open() for the call only. */
	static struct http_head head;
	const struct provider_conf *c = req->try.deployment->provider;
	const struct tls_terms terms = {
		.id = c->tls_id,
		.ca = c->ca_pem,
		.cert = c->client_chain,
		.key = c->client_key,
		.names = c->tls_names,
		.pins = c->tls_pins,
	};
	const struct origin origin = {
		.host = c->host,
		.port = c->port,
		.tls = c->tls,
		.literal = c->literal,
		.allow_private = c->allow_private,
		.terms = c->tls_id != NULL ? &terms : NULL,
		.proxy_host = c->proxy_host,
		.proxy_port = c->proxy_port,
		.proxy_auth = c->proxy_auth,
		.http = c->h2c     ? ORIGIN_H2C
			: c->http1 ? ORIGIN_H1
				   : ORIGIN_AUTO,
	};
	struct call_spec spec = {
		.origin = &origin,
		.head = &head,
		.body = req->letter->part,
		.nbody = req->letter->npart,
		.connect_ns = or_else(c->connect_ns, CONNECT_NS),
		.first_byte_ns = shrunk(req, leg_first_ns(req)),
		.idle_ns = leg_idle_ns(req),
		.total_at_ns = req->deadline_ns,
	};
	enum fault f = letter_dress(req, &head);
	struct leg *leg;

	if (f != FAULT_NONE)
		return f;
	leg = take_leg(req);
	spec.user = leg;
	req->try.leg = leg;
	leg->call = call_open(req->w->client, &spec, &ops);
	return FAULT_NONE;
}

/* journal.sync: always: the intent is on disk before anything is sent. */
static bool
synced(const struct req *req)
{
	return !req->snap->sync_always ||
	       journal_durable(req->w->journal, req->try.intent_end);
}

enum next
stage_send(struct req *req, enum wake wake)
{
	enum fault f;

	if (wake == WAKE_GONE || req->x == NULL) {
		wait_leave(req);
		return req_fail(req, FAULT_GONE, STAGE_SETTLE);
	}
	if (!synced(req)) {
		const int64_t now = loop_now(req->w->loop);

		if (req->wait_list == NULL)
			req->wait_until_ns = now + SYNC_WAIT_S * NS_PER_S;
		if (now < req->wait_until_ns) {
			wait_for_sync(req);
			return NEXT_WAIT;
		}
		wait_leave(req);
		return req_fail(req, FAULT_LOG, STAGE_SETTLE);
	}
	wait_leave(req);
	f = open_call(req);
	if (f != FAULT_NONE)
		return req_fail(req, f, STAGE_SETTLE);
	return req_goto(req, STAGE_RELAY);
}
