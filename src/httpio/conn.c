#include "httpio/conn.h"

#include <netinet/in.h>
#include <linux/tcp.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "httpio/h2.h"
#include "httpio/h2conn.h"
#include "io/loop.h"
#include "io/tls.h"
#include "io/tls_server.h"

enum {
	READS_MAX = 16, /* per event, so that one peer cannot hold the loop */
	LINGER_MAX = 1024 * 1024
};

static const int64_t linger_ns = 2 * NS_PER_S;

/* Reads and parses while there is something to do. */
static void run(struct conn *c);

/* --- deadlines --------------------------------------------------------- */

static void on_due(struct timer *t);

/* The timer may stand earlier than due_ns: it is asked again when it fires.
 * So the steady path never touches the heap. */
static void
due_at(struct conn *c, int64_t at_ns)
{
	c->due_ns = at_ns;
	if (at_ns == 0)
		return;
	if (c->timer.at_ns == 0 || at_ns < c->timer.at_ns)
		timer_set(c->srv->loop, &c->timer, at_ns, on_due);
}

void
conn_due(struct conn *c, int64_t after_ns)
{
	due_at(c, after_ns > 0 ? loop_now(c->srv->loop) + after_ns : 0);
}

/* --- the end ----------------------------------------------------------- */

static void
fini(void *p)
{
	struct conn *c = p;

	if (c->h2 != NULL)
		h2conn_fini(c);
	buf_fini(&c->in);
	buf_fini(&c->head);
	mem_free(c);
}

/* Requests of common size come and go in blocks of one size. */
static char *
mem_take(struct conn *c, size_t len)
{
	struct server *s = c->srv;
	struct mem_spare *b = s->blocks;

	c->mem_block = len <= BLOCK_LEN;
	if (!c->mem_block)
		return mem_grow(NULL, len);
	if (b == NULL)
		return mem_grow(NULL, BLOCK_LEN);
	s->blocks = b->next;
	s->nblocks--;
	return (char *)b;
}

static void
mem_give(struct conn *c)
{
	struct server *s = c->srv;
	struct mem_spare *b = (struct mem_spare *)(void *)c->mem;

	c->mem = NULL;
	if (b == NULL)
		return;
	if (!c->mem_block || s->nblocks == BLOCKS_MAX) {
		mem_free(b);
		return;
	}
	b->next = s->blocks;
	s->blocks = b;
	s->nblocks++;
}

void
conn_free_blocks(struct server *s)
{
	struct mem_spare *b;

	while ((b = s->blocks) != NULL) {
		s->blocks = b->next;
		mem_free(b);
	}
	s->nblocks = 0;
}

void
conn_free_request(struct conn *c)
{
	mem_give(c);
	server_forget(c->srv, &c->x, &c->body);
	c->x.head = NULL;
	c->x.body = (struct slice){ NULL, 0 };
}

void
conn_close(struct conn *c)
{
	struct loop *l = c->srv->loop;

	if (c->state == CONN_CLOSED)
		return;
	/* Between two requests it says so; else something was cut. */
	if (c->state == CONN_IDLE && c->stream.tls != NULL)
		stream_shut(&c->stream);
	c->state = CONN_CLOSED;
	timer_clear(&c->timer);
	task_clear(&c->task);
	stream_close(&c->stream);
	conn_free_request(c);
	outq_fini(&c->out);
	if (c->h2 != NULL)
		h2conn_end(c);
	server_left(c->srv, c);
	c->held = c->h2 != NULL && h2conn_held(c);
	if (!c->held)
		loop_reap(l, c, fini);
}

void
conn_let_go(struct conn *c)
{
	if (!c->held || h2conn_held(c))
		return;
	c->held = false;
	loop_reap(c->srv->loop, c, fini);
}

static void
tell_gone(struct conn *c)
{
	if (c->state != CONN_ANSWER) {
		conn_close(c);
		return;
	}
	if (c->told_gone)
		return;
	c->broken = c->told_gone = true;
	c->due_ns = 0;
	outq_fini(&c->out);
	c->srv->ops->on_gone(&c->x);
}

