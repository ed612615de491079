/*
 * google.c - Gemini at the Gemini API and on Vertex, and Claude on Vertex
 *
 * The model and what is asked of it stand in the path.  Vertex names its
 * models under a project and a location, or, with an API key alone (express
 * mode), under neither; a deployment whose name has a '/' says itself where
 * it stands: publishers/..., projects/.../endpoints/...  Claude is spoken to
 * in Anthropic's Messages: the model and whether it streams in the path, the
 * version in the body.
 */
#include "provider/providers.h"

#include "base/buf.h"
#include "dialect/dialect.h"

static bool
is_bearer(const struct provider_conf *c)
{
	return c->project != NULL;
}

static bool
is_claude(const struct deployment_conf *d)
{
	return provider_vendor(d) == VENDOR_ANTHROPIC ||
	       slice_starts(slice_of(d->name), S("publishers/anthropic/"));
}

static void
add_place(struct buf *b, const struct deployment_conf *d)
{
	const struct provider_conf *c = d->provider;
	const struct slice name = slice_of(d->name);

	if (is_bearer(c) && !slice_starts(name, S("projects/")))
		buf_fmt(b, "projects/%s/locations/%s/", c->project, c->region);
	if (memchr(name.p, '/', name.len) == NULL)
		buf_str(b, is_claude(d) ? "publishers/anthropic/models/"
					: "publishers/google/models/");
	buf_add(b, name);
}

/* Tokens are counted by a model of their own. */
static void
add_claude(struct buf *b, const struct parcel *p)
{
	struct deployment_conf d = *p->deployment;

	if (p->dialect == &dialect_anthropic_count)
		d.name = "count-tokens";
	add_place(b, &d);
	buf_str(b, p->stream && p->dialect == &dialect_anthropic
		       ? ":streamRawPredict"
		       : ":rawPredict");
}

static void
add_verb(struct buf *b, const struct parcel *p)
{
	if (p->dialect == &dialect_gemini_count)
		buf_str(b, ":countTokens");
	else if (p->dialect == &dialect_vertex_predict)
		buf_str(b, ":predict");
	else if (p->dialect == &dialect_gemini_batch_out)
		buf_str(b, ":batchEmbedContents");
	else if (p->dialect == &dialect_gemini_embed)
		buf_str(b, ":embedContent");
	else if (p->stream)
		buf_str(b, ":streamGenerateContent?alt=sse");
	else
		buf_str(b, ":generateContent");
}

static struct slice
target(struct parcel *p, bool vertex)
{
	struct buf *b = parcel_scratch();
	struct slice out;

	buf_str(b, p->deployment->provider->base_path);
	buf_str(b, vertex ? "/v1/" : "/v1beta/models/");
	if (vertex && is_claude(p->deployment)) {
		add_claude(b, p);
	} else {
		if (vertex)
			add_place(b, p->deployment);
		else
			buf_str(b, p->deployment->name);
		add_verb(b, p);
	}
	out = arena_copy(p->arena, buf_slice(b));
	return out;
}

static enum fault
sign(struct parcel *p)
{
	const struct provider_conf *c = p->deployment->provider;

	if (p->bearer.len > 0 || (c->type == PROVIDER_VERTEX && is_bearer(c)))
		return parcel_bearer(p);
	if (c->api_key == NULL)
		return FAULT_UP_CREDENTIAL;
	parcel_header(p, S("x-goog-api-key"), slice_of(c->api_key));
	return FAULT_NONE;
}

static enum fault
dress_gemini(struct parcel *p)
{
	p->head->method = S("POST");
	if (p->list != NULL)
		parcel_list(p);
	else
		p->head->target = target(p, false);
	return sign(p);
}

static enum fault
dress_vertex(struct parcel *p)
{
	p->head->method = S("POST");
	if (p->list != NULL)
		parcel_list(p);
	else
		p->head->target = target(p, true);
	return sign(p);
}

static bool
fits_vertex(const struct deployment_conf *d, const struct dialect *dialect)
{
	return (dialect == &dialect_anthropic ||
		   dialect == &dialect_anthropic_count) == is_claude(d);
}

static void
amend_vertex(const struct deployment_conf *d, const struct dialect *dialect,
    struct slice version, struct edits *e)
{
	if (!is_claude(d))
		return;
	e->version = slice_eq(version, S("2026-10-21"))
			 ? version
			 : S("vertex-2023-10-16");
	e->no_model = dialect == &dialect_anthropic;
}

static const struct provider_list gemini_lists[] = {
	{ .tail = "/v1beta/models?pageSize=1000",
	    .rows = "models",
	    .name = { "name" },
	    .next = "nextPageToken",
	    .by = "pageToken" },
	{ .tail = NULL },
};

/* Only the preview of the API lists what publishers offer. */
static const struct provider_list vertex_lists[] = {
	{ .tail = "/v1beta1/publishers/google/models?pageSize=100",
	    .rows = "publisherModels",
	    .name = { "name" },
	    .next = "nextPageToken",
	    .by = "pageToken" },
	{ .tail = "/v1beta1/publishers/anthropic/models?pageSize=100",
	    .rows = "publisherModels",
	    .name = { "name" },
	    .next = "nextPageToken",
	    .by = "pageToken" },
	{ .tail = NULL },
};

const struct provider provider_gemini = {
	.type = PROVIDER_GEMINI,
	.speaks = { &dialect_gemini, &dialect_gemini_batch_out,
	    &dialect_gemini_embed, &dialect_gemini_count },
	.dress = dress_gemini,
	.lists = gemini_lists,
};

const struct provider provider_vertex = {
	.type = PROVIDER_VERTEX,
	.speaks = { &dialect_gemini, &dialect_vertex_predict,
	    &dialect_gemini_embed, &dialect_gemini_count, &dialect_anthropic,
	    &dialect_anthropic_count },
	.fits = fits_vertex,
	.amend = amend_vertex,
	.dress = dress_vertex,
	.lists = vertex_lists,
};
