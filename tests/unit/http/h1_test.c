#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "http/h1.h"

enum { MAX_HEAD = 4096 };

static struct http_head head;
static struct h1_meta meta;

/* Every prefix first, each in memory of its own size, as reads would bring
 * them; what comes out is the same as for the whole. */
static enum fault
request(struct slice in, size_t *used)
{
	struct h1_seen seen = { 0 };
	enum fault f = FAULT_NONE;
	char *copy = NULL;
	size_t len;

	*used = 0;
	for (len = 1; len <= in.len && f == FAULT_NONE && *used == 0; len++) {
		mem_free(copy);
		copy = mem_grow(NULL, len);
		memcpy(copy, in.p, len);
		f = h1_request(&seen, (struct slice){ copy, len }, MAX_HEAD,
		    &head, &meta, used);
	}
	mem_free(copy);
	if (f == FAULT_NONE && *used > 0) {
		seen = (struct h1_seen){ 0 };
		f = h1_request(&seen, in, MAX_HEAD, &head, &meta, used);
	}
	return f;
}

static enum fault
answer(struct slice in, bool to_head, size_t *used)
{
	struct h1_seen seen = { 0 };
	enum fault f = FAULT_NONE;
	size_t len;

	*used = 0;
	for (len = 1; len <= in.len && f == FAULT_NONE && *used == 0; len++)
		f = h1_answer(&seen, (struct slice){ in.p, len }, MAX_HEAD,
		    to_head, &head, &meta, used);
	return f;
}

static void
assert_text(struct slice got, const char *want)
{
	if (!slice_eq(got, slice_of(want)))
		fail_msg("got '%.*s', want '%s'", S_FMT(got), want);
}

static void
a_request_is_taken_apart(void **state)
{
	struct slice in = S("POST /v1/chat?x=1&y HTTP/1.1\r\n"
			    "Host: api.example:8080\r\n"
			    "content-LENGTH:  5 \t\r\n"
			    "X-Empty:\r\n"
			    "X-Text: caf\xc3\xa9 \t tab\r\n"
			    "\r\nhello");
	size_t used;

	(void)state;
	assert_int_equal(request(in, &used), FAULT_NONE);
	assert_int_equal(used, in.len - 5);
	assert_text(head.method, "POST");
	assert_text(head.target, "/v1/chat?x=1&y");
	assert_text(http_path(&head), "/v1/chat");
	assert_text(http_query(&head), "x=1&y");
	assert_int_equal(head.nhdr, 4);
	assert_text(http_value(&head, S("Content-Length")), "5");
	assert_text(http_value(&head, S("x-empty")), "");
	assert_text(http_value(&head, S("x-text")), "caf\xc3\xa9 \t tab");
	assert_int_equal(meta.framing, H1_SIZED);
	assert_int_equal(meta.body_len, 5);
	assert_true(meta.keep_alive);
}

struct good {
	struct slice in;
	const char *target;
	enum h1_framing framing;
	bool keep_alive, expect;
};

