#include "httpio/link.h"

#include <errno.h>

#include "base/log.h"
#include "httpio/h2link.h"
#include "io/loop.h"

enum {
	READS_MAX = 16, /* per event, so that one peer cannot hold the loop */
	INTERIM_MAX = 8,
	PROXY_HEAD = 16 * 1024
};

static void next_address(struct link *k);
static void run(struct link *k);

static struct loop *
loop_of(const struct link *k)
{
	return k->pool->client->loop;
}

/* --- deadlines --------------------------------------------------------- */

static void on_due(struct timer *t);

/* Like a server's connection: the timer may fire early and is asked again. */
static void
due_at(struct link *k, int64_t at_ns)
{
	k->due_ns = at_ns;
	if (at_ns == 0)
		return;
	if (k->timer.at_ns == 0 || at_ns < k->timer.at_ns)
		timer_set(loop_of(k), &k->timer, at_ns, on_due);
}

void
link_due(struct link *k, int64_t after_ns)
{
	int64_t at = after_ns > 0 ? loop_now(loop_of(k)) + after_ns : 0;

	k->stage_ns = at;
	if (k->total_ns > 0 && (at == 0 || k->total_ns < at))
		at = k->total_ns;
	due_at(k, at);
}

void
link_hurry(struct link *k, int64_t within_ns)
{
	const int64_t at = loop_now(loop_of(k)) + within_ns;

	if (k->total_ns == 0 || at < k->total_ns)
		k->total_ns = at;
	if (k->due_ns == 0 || k->total_ns < k->due_ns)
		due_at(k, k->total_ns);
}

/* --- the end ----------------------------------------------------------- */

static void
fini(void *p)
{
	h2link_fini(p);
	mem_free(p);
}

void
link_sent(struct link *k)
{
	k->head = (struct buf){ 0 };
	k->body = NULL;
	k->nbody = 0;
}

static void
free_request(struct link *k)
{
	if (k->owned) {
		buf_fini(&k->head);
		mem_free(k->body);
	}
	link_sent(k);
	k->unsent = k->owned = false;
}

/* The connection may live for long: nothing of the request stays with it. */
void
link_step_aside(struct link *k)
{
	free_request(k);
	k->call.ops = NULL;
	k->total_ns = 0;
	due_at(k, k->stage_ns);
}

static void
free_dial(struct link *k)
{
	if (k->dial == NULL)
		return;
	resolve_cancel(&k->dial->query);
	mem_free(k->dial);
	k->dial = NULL;
}

void
link_close(struct link *k)
{
	struct loop *l = loop_of(k);

	if (k->state == LINK_CLOSED)
		return;
	client_left(k);
	h2link_drop(k);
	k->state = LINK_CLOSED;
	timer_clear(&k->timer);
	task_clear(&k->task);
	stream_close(&k->stream);
	free_dial(k);
	free_request(k);
	buf_fini(&k->in);
	loop_reap(l, k, fini);
}

/* The call's last callback; the link is gone before it. */
static void
fail(struct link *k, enum fault why)
{
	const struct call_ops *ops = k->call.ops;

	if (k->state == LINK_CLOSED)
		return;
	if (k->state == LINK_IDLE) {
		link_close(k);
		return;
	}
	if (k->state == LINK_H2) {
		h2link_lost(k, why);
		return;
	}
	if (k->pool->dialing == k)
		k->pool->dialing = NULL;
	h2link_fail_waiting(k, why);
	link_close(k);
	if (ops != NULL)
		ops->on_fail(&k->call, why);
}

static void
on_task(struct task *t)
{
	struct link *k = CONTAINER_OF(t, struct link, task);

	if (k->failing != FAULT_NONE)
		fail(k, k->failing);
	else if (k->state == LINK_H2)
		h2link_run(k);
	else
		run(k);
}

void
link_wake(struct link *k)
{
	task_set(loop_of(k), &k->task, on_task);
}

