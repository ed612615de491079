/*
 * gemini.c - the paths of the Gemini API and of Vertex
 *
 * Vertex names its models under projects/P/locations/L/publishers/google (or,
 * in express mode, without the first two); behind that they are one API.
 */
#include "sim/gemini.h"

#include "sim/anthropic.h"
#include "sim/brand.h"
#include "sim/catalog.h"
#include "sim/embed.h"
#include "sim/google.h"

static struct plan *
trouble(const struct visit *v, enum trouble t, struct slice what)
{
	return brand_trouble(v->credential->venue, t, 0, what);
}

/* --- models ------------------------------------------------------------ */

static void
put_model(struct buf *b, const struct sim_model *m, struct slice name)
{
	struct buf full = { 0 };

	buf_str(&full, "models/");
	buf_add(&full, name);
	json_w_begin(b, '{');
	json_w_kstr(b, "name", buf_slice(&full));
	json_w_kstr(b, "version", S("001"));
	json_w_kstr(b, "displayName", name);
	json_w_ki64(b, "inputTokenLimit", m->context);
	json_w_ki64(b, "outputTokenLimit", m->max_output);
	json_w_key(b, "supportedGenerationMethods");
	json_w_raw(b, m->embed > 0
			  ? S("[\"embedContent\",\"batchEmbedContents\"]")
			  : S("[\"generateContent\",\"countTokens\"]"));
	json_w_kbool(b, "thinking", m->reasoning);
	json_w_end(b, '}');
	buf_fini(&full);
}

static struct plan *
list_models(const struct visit *v)
{
	static const struct catalog_shape shape = {
		.rows = "models", .put = put_model, .next = "nextPageToken"
	};

	return catalog_list(
	    v, &shape, http_query_get(http_query(v->head), S("pageToken")));
}

static struct plan *
one_model(const struct visit *v, struct slice id)
{
	const struct sim_model *m =
	    setup_model(v->desk->setup, v->credential, id);
	struct plan *p;

	if (m == NULL)
		return trouble(v, TROUBLE_MODEL, id);
	p = plan_plain(200);
	put_model(&p->body, m, id);
	return p;
}

/* --- generateContent --------------------------------------------------- */

static const struct manner manner = {
	.read = gemini_read,
	.tongue = &gemini_tongue,
	.bad_json = S_INIT("Invalid JSON payload received. Unexpected token."),
};

/* Without alt=sse everything of a stream is one array, errors too. */
static void
wrap(struct plan *p)
{
	struct buf b = { 0 };

	buf_char(&b, '[');
	buf_add(&b, buf_slice(&p->body));
	buf_char(&b, ']');
	buf_fini(&p->body);
	p->body = b;
}

static struct plan *
generate(struct visit *v, struct slice model, bool stream)
{
	struct slice alt = http_query_get(http_query(v->head), S("alt"));
	struct order o = { .visit = v,
		.manner = &manner,
		.name = model,
		.key = v->head->target,
		.stream = stream,
		.array = stream && !slice_eq(alt, S("sse")) };
	struct plan *p = desk_call(&o);

	if (o.array && p->refs == 1 && p->status >= 400 && p->body.len > 0 &&
	    p->body.p[0] == '{')
		wrap(p);
	return p;
}

/* --- countTokens ------------------------------------------------------- */

static struct plan *
count(struct visit *v, struct slice model)
{
	struct arena a = { 0 };
	struct json *body;
	const struct json *request;
	struct refusal why;
	struct plan *p;

	if (setup_model(v->desk->setup, v->credential, model) == NULL)
		return trouble(v, TROUBLE_MODEL, model);
	if (json_parse(&a, v->body, &body) != FAULT_NONE) {
		(void)google_wrong(&why, manner.bad_json.p);
		p = brand_refusal(v->credential->venue, &why);
	} else if (!google_check(&a, body, GOOGLE_COUNT, &why)) {
		p = brand_refusal(v->credential->venue, &why);
	} else {
		request = google_get(body, "generateContentRequest");
		if (request == NULL)
			request = body;
		if (google_get(request, "contents") == NULL) {
			(void)google_wrong(&why,
			    "* CountTokensRequest.contents: contents is "
			    "not specified");
			p = brand_refusal(v->credential->venue, &why);
		} else {
			p = plan_plain(200);
			json_w_begin(&p->body, '{');
			json_w_ki64(
			    &p->body, "totalTokens", gemini_count(&a, request));
			json_w_end(&p->body, '}');
		}
	}
	arena_fini(&a);
	return p;
}

