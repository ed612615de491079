/*
 * h1.h - HTTP/1.1 as data: strict heads, body framing, writing heads
 *
 * Strict as RFC 9112 lets a recipient be, and stricter where leniency has
 * been used to smuggle requests: lines end in CRLF, one Content-Length of
 * digits, or one Transfer-Encoding that is exactly "chunked", never both; no
 * folded headers, no white space before the colon, no control characters.
 *
 * Errors:  requests: FAULT_HTTP, FAULT_HEAD_TOO_LARGE; answers and their
 *          bodies: FAULT_UP_GARBAGE, also when too large.
 */
#ifndef KONTOR_HTTP_H1_H
#define KONTOR_HTTP_H1_H

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "http/msg.h"

enum h1_framing {
	H1_EMPTY,   /* no body */
	H1_SIZED,   /* Content-Length, above zero */
	H1_CHUNKED, /* Transfer-Encoding: chunked */
	H1_TO_CLOSE /* answers only: until the connection ends */
};

/* What a head says about its connection and its body. */
struct h1_meta {
	enum h1_framing framing;
	uint64_t body_len; /* H1_SIZED */
	bool http10;
	bool keep_alive;
	bool expect_continue;
};

/* Zeroed at the start of a message; what was already looked through. */
struct h1_seen {
	size_t scanned;
};

/*
 * in begins at the message and holds all of it that has come so far.  When
 * the head is whole, *used is its length, and *head borrows from in;
 * otherwise *used is 0: come again with more.
 */
enum fault h1_request(struct h1_seen *seen, struct slice in, size_t max_head,
    struct http_head *head, struct h1_meta *meta, size_t *used) MUST_USE;
/* to_head: the request was a HEAD. */
enum fault h1_answer(struct h1_seen *seen, struct slice in, size_t max_head,
    bool to_head, struct http_head *head, struct h1_meta *meta,
    size_t *used) MUST_USE;
/* The answer to a CONNECT: a 2xx has no body, whatever it says of one. */
enum fault h1_tunnel(struct h1_seen *seen, struct slice in, size_t max_head,
    struct http_head *head, size_t *used) MUST_USE;

/* A body on its way in. */
struct h1_body {
	enum h1_framing framing;
	enum fault bad; /* what to say when it is malformed */
	uint64_t left;  /* of the body or of this chunk */
	uint32_t extra; /* bytes spent on extensions and trailers */
	uint8_t state;
	uint8_t digits;
	bool line_empty, in_name; /* of a trailer's line */
};

void h1_body_init(
    struct h1_body *b, const struct h1_meta *meta, enum fault bad);
/*
 * Takes framed bytes and leaves the content in one piece in the same memory.
 * *used may be less than len only when *last: the rest is the next message.
 */
enum fault h1_body_feed(struct h1_body *b, char *p, size_t len, size_t *used,
    struct slice *data, bool *last) MUST_USE;
/* The connection ended: true when that is how this body ends. */
bool h1_body_eof(const struct h1_body *b);

/* A name that is a token, a value without control characters. */
bool h1_hdr_ok(const struct http_hdr *hdr);
/* As a request line and a Host header may say it; for HTTP/2's fields. */
bool h1_target_ok(struct slice method, struct slice target);
bool h1_host_ok(struct slice host);
/* "name: value\r\n" */
void h1_write_hdr(struct buf *b, struct slice name, struct slice value);
/* "HTTP/1.1 200 OK\r\n" */
void h1_write_status(struct buf *b, int status);

/* "1a2b\r\n"; returns its length. */
enum { H1_CHUNK_MAX = 18 };
size_t h1_write_chunk(char to[H1_CHUNK_MAX], size_t len);

#endif
