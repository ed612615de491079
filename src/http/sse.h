/*
 * sse.h - server-sent events, seen while their bytes pass
 *
 * The splitter hands out every event with its raw bytes, and passes on the
 * bytes of those that are to go through: joined, what is passed and what is
 * cut is exactly what was fed.  An event that lies whole in the input is not
 * copied; an unfinished one waits inside until the rest has come, so that it
 * can still be cut.  Line ends, fields and comments as WHATWG HTML 9.2.
 *
 * Errors:  FAULT_UP_GARBAGE: an unfinished event above the limit.
 */
#ifndef KONTOR_HTTP_SSE_H
#define KONTOR_HTTP_SSE_H

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"

/* Zeroed, with max set, is a splitter at the start of a stream. */
struct sse {
	size_t max; /* bytes of an unfinished event */
	struct buf tail;
	struct buf joined; /* data of several lines */
	bool line_begun, skip_lf, begun;
	bool passed; /* the last event was */
};

/* Borrowed for the callback. */
struct sse_event {
	struct slice raw;  /* with the blank line that ends it */
	struct slice type; /* of the event field; empty: "message" */
	struct slice data; /* data lines, joined by LF */
	bool has_data;     /* false: a comment, a ping, an empty line */
};

/* True: pass its bytes on.  Neither callback may end the splitter. */
typedef bool sse_event_f(void *arg, const struct sse_event *e);
/* Bytes to go on, adjacent events in one piece. */
typedef void sse_pass_f(void *arg, struct slice bytes);

/* on_pass may be NULL when bytes are of no interest. */
enum fault sse_feed(struct sse *s, struct slice in, sse_event_f *on_event,
    sse_pass_f *on_pass, void *arg) MUST_USE;
/* The stream ended: what was left unfinished counts as a last event. */
void sse_end(
    struct sse *s, sse_event_f *on_event, sse_pass_f *on_pass, void *arg);
void sse_fini(struct sse *s); /* harmless when zeroed */

#endif
