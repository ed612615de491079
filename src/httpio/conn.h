/*
 * conn.h - a client's connection, private to server.c, conn.c, exchange.c
 *
 * server.c accepts and drains, conn.c reads requests and closes, exchange.c
 * writes answers.  A connection carries one exchange at a time; the next
 * request is looked at when the answer before it is out.
 */
#ifndef KONTOR_HTTPIO_CONN_H
#define KONTOR_HTTPIO_CONN_H

#include "base/buf.h"
#include "http/h1.h"
#include "httpio/outq.h"
#include "httpio/server.h"
#include "io/address.h"
#include "io/stream.h"

/* Memory of a request that waits for the next one. */
struct mem_spare {
	struct mem_spare *next;
};
enum { BLOCK_LEN = 4096, BLOCKS_MAX = 64 };

enum conn_state {
	CONN_TLS,    /* the handshake */
	CONN_IDLE,   /* nothing of a request has come */
	CONN_HEAD,   /* a part of a head has */
	CONN_BODY,   /* the head is there, the body is coming */
	CONN_ANSWER, /* the owner has the exchange */
	CONN_FLUSH,  /* answered; the rest is queued */
	CONN_H2,     /* h2conn.c has it */
	CONN_LINGER, /* we said our last; reading what the peer still sends */
	CONN_CLOSED  /* until the end of the turn */
};

struct h2conn; /* h2conn.c */

struct conn {
	struct exchange x; /* the owner's side of the one exchange */
	struct server *srv;
	struct h2conn *h2; /* NULL: HTTP/1 */
	struct conn *next, *prev;
	struct stream stream;
	struct timer timer;
	struct task task;
	int64_t due_ns; /* of the state; 0: none */
	enum conn_state state;

	/* --- the request --- */
	struct buf in; /* bytes that wait: an unfinished head, the next one */
	struct h1_seen seen;
	struct h1_body rbody;
	char *mem;      /* head, its bytes, and the body when it came with it */
	bool mem_block; /* mem is a block of the server's */
	struct buf body;
	bool running; /* run() is on the stack */
	bool used;    /* a request came: no other protocol begins here */
	bool held;    /* closed, but owners hold exchanges */

	/* --- the answer --- */
	struct buf head; /* until the first write */
	struct outq out;
	int64_t left; /* of Content-Length; -1: not sized */
	bool to_head, http10, no_body;
	bool answered, chunked;
	bool close_after;
	bool bad;       /* on_bad was called */
	bool was_full;  /* on_drain is owed */
	bool broken;    /* the peer is gone; the owner is or will be told */
	bool told_gone; /* on_gone was called */
	bool over;      /* above max_conns: its request is refused */
	int64_t body_begun_ns;
	/* Since the last look at how fast queued bytes are taken. */
	size_t taken;
	uint64_t acked;

	char peer[ADDRESS_TEXT];
};

struct server {
	struct loop *loop;
	struct io io;
	struct timer again; /* accept paused by want of descriptors */
	const struct server_ops *ops;
	struct server_limits limits;
	void *user;
	struct tls_server *tls; /* new connections begin with it; NULL: plain */
	struct conn *conns;
	size_t nconn;
	size_t bodies; /* memory that request bodies take */
	size_t owed;   /* and answers that are over, but not out */
	bool listening, draining, tight;
	int64_t none_idle_ns;     /* until then no idle one is looked for */
	struct http_head scratch; /* a head just parsed */
	struct buf spare;         /* for the next answer's head */
	struct mem_spare *blocks; /* for the next requests */
	unsigned nblocks;
	int64_t date_at_ns;
	char date[40]; /* "Date: ...\r\n" */
};

void conn_open(struct server *s, int fd, const struct address *peer);
/* Ends the connection now; freed at the end of the turn. */
void conn_close(struct conn *c);
/* As a server ends a connection that the peer may still write to. */
void conn_linger(struct conn *c);
/* HTTP/2: has something to send, at the end of the turn. */
void conn_wake(struct conn *c);
/* HTTP/2: an owner let go, maybe the last of a closed connection. */
void conn_let_go(struct conn *c);
/* The answer is complete as far as the owner goes. */
void conn_answered(struct conn *c);
/* The peer is gone: tells the owner, from the loop. */
void conn_break(struct conn *c);
void conn_due(struct conn *c, int64_t after_ns); /* 0: none */
void conn_free_request(struct conn *c);
/* exchange.c: the first bytes are queued. */
void conn_queued(struct conn *c);
/* Has the peer taken enough in write_ns, since the mark? */
void conn_mark(struct conn *c);
bool conn_keeps_up(const struct conn *c) MUST_USE;
uint64_t conn_least(const struct server_limits *l);
/* Since when it is between two requests; 0: it is not. */
int64_t conn_idle_since(const struct conn *c);
/* Refuses a head of which much is here, but not all. */
void conn_shed(struct conn *c);
/* What an exchange may queue. */
size_t conn_high(const struct server *s);
void conn_free_blocks(struct server *s);
/* server.c: bodies, and whose they are.  Is this one wanted? */
enum fault server_welcome(struct server *s, struct exchange *x) MUST_USE;
/* May it grow by so much? */
enum fault server_may_keep(const struct server *s, const struct exchange *x,
    const struct buf *body, size_t more) MUST_USE;
void server_keep(
    struct server *s, struct exchange *x, struct buf *body, struct slice data);
void server_forget(struct server *s, struct exchange *x, struct buf *body);
/* server.c: a connection has left. */
void server_left(struct server *s, struct conn *c);
/* exchange.c: "Wed, 25 Nov 2026 ..." */
struct slice server_date(struct server *s);

#endif
