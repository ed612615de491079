#include "httpio/h2link.h"

#include <stdio.h>

#include "base/clock.h"
#include "io/loop.h"

enum {
	READS_MAX = 16,
	INTERIM_MAX = 8,
	FIELDS_MAX = HTTP_HDR_MAX + 6,
	PIECE = 64 * 1024 /* of what waits, handed on at a time */
};

static struct loop *
loop_of(const struct link *k)
{
	return k->pool->client->loop;
}

/* --- deadlines of a call ----------------------------------------------- */

static void on_due(struct timer *t);

/* As a link's: the timer may fire early and is asked again. */
static void
due_at(struct h2call *l, int64_t at_ns)
{
	l->due_ns = at_ns;
	if (at_ns == 0)
		return;
	if (l->timer.at_ns == 0 || at_ns < l->timer.at_ns)
		timer_set(loop_of(l->link), &l->timer, at_ns, on_due);
}

static void
due(struct h2call *l, int64_t after_ns)
{
	int64_t at = after_ns > 0 ? loop_now(loop_of(l->link)) + after_ns : 0;

	if (l->total_ns > 0 && (at == 0 || l->total_ns < at))
		at = l->total_ns;
	due_at(l, at);
}

/* --- lanes ------------------------------------------------------------- */

static void
wake(struct link *k)
{
	if (k->state == LINK_H2)
		link_wake(k);
}

static void
free_request(struct h2call *l)
{
	buf_fini(&l->head);
	mem_free(l->body);
	l->body = NULL;
	l->nbody = 0;
}

static void
lane_fini(void *p)
{
	struct h2call *l = p;

	buf_fini(&l->in);
	mem_free(l);
}

static struct h2call *
lane_new(struct link *k, struct call *call)
{
	struct h2call *l = NEW(struct h2call);

	l->link = k;
	l->call = call != NULL ? call : &l->own;
	l->call->lane = l;
	l->unsent = true;
	l->window = H2_WINDOW_FIRST;
	l->next = k->lanes;
	if (l->next != NULL)
		l->next->prev = l;
	k->lanes = l;
	k->nlanes++;
	return l;
}

/* An idle connection waits for its end, like one of HTTP/1. */
static void
rest(struct link *k)
{
	if (k->state != LINK_H2 || k->nlanes > 0)
		return;
	k->total_ns = 0;
	link_due(k, k->pool->client->limits.idle_ns);
	wake(k);
}

/* Out of the link; nothing of nghttp2's leads here any more. */
static void
lane_leave(struct h2call *l)
{
	struct link *k = l->link;

	l->over = true;
	if (l->id > 0 && k->h2 != NULL)
		(void)nghttp2_session_set_stream_user_data(
		    k->h2->h2.session, l->id, NULL);
	timer_clear(&l->timer);
	task_clear(&l->task);
	free_request(l);
	k->pool->client->wide -= l->window - H2_WINDOW_FIRST;
	if (l->prev != NULL)
		l->prev->next = l->next;
	else
		k->lanes = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	k->nlanes--;
	loop_reap(loop_of(k), l, lane_fini);
	rest(k);
}

static void
reset(struct h2call *l, uint32_t code)
{
	struct link *k = l->link;

	if (k->h2 == NULL || k->h2->h2.failed || l->id <= 0)
		return;
	(void)nghttp2_submit_rst_stream(
	    k->h2->h2.session, NGHTTP2_FLAG_NONE, l->id, code);
	wake(k);
}

/* The call's last callback; its lane is gone before it. */
static void
fail(struct h2call *l, enum fault why)
{
	struct call *c = l->call;

	if (l->over)
		return;
	lane_leave(l);
	c->ops->on_fail(c, why);
}

static void
finish(struct h2call *l)
{
	struct call *c = l->call;

	if (l->unsent)
		reset(l, NGHTTP2_CANCEL);
	lane_leave(l);
	c->ops->on_body(c, S(""), true);
}

/* The connection has been silent since the call went out: it may be dead
 * without our knowing, and is not used again. */
static void
suspect(struct h2call *l)
{
	struct link *k = l->link;

	if (k->h2 != NULL && !l->answered && k->h2->heard_ns <= l->sent_ns)
		k->h2->h2.goaway = true;
}

static void
on_due(struct timer *t)
{
	struct h2call *l = CONTAINER_OF(t, struct h2call, timer);
	const int64_t now = loop_now(loop_of(l->link));

	if (l->due_ns == 0)
		return;
	if (l->due_ns > now) {
		due_at(l, l->due_ns);
		return;
	}
	suspect(l);
	reset(l, NGHTTP2_CANCEL);
	fail(l, l->call->sent || (l->total_ns > 0 && l->total_ns <= now)
		    ? FAULT_UP_TIMEOUT
		    : FAULT_UP_CONNECT);
}

