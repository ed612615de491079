/*
 * msg.h - an HTTP message head as data; no sockets here
 *
 * Names are compared without case.  Slices borrow from whoever made the
 * head; the owner says for how long.
 */
#ifndef KONTOR_HTTP_MSG_H
#define KONTOR_HTTP_MSG_H

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"

enum { HTTP_HDR_MAX = 128 };

struct http_hdr {
	struct slice name, value;
};

/* A request has method and target, an answer has a status. */
struct http_head {
	struct slice method;
	struct slice target; /* as sent: path and query */
	int status;
	unsigned nhdr;
	/* Bit i: a name's length is i (mod 64).  More may be set: who looks
	 * for a name most often learns here that it is not there. */
	uint64_t lens;
	struct http_hdr hdr[HTTP_HDR_MAX];
};

/* The first header of that name; NULL: none. */
const struct http_hdr *http_find(const struct http_head *h, struct slice name);
/* Its value; an empty slice with p == NULL when there is none. */
struct slice http_value(const struct http_head *h, struct slice name);
/* The one way to fill hdr.  Adds at the end; false when HTTP_HDR_MAX are there.
 * Borrows both. */
bool http_add(struct http_head *h, struct slice name, struct slice value);

struct slice http_path(const struct http_head *h);  /* target before '?' */
struct slice http_query(const struct http_head *h); /* after it, or empty */
/* The value of name in a query string, still percent-encoded. */
struct slice http_query_get(struct slice query, struct slice name);

/* Does a path fit the pattern, in which "{}" stands for one segment that is
 * not empty, and "{*}" at its end for all that follows?  *segment is still
 * percent-encoded. */
bool http_fits(const char *pattern, struct slice path, struct slice *segment);
/* The value of Host (RFC 9110 7.2): an IPv6 address in brackets, the port
 * where it is not the scheme's own. */
void http_write_host(struct buf *b, const char *host, unsigned port, bool tls);
/* Percent-decoded, in the arena; plus: '+' is a space, as in queries. */
struct slice http_unescape(struct arena *a, struct slice s, bool plus);

const char *http_reason(int status);

#endif
