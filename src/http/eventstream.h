/*
 * eventstream.h - AWS's event stream: messages framed by lengths and sums
 *
 * A message is total length, headers' length, CRC-32 of these two, headers,
 * payload, CRC-32 of all before it; numbers are big-endian.  The splitter
 * checks both sums and every length before it hands a message out, and passes
 * its bytes on as they came, as sse.h does.  A message that lies whole in the
 * input is not copied.
 *
 * Errors:  FAULT_UP_GARBAGE: a wrong sum, lengths that do not fit, a message
 *          above the limit, a header that is none.  The stream is lost then.
 */
#ifndef KONTOR_HTTP_EVENTSTREAM_H
#define KONTOR_HTTP_EVENTSTREAM_H

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"

enum {
	EVENTSTREAM_MIN = 16,               /* bytes of an empty message */
	EVENTSTREAM_MAX = 24 * 1024 * 1024, /* that AWS sends */
	EVENTSTREAM_HEADERS_MAX = 128 * 1024
};

enum eventstream_type {
	EVENTSTREAM_TRUE,
	EVENTSTREAM_FALSE,
	EVENTSTREAM_BYTE,
	EVENTSTREAM_SHORT,
	EVENTSTREAM_INTEGER,
	EVENTSTREAM_LONG,
	EVENTSTREAM_BYTES,
	EVENTSTREAM_STRING,
	EVENTSTREAM_TIMESTAMP,
	EVENTSTREAM_UUID
};

struct eventstream_header {
	struct slice name;
	enum eventstream_type type;
	struct slice value; /* its bytes as on the wire, without a length */
};

/* Borrowed for the callback. */
struct eventstream_message {
	struct slice raw, headers, payload;
	/* The headers that AWS's services use, when they are strings; empty:
	 * not there. */
	struct slice kind;  /* :message-type: event, exception, error */
	struct slice event; /* :event-type, :exception-type or :error-code */
	struct slice error; /* :error-message */
};

/* Zeroed, with max set, is a splitter at the start of a stream. */
struct eventstream {
	size_t max; /* bytes of a message */
	struct buf tail;
	bool lost;
};

/* True: pass its bytes on.  Neither callback may end the splitter. */
typedef bool eventstream_message_f(
    void *arg, const struct eventstream_message *m);
typedef void eventstream_pass_f(void *arg, struct slice bytes);

/* on_pass may be NULL when bytes are of no interest. */
enum fault eventstream_feed(struct eventstream *s, struct slice in,
    eventstream_message_f *on_message, eventstream_pass_f *on_pass,
    void *arg) MUST_USE;
/* The stream ended: FAULT_UP_GARBAGE in the midst of a message. */
enum fault eventstream_end(const struct eventstream *s) MUST_USE;
void eventstream_fini(struct eventstream *s); /* harmless when zeroed */

/* Cuts the first header off *headers, which the splitter has checked; false:
 * there is none left. */
bool eventstream_next_header(
    struct slice *headers, struct eventstream_header *out);

/* --- to write -------------------------------------------------------- */

/* One message: begin, headers, payload, end.  *at is the writer's mark. */
void eventstream_begin(struct buf *b, size_t *at);
void eventstream_put(struct buf *b, const struct eventstream_header *h);
void eventstream_close(struct buf *b, size_t at, struct slice payload);

/* As Bedrock's services write them; the payload is JSON. */
void eventstream_event(struct buf *b, struct slice type, struct slice payload);
void eventstream_exception(
    struct buf *b, struct slice type, struct slice payload);

#endif