static void
good_requests_say_how_they_are_framed(void **state)
{
	static const struct good cases[] = {
		{ S_INIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "/", H1_EMPTY,
		    true, false },
		{ S_INIT("\r\nGET / HTTP/1.1\r\nHost:\r\n\r\n"), "/", H1_EMPTY,
		    true, false },
		{ S_INIT("GET / HTTP/1.1\r\nHost: a\r\n"
			 "Connection: x, Close\r\n\r\n"),
		    "/", H1_EMPTY, false, false },
		{ S_INIT("GET / HTTP/1.0\r\n\r\n"), "/", H1_EMPTY, false,
		    false },
		{ S_INIT("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
		    "/", H1_EMPTY, false, false },
		{ S_INIT("POST / HTTP/1.1\r\nHost: a\r\n"
			 "Transfer-Encoding: Chunked\r\n\r\n"),
		    "/", H1_CHUNKED, true, false },
		{ S_INIT("POST / HTTP/1.1\r\nHost: a\r\n"
			 "Content-Length: 0\r\n\r\n"),
		    "/", H1_EMPTY, true, false },
		{ S_INIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
			 "Expect: 100-Continue\r\n\r\n"),
		    "/", H1_SIZED, true, true },
		{ S_INIT("GET http://a.example/p?q HTTP/1.1\r\nHost: a\r\n"
			 "\r\n"),
		    "/p?q", H1_EMPTY, true, false },
		{ S_INIT("GET HTTPS://a.example HTTP/1.1\r\nHost: a\r\n\r\n"),
		    "/", H1_EMPTY, true, false },
		{ S_INIT("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), "*",
		    H1_EMPTY, true, false },
		{ S_INIT("GET /{a}|b[c]:d HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
		    "/{a}|b[c]:d", H1_EMPTY, true, false },
	};
	size_t i, used;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		print_message("%zu\n", i);
		assert_int_equal(request(cases[i].in, &used), FAULT_NONE);
		assert_int_equal(used, cases[i].in.len);
		assert_text(head.target, cases[i].target);
		assert_int_equal(meta.framing, cases[i].framing);
		assert_int_equal(meta.keep_alive, cases[i].keep_alive);
		assert_int_equal(meta.expect_continue, cases[i].expect);
	}
}

struct bad {
	const char *what;
	struct slice in;
};

#define REQ(headers) S_INIT("POST / HTTP/1.1\r\nHost: a\r\n" headers "\r\n")

static void
requests_that_could_be_read_two_ways_are_refused(void **state)
{
	static const struct bad cases[] = {
		{ "length and chunks",
		    REQ("Content-Length: 1\r\nTransfer-Encoding: "
			"chunked\r\n") },
		{ "chunks and length",
		    REQ("Transfer-Encoding: chunked\r\nContent-Length: "
			"1\r\n") },
		{ "two lengths",
		    REQ("Content-Length: 1\r\nContent-Length: 2\r\n") },
		{ "the same length twice",
		    REQ("Content-Length: 1\r\nContent-Length: 1\r\n") },
		{ "a list of lengths", REQ("Content-Length: 1, 1\r\n") },
		{ "a signed length", REQ("Content-Length: +1\r\n") },
		{ "a negative length", REQ("Content-Length: -1\r\n") },
		{ "a hex length", REQ("Content-Length: 0x1\r\n") },
		{ "an empty length", REQ("Content-Length:\r\n") },
		{ "a huge length",
		    REQ("Content-Length: 99999999999999999999\r\n") },
		{ "a folded header", REQ("X: a\r\n b\r\n") },
		{ "a folded first header",
		    S_INIT("GET / HTTP/1.1\r\n Host: a\r\n\r\n") },
		{ "a bare CR in a value", REQ("X: a\rb\r\n") },
		{ "a bare LF", S_INIT("GET / HTTP/1.1\nHost: a\r\n\r\n") },
		{ "a bare LF after a header",
		    S_INIT("GET / HTTP/1.1\r\nHost: a\n\r\n") },
		{ "a bare LF at the end",
		    S_INIT("GET / HTTP/1.1\r\nHost: a\r\n\n") },
		{ "a NUL in a value", REQ("X: a\0b\r\n") },
		{ "a control in a value", REQ("X: a\x01 b\r\n") },
		{ "a DEL in a value", REQ("X: a\x7f\r\n") },
		{ "a space before the colon", REQ("X : a\r\n") },
		{ "a header without a colon", REQ("X\r\n") },
		{ "a header without a name", REQ(": a\r\n") },
		{ "a bad name", REQ("X(y): a\r\n") },
		{ "another coding", REQ("Transfer-Encoding: gzip\r\n") },
		{ "a list of codings",
		    REQ("Transfer-Encoding: gzip, chunked\r\n") },
		{ "identity", REQ("Transfer-Encoding: identity\r\n") },
		{ "chunked twice", REQ("Transfer-Encoding: chunked\r\n"
				       "Transfer-Encoding: chunked\r\n") },
		{ "chunks in 1.0",
		    S_INIT("POST / HTTP/1.0\r\n"
			   "Transfer-Encoding: chunked\r\n\r\n") },
		{ "no host", S_INIT("GET / HTTP/1.1\r\n\r\n") },
		{ "two hosts", REQ("Host: b\r\n") },
		{ "a bad host", S_INIT("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") },
		{ "a host with a path",
		    S_INIT("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n") },
		{ "a bad method", S_INIT("G@T / HTTP/1.1\r\nHost: a\r\n\r\n") },
		{ "no method", S_INIT(" / HTTP/1.1\r\nHost: a\r\n\r\n") },
		{ "no target", S_INIT("GET  HTTP/1.1\r\nHost: a\r\n\r\n") },
		{ "two spaces", S_INIT("GET  / HTTP/1.1\r\nHost: a\r\n\r\n") },
		{ "a space in the target",
		    S_INIT("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n") },
		{ "a tab in the target",
		    S_INIT("GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n") },
		{ "a fragment", S_INIT("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n") },
		{ "bytes above ASCII in the target",
		    S_INIT("GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n") },
		{ "a relative target",
		    S_INIT("GET a HTTP/1.1\r\nHost: a\r\n\r\n") },
		{ "an absolute target without host",
		    S_INIT("GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n") },
		{ "a star for GET",
		    S_INIT("GET * HTTP/1.1\r\nHost: a\r\n\r\n") },
		{ "a tunnel",
		    S_INIT("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n") },
		{ "no version", S_INIT("GET /\r\nHost: a\r\n\r\n") },
		{ "another version",
		    S_INIT("GET / HTTP/2.0\r\nHost: a\r\n\r\n") },
		{ "a version of two digits",
		    S_INIT("GET / HTTP/1.10\r\nHost: a\r\n\r\n") },
		{ "a lower-case version",
		    S_INIT("GET / http/1.1\r\nHost: a\r\n\r\n") },
		{ "the preface of HTTP/2",
		    S_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") },
		{ "a TLS hello", S_INIT("\x16\x03\x01\x02") },
		{ "two empty lines before",
		    S_INIT("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n") },
	};
	size_t i, used;
	enum fault f;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		f = request(cases[i].in, &used);
		if (f != FAULT_HTTP)
			fail_msg("%s: %s, used %zu", cases[i].what,
			    fault_get(f)->code, used);
	}
}

static struct slice
with_headers(struct buf *b, unsigned n)
{
	buf_clear(b);
	buf_str(b, "GET / HTTP/1.1\r\nHost: a\r\n");
	while (n-- > 1)
		buf_str(b, "a: b\r\n");
	buf_str(b, "\r\n");
	return buf_slice(b);
}

static void
too_many_headers_are_too_large(void **state)
{
	struct buf b = { 0 };
	size_t used;

	(void)state;
	assert_int_equal(
	    request(with_headers(&b, HTTP_HDR_MAX), &used), FAULT_NONE);
	assert_int_equal(head.nhdr, HTTP_HDR_MAX);
	assert_int_equal(request(with_headers(&b, HTTP_HDR_MAX + 1), &used),
	    FAULT_HEAD_TOO_LARGE);
	buf_fini(&b);
}

static void
a_head_above_the_limit_is_too_large(void **state)
{
	struct h1_seen seen = { 0 };
	struct buf b = { 0 };
	size_t used;

	(void)state;
	buf_str(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
	while (b.len < MAX_HEAD)
		buf_char(&b, 'x');
	assert_int_equal(request(buf_slice(&b), &used), FAULT_NONE);
	assert_int_equal(used, 0);
	buf_char(&b, 'x');
	assert_int_equal(request(buf_slice(&b), &used), FAULT_HEAD_TOO_LARGE);
	buf_str(&b, "\r\n\r\n");
	assert_int_equal(
	    h1_request(&seen, buf_slice(&b), MAX_HEAD, &head, &meta, &used),
	    FAULT_HEAD_TOO_LARGE);
	buf_fini(&b);
}

struct reply {
	struct slice in;
	bool to_head;
	int status;
	enum h1_framing framing;
	bool keep_alive;
};

static void
answers_say_how_they_are_framed(void **state)
{
	static const struct reply cases[] = {
		{ S_INIT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), false,
		    200, H1_SIZED, true },
		{ S_INIT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), false,
		    200, H1_EMPTY, true },
		{ S_INIT("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), false,
		    200, H1_EMPTY, true },
		{ S_INIT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), true,
		    200, H1_EMPTY, true },
		{ S_INIT("HTTP/1.1 204 No Content\r\n\r\n"), false, 204,
		    H1_EMPTY, true },
		{ S_INIT("HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n"), false,
		    304, H1_EMPTY, true },
		{ S_INIT("HTTP/1.1 100 Continue\r\n\r\n"), false, 100, H1_EMPTY,
		    true },
		{ S_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
			 "\r\n"),
		    false, 200, H1_CHUNKED, true },
		{ S_INIT("HTTP/1.1 200 OK\r\n\r\n"), false, 200, H1_TO_CLOSE,
		    false },
		{ S_INIT("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n"), false,
		    200, H1_SIZED, false },
		{ S_INIT("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n"
			 "Connection: Keep-Alive\r\n\r\n"),
		    false, 200, H1_SIZED, true },
		{ S_INIT("HTTP/1.1 503 x y\r\nContent-Length: 3\r\n"
			 "Connection: close\r\n\r\n"),
		    false, 503, H1_SIZED, false },
	};
	size_t i, used;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		print_message("%zu\n", i);
		assert_int_equal(
		    answer(cases[i].in, cases[i].to_head, &used), FAULT_NONE);
		assert_int_equal(used, cases[i].in.len);
		assert_int_equal(head.status, cases[i].status);
		assert_int_equal(meta.framing, cases[i].framing);
		assert_int_equal(meta.keep_alive, cases[i].keep_alive);
	}
}

