/*
 * anthropic.c - Anthropic's own API
 *
 * base_url is without the version, as its SDKs take it.  The version that a
 * caller of the same dialect names goes along; else one that still takes
 * sampling parameters.
 */
#include "provider/providers.h"

#include "dialect/dialect.h"

static enum fault
dress(struct parcel *p)
{
	const struct provider_conf *c = p->deployment->provider;

	if (p->list != NULL) {
		parcel_list(p);
	} else {
		p->head->method = S("POST");
		p->head->target =
		    parcel_target(p, p->dialect == &dialect_anthropic_count
					 ? "/v1/messages/count_tokens"
					 : "/v1/messages");
	}
	if (http_find(p->head, S("anthropic-version")) == NULL)
		parcel_header(p, S("anthropic-version"), S("2023-06-01"));
	if (p->bearer.len > 0)
		return parcel_bearer(p);
	if (c->api_key == NULL)
		return FAULT_UP_CREDENTIAL;
	parcel_header(p, S("x-api-key"), slice_of(c->api_key));
	return FAULT_NONE;
}

/* last_id is there on the last page too: has_more says whether it is. */
static const struct provider_list lists[] = {
	{ .tail = "/v1/models?limit=1000",
	    .rows = "data",
	    .name = { "id" },
	    .next = "last_id",
	    .by = "after_id" },
	{ .tail = NULL },
};

const struct provider provider_anthropic = {
	.type = PROVIDER_ANTHROPIC,
	.speaks = { &dialect_anthropic, &dialect_anthropic_count },
	.dress = dress,
	.lists = lists,
};
