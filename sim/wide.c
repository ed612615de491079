#include "sim/wide.h"

#include "base/clock.h"
#include "http/h1.h"
#include "httpio/h2.h"
#include "io/stream.h"

enum {
	HEAD_MAX = 64 * 1024,
	BODY_MAX = 64 * 1024 * 1024,
	STREAMS = 1000,
	QUEUE_MAX = 64 * 1024,
	LINGER_S = 2
};

struct wide {
	struct h2 h2;
	struct stream stream;
	struct task task;
	struct timer timer; /* over: the peer leaves until then */
	struct loop *loop;
	struct wire *wire;
	const struct wire_ops *ops;
	struct wide *next, *prev;
	struct visitor *visitors;
	bool running, over, shut, closed;
};

/* One exchange: the request as it comes, the answer as it is taken apart. */
struct visitor {
	struct wire_conn conn;
	struct wide *up;
	struct visitor *next, *prev;
	int32_t id;
	/* --- the request --- */
	struct h2_block block;
	struct buf body;
	/* --- the answer --- */
	struct buf raw; /* of a head that is not whole */
	struct h1_seen seen;
	struct h1_body framing;
	struct outq out;
	bool to_head, answered, last, waiting, full;
	bool cut;    /* when the queue is out, a reset */
	bool closed; /* HTTP/2 knows it no more */
};

static struct wide *all;

bool
wide_is_preface(struct slice in)
{
	return slice_starts(in, h2_preface);
}

/* --- exchanges --------------------------------------------------------- */

static task_f on_task;

static void
wake(struct wide *w)
{
	if (!w->closed)
		task_set(w->loop, &w->task, on_task);
}

static void
fini(void *p)
{
	struct visitor *v = p;

	buf_fini(&v->block.text);
	buf_fini(&v->body);
	buf_fini(&v->raw);
	outq_fini(&v->out);
	mem_free(v);
}

/* The stream is over; the owner hears what it must. */
static void
leave(struct visitor *v)
{
	struct wide *w = v->up;

	v->closed = true;
	if (v->prev != NULL)
		v->prev->next = v->next;
	else
		w->visitors = v->next;
	if (v->next != NULL)
		v->next->prev = v->prev;
	if (v->conn.busy)
		w->ops->on_gone(&v->conn);
	v->conn.closed = true;
	w->ops->on_close(&v->conn);
	loop_reap(w->loop, v, fini);
}

static void
more(struct visitor *v)
{
	if (v->waiting && (v->out.len > 0 || v->last || v->cut)) {
		v->waiting = false;
		(void)nghttp2_session_resume_data(v->up->h2.session, v->id);
	}
	wake(v->up);
}

static void
reset(struct visitor *v)
{
	v->conn.busy = false;
	if (v->closed)
		return;
	/* What was written before goes out before. */
	if (v->out.len > 0) {
		v->cut = true;
		more(v);
		return;
	}
	(void)nghttp2_submit_rst_stream(v->up->h2.session, NGHTTP2_FLAG_NONE,
	    v->id, NGHTTP2_INTERNAL_ERROR);
	wake(v->up);
}

static void
keep_block(struct visitor *v, const struct h2_block *b)
{
	v->block = *b;
	v->block.text = (struct buf){ 0 };
	buf_add(&v->block.text, buf_slice(&b->text));
}

static void
on_block(
    struct h2 *h, int32_t id, void *stream, const struct h2_block *b, bool end)
{
	struct wide *w = CONTAINER_OF(h, struct wide, h2);
	struct visitor *v;

	(void)end;
	if (stream != NULL)
		return; /* trailers */
	v = NEW(struct visitor);
	v->up = w;
	v->id = id;
	v->conn.wire = w->wire;
	v->conn.wide = true;
	v->conn.keep = true;
	v->conn.io.fd = -1;
	keep_block(v, b);
	v->next = w->visitors;
	if (v->next != NULL)
		v->next->prev = v;
	w->visitors = v;
	CHECK(nghttp2_session_set_stream_user_data(h->session, id, v) == 0);
}

static void
on_data(struct h2 *h, int32_t id, void *stream, struct slice data)
{
	struct visitor *v = stream;

	(void)nghttp2_session_consume(h->session, id, data.len);
	if (v == NULL || v->conn.busy)
		return;
	if (v->body.len + data.len > BODY_MAX)
		reset(v);
	else
		buf_add(&v->body, data);
}