static void
give_piece(struct h2call *l, struct slice s)
{
	if (l->id > 0)
		(void)nghttp2_session_consume_stream(
		    l->link->h2->h2.session, l->id, s.len);
	wake(l->link);
	l->call->ops->on_body(l->call, s, false);
}

/* Hands on what came while the call was paused, until it is again, or all.  A
 * callback may end the call; its lane and the bytes are there all the turn. */
static void
give_waiting(struct h2call *l, bool all)
{
	size_t at = 0, n;

	while (at < l->in.len && !l->over && (all || !l->call->paused)) {
		n = l->in.len - at < PIECE ? l->in.len - at : PIECE;
		give_piece(l, (struct slice){ l->in.p + at, n });
		at += n;
	}
	if (at == l->in.len)
		buf_fini(&l->in);
	else
		buf_drop(&l->in, at);
}

static void
on_task(struct task *t)
{
	struct h2call *l = CONTAINER_OF(t, struct h2call, task);

	if (l->call->paused)
		return;
	give_waiting(l, false);
	if (l->over || l->call->paused)
		return;
	if (l->failing != FAULT_NONE)
		fail(l, l->failing);
	else if (l->ended)
		finish(l);
}

/* The connection goes: what came of an answer is handed on, paused or not. */
static void
lose(struct h2call *l, enum fault why)
{
	give_waiting(l, true);
	if (l->over)
		return;
	if (l->ended)
		finish(l);
	else
		fail(l, l->failing != FAULT_NONE ? l->failing : why);
}

void
h2link_pause(struct call *c)
{
	c->paused = true;
	if (c->lane->answered)
		due(c->lane, 0);
}

void
h2link_resume(struct call *c)
{
	struct h2call *l = c->lane;

	c->paused = false;
	if (l->answered)
		due(l, l->idle_ns);
	if (l->in.len > 0 || l->ended || l->failing != FAULT_NONE)
		task_set(loop_of(l->link), &l->task, on_task);
}

void
h2link_hurry(struct call *c, int64_t within_ns)
{
	struct h2call *l = c->lane;
	const int64_t at = loop_now(loop_of(l->link)) + within_ns;

	if (l->total_ns == 0 || at < l->total_ns)
		l->total_ns = at;
	if (l->due_ns == 0 || l->total_ns < l->due_ns)
		due_at(l, l->total_ns);
}

void
h2link_cancel(struct call *c)
{
	struct h2call *l = c->lane;

	CHECK(!l->over);
	reset(l, NGHTTP2_CANCEL);
	lane_leave(l);
}

/* --- requests ---------------------------------------------------------- */

static ssize_t
on_read(nghttp2_session *session, int32_t id, uint8_t *to, size_t cap,
    uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct h2call *l = source->ptr;
	struct h2 *h = user;
	size_t n, len = 0;

	/* The bytes were only lent: a stream without its lane has none. */
	if (nghttp2_session_get_stream_user_data(session, id) != l ||
	    l->body == NULL)
		return NGHTTP2_ERR_DEFERRED;
	(void)h;
	while (l->body_at < l->nbody && len < cap) {
		const struct slice *s = &l->body[l->body_at];

		n = s->len - l->body_off;
		n = n < cap - len ? n : cap - len;
		if (n > 0)
			memcpy(to + len, s->p + l->body_off, n);
		len += n;
		l->body_off += n;
		if (l->body_off == s->len) {
			l->body_off = 0;
			l->body_at++;
		}
	}
	due(l, l->first_byte_ns);
	if (l->body_at == l->nbody) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		l->unsent = false;
		free_request(l);
	}
	return (ssize_t)len;
}

/* "Host: a:1\r\n" */
static struct slice
authority(const struct pool *p)
{
	return (struct slice){ p->host_line.p + 6, p->host_line.len - 8 };
}

static uint64_t
body_len(const struct h2call *l)
{
	uint64_t len = 0;
	unsigned i;

	for (i = 0; i < l->nbody; i++)
		len += l->body[i].len;
	return len;
}

/* Names go out in lower case; the head's text is ours to change. */
static struct slice
lower(struct slice s)
{
	char *p = (char *)(uintptr_t)s.p;
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] | 0x20);
	}
	return s;
}

