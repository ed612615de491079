/*
 * bedrock.c - Amazon Bedrock: Converse, InvokeModel with Anthropic's bodies,
 * Anthropic's Messages below /anthropic, OpenAI's chat below /openai/v1
 *
 * Which of these a model is called by is data: bedrock_apis.def.  The mantle
 * endpoint has the last two alone, and a name of its own in signatures.
 * A model's id stands in the path percent-encoded, slashes too: an ARN is one
 * segment.
 * With an API key: Bearer.  Else Signature Version 4, service "bedrock", the
 * path percent-encoded once more, the session token signed along.  Host is
 * signed as the HTTP client will send it.
 */
#include "provider/providers.h"

#include "base/text.h"
#include "crypto/sigv4.h"
#include "dialect/dialect.h"
#include "dialect/embed.h"

static void
payload_hash(const struct parcel *p, char hex[DIGEST_HEX + 1])
{
	uint8_t sum[DIGEST_LEN];
	struct digest d;
	unsigned i;

	digest_init(&d);
	for (i = 0; i < p->npart; i++)
		digest_add(&d, p->part[i]);
	digest_end(&d, sum);
	digest_hex(sum, hex);
}

static struct slice
text(const char *s)
{
	return s != NULL ? slice_of(s) : S("");
}

static enum fault
sign(struct parcel *p)
{
	/* One process, one thread: the day's key is worth keeping. */
	static struct sigv4_signer signer;
	static char stamp[SIGV4_TIME + 1];
	static int64_t stamped = INT64_MIN;
	const int64_t now = p->wall_ns / 1000000000;
	const struct provider_conf *c = p->deployment->provider;
	struct sigv4_header headers[2];
	struct sigv4_request req = { 0 };
	struct sigv4_added added;
	char hex[DIGEST_HEX + 1];
	size_t i;

	if (p->aws[0].len > 0) {
		signer.id = p->aws[0];
		signer.secret = p->aws[1];
		signer.token = p->aws[2];
	} else if (c->access_key_id != NULL && c->secret_access_key != NULL) {
		signer.id = slice_of(c->access_key_id);
		signer.secret = slice_of(c->secret_access_key);
		signer.token = text(c->session_token);
	} else {
		return FAULT_UP_CREDENTIAL;
	}
	payload_hash(p, hex);
	if (now != stamped)
		sigv4_time(stamped = now, stamp);
	headers[0] = (struct sigv4_header){ S("host"), parcel_host(p) };
	headers[1] =
	    (struct sigv4_header){ S("content-type"), S("application/json") };
	req.method = p->head->method;
	req.path = http_path(p->head);
	req.query = http_query(p->head);
	req.headers = headers;
	req.n_headers = NELEM(headers);
	req.payload = slice_of(hex);
	signer.region = slice_of(c->region);
	signer.service = c->mantle ? S("bedrock-mantle") : S("bedrock");
	signer.path = SIGV4_ENCODE;
	sigv4_sign(&signer, &req, slice_of(stamp), p->arena, &added);
	for (i = 0; i < added.n; i++)
		parcel_header(p, added.header[i].name, added.header[i].value);
	return FAULT_NONE;
}

enum endpoint { ENDPOINT_RUNTIME, ENDPOINT_MANTLE };

struct api_row {
	enum endpoint endpoint;
	const char *name;
	unsigned apis;
	const char *openai;
};

/* At the beginning; or, behind a star, behind a dot or a slash too. */
static bool
begins(struct slice name, const char *how)
{
	const struct slice word = slice_of(*how == '*' ? how + 1 : how);
	size_t i;

	if (slice_starts(name, word))
		return true;
	for (i = 1; *how == '*' && i + word.len <= name.len; i++) {
		if ((name.p[i - 1] == '.' || name.p[i - 1] == '/') &&
		    memcmp(name.p + i, word.p, word.len) == 0)
			return true;
	}
	return false;
}

