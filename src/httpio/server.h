/*
 * server.h - HTTP served on a loop: exchanges in, answers out
 *
 * An exchange is one request and its answer, whatever HTTP version carries
 * it: HTTP/1.1, or HTTP/2 by ALPN or by prior knowledge on a plain socket.  The
 * whole request is read, within limits, before the owner sees it. The answer
 * goes out as it is written: every write is flushed; what the socket does not
 * take is queued, and exchange_full() asks to slow down. The terminator (last
 * chunk, last byte) goes only with last == true, so an owner may withhold it
 * until its record is safe.  A client that closes its sending side while its
 * exchange runs counts as gone.
 *
 * Ownership: the server owns exchanges.  Each ends exactly once: by a write
 *            with last, by exchange_abort(), or, after on_gone, by the owner
 *            calling exchange_abort() to say that it has let go.  After that
 *            the pointer is dead for the owner.
 * Errors:    what is wrong with a request on HTTP's level arrives as on_bad;
 *            the owner renders it in its own shape; the connection closes
 *            afterwards.
 */
#ifndef KONTOR_HTTPIO_SERVER_H
#define KONTOR_HTTPIO_SERVER_H

#include "base/base.h"
#include "base/fault.h"
#include "http/msg.h"

struct loop;
struct server;
struct tls_server; /* io/tls_server.h */

struct exchange {
	/*
	 * Borrowed; both die with exchange_forget() or the exchange.  In
	 * on_bad the head may be empty (method.len == 0).  The head is as
	 * long as its headers are: never copy it as a struct.
	 */
	const struct http_head *head;
	struct slice body;
	void *user; /* the owner's, untouched by the server */
	/* Whose body it is: set in on_head, NULL otherwise. */
	struct server_share *share;
	bool h2; /* the server's: it came over HTTP/2 */
};

/* What is kept of bodies of one principal; outlives its exchanges. */
struct server_share {
	size_t bytes;
	uint32_t n; /* bodies, coming or whole */
};

/* What happens on HTTP/2 connections beside exchanges, for who counts. */
enum server_note {
	SERVER_H2_OPEN,    /* a connection began */
	SERVER_H2_REQUEST, /* one of their requests is whole */
	/* A connection was cut for what its peer did: frames without work,
	 * streams opened to be reset, a header block without an end. */
	SERVER_H2_FLOOD,
	SERVER_H2_RESETS,
	SERVER_H2_HEAD
};

struct server_ops {
	/*
	 * A head is here whose body is still to come: a fault refuses the
	 * request, as on_bad, before the body is read.  NULL: read it.
	 */
	enum fault (*on_head)(struct exchange *x, const struct http_head *head);
	void (*on_request)(struct exchange *x);
	void (*on_bad)(struct exchange *x, enum fault why);
	/* The queue fell under half of out_high after exchange_full(). */
	void (*on_drain)(struct exchange *x);
	/* The peer is gone or too slow; answer with exchange_abort(). */
	void (*on_gone)(struct exchange *x);
	/* peer as exchange_peer(); NULL: nobody counts. */
	void (*on_note)(void *user, enum server_note what, const char *peer);
	/* There is no descriptor for who comes, and no connection is idle:
	 * to close what else can be.  NULL: nothing. */
	void (*on_want)(void *user);
};

struct server_limits {
	size_t max_head; /* above: FAULT_HEAD_TOO_LARGE */
	size_t max_body; /* above: FAULT_BODY_TOO_LARGE */
	/* Of all bodies together; above: FAULT_OVERLOAD.  A body that is
	 * alone may always grow to max_body. */
	size_t max_bodies;
	size_t max_share; /* of one share's, alike; above: FAULT_CROWD */
	size_t max_conns; /* above: those idle longest are closed */
	/* Above that when none is idle: their one request is answered with
	 * FAULT_OVERLOAD; above both, accept waits. */
	size_t excess_conns;
	unsigned max_streams; /* of one HTTP/2 connection, at one time */
	size_t out_high;  /* queued answer bytes that make an exchange full */
	int64_t head_ns;  /* first to last byte of a head */
	int64_t body_ns;  /* between two reads of a body */
	int64_t idle_ns;  /* keep-alive */
	int64_t tls_ns;   /* accepted to the end of the handshake */
	int64_t write_ns; /* no progress while bytes are queued */
	/* Bytes a second at which a body must come, over body_ns and later,
	 * and queued bytes be taken, over write_ns; 0: any progress will do. */
	size_t min_rate;
};

extern const struct server_limits server_limits_default;

/* Serves a listening socket, which it borrows; user is for ops by
 * server_user(). */
struct server *server_new(struct loop *l, int listen_fd,
    const struct server_ops *ops, const struct server_limits *limits,
    void *user) MUST_USE;
/* From now on these; connections that are there stay. */
void server_limit(struct server *s, const struct server_limits *limits);
/* Connections from now on begin with TLS; NULL: are plain.  Takes a reference
 * of its own. */
void server_tls(struct server *s, struct tls_server *t);
/* Closes connections that have been idle longest, for what they hold; false:
 * none is idle. */
bool server_make_room(struct server *s);
/* Memory is short: bodies do not grow (FAULT_OVERLOAD), but one that is alone;
 * exchanges are full sooner. */
void server_tight(struct server *s, bool tight);
/* Closes connections that have been between two requests for a second; a head
 * that is half here and large is refused with FAULT_OVERLOAD; of HTTP/2, its
 * connection is closed, unless streams are on it. */
void server_close_idle(struct server *s);
void *server_user(const struct exchange *x);
/* Stops accepting, closes idle connections; others close after the answer in
 * flight (it says Connection: close). */
void server_drain(struct server *s);
size_t server_open(const struct server *s); /* connections */
/* Memory of answers that their owners have ended and that are not out. */
size_t server_owed(const struct server *s);
/* Aborts what is left, each with on_gone; not from a callback. */
void server_free(struct server **s);

/* Gives the request's bytes back early (a long stream needs them no more). */
void exchange_forget(struct exchange *x);

/*
 * The answer's head.  body_len >= 0 sends Content-Length, -1 sends chunks.
 * Headers of the connection (Content-Length, Transfer-Encoding, Connection,
 * Date) are the server's; skip them.  Bytes leave with the first write.
 */
void exchange_answer(struct exchange *x, int status, const struct http_hdr *hdr,
    unsigned nhdr, int64_t body_len);
/* data is borrowed for the call only.  last ends the exchange. */
void exchange_write(struct exchange *x, struct slice data, bool last);
bool exchange_full(const struct exchange *x);
bool exchange_answered(const struct exchange *x); /* head was given */
/* Cuts the connection without a terminator. */
void exchange_abort(struct exchange *x);
/* "127.0.0.1:4711", borrowed */
const char *exchange_peer(const struct exchange *x);

#endif