/* --- paths ------------------------------------------------------------- */

/* "MODEL:method" */
static struct plan *
method(struct visit *v, struct slice what)
{
	const bool vertex = v->credential->venue == VENUE_VERTEX;
	struct slice model, name;

	if (!slice_cut(what, ':', &model, &name)) {
		if (!slice_eq(v->head->method, S("GET")))
			return trouble(v, TROUBLE_METHOD, S(""));
		return one_model(v, what);
	}
	if (!slice_eq(v->head->method, S("POST")))
		return trouble(v, TROUBLE_METHOD, S(""));
	if (slice_eq(name, S("generateContent")))
		return generate(v, model, false);
	if (slice_eq(name, S("streamGenerateContent")))
		return generate(v, model, true);
	if (slice_eq(name, S("countTokens")))
		return count(v, model);
	if (slice_eq(name, S("embedContent")))
		return embed_call(v, EMBED_GEMINI, model);
	if (slice_eq(name, S("batchEmbedContents")) && !vertex)
		return embed_call(v, EMBED_GEMINI_BATCH, model);
	if (slice_eq(name, S("predict")) && vertex)
		return embed_call(v, EMBED_VERTEX, model);
	return trouble(v, TROUBLE_PATH, S(""));
}

/* Claude: MODEL or MODEL@VERSION, or "count-tokens" with the model within. */
static struct plan *
claude(struct visit *v, struct slice left)
{
	struct slice model, name, version;

	if (!slice_cut(left, ':', &model, &name))
		return trouble(v, TROUBLE_PATH, S(""));
	if (!slice_eq(v->head->method, S("POST")))
		return trouble(v, TROUBLE_METHOD, S(""));
	if (slice_eq(model, S("count-tokens")) &&
	    slice_eq(name, S("rawPredict")))
		return anthropic_vertex_count(v);
	(void)slice_cut(model, '@', &model, &version);
	if (slice_eq(name, S("rawPredict")))
		return anthropic_vertex(v, model, false);
	if (slice_eq(name, S("streamRawPredict")))
		return anthropic_vertex(v, model, true);
	return trouble(v, TROUBLE_PATH, S(""));
}

static struct slice
behind(struct slice s, size_t n)
{
	return (struct slice){ s.p + n, s.len - n };
}

/* projects/P/locations/L/, when the account is that project's. */
static bool
project(const struct visit *v, struct slice *path)
{
	struct slice part, left = *path;
	unsigned i;

	if (!slice_starts(left, S("projects/")))
		return slice_starts(left, S("publishers/"));
	for (i = 0; i < 4; i++) {
		if (!slice_cut(left, '/', &part, &left))
			return false;
		if (i == 1 && v->credential->project.len > 0 &&
		    !slice_eq(part, v->credential->project))
			return false;
		if (i == 2 && !slice_eq(part, S("locations")))
			return false;
		if (i == 3 && v->credential->region.len > 0 &&
		    !slice_eq(part, v->credential->region))
			return false;
	}
	*path = left;
	return true;
}

struct plan *
gemini_route(struct visit *v)
{
	struct slice version, left, models = S("models/");

	if (v->path.len < 1 ||
	    !slice_cut(behind(v->path, 1), '/', &version, &left))
		return trouble(v, TROUBLE_PATH, S(""));
	if (!slice_eq(version, S("v1")) && !slice_eq(version, S("v1beta")) &&
	    !slice_eq(version, S("v1beta1")))
		return trouble(v, TROUBLE_PATH, S(""));
	if (v->credential->venue == VENUE_VERTEX) {
		models = S("publishers/google/models/");
		if (!project(v, &left))
			return trouble(v, TROUBLE_PATH, S(""));
	} else if (slice_eq(version, S("v1beta1"))) {
		return trouble(v, TROUBLE_PATH, S(""));
	}
	if (slice_eq(left, S("models")) && v->credential->venue == VENUE_GEMINI)
		return list_models(v);
	if (v->credential->venue == VENUE_VERTEX &&
	    slice_starts(left, S("publishers/anthropic/models/")))
		return claude(v, behind(left, 28));
	if (!slice_starts(left, models))
		return trouble(v, TROUBLE_PATH, S(""));
	return method(v, behind(left, models.len));
}
