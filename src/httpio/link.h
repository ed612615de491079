/*
 * link.h - a connection to a provider, private to client.c and link.c
 *
 * client.c keeps pools and the calls' face, link.c moves the bytes.  A link
 * carries one call at a time, which is embedded in it.
 */
#ifndef KONTOR_HTTPIO_LINK_H
#define KONTOR_HTTPIO_LINK_H

#include "base/buf.h"
#include "http/h1.h"
#include "httpio/client.h"
#include "io/resolve.h"
#include "io/stream.h"
#include "io/tls.h"

enum { LINK_IOV = 16 };

enum link_state {
	LINK_RESOLVE,
	LINK_CONNECT,
	LINK_PROXY, /* has been asked for a tunnel */
	LINK_TLS,
	LINK_HEAD, /* the request goes out, the answer's head is awaited */
	LINK_BODY, /* the answer's body is coming */
	LINK_IDLE, /* in its pool */
	LINK_H2,   /* h2link.c has it */
	LINK_CLOSED
};

struct pool {
	struct pool *next;
	struct client *client;
	uint64_t hash;
	struct origin origin;   /* strings are the pool's own */
	struct tls_terms terms; /* only their id */
	struct buf host_line;   /* "Host: ...\r\n" */
	struct tls_peer *peer;
	struct link *idle; /* last used first */
	size_t nidle, nconn;
	int64_t left_ns;      /* the last connection did */
	struct link *wide;    /* HTTP/2's, last made first */
	struct link *dialing; /* calls wait for this one; NULL: none */
	bool speaks_h2;       /* the last connection did, or it is told to */
	uint32_t streams;     /* of a connection, as last said; 0: that says
				 nothing of the next one */
};

struct h2call; /* h2link.c */
struct h2link; /* h2link.c */

struct call {
	const struct call_ops *ops;
	void *user;
	bool sent, reused, paused;
	struct h2call *lane; /* NULL: of HTTP/1, and embedded in its link */
};

/* What is only needed until the connection stands. */
struct dial {
	struct link *link;
	struct query query;
	unsigned at; /* the address being tried */
	int64_t until_ns;
};

struct link {
	struct call call;
	struct pool *pool;
	struct link *next, *prev;           /* in client->links */
	struct link *next_idle, *prev_idle; /* or in pool->wide */
	struct h2link *h2;                  /* NULL: HTTP/1 */
	struct h2call *lanes;               /* HTTP/2's calls */
	unsigned nlanes;
	bool listed; /* in pool->wide */
	struct stream stream;
	struct timer timer;
	struct task task;
	struct dial *dial;
	int64_t due_ns, total_ns;
	int64_t stage_ns; /* due_ns, were there no total */
	int64_t first_byte_ns, idle_ns;
	enum link_state state;
	enum fault failing; /* told by the task */

	/* --- the request, as far as it is not out --- */
	struct buf head;
	size_t head_off;
	struct slice *body; /* own array, borrowed bytes */
	unsigned nbody, body_at;
	size_t body_off;
	bool to_head, unsent, owned, write_dead;

	/* --- the answer --- */
	struct buf in; /* waits: an unfinished head, what came while paused */
	struct h1_seen seen;
	struct h1_body rbody;
	bool keep_alive, running;
	unsigned interim;
};

enum { POOL_BUCKETS = 64 };

struct client {
	struct loop *loop;
	struct client_limits limits;
	struct resolve *resolve;
	struct tls_client *tls;
	struct pool *pools[POOL_BUCKETS];
	struct link *links;
	size_t wide;              /* what windows of HTTP/2 have grown */
	void (*give)(void *user); /* descriptors; NULL: nobody does */
	void *give_user;
	struct http_head scratch;
	struct buf head; /* a request's head being written */
};

/* Begins to connect for the call that is already set up. */
void link_dial(struct link *k, int64_t connect_ns);
/* The next byte is the request's first. */
void link_announce(struct link *k);
/* Gives the request to the connection, as much as it takes. */
void link_send(struct link *k);
/* Lets go of the request's bytes, which were only lent to the link. */
void link_sent(struct link *k);
/* From the loop: fails the call. */
void link_fail_soon(struct link *k, enum fault why);
void link_close(struct link *k);
/* The call is over, others wait for this connection. */
void link_step_aside(struct link *k);
void link_resume(struct link *k);
/* HTTP/2: has something to send, at the end of the turn. */
void link_wake(struct link *k);
void link_hurry(struct link *k, int64_t within_ns);
void link_due(struct link *k, int64_t after_ns); /* 0: only the total */
/* client.c: the call is over, the link goes to its pool. */
void client_keep(struct link *k);
void client_left(struct link *k); /* out of every list */

#endif
