/*
 * resolve.h - names to addresses, without blocking (c-ares on our loop)
 *
 * Literal addresses and localhost never ask anyone; the hosts file is read
 * once, by resolve_new(), which also reads the servers to ask: nothing is
 * opened later.  Answers are kept for their TTL within 5 to 60 s, failures
 * for 2 s.
 */
#ifndef KONTOR_IO_RESOLVE_H
#define KONTOR_IO_RESOLVE_H

#include "base/base.h"
#include "io/address.h"

struct loop; /* io/loop.h */
struct query;
struct resolve;
struct resolve_name;

enum { QUERY_ADDRESSES = 8 };

typedef void query_f(struct query *q);

/* Embedded in its owner. */
struct query {
	query_f *on_done;
	struct address addr[QUERY_ADDRESSES]; /* port 0 */
	unsigned n; /* 0: no such name, or there was no descriptor to ask */
	bool want;  /* the latter: nothing was asked, and nothing is kept */
	struct resolve_name *name; /* while it is asked */
	struct query *next, *prev;
};

struct resolve *resolve_new(struct loop *l) MUST_USE;
void resolve_free(struct resolve **r); /* no query may be open */

/* True: known at once, on_done is not called.  False: on_done comes later. */
bool resolve_ask(struct resolve *r, struct query *q, const char *host,
    query_f *on_done) MUST_USE;
void resolve_cancel(struct query *q); /* harmless when not asked */

/* Servers other than the system's: "127.0.0.1:5300"; for tests. */
bool resolve_servers(struct resolve *r, const char *csv) MUST_USE;

#endif
