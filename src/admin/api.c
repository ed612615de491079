#include "admin/api.h"

#include "admin/control_priv.h"
#include "admin/peer.h"
#include "httpio/server.h"
#include "io/loop.h"
#include "store/store.h"

static const struct route routes[] = {
#define ROUTE(method, path, role, fresh, handler, shape, text) \
	{ method, path, ROLE_##role, fresh, handler, SHAPE_##shape, text },
#include "admin/routes.def"
#undef ROUTE
};

const struct route *
route_at(size_t i)
{
	return i < NELEM(routes) ? &routes[i] : NULL;
}

const struct route *
route_find(struct slice method, struct slice path, struct slice *segment)
{
	size_t i;

	for (i = 0; i < NELEM(routes); i++) {
		*segment = S("");
		if (!http_fits(routes[i].path, path, segment))
			continue;
		if (slice_eq(method, slice_of(routes[i].method)) ||
		    (slice_eq(method, S("HEAD")) && routes[i].method[0] == 'G'))
			return &routes[i];
	}
	return NULL;
}

void
route_methods(struct slice path, struct buf *out)
{
	struct slice segment;
	size_t i;

	for (i = 0; i < NELEM(routes); i++) {
		if (!http_fits(routes[i].path, path, &segment))
			continue;
		buf_fmt(
		    out, "%s%s", out->len > 0 ? ", " : "", routes[i].method);
		if (strcmp(routes[i].method, "GET") == 0)
			buf_str(out, ", HEAD");
	}
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
answer_head(struct api *a, int status, struct slice type, int64_t len)
{
	const char *etag = arena_fmt(&a->arena, "\"%u\"", a->version);
	struct http_hdr hdr[8] = {
		{ S("content-type"), type },
		{ S("cache-control"), S("no-store") },
		{ S("x-content-type-options"), S("nosniff") },
		{ S("content-security-policy"),
		    S("default-src 'none'; frame-ancestors 'none'") },
	};
	unsigned n = 4;

	if (a->version != 0)
		hdr[n++] = (struct http_hdr){ S("etag"), slice_of(etag) };
	if (a->cookie.len > 0)
		hdr[n++] = (struct http_hdr){ S("set-cookie"), a->cookie };
	if (a->allow.len > 0)
		hdr[n++] = (struct http_hdr){ S("allow"), a->allow };
	exchange_answer(a->x, status, hdr, n, len);
}

static void
end(struct api *a, int status, struct slice type, struct slice body)
{
	CHECK(!a->ended);
	a->ended = true;
	if (a->x != NULL) {
		a->x->user = NULL;
		answer_head(a, status, type, (int64_t)body.len);
		exchange_write(a->x, body, true);
		a->x = NULL;
	}
}

void
api_stream_begin(struct api *a, struct slice type)
{
	if (a->x != NULL)
		answer_head(a, 200, type, -1);
}

bool
api_stream_write(struct api *a, struct slice data)
{
	if (a->x == NULL || exchange_full(a->x))
		return false;
	if (data.len > 0)
		exchange_write(a->x, data, false);
	return a->x != NULL;
}

void
api_stream_end(struct api *a)
{
	CHECK(!a->ended);
	a->ended = true;
	if (a->x != NULL) {
		a->x->user = NULL;
		exchange_write(a->x, S(""), true);
		a->x = NULL;
	}
	unless_owed(a);
}

void
api_text(struct api *a, int status, struct slice type, struct slice body)
{
	end(a, status, type, body);
	unless_owed(a);
}

void
api_answer(struct api *a, int status, const struct http_hdr *hdr, unsigned nhdr,
    struct slice body)
{
	CHECK(!a->ended);
	a->ended = true;
	if (a->x != NULL) {
		a->x->user = NULL;
		exchange_answer(a->x, status, hdr, nhdr, (int64_t)body.len);
		exchange_write(a->x, body, true);
		a->x = NULL;
	}
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

static bool
api_page_begin(struct api *a, struct api_page *p)
{
	const struct slice limit = api_query(a, "limit");
	const struct slice after = api_query(a, "after");
	uint64_t n = INT64_MAX, from = 0;

	*p = (struct api_page){ .after = INT64_MIN };
	if (limit.len > 0 && (!slice_u64(limit, &n) || n < 1 || n > 1000)) {
		api_fail(a, FAULT_FIELD, "'limit' is a number from 1 to 1000");
		return false;
	}
	if (after.len > 0) {
		if (!slice_u64(after, &from)) {
			api_fail(a, FAULT_FIELD,
			    "'after' is the 'next' of the page before");
			return false;
		}
		p->after = (int64_t)from;
	}
	p->left = (int64_t)n;
	return true;
}

bool
api_page_take(struct api_page *p, int64_t id)
{
	if (p->left == 0) {
		p->more = true;
		return false;
	}
	p->left--;
	p->last = id;
	return true;
}

/* Ids are stored bit for bit: a cursor is one of them. */
/* "next":"CURSOR" or null */
static void
api_page_end(const struct api_page *p, struct buf *b)
{
	json_w_key(b, "next");
	if (p->more)
		buf_fmt(b, "\"%llu\"", (unsigned long long)p->last);
	else
		json_w_null(b);
}

struct store *
api_store(struct api *a)
{
	struct store *s = control_store(a->c);

	if (s == NULL)
		api_fail(a, FAULT_DISK, "the store cannot be read");
	return s;
}

void
api_answer_store(struct api *a, struct store **s, struct buf *json)
{
	if (store_commit(*s) != FAULT_NONE) {
		buf_fini(json);
		api_fail(a, FAULT_DISK, store_error(*s));
	} else {
		api_reply(a, 200, json);
	}
	store_close(s);
}

bool
api_list_begin(struct api *a, struct api_list *l, const char *name)
{
	*l = (struct api_list){ 0 };
	if (!api_page_begin(a, &l->page) || (l->store = api_store(a)) == NULL)
		return false;
	store_begin(l->store);
	json_w_begin(&l->out, '{');
	json_w_key(&l->out, name);
	json_w_begin(&l->out, '[');
	return true;
}

void
api_list_end(struct api *a, struct api_list *l)
{
	json_w_end(&l->out, ']');
	api_page_end(&l->page, &l->out);
	json_w_end(&l->out, '}');
	api_answer_store(a, &l->store, &l->out);
}

/* --- wishes to the recorder ------------------------------------------------
 */

enum { WISH_MAX = 16 * 1024 };

static void
copy_scalar(struct buf *b, const struct json *v)
{
	switch (v->type) {
	case JSON_STRING:
		json_w_str(b, v->text);
		break;
	case JSON_NUMBER:
		json_w_raw(b, v->text);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		json_w_bool(b, v->type == JSON_TRUE);
		break;
	case JSON_NULL:
	case JSON_ARRAY:
	case JSON_OBJECT:
		json_w_null(b);
		break;
	}
}

/* Scalars and lists of them; nothing that is wished is deeper. */
static void
copy(struct buf *b, const struct json *v)
{
	const struct json *e;

	if (v->type != JSON_ARRAY) {
		copy_scalar(b, v);
		return;
	}
	json_w_begin(b, '[');
	for (e = v->child; e != NULL; e = e->next)
		copy_scalar(b, e);
	json_w_end(b, ']');
}

static bool
listed(const char *const *known, struct slice key)
{
	for (; *known != NULL; known++) {
		if (slice_eq(key, slice_of(*known)))
			return true;
	}
	return false;
}

static const char *
say_known(struct api *a, const char *const *known)
{
	struct buf b = { 0 };
	const char *text;

	buf_str(&b, "known fields are");
	for (; *known != NULL; known++)
		buf_fmt(&b, " %s%s", *known, known[1] != NULL ? "," : "");
	text = arena_str(&a->arena, buf_slice(&b));
	buf_fini(&b);
	return text;
}

const char *
api_wish_begin(
    struct api *a, const char *op, const char *const *known, struct buf *b)
{
	const struct json *m;

	json_w_begin(b, '{');
	json_w_kstr(b, "op", slice_of(op));
	if (a->body == NULL || a->body->type != JSON_OBJECT)
		return "the body must be a JSON object";
	for (m = a->body->child; m != NULL; m = m->next) {
		if (!listed(known, m->key))
			return say_known(a, known);
		if (m->type == JSON_OBJECT)
			return "no field takes an object";
		json_w_key(b, arena_str(&a->arena, m->key));
		copy(b, m);
	}
	return NULL;
}

void
api_wish(struct api *a, struct buf *b, api_then_f *then)
{
	struct slice s;

	if (a->idempotency.len > 0)
		json_w_kstr(b, "idem", a->idempotency);
	s = buf_slice(b);
	if (s.len > WISH_MAX)
		api_fail(a, FAULT_BODY_TOO_LARGE, NULL);
	else
		api_ask(a, a->c->recorder, (struct slice){ s.p + 1, s.len - 1 },
		    then);
	buf_fini(b);
}

/* {"id":...,"did":"created"|"changed"|"replaced"|"closed","note":...} */
static void
then_did(struct api *a, const struct json *answer)
{
	const struct slice replaced = json_get_str(answer, "replaced");
	const struct slice did = json_get_str(answer, "did");
	struct buf b = { 0 };

	if (!api_agreed(answer)) {
		api_fail_as_told(a, answer);
		return;
	}
	json_w_begin(&b, '{');
	json_w_kstr(&b, "id", json_get_str(answer, "id"));
	json_w_kstr(&b, "did", did);
	if (replaced.len > 0) {
		json_w_kstr(&b, "replaced", replaced);
		json_w_kstr(&b, "note",
		    S("other windows are another budget: it begins with "
		      "nothing spent, the old one is closed"));
	}
	json_w_end(&b, '}');
	api_reply(a, slice_eq(did, S("created")) ? 201 : 200, &b);
}

void
api_wish_did(
    struct api *a, const char *op, const char *const *known, bool about)
{
	static const struct json nothing = { .type = JSON_OBJECT };
	struct slice version = slice_trim(a->if_match);
	struct buf b = { 0 };
	const char *wrong;

	if (a->body == NULL && about)
		a->body = &nothing;
	wrong = api_wish_begin(a, op, known, &b);
	if (wrong != NULL) {
		buf_fini(&b);
		api_fail(a, FAULT_FIELD, wrong);
		return;
	}
	if (about) {
		json_w_kstr(&b, "id", a->segment);
		if (version.len > 2 && version.p[0] == '"')
			version =
			    (struct slice){ version.p + 1, version.len - 2 };
		if (version.len > 0 && !slice_eq(version, S("*")))
			json_w_kstr(&b, "version", version);
	}
	api_wish(a, &b, then_did);
}
