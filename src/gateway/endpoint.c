#include "gateway/endpoint.h"

#include "dialect/dialect.h"
#include "gateway/local.h"
#include "http/msg.h"

static const struct endpoint endpoints[] = {
#define CALL(dialect, path, stream) \
	{ "POST", path, &dialect_##dialect, NULL, false, stream },
#define COUNT(dialect, path, handler) \
	{ "POST", path, &dialect_##dialect, handler, false, 0 },
#define HERE(path, handler, open) { "GET", path, NULL, handler, open, -1 },
#include "gateway/endpoints.def"
#undef CALL
#undef COUNT
#undef HERE
};

const struct endpoint *
endpoint_find(
    struct slice method, struct slice path, struct slice *segment, bool *known)
{
	size_t i;

	*known = false;
	for (i = 0; i < NELEM(endpoints); i++) {
		*segment = S("");
		if (!http_fits(endpoints[i].path, path, segment))
			continue;
		*known = true;
		if (slice_eq(method, slice_of(endpoints[i].method)) ||
		    (slice_eq(method, S("HEAD")) &&
			endpoints[i].method[0] == 'G'))
			return &endpoints[i];
	}
	return NULL;
}

const struct dialect *
endpoint_dialect(const struct endpoint *e, const struct http_head *head)
{
	static const struct {
		struct slice header;
		const struct dialect *dialect;
	} signs[] = {
		{ S_INIT("anthropic-version"), &dialect_anthropic },
		{ S_INIT("x-goog-api-key"), &dialect_gemini },
		{ S_INIT("x-goog-api-client"), &dialect_gemini },
		{ S_INIT("amz-sdk-invocation-id"), &dialect_bedrock },
	};
	size_t i;

	if (e != NULL && e->dialect != NULL)
		return e->dialect;
	for (i = 0; i < NELEM(signs); i++) {
		if (http_find(head, signs[i].header) != NULL)
			return signs[i].dialect;
	}
	return &dialect_openai_chat;
}