static void
on_task(struct task *t)
{
	struct conn *c = CONTAINER_OF(t, struct conn, task);

	if (c->state == CONN_H2)
		h2conn_run(c);
	else if (c->broken)
		tell_gone(c);
	else
		run(c);
}

void
conn_wake(struct conn *c)
{
	if (c->state == CONN_H2)
		task_set(c->srv->loop, &c->task, on_task);
}

/* Not at once: the owner is in the middle of a write. */
void
conn_break(struct conn *c)
{
	c->broken = true;
	outq_fini(&c->out);
	task_set(c->srv->loop, &c->task, on_task);
}

void
conn_linger(struct conn *c)
{
	c->state = CONN_LINGER;
	c->left = 0;
	buf_fini(&c->in);
	conn_due(c, linger_ns);
	stream_shut(&c->stream);
	task_set(c->srv->loop, &c->task, on_task);
}

static void
next_request(struct conn *c)
{
	c->state = CONN_IDLE;
	c->seen = (struct h1_seen){ 0 };
	conn_due(c, c->srv->limits.idle_ns);
	if (!c->running && (c->in.len > 0 || stream_may_read(&c->stream)))
		task_set(c->srv->loop, &c->task, on_task);
}

/* Everything is with the kernel. */
static void
flushed(struct conn *c)
{
	if (c->broken || c->left > 0)
		conn_close(c);
	else if (c->bad || (c->close_after && !c->stream.hup))
		conn_linger(c);
	else if (c->close_after)
		conn_close(c);
	else
		next_request(c);
}

void
conn_answered(struct conn *c)
{
	conn_free_request(c);
	c->state = CONN_FLUSH;
	outq_owe(&c->out, &c->srv->owed);
	if (c->out.len == 0)
		flushed(c);
}

/* --- requests ---------------------------------------------------------- */

static const struct http_head no_head = { .method = { "", 0 },
	.target = { "", 0 } };

static void
begin_exchange(struct conn *c)
{
	c->state = CONN_ANSWER;
	c->used = true;
	c->due_ns = 0;
	c->answered = c->chunked = c->bad = c->was_full = false;
	c->told_gone = false;
	c->left = -1;
	c->x.user = NULL;
}

static void
refuse(struct conn *c, enum fault why)
{
	begin_exchange(c);
	c->bad = c->close_after = true;
	if (c->x.head == NULL) {
		c->x.head = &no_head;
		c->http10 = c->to_head = false;
	}
	buf_fini(&c->in);
	c->srv->ops->on_bad(&c->x, why);
}

static void
deliver(struct conn *c)
{
	begin_exchange(c);
	c->srv->ops->on_request(&c->x);
}

/* Some slices point to literals: an absolute target's missing path. */
static void
move(struct slice *s, struct slice from, const char *to)
{
	uintptr_t at = (uintptr_t)s->p - (uintptr_t)from.p;

	if (at < from.len)
		s->p = to + at;
}

/*
 * One allocation for the head, its bytes, and the body that came with it: it
 * leaves the shared buffer by one copy.
 */
static void
own_request(struct conn *c, struct slice in, size_t body_len)
{
	const struct http_head *from = &c->srv->scratch;
	size_t len = offsetof(struct http_head, hdr) +
		     from->nhdr * sizeof(struct http_hdr);
	struct http_head *h;
	char *bytes;
	unsigned i;

	c->mem = mem_take(c, len + in.len);
	h = (struct http_head *)(void *)c->mem;
	memcpy(h, from, len);
	bytes = c->mem + len;
	memcpy(bytes, in.p, in.len);
	move(&h->method, in, bytes);
	move(&h->target, in, bytes);
	for (i = 0; i < h->nhdr; i++) {
		move(&h->hdr[i].name, in, bytes);
		move(&h->hdr[i].value, in, bytes);
	}
	c->x.head = h;
	c->x.body = (struct slice){ bytes + in.len - body_len, body_len };
}

static void
send_continue(struct conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec iov = { (void *)(uintptr_t)text, sizeof(text) - 1 };

	if (!outq_writev(&c->out, &c->stream, &iov, 1))
		conn_close(c);
}

