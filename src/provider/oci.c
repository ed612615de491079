/*
 * oci.c - Oracle's Generative AI by its OpenAI-shaped endpoint
 *
 * With an API key of that service: Bearer.  Else each request is signed with
 * an API signing key of a user (draft-cavage-http-signatures-08, as Oracle's
 * SDKs do): the digest of the body is signed along.  A signature of 2048 bits
 * costs about half a millisecond; the key is read once for each
 * configuration, not for each call.
 */
#include "provider/providers.h"

#include <time.h>

#include "base/buf.h"
#include "base/text.h"
#include "crypto/rsasig.h"
#include "dialect/dialect.h"

enum { KEYS = 16 };

/* One process, one thread.  Found by what the text is, not where it lies: a
 * reload brings the same text again. */
static struct {
	uint8_t of[DIGEST_LEN];
	struct rsasig *key;
} keys[KEYS];
static unsigned next_key;

static const struct rsasig *
key_of(const char *pem)
{
	uint8_t sum[DIGEST_LEN];
	unsigned i;

	digest_of(slice_of(pem), sum);
	for (i = 0; i < KEYS; i++) {
		if (keys[i].key != NULL &&
		    digest_equal(keys[i].of, sum, sizeof(sum)))
			return keys[i].key;
	}
	i = next_key++ % KEYS;
	if (keys[i].key != NULL)
		rsasig_free(&keys[i].key);
	keys[i].key = rsasig_new(slice_of(pem), NULL);
	memcpy(keys[i].of, sum, sizeof(sum));
	return keys[i].key;
}

static void
body_digest(const struct parcel *p, struct buf *b, uint64_t *len)
{
	uint8_t sum[DIGEST_LEN];
	struct digest d;
	unsigned i;

	digest_init(&d);
	*len = 0;
	for (i = 0; i < p->npart; i++) {
		digest_add(&d, p->part[i]);
		*len += p->part[i].len;
	}
	digest_end(&d, sum);
	text_base64_write(b, (struct slice){ (char *)sum, sizeof(sum) });
}

static struct slice
http_date(struct parcel *p)
{
	const time_t now = (time_t)(p->wall_ns / 1000000000);
	char text[40];
	struct tm tm;
	size_t n;

	CHECK(gmtime_r(&now, &tm) != NULL);
	n = strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return arena_copy(p->arena, (struct slice){ text, n });
}

static void
line(struct buf *b, const char *name, struct slice value)
{
	if (b->len > 0)
		buf_char(b, '\n');
	buf_str(b, name);
	buf_str(b, ": ");
	buf_add(b, value);
}

static enum fault
sign(struct parcel *p)
{
	static const char base[] = "date (request-target) host";
	static const char more[] =
	    " content-length content-type x-content-sha256";
	static struct buf text; /* kept */
	const struct provider_conf *c = p->deployment->provider;
	const bool bare = p->list != NULL; /* a GET has no body to sign */
	const struct rsasig *key;
	struct slice date, sum, target[2], host;
	uint8_t raw[RSASIG_MAX];
	uint64_t len;
	size_t n;

	if (c->private_key == NULL || c->key_id == NULL)
		return FAULT_UP_CREDENTIAL;
	key = key_of(c->private_key);
	if (key == NULL)
		return FAULT_UP_CREDENTIAL;
	date = http_date(p);
	host = parcel_host(p);
	buf_clear(&text);
	body_digest(p, &text, &len);
	sum = arena_copy(p->arena, buf_slice(&text));
	target[0] = bare ? S("get ") : S("post ");
	target[1] = p->head->target;
	buf_clear(&text);
	line(&text, "date", date);
	line(&text, "(request-target)", arena_join(p->arena, target, 2));
	line(&text, "host", host);
	if (!bare) {
		line(&text, "content-length", S(""));
		buf_u64(&text, len);
		line(&text, "content-type", S("application/json"));
		line(&text, "x-content-sha256", sum);
	}
	n = rsasig_sign(key, RSASIG_PKCS1, buf_slice(&text), raw);
	buf_clear(&text);
	buf_fmt(&text,
	    "Signature version=\"1\",keyId=\"%s\",algorithm=\"rsa-sha256\","
	    "headers=\"%s%s\",signature=\"",
	    c->key_id, base, bare ? "" : more);
	text_base64_write(&text, (struct slice){ (char *)raw, n });
	buf_char(&text, '"');
	parcel_header(p, S("date"), date);
	if (!bare)
		parcel_header(p, S("x-content-sha256"), sum);
	parcel_header(
	    p, S("Authorization"), arena_copy(p->arena, buf_slice(&text)));
	return FAULT_NONE;
}

/* The host that manages asks for the compartment in the query. */
static void
ask_list(struct parcel *p)
{
	const struct provider_conf *c = p->deployment->provider;

	parcel_list(p);
	if (p->list->control && c->compartment != NULL) {
		const struct slice part[] = { p->head->target,
			S("&compartmentId="), slice_of(c->compartment) };

		p->head->target = arena_join(p->arena, part, NELEM(part));
	}
}

static enum fault
dress(struct parcel *p)
{
	const struct provider_conf *c = p->deployment->provider;

	p->head->method = S("POST");
	if (p->list != NULL)
		ask_list(p);
	else
		p->head->target =
		    parcel_target(p, "/openai/v1/chat/completions");
	/* One is what chat asks for, the other what the rest does. */
	if (c->compartment != NULL) {
		parcel_header(p, S("CompartmentId"), slice_of(c->compartment));
		parcel_header(
		    p, S("opc-compartment-id"), slice_of(c->compartment));
	}
	return c->api_key != NULL ? parcel_bearer(p) : sign(p);
}

static bool
has_key(const struct provider_conf *c)
{
	return c->api_key != NULL;
}

static bool
signs(const struct provider_conf *c)
{
	return !has_key(c);
}

/* By its name it is called; an API key lets in at inference alone. */
static const struct provider_list lists[] = {
	{ .tail = "/20231130/models?limit=1000",
	    .rows = "items",
	    .name = { "displayName", "id" },
	    .control = true,
	    .of = signs },
	{ .tail = "/openai/v1/models",
	    .rows = "data",
	    .name = { "id" },
	    .of = has_key },
	{ .tail = NULL },
};

const struct provider provider_oci = {
	.type = PROVIDER_OCI,
	.speaks = { &dialect_openai_chat },
	.dress = dress,
	.lists = lists,
	.control = { "inference.generativeai", "generativeai" },
};
