/*
 * bedrock.c - Amazon Bedrock's runtime endpoint: Converse for every model,
 * /openai/v1 for those of OpenAI's make
 *
 * A model's id stands in the path percent-encoded, slashes too: an ARN is one
 * segment.
 * With an API key: Bearer.  Else Signature Version 4, service "bedrock", the
 * path percent-encoded once more, the session token signed along.  Host is
 * signed as the HTTP client will send it.
 */
#include "provider/providers.h"

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
	const struct provider_conf *c = p->deployment->provider;
	struct sigv4_header headers[2];
	struct sigv4_request req = { 0 };
	struct sigv4_added added;
	char hex[DIGEST_HEX + 1], stamp[SIGV4_TIME + 1];
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
	sigv4_time(p->wall_ns / 1000000000, stamp);
	headers[0] = (struct sigv4_header){ S("host"), parcel_host(p) };
	headers[1] =
	    (struct sigv4_header){ S("content-type"), S("application/json") };
	req.method = p->head->method;
	req.path = http_path(p->head);
	req.headers = headers;
	req.n_headers = NELEM(headers);
	req.payload = slice_of(hex);
	signer.region = slice_of(c->region);
	signer.service = S("bedrock");
	signer.path = SIGV4_ENCODE;
	signer.body_header = true;
	sigv4_sign(&signer, &req, slice_of(stamp), p->arena, &added);
	for (i = 0; i < added.n; i++)
		parcel_header(p, added.header[i].name, added.header[i].value);
	return FAULT_NONE;
}

/* Models that the OpenAI surface serves are called so; profiles and ARNs of
 * them are Converse's alone. */
static bool
fits(const struct deployment_conf *d, const struct dialect *dialect)
{
	enum embed_shape shape;

	if (embed_bedrock(slice_of(d->name), &shape))
		return dialect == (shape == EMBED_TITAN
					  ? &dialect_titan_embed
					  : &dialect_cohere_embed);
	if (dialect->vectors)
		return false;
	if (dialect == &dialect_bedrock_count) /* of Claude alone */
		return strstr(d->name, "anthropic.") != NULL;
	return dialect == &dialect_bedrock ||
	       slice_starts(slice_of(d->name), S("openai."));
}

static void
add_encoded(struct buf *b, const char *name)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *name != '\0'; name++) {
		const unsigned c = (unsigned char)*name;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || strchr("-_.~", (char)c) != NULL) {
			buf_char(b, (char)c);
		} else {
			buf_char(b, '%');
			buf_char(b, hex[c >> 4]);
			buf_char(b, hex[c & 15]);
		}
	}
}

static struct slice
target(struct parcel *p)
{
	struct buf *b = parcel_scratch();
	struct slice out;

	if (p->dialect == &dialect_openai_chat)
		return parcel_target(p, "/openai/v1/chat/completions");
	buf_str(b, p->deployment->provider->base_path);
	buf_str(b, "/model/");
	add_encoded(b, p->deployment->name);
	buf_str(b, p->dialect->vectors                    ? "/invoke"
		   : p->dialect == &dialect_bedrock_count ? "/count-tokens"
		   : p->stream                            ? "/converse-stream"
							  : "/converse");
	out = arena_copy(p->arena, buf_slice(b));
	return out;
}

static enum fault
dress(struct parcel *p)
{
	p->head->method = p->list ? S("GET") : S("POST");
	p->head->target =
	    p->list ? parcel_target(p, "/openai/v1/models") : target(p);
	if (p->deployment->provider->api_key != NULL)
		return parcel_bearer(p);
	return sign(p);
}

const struct provider provider_bedrock = {
	.type = PROVIDER_BEDROCK,
	.speaks = { &dialect_openai_chat, &dialect_bedrock,
	    &dialect_titan_embed, &dialect_cohere_embed,
	    &dialect_bedrock_count },
	.fits = fits,
	.dress = dress,
	.lists = true,
};
