#include "httpio/h2conn.h"

#include <stdio.h>

#include "base/clock.h"
#include "httpio/h2.h"
#include "io/loop.h"

enum {
	READS_MAX = 16,
	SHARE = 4, /* a stream is full at this part of out_high */
	NAMES = 2048
};

#define TICK_NS NS_PER_S
#define REFUSED_NS NS_PER_S
/* From the first GOAWAY, which lets requests on their way still come. */
#define NOTICE_NS (250 * NS_PER_MS)

enum stream_state {
	ST_BODY,  /* the head is there, the body is coming */
	ST_OWNED, /* the owner has the exchange */
	ST_ENDED  /* the owner has let go */
};

struct h2stream {
	struct exchange x;
	struct h2conn *up;
	struct h2stream *next, *prev;
	char *mem; /* head and its bytes; NULL: forgotten */
	struct buf body;
	struct outq out;     /* of the answer, as far as it is not framed */
	int64_t left;        /* of Content-Length; -1: not sized */
	int64_t body_due_ns; /* of a body's first bytes */
	int64_t due_ns; /* the body's next bytes, or the answer's; 0: none */
	int32_t id;
	uint32_t taken; /* of out, since due_ns was set; enough is enough */
	enum stream_state state;
	bool to_head, no_body, answered, last;
	bool waiting; /* nghttp2 is to be told when there is more */
	bool full;    /* on_drain is owed */
	bool closed;  /* nghttp2 knows the stream no more */
	bool gone;    /* on_gone was called */
	bool telling; /* it is on the stack */
	bool refused; /* what still comes is not for us */
};

struct h2conn {
	struct h2 h2;
	struct conn *c;
	struct h2stream *streams;
	unsigned nstreams;
	int64_t out_ns; /* since when bytes wait for the socket; 0: none do */
	int64_t notice_ns;
	int64_t idle_ns; /* since when there is no stream */
	bool running;
	bool draining, told_last;
	bool asked; /* a request came */
	bool full;  /* some stream's on_drain is owed */
};

static struct h2stream *
stream_of(const struct exchange *x)
{
	return CONTAINER_OF((uintptr_t)x, struct h2stream, x);
}

static struct server *
server_of(const struct h2stream *s)
{
	return s->up->c->srv;
}

static int64_t
now_of(const struct h2stream *s)
{
	return loop_now(server_of(s)->loop);
}

/* --- streams ----------------------------------------------------------- */

static struct h2stream *
stream_new(struct h2conn *h, int32_t id)
{
	struct h2stream *s = NEW(struct h2stream);

	s->x.h2 = true;
	s->up = h;
	s->id = id;
	s->left = -1;
	s->next = h->streams;
	if (s->next != NULL)
		s->next->prev = s;
	h->streams = s;
	h->asked = true;
	if (h->nstreams++ == 0)
		conn_due(h->c, TICK_NS);
	CHECK(nghttp2_session_set_stream_user_data(h->h2.session, id, s) == 0);
	return s;
}

static void
free_request(struct h2stream *s)
{
	mem_free(s->mem);
	s->mem = NULL;
	server_forget(server_of(s), &s->x, &s->body);
	s->x.head = NULL;
	s->x.body = S("");
}

static void
stream_free(struct h2stream *s)
{
	struct h2conn *h = s->up;

	free_request(s);
	outq_fini(&s->out);
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		h->streams = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	if (--h->nstreams == 0)
		h->idle_ns = loop_now(h->c->srv->loop);
	mem_free(s);
	conn_let_go(h->c);
}

static void
tell_gone(struct h2stream *s)
{
	if (s->state != ST_OWNED || s->gone)
		return;
	s->gone = s->telling = true;
	outq_fini(&s->out);
	server_of(s)->ops->on_gone(&s->x);
	s->telling = false;
}

/* The stream is over for HTTP/2. */
static void
closed(struct h2stream *s)
{
	s->closed = true;
	s->due_ns = 0;
	tell_gone(s);
	if (s->state != ST_OWNED)
		stream_free(s);
}

/* Frames go out at the end of the turn. */
static void
wake(struct h2stream *s)
{
	conn_wake(s->up->c);
}

static void
reset(struct h2stream *s, uint32_t code)
{
	const struct h2 *h = &s->up->h2;

	/* After the end nghttp2 is not asked for more. */
	if (s->closed || h->failed || h->abuse != H2_NONE)
		return;
	(void)nghttp2_submit_rst_stream(
	    s->up->h2.session, NGHTTP2_FLAG_NONE, s->id, code);
	wake(s);
}

