/*
 * anthropic.c - the paths of Anthropic's API
 */
#include "sim/anthropic.h"

#include "sim/brand.h"
#include "sim/catalog.h"

#define BAD_JSON \
	"The request body is not valid JSON: expected value at line 1 column " \
	"1"

static struct plan *
trouble(const struct visit *v, enum trouble t, struct slice what)
{
	(void)v;
	return brand_trouble(VENUE_ANTHROPIC, t, 0, what);
}

static void
touch(struct order *o)
{
	struct directive *d = &o->chat.directive;

	if (d->cache_write < 0 && d->cached <= 0)
		d->cache_write = o->aws.cache_write;
	o->chat.n = 1;
}

/* anthropic-version steers what is taken: it must be there, and known. */
static const char *
version_wrong(const struct visit *v)
{
	const struct slice version =
	    http_value(v->head, S("anthropic-version"));

	if (version.len == 0)
		return "anthropic-version: header is required";
	if (!slice_eq(version, S("2023-06-01")) &&
	    !slice_eq(version, S("2026-10-21")))
		return "anthropic-version: \"unknown\" is not a valid version";
	return NULL;
}

static struct plan *
messages(struct visit *v)
{
	static const struct manner manner = { .read = anthropic_read,
		.touch = touch,
		.tongue = &anthropic_tongue,
		.bad_json = S_INIT(BAD_JSON),
		.anthropic = true };
	struct order o = {
		.visit = v, .manner = &manner, .key = S("messages")
	};
	const struct refusal why = { 400, "invalid_request_error", NULL, NULL,
		version_wrong(v) };

	return why.message != NULL ? brand_refusal(VENUE_ANTHROPIC, &why)
				   : desk_call(&o);
}

struct plan *
anthropic_vertex(struct visit *v, struct slice model, bool stream)
{
	static const struct manner manner = { .read = anthropic_read_vertex,
		.touch = touch,
		.tongue = &anthropic_tongue,
		.bad_json = S_INIT(BAD_JSON),
		.anthropic = true };
	struct order o = { .visit = v,
		.manner = &manner,
		.name = model,
		.key = v->head->target,
		.stream = stream };

	return desk_call(&o);
}

struct plan *
anthropic_invoke(struct visit *v, struct slice model, bool stream)
{
	static const struct manner manner = { .read = anthropic_read_invoke,
		.touch = touch,
		.tongue = &anthropic_chunks,
		.bad_json = S_INIT("Malformed input request, please reformat "
				   "your input and try again."),
		.native = true };
	struct order o = { .visit = v,
		.manner = &manner,
		.name = model,
		.key = v->head->target,
		.stream = stream };

	return desk_call(&o);
}

static struct plan *
count_as(struct visit *v, enum shop shop)
{
	const bool newer = slice_eq(
	    http_value(v->head, S("anthropic-version")), S("2026-10-21"));
	struct arena a = { 0 };
	struct refusal why = { 0 };
	struct slice model = S(""), version;
	struct json *body;
	struct plan *p;
	int64_t n = -1;

	if (json_parse(&a, v->body, &body) != FAULT_NONE)
		why = (struct refusal){ 400, "invalid_request_error", NULL,
			NULL, BAD_JSON };
	else
		n = anthropic_count(&a, body, shop, newer, &why);
	if (n >= 0)
		model = json_get_str(body, "model");
	if (shop == SHOP_VERTEX_COUNT)
		(void)slice_cut(model, '@', &model, &version);
	if (n >= 0 && setup_model(v->desk->setup, v->credential, model) == NULL)
		p = trouble(v, TROUBLE_MODEL, model);
	else if (n < 0)
		p = brand_refusal(VENUE_ANTHROPIC, &why);
	else {
		p = plan_plain(200);
		json_w_begin(&p->body, '{');
		json_w_ki64(&p->body, "input_tokens", n);
		json_w_end(&p->body, '}');
	}
	arena_fini(&a);
	return p;
}

static struct plan *
count(struct visit *v)
{
	return count_as(v, SHOP_MESSAGES);
}

struct plan *
anthropic_vertex_count(struct visit *v)
{
	return count_as(v, SHOP_VERTEX_COUNT);
}

static void
put_model(struct buf *b, const struct sim_model *m, struct slice name)
{
	(void)m;
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("model"));
	json_w_kstr(b, "id", name);
	json_w_kstr(b, "display_name", name);
	json_w_kstr(b, "created_at", S("2026-03-05T00:00:00Z"));
	json_w_end(b, '}');
}

static struct plan *
models(const struct visit *v)
{
	static const struct catalog_shape shape = { .rows = "data",
		.put = put_model,
		.next = "last_id",
		.says_more = true };

	return catalog_list(
	    v, &shape, http_query_get(http_query(v->head), S("after_id")));
}

/* Bedrock counts by its own CountTokens; only Anthropic lists models. */
struct plan *
anthropic_route(struct visit *v, struct slice path)
{
	const bool post = slice_eq(v->head->method, S("POST"));
	const enum venue venue = v->credential->venue;

	if (slice_eq(path, S("/v1/messages")))
		return post ? messages(v) : trouble(v, TROUBLE_METHOD, S(""));
	if (slice_eq(path, S("/v1/messages/count_tokens")) &&
	    venue != VENUE_BEDROCK)
		return post ? count(v) : trouble(v, TROUBLE_METHOD, S(""));
	if (slice_eq(path, S("/v1/models")) && !post &&
	    venue == VENUE_ANTHROPIC)
		return models(v);
	return trouble(v, TROUBLE_PATH, S(""));
}
