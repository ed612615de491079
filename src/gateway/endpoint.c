#include "gateway/endpoint.h"

#include "dialect/dialect.h"
#include "gateway/local.h"

static const struct endpoint endpoints[] = {
#define CALL(path) { "POST", path, &dialect_openai_chat, NULL, false },
#define HERE(path, handler, open) { "GET", path, NULL, handler, open },
#include "gateway/endpoints.def"
#undef CALL
#undef HERE
};

/* Does path fit the pattern, with any one segment for "{}"? */
static bool
fits(const char *pattern, struct slice path, struct slice *segment)
{
	size_t i = 0;

	for (; *pattern != '\0'; pattern++) {
		if (pattern[0] == '{' && pattern[1] == '}') {
			segment->p = path.p + i;
			while (i < path.len && path.p[i] != '/')
				i++;
			segment->len = (size_t)(path.p + i - segment->p);
			if (segment->len == 0)
				return false;
			pattern++;
		} else if (i >= path.len || path.p[i++] != *pattern) {
			return false;
		}
	}
	return i == path.len;
}

const struct endpoint *
endpoint_find(
    struct slice method, struct slice path, struct slice *segment, bool *known)
{
	size_t i;

	*known = false;
	for (i = 0; i < NELEM(endpoints); i++) {
		*segment = S("");
		if (!fits(endpoints[i].path, path, segment))
			continue;
		*known = true;
		if (slice_eq(method, slice_of(endpoints[i].method)) ||
		    (slice_eq(method, S("HEAD")) &&
			endpoints[i].method[0] == 'G'))
			return &endpoints[i];
	}
	return NULL;
}