#define ANS(headers) S_INIT("HTTP/1.1 200 OK\r\n" headers "\r\n")

static void
answers_that_make_no_sense_are_garbage(void **state)
{
	static const struct bad cases[] = {
		{ "text", S_INIT("hello\r\n\r\n") },
		{ "another version", S_INIT("HTTP/2 200 OK\r\n\r\n") },
		{ "ICY", S_INIT("ICY 200 OK\r\n\r\n") },
		{ "a status of two digits", S_INIT("HTTP/1.1 20 OK\r\n\r\n") },
		{ "a status of four digits",
		    S_INIT("HTTP/1.1 2000 OK\r\n\r\n") },
		{ "a status below 100", S_INIT("HTTP/1.1 099 OK\r\n\r\n") },
		{ "letters for a status", S_INIT("HTTP/1.1 abc OK\r\n\r\n") },
		{ "two spaces", S_INIT("HTTP/1.1  200 OK\r\n\r\n") },
		{ "length and chunks",
		    ANS("Content-Length: 1\r\nTransfer-Encoding: "
			"chunked\r\n") },
		{ "two lengths",
		    ANS("Content-Length: 1\r\nContent-Length: 1\r\n") },
		{ "a bad length", ANS("Content-Length: 1a\r\n") },
		{ "another coding", ANS("Transfer-Encoding: gzip\r\n") },
		{ "a folded header", ANS("X: a\r\n b\r\n") },
		{ "a bare LF", S_INIT("HTTP/1.1 200 OK\n\n") },
		{ "a bare CR", ANS("X: a\rb\r\n") },
		{ "a NUL", ANS("X: a\0b\r\n") },
		{ "a space before the colon", ANS("X : a\r\n") },
	};
	size_t i, used;
	enum fault f;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		f = answer(cases[i].in, false, &used);
		if (f != FAULT_UP_GARBAGE)
			fail_msg("%s: %s", cases[i].what, fault_get(f)->code);
	}
}