/* --- requests ---------------------------------------------------------- */

static const struct http_head no_head = { .method = { "", 0 },
	.target = { "", 0 } };

static void
note(struct h2conn *h, enum server_note what)
{
	const struct server *s = h->c->srv;

	if (s->ops->on_note != NULL)
		s->ops->on_note(s->user, what, h->c->peer);
}

static void
refuse(struct h2stream *s, enum fault why)
{
	s->state = ST_OWNED;
	s->due_ns = 0;
	s->refused = true;
	if (s->x.head == NULL)
		s->x.head = &no_head;
	server_of(s)->ops->on_bad(&s->x, why);
}

static void
deliver(struct h2stream *s)
{
	s->state = ST_OWNED;
	s->due_ns = 0;
	s->x.body = buf_slice(&s->body);
	note(s->up, SERVER_H2_REQUEST);
	server_of(s)->ops->on_request(&s->x);
}

static void
move(struct slice *s, ptrdiff_t by)
{
	if (s->len > 0)
		s->p += by;
}

/* A literal of ours stays where it is. */
static void
move_name(struct slice *s, struct slice text, ptrdiff_t by)
{
	if ((uintptr_t)s->p - (uintptr_t)text.p < text.len)
		move(s, by);
}

/* The head and its bytes leave the block in one piece. */
static void
own_head(struct h2stream *s, const struct h2_block *b)
{
	const struct http_head *from = &server_of(s)->scratch;
	const size_t len = offsetof(struct http_head, hdr) +
			   from->nhdr * sizeof(struct http_hdr);
	struct http_head *h;
	ptrdiff_t by;
	unsigned i;

	s->mem = mem_grow(NULL, len + b->text.len + 1);
	h = (struct http_head *)(void *)s->mem;
	memcpy(h, from, len);
	memcpy(s->mem + len, b->text.p, b->text.len);
	by = (s->mem + len) - b->text.p;
	move(&h->method, by);
	move(&h->target, by);
	for (i = 0; i < h->nhdr; i++) {
		move_name(&h->hdr[i].name, buf_slice(&b->text), by);
		move(&h->hdr[i].value, by);
	}
	s->x.head = h;
}

/* What nghttp2 has let pass and HTTP/1's rules would not. */
static enum fault
judge(const struct http_head *head, const struct h2_block *b)
{
	const struct http_hdr *host;

	if (b->big || head->nhdr == HTTP_HDR_MAX)
		return FAULT_HEAD_TOO_LARGE;
	if (b->bad)
		return FAULT_HTTP;
	if (slice_eq(head->method, S("CONNECT")))
		return FAULT_METHOD;
	host = http_find(head, S("host"));
	if (host == NULL || !h1_host_ok(host->value) ||
	    !h1_target_ok(head->method, head->target))
		return FAULT_HTTP;
	return FAULT_NONE;
}

/* Is the body that is announced too long, or unwanted by its owner? */
static enum fault
welcome(struct h2stream *s)
{
	struct server *srv = server_of(s);
	const struct slice text = http_value(s->x.head, S("content-length"));
	uint64_t len = 0;

	if (text.len > 0 && !slice_u64(text, &len))
		return FAULT_HTTP;
	if (len > srv->limits.max_body)
		return FAULT_BODY_TOO_LARGE;
	return server_welcome(srv, &s->x);
}

static void
send_continue(struct h2stream *s)
{
	const nghttp2_nv nv = h2_pair(S(":status"), S("100"));

	if (!slice_ieq(http_value(s->x.head, S("expect")), S("100-continue")))
		return;
	(void)nghttp2_submit_headers(
	    s->up->h2.session, NGHTTP2_FLAG_NONE, s->id, NULL, &nv, 1, NULL);
	wake(s);
}

static void
on_block(
    struct h2 *h2, int32_t id, void *stream, const struct h2_block *b, bool end)
{
	struct h2conn *h = CONTAINER_OF(h2, struct h2conn, h2);
	struct http_head *head = &h->c->srv->scratch;
	struct h2stream *s;
	enum fault f;