void
link_fail_soon(struct link *k, enum fault why)
{
	if (k->failing == FAULT_NONE)
		k->failing = why;
	task_set(loop_of(k), &k->task, on_task);
}

void
link_resume(struct link *k)
{
	k->call.paused = false;
	if (k->state == LINK_BODY)
		link_due(k, k->idle_ns);
	task_set(loop_of(k), &k->task, on_task);
}

static bool
is_late(const struct link *k, int64_t now)
{
	return k->total_ns > 0 && k->total_ns <= now;
}

/* The time of the call that it was made for is up; others wait for it, as
 * long as the connecting may take. */
static void
fail_one(struct link *k)
{
	const struct call_ops *ops = k->call.ops;

	link_step_aside(k);
	ops->on_fail(&k->call, FAULT_UP_TIMEOUT);
}

static void
on_due(struct timer *t)
{
	struct link *k = CONTAINER_OF(t, struct link, timer);
	int64_t now = loop_now(loop_of(k));

	if (k->due_ns == 0)
		return;
	if (k->due_ns > now)
		due_at(k, k->due_ns);
	else if (k->state == LINK_H2)
		h2link_due(k);
	else if (k->lanes != NULL && is_late(k, now))
		fail_one(k);
	else if (k->state >= LINK_HEAD || is_late(k, now))
		fail(k, FAULT_UP_TIMEOUT);
	else if (k->state == LINK_CONNECT && now < k->dial->until_ns)
		next_address(k);
	else
		fail(k,
		    k->state == LINK_RESOLVE ? FAULT_UP_DNS : FAULT_UP_CONNECT);
}

/* --- the request ------------------------------------------------------- */

void
link_announce(struct link *k)
{
	k->state = LINK_HEAD;
	k->call.sent = true;
	k->call.ops->on_send(&k->call);
}

static int
lay_out(const struct link *k, struct iovec iov[LINK_IOV])
{
	unsigned i;
	int n = 0;

	if (k->head_off < k->head.len)
		iov[n++] = (struct iovec){ k->head.p + k->head_off,
			k->head.len - k->head_off };
	for (i = k->body_at; i < k->nbody && n < LINK_IOV; i++) {
		size_t off = i == k->body_at ? k->body_off : 0;

		if (k->body[i].len > off)
			iov[n++] = (struct iovec){
				(void *)(uintptr_t)(k->body[i].p + off),
				k->body[i].len - off
			};
	}
	return n;
}

static void
advance(struct link *k, size_t put)
{
	size_t n = k->head.len - k->head_off;

	n = n < put ? n : put;
	k->head_off += n;
	put -= n;
	while (k->body_at < k->nbody) {
		n = k->body[k->body_at].len - k->body_off;
		if (put < n) {
			k->body_off += put;
			return;
		}
		put -= n;
		k->body_off = 0;
		k->body_at++;
	}
}

/*
 * The write side is dead, but the peer may have said why before it closed:
 * what it sent decides, and if that is nothing, the reset.
 */
static void
write_failed(struct link *k)
{
	k->unsent = false;
	k->write_dead = true;
	k->stream.readable = k->stream.hup = true;
	task_set(loop_of(k), &k->task, on_task);
}

void
link_send(struct link *k)
{
	struct iovec iov[LINK_IOV];
	ssize_t put;
	int n;

	link_due(k, k->first_byte_ns);
	while ((n = lay_out(k, iov)) > 0) {
		put = stream_writev(&k->stream, iov, n);
		if (put == STREAM_ERROR) {
			write_failed(k);
			return;
		}
		if (put == STREAM_AGAIN)
			return;
		advance(k, (size_t)put);
	}
	k->unsent = false;
}

static void
send_rest(struct link *k)
{
	link_send(k);
	if (k->unsent)
		return;
	free_request(k);
}

/* --- connecting -------------------------------------------------------- */

static void on_ready(struct stream *s, unsigned events);

