#include "sim/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sim/wide.h"

enum {
	SCRATCH = 256 * 1024,
	HEAD_MAX = 64 * 1024,
	BODY_MAX = 64 * 1024 * 1024,
	AHEAD_MAX = 1024 * 1024 /* read while an answer is under way */
};

enum got { GOT_ALL, GOT_PART, GOT_BAD };

struct wire {
	struct loop *loop;
	const struct wire_ops *ops;
	struct io listener;
	void *user;
	struct wire_conn *conns;
	struct http_head head; /* of the request being looked at */
	struct buf body;       /* of a chunked one */
	char scratch[SCRATCH];
};

/* --- parsing ----------------------------------------------------------- */

static bool
request_line(struct http_head *h, struct slice line, bool *old)
{
	struct slice rest, version;

	if (!slice_cut(line, ' ', &h->method, &rest) ||
	    !slice_cut(rest, ' ', &h->target, &version))
		return false;
	*old = slice_eq(version, S("HTTP/1.0"));
	return h->method.len > 0 && h->target.len > 0 &&
	       (*old || slice_eq(version, S("HTTP/1.1")));
}

static bool
header_line(struct http_head *h, struct slice line)
{
	struct slice name, value;
	size_t i;

	if (!slice_cut(line, ':', &name, &value) || name.len == 0)
		return false;
	for (i = 0; i < name.len; i++)
		if ((unsigned char)name.p[i] <= ' ')
			return false;
	return http_add(h, name, slice_trim(value));
}

/* The head's length with its empty line goes to *len. */
static enum got
read_head(struct http_head *h, struct slice in, size_t *len, bool *old)
{
	const char *end = memmem(in.p, in.len, "\r\n\r\n", 4);
	struct slice left, line;
	bool first = true;

	if (end == NULL)
		return in.len > HEAD_MAX ? GOT_BAD : GOT_PART;
	*len = (size_t)(end - in.p) + 4;
	left = (struct slice){ in.p, *len - 2 };
	h->nhdr = 0;
	h->lens = 0;
	while (left.len > 0 && slice_cut(left, '\n', &line, &left)) {
		if (line.len == 0 || line.p[line.len - 1] != '\r')
			return GOT_BAD;
		line.len--;
		if (memchr(line.p, '\r', line.len) != NULL)
			return GOT_BAD;
		if (first ? !request_line(h, line, old) : !header_line(h, line))
			return GOT_BAD;
		first = false;
	}
	return GOT_ALL;
}

static bool
chunk_size(struct slice s, size_t *out)
{
	size_t i;

	*out = 0;
	for (i = 0; i < s.len && s.p[i] != ';'; i++) {
		char c = s.p[i];
		int v = c >= '0' && c <= '9'   ? c - '0'
			: c >= 'a' && c <= 'f' ? c - 'a' + 10
			: c >= 'A' && c <= 'F' ? c - 'A' + 10
					       : -1;
		if (v < 0 || *out > BODY_MAX)
			return false;
		*out = *out * 16 + (size_t)v;
	}
	return i > 0 && *out <= BODY_MAX;
}

/* One line, its CRLF taken off; false: not there yet. */
static bool
take_line(struct slice *in, struct slice *line)
{
	const char *end = memmem(in->p, in->len, "\r\n", 2);

	if (end == NULL)
		return false;
	*line = (struct slice){ in->p, (size_t)(end - in->p) };
	in->len -= line->len + 2;
	in->p = end + 2;
	return true;
}

static enum got
read_chunks(struct wire *w, struct slice in, size_t *len)
{
	struct slice line, left = in;
	size_t size = 1;

	buf_clear(&w->body);
	while (size > 0) {
		if (!take_line(&left, &line))
			return GOT_PART;
		if (!chunk_size(line, &size) || w->body.len > BODY_MAX)
			return GOT_BAD;
		if (left.len < size + 2)
			return size == 0 && left.len >= 2 ? GOT_BAD : GOT_PART;
		if (memcmp(left.p + size, "\r\n", 2) != 0)
			return GOT_BAD;
		buf_add(&w->body, (struct slice){ left.p, size });
		left = (struct slice){ left.p + size + 2, left.len - size - 2 };
	}
	*len = (size_t)(left.p - in.p);
	return GOT_ALL;
}

