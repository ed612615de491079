#include "httpio/server.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "httpio/conn.h"
#include "httpio/h2conn.h"
#include "io/loop.h"
#include "io/tls_server.h"

/* One a turn: the other workers wait at the same door. */
enum { ACCEPT_BATCH = 1 };
#define LOOK_NS (100 * NS_PER_MS)
/* Whoever has just come, or just had an answer, may be asking already. */
#define REST_NS NS_PER_S

const struct server_limits server_limits_default = {
	.max_head = 64 * 1024,
	.max_body = 64 * 1024 * 1024,
	.max_bodies = 512 * 1024 * 1024,
	.max_share = 256 * 1024 * 1024,
	.max_conns = 10000,
	.excess_conns = 0,
	.max_streams = 128,
	.out_high = 256 * 1024,
	.head_ns = 30 * NS_PER_S,
	.body_ns = 60 * NS_PER_S,
	.idle_ns = 75 * NS_PER_S,
	.tls_ns = 10 * NS_PER_S,
	.write_ns = 60 * NS_PER_S,
};

static void on_accept(struct io *io, unsigned events);

static bool
is_full(const struct server *s)
{
	return s->nconn >= s->limits.max_conns + s->limits.excess_conns;
}

static void
listen_on(struct server *s)
{
	if (s->listening || s->draining || is_full(s))
		return;
	loop_add_listener(s->loop, &s->io, s->io.fd, on_accept);
	s->listening = true;
}

static void
listen_off(struct server *s)
{
	if (s->listening)
		loop_remove(s->loop, &s->io);
	s->listening = false;
}

static void
on_again(struct timer *t)
{
	struct server *s = CONTAINER_OF(t, struct server, again);

	if (s->nconn >= s->limits.max_conns)
		(void)server_make_room(s);
	listen_on(s);
	if (is_full(s) && !s->draining)
		timer_set(
		    s->loop, &s->again, loop_now(s->loop) + LOOK_NS, on_again);
}

/* Out of descriptors: the listener would only wake us for nothing. */
static void
pause_accept(struct server *s, int err)
{
	log_warn("accept: %s; pausing", strerror(err));
	if (!server_make_room(s) && s->ops->on_want != NULL)
		s->ops->on_want(s->user);
	listen_off(s);
	timer_set(
	    s->loop, &s->again, loop_now(s->loop) + 100 * NS_PER_MS, on_again);
}

static bool
is_shortage(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOBUFS ||
	       err == ENOMEM;
}

/*
 * An eighth of the time between the first and the last of them: so that a
 * flood pays for one look at all of them with many places.
 */
bool
server_make_room(struct server *s)
{
	const int64_t now = loop_now(s->loop);
	int64_t since, first = INT64_MAX, latest = 0;
	struct conn *c, *next;

	if (now < s->none_idle_ns)
		return false;
	for (c = s->conns; c != NULL; c = c->next) {
		since = conn_idle_since(c);
		if (since == 0)
			continue;
		first = since < first ? since : first;
		latest = since > latest ? since : latest;
	}
	if (latest == 0) {
		s->none_idle_ns = now + LOOK_NS;
		return false;
	}
	latest = first + (latest - first) / 8;
	for (c = s->conns; c != NULL; c = next) {
		next = c->next;
		since = conn_idle_since(c);
		if (since != 0 && since <= latest)
			conn_close(c);
	}
	return true;
}

void
server_close_idle(struct server *s)
{
	const int64_t before = loop_now(s->loop) - REST_NS;
	struct conn *c, *next;
	int64_t since;

	for (c = s->conns; c != NULL; c = next) {
		next = c->next;
		since = conn_idle_since(c);
		if (since != 0 && since <= before)
			conn_close(c);
		else
			conn_shed(c);
	}
}

void
server_tight(struct server *s, bool tight)
{
	s->tight = tight;
}