static void
on_end(struct h2 *h, void *stream)
{
	static struct http_head head;
	struct visitor *v = stream;

	(void)h;
	if (v->conn.busy)
		return;
	if (v->block.big || v->block.bad || !h2_block_head(&v->block, &head)) {
		reset(v);
		return;
	}
	v->to_head = slice_eq(head.method, S("HEAD"));
	v->conn.busy = true;
	v->up->ops->on_request(&v->conn, &head, buf_slice(&v->body));
	buf_fini(&v->body);
}

static void
on_close(struct h2 *h, void *stream, uint32_t code)
{
	(void)h, (void)code;
	leave(stream);
}

static void
on_broken(struct h2 *h, void *stream)
{
	(void)h, (void)stream;
}

static void
on_sent(struct h2 *h, int32_t id, void *stream)
{
	(void)h, (void)id, (void)stream;
}

static const struct h2_ops h2_ops = {
	.on_block = on_block,
	.on_data = on_data,
	.on_end = on_end,
	.on_broken = on_broken,
	.on_close = on_close,
	.on_sent = on_sent,
};

/* --- answers ----------------------------------------------------------- */

static ssize_t
on_read(nghttp2_session *session, int32_t id, uint8_t *to, size_t cap,
    uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct visitor *v = source->ptr;
	const size_t n = v->out.len < cap ? v->out.len : cap;

	(void)session, (void)id, (void)user;
	if (n == 0 && v->cut)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (n == 0 && !v->last) {
		v->waiting = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > 0)
		memcpy(to, v->out.p + v->out.off, n);
	v->out.off += n;
	v->out.len -= n;
	if (v->out.len == 0)
		outq_fini(&v->out);
	if (v->out.len == 0 && v->last)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static void
lower(struct slice name)
{
	char *p = (char *)(uintptr_t)name.p;
	size_t i;

	for (i = 0; i < name.len; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] | 0x20);
}

static void
say_head(struct visitor *v, const struct http_head *head)
{
	nghttp2_data_provider from = { { .ptr = v }, on_read };
	nghttp2_nv nv[HTTP_HDR_MAX + 1];
	char code[3] = { (char)('0' + head->status / 100),
		(char)('0' + head->status / 10 % 10),
		(char)('0' + head->status % 10) };
	size_t n = 0;
	unsigned i;

	nv[n++] = h2_pair(S(":status"), (struct slice){ code, 3 });
	for (i = 0; i < head->nhdr; i++) {
		lower(head->hdr[i].name);
		if (!h2_hop_field(head->hdr[i].name) ||
		    slice_eq(head->hdr[i].name, S("content-length")))
			nv[n++] =
			    h2_pair(head->hdr[i].name, head->hdr[i].value);
	}
	(void)nghttp2_submit_response(v->up->h2.session, v->id, nv, n, &from);
}

/* False: what was written is no answer. */
static bool
take_body(struct visitor *v, char *p, size_t len)
{
	struct slice data;
	size_t used;
	bool last;

	if (v->last)
		return len == 0;
	if (h1_body_feed(&v->framing, p, len, &used, &data, &last) !=
	    FAULT_NONE)
		return false;
	outq_add(&v->out, data);
	v->last = last;
	more(v);
	return true;
}

static bool
take(struct visitor *v)
{
	static struct http_head head;
	struct h1_meta meta;
	size_t used = 0;

	if (!v->answered) {
		if (h1_answer(&v->seen, buf_slice(&v->raw), HEAD_MAX,
			v->to_head, &head, &meta, &used) != FAULT_NONE)
			return false;
		if (used == 0)
			return true;
		v->answered = true;
		say_head(v, &head);
		h1_body_init(&v->framing, &meta, FAULT_UP_GARBAGE);
	}
	if (!take_body(v, v->raw.p + used, v->raw.len - used))
		return false;
	buf_clear(&v->raw);
	return true;
}

ssize_t
wide_send(struct wire_conn *c, struct slice a, struct slice b)
{
	struct visitor *v = CONTAINER_OF(c, struct visitor, conn);

	if (v->closed)
		return -1;
	if (v->out.len >= QUEUE_MAX) {
		v->full = true;
		return 0;
	}
	buf_add(&v->raw, a);
	buf_add(&v->raw, b);
	if (!take(v)) {
		(void)nghttp2_submit_rst_stream(v->up->h2.session,
		    NGHTTP2_FLAG_NONE, v->id, NGHTTP2_PROTOCOL_ERROR);
		wake(v->up);
	}
	return (ssize_t)(a.len + b.len);
}

