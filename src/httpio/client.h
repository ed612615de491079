/*
 * client.h - HTTP calls to providers: pools per origin, deadlines, TLS
 *
 * A call is one request and its answer.  Idle connections are kept per
 * origin, last used first.  Nothing is retried here: a call that fails says
 * whether its first byte was given to the kernel, and the caller decides.
 * TLS verifies chain and host name against the system store, always.
 *
 * Ownership: the client owns calls.  A call is over when on_body had last,
 *            when on_fail was called, or by call_cancel(); no callback comes
 *            after that and the pointer is dead.  Request slices are borrowed
 *            until on_head or the call's end.
 */
#ifndef KONTOR_HTTPIO_CLIENT_H
#define KONTOR_HTTPIO_CLIENT_H

#include "base/base.h"
#include "base/fault.h"
#include "http/msg.h"

struct loop;
struct client;
struct call;
struct tls_terms; /* io/tls.h */

/*
 * Where calls go.  Pools are kept by the contents (host, port, tls and the
 * switches), so a new configuration keeps its connections.
 */
struct origin {
	const char *host; /* name or literal address, without brackets */
	uint16_t port;
	bool tls;
	/* The text of base_url is itself a literal address or localhost. */
	bool literal;
	/* A name may resolve to loopback, private or link-local addresses. */
	bool allow_private;
	/* A metadata address may be dialled: the courier's errands to the
	 * machine's own identity, never a call of anybody. */
	bool metadata;
	const char *ca_file; /* NULL: the system store */
	/* What else is asked of the peer; NULL: nothing. */
	const struct tls_terms *terms;
	/* Through this proxy, by CONNECT; NULL: straight.  auth: the value of
	 * Proxy-Authorization, or NULL.  The proxy's name may lead to any
	 * address but a metadata one; the host's is the proxy's to find. */
	const char *proxy_host, *proxy_auth;
	uint16_t proxy_port;
	enum origin_http {
		ORIGIN_AUTO, /* over TLS, HTTP/2 when the peer takes it */
		ORIGIN_H1,
		ORIGIN_H2C /* HTTP/2 at once, on a plain connection */
	} http;
};

struct call_ops {
	/* About to give the first byte to the kernel or to TLS. */
	void (*on_send)(struct call *c);
	/* Interim answers (1xx) are passed over.  head is borrowed for the
	 * call of this function only. */
	void (*on_head)(struct call *c, const struct http_head *head);
	/* Framing is removed.  last comes exactly once, maybe with no data. */
	void (*on_body)(struct call *c, struct slice data, bool last);
	void (*on_fail)(struct call *c, enum fault why);
};

struct call_spec {
	const struct origin *origin;
	/* Host, Content-Length and Connection are the client's. */
	const struct http_head *head;
	const struct slice *body; /* sent one after the other */
	unsigned nbody;
	int64_t connect_ns;    /* resolve, connect, handshake */
	int64_t first_byte_ns; /* request sent to answer's head */
	int64_t idle_ns;       /* between two reads of the answer */
	int64_t total_at_ns;   /* monotonic moment; 0: none */
	void *user;
};

struct client_limits {
	size_t max_idle;  /* per origin */
	size_t max_conns; /* per origin; above: FAULT_OVERLOAD at once */
	int64_t idle_ns;  /* how long an idle connection is kept */
	size_t max_head;  /* of an answer: above FAULT_UP_GARBAGE */
	/* What calls over HTTP/2 may be sent at a time, above 64 KiB each,
	 * all together. */
	size_t max_wide;
};

extern const struct client_limits client_limits_default;

struct client *client_new(
    struct loop *l, const struct client_limits *limits) MUST_USE;
/* Drops what is left without callbacks; not from a callback. */
void client_free(struct client **c);
/* Before a sandbox closes the file system. */
void client_keep_system(struct client *c);
/* Reads trust into memory now: the first call shall not wait for it.
 * FAULT_UP_TLS: cannot be read. */
enum fault client_preload(struct client *c, const char *ca_file,
    const struct tls_terms *terms) MUST_USE;
size_t client_open(const struct client *c); /* connections */
void client_close_idle(struct client *c);
/* There is no descriptor for a call: give(user) is to close what can be. */
void client_on_want(struct client *c, void (*give)(void *user), void *user);

/*
 * Callbacks may come before it returns only for on_send.  origin, head and
 * the array body are borrowed for this call; the bytes that body's slices
 * point to, as said above.
 *
 * FAULT_UP_ADDRESS, FAULT_UP_DNS, FAULT_UP_CONNECT (the deadline of that
 * stage too), FAULT_UP_TLS and FAULT_OVERLOAD (no descriptor is left, or the
 * origin has all its connections) come with call_sent() false;
 * FAULT_UP_TIMEOUT, FAULT_UP_RESET and FAULT_UP_GARBAGE after it.  Only
 * total_at_ns gives FAULT_UP_TIMEOUT before it.  FAULT_UP_RESET comes with
 * call_sent() false when a peer of HTTP/2 says that it did not look at the
 * request, whatever on_send said before, or takes none at the moment.
 */
struct call *call_open(struct client *c, const struct call_spec *spec,
    const struct call_ops *ops) MUST_USE;
void *call_user(const struct call *c);
bool call_sent(const struct call *c);
/* It went out on a kept connection, which the peer may just have closed, or
 * the peer did not look at it or speaks no HTTP/2 any more: another try says
 * more.  False once it is known to have failed for itself. */
bool call_reused(const struct call *c);
/* Stops reading (backpressure), goes on. */
void call_pause(struct call *c);
void call_resume(struct call *c);
/* From now on it has at most this long. */
void call_hurry(struct call *c, int64_t within_ns);
/* HTTP/1: closes the connection (an answer not yet whole cannot be kept). */
void call_cancel(struct call **c);

#endif