static unsigned
lay_out(struct h2call *l, const struct http_head *head, nghttp2_nv *nv)
{
	const struct pool *p = l->link->pool;
	unsigned n = 0, i;

	nv[n++] = h2_pair(S(":method"), head->method);
	nv[n++] = h2_pair(S(":scheme"), p->origin.tls ? S("https") : S("http"));
	nv[n++] = h2_pair(S(":authority"), authority(p));
	nv[n++] = h2_pair(S(":path"), head->target);
	for (i = 0; i < head->nhdr && n < FIELDS_MAX; i++) {
		/* Content-Length is as HTTP/1's writer found it. */
		if (slice_ieq(head->hdr[i].name, S("host")) ||
		    (h2_hop_field(head->hdr[i].name) &&
			!slice_ieq(head->hdr[i].name, S("content-length"))))
			continue;
		nv[n++] = h2_pair(lower(head->hdr[i].name), head->hdr[i].value);
	}
	return n;
}

/* The next frame is the request's first. */
static void
announce(struct h2call *l)
{
	l->call->sent = true;
	l->sent_ns = loop_now(loop_of(l->link));
	l->call->ops->on_send(l->call);
}

static void
fail_soon(struct h2call *l, enum fault why)
{
	l->failing = why;
	task_set(loop_of(l->link), &l->task, on_task);
}

static void
submit(struct h2call *l)
{
	struct link *k = l->link;
	struct client *c = k->pool->client;
	nghttp2_data_provider from = { { .ptr = l }, on_read };
	nghttp2_nv nv[FIELDS_MAX];
	struct h1_seen seen = { 0 };
	struct h1_meta meta;
	size_t used;
	bool body;
	enum fault f;

	announce(l);
	if (l->over)
		return;
	f = h1_request(
	    &seen, buf_slice(&l->head), SIZE_MAX, &c->scratch, &meta, &used);
	body = body_len(l) > 0;
	if (f == FAULT_NONE && used > 0)
		l->id = nghttp2_submit_request(k->h2->h2.session, NULL, nv,
		    lay_out(l, &c->scratch, nv), body ? &from : NULL, l);
	if (l->id <= 0) {
		l->call->sent = false;
		fail_soon(l, FAULT_UP_RESET);
		return;
	}
	buf_fini(&l->head);
	if (!body) {
		l->unsent = false;
		free_request(l);
	}
	due(l, l->first_byte_ns);
	wake(k);
}

struct call *
h2link_open(struct link *k, const struct call_spec *spec,
    const struct call_ops *ops, struct slice head)
{
	struct h2call *l = lane_new(k, NULL);

	l->own = (struct call){ .ops = ops, .user = spec->user, .lane = l };
	l->first_byte_ns = spec->first_byte_ns;
	l->idle_ns = spec->idle_ns;
	l->total_ns = spec->total_at_ns;
	l->to_head = slice_eq(spec->head->method, S("HEAD"));
	buf_add(&l->head, head);
	if (spec->nbody > 0) {
		l->body = mem_grow(NULL, spec->nbody * sizeof(*l->body));
		memcpy(l->body, spec->body, spec->nbody * sizeof(*l->body));
	}
	l->nbody = spec->nbody;
	if (k->state == LINK_H2) {
		l->own.reused = true;
		submit(l);
	} else {
		due(l, spec->connect_ns);
	}
	return &l->own;
}

/* --- answers ----------------------------------------------------------- */

static void
take_head(struct h2call *l, const struct http_head *head)
{
	l->answered = true;
	/* The bytes are the caller's again: the rest stays unsent. */
	free_request(l);
	due(l, l->idle_ns);
	l->call->ops->on_head(l->call, head);
	if (!l->over && l->call->paused)
		due(l, 0);
}

static void
on_block(
    struct h2 *h, int32_t id, void *stream, const struct h2_block *b, bool end)
{
	struct h2call *l = stream;
	struct http_head *head;

	(void)h, (void)id, (void)end;
	if (l == NULL || l->answered)
		return; /* cancelled, or trailers */
	head = &l->link->pool->client->scratch;
	if (b->big || b->bad || !h2_block_head(b, head) || head->status < 100 ||
	    head->status == 101 ||
	    (head->status < 200 && ++l->interim > INTERIM_MAX)) {
		reset(l, NGHTTP2_CANCEL);
		fail(l, FAULT_UP_GARBAGE);
		return;
	}
	if (head->status >= 200)
		take_head(l, head);
}