/* --- bodies ------------------------------------------------------------ */

/* Feeds in pieces cut at a and b; *rest gets what was not the body's. */
static enum fault
decode(enum h1_framing framing, uint64_t len, struct slice in, size_t a,
    size_t b, struct buf *out, bool *last, size_t *rest)
{
	size_t cuts[4] = { 0, a, b, in.len }, i, used, n;
	struct h1_meta m = { .framing = framing, .body_len = len };
	enum fault f = FAULT_NONE;
	struct h1_body body;
	struct slice data;
	char *copy;

	buf_clear(out);
	*last = false;
	*rest = 0;
	h1_body_init(&body, &m, FAULT_HTTP);
	for (i = 0; i < 3 && f == FAULT_NONE && !*last; i++) {
		n = cuts[i + 1] - cuts[i];
		copy = mem_grow(NULL, n);
		memcpy(copy, in.p + cuts[i], n);
		f = h1_body_feed(&body, copy, n, &used, &data, last);
		if (f == FAULT_NONE)
			buf_add(out, data);
		mem_free(copy);
		*rest = in.len - cuts[i] - used;
	}
	return f;
}

static void
chunks_join_wherever_they_are_split(void **state)
{
	struct slice in = S("5\r\nhello\r\n00B;ext=\"a b\"\r\n, big world"
			    "\r\n1\r\n!\r\n0\r\nTrailer: x\r\nB:\r\n\r\nNEXT");
	struct buf out = { 0 };
	size_t a, b, rest;
	bool last;

	(void)state;
	for (a = 0; a <= in.len; a++) {
		for (b = a; b <= in.len; b++) {
			assert_int_equal(
			    decode(H1_CHUNKED, 0, in, a, b, &out, &last, &rest),
			    FAULT_NONE);
			assert_text(buf_slice(&out), "hello, big world!");
			assert_true(last);
			assert_int_equal(rest, 4);
		}
	}
	buf_fini(&out);
}

