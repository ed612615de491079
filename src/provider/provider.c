#include "provider/providers.h"

static const struct provider *const rows[PROVIDER_TYPES] = {
#define PROVIDER(NAME, id) [PROVIDER_##NAME] = &provider_##id,
#include "provider/providers.def"
#undef PROVIDER
};

const struct provider *
provider_get(enum provider_type t)
{
	CHECK(t < PROVIDER_TYPES && rows[t] != NULL);
	return rows[t];
}

enum verdict
verdict_of_status(int status)
{
	if (status == 401 || status == 403)
		return VERDICT_OURS;
	if (status == 429 || status == 529)
		return VERDICT_CAPACITY;
	if (status == 408 || status >= 500 || status < 400)
		return VERDICT_NEXT;
	return VERDICT_PASS;
}

bool
verdict_passes(int status)
{
	return status >= 400 && status < 600 &&
	       (status < 500 || status == 503 || status == 529) &&
	       status != 401 && status != 403 && status != 408;
}

struct slice
parcel_target(struct parcel *p, const char *tail)
{
	const struct slice part[] = {
		slice_of(p->deployment->provider->base_path), slice_of(tail)
	};

	return arena_join(p->arena, part, NELEM(part));
}

void
parcel_header(struct parcel *p, struct slice name, struct slice value)
{
	/* What the gateway forwards leaves room: see gateway/translate.c. */
	CHECK(http_add(p->head, name, value));
}

enum fault
parcel_bearer(struct parcel *p)
{
	const char *key = p->deployment->provider->api_key;

	struct slice part[] = { S_INIT("Bearer "), S_INIT("") };

	if (p->bearer.len > 0) {
		parcel_header(p, S("Authorization"), p->bearer);
		return FAULT_NONE;
	}
	if (key == NULL)
		return FAULT_UP_CREDENTIAL;
	part[1] = slice_of(key);
	parcel_header(
	    p, S("Authorization"), arena_join(p->arena, part, NELEM(part)));
	return FAULT_NONE;
}

struct slice
parcel_host(struct parcel *p)
{
	const struct provider_conf *c = p->deployment->provider;
	const bool v6 = strchr(c->host, ':') != NULL;

	if (c->port == (c->tls ? 443 : 80))
		return slice_of(
		    arena_fmt(p->arena, v6 ? "[%s]" : "%s", c->host));
	return slice_of(arena_fmt(
	    p->arena, v6 ? "[%s]:%u" : "%s:%u", c->host, (unsigned)c->port));
}