static void
take_meta(struct conn *c, const struct h1_meta *meta)
{
	c->http10 = meta->http10;
	c->close_after = !meta->keep_alive || c->srv->draining;
	c->to_head = slice_eq(c->srv->scratch.method, S("HEAD"));
	h1_body_init(&c->rbody, meta, FAULT_HTTP);
}

/* The next bytes are due, and all there are came at least at min_rate. */
static void
body_due(struct conn *c)
{
	const struct server_limits *l = &c->srv->limits;
	const int64_t next = loop_now(c->srv->loop) + l->body_ns;
	int64_t all;

	if (l->min_rate == 0) {
		due_at(c, next);
		return;
	}
	all = c->body_begun_ns + l->body_ns +
	      (int64_t)(c->body.len * (uint64_t)NS_PER_S / l->min_rate);
	due_at(c, all < next ? all : next);
}

/* Consumes body bytes; returns how many. */
static size_t
feed_body(struct conn *c, char *p, size_t len)
{
	struct slice data;
	size_t used;
	bool last;
	enum fault f = h1_body_feed(&c->rbody, p, len, &used, &data, &last);

	if (f == FAULT_NONE)
		f = server_may_keep(c->srv, &c->x, &c->body, data.len);
	if (f != FAULT_NONE) {
		refuse(c, f);
		return len;
	}
	if (data.len > 0)
		server_keep(c->srv, &c->x, &c->body, data);
	if (last) {
		c->x.body = buf_slice(&c->body);
		deliver(c);
	} else {
		body_due(c);
	}
	return used;
}

/* Does its owner want the body of this head? */
static bool
welcome(struct conn *c)
{
	enum fault f = server_welcome(c->srv, &c->x);

	if (f != FAULT_NONE)
		refuse(c, f);
	return f == FAULT_NONE;
}

/* The head is known; the body is whole in what follows it, or is not. */
static size_t
feed_first(struct conn *c, char *p, size_t len, size_t used,
    const struct h1_meta *meta)
{
	size_t body = meta->framing == H1_SIZED ? (size_t)meta->body_len : 0;

	if (body > c->srv->limits.max_body) {
		own_request(c, (struct slice){ p, used }, 0);
		refuse(c, FAULT_BODY_TOO_LARGE);
		return len;
	}
	if (meta->framing != H1_CHUNKED && body <= len - used) {
		own_request(c, (struct slice){ p, used + body }, body);
		deliver(c);
		return used + body;
	}
	own_request(c, (struct slice){ p, used }, 0);
	if (!welcome(c))
		return len;
	c->state = CONN_BODY;
	c->body_begun_ns = loop_now(c->srv->loop);
	if (meta->expect_continue && used == len)
		send_continue(c);
	if (c->state == CONN_BODY)
		conn_due(c, c->srv->limits.body_ns);
	return used;
}

/* HTTP/2 by prior knowledge (RFC 9113, 3.3), as far as it has come. */
static bool
is_preface(const struct conn *c, const char *p, size_t len)
{
	return len > 2 && p[1] == 'R' && !c->used && c->stream.tls == NULL &&
	       memcmp(p, h2_preface.p,
		   len < h2_preface.len ? len : h2_preface.len) == 0;
}

static size_t
feed_preface(struct conn *c, const char *p, size_t len)
{
	if (len < h2_preface.len) {
		if (c->state == CONN_IDLE)
			conn_due(c, c->srv->limits.head_ns);
		c->state = CONN_HEAD;
		return 0;
	}
	h2conn_start(c, p, len);
	return len;
}

static size_t
feed_head(struct conn *c, char *p, size_t len)
{
	struct server *s = c->srv;
	struct h1_meta meta;
	size_t used;
	enum fault f;

	if (is_preface(c, p, len))
		return feed_preface(c, p, len);
	f = h1_request(&c->seen, (struct slice){ p, len }, s->limits.max_head,
	    &s->scratch, &meta, &used);
	if (f != FAULT_NONE) {
		refuse(c, f);
		return len;
	}
	if (used == 0) {
		if (c->state == CONN_IDLE)
			conn_due(c, s->limits.head_ns);
		c->state = CONN_HEAD;
		return 0;
	}
	take_meta(c, &meta);
	if (c->over) {
		own_request(c, (struct slice){ p, used }, 0);
		refuse(c, FAULT_OVERLOAD);
		return len;
	}
	return feed_first(c, p, len, used, &meta);
}