static void
chunks_of_one_read_come_as_one_slice_with_the_end(void **state)
{
	char in[] = "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n";
	struct h1_meta m = { .framing = H1_CHUNKED };
	struct h1_body body;
	struct slice data;
	size_t used;
	bool last;

	(void)state;
	h1_body_init(&body, &m, FAULT_HTTP);
	assert_int_equal(
	    h1_body_feed(&body, in, sizeof(in) - 1, &used, &data, &last),
	    FAULT_NONE);
	assert_text(data, "abcdef");
	assert_true(last);
	assert_ptr_equal(data.p, in + 3); /* the first was not moved */
}

static void
a_sized_body_ends_with_its_last_byte(void **state)
{
	struct buf out = { 0 };
	size_t a, rest;
	bool last;

	(void)state;
	for (a = 0; a <= 8; a++) {
		assert_int_equal(decode(H1_SIZED, 5, S("helloNEX"), a, 8, &out,
				     &last, &rest),
		    FAULT_NONE);
		assert_text(buf_slice(&out), "hello");
		assert_true(last);
		assert_int_equal(rest, 3);
	}
	buf_fini(&out);
}

static void
malformed_chunks_are_refused(void **state)
{
	static const struct bad cases[] = {
		{ "no size", S_INIT("\r\nabc") },
		{ "a letter", S_INIT("g\r\n") },
		{ "a sign", S_INIT("+3\r\nabc") },
		{ "0x", S_INIT("0x3\r\nabc") },
		{ "a space before the size", S_INIT(" 3\r\nabc") },
		{ "a space after the size", S_INIT("3 \r\nabc") },
		{ "a size beyond 60 bits", S_INIT("1000000000000000\r\n") },
		{ "leading zeros without end",
		    S_INIT("0000000000000000000000001\r\na") },
		{ "a bare LF after the size", S_INIT("3\nabc\r\n") },
		{ "a bare CR after the size", S_INIT("3\rabc\r\n") },
		{ "data longer than its size", S_INIT("3\r\nabcd\r\n") },
		{ "a bare LF after the data", S_INIT("3\r\nabc\n") },
		{ "a bare LF in an extension", S_INIT("3;a\nabc") },
		{ "a NUL in an extension", S_INIT("3;a\0\r\nabc") },
		{ "a bare LF in the trailer", S_INIT("0\r\nA: b\n\r\n") },
		{ "a bare CR at the end", S_INIT("0\r\n\rX") },
	};
	struct buf out = { 0 };
	size_t i, a, rest;
	enum fault f;
	bool last;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		for (a = 0; a <= cases[i].in.len; a++) {
			f = decode(H1_CHUNKED, 0, cases[i].in, a,
			    cases[i].in.len, &out, &last, &rest);
			if (f != FAULT_HTTP)
				fail_msg("%s at %zu", cases[i].what, a);
		}
	}
	buf_fini(&out);
}

