/*
 * compare.c - calls of the console, made as anybody's: through the gateway
 *
 * The gateway sees a caller with a key of its own, "console", so what the
 * console runs is governed, priced and logged like any other call.  That key
 * is made when it is first needed, lives for half a day, and its secret never
 * leaves this process.
 */
#include <stdlib.h>

#include "admin/api.h"
#include "admin/control_priv.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "httpio/client.h"
#include "httpio/server.h"
#include "io/loop.h"
#include "io/tls.h"
#include "model/ident.h"
#include "shm/key.h"

enum { KEY_LIFE_S = 12 * 3600, ANSWER_MAX = 4096, PATIENCE_S = 600 };

struct outgoing {
	struct outgoing *next; /* that wait for the key */
	struct api *api;
	struct call *call;
	struct slice body, deployment, request;
	/* A test wants to know, not to relay. */
	bool test;
	int64_t began_ns;
	int status;
	struct buf answer;
};

/* --- the key ---------------------------------------------------------------
 */

struct console_key {
	uint64_t id;
	char id_text[KEY_ID_TEXT + 1], text[KEY_TEXT + 1];
	struct outgoing *waiting; /* not empty: it is being made */
};

static struct console_key own;

static bool
key_is_good(const struct control *c)
{
	const struct shm_key *k =
	    own.id != 0 ? key_find(&c->shm, own.id) : NULL;

	return k != NULL && key_live(k, clock_wall_ns() + 60 * NS_PER_S);
}

static void start(struct api *a);

static void
then_made(struct api *a, const struct json *answer)
{
	const bool good = api_agreed(answer);
	struct outgoing *o;

	(void)a;
	if (!good)
		own.id = 0;
	while ((o = own.waiting) != NULL) {
		own.waiting = o->next;
		if (good)
			start(o->api);
		else
			api_fail_as_told(o->api, answer);
	}
}

static void
make_key(struct api *a)
{
	char sha256[DIGEST_HEX + 1];
	uint8_t secret[32], sum[DIGEST_LEN];
	struct slice text;
	struct buf b = { 0 };

	random_bytes(&own.id, sizeof(own.id));
	random_bytes(secret, sizeof(secret));
	key_write(own.id, secret, own.text);
	mem_wipe(secret, sizeof(secret));
	CHECK(key_parse(slice_of(own.text), &own.id, &text));
	key_id_write(own.id, own.id_text);
	digest_of(text, sum);
	digest_hex(sum, sha256);
	json_w_begin(&b, '{');
	json_w_kstr(&b, "op", S("key_create"));
	json_w_kstr(&b, "name", S("console"));
	json_w_kstr(&b, "team", S("console"));
	json_w_kstr(&b, "id", slice_of(own.id_text));
	json_w_kstr(&b, "sha256", slice_of(sha256));
	json_w_ki64(&b, "expires_ns", clock_wall_ns() + KEY_LIFE_S * NS_PER_S);
	json_w_end(&b, '}');
	api_ask_recorder(a, &b, then_made);
}

static void
wait_for_key(struct api *a)
{
	struct outgoing *o = a->state;
	const bool first = own.waiting == NULL;

	o->next = own.waiting;
	own.waiting = o;
	if (first)
		make_key(a);
}

/* --- the call --------------------------------------------------------------
 */

static void
drop(struct api *a)
{
	struct outgoing *o = a->state;

	if (o->call != NULL)
		call_cancel(&o->call);
	buf_fini(&o->answer);
}

static void
on_left(struct api *a)
{
	drop(a);
	api_stream_end(a);
}

static void
relay_head(struct outgoing *o, const struct http_head *h)
{
	static const struct slice names[] = { S_INIT("content-type"),
		S_INIT("x-kontor-request-id"), S_INIT("x-kontor-deployment"),
		S_INIT("x-kontor-cost"), S_INIT("retry-after") };
	struct http_hdr hdr[NELEM(names) + 2];
	unsigned n = 0;
	size_t i;

	for (i = 0; i < NELEM(names); i++) {
		const struct slice v = http_value(h, names[i]);

		if (v.p != NULL)
			hdr[n++] = (struct http_hdr){ names[i], v };
	}
	hdr[n++] = (struct http_hdr){ S("cache-control"), S("no-store") };
	hdr[n++] =
	    (struct http_hdr){ S("x-content-type-options"), S("nosniff") };
	exchange_answer(o->api->x, h->status, hdr, n, -1);
}

static void
on_send(struct call *c)
{
	(void)c;
}

static void
on_head(struct call *c, const struct http_head *h)
{
	struct outgoing *o = call_user(c);

	o->status = h->status;
	o->request =
	    arena_copy(&o->api->arena, http_value(h, S("x-kontor-request-id")));
	if (!o->test && o->api->x != NULL)
		relay_head(o, h);
}

/* What the provider says is wrong, or what it is called here. */
static void
write_told(struct buf *b, struct api *a, struct slice text)
{
	const struct json *e = NULL;
	struct json *j;

	if (json_parse(&a->arena, text, &j) == FAULT_NONE)
		e = json_get(j, "error");
	json_w_kstr(b, "text",
	    e != NULL ? json_get_str(e, "message")
		      : S("the answer is not JSON"));
	json_w_kstr(b, "code", json_get_str(e, "code"));
}