/* --- reading ----------------------------------------------------------- */

static bool
wants_bytes(const struct conn *c)
{
	return c->state == CONN_IDLE || c->state == CONN_HEAD ||
	       c->state == CONN_BODY;
}

/* Feeds as long as bytes are used; returns how many were. */
static size_t
feed(struct conn *c, char *p, size_t len)
{
	size_t at = 0, used = 1;

	while (at < len && used > 0 && wants_bytes(c)) {
		used = c->state == CONN_BODY ? feed_body(c, p + at, len - at)
					     : feed_head(c, p + at, len - at);
		at += used;
	}
	return at;
}

/* What waited from before: a head's beginning, a pipelined request. */
static void
feed_waiting(struct conn *c)
{
	struct buf in = c->in;
	size_t used;

	/* A callback may close, or end and begin again: out of its reach. */
	c->in = (struct buf){ 0 };
	used = feed(c, in.p, in.len);
	if (c->state != CONN_CLOSED && !c->bad && used < in.len) {
		buf_drop(&in, used);
		c->in = in;
		return;
	}
	buf_fini(&in);
}

static void
feed_fresh(struct conn *c, char *p, size_t len)
{
	size_t used;

	if (c->in.len > 0) {
		buf_add(&c->in, (struct slice){ p, len });
		feed_waiting(c);
		return;
	}
	used = feed(c, p, len);
	if (c->state != CONN_CLOSED && !c->bad && used < len)
		buf_add(&c->in, (struct slice){ p + used, len - used });
}

/* The peer ends in the middle, or between two requests. */
static void
on_eof(struct conn *c)
{
	conn_close(c);
}

static void
discard(struct conn *c, size_t n)
{
	c->left += (int64_t)n;
	if (c->left > LINGER_MAX)
		conn_close(c);
}

/* One read; false: nothing more for now. */
static bool
read_some(struct conn *c)
{
	size_t cap;
	char *p = loop_buf(c->srv->loop, &cap);
	ssize_t n = stream_read(&c->stream, p, cap);

	if (n == STREAM_AGAIN)
		return false;
	if (n <= 0)
		on_eof(c);
	else if (c->state == CONN_LINGER)
		discard(c, (size_t)n);
	else
		feed_fresh(c, p, (size_t)n);
	return true;
}

static void
run(struct conn *c)
{
	int reads = 0;

	if (c->running)
		return;
	c->running = true;
	while (wants_bytes(c) || c->state == CONN_LINGER) {
		if (c->state == CONN_IDLE && c->in.len > 0) {
			feed_waiting(c);
			continue;
		}
		if (reads++ == READS_MAX) {
			task_set(c->srv->loop, &c->task, on_task);
			break;
		}
		if (!read_some(c))
			break;
	}
	c->running = false;
	if (c->state == CONN_H2) {
		h2conn_run(c);
		return;
	}
	/* A client that has closed its side while its answer is being made
	 * will not read it, as far as real clients go. */
	if (c->stream.hup && !c->bad &&
	    (c->state == CONN_ANSWER || c->state == CONN_FLUSH))
		tell_gone(c);
}

/* --- events ------------------------------------------------------------ */

static void
step_tls(struct conn *c)
{
	const int rc = tls_handshake(&c->stream);

	if (rc == STREAM_AGAIN && !c->stream.hup)
		return;
	if (rc != 1) {
		conn_close(c);
		return;
	}
	if (tls_is_h2(&c->stream)) {
		h2conn_start(c, NULL, 0);
		return;
	}
	c->state = CONN_IDLE;
	conn_due(c, c->srv->limits.idle_ns);
	/* The request may have come with the handshake's last bytes. */
	run(c);
}