static void
on_accept(struct io *io, unsigned events)
{
	struct server *s = CONTAINER_OF(io, struct server, io);
	struct address peer;
	socklen_t len;
	int i, fd = 0;

	(void)events;
	if (s->nconn >= s->limits.max_conns)
		(void)server_make_room(s);
	for (i = 0; i < ACCEPT_BATCH && !is_full(s); i++) {
		peer = (struct address){ 0 };
		len = sizeof(peer.sa);
		fd = accept4(
		    io->fd, &peer.sa.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			conn_open(s, fd, &peer);
		else if (errno != EINTR && errno != ECONNABORTED)
			break;
	}
	if (fd < 0 && is_shortage(errno))
		pause_accept(s, errno);
	if (is_full(s)) {
		listen_off(s);
		/* One may become idle without leaving. */
		timer_set(
		    s->loop, &s->again, loop_now(s->loop) + LOOK_NS, on_again);
	}
}

struct server *
server_new(struct loop *l, int listen_fd, const struct server_ops *ops,
    const struct server_limits *limits, void *user)
{
	struct server *s = NEW(struct server);

	s->loop = l;
	s->io.fd = listen_fd;
	s->ops = ops;
	s->limits = *limits;
	s->user = user;
	listen_on(s);
	return s;
}

void
server_limit(struct server *s, const struct server_limits *limits)
{
	s->limits = *limits;
	if (is_full(s))
		listen_off(s);
	else if (s->again.at_ns == 0)
		listen_on(s);
}

void
server_tls(struct server *s, struct tls_server *t)
{
	struct tls_server *old = s->tls;

	s->tls = t != NULL ? tls_server_ref(t) : NULL;
	tls_server_unref(&old);
}

void *
server_user(const struct exchange *x)
{
	if (x->h2)
		return h2conn_server(x)->user;
	return CONTAINER_OF(x, struct conn, x)->srv->user;
}

size_t
server_owed(const struct server *s)
{
	return s->owed;
}

enum fault
server_welcome(struct server *s, struct exchange *x)
{
	enum fault f =
	    s->ops->on_head != NULL ? s->ops->on_head(x, x->head) : FAULT_NONE;

	if (f != FAULT_NONE)
		x->share = NULL;
	else if (x->share != NULL)
		x->share->n++;
	return f;
}

/* The limits may have sunk below what is there already. */
enum fault
server_may_keep(const struct server *s, const struct exchange *x,
    const struct buf *body, size_t more)
{
	const struct server_limits *l = &s->limits;
	const size_t others = s->bodies - body->cap;
	const struct server_share *own = x->share;

	if (body->len + more > l->max_body)
		return FAULT_BODY_TOO_LARGE;
	if (others > 0 && (s->tight || s->bodies + more > l->max_bodies))
		return FAULT_OVERLOAD;
	if (own != NULL && own->bytes > body->cap &&
	    own->bytes + more > l->max_share)
		return FAULT_CROWD;
	return FAULT_NONE;
}

void
server_keep(
    struct server *s, struct exchange *x, struct buf *body, struct slice data)
{
	const size_t before = body->cap;

	buf_add(body, data);
	s->bodies += body->cap - before;
	if (x->share != NULL)
		x->share->bytes += body->cap - before;
}

void
server_forget(struct server *s, struct exchange *x, struct buf *body)
{
	s->bodies -= body->cap;
	if (x->share != NULL) {
		x->share->bytes -= body->cap;
		x->share->n--;
		x->share = NULL;
	}
	buf_fini(body);
}

void
server_left(struct server *s, struct conn *c)
{
	if (c->next != NULL)
		c->next->prev = c->prev;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	s->nconn--;
	if (s->again.at_ns == 0)
		listen_on(s);
}

void
server_drain(struct server *s)
{
	struct conn *c, *next;

	s->draining = true;
	listen_off(s);
	timer_clear(&s->again);
	for (c = s->conns; c != NULL; c = next) {
		next = c->next;
		if (c->state == CONN_H2)
			h2conn_drain(c);
		else if (c->state == CONN_TLS ||
			 (c->state == CONN_IDLE && c->in.len == 0))
			conn_close(c);
	}
}

size_t
server_open(const struct server *s)
{
	return s->nconn;
}

void
server_free(struct server **sp)
{
	struct server *s = *sp;
	struct conn *c;

	if (s == NULL)
		return;
	*sp = NULL;
	s->draining = true;
	listen_off(s);
	timer_clear(&s->again);
	while ((c = s->conns) != NULL) {
		if (c->state == CONN_ANSWER && !c->told_gone) {
			c->broken = c->told_gone = true;
			s->ops->on_gone(&c->x);
		}
		conn_close(c);
	}
	conn_free_blocks(s);
	buf_fini(&s->spare);
	tls_server_unref(&s->tls);
	mem_free(s);
}