static void
answer_test(struct outgoing *o)
{
	struct api *a = o->api;
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_kbool(&b, "good", o->status == 200);
	json_w_ki64(&b, "status", o->status);
	if (o->status != 200) {
		write_told(&b, a, buf_slice(&o->answer));
	} else {
		json_w_kstr(&b, "text", S(""));
		json_w_kstr(&b, "code", S(""));
	}
	json_w_ki64(&b, "ms", (loop_now(a->c->loop) - o->began_ns) / NS_PER_MS);
	json_w_kstr(&b, "request", o->request);
	json_w_end(&b, '}');
	drop(a);
	api_reply(a, 200, &b);
}

static void
on_body(struct call *c, struct slice data, bool last)
{
	struct outgoing *o = call_user(c);
	struct api *a = o->api;

	if (last)
		o->call = NULL;
	if (o->test) {
		if (o->answer.len < ANSWER_MAX)
			buf_add(&o->answer, data);
		if (last)
			answer_test(o);
		return;
	}
	if (a->x != NULL && data.len > 0)
		exchange_write(a->x, data, false);
	if (last) {
		drop(a);
		api_stream_end(a);
	}
}

static void
on_fail(struct call *c, enum fault why)
{
	struct outgoing *o = call_user(c);
	struct api *a = o->api;

	o->call = NULL;
	drop(a);
	if (a->x != NULL && exchange_answered(a->x)) {
		exchange_abort(a->x);
		a->x = NULL;
		api_stream_end(a);
	} else {
		api_fail(a, why, "the gateway does not answer");
	}
}

static const struct call_ops ops = {
	.on_send = on_send,
	.on_head = on_head,
	.on_body = on_body,
	.on_fail = on_fail,
};

/* "0.0.0.0:8080" as one connects to it. */
static void
find_gateway(struct api *a, struct origin *to)
{
	const char *address = a->c->snapshot->gateway_address;
	const char *colon = strrchr(address, ':');
	struct tls_terms *terms;
	struct slice host = { address, (size_t)(colon - address) };

	if (host.len > 2 && host.p[0] == '[')
		host = (struct slice){ host.p + 1, host.len - 2 };
	if (slice_eq(host, S("0.0.0.0")) || host.len == 0)
		host = S("127.0.0.1");
	else if (slice_eq(host, S("::")))
		host = S("::1");
	*to = (struct origin){ .host = arena_str(&a->arena, host),
		.port = (uint16_t)strtoul(colon + 1, NULL, 10),
		.literal = true,
		.allow_private = true };
	if (a->c->snapshot->gateway_pin[0] == '\0')
		return;
	/* Its certificate names others than 127.0.0.1; its key is known. */
	terms = ARENA_NEW(&a->arena, struct tls_terms);
	terms->id = terms->pins = a->c->snapshot->gateway_pin;
	terms->only_pins = true;
	to->tls = true;
	to->terms = terms;
}

static void
start(struct api *a)
{
	struct outgoing *o = a->state;
	struct http_head *h = ARENA_NEW(&a->arena, struct http_head);
	struct origin to;
	const struct call_spec spec = { .origin = &to,
		.head = h,
		.body = &o->body,
		.nbody = 1,
		.connect_ns = 5 * NS_PER_S,
		.first_byte_ns = PATIENCE_S * NS_PER_S,
		.idle_ns = PATIENCE_S * NS_PER_S,
		.user = o };

	if (a->x == NULL) {
		api_stream_end(a);
		return;
	}
	find_gateway(a, &to);
	h->method = S("POST");
	h->target = S("/v1/chat/completions");
	CHECK(http_add(h, S("authorization"),
	    slice_of(arena_fmt(&a->arena, "Bearer %s", own.text))));
	CHECK(http_add(h, S("content-type"), S("application/json")));
	if (o->deployment.len > 0)
		CHECK(http_add(h, S("x-kontor-deployment"), o->deployment));
	o->began_ns = loop_now(a->c->loop);
	a->on_left = on_left;
	o->call = call_open(a->c->client, &spec, &ops);
}

static void
begin(struct api *a, struct slice body, struct slice deployment, bool test)
{
	struct outgoing *o = ARENA_NEW(&a->arena, struct outgoing);

	o->api = a;
	o->body = arena_copy(&a->arena, body);
	o->deployment = arena_copy(&a->arena, deployment);
	o->test = test;
	a->state = o;
	if (key_is_good(a->c))
		start(a);
	else
		wait_for_key(a);
}

/* A chat completion as the gateway takes it; ?deployment=ID pins it. */
void
compare_run(struct api *a)
{
	begin(a, a->x->body, api_query(a, "deployment"), false);
}

static const struct deployment_conf *
deployment_by_id(const struct snapshot *s, struct slice id)
{
	unsigned i;

	for (i = 0; i < s->ndeployments; i++) {
		if (slice_eq(slice_of(s->deployment[i].id), id))
			return &s->deployment[i];
	}
	return NULL;
}

/* One small call: {"good", "status", "text": what is wrong, "code", "ms",
 * "request"}.
 */
void
deployments_test(struct api *a)
{
	const struct deployment_conf *d = deployment_by_id(
	    a->c->snapshot, http_unescape(&a->arena, a->segment, false));
	struct buf b = { 0 };

	if (d == NULL) {
		api_fail(a, FAULT_NOT_FOUND, "there is no such deployment");
		return;
	}
	json_w_begin(&b, '{');
	json_w_kstr(&b, "model", slice_of(d->model->id));
	json_w_key(&b, "messages");
	json_w_raw(&b, S("[{\"role\":\"user\",\"content\":\"Say: ok\"}]"));
	json_w_ki64(&b, "max_completion_tokens", 16);
	json_w_end(&b, '}');
	begin(a, buf_slice(&b), slice_of(d->id), true);
	buf_fini(&b);
}
