/*
 * wide.h - HTTP/2 at the simulator's door, private to wire.c
 *
 * A connection that begins with HTTP/2's preface carries many exchanges; each
 * is a struct wire_conn of its own, so that who plays the provider does not
 * know.  What it writes is HTTP/1, which is taken apart again: an answer that
 * is none (a bad chunk, two lengths), or that ends too early, is a stream
 * reset.
 */
#ifndef KONTOR_SIM_WIDE_H
#define KONTOR_SIM_WIDE_H

#include "sim/wire.h"

struct wide;

bool wide_is_preface(struct slice in);
/* Takes the socket of a connection that began with the preface. */
void wide_open(struct wire *w, struct loop *l, const struct wire_ops *ops,
    int fd, struct slice in);
void wide_close_all(void);

/* wire.c: the same as there, for exchanges of HTTP/2. */
ssize_t wide_send(struct wire_conn *c, struct slice a, struct slice b);
void wide_done(struct wire_conn *c);
void wide_fin(struct wire_conn *c);
void wide_rst(struct wire_conn *c);

#endif