static bool
says(struct slice value, struct slice word)
{
	return slice_ieq(slice_trim(value), word);
}

static void
say_continue(struct wire_conn *c)
{
	struct slice s = S("HTTP/1.1 100 Continue\r\n\r\n");

	if (c->told_continue ||
	    !says(http_value(&c->wire->head, S("expect")), S("100-continue")))
		return;
	c->told_continue = true;
	(void)!send(c->io.fd, s.p, s.len, MSG_NOSIGNAL);
}

/* The request's whole length goes to *len, its body to *body. */
static enum got
read_request(
    struct wire_conn *c, struct slice in, size_t *len, struct slice *body)
{
	struct http_head *h = &c->wire->head;
	const struct http_hdr *length;
	size_t head, rest = 0;
	uint64_t size = 0;
	enum got got = read_head(h, in, &head, &c->old);

	if (got != GOT_ALL)
		return got;
	c->keep = !c->old && !says(http_value(h, S("connection")), S("close"));
	length = http_find(h, S("content-length"));
	*body = (struct slice){ in.p + head, 0 };
	if (http_find(h, S("transfer-encoding")) != NULL) {
		if (length != NULL)
			return GOT_BAD;
		got = read_chunks(c->wire,
		    (struct slice){ in.p + head, in.len - head }, &rest);
		*body = buf_slice(&c->wire->body);
		*len = head + rest;
	} else {
		if (length != NULL &&
		    (!slice_u64(length->value, &size) || size > BODY_MAX))
			return GOT_BAD;
		*len = c->need = head + (size_t)size;
		body->len = (size_t)size;
		got = in.len < *len ? GOT_PART : GOT_ALL;
	}
	if (got == GOT_PART)
		say_continue(c);
	return got;
}

/* --- connections ------------------------------------------------------- */

static void
conn_fini(void *p)
{
	struct wire_conn *c = p;

	buf_fini(&c->in);
	mem_free(c);
}

static void
conn_close(struct wire_conn *c)
{
	if (c->closed)
		return;
	c->closed = true;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->wire->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->wire->ops->on_close(c);
	loop_close(c->wire->loop, &c->io);
	loop_reap(c->wire->loop, c, conn_fini);
}

void
wire_fin(struct wire_conn *c)
{
	if (c->wide)
		wide_fin(c);
	else
		conn_close(c);
}

void
wire_rst(struct wire_conn *c)
{
	struct linger now = { 1, 0 };

	if (c->wide) {
		wide_rst(c);
		return;
	}
	(void)setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	conn_close(c);
}

static void
refuse(struct wire_conn *c)
{
	struct slice s = S("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n"
			   "connection: close\r\n\r\n");

	(void)!send(c->io.fd, s.p, s.len, MSG_NOSIGNAL);
	conn_close(c);
}

/* Serves what is whole in `in`; returns the bytes used up. */
static size_t
serve(struct wire_conn *c, struct slice in)
{
	struct slice body;
	size_t used = 0, len = 0;
	enum got got;

	while (!c->busy && !c->closed && in.len > used) {
		struct slice left = { in.p + used, in.len - used };

		if (left.len < c->need)
			break;
		got = read_request(c, left, &len, &body);
		if (got == GOT_BAD)
			refuse(c);
		if (got != GOT_ALL)
			break;
		used += len;
		c->need = 0;
		c->told_continue = false;
		c->busy = c->used = true;
		c->wire->ops->on_request(c, &c->wire->head, body);
	}
	return used;
}

/* More requests may lie in c->in; never nested. */
static void
pump(struct wire_conn *c)
{
	size_t used;

	if (c->pumping)
		return;
	c->pumping = true;
	used = serve(c, buf_slice(&c->in));
	if (!c->closed && used > 0) {
		buf_drop(&c->in, used);
		if (c->in.len == 0 && c->in.cap > SCRATCH)
			buf_fini(&c->in);
	}
	c->pumping = false;
}

