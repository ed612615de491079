/*
 * calls.h - calls, one row each, newest first: read from the log
 *
 * There is no table of calls: the log is one.  The store's blocks say where
 * to begin, a page reads as little of the log as it needs, and at most for
 * about SEARCH_MS; what a filter did not find until then is found by the
 * next page, which begins where this one ended.
 *
 * A row: {"id", "time", "key", "key_name", "team", "model", "status", "fault",
 * "attempts", "deployment", "provider", "region", "zone", "tier", "streamed",
 * "client_gone", "input_tokens", "cached_tokens", "output_tokens",
 * "reasoning_tokens", "effective_cost", "list_cost", "resolution", "first_ms",
 * "total_ms", "corrected"}.  Deployment and what follows from it are those of
 * the last attempt, costs and tokens are sums; what does not apply is null.
 */
#ifndef KONTOR_BOOKS_CALLS_H
#define KONTOR_BOOKS_CALLS_H

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "store/store.h"

enum { CALLS_PAGE = 50, CALLS_PAGE_MAX = 500 };

/* What a call must be to be shown; empty: anything. */
struct calls_filter {
	uint64_t key; /* 0: any */
	struct slice org, team, project, principal;
	struct slice model, deployment, provider, region, resolution, fault;
	int status_from, status_to; /* 0: any */
	int64_t from_ns, to_ns;     /* when it ended; 0: open */
	bool only_unsure;           /* an attempt is unknown or estimated */
};

struct calls_query {
	struct calls_filter filter;
	uint64_t before; /* place in the log; UINT64_MAX: the newest */
	unsigned limit;  /* 1 to CALLS_PAGE_MAX */
};

/* {"calls":[...], "next":"PLACE" or null, "searched_to":TIME or null} */
enum fault calls_read(const char *data_dir, struct store *s,
    const struct calls_query *q, struct buf *out) MUST_USE;

/* --- as they end ---------------------------------------------------------- */

struct calls_tail; /* opaque; calls.c */

/* From the end of the log on.  FAULT_NOT_FOUND: there is no log. */
enum fault calls_tail_open(
    const char *data_dir, struct store *s, struct calls_tail **out) MUST_USE;
/* Rows of calls that ended since, comma-separated, the oldest first: at most
 * `most`, and how many more there were. */
enum fault calls_tail_read(struct calls_tail *t, struct store *s, unsigned most,
    struct buf *out, uint64_t *more) MUST_USE;
void calls_tail_close(struct calls_tail **t);

#endif