	if (stream != NULL)
		return; /* trailers */
	s = stream_new(h, id);
	f = h2_block_head(b, head) ? judge(head, b)
	    : b->big               ? FAULT_HEAD_TOO_LARGE
				   : FAULT_HTTP;
	s->to_head = slice_eq(head->method, S("HEAD"));
	if (f == FAULT_NONE) {
		own_head(s, b);
		f = h->c->over ? FAULT_OVERLOAD : end ? FAULT_NONE : welcome(s);
	}
	if (f != FAULT_NONE) {
		refuse(s, f);
		return;
	}
	s->body_due_ns = s->due_ns = now_of(s) + h->c->srv->limits.body_ns;
	if (!end)
		send_continue(s);
}

/* The next bytes are due, and all there are came at least at min_rate. */
static int64_t
body_due(const struct h2stream *s)
{
	const struct server_limits *l = &server_of(s)->limits;
	const int64_t next = now_of(s) + l->body_ns;
	int64_t all;

	if (l->min_rate == 0)
		return next;
	all = s->body_due_ns +
	      (int64_t)(s->body.len * (uint64_t)NS_PER_S / l->min_rate);
	return all < next ? all : next;
}

static void
on_data(struct h2 *h2, int32_t id, void *stream, struct slice data)
{
	struct h2stream *s = stream;
	enum fault f;

	/* Who is refused may send what is on its way, and no more. */
	if (s == NULL || s->state != ST_BODY) {
		(void)nghttp2_session_consume_connection(h2->session, data.len);
		return;
	}
	(void)nghttp2_session_consume(h2->session, id, data.len);
	f = server_may_keep(server_of(s), &s->x, &s->body, data.len);
	if (f != FAULT_NONE) {
		refuse(s, f);
		return;
	}
	server_keep(server_of(s), &s->x, &s->body, data);
	s->due_ns = body_due(s);
}

static void
on_end(struct h2 *h2, void *stream)
{
	struct h2stream *s = stream;

	(void)h2;
	if (s->state == ST_BODY)
		deliver(s);
}

static void
on_broken(struct h2 *h2, void *stream)
{
	(void)h2, (void)stream;
}

static void
on_close(struct h2 *h2, void *stream, uint32_t code)
{
	(void)h2, (void)code;
	closed(stream);
}

/*
 * The answer is out before the request is in.  A client that just ends its
 * body needs no reset, which some take for a failure; others get one.
 */
static void
on_sent(struct h2 *h2, int32_t id, void *stream)
{
	struct h2stream *s = stream;

	(void)h2, (void)id;
	if (s != NULL && s->refused)
		s->due_ns = now_of(s) + REFUSED_NS;
}

static const struct h2_ops ops = {
	.on_block = on_block,
	.on_data = on_data,
	.on_end = on_end,
	.on_broken = on_broken,
	.on_close = on_close,
	.on_sent = on_sent,
};

/* --- answers ----------------------------------------------------------- */

struct server *
h2conn_server(const struct exchange *x)
{
	return server_of(stream_of(x));
}

const char *
h2conn_peer(const struct exchange *x)
{
	return stream_of(x)->up->c->peer;
}

static size_t
high(const struct h2stream *s)
{
	return conn_high(server_of(s)) / SHARE;
}