/* Who takes what comes may be sent more at a time. */
static void
widen(struct h2call *l, size_t len)
{
	struct client *c = l->link->pool->client;

	l->taken += len;
	if (l->taken < l->window || l->window > H2_WINDOW / 2 ||
	    c->wide + l->window > c->limits.max_wide)
		return;
	c->wide += l->window;
	l->window *= 2;
	l->taken = 0;
	(void)nghttp2_session_set_local_window_size(l->link->h2->h2.session,
	    NGHTTP2_FLAG_NONE, l->id, (int32_t)l->window);
}

static void
on_data(struct h2 *h, int32_t id, void *stream, struct slice data)
{
	struct h2call *l = stream;

	if (l == NULL || !l->answered) {
		(void)nghttp2_session_consume_connection(h->session, data.len);
		return;
	}
	/* Others go on; this stream's window opens when the call does. */
	if (l->call->paused || l->in.len > 0) {
		buf_add(&l->in, data);
		(void)nghttp2_session_consume_connection(h->session, data.len);
		return;
	}
	(void)nghttp2_session_consume(h->session, id, data.len);
	widen(l, data.len);
	due(l, l->idle_ns);
	if (data.len > 0)
		l->call->ops->on_body(l->call, data, false);
}

static void
on_end(struct h2 *h, void *stream)
{
	struct h2call *l = stream;

	(void)h;
	if (!l->answered)
		return; /* its close will say so */
	l->ended = true;
	if (!l->call->paused && l->in.len == 0)
		finish(l);
}

static void
on_broken(struct h2 *h, void *stream)
{
	(void)h;
	((struct h2call *)stream)->broken = true;
}

static void
on_close(struct h2 *h, void *stream, uint32_t code)
{
	struct h2call *l = stream;

	(void)h;
	l->id = 0; /* nghttp2 knows it no more */
	if (l->ended)
		return; /* paused: the rest is here */
	/* Not looked at: as on a connection kept too long, once more.  Else it
	 * is the call that failed. */
	l->call->reused = code == NGHTTP2_REFUSED_STREAM && !l->answered;
	if (l->call->reused)
		l->call->sent = false;
	l->failing = l->broken ? FAULT_UP_GARBAGE : FAULT_UP_RESET;
	if (l->in.len == 0)
		fail(l, l->failing);
}

static void
on_sent(struct h2 *h, int32_t id, void *stream)
{
	(void)h, (void)id, (void)stream;
}

static const struct h2_ops ops = {
	.on_block = on_block,
	.on_data = on_data,
	.on_end = on_end,
	.on_broken = on_broken,
	.on_close = on_close,
	.on_sent = on_sent,
};

/* --- the pool's list --------------------------------------------------- */

static void
leave_pool(struct link *k)
{
	struct pool *p = k->pool;

	if (!k->listed)
		return;
	k->listed = false;
	if (k->next_idle != NULL)
		k->next_idle->prev_idle = k->prev_idle;
	if (k->prev_idle != NULL)
		k->prev_idle->next_idle = k->next_idle;
	else
		p->wide = k->next_idle;
	k->next_idle = k->prev_idle = NULL;
}

static void
join_pool(struct link *k)
{
	struct pool *p = k->pool;

	k->listed = true;
	k->prev_idle = NULL;
	k->next_idle = p->wide;
	if (p->wide != NULL)
		p->wide->prev_idle = k;
	p->wide = k;
}

unsigned
h2link_most(const struct pool *p)
{
	return p->streams > 0 && p->streams < UNSAID_MAX ? p->streams
							 : UNSAID_MAX;
}