static void
flush(struct conn *c)
{
	ssize_t n = outq_flush(&c->out, &c->stream);

	if (n < 0) {
		tell_gone(c);
		return;
	}
	c->taken += (size_t)n;
	if (c->out.len == 0 && c->state == CONN_ANSWER)
		c->due_ns = 0;
	if (c->out.len == 0 && c->state == CONN_FLUSH)
		flushed(c);
	else if (c->was_full && c->state == CONN_ANSWER &&
		 c->out.len < conn_high(c->srv) / 2) {
		c->was_full = false;
		c->srv->ops->on_drain(&c->x);
	}
}

static void
on_ready(struct stream *st, unsigned events)
{
	struct conn *c = CONTAINER_OF(st, struct conn, stream);

	(void)events;
	if (c->state == CONN_H2) {
		h2conn_run(c);
		return;
	}
	if (c->state == CONN_TLS) {
		step_tls(c);
		return;
	}
	if (c->out.len > 0 && c->stream.writable)
		flush(c);
	if (c->state != CONN_CLOSED && c->stream.readable)
		run(c);
}

/* What the peer has acknowledged; the kernel's buffer may take for minutes
 * what nobody reads, or refuse for minutes what is read slowly. */
static uint64_t
acked(const struct conn *c)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(c->stream.io.fd, IPPROTO_TCP, TCP_INFO, &info, &len) !=
	    0)
		return 0;
	return info.tcpi_bytes_acked;
}

void
conn_mark(struct conn *c)
{
	c->taken = 0;
	c->acked = acked(c);
}

void
conn_queued(struct conn *c)
{
	conn_mark(c);
	conn_due(c, c->srv->limits.write_ns);
}

uint64_t
conn_least(const struct server_limits *l)
{
	const uint64_t least =
	    (uint64_t)l->min_rate * (uint64_t)(l->write_ns / NS_PER_MS) / 1000;

	return least > 0 ? least : 1;
}

bool
conn_keeps_up(const struct conn *c)
{
	const uint64_t sent = acked(c) - c->acked;
	const uint64_t least = conn_least(&c->srv->limits);

	return sent >= least || c->taken >= least;
}

static void
on_due(struct timer *t)
{
	struct conn *c = CONTAINER_OF(t, struct conn, timer);

	if (c->due_ns == 0)
		return;
	if (c->due_ns > loop_now(c->srv->loop)) {
		due_at(c, c->due_ns);
		return;
	}
	c->due_ns = 0;
	if (c->state == CONN_H2)
		h2conn_due(c);
	else if (c->state == CONN_HEAD || c->state == CONN_BODY)
		refuse(c, FAULT_TIMEOUT_CLIENT);
	else if (c->state == CONN_TLS)
		conn_close(c);
	else if (c->out.len > 0 && conn_keeps_up(c))
		conn_queued(c);
	else
		tell_gone(c);
}

int64_t
conn_idle_since(const struct conn *c)
{
	if (c->state == CONN_H2)
		return h2conn_idle_since(c);
	if (c->state != CONN_IDLE || c->in.len > 0 || c->due_ns == 0)
		return 0;
	return c->due_ns - c->srv->limits.idle_ns;
}

void
conn_shed(struct conn *c)
{
	enum { LITTLE = 4096 };

	if (c->state == CONN_HEAD && c->in.len > LITTLE)
		refuse(c, FAULT_OVERLOAD);
	else if (c->state == CONN_H2 && h2conn_half_head(c) > LITTLE)
		conn_close(c);
}

size_t
conn_high(const struct server *s)
{
	enum { TIGHT = 16 * 1024 };
	const size_t high = s->limits.out_high;

	return s->tight && high > TIGHT ? TIGHT : high;
}

void
conn_open(struct server *s, int fd, const struct address *peer)
{
	struct conn *c = NEW(struct conn);

	c->srv = s;
	c->over = s->nconn >= s->limits.max_conns;
	c->next = s->conns;
	if (s->conns != NULL)
		s->conns->prev = c;
	s->conns = c;
	s->nconn++;
	address_write(peer, c->peer);
	stream_open(&c->stream, s->loop, fd, on_ready);
	if (s->tls != NULL) {
		tls_accept(&c->stream, s->tls);
		c->state = CONN_TLS;
		conn_due(c, s->limits.tls_ns);
		return;
	}
	c->state = CONN_IDLE;
	conn_due(c, s->limits.idle_ns);
}