static ssize_t
on_read(nghttp2_session *session, int32_t id, uint8_t *to, size_t cap,
    uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct h2stream *s = source->ptr;
	const size_t n = s->out.len < cap ? s->out.len : cap;

	(void)session, (void)id, (void)user;
	if (n == 0 && !s->last) {
		s->waiting = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > 0)
		memcpy(to, s->out.p + s->out.off, n);
	s->out.off += n;
	s->out.len -= n;
	s->taken =
	    n < UINT32_MAX - s->taken ? s->taken + (uint32_t)n : UINT32_MAX;
	if (s->out.len > 0)
		return (ssize_t)n;
	outq_fini(&s->out);
	s->due_ns = 0;
	if (!s->last)
		return (ssize_t)n;
	/* Less than was announced: the client must not take it for whole. */
	if (s->left > 0)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* The names of an answer's fields, in lower case. */
struct names {
	char text[NAMES];
	size_t len;
};

static struct slice
lower(struct names *n, struct slice s)
{
	char *to = n->text + n->len;
	size_t i;

	for (i = 0; i < s.len && (s.p[i] < 'A' || s.p[i] > 'Z'); i++)
		;
	if (i == s.len)
		return s;
	if (s.len > sizeof(n->text) - n->len)
		return S("");
	for (i = 0; i < s.len; i++)
		to[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20)
						       : s.p[i];
	n->len += s.len;
	return (struct slice){ to, s.len };
}

static unsigned
add_fields(nghttp2_nv *nv, unsigned n, unsigned max, struct names *names,
    const struct http_hdr *hdr, unsigned nhdr)
{
	struct slice name;
	unsigned i;

	for (i = 0; i < nhdr && n < max; i++) {
		if (h2_hop_field(hdr[i].name) ||
		    slice_ieq(hdr[i].name, S("date")) || !h1_hdr_ok(&hdr[i]))
			continue;
		name = lower(names, hdr[i].name);
		if (name.len > 0)
			nv[n++] = h2_pair(name, slice_trim(hdr[i].value));
	}
	return n;
}

void
h2conn_answer(struct exchange *x, int status, const struct http_hdr *hdr,
    unsigned nhdr, int64_t body_len)
{
	struct h2stream *s = stream_of(x);
	nghttp2_data_provider from = { { .ptr = s }, on_read };
	nghttp2_nv nv[64];
	struct names names;
	char code[4], len[24];
	unsigned n = 0;

	CHECK(s->state == ST_OWNED && !s->answered);
	CHECK(status >= 200 && status < 1000);
	s->answered = true;
	s->no_body = s->to_head || status == 204 || status == 304;
	s->left = s->no_body ? -1 : body_len;
	if (s->closed)
		return;
	names.len = 0;
	snprintf(code, sizeof(code), "%d", status);
	nv[n++] = h2_pair(S(":status"), (struct slice){ code, 3 });
	nv[n++] = h2_pair(S("date"), server_date(server_of(s)));
	n = add_fields(nv, n, NELEM(nv) - 1, &names, hdr, nhdr);
	if (body_len >= 0 && status != 204 && status != 304) {
		snprintf(len, sizeof(len), "%lld", (long long)body_len);
		nv[n++] = h2_pair(S("content-length"), slice_of(len));
	}
	(void)nghttp2_submit_response(
	    s->up->h2.session, s->id, nv, n, s->no_body ? NULL : &from);
	wake(s);
}

static void
out_due(struct h2stream *s)
{
	s->taken = 0;
	s->due_ns = now_of(s) + server_of(s)->limits.write_ns;
}

/* Was enough taken of what is queued since out_due()?  While the socket is
 * what does not take it, the connection is judged and not its streams. */
static bool
keeps_up(const struct h2stream *s)
{
	const uint64_t least = conn_least(&server_of(s)->limits);

	return s->out.len > 0 && (s->up->h2.out.len > 0 || s->taken >= least);
}

static void
count(struct h2stream *s, struct slice data)
{
	if (s->left < 0)
		return;
	CHECK((int64_t)data.len <= s->left);
	s->left -= (int64_t)data.len;
}

static void
queue(struct h2stream *s, struct slice data)
{
	if (data.len > 0 && s->out.len == 0)
		out_due(s);
	outq_add(&s->out, data);
	if (s->out.len >= high(s))
		s->full = s->up->full = true;
	if (s->waiting && (data.len > 0 || s->last)) {
		s->waiting = false;
		(void)nghttp2_session_resume_data(s->up->h2.session, s->id);
	}
	wake(s);
}

void
h2conn_write(struct exchange *x, struct slice data, bool last)
{
	struct h2stream *s = stream_of(x);

	CHECK(s->state == ST_OWNED && s->answered);
	count(s, data);
	s->last = last;
	if (!s->closed && !s->no_body)
		queue(s, data);
	if (!last)
		return;
	s->state = ST_ENDED;
	free_request(s);
	outq_owe(&s->out, &server_of(s)->owed);
	if (s->closed && !s->telling)
		stream_free(s);
}

bool
h2conn_full(const struct exchange *x)
{
	struct h2stream *s = stream_of(x);

	if (s->out.len < high(s))
		return false;
	s->full = s->up->full = true;
	return true;
}

bool
h2conn_answered(const struct exchange *x)
{
	return stream_of(x)->answered;
}

void
h2conn_forget(struct exchange *x)
{
	free_request(stream_of(x));
}

void
h2conn_abort(struct exchange *x)
{
	struct h2stream *s = stream_of(x);

	CHECK(s->state == ST_OWNED);
	s->state = ST_ENDED;
	free_request(s);
	outq_fini(&s->out);
	reset(s, s->gone ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR);
	if (s->closed && !s->telling)
		stream_free(s);
}

/* --- the end ----------------------------------------------------------- */

void
h2conn_end(struct conn *c)
{
	struct h2stream *s, *next;

	for (s = c->h2->streams; s != NULL; s = next) {
		next = s->next;
		if (!s->closed)
			closed(s);
	}
}

int64_t
h2conn_idle_since(const struct conn *c)
{
	return c->h2->nstreams == 0 ? c->h2->idle_ns : 0;
}

size_t
h2conn_half_head(const struct conn *c)
{
	const struct h2conn *h = c->h2;

	return h->nstreams == 0 && h->h2.block != NULL ? h->h2.block->text.len
						       : 0;
}

bool
h2conn_held(const struct conn *c)
{
	return c->h2->streams != NULL;
}

void
h2conn_fini(struct conn *c)
{
	h2_fini(&c->h2->h2);
	mem_free(c->h2);
	c->h2 = NULL;
}

/* Two steps, so that requests already on their way are still served
 * (RFC 9113, 6.8). */
static void
say_goodbye(struct h2conn *h)
{
	nghttp2_session *s = h->h2.session;

	if (h->told_last)
		return;
	h->told_last = true;
	(void)nghttp2_submit_goaway(s, NGHTTP2_FLAG_NONE,
	    nghttp2_session_get_last_proc_stream_id(s), NGHTTP2_NO_ERROR, NULL,
	    0);
}

void
h2conn_drain(struct conn *c)
{
	struct h2conn *h = c->h2;

	if (h->draining)
		return;
	h->draining = true;
	h->notice_ns = loop_now(c->srv->loop) + NOTICE_NS;
	if (h->nstreams == 0)
		say_goodbye(h);
	else
		(void)nghttp2_submit_shutdown_notice(h->h2.session);
	conn_due(c, NOTICE_NS);
	conn_wake(c);
}

static void
tell_drained(struct h2conn *h)
{
	struct h2stream *s, *next;
	const size_t low = conn_high(h->c->srv) / SHARE / 2;

	h->full = false;
	for (s = h->streams; s != NULL; s = next) {
		next = s->next;
		if (!s->full)
			continue;
		if (s->out.len >= low) {
			h->full = true;
			continue;
		}
		s->full = false;
		if (s->state == ST_OWNED && !s->gone)
			server_of(s)->ops->on_drain(&s->x);
	}
}

/* --- bytes ------------------------------------------------------------- */

static void
report(struct h2conn *h)
{
	switch (h->h2.abuse) {
	case H2_NONE:
		break;
	case H2_FLOOD:
		note(h, SERVER_H2_FLOOD);
		break;
	case H2_RESETS:
		note(h, SERVER_H2_RESETS);
		break;
	case H2_HEAD:
		note(h, SERVER_H2_HEAD);
		break;
	}
}

/* A peer that went too far, or broke the protocol beyond a GOAWAY of
 * nghttp2's: the last frame, then the end. */
static void
dismiss(struct h2conn *h)
{
	report(h);
	h2conn_end(h->c);
	h2_dismiss(&h->h2);
	if (!h2_flush(&h->h2) || h->h2.out.len > 0)
		conn_close(h->c);
	else
		conn_linger(h->c);
}

/* How fast is what waits for the socket taken? */
static void
note_queue(struct h2conn *h, size_t before)
{
	const size_t now = h->h2.out.len;

	if (now == 0) {
		h->out_ns = 0;
	} else if (h->out_ns == 0) {
		h->out_ns = loop_now(h->c->srv->loop);
		conn_mark(h->c);
	} else {
		h->c->taken += now < before ? before - now : 0;
	}
}

/* Sends what is ready; false: the connection is over. */
static bool
flush(struct h2conn *h)
{
	const size_t before = h->h2.out.len;

	if (!h2_flush(&h->h2)) {
		conn_close(h->c);
		return false;
	}
	if (h->h2.failed || h->h2.abuse != H2_NONE) {
		dismiss(h);
		return false;
	}
	note_queue(h, before);
	if (h->full)
		tell_drained(h);
	return true;
}

static bool
is_over(const struct h2conn *h)
{
	if (h->nstreams > 0 || h->h2.out.len > 0)
		return false;
	return h2_over(&h->h2) || h->told_last || h->h2.goaway;
}

/* It has heard that there is no place, and is not kept to hear it again. */
static bool
is_refused(const struct h2conn *h)
{
	return h->c->over && h->asked && h->nstreams == 0 && !h->draining;
}

static void
settle(struct h2conn *h)
{
	if (!flush(h))
		return;
	if (is_refused(h)) {
		h2conn_drain(h->c);
	} else if (h->draining && h->nstreams == 0 && !h->told_last) {
		say_goodbye(h);
		conn_wake(h->c);
	} else if (is_over(h)) {
		conn_linger(h->c);
	}
}

/* One read; false: nothing more for now, or the end. */
static bool
read_some(struct h2conn *h)
{
	struct conn *c = h->c;
	size_t cap;
	char *p = loop_buf(c->srv->loop, &cap);
	ssize_t n = stream_read(&c->stream, p, cap);

	if (n == STREAM_AGAIN)
		return false;
	if (n <= 0) {
		conn_close(c);
		return false;
	}
	if (!h2_feed(&h->h2, p, (size_t)n)) {
		dismiss(h);
		return false;
	}
	return true;
}

void
h2conn_run(struct conn *c)
{
	struct h2conn *h = c->h2;
	int reads = 0;

	if (h->running || !flush(h))
		return;
	h->running = true;
	/* Who does not read our frames is not read. */
	while (c->state == CONN_H2 && h->h2.out.len < H2_QUEUE) {
		if (reads++ == READS_MAX) {
			conn_wake(c);
			break;
		}
		if (!read_some(h))
			break;
		/* Answers of what came: also frees what they wait in. */
		if (!flush(h))
			break;
	}
	if (c->state == CONN_H2)
		settle(h);
	h->running = false;
}

void
h2conn_start(struct conn *c, const char *p, size_t len)
{
	struct h2conn *h = NEW(struct h2conn);
	const struct server_limits *l = &c->srv->limits;

	c->h2 = h;
	c->state = CONN_H2;
	h->c = c;
	h2_init(&h->h2, c->srv->loop, &c->stream, &ops, true, l->max_head,
	    l->max_streams);
	note(h, SERVER_H2_OPEN);
	h->idle_ns = loop_now(c->srv->loop);
	conn_due(c, l->head_ns);
	h->running = true;
	if (len > 0 && !h2_feed(&h->h2, p, len))
		dismiss(h);
	h->running = false;
	conn_wake(c);
}

/* --- deadlines --------------------------------------------------------- */

static void
check_streams(struct h2conn *h, int64_t now)
{
	struct h2stream *s, *next;

	for (s = h->streams; s != NULL; s = next) {
		next = s->next;
		if (s->due_ns == 0 || s->due_ns > now)
			continue;
		s->due_ns = 0;
		if (s->state == ST_BODY)
			refuse(s, FAULT_TIMEOUT_CLIENT);
		else if (keeps_up(s))
			out_due(s);
		else
			reset(s, s->refused && s->last ? NGHTTP2_NO_ERROR
						       : NGHTTP2_CANCEL);
	}
}

/* Too little was taken of what has waited for write_ns. */
static bool
is_slow(struct h2conn *h, int64_t now)
{
	if (h->out_ns == 0 || now - h->out_ns < h->c->srv->limits.write_ns)
		return false;
	if (!conn_keeps_up(h->c))
		return true;
	h->out_ns = now;
	conn_mark(h->c);
	return false;
}

/* Since head_ns a header block has not come to its end, or since write_ns
 * our last words have not been taken. */
static bool
is_stuck(const struct h2conn *h, int64_t now)
{
	const struct server_limits *l = &h->c->srv->limits;

	return (h->h2.block != NULL && now - h->h2.block_ns >= l->head_ns) ||
	       (h->told_last && h->nstreams == 0 && h->h2.out.len > 0 &&
		   now - h->notice_ns >= l->write_ns);
}

void
h2conn_due(struct conn *c)
{
	struct h2conn *h = c->h2;
	const int64_t now = loop_now(c->srv->loop);
	const struct server_limits *l = &c->srv->limits;
	/* One that never asked has not come to be kept. */
	const int64_t end = h->idle_ns + (h->asked ? l->idle_ns : l->head_ns);

	if (is_stuck(h, now) || is_slow(h, now)) {
		conn_close(c);
		return;
	}
	check_streams(h, now);
	if (h->draining && now >= h->notice_ns)
		say_goodbye(h);
	if (h->nstreams == 0 && now >= end)
		h2conn_drain(c);
	conn_due(c, h->nstreams > 0 || h->draining || h->h2.out.len > 0 ||
			    h->h2.block != NULL || now >= end
			? TICK_NS
			: end - now);
	conn_wake(c);
}