/* What the peer has not said yet on this one it said on another. */
static unsigned
allowed(const struct link *k)
{
	const uint32_t n = nghttp2_session_get_remote_settings(
	    k->h2->h2.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

	if (n == H2_UNSAID)
		return h2link_most(k->pool);
	k->pool->streams = n;
	return n < LANES_MAX ? n : LANES_MAX;
}

static unsigned
room(const struct link *k, bool *shut)
{
	const unsigned most = allowed(k);

	if (k->h2->h2.goaway || k->h2->h2.failed || k->stream.hup ||
	    nghttp2_session_check_request_allowed(k->h2->h2.session) == 0)
		return 0;
	*shut |= most == 0;
	return k->nlanes < most ? most - k->nlanes : 0;
}

struct link *
h2link_find(struct pool *p, bool *shut)
{
	struct link *k;

	*shut = false;
	for (k = p->wide; k != NULL; k = k->next_idle) {
		if (room(k, shut) > 0)
			return k;
	}
	return NULL;
}

/* --- the connection ---------------------------------------------------- */

/* The call that the connection was made for. */
static void
adopt(struct link *k)
{
	struct h2call *l;

	if (k->call.ops == NULL)
		return; /* it was cancelled; others waited */
	l = lane_new(k, &k->call);
	l->first_byte_ns = k->first_byte_ns;
	l->idle_ns = k->idle_ns;
	l->total_ns = k->total_ns;
	l->to_head = k->to_head;
	CHECK(k->owned);
	l->head = k->head;
	l->body = k->body;
	l->nbody = k->nbody;
	k->owned = k->unsent = false;
	link_sent(k);
}

void
h2link_start(struct link *k)
{
	struct client *c = k->pool->client;
	struct h2call *l, *next;

	k->h2 = NEW(struct h2link);
	k->state = LINK_H2;
	h2_init(&k->h2->h2, c->loop, &k->stream, &ops, false,
	    c->limits.max_head, 0);
	k->h2->heard_ns = loop_now(c->loop);
	k->pool->speaks_h2 = true;
	join_pool(k);
	adopt(k);
	k->total_ns = 0;
	link_due(k, 0);
	for (l = k->lanes; l != NULL; l = next) {
		next = l->next;
		if (!l->over && l->id == 0)
			submit(l);
	}
	k->h2->used = true;
	rest(k);
	wake(k);
}

void
h2link_fail_waiting(struct link *k, enum fault why)
{
	while (k->lanes != NULL)
		fail(k->lanes, why);
}

void
h2link_turn_away(struct link *k)
{
	struct h2call *l;

	for (l = k->lanes; l != NULL; l = l->next)
		l->call->reused = true;
	h2link_fail_waiting(k, FAULT_UP_RESET);
}

bool
h2link_is_idle(const struct link *k)
{
	return k->state == LINK_H2 && k->nlanes == 0;
}

void
h2link_lost(struct link *k, enum fault why)
{
	leave_pool(k);
	k->h2->h2.goaway = true;
	while (k->lanes != NULL)
		lose(k->lanes, why);
	link_close(k);
}

void
h2link_drop(struct link *k)
{
	leave_pool(k);
	while (k->lanes != NULL)
		lane_leave(k->lanes);
}

void
h2link_fini(struct link *k)
{
	if (k->h2 == NULL)
		return;
	h2_fini(&k->h2->h2);
	mem_free(k->h2);
	k->h2 = NULL;
}

static bool
flush(struct link *k)
{
	struct h2 *h = &k->h2->h2;

	if (!h2_flush(h)) {
		/* What it said before it closed is still to be read. */
		k->stream.readable = k->stream.hup = true;
		outq_fini(&h->out);
		h->goaway = true;
		return true;
	}
	if (h->failed || h->abuse != H2_NONE) {
		h2link_lost(k, FAULT_UP_GARBAGE);
		return false;
	}
	return true;
}

/* The peer broke the protocol: it hears why, when it listens. */
static void
dismiss(struct link *k)
{
	h2_dismiss(&k->h2->h2);
	(void)!h2_flush(&k->h2->h2);
	h2link_lost(k, FAULT_UP_GARBAGE);
}

static bool
read_some(struct link *k)
{
	size_t cap;
	char *p = loop_buf(loop_of(k), &cap);
	ssize_t n = stream_read(&k->stream, p, cap);

	if (n == STREAM_AGAIN)
		return false;
	if (n <= 0) {
		h2link_lost(k, FAULT_UP_RESET);
		return false;
	}
	k->h2->heard_ns = loop_now(loop_of(k));
	if (!h2_feed(&k->h2->h2, p, (size_t)n)) {
		dismiss(k);
		return false;
	}
	return true;
}

static void
settle(struct link *k)
{
	struct h2 *h = &k->h2->h2;

	if (!flush(k))
		return;
	if (k->nlanes == 0 && (h->goaway || h2_over(h)))
		link_close(k);
	else if (h2_over(h))
		h2link_lost(k, FAULT_UP_GARBAGE);
}

void
h2link_run(struct link *k)
{
	struct h2link *h = k->h2;
	int reads = 0;

	if (h->running || !flush(k))
		return;
	h->running = true;
	while (k->state == LINK_H2 && h->h2.out.len < H2_QUEUE) {
		if (reads++ == READS_MAX) {
			wake(k);
			break;
		}
		if (!read_some(k) || !flush(k))
			break;
	}
	h->running = false;
	if (k->state == LINK_H2)
		settle(k);
}

void
h2link_due(struct link *k)
{
	if (k->nlanes > 0)
		return;
	(void)nghttp2_session_terminate_session(
	    k->h2->h2.session, NGHTTP2_NO_ERROR);
	(void)!h2_flush(&k->h2->h2);
	link_close(k);
}
