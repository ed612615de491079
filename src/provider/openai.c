/*
 * openai.c - OpenAI, and the many servers that speak as it does
 *
 * base_url ends in the version ("/v1"), as OpenAI's SDKs take it.
 */
#include "provider/providers.h"

#include "dialect/dialect.h"

static const char *
tail_of(const struct parcel *p)
{
	if (p->dialect == &dialect_openai_embeddings)
		return "/embeddings";
	return p->dialect == &dialect_openai_responses ? "/responses"
						       : "/chat/completions";
}

static void
address(struct parcel *p)
{
	if (p->list != NULL) {
		parcel_list(p);
		return;
	}
	p->head->method = S("POST");
	p->head->target = parcel_target(p, tail_of(p));
}

static enum fault
dress(struct parcel *p)
{
	const struct provider_conf *c = p->deployment->provider;

	address(p);
	if (c->organization != NULL)
		parcel_header(
		    p, S("OpenAI-Organization"), slice_of(c->organization));
	if (c->project != NULL)
		parcel_header(p, S("OpenAI-Project"), slice_of(c->project));
	return parcel_bearer(p);
}

/* A local server may want no key. */
static enum fault
dress_compatible(struct parcel *p)
{
	address(p);
	if (p->deployment->provider->api_key == NULL && p->bearer.len == 0)
		return FAULT_NONE;
	return parcel_bearer(p);
}

/* Some models are at Responses alone, many servers at chat alone. */
static bool
speaks(unsigned apis, const struct dialect *dialect)
{
	return dialect->vectors ||
	       (apis & (dialect == &dialect_openai_responses ? API_RESPONSES
							     : API_CHAT)) != 0;
}

static bool
fits(const struct deployment_conf *d, const struct dialect *dialect)
{
	return speaks(
	    d->api != API_ANY ? d->api : API_CHAT | API_RESPONSES, dialect);
}

static bool
fits_compatible(const struct deployment_conf *d, const struct dialect *dialect)
{
	return speaks(d->api != API_ANY ? d->api : API_CHAT, dialect);
}

static const struct provider_list lists[] = {
	{ .tail = "/models", .rows = "data", .name = { "id" } },
	{ .tail = NULL },
};

const struct provider provider_openai = {
	.type = PROVIDER_OPENAI,
	.speaks = { &dialect_openai_chat, &dialect_openai_responses,
	    &dialect_openai_embeddings },
	.fits = fits,
	.dress = dress,
	.lists = lists,
};

const struct provider provider_openai_compatible = {
	.type = PROVIDER_OPENAI_COMPATIBLE,
	.speaks = { &dialect_openai_chat, &dialect_openai_responses,
	    &dialect_openai_embeddings },
	.fits = fits_compatible,
	.dress = dress_compatible,
	.lists = lists,
};
