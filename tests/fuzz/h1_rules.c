/*
 * h1_rules.c - heads made by rules whose verdict is known before
 *
 * Each byte chooses a line; each line says what it does to the verdict.  The
 * parser must say the same: refused or not, how the body is framed, whether
 * the connection stays.
 */
#include "http/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
	BAD = 1,
	HOST = 2,
	SIZED = 4,
	EMPTY = 8, /* Content-Length: 0 */
	CHUNKED = 16,
	CLOSE = 32
};

struct line {
	const char *text;
	unsigned effect;
};

static const struct line starts[] = {
	{ "GET / HTTP/1.1", 0 },
	{ "POST /v1/chat/completions HTTP/1.1", 0 },
	{ "DELETE /a?b=c&d HTTP/1.1", 0 },
	{ "GET /  HTTP/1.1", BAD },
	{ "GET  / HTTP/1.1", BAD },
	{ " GET / HTTP/1.1", BAD },
	{ "G@T / HTTP/1.1", BAD },
	{ "GET /a b HTTP/1.1", BAD },
	{ "GET /\x01 HTTP/1.1", BAD },
	{ "GET / HTTP/2.0", BAD },
	{ "GET / HTTP/1.2x", BAD },
	{ "GET / http/1.1", BAD },
	{ "GET /", BAD },
	{ "/ HTTP/1.1", BAD },
};

static const struct line headers[] = {
	{ "Host: a", HOST },
	{ "HOST: b:80", HOST },
	{ "Content-Length: 5", SIZED },
	{ "content-length:5", SIZED },
	{ "Content-Length: 0", EMPTY },
	{ "Transfer-Encoding: chunked", CHUNKED },
	{ "X: ok", 0 },
	{ "X:", 0 },
	{ "Accept: */*", 0 },
	{ "Connection: close", CLOSE },
	{ "Content-Length: 5, 5", BAD },
	{ "Content-Length: +5", BAD },
	{ "Content-Length: -5", BAD },
	{ "Content-Length: 0x5", BAD },
	{ "Content-Length: 5 5", BAD },
	{ "Content-Length: 18446744073709551616", BAD },
	{ "Content-Length : 5", BAD },
	{ "Transfer-Encoding: identity", BAD },
	{ "Transfer-Encoding: chunked, chunked", BAD },
	{ "Transfer-Encoding: gzip, chunked", BAD },
	{ "Transfer-Encoding: xchunked", BAD },
	{ "Transfer-Encoding : chunked", BAD },
	{ " folded: x", BAD },
	{ "\tfolded: x", BAD },
	{ ": no name", BAD },
	{ "X Y: z", BAD },
	{ "no colon", BAD },
	{ "X: a\x01z", BAD },
	{ "X: a\x7fz", BAD },
	{ "X: a\rb", BAD },
	{ "X: a\nContent-Length: 5", BAD },
};

static unsigned
count(unsigned *seen, unsigned effect)
{
	const unsigned again = *seen & effect & (HOST | CHUNKED);

	*seen |= effect;
	return again != 0 ? BAD : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct http_head head;
	unsigned seen = 0, lengths = 0;
	struct h1_seen progress = { 0 };
	const struct line *l;
	struct buf b = { 0 };
	struct h1_meta meta;
	enum fault f;
	size_t i, used;

	if (len < 1 || len > 24)
		return 0;
	l = &starts[data[0] % NELEM(starts)];
	buf_str(&b, l->text);
	buf_str(&b, "\r\n");
	seen |= l->effect;
	for (i = 1; i < len; i++) {
		l = &headers[data[i] % NELEM(headers)];
		buf_str(&b, l->text);
		buf_str(&b, "\r\n");
		seen |= count(&seen, l->effect);
		lengths += (l->effect & (SIZED | EMPTY)) != 0;
	}
	buf_str(&b, "\r\n");
	if ((seen & HOST) == 0 || lengths > 1 ||
	    ((seen & CHUNKED) != 0 && lengths > 0))
		seen |= BAD;
	f = h1_request(&progress, buf_slice(&b), 65536, &head, &meta, &used);
	CHECK((f != FAULT_NONE) == ((seen & BAD) != 0));
	if (f == FAULT_NONE) {
		CHECK(used == b.len && head.nhdr == len - 1);
		CHECK(meta.framing == ((seen & CHUNKED) != 0    ? H1_CHUNKED
					  : (seen & SIZED) != 0 ? H1_SIZED
								: H1_EMPTY));
		CHECK(meta.framing != H1_SIZED || meta.body_len == 5);
		CHECK(meta.keep_alive == ((seen & CLOSE) == 0));
	}
	buf_fini(&b);
	return 0;
}