static void
extensions_and_trailers_without_end_are_refused(void **state)
{
	static const char *const starts[] = { "1;", "0\r\nA: " };
	struct buf in = { 0 }, out = { 0 };
	size_t i, rest;
	bool last;

	(void)state;
	for (i = 0; i < NELEM(starts); i++) {
		buf_clear(&in);
		buf_str(&in, starts[i]);
		while (in.len < 20000)
			buf_char(&in, 'x');
		assert_int_equal(decode(H1_CHUNKED, 0, buf_slice(&in), 9, 9000,
				     &out, &last, &rest),
		    FAULT_HTTP);
	}
	buf_fini(&in);
	buf_fini(&out);
}

static void
a_body_to_the_close_ends_only_there(void **state)
{
	struct h1_meta m = { .framing = H1_TO_CLOSE };
	struct h1_body body;
	struct slice data;
	char in[] = "abc";
	size_t used;
	bool last;

	(void)state;
	h1_body_init(&body, &m, FAULT_UP_GARBAGE);
	assert_int_equal(
	    h1_body_feed(&body, in, 3, &used, &data, &last), FAULT_NONE);
	assert_int_equal(data.len, 3);
	assert_false(last);
	assert_true(h1_body_eof(&body));
	m.framing = H1_CHUNKED;
	h1_body_init(&body, &m, FAULT_UP_GARBAGE);
	assert_false(h1_body_eof(&body));
}

/* --- writing ----------------------------------------------------------- */

static void
chunk_sizes_are_written_in_hex(void **state)
{
	static const struct {
		size_t len;
		const char *want;
	} cases[] = { { 0, "0\r\n" }, { 1, "1\r\n" }, { 15, "f\r\n" },
		{ 16, "10\r\n" }, { 255, "ff\r\n" }, { 256, "100\r\n" },
		{ 65536, "10000\r\n" }, { SIZE_MAX, "ffffffffffffffff\r\n" } };
	char text[H1_CHUNK_MAX];
	size_t i, n;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		n = h1_write_chunk(text, cases[i].len);
		assert_text((struct slice){ text, n }, cases[i].want);
	}
}

