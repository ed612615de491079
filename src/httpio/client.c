#include "httpio/client.h"

#include "base/clock.h"
#include "httpio/h2link.h"
#include "httpio/link.h"
#include "io/loop.h"

enum { JOIN = 4 * 1024 };
#define FORGOTTEN_NS (600 * NS_PER_S)

const struct client_limits client_limits_default = {
	.max_idle = 1024,
	.max_conns = 4096,
	.idle_ns = 55 * NS_PER_S,
	.max_head = 64 * 1024,
	.max_wide = 4 * 1024 * 1024,
};

struct client *
client_new(struct loop *l, const struct client_limits *limits)
{
	struct client *c = NEW(struct client);

	c->loop = l;
	c->limits = *limits;
	c->resolve = resolve_new(l);
	c->tls = tls_client_new();
	return c;
}

void
client_keep_system(struct client *c)
{
	tls_keep_system(c->tls);
}

enum fault
client_preload(
    struct client *c, const char *ca_file, const struct tls_terms *terms)
{
	return tls_preload(c->tls, ca_file, terms);
}

/* --- pools ------------------------------------------------------------- */

static uint64_t
mix(uint64_t h, const char *s)
{
	for (; s != NULL && *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

static uint64_t
hash_of(const struct origin *o)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^
		     ((uint64_t)o->port << 5 | (uint64_t)o->http << 3 |
			 (uint64_t)o->tls << 2 | (uint64_t)o->literal << 1 |
			 (uint64_t)o->allow_private);

	h = mix(mix(h, o->host), o->ca_file);
	if (o->proxy_host != NULL)
		h = mix(mix(h ^ o->proxy_port, o->proxy_host), o->proxy_auth);
	return o->terms != NULL ? mix(h, o->terms->id) : h;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
same_terms(const struct tls_terms *a, const struct tls_terms *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a->id, b->id) == 0;
}

static bool
same_origin(const struct origin *a, const struct origin *b)
{
	return a->port == b->port && a->tls == b->tls && a->http == b->http &&
	       a->literal == b->literal &&
	       a->allow_private == b->allow_private &&
	       a->metadata == b->metadata && same_text(a->host, b->host) &&
	       same_text(a->ca_file, b->ca_file) &&
	       same_terms(a->terms, b->terms) &&
	       a->proxy_port == b->proxy_port &&
	       same_text(a->proxy_host, b->proxy_host) &&
	       same_text(a->proxy_auth, b->proxy_auth);
}

static void
write_host_line(struct buf *b, const struct origin *o)
{
	buf_add(b, S("Host: "));
	http_write_host(b, o->host, o->port, o->tls);
	buf_add(b, S("\r\n"));
}

static struct pool *
pool_new(struct client *c, const struct origin *o, uint64_t hash)
{
	struct pool *p = NEW(struct pool);

	p->client = c;
	p->hash = hash;
	p->origin = *o;
	p->origin.host = mem_dup(slice_of(o->host));
	if (o->ca_file != NULL)
		p->origin.ca_file = mem_dup(slice_of(o->ca_file));
	if (o->proxy_host != NULL)
		p->origin.proxy_host = mem_dup(slice_of(o->proxy_host));
	if (o->proxy_auth != NULL)
		p->origin.proxy_auth = mem_dup(slice_of(o->proxy_auth));
	if (o->terms != NULL) {
		p->terms.id = mem_dup(slice_of(o->terms->id));
		p->origin.terms = &p->terms;
	}
	write_host_line(&p->host_line, o);
	if (o->tls)
		p->peer = tls_peer_new(c->tls, o->host, o->ca_file, o->terms);
	if (o->tls && o->http == ORIGIN_AUTO)
		tls_peer_offer_h2(p->peer);
	p->speaks_h2 = !o->tls && o->http == ORIGIN_H2C;
	p->next = c->pools[hash % POOL_BUCKETS];
	c->pools[hash % POOL_BUCKETS] = p;
	return p;
}

static void
pool_free(struct pool *p)
{
	mem_free((void *)(uintptr_t)p->origin.host);
	mem_free((void *)(uintptr_t)p->origin.ca_file);
	mem_free((void *)(uintptr_t)p->terms.id);
	mem_free((void *)(uintptr_t)p->origin.proxy_host);
	mem_free((void *)(uintptr_t)p->origin.proxy_auth);
	buf_fini(&p->host_line);
	tls_peer_free(&p->peer);
	mem_free(p);
}

/* Where nobody has gone for a while: a certificate that was renewed, a
 * provider that was taken out. */
static void
sweep(struct client *c)
{
	const int64_t before = loop_now(c->loop) - FORGOTTEN_NS;
	struct pool **at, *p;
	size_t i;

	for (i = 0; i < POOL_BUCKETS; i++) {
		for (at = &c->pools[i]; (p = *at) != NULL;) {
			if (p->nconn > 0 || p->left_ns > before) {
				at = &p->next;
				continue;
			}
			*at = p->next;
			pool_free(p);
		}
	}
}

static struct pool *
pool_get(struct client *c, const struct origin *o)
{
	uint64_t hash = hash_of(o);
	struct pool *p;

	for (p = c->pools[hash % POOL_BUCKETS]; p != NULL; p = p->next) {
		if (p->hash == hash && same_origin(&p->origin, o))
			return p;
	}
	sweep(c);
	return pool_new(c, o, hash);
}

static void
leave_idle(struct link *k)
{
	struct pool *p = k->pool;

	if (k->next_idle != NULL)
		k->next_idle->prev_idle = k->prev_idle;
	if (k->prev_idle != NULL)
		k->prev_idle->next_idle = k->next_idle;
	else
		p->idle = k->next_idle;
	k->next_idle = k->prev_idle = NULL;
	p->nidle--;
}

void
client_keep(struct link *k)
{
	struct pool *p = k->pool;

	if (p->nidle >= p->client->limits.max_idle) {
		link_close(k);
		return;
	}
	k->state = LINK_IDLE;
	k->prev_idle = NULL;
	k->next_idle = p->idle;
	if (p->idle != NULL)
		p->idle->prev_idle = k;
	p->idle = k;
	p->nidle++;
	k->total_ns = 0;
	link_due(k, p->client->limits.idle_ns);
}

void
client_left(struct link *k)
{
	struct client *c = k->pool->client;

	if (k->state == LINK_IDLE)
		leave_idle(k);
	if (k->pool->dialing == k)
		k->pool->dialing = NULL;
	if (k->next != NULL)
		k->next->prev = k->prev;
	if (k->prev != NULL)
		k->prev->next = k->next;
	else
		c->links = k->next;
	k->pool->nconn--;
	k->pool->left_ns = loop_now(c->loop);
}

void
client_close_idle(struct client *c)
{
	struct link *k, *next;

	for (k = c->links; k != NULL; k = next) {
		next = k->next;
		if (k->state == LINK_IDLE || h2link_is_idle(k))
			link_close(k);
	}
}

void
client_on_want(struct client *c, void (*give)(void *user), void *user)
{
	c->give = give;
	c->give_user = user;
}

size_t
client_open(const struct client *c)
{
	const struct link *k;
	size_t n = 0;

	for (k = c->links; k != NULL; k = k->next)
		n++;
	return n;
}

/* Links and what they borrow go together, when the turn ends. */
static void
fini(void *p)
{
	struct client *c = p;
	struct pool *pool;
	size_t i;

	for (i = 0; i < POOL_BUCKETS; i++) {
		while ((pool = c->pools[i]) != NULL) {
			c->pools[i] = pool->next;
			pool_free(pool);
		}
	}
	tls_client_free(&c->tls);
	buf_fini(&c->head);
	mem_free(c);
}

void
client_free(struct client **cp)
{
	struct client *c = *cp;

	if (c == NULL)
		return;
	*cp = NULL;
	while (c->links != NULL)
		link_close(c->links);
	resolve_free(&c->resolve);
	loop_reap(c->loop, c, fini);
}

/* --- the request ------------------------------------------------------- */

static bool
is_ours(struct slice name)
{
	switch (name.len) {
	case 4:
		return slice_ieq(name, S("host"));
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

static bool
wants_length(const struct call_spec *spec, uint64_t len)
{
	struct slice m = spec->head->method;

	return len > 0 || slice_eq(m, S("POST")) || slice_eq(m, S("PUT")) ||
	       slice_eq(m, S("PATCH"));
}

static void
write_head(struct buf *b, const struct pool *p, const struct call_spec *spec)
{
	const struct http_head *h = spec->head;
	uint64_t len = 0;
	unsigned i;

	for (i = 0; i < spec->nbody; i++)
		len += spec->body[i].len;
	buf_clear(b);
	buf_add(b, h->method);
	buf_add(b, S(" "));
	buf_add(b, h->target);
	buf_add(b, S(" HTTP/1.1\r\n"));
	buf_add(b, (struct slice){ p->host_line.p, p->host_line.len });
	for (i = 0; i < h->nhdr; i++) {
		if (!is_ours(h->hdr[i].name) && h1_hdr_ok(&h->hdr[i]))
			h1_write_hdr(b, h->hdr[i].name, h->hdr[i].value);
	}
	if (wants_length(spec, len)) {
		buf_add(b, S("Content-Length: "));
		buf_u64(b, len);
		buf_add(b, S("\r\n"));
	}
	buf_add(b, S("\r\n"));
}

/* --- calls ------------------------------------------------------------- */

static struct link *
link_of(const struct call *c)
{
	return CONTAINER_OF((uintptr_t)c, struct link, call);
}

static struct link *
link_new(struct client *c, struct pool *p)
{
	struct link *k = NEW(struct link);

	k->pool = p;
	k->stream.io.fd = -1;
	k->next = c->links;
	if (c->links != NULL)
		c->links->prev = k;
	c->links = k;
	p->nconn++;
	return k;
}

static void
begin_call(
    struct link *k, const struct call_spec *spec, const struct call_ops *ops)
{
	k->call = (struct call){ .ops = ops, .user = spec->user };
	k->first_byte_ns = spec->first_byte_ns;
	k->idle_ns = spec->idle_ns;
	k->total_ns = spec->total_at_ns;
	k->to_head = slice_eq(spec->head->method, S("HEAD"));
	k->seen = (struct h1_seen){ 0 };
	k->interim = 0;
	k->failing = FAULT_NONE;
	k->unsent = true;
	k->owned = k->write_dead = false;
	k->head_off = k->body_off = k->body_at = 0;
	k->nbody = spec->nbody;
	k->body = (struct slice *)(uintptr_t)spec->body;
}

/* What a first write did not take outlives the caller's array and our
 * scratch; the bytes of the body stay borrowed. */
static void
own_request(struct link *k, struct client *c)
{
	struct slice *own = NULL;

	if (k->nbody > 0) {
		own = mem_grow(NULL, k->nbody * sizeof(*own));
		memcpy(own, k->body, k->nbody * sizeof(*own));
	}
	k->body = own;
	k->head = (struct buf){ 0 };
	buf_add(&k->head, buf_slice(&c->head));
	k->owned = true;
}

/* A short body leaves with the head in one piece: a copy is cheaper. */
static void
join(struct buf *head, struct link *k)
{
	size_t len = 0;
	unsigned i;

	for (i = 0; i < k->nbody; i++)
		len += k->body[i].len;
	if (len > JOIN)
		return;
	for (i = 0; i < k->nbody; i++)
		buf_add(head, k->body[i]);
	k->nbody = 0;
}

static void
open_reused(struct client *c, struct link *k, const struct call_spec *spec)
{
	leave_idle(k);
	k->call.reused = true;
	/* Before the scratch is filled: on_send may open another call. */
	link_announce(k);
	if (k->state == LINK_CLOSED)
		return;
	write_head(&c->head, k->pool, spec);
	join(&c->head, k);
	k->head = c->head;
	link_send(k);
	if (k->unsent)
		own_request(k, c);
	else
		link_sent(k);
}

static void
open_new(struct client *c, struct link *k, const struct call_spec *spec,
    enum fault none)
{
	write_head(&c->head, k->pool, spec);
	own_request(k, c);
	k->call.reused = none == FAULT_UP_RESET;
	if (none != FAULT_NONE)
		link_fail_soon(k, none);
	else
		link_dial(k, spec->connect_ns);
}

/* A connection for one more call over HTTP/2, or that is to be one. */
static struct link *
find_wide(struct pool *p, bool *shut)
{
	struct link *k = h2link_find(p, shut);

	/* The call that it is made for is no lane yet. */
	if (k == NULL && p->dialing != NULL &&
	    p->dialing->nlanes + 1 < h2link_most(p))
		k = p->dialing;
	return k;
}

struct call *
call_open(
    struct client *c, const struct call_spec *spec, const struct call_ops *ops)
{
	struct pool *p = pool_get(c, spec->origin);
	bool shut = false;
	struct link *k = p->speaks_h2 ? find_wide(p, &shut) : NULL;
	enum fault none = FAULT_NONE; /* why no connection is made */

	if (k != NULL) {
		write_head(&c->head, p, spec);
		return h2link_open(k, spec, ops, buf_slice(&c->head));
	}
	k = p->idle;
	if (k == NULL && p->nconn >= c->limits.max_conns)
		none = FAULT_OVERLOAD;
	else if (k == NULL && shut)
		none = FAULT_UP_RESET;
	if (k == NULL)
		k = link_new(c, p);
	if (k->state != LINK_IDLE && p->speaks_h2 && none == FAULT_NONE)
		p->dialing = k;
	begin_call(k, spec, ops);
	if (k->state == LINK_IDLE)
		open_reused(c, k, spec);
	else
		open_new(c, k, spec, none);
	return &k->call;
}

void *
call_user(const struct call *c)
{
	return c->user;
}

bool
call_sent(const struct call *c)
{
	return c->sent;
}

bool
call_reused(const struct call *c)
{
	return c->reused;
}

void
call_pause(struct call *c)
{
	struct link *k = link_of(c);

	if (c->lane != NULL) {
		h2link_pause(c);
		return;
	}
	c->paused = true;
	if (k->state == LINK_BODY)
		link_due(k, 0);
}

void
call_resume(struct call *c)
{
	if (!c->paused)
		return;
	if (c->lane != NULL)
		h2link_resume(c);
	else
		link_resume(link_of(c));
}

void
call_hurry(struct call *c, int64_t within_ns)
{
	if (c->lane != NULL)
		h2link_hurry(c, within_ns);
	else
		link_hurry(link_of(c), within_ns);
}

void
call_cancel(struct call **cp)
{
	struct call *c = *cp;
	struct link *k;

	if (c == NULL)
		return;
	*cp = NULL;
	if (c->lane != NULL) {
		h2link_cancel(c);
		return;
	}
	k = link_of(c);
	CHECK(k->state != LINK_IDLE);
	if (k->lanes == NULL)
		link_close(k);
	else
		link_step_aside(k);
}
