/*
 * azure_openai.c - OpenAI models on Azure, and Claude on Foundry: the resource
 * root is base_url
 *
 * With api_version: /openai/deployments/{name}/chat/completions, the
 * deployment in the path.  Without: the v1 surface, /openai/v1, where the
 * body's model is the deployment.  Both take a key as "api-key" and Entra's
 * token as Bearer.  Claude: /anthropic, with Anthropic's headers.
 */
#include "provider/providers.h"

#include "base/buf.h"
#include "dialect/dialect.h"

/* RFC 3986 2.3: unreserved characters stay, others are escaped. */
static void
add_segment(struct buf *b, const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";

	for (; *s != '\0'; s++) {
		if (strchr(plain, *s) != NULL)
			buf_char(b, *s);
		else
			buf_fmt(b, "%%%02X", (unsigned)(unsigned char)*s);
	}
}

static struct slice
classic_target(struct parcel *p)
{
	const struct provider_conf *c = p->deployment->provider;
	struct buf *b = parcel_scratch();
	struct slice out;

	buf_fmt(b, "%s/openai/deployments/", c->base_path);
	add_segment(b, p->deployment->name);
	buf_str(b, p->dialect == &dialect_openai_embeddings
		       ? "/embeddings?api-version="
		       : "/chat/completions?api-version=");
	add_segment(b, c->api_version);
	out = arena_copy(p->arena, buf_slice(b));
	return out;
}

/* Never below a deployment: the body's model says which. */
static struct slice
responses_target(struct parcel *p)
{
	const struct provider_conf *c = p->deployment->provider;
	struct buf *b = parcel_scratch();
	struct slice out;

	if (c->api_version[0] == '\0')
		return parcel_target(p, "/openai/v1/responses");
	buf_fmt(b, "%s/openai/responses?api-version=", c->base_path);
	add_segment(b, c->api_version);
	out = arena_copy(p->arena, buf_slice(b));
	return out;
}

/* Claude on Foundry speaks as at Anthropic, below a path of its own. */
static bool
is_claude(const struct deployment_conf *d)
{
	return provider_vendor(d) == VENDOR_ANTHROPIC;
}

static bool
fits(const struct deployment_conf *d, const struct dialect *dialect)
{
	if (is_claude(d))
		return dialect == &dialect_anthropic ||
		       dialect == &dialect_anthropic_count;
	if (dialect == &dialect_openai_responses)
		return d->api != API_CHAT;
	if (dialect == &dialect_openai_chat)
		return d->api != API_RESPONSES;
	return dialect->vectors;
}

static enum fault
dress_claude(struct parcel *p)
{
	const struct provider_conf *c = p->deployment->provider;

	p->head->method = S("POST");
	p->head->target =
	    parcel_target(p, p->dialect == &dialect_anthropic_count
				 ? "/anthropic/v1/messages/count_tokens"
				 : "/anthropic/v1/messages");
	if (http_find(p->head, S("anthropic-version")) == NULL)
		parcel_header(p, S("anthropic-version"), S("2023-06-01"));
	if (c->api_key == NULL)
		return parcel_bearer(p);
	parcel_header(p, S("x-api-key"), slice_of(c->api_key));
	return FAULT_NONE;
}

static enum fault
dress(struct parcel *p)
{
	const struct provider_conf *c = p->deployment->provider;

	if (p->dialect == &dialect_anthropic ||
	    p->dialect == &dialect_anthropic_count)
		return dress_claude(p);
	p->head->method = S("POST");
	if (p->list != NULL)
		parcel_list(p);
	else if (p->dialect == &dialect_openai_responses)
		p->head->target = responses_target(p);
	else if (c->api_version[0] != '\0')
		p->head->target = classic_target(p);
	else if (p->dialect == &dialect_openai_embeddings)
		p->head->target = parcel_target(p, "/openai/v1/embeddings");
	else
		p->head->target =
		    parcel_target(p, "/openai/v1/chat/completions");
	if (c->api_key == NULL)
		return parcel_bearer(p);
	parcel_header(p, S("api-key"), slice_of(c->api_key));
	return FAULT_NONE;
}

/* The last version whose data plane still names deployments; newer resources
 * may no longer answer it. */
static const struct provider_list lists[] = {
	{ .tail = "/openai/v1/models",
	    .rows = "data",
	    .name = { "id" },
	    .of_models = true },
	{ .tail = "/openai/deployments?api-version=2022-12-01",
	    .rows = "data",
	    .name = { "id" },
	    .optional = true },
	{ .tail = NULL },
};

const struct provider provider_azure_openai = {
	.type = PROVIDER_AZURE_OPENAI,
	.speaks = { &dialect_openai_chat, &dialect_openai_responses,
	    &dialect_openai_embeddings, &dialect_anthropic,
	    &dialect_anthropic_count },
	.fits = fits,
	.dress = dress,
	.lists = lists,
};
