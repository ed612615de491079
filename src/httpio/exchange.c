#include <time.h>

#include "base/clock.h"
#include "httpio/conn.h"
#include "httpio/h2conn.h"
#include "io/loop.h"

/* Up to JOIN bytes it is cheaper to copy than to send in pieces. */
enum { JOIN = 4 * 1024, SPARE_BUF = 8 * 1024 };

static struct conn *
conn_of(const struct exchange *x)
{
	return CONTAINER_OF((uintptr_t)x, struct conn, x);
}

/* --- the head ---------------------------------------------------------- */

static struct slice
date(struct server *s)
{
	time_t now;
	struct tm tm;

	if (s->date_at_ns == 0 ||
	    loop_now(s->loop) - s->date_at_ns >= NS_PER_S) {
		s->date_at_ns = loop_now(s->loop);
		now = (time_t)(clock_wall_ns() / NS_PER_S);
		gmtime_r(&now, &tm);
		strftime(s->date, sizeof(s->date),
		    "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
	}
	return slice_of(s->date);
}

struct slice
server_date(struct server *s)
{
	const struct slice line = date(s);

	return (struct slice){ line.p + 6, line.len - 8 };
}

static bool
is_ours(struct slice name)
{
	switch (name.len) {
	case 4:
		return slice_ieq(name, S("date"));
	case 10:
		return slice_ieq(name, S("connection")) ||
		       slice_ieq(name, S("keep-alive"));
	case 14:
		return slice_ieq(name, S("content-length"));
	case 17:
		return slice_ieq(name, S("transfer-encoding"));
	default:
		return false;
	}
}

static size_t
head_size(const struct http_hdr *hdr, unsigned nhdr)
{
	size_t len = 256;
	unsigned i;

	for (i = 0; i < nhdr; i++)
		len += hdr[i].name.len + hdr[i].value.len + 4;
	return len;
}

/* Heads live from the answer to its first write, mostly one at a time: one
 * buffer goes from exchange to exchange. */
static void
take_buffer(struct conn *c)
{
	if (c->head.p != NULL)
		return;
	c->head = c->srv->spare;
	c->srv->spare = (struct buf){ 0 };
	buf_clear(&c->head);
}

static void
give_buffer(struct conn *c)
{
	if (c->head.p == NULL)
		return;
	if (c->srv->spare.p != NULL || c->head.cap > SPARE_BUF) {
		buf_fini(&c->head);
		return;
	}
	c->srv->spare = c->head;
	c->head = (struct buf){ 0 };
}

static void
write_framing(struct conn *c, int status, int64_t body_len)
{
	struct buf *b = &c->head;

	c->no_body = c->to_head || status == 204 || status == 304;
	c->chunked = body_len < 0 && !c->http10;
	c->left = c->no_body ? -1 : body_len;
	if (body_len < 0 && c->http10)
		c->close_after = true;
	if (c->close_after || c->srv->draining) {
		c->close_after = true;
		buf_add(b, S("Connection: close\r\n"));
	}
	if (status == 204 || status == 304)
		return;
	if (c->chunked) {
		buf_add(b, S("Transfer-Encoding: chunked\r\n"));
	} else if (body_len >= 0) {
		buf_add(b, S("Content-Length: "));
		buf_u64(b, (uint64_t)body_len);
		buf_add(b, S("\r\n"));
	}
}

void
exchange_answer(struct exchange *x, int status, const struct http_hdr *hdr,
    unsigned nhdr, int64_t body_len)
{
	struct conn *c = conn_of(x);
	unsigned i;

	if (x->h2) {
		h2conn_answer(x, status, hdr, nhdr, body_len);
		return;
	}
	CHECK(c->state == CONN_ANSWER && !c->answered);
	CHECK(status >= 200 && status < 1000);
	c->answered = true;
	take_buffer(c);
	buf_reserve(&c->head, head_size(hdr, nhdr));
	h1_write_status(&c->head, status);
	buf_add(&c->head, date(c->srv));
	for (i = 0; i < nhdr; i++) {
		if (!is_ours(hdr[i].name) && h1_hdr_ok(&hdr[i]))
			h1_write_hdr(&c->head, hdr[i].name, hdr[i].value);
	}
	write_framing(c, status, body_len);
	buf_add(&c->head, S("\r\n"));
}

/* --- the body ---------------------------------------------------------- */

static void
put(struct iovec *iov, int *n, struct slice s)
{
	if (s.len > 0)
		iov[(*n)++] = (struct iovec){ (void *)(uintptr_t)s.p, s.len };
}

/* The pieces of one write: head, chunk size, data, chunk end. */
static int
lay_out(struct conn *c, struct iovec iov[5], char size[H1_CHUNK_MAX],
    struct slice data, bool last)
{
	struct slice line;
	int n = 0;

	put(iov, &n, buf_slice(&c->head));
	if (c->no_body)
		return n;
	if (c->chunked && data.len > 0) {
		line = (struct slice){ size, h1_write_chunk(size, data.len) };
		put(iov, &n, line);
	}
	put(iov, &n, data);
	if (c->chunked && data.len > 0)
		put(iov, &n, last ? S("\r\n0\r\n\r\n") : S("\r\n"));
	else if (c->chunked && last)
		put(iov, &n, S("0\r\n\r\n"));
	return n;
}

static int
join(struct conn *c, struct iovec iov[5], int n)
{
	int i = 0;

	take_buffer(c);
	if (c->head.len > 0)
		i++;
	for (; i < n; i++)
		buf_add(&c->head,
		    (struct slice){ iov[i].iov_base, iov[i].iov_len });
	iov[0] = (struct iovec){ c->head.p, c->head.len };
	return 1;
}

static void
count(struct conn *c, struct slice data)
{
	if (c->left < 0 || c->no_body)
		return;
	CHECK((int64_t)data.len <= c->left);
	c->left -= (int64_t)data.len;
}

static void
give(struct conn *c, const struct iovec *iov, int n)
{
	bool idle = c->out.len == 0;

	if (!outq_writev(&c->out, &c->stream, iov, n)) {
		conn_break(c);
		return;
	}
	if (idle && c->out.len > 0)
		conn_queued(c);
	if (c->out.len >= conn_high(c->srv))
		c->was_full = true;
}

void
exchange_write(struct exchange *x, struct slice data, bool last)
{
	struct conn *c = conn_of(x);
	char size[H1_CHUNK_MAX];
	struct iovec iov[5];
	int n;

	if (x->h2) {
		h2conn_write(x, data, last);
		return;
	}
	CHECK(c->state == CONN_ANSWER && c->answered);
	count(c, data);
	n = lay_out(c, iov, size, data, last);
	if (n > 1 && data.len <= JOIN && c->out.len == 0)
		n = join(c, iov, n);
	if (n > 0 && !c->broken)
		give(c, iov, n);
	give_buffer(c);
	if (last)
		conn_answered(c);
}

bool
exchange_full(const struct exchange *x)
{
	struct conn *c = conn_of(x);

	if (x->h2)
		return h2conn_full(x);
	if (c->out.len < conn_high(c->srv))
		return false;
	/* Who is told so is owed on_drain, whenever the mark sank. */
	c->was_full = true;
	return true;
}

bool
exchange_answered(const struct exchange *x)
{
	return x->h2 ? h2conn_answered(x) : conn_of(x)->answered;
}

/* --- the rest ---------------------------------------------------------- */

void
exchange_forget(struct exchange *x)
{
	if (x->h2)
		h2conn_forget(x);
	else
		conn_free_request(conn_of(x));
}

void
exchange_abort(struct exchange *x)
{
	struct conn *c = conn_of(x);

	if (x->h2) {
		h2conn_abort(x);
		return;
	}
	CHECK(c->state == CONN_ANSWER);
	/* Where the end of the connection ends the body, a reset must tell
	 * that it did not. */
	if (c->answered && c->left < 0 && !c->chunked)
		stream_reset(&c->stream);
	conn_close(c);
}

const char *
exchange_peer(const struct exchange *x)
{
	return x->h2 ? h2conn_peer(x) : conn_of(x)->peer;
}