static bool
chose_h2(const struct link *k)
{
	const struct origin *o = &k->pool->origin;

	return o->tls ? tls_is_h2(&k->stream) : o->http == ORIGIN_H2C;
}

/* Calls that waited for HTTP/2 wait no more; false: nobody is left. */
static bool
stays_h1(struct link *k)
{
	if (k->pool->dialing == k)
		k->pool->dialing = NULL;
	k->pool->speaks_h2 = false;
	h2link_turn_away(k);
	if (k->call.ops != NULL)
		return true;
	link_close(k);
	return false;
}

static void
start_request(struct link *k)
{
	free_dial(k);
	if (chose_h2(k)) {
		if (k->pool->dialing == k)
			k->pool->dialing = NULL;
		h2link_start(k);
		return;
	}
	if ((k->lanes != NULL || k->pool->dialing == k) && !stays_h1(k))
		return;
	link_announce(k);
	if (k->state == LINK_HEAD)
		send_rest(k);
}

/* Every address gets its share of what is left of the deadline. */
static int64_t
share(const struct link *k)
{
	int64_t left = k->dial->until_ns - loop_now(loop_of(k));

	left /= (int64_t)(k->dial->query.n - k->dial->at);
	return left > 0 ? left : 1;
}

static void
step_tls(struct link *k)
{
	int rc = tls_handshake(&k->stream);

	if (rc == 1)
		start_request(k);
	else if (rc != STREAM_AGAIN)
		fail(k, FAULT_UP_TLS);
}

/* The next thing is the provider's. */
static void
start_tls(struct link *k)
{
	if (k->pool->peer == NULL) {
		start_request(k);
		return;
	}
	k->state = LINK_TLS;
	if (tls_start(&k->stream, k->pool->peer) != FAULT_NONE)
		fail(k, FAULT_UP_TLS);
	else
		step_tls(k);
}

static void
write_connect(struct buf *b, const struct origin *o)
{
	const bool v6 = strchr(o->host, ':') != NULL;
	unsigned i;

	buf_str(b, "CONNECT ");
	for (i = 0; i < 2; i++) {
		buf_fmt(b, v6 ? "[%s]:%u" : "%s:%u", o->host, o->port);
		buf_str(b, i == 0 ? " HTTP/1.1\r\nHost: " : "\r\n");
	}
	if (o->proxy_auth != NULL)
		buf_fmt(b, "Proxy-Authorization: %s\r\n", o->proxy_auth);
	buf_str(b, "\r\n");
}

/* A socket just connected takes so little at once. */
static void
ask_proxy(struct link *k)
{
	struct buf b = { 0 };
	struct iovec iov;
	bool good;

	write_connect(&b, &k->pool->origin);
	iov = (struct iovec){ b.p, b.len };
	good = stream_writev(&k->stream, &iov, 1) == (ssize_t)b.len;
	mem_wipe(b.p, b.len);
	buf_fini(&b);
	k->state = LINK_PROXY;
	if (!good)
		fail(k, FAULT_UP_PROXY);
}

/* What comes before the answer is passed over, as often as from providers;
 * nobody has asked for another protocol. */
static enum fault
pass_interim(struct link *k, struct http_head *head, size_t *used)
{
	enum fault f;

	for (;;) {
		f = h1_tunnel(
		    &k->seen, buf_slice(&k->in), PROXY_HEAD, head, used);
		if (f != FAULT_NONE || *used == 0 || head->status / 100 != 1 ||
		    head->status == 101 || ++k->interim > INTERIM_MAX)
			return f;
		buf_drop(&k->in, *used);
		k->seen = (struct h1_seen){ 0 };
	}
}

/* A tunnel begins behind the head of a 2xx; nobody has asked for what would
 * follow. */
