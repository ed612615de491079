/*
 * wire.h - HTTP as a provider's front door, with a hand on the wire
 *
 * Not the gateway's server: its faults live below HTTP (two lengths, a bad
 * chunk, a reset), and a ground truth should not share framing with the
 * client that it checks.  A request is whole before its owner sees it; what
 * is answered is the owner's bytes, head and all.
 *
 * Ownership: the wire owns connections.  One exchange at a time; it ends by
 *            wire_done(), wire_fin() or wire_rst(), or, after on_gone, by
 *            itself.  on_close is the last call; user is the owner's.
 */
#ifndef KONTOR_SIM_WIRE_H
#define KONTOR_SIM_WIRE_H

#include <sys/types.h>

#include "base/base.h"
#include "base/buf.h"
#include "http/msg.h"
#include "io/loop.h"

struct wire;

struct wire_conn {
	struct io io;
	struct wire *wire;
	struct wire_conn *next, *prev; /* of the wire's list */
	struct buf in;
	size_t need; /* bytes of the request that is being read, if known */
	bool busy, pumping, closed, told_continue;
	bool old;  /* HTTP/1.0: no chunks, no keep-alive */
	bool keep; /* what the request asked for */
	bool wide; /* an exchange over HTTP/2: wide.c's */
	bool used; /* a request came: no other protocol begins here */
	void *user;
};

struct wire_ops {
	/* head and body are borrowed for the call. */
	void (*on_request)(struct wire_conn *c, const struct http_head *head,
	    struct slice body);
	void (*on_writable)(struct wire_conn *c);
	/* The peer left during an exchange. */
	void (*on_gone)(struct wire_conn *c);
	void (*on_close)(struct wire_conn *c);
};

struct wire *wire_new(struct loop *l, int listen_fd, const struct wire_ops *ops,
    void *user) MUST_USE;
void wire_free(struct wire **w); /* closes every connection */
struct loop *wire_loop(const struct wire_conn *c);
void *wire_user(const struct wire_conn *c);

/* Writes a, then b; the bytes taken, 0: wait for on_writable, -1: gone. */
ssize_t wire_send(struct wire_conn *c, struct slice a, struct slice b);
void wire_done(struct wire_conn *c, bool keep);
void wire_fin(struct wire_conn *c);
void wire_rst(struct wire_conn *c);

#endif
