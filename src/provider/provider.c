#include "provider/providers.h"

#include "base/text.h"
#include "dialect/dialect.h"

#include <string.h>

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

const struct dialect *
provider_dialect(const struct deployment_conf *d, const struct dialect *caller)
{
	const struct provider *p = provider_get(d->provider->type);
	const struct dialect *first = NULL;
	size_t i;

	for (i = 0; i < PROVIDER_DIALECTS && p->speaks[i] != NULL; i++) {
		const struct dialect *s = p->speaks[i];

		if (s != caller && (first != NULL || s->codec == NULL ||
				       s->vectors != caller->vectors))
			continue;
		if (p->fits != NULL && !p->fits(d, s))
			continue;
		if (s == caller)
			return caller;
		first = s;
	}
	return caller->codec != NULL ? first : NULL;
}

/* Who made it, as the configuration says. */
enum vendor
provider_vendor(const struct deployment_conf *d)
{
	static const struct {
		const char *publisher;
		enum vendor vendor;
	} makers[] = { { "openai", VENDOR_OPENAI },
		{ "anthropic", VENDOR_ANTHROPIC }, { "google", VENDOR_GOOGLE },
		{ "amazon", VENDOR_AMAZON } };
	const struct slice publisher = slice_of(d->model->publisher);
	size_t i;

	for (i = 0; i < NELEM(makers); i++) {
		if (slice_ieq(publisher, slice_of(makers[i].publisher)))
			return makers[i].vendor;
	}
	return VENDOR_NONE;
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

static bool
says(struct slice body, const char *const *words, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (body.len > 0 && memmem(body.p, body.len, words[i],
					strlen(words[i])) != NULL)
			return true;
	}
	return false;
}

/* Codes and phrases of OpenAI and Azure, Bedrock and Anthropic, Gemini. */
static enum owner
owner_of_refusal(struct slice error)
{
	static const char *const context[] = { "context_length_exceeded",
		"maximum context length", "string_above_max_length",
		"prompt is too long", "Input is too long",
		"exceeds the maximum number of tokens",
		"exceed context limit" };
	static const char *const policy[] = { "content_filter",
		"content_policy_violation", "ResponsibleAIPolicyViolation",
		"guardrail", "PROHIBITED_CONTENT" };

	if (says(error, context, NELEM(context)))
		return OWNER_CONTEXT;
	return says(error, policy, NELEM(policy)) ? OWNER_POLICY : OWNER_CLIENT;
}

static enum owner
owner_of_status(int status, struct slice error)
{
	switch (verdict_of_status(status)) {
	case VERDICT_PASS:
		return owner_of_refusal(error);
	case VERDICT_NEXT:
		return OWNER_PROVIDER;
	case VERDICT_CAPACITY:
		return OWNER_CAPACITY;
	case VERDICT_OURS:
		return OWNER_CREDENTIAL;
	}
	return OWNER_PROVIDER;
}

enum owner
owner_of(enum fault f, int status, struct slice error)
{
	switch (fault_get(f)->blame) {
	case BLAME_NOBODY:
		return OWNER_NOBODY;
	case BLAME_CLIENT:
		return OWNER_CLIENT;
	case BLAME_US:
		return OWNER_US;
	case BLAME_UPSTREAM:
		break;
	}
	if (f == FAULT_UP_CREDENTIAL)
		return OWNER_CREDENTIAL;
	return error.p != NULL && status != 200 ? owner_of_status(status, error)
						: OWNER_PROVIDER;
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

const char *
provider_control(struct arena *a, const struct provider_conf *c)
{
	const char *const *names = provider_get(c->type)->control;
	size_t len;

	if (names[0] == NULL)
		return c->host;
	len = strlen(names[0]);
	return strncmp(c->host, names[0], len) != 0
		   ? c->host
		   : arena_fmt(a, "%s%s", names[1], c->host + len);
}

void
parcel_list(struct parcel *p)
{
	struct buf *b = parcel_scratch();

	p->head->method = S("GET");
	buf_str(b, p->deployment->provider->base_path);
	buf_str(b, p->list->tail);
	if (p->cursor.len > 0) {
		buf_char(b, strchr(p->list->tail, '?') != NULL ? '&' : '?');
		buf_fmt(b, "%s=", p->list->by);
		text_percent_write(b, p->cursor, '\0');
	}
	p->head->target = arena_copy(p->arena, buf_slice(b));
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
	struct buf *b = parcel_scratch();

	http_write_host(b, c->host, c->port, c->tls);
	return arena_copy(p->arena, buf_slice(b));
}

struct buf *
parcel_scratch(void)
{
	static struct buf b;

	buf_clear(&b);
	return &b;
}