static const struct api_row *
row_of(const struct deployment_conf *d)
{
	static const struct api_row rows[] = {
#define API(endpoint, name, apis, openai) \
	{ ENDPOINT_##endpoint, name, apis, openai },
#include "provider/bedrock_apis.def"
#undef API
	};
	const enum endpoint at =
	    d->provider->mantle ? ENDPOINT_MANTLE : ENDPOINT_RUNTIME;
	size_t i = 0;

	while (
	    rows[i].endpoint != at || !begins(slice_of(d->name), rows[i].name))
		i++; /* each endpoint has a row for all that is left */
	return &rows[i];
}

static unsigned
api_of(const struct dialect *dialect)
{
	if (dialect == &dialect_bedrock)
		return API_CONVERSE;
	if (dialect == &dialect_invoke_claude)
		return API_INVOKE;
	return dialect == &dialect_anthropic ? API_MESSAGES : API_CHAT;
}

static bool
fits(const struct deployment_conf *d, const struct dialect *dialect)
{
	enum embed_shape shape;
	unsigned apis;

	if (dialect->vectors)
		return embed_bedrock(slice_of(d->name), &shape) &&
		       dialect == (shape == EMBED_TITAN
					  ? &dialect_titan_embed
					  : &dialect_cohere_embed);
	if (dialect == &dialect_bedrock_count) /* of Claude alone */
		return !d->provider->mantle &&
		       strstr(d->name, "anthropic.") != NULL;
	apis = row_of(d)->apis;
	if (apis != 0 && d->api != API_ANY)
		apis = d->api;
	return (api_of(dialect) & apis) != 0;
}

static const char *
operation(const struct parcel *p)
{
	if (p->dialect->vectors)
		return "/invoke";
	if (p->dialect == &dialect_bedrock_count)
		return "/count-tokens";
	if (p->dialect == &dialect_invoke_claude)
		return p->stream ? "/invoke-with-response-stream" : "/invoke";
	return p->stream ? "/converse-stream" : "/converse";
}

static struct slice
below_openai(struct parcel *p, const char *tail)
{
	const struct slice part[] = { slice_of(
					  p->deployment->provider->base_path),
		slice_of(row_of(p->deployment)->openai), slice_of(tail) };

	return arena_join(p->arena, part, NELEM(part));
}

static struct slice
target(struct parcel *p)
{
	struct buf *b;
	struct slice out;

	if (p->dialect == &dialect_openai_chat)
		return below_openai(p, "/chat/completions");
	if (p->dialect == &dialect_anthropic)
		return parcel_target(p, "/anthropic/v1/messages");
	b = parcel_scratch();
	buf_str(b, p->deployment->provider->base_path);
	buf_str(b, "/model/");
	text_percent_write(b, slice_of(p->deployment->name), '\0');
	buf_str(b, operation(p));
	out = arena_copy(p->arena, buf_slice(b));
	return out;
}

static enum fault
dress(struct parcel *p)
{
	p->head->method = S("POST");
	if (p->list != NULL)
		parcel_list(p);
	else
		p->head->target = target(p);
	if (p->dialect == &dialect_anthropic &&
	    http_find(p->head, S("anthropic-version")) == NULL)
		parcel_header(p, S("anthropic-version"), S("2023-06-01"));
	if (p->deployment->provider->api_key != NULL)
		return parcel_bearer(p);
	return sign(p);
}

static bool
is_mantle(const struct provider_conf *c)
{
	return c->mantle;
}

static bool
is_runtime(const struct provider_conf *c)
{
	return !c->mantle;
}

/* Models, profiles of theirs and of the account, what was bought: each may be
 * called, by its id or its ARN. */
static const struct provider_list lists[] = {
	{ .tail = "/foundation-models",
	    .rows = "modelSummaries",
	    .name = { "modelId", "modelArn" },
	    .control = true,
	    .of = is_runtime },
	{ .tail = "/inference-profiles?maxResults=1000&type=SYSTEM_DEFINED",
	    .rows = "inferenceProfileSummaries",
	    .name = { "inferenceProfileId", "inferenceProfileArn" },
	    .next = "nextToken",
	    .by = "nextToken",
	    .control = true,
	    .of = is_runtime },
	{ .tail = "/inference-profiles?maxResults=1000&type=APPLICATION",
	    .rows = "inferenceProfileSummaries",
	    .name = { "inferenceProfileId", "inferenceProfileArn" },
	    .next = "nextToken",
	    .by = "nextToken",
	    .control = true,
	    .of = is_runtime },
	{ .tail = "/provisioned-model-throughputs?maxResults=1000",
	    .rows = "provisionedModelSummaries",
	    .name = { "provisionedModelArn" },
	    .next = "nextToken",
	    .by = "nextToken",
	    .control = true,
	    .of = is_runtime },
	{ .tail = "/v1/models",
	    .rows = "data",
	    .name = { "id" },
	    .of = is_mantle },
	{ .tail = NULL },
};

const struct provider provider_bedrock = {
	.type = PROVIDER_BEDROCK,
	.speaks = { &dialect_openai_chat, &dialect_anthropic, &dialect_bedrock,
	    &dialect_invoke_claude, &dialect_titan_embed, &dialect_cohere_embed,
	    &dialect_bedrock_count },
	.fits = fits,
	.dress = dress,
	.lists = lists,
	.control = { "bedrock-runtime", "bedrock" },
};
