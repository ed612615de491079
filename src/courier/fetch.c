#include "courier/fetch.h"

#include "base/clock.h"
#include "courier/stamp.h"
#include "httpio/client.h"
#include "io/address.h"
#include "io/loop.h"
#include "model/proxy.h"

enum { BODY_MAX = 64 * 1024 };
#define CONNECT_NS (5 * NS_PER_S)
#define FIRST_NS (10 * NS_PER_S)
#define IDLE_NS (5 * NS_PER_S)
#define TOTAL_NS (15 * NS_PER_S)

/* --- addresses --------------------------------------------------------------
 */

static bool
take_authority(struct arena *a, struct slice s, struct url *out)
{
	struct slice host = s, port = { NULL, 0 };
	uint64_t n = out->port;

	if (s.len > 0 && s.p[0] == '[') {
		if (!slice_cut(s, ']', &host, &port))
			return false;
		host.p++;
		host.len--;
		if (port.len > 0 && port.p[0] == ':')
			port = (struct slice){ port.p + 1, port.len - 1 };
		else if (port.len > 0)
			return false;
	} else {
		(void)slice_cut(s, ':', &host, &port);
	}
	if (host.len == 0 || host.len > 255 ||
	    (port.len > 0 && !slice_u64(port, &n)) || n == 0 || n > 65535)
		return false;
	out->host = arena_str(a, host);
	out->port = (uint16_t)n;
	out->authority = s;
	return memchr(s.p, '@', s.len) == NULL;
}

bool
url_split(struct arena *a, struct slice text, struct url *out)
{
	struct slice rest, authority, query;
	size_t i;

	*out = (struct url){ .port = 80 };
	for (i = 0; i < text.len; i++) {
		if (text.p[i] <= 0x20 || text.p[i] >= 0x7f ||
		    text.p[i] == '#' || text.p[i] == '\\')
			return false;
	}
	if (slice_starts(text, S("https://"))) {
		out->tls = true;
		out->port = 443;
		rest = (struct slice){ text.p + 8, text.len - 8 };
	} else if (slice_starts(text, S("http://"))) {
		rest = (struct slice){ text.p + 7, text.len - 7 };
	} else {
		return false;
	}
	authority = rest;
	if (slice_cut(rest, '/', &authority, &out->target))
		out->target = (struct slice){ authority.p + authority.len,
			rest.len - authority.len };
	else if (slice_cut(rest, '?', &authority, &query))
		out->target = slice_of(arena_fmt(a, "/?%.*s", S_FMT(query)));
	else
		out->target = S("/");
	return take_authority(a, authority, out);
}

bool
url_literal(const struct url *u)
{
	struct address a;

	return address_parse(&a, u->host, u->port) ||
	       slice_ieq(slice_of(u->host), S("localhost"));
}

/* --- exchanges ----------------------------------------------------------- */

static void
forget(struct fetch *f)
{
	if (f->body.p != NULL)
		mem_wipe(f->body.p, f->body.cap);
	buf_fini(&f->body);
	arena_wipe(&f->arena);
}

static void
over(struct fetch *f, enum signin_why why)
{
	f->call = NULL;
	f->answer.body = buf_slice(&f->body);
	f->on_done(f, why);
	/* It may have begun the next one. */
	if (f->call == NULL)
		forget(f);
}

static bool
looks_like_html(struct slice type, struct slice body)
{
	const struct slice text = slice_trim(body);
	const struct slice tag[] = { S_INIT("<!doctype"), S_INIT("<html") };
	size_t i;

	if (slice_starts(type, S("text/html")))
		return true;
	for (i = 0; i < NELEM(tag); i++) {
		if (text.len >= tag[i].len &&
		    slice_ieq((struct slice){ text.p, tag[i].len }, tag[i]))
			return true;
	}
	return false;
}

static void
on_send(struct call *c)
{
	(void)c;
}

static void
on_head(struct call *c, const struct http_head *head)
{
	struct fetch *f = call_user(c);
	struct run_reply *a = &f->answer;
	uint64_t s;

	a->status = head->status;
	a->html = looks_like_html(
	    slice_trim(http_value(head, S("content-type"))), S(""));
	a->google = slice_ieq(
	    slice_trim(http_value(head, S("metadata-flavor"))), S("Google"));
	if (!stamp_http(slice_trim(http_value(head, S("date"))), &a->date_s))
		a->date_s = 0;
	if (slice_u64(slice_trim(http_value(head, S("retry-after"))), &s) &&
	    s <= 3600)
		a->retry_s = (int64_t)s;
}