static void
hear_proxy(struct link *k)
{
	struct http_head *head = &k->pool->client->scratch;
	size_t used;
	const enum fault f = pass_interim(k, head, &used);

	if (f == FAULT_NONE && used == 0)
		return;
	if (f == FAULT_NONE && head->status / 100 == 2 && used == k->in.len) {
		buf_fini(&k->in);
		k->seen = (struct h1_seen){ 0 };
		k->interim = 0;
		start_tls(k);
		return;
	}
	log_info("proxy %s: %s %d", k->pool->origin.proxy_host,
	    f != FAULT_NONE ? "no HTTP" : "answers",
	    f != FAULT_NONE ? 0 : head->status);
	fail(k, FAULT_UP_PROXY);
}

static void
step_proxy(struct link *k)
{
	size_t cap;
	char *p = loop_buf(loop_of(k), &cap);
	ssize_t n = stream_read(&k->stream, p, cap);

	if (n == STREAM_AGAIN)
		return;
	if (n <= 0) {
		fail(k, FAULT_UP_PROXY);
		return;
	}
	buf_add(&k->in, (struct slice){ p, (size_t)n });
	hear_proxy(k);
}

static void
step_connect(struct link *k)
{
	int rc = stream_connected(&k->stream);

	if (rc == STREAM_AGAIN)
		return;
	if (rc != 1) {
		next_address(k);
		return;
	}
	k->dial->at = k->dial->query.n - 1; /* no other is tried */
	if (k->pool->peer != NULL || k->pool->origin.proxy_host != NULL)
		link_due(k, share(k));
	if (k->pool->origin.proxy_host != NULL)
		ask_proxy(k);
	else
		start_tls(k);
}

static bool
is_want(int err)
{
	return err == EMFILE || err == ENFILE;
}

/* Idle connections hold descriptors that a call may need: those to providers,
 * and when these are not enough, callers'.  False: that was all. */
static bool
make_room(struct client *c, unsigned *tries)
{
	switch ((*tries)++) {
	case 0:
		client_close_idle(c);
		return true;
	case 1:
		if (c->give != NULL)
			c->give(c->give_user);
		return c->give != NULL;
	default:
		return false;
	}
}

static bool
dial(struct link *k, const struct address *a)
{
	struct client *c = k->pool->client;
	unsigned tries = 0;

	while (!stream_connect(&k->stream, c->loop, a, on_ready)) {
		if (!is_want(errno) || !make_room(c, &tries))
			return false;
	}
	return true;
}

static void
next_address(struct link *k)
{
	struct dial *d = k->dial;
	enum fault why = FAULT_UP_CONNECT;
	struct address *a;

	stream_close(&k->stream);
	while (++d->at < d->query.n) {
		a = &d->query.addr[d->at];
		if (dial(k, a)) {
			link_due(k, share(k));
			return;
		}
		if (is_want(errno))
			why = FAULT_OVERLOAD;
	}
	/* Not at once: call_open() may be below us. */
	link_fail_soon(k, why);
}

/* Leaves only what may be dialled; false: nothing. */
static bool
permit(struct link *k)
{
	const struct origin *o = &k->pool->origin;
	struct query *q = &k->dial->query;
	const bool proxy = o->proxy_host != NULL;
	const uint16_t port = proxy ? o->proxy_port : o->port;
	unsigned i, n = 0;

	for (i = 0; i < q->n; i++) {
		const bool own = o->metadata &&
				 address_kind(&q->addr[i]) == ADDRESS_METADATA;

		if (!own && !address_may_dial(&q->addr[i], o->literal || proxy,
				o->allow_private || proxy))
			continue;
		q->addr[n] = q->addr[i];
		if (q->addr[n].sa.sa.sa_family == AF_INET)
			q->addr[n].sa.in4.sin_port = htons(port);
		else
			q->addr[n].sa.in6.sin6_port = htons(port);
		n++;
	}
	q->n = n;
	return n > 0;
}