static void
a_header_that_would_break_a_line_is_not_ok(void **state)
{
	static const struct {
		struct http_hdr hdr;
		bool ok;
	} cases[] = {
		{ { S_INIT("x-a"), S_INIT("b c") }, true },
		{ { S_INIT("x-a"), S_INIT("") }, true },
		{ { S_INIT("x-a"), S_INIT("a rather long value, b\r\nX: y") },
		    false },
		{ { S_INIT("x-a"), S_INIT("b\n") }, false },
		{ { S_INIT("x-a"), S_INIT("b\0") }, false },
		{ { S_INIT("x a"), S_INIT("b") }, false },
		{ { S_INIT("x:"), S_INIT("b") }, false },
		{ { S_INIT(""), S_INIT("b") }, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++)
		assert_int_equal(h1_hdr_ok(&cases[i].hdr), cases[i].ok);
}

/* Of every byte, at every place of a name and of a value. */
static void
what_a_header_may_hold_does_not_depend_on_where(void **state)
{
	static const char tokens[] = "!#$%&'*+-.^_`|~0123456789"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz";
	char text[40];
	struct http_hdr hdr;
	size_t at, len;
	bool token, clean;
	int v;

	(void)state;
	for (v = 0; v < 256; v++) {
		token = v != 0 && strchr(tokens, v) != NULL;
		clean = v == '\t' || (v >= 0x20 && v != 0x7f);
		for (len = 1; len <= sizeof(text); len++) {
			for (at = 0; at < len; at++) {
				memset(text, 'x', sizeof(text));
				text[at] = (char)v;
				hdr.name = (struct slice){ text, len };
				hdr.value = S("v");
				assert_int_equal(h1_hdr_ok(&hdr), token);
				hdr.name = S("n");
				hdr.value = (struct slice){ text, len };
				assert_int_equal(h1_hdr_ok(&hdr), clean);
			}
		}
	}
}

static enum fault
tunnel(struct slice in, size_t *used)
{
	struct h1_seen seen = { 0 };
	enum fault f = FAULT_NONE;
	size_t len;

	*used = 0;
	for (len = 1; len <= in.len && f == FAULT_NONE && *used == 0; len++)
		f = h1_tunnel(
		    &seen, (struct slice){ in.p, len }, MAX_HEAD, &head, used);
	return f;
}

#define REFUSAL(headers) S_INIT("HTTP/1.1 407 No\r\n" headers "\r\n")

/* RFC 9110, 9.3.6. */
static void
what_opens_a_tunnel_has_no_body_whatever_it_says(void **state)
{
	static const struct slice good[] = { ANS(""),
		ANS("Content-Length: 5\r\n"),
		ANS("Transfer-Encoding: chunked\r\n"),
		ANS("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
		ANS("Content-Length: 1\r\nContent-Length: 2\r\n"),
		ANS("Content-Length: none\r\nTransfer-Encoding: gzip\r\n"),
		S_INIT("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
		REFUSAL("Content-Length: 5\r\n") };
	static const struct slice bad[] = { ANS("X : a\r\n"),
		REFUSAL("Content-Length: x\r\n"),
		REFUSAL(
		    "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n") };
	size_t i, used;

	(void)state;
	for (i = 0; i < NELEM(good); i++) {
		assert_int_equal(tunnel(good[i], &used), FAULT_NONE);
		assert_int_equal(used, good[i].len);
	}
	for (i = 0; i < NELEM(bad); i++)
		assert_int_equal(tunnel(bad[i], &used), FAULT_UP_GARBAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_taken_apart),
		cmocka_unit_test(good_requests_say_how_they_are_framed),
		cmocka_unit_test(
		    requests_that_could_be_read_two_ways_are_refused),
		cmocka_unit_test(too_many_headers_are_too_large),
		cmocka_unit_test(a_head_above_the_limit_is_too_large),
		cmocka_unit_test(answers_say_how_they_are_framed),
		cmocka_unit_test(answers_that_make_no_sense_are_garbage),
		cmocka_unit_test(
		    what_opens_a_tunnel_has_no_body_whatever_it_says),
		cmocka_unit_test(chunks_join_wherever_they_are_split),
		cmocka_unit_test(
		    chunks_of_one_read_come_as_one_slice_with_the_end),
		cmocka_unit_test(a_sized_body_ends_with_its_last_byte),
		cmocka_unit_test(malformed_chunks_are_refused),
		cmocka_unit_test(
		    extensions_and_trailers_without_end_are_refused),
		cmocka_unit_test(a_body_to_the_close_ends_only_there),
		cmocka_unit_test(chunk_sizes_are_written_in_hex),
		cmocka_unit_test(a_header_that_would_break_a_line_is_not_ok),
		cmocka_unit_test(
		    what_a_header_may_hold_does_not_depend_on_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
