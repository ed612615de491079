#include "admin/api.h"

#include "admin/control_priv.h"
#include "admin/peer.h"
#include "httpio/server.h"
#include "io/loop.h"

static const struct route routes[] = {
#define ROUTE(method, path, role, fresh, handler, text) \
	{ method, path, ROLE_##role, fresh, handler, text },
#include "admin/routes.def"
#undef ROUTE
};

const struct route *
route_at(size_t i)
{
	return i < NELEM(routes) ? &routes[i] : NULL;
}

const struct route *
route_find(
    struct slice method, struct slice path, struct slice *segment, bool *known)
{
	size_t i;

	*known = false;
	for (i = 0; i < NELEM(routes); i++) {
		*segment = S("");
		if (!http_fits(routes[i].path, path, segment))
			continue;
		*known = true;
		if (slice_eq(method, slice_of(routes[i].method)) ||
		    (slice_eq(method, S("HEAD")) && routes[i].method[0] == 'G'))
			return &routes[i];
	}
	return NULL;
}

static void
reap(void *p)
{
	struct api *a = p;

	arena_fini(&a->arena);
	mem_free(a);
}

/* Gone when it is answered and nobody owes it anything. */
static void
unless_owed(struct api *a)
{
	if (a->ended && a->owed == 0)
		loop_reap(a->c->loop, a, reap);
}

static void
end(struct api *a, int status, struct slice type, struct slice body)
{
	const struct http_hdr hdr[] = {
		{ S("content-type"), type },
		{ S("cache-control"), S("no-store") },
		{ S("x-content-type-options"), S("nosniff") },
		{ S("content-security-policy"),
		    S("default-src 'none'; style-src 'self'") },
	};

	CHECK(!a->ended);
	a->ended = true;
	if (a->x != NULL) {
		a->x->user = NULL;
		exchange_answer(
		    a->x, status, hdr, NELEM(hdr), (int64_t)body.len);
		exchange_write(a->x, body, true);
		a->x = NULL;
	}
}

void
api_text(struct api *a, int status, struct slice type, struct slice body)
{
	end(a, status, type, body);
	unless_owed(a);
}

void
api_reply(struct api *a, int status, struct buf *json)
{
	buf_char(json, '\n');
	end(a, status, S("application/json"), buf_slice(json));
	buf_fini(json);
	unless_owed(a);
}

/* RFC 9457; code is ours, stable. */
void
api_fail(struct api *a, enum fault why, const char *detail)
{
	const struct fault_row *row = fault_get(why);
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_kstr(&b, "type", S("about:blank"));
	json_w_kstr(&b, "title", slice_of(row->text));
	json_w_ki64(&b, "status", row->status);
	json_w_kstr(&b, "code", slice_of(row->code));
	if (detail != NULL)
		json_w_kstr(&b, "detail", slice_of(detail));
	json_w_end(&b, '}');
	end(a, row->status, S("application/problem+json"), buf_slice(&b));
	buf_fini(&b);
	unless_owed(a);
}

struct owed {
	struct api *api;
	api_then_f *then;
};

static void
on_answer(void *arg, const struct json *answer)
{
	struct owed *o = arg;
	struct api *a = o->api;

	a->owed--;
	if (!a->ended)
		o->then(a, answer);
	else
		unless_owed(a);
}

void
api_ask(struct api *a, struct peer *p, struct slice fields, api_then_f *then)
{
	struct owed *o = ARENA_NEW(&a->arena, struct owed);

	o->api = a;
	o->then = then;
	a->owed++;
	peer_ask(p, fields, on_answer, o);
}

void
api_fail_as_told(struct api *a, const struct json *answer)
{
	struct slice name = json_get_str(answer, "fault");
	struct slice text = json_get_str(answer, "text");
	const char *detail = text.len > 0 ? arena_str(&a->arena, text) : NULL;
	unsigned f;

	if (answer == NULL) {
		api_fail(a, FAULT_OVERLOAD, "the recorder does not answer");
		return;
	}
	for (f = 1; f < FAULT_MAX; f++) {
		if (slice_eq(name, slice_of(fault_get(f)->name)))
			break;
	}
	api_fail(a, f < FAULT_MAX ? (enum fault)f : FAULT_INTERNAL, detail);
}

bool
api_agreed(const struct json *answer)
{
	return answer != NULL && json_get_bool(answer, "ok", false);
}

void
api_ask_recorder(struct api *a, struct buf *b, api_then_f *then)
{
	struct slice s = buf_slice(b);

	CHECK(s.len >= 2 && s.p[0] == '{' && s.p[s.len - 1] == '}');
	api_ask(a, a->c->recorder, (struct slice){ s.p + 1, s.len - 2 }, then);
	buf_fini(b);
}

struct slice
api_query(struct api *a, const char *name)
{
	return http_unescape(
	    &a->arena, http_query_get(a->query, slice_of(name)), true);
}