static void
resolved(struct link *k)
{
	if (k->dial->query.n == 0) {
		link_fail_soon(
		    k, k->dial->query.want ? FAULT_OVERLOAD : FAULT_UP_DNS);
	} else if (!permit(k)) {
		link_fail_soon(k, FAULT_UP_ADDRESS);
	} else {
		k->state = LINK_CONNECT;
		k->dial->at = UINT32_MAX; /* next is the first */
		next_address(k);
	}
}

static void
on_resolved(struct query *q)
{
	resolved(CONTAINER_OF(q, struct dial, query)->link);
}

/* True: it is known at once, also that it cannot be. */
static bool
ask_name(struct link *k)
{
	const struct origin *o = &k->pool->origin;
	struct client *c = k->pool->client;
	struct query *q = &k->dial->query;
	unsigned tries = 0;

	do {
		if (!resolve_ask(c->resolve, q,
			o->proxy_host != NULL ? o->proxy_host : o->host,
			on_resolved))
			return false;
	} while (q->want && make_room(c, &tries));
	return true;
}

void
link_dial(struct link *k, int64_t connect_ns)
{

	k->state = LINK_RESOLVE;
	k->dial = NEW(struct dial);
	k->dial->link = k;
	k->dial->until_ns = loop_now(loop_of(k)) + connect_ns;
	link_due(k, connect_ns);
	if (ask_name(k))
		resolved(k);
}

/* --- the answer -------------------------------------------------------- */

static bool
wants_bytes(const struct link *k)
{
	return (k->state == LINK_HEAD || k->state == LINK_BODY) &&
	       !k->call.paused;
}

/* Nothing is there to be read: what came would be taken for the answer to
 * the next request. */
static bool
is_quiet(struct link *k)
{
	size_t cap;
	char *p = loop_buf(loop_of(k), &cap);

	return (!k->stream.readable && k->stream.tls == NULL) ||
	       stream_read(&k->stream, p, cap) == STREAM_AGAIN;
}

/* The answer is whole; rest: bytes came after it. */
static void
finish(struct link *k, bool rest)
{
	bool clean = k->keep_alive && !rest && !k->unsent && !k->write_dead &&
		     !k->stream.hup && k->in.len == 0;

	if (clean && is_quiet(k))
		client_keep(k);
	else
		link_close(k);
}

static size_t
feed_body(struct link *k, char *p, size_t len)
{
	struct slice data;
	size_t used;
	bool last;
	enum fault f = h1_body_feed(&k->rbody, p, len, &used, &data, &last);

	if (f != FAULT_NONE) {
		fail(k, f);
		return len;
	}
	if (last || data.len > 0)
		k->call.ops->on_body(&k->call, data, last);
	if (k->state != LINK_BODY)
		return len;
	if (last)
		finish(k, used < len);
	return used;
}

/* Also ends bodies that are empty, which no byte would end. */
static size_t
take_answer(struct link *k, char *p, size_t len, size_t used,
    const struct h1_meta *meta)
{
	struct client *c = k->pool->client;

	k->keep_alive = meta->keep_alive;
	k->state = LINK_BODY;
	if (k->unsent) {
		/* The bytes are the caller's again: the rest stays unsent. */
		free_request(k);
		k->keep_alive = false;
	}
	h1_body_init(&k->rbody, meta, FAULT_UP_GARBAGE);
	link_due(k, k->idle_ns);
	k->call.ops->on_head(&k->call, &c->scratch);
	if (k->state != LINK_BODY)
		return len;
	if (k->call.paused) {
		link_due(k, 0);
		return used;
	}
	if (meta->framing == H1_EMPTY || used < len)
		used += feed_body(k, p + used, len - used);
	return used;
}

static size_t
feed_head(struct link *k, char *p, size_t len)
{
	struct client *c = k->pool->client;
	struct h1_meta meta;
	size_t used;
	enum fault f = h1_answer(&k->seen, (struct slice){ p, len },
	    c->limits.max_head, k->to_head, &c->scratch, &meta, &used);

	if (f == FAULT_NONE && used > 0 && c->scratch.status < 200) {
		if (++k->interim <= INTERIM_MAX && c->scratch.status != 101) {
			k->seen = (struct h1_seen){ 0 };
			return used;
		}
		f = FAULT_UP_GARBAGE;
	}
	if (f != FAULT_NONE) {
		fail(k, f);
		return len;
	}
	return used == 0 ? 0 : take_answer(k, p, len, used, &meta);
}