void
wide_done(struct wire_conn *c)
{
	struct visitor *v = CONTAINER_OF(c, struct visitor, conn);

	c->busy = false;
	if (!v->last)
		reset(v);
}

void
wide_fin(struct wire_conn *c)
{
	struct visitor *v = CONTAINER_OF(c, struct visitor, conn);

	c->busy = false;
	if (v->answered && !v->last && h1_body_eof(&v->framing)) {
		v->last = true;
		more(v);
	} else if (!v->last) {
		reset(v);
	}
}

void
wide_rst(struct wire_conn *c)
{
	reset(CONTAINER_OF(c, struct visitor, conn));
}

/* --- connections ------------------------------------------------------- */

static void
wide_fini(void *p)
{
	struct wide *w = p;

	h2_fini(&w->h2);
	mem_free(w);
}

static void
close_wide(struct wide *w)
{
	if (w->closed)
		return;
	w->closed = true;
	while (w->visitors != NULL)
		leave(w->visitors);
	task_clear(&w->task);
	timer_clear(&w->timer);
	stream_close(&w->stream);
	if (w->prev != NULL)
		w->prev->next = w->next;
	else
		all = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	loop_reap(w->loop, w, wide_fini);
}

static void
on_timer(struct timer *t)
{
	close_wide(CONTAINER_OF(t, struct wide, timer));
}

/* Our last words go out, and what still comes is read: a reset would take them
 * with it. */
static void
linger(struct wide *w)
{
	w->over = true;
	while (w->visitors != NULL)
		leave(w->visitors);
	timer_set(w->loop, &w->timer, loop_now(w->loop) + LINGER_S * NS_PER_S,
	    on_timer);
}

/* False: the socket is dead. */
static bool
flush(struct wide *w)
{
	struct visitor *v, *next;

	if (!h2_flush(&w->h2)) {
		close_wide(w);
		return false;
	}
	if (!w->over && h2_over(&w->h2))
		linger(w);
	if (w->over) {
		if (w->h2.out.len == 0 && !w->shut)
			stream_shut(&w->stream);
		w->shut = w->h2.out.len == 0;
		return true;
	}
	for (v = w->visitors; v != NULL; v = next) {
		next = v->next;
		if (!v->full || v->out.len >= QUEUE_MAX / 2)
			continue;
		v->full = false;
		if (v->conn.busy)
			w->ops->on_writable(&v->conn);
	}
	return true;
}

static void
feed(struct wide *w, const char *p, size_t len)
{
	if (w->over || h2_feed(&w->h2, p, len))
		return;
	h2_dismiss(&w->h2);
	linger(w);
}

static void
run(struct wide *w)
{
	size_t cap;
	char *p = loop_buf(w->loop, &cap);
	ssize_t n;

	if (w->running || w->closed)
		return;
	w->running = true;
	while (!w->closed && flush(w)) {
		n = stream_read(&w->stream, p, cap);
		if (n == STREAM_AGAIN)
			break;
		if (n <= 0)
			close_wide(w);
		else
			feed(w, p, (size_t)n);
	}
	w->running = false;
}

static void
on_task(struct task *t)
{
	run(CONTAINER_OF(t, struct wide, task));
}

static void
on_ready(struct stream *s, unsigned events)
{
	(void)events;
	run(CONTAINER_OF(s, struct wide, stream));
}

void
wide_open(struct wire *wire, struct loop *l, const struct wire_ops *ops, int fd,
    struct slice in)
{
	struct wide *w = NEW(struct wide);

	w->wire = wire;
	w->loop = l;
	w->ops = ops;
	w->next = all;
	if (all != NULL)
		all->prev = w;
	all = w;
	stream_open(&w->stream, l, fd, on_ready);
	w->stream.readable = true;
	h2_init(&w->h2, l, &w->stream, &h2_ops, true, HEAD_MAX, STREAMS);
	w->running = true;
	feed(w, in.p, in.len);
	w->running = false;
	wake(w);
}

void
wide_close_all(void)
{
	while (all != NULL)
		close_wide(all);
}
