/*
 * h2conn.h - a client's HTTP/2 connection, private to httpio/
 *
 * A connection of the server's that began with HTTP/2's preface, or chose it
 * by ALPN, carries many exchanges; each behaves as its HTTP/1 sister does
 * (server.h).  What the owner writes waits in its stream until the client's
 * windows and the socket take it: exchange_full() speaks of that stream.
 */
#ifndef KONTOR_HTTPIO_H2CONN_H
#define KONTOR_HTTPIO_H2CONN_H

#include "httpio/conn.h"

/* From now on the connection is HTTP/2's; p: what has come of it. */
void h2conn_start(struct conn *c, const char *p, size_t len);
/* The socket is ready, or there is something to send. */
void h2conn_run(struct conn *c);
/* The timer. */
void h2conn_due(struct conn *c);
/* Since when it has no stream; 0: it has. */
int64_t h2conn_idle_since(const struct conn *c);
/* Bytes of a header block that is not whole, on a connection without streams;
 * else 0. */
size_t h2conn_half_head(const struct conn *c);
/* No new streams; ends when the last one has. */
void h2conn_drain(struct conn *c);
/* Tells every owner; the connection closes. */
void h2conn_end(struct conn *c);
/* After the end: are there owners that have not let go? */
bool h2conn_held(const struct conn *c);
void h2conn_fini(struct conn *c);

/* exchange.c: the same as there, for exchanges of HTTP/2. */
struct server *h2conn_server(const struct exchange *x);
const char *h2conn_peer(const struct exchange *x);
void h2conn_answer(struct exchange *x, int status, const struct http_hdr *hdr,
    unsigned nhdr, int64_t body_len);
void h2conn_write(struct exchange *x, struct slice data, bool last);
bool h2conn_full(const struct exchange *x);
bool h2conn_answered(const struct exchange *x);
void h2conn_forget(struct exchange *x);
void h2conn_abort(struct exchange *x);

#endif
