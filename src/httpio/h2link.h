/*
 * h2link.h - a provider's HTTP/2 connection, private to httpio/
 *
 * A link of client.c's whose peer chose HTTP/2 (or was configured to speak
 * it) carries many calls, each in a lane.  Calls to an origin that is known
 * to speak HTTP/2 wait for the connection that is being made instead of
 * making their own.  A call that is paused holds its stream's window shut
 * and nothing else; what its peer may still send is kept here.  So a window
 * is small at first, and doubles when a call has taken it whole, as long as
 * all that windows have grown stays within client_limits.max_wide.
 *
 * A stream that the peer says it never looked at (GOAWAY, REFUSED_STREAM), or
 * will not look at (MAX_CONCURRENT_STREAMS 0), fails with call_sent() false.
 */
#ifndef KONTOR_HTTPIO_H2LINK_H
#define KONTOR_HTTPIO_H2LINK_H

#include "httpio/h2.h"
#include "httpio/link.h"

/* Of one connection: whatever the peer allows; before it has said anything. */
enum { LANES_MAX = 256, UNSAID_MAX = 100 };

/* One call and its stream. */
struct h2call {
	struct call own;   /* of calls that found the connection there */
	struct call *call; /* own, or that of the link which made it */
	struct link *link;
	struct h2call *next, *prev; /* in link->lanes */
	struct timer timer;
	struct task task;
	int64_t due_ns, total_ns, first_byte_ns, idle_ns;
	int64_t sent_ns;
	enum fault failing;
	int32_t id; /* 0: waits for the connection */
	/* --- the request --- */
	struct buf head; /* as HTTP/1 would say it, while it waits */
	struct slice *body;
	unsigned nbody, body_at;
	size_t body_off;
	bool unsent;
	/* --- the answer --- */
	struct buf in;   /* came while paused */
	uint32_t window; /* its stream's */
	size_t taken;    /* of the answer, since it last grew */
	bool to_head, answered, ended, broken, over;
	unsigned interim;
};

struct h2link {
	struct h2 h2;
	int64_t heard_ns; /* when bytes last came */
	bool running, used;
};

/* The connection stands: from now on it is HTTP/2's. */
void h2link_start(struct link *k);
/* A connection of the pool's with room; NULL: none.  shut: the peer of one that
 * stands allows no call at all, and another is not to be made. */
struct link *h2link_find(struct pool *p, bool *shut);
/* So many calls on a connection that has said nothing yet. */
unsigned h2link_most(const struct pool *p) MUST_USE;
/* Opens a call on a connection that stands, or on one that is being made;
 * head: as HTTP/1 would say it. */
struct call *h2link_open(struct link *k, const struct call_spec *spec,
    const struct call_ops *ops, struct slice head);
/* The connection did not come. */
void h2link_fail_waiting(struct link *k, enum fault why);
/* It came, and does not speak HTTP/2: each call is to find one of its own. */
void h2link_turn_away(struct link *k);
void h2link_run(struct link *k);
/* Nothing of it is used: it may be closed. */
bool h2link_is_idle(const struct link *k);
/* Its deadline has come. */
void h2link_due(struct link *k);
/* Every call fails, and the link closes. */
void h2link_lost(struct link *k, enum fault why);
/* Out of its pool's list; calls end without a word. */
void h2link_drop(struct link *k);
void h2link_fini(struct link *k);

void h2link_pause(struct call *c);
void h2link_resume(struct call *c);
void h2link_hurry(struct call *c, int64_t within_ns);
void h2link_cancel(struct call *c);

#endif