static size_t
feed(struct link *k, char *p, size_t len)
{
	size_t at = 0, used = 1;

	while (at < len && used > 0 && wants_bytes(k)) {
		used = k->state == LINK_HEAD ? feed_head(k, p + at, len - at)
					     : feed_body(k, p + at, len - at);
		at += used;
	}
	return at;
}

static void
feed_waiting(struct link *k)
{
	struct buf in = k->in;
	size_t used;

	/* A callback may end the call: out of its reach. */
	k->in = (struct buf){ 0 };
	used = feed(k, in.p, in.len);
	if ((k->state == LINK_HEAD || k->state == LINK_BODY) && used < in.len) {
		buf_drop(&in, used);
		k->in = in;
		return;
	}
	buf_fini(&in);
}

static void
feed_fresh(struct link *k, char *p, size_t len)
{
	size_t used;

	if (k->state == LINK_BODY)
		link_due(k, k->idle_ns);
	if (k->in.len > 0) {
		buf_add(&k->in, (struct slice){ p, len });
		feed_waiting(k);
		return;
	}
	used = feed(k, p, len);
	if ((k->state == LINK_HEAD || k->state == LINK_BODY) && used < len)
		buf_add(&k->in, (struct slice){ p + used, len - used });
}

static void
on_end(struct link *k, ssize_t how)
{
	if (how != STREAM_EOF || k->state != LINK_BODY ||
	    !h1_body_eof(&k->rbody)) {
		fail(k, FAULT_UP_RESET);
		return;
	}
	k->call.ops->on_body(&k->call, S(""), true);
	link_close(k);
}

static bool
read_some(struct link *k)
{
	size_t cap;
	char *p = loop_buf(loop_of(k), &cap);
	ssize_t n = stream_read(&k->stream, p, cap);

	if (n == STREAM_AGAIN)
		return false;
	if (n <= 0)
		on_end(k, n);
	else
		feed_fresh(k, p, (size_t)n);
	return true;
}

static void
run(struct link *k)
{
	int reads = 0;

	if (k->running)
		return;
	k->running = true;
	if (k->in.len > 0 && k->state == LINK_BODY && wants_bytes(k))
		feed_waiting(k);
	else if (k->state == LINK_BODY && wants_bytes(k) &&
		 k->rbody.framing == H1_EMPTY)
		feed_body(k, NULL, 0); /* paused in on_head */
	while (wants_bytes(k) && reads++ < READS_MAX) {
		if (!read_some(k))
			break;
	}
	if (reads > READS_MAX && wants_bytes(k))
		task_set(loop_of(k), &k->task, on_task);
	k->running = false;
}

/* --- events ------------------------------------------------------------ */

static void
on_ready(struct stream *s, unsigned events)
{
	struct link *k = CONTAINER_OF(s, struct link, stream);

	(void)events;
	if (k->state == LINK_H2) {
		h2link_run(k);
		return;
	}
	if (k->state == LINK_IDLE) {
		/* It may only end; TLS may still bring tickets. */
		if (k->stream.hup || !is_quiet(k))
			link_close(k);
		return;
	}
	if (k->state == LINK_CONNECT)
		step_connect(k);
	else if (k->state == LINK_PROXY)
		step_proxy(k);
	else if (k->state == LINK_TLS)
		step_tls(k);
	else if (k->unsent && (k->stream.writable || k->stream.tls != NULL))
		send_rest(k);
	if ((k->state == LINK_HEAD || k->state == LINK_BODY) &&
	    (k->stream.readable || k->stream.tls != NULL))
		run(k);
}