static void
on_body(struct call *c, struct slice data, bool last)
{
	struct fetch *f = call_user(c);

	if (f->body.len + data.len > BODY_MAX)
		f->too_large = true;
	else
		buf_add(&f->body, data);
	if (!last)
		return;
	f->answer.html =
	    f->answer.html || looks_like_html(S(""), buf_slice(&f->body));
	over(f, f->too_large ? SIGNIN_WHY_SIZE : SIGNIN_WHY_NONE);
}

static void
on_fail(struct call *c, enum fault why)
{
	struct fetch *f = call_user(c);

	if (why == FAULT_UP_ADDRESS)
		over(f, SIGNIN_WHY_ADDRESS);
	else if (why == FAULT_UP_TLS)
		over(f, SIGNIN_WHY_TLS);
	else if (why == FAULT_UP_TIMEOUT)
		over(f, SIGNIN_WHY_TIMEOUT);
	else if (why == FAULT_UP_RESET || why == FAULT_UP_GARBAGE)
		over(f, SIGNIN_WHY_BROKEN);
	else
		over(f, SIGNIN_WHY_UNREACHABLE);
}

static const struct call_ops ops = {
	.on_send = on_send,
	.on_head = on_head,
	.on_body = on_body,
	.on_fail = on_fail,
};

static void
fill_head(const struct errand *e, const struct url *u, struct http_head *head)
{
	unsigned i;

	head->nhdr = 0;
	head->lens = 0;
	head->method = e->method;
	head->target = u->target;
	(void)http_add(head, S("user-agent"), S("kontor"));
	(void)http_add(head, S("accept"), S("*/*"));
	(void)http_add(head, S("accept-encoding"), S("identity"));
	for (i = 0; i < e->nhdr; i++)
		(void)http_add(head, e->hdr[i].name, e->hdr[i].value);
}

static bool
dials_metadata(const struct signin_conf *c)
{
	return signin_method_dials_metadata(c->method) ||
	       (c->method == SIGNIN_GOOGLE_CREDENTIALS && c->metadata != NULL);
}

struct fetch_rules
fetch_rules_of(const struct snapshot *s, const struct provider_conf *p)
{
	struct fetch_rules rules = { .metadata = dials_metadata(p->signin),
		.allow_private = p->allow_private,
		.ca_file = p->signin->ca_file };

	if (p->proxy_own) {
		rules.no_proxy = NULL;
		rules.proxy_host = p->proxy_host;
		rules.proxy_port = p->proxy_port;
		rules.proxy_auth = p->proxy_auth;
	} else if (s->proxy_host[0] != '\0') {
		rules.no_proxy = s->no_proxy;
		rules.proxy_host = s->proxy_host;
		rules.proxy_port = s->proxy_port;
		rules.proxy_auth = s->proxy_auth;
	}
	return rules;
}

bool
fetch_start(struct fetch *f, struct client *c, struct loop *l,
    const struct errand *e, const struct fetch_rules *rules,
    enum signin_why *why)
{
	static struct http_head head;
	struct origin origin = { .allow_private = rules->allow_private,
		.metadata = rules->metadata,
		.ca_file = rules->ca_file };
	struct call_spec spec = { .origin = &origin,
		.head = &head,
		.body = &e->body,
		.nbody = e->body.len > 0,
		.connect_ns = CONNECT_NS,
		.first_byte_ns = FIRST_NS,
		.idle_ns = IDLE_NS,
		.total_at_ns = loop_now(l) + TOTAL_NS,
		.user = f };
	struct url u;

	CHECK(f->call == NULL);
	forget(f);
	f->answer = (struct run_reply){ 0 };
	f->too_large = false;
	if (!url_split(&f->arena, e->url, &u)) {
		*why = SIGNIN_WHY_SETUP;
		return false;
	}
	origin.host = u.host;
	if (rules->proxy_host != NULL && u.tls &&
	    (rules->no_proxy == NULL ||
		!proxy_bypassed(rules->no_proxy, slice_of(u.host), u.port))) {
		origin.proxy_host = rules->proxy_host;
		origin.proxy_port = rules->proxy_port;
		origin.proxy_auth = rules->proxy_auth;
		origin.metadata = false;
	}
	origin.port = u.port;
	origin.tls = u.tls;
	origin.literal = url_literal(&u);
	fill_head(e, &u, &head);
	f->call = call_open(c, &spec, &ops);
	return true;
}

void
fetch_drop(struct fetch *f)
{
	if (f->call != NULL)
		call_cancel(&f->call);
	forget(f);
}