/* The socket goes on as HTTP/2's; this connection was only its door. */
static void
widen(struct wire_conn *c, struct slice in)
{
	struct wire *w = c->wire;
	int fd = fcntl(c->io.fd, F_DUPFD_CLOEXEC, 0);

	conn_close(c);
	if (fd >= 0)
		wide_open(w, w->loop, w->ops, fd, in);
}

static void
take_input(struct wire_conn *c, struct slice got)
{
	size_t used = 0;

	if (!c->used && c->in.len == 0 && wide_is_preface(got)) {
		widen(c, got);
		return;
	}
	if (c->in.len == 0 && !c->busy) {
		c->pumping = true;
		used = serve(c, got);
		c->pumping = false;
	}
	if (c->closed)
		return;
	buf_add(&c->in, (struct slice){ got.p + used, got.len - used });
	if (c->busy && c->in.len > AHEAD_MAX)
		conn_close(c);
	else if (used == 0)
		pump(c);
}

static void
peer_left(struct wire_conn *c)
{
	if (c->closed)
		return;
	if (c->busy)
		c->wire->ops->on_gone(c);
	conn_close(c);
}

static void
conn_read(struct wire_conn *c, bool hup)
{
	ssize_t n;

	while (!c->closed) {
		n = read(c->io.fd, c->wire->scratch, SCRATCH);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			peer_left(c);
			return;
		}
		take_input(c, (struct slice){ c->wire->scratch, (size_t)n });
		/* A short read emptied it; more, or an end, is a new edge. */
		if (!hup && n < SCRATCH)
			return;
	}
}

static void
conn_ready(struct io *io, unsigned events)
{
	struct wire_conn *c = CONTAINER_OF(io, struct wire_conn, io);

	if ((events & IO_OUT) != 0 && c->busy && !c->closed)
		c->wire->ops->on_writable(c);
	if ((events & (IO_IN | IO_HUP)) != 0 && !c->closed)
		conn_read(c, (events & IO_HUP) != 0);
}

static void
on_accept(struct io *io, unsigned events)
{
	struct wire *w = CONTAINER_OF(io, struct wire, listener);
	struct wire_conn *c;
	int fd, one = 1;

	(void)events;
	while ((fd = accept4(
		    io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		(void)setsockopt(
		    fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		c = NEW(struct wire_conn);
		c->wire = w;
		c->next = w->conns;
		if (c->next != NULL)
			c->next->prev = c;
		w->conns = c;
		loop_add(w->loop, &c->io, fd, conn_ready);
	}
}

struct wire *
wire_new(struct loop *l, int listen_fd, const struct wire_ops *ops, void *user)
{
	struct wire *w = NEW(struct wire);

	w->loop = l;
	w->ops = ops;
	w->user = user;
	loop_add_listener(l, &w->listener, listen_fd, on_accept);
	return w;
}

void
wire_free(struct wire **wp)
{
	struct wire *w = *wp;

	if (w == NULL)
		return;
	*wp = NULL;
	wide_close_all();
	loop_remove(w->loop, &w->listener);
	while (w->conns != NULL)
		conn_close(w->conns);
	buf_fini(&w->body);
	mem_free(w);
}

struct loop *
wire_loop(const struct wire_conn *c)
{
	return c->wire->loop;
}

void *
wire_user(const struct wire_conn *c)
{
	return c->wire->user;
}

ssize_t
wire_send(struct wire_conn *c, struct slice a, struct slice b)
{
	struct iovec v[2] = { { (void *)(uintptr_t)a.p, a.len },
		{ (void *)(uintptr_t)b.p, b.len } };
	struct msghdr m = { .msg_iov = a.len > 0 ? v : v + 1,
		.msg_iovlen = (size_t)(a.len > 0) + (b.len > 0) };
	ssize_t n;

	if (a.len + b.len == 0)
		return 0;
	if (c->wide)
		return wide_send(c, a, b);
	do
		n = sendmsg(c->io.fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	return n;
}

void
wire_done(struct wire_conn *c, bool keep)
{
	if (c->wide) {
		wide_done(c);
		return;
	}
	c->busy = false;
	if (!keep)
		conn_close(c);
	else
		pump(c);
}
