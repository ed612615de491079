#include "sim/issuer.h"

#include "base/clock.h"
#include "base/text.h"
#include "crypto/digest.h"

static const char *const kinds[IDENTITY_KINDS] = {
	[IDENTITY_ENTRA] = "entra",
	[IDENTITY_ENTRA_MANAGED] = "entra_managed",
	[IDENTITY_AWS_ROLE] = "aws_role",
	[IDENTITY_AWS_INSTANCE] = "aws_instance",
	[IDENTITY_AWS_CONTAINER] = "aws_container",
	[IDENTITY_GOOGLE] = "google",
	[IDENTITY_GOOGLE_USER] = "google_user",
	[IDENTITY_GOOGLE_POOL] = "google_pool",
	[IDENTITY_GOOGLE_METADATA] = "google_metadata",
};

static const char *const issuers[] = {
	[TOKEN_ENTRA] = "https://sts.windows.net/",
	[TOKEN_GOOGLE] = "https://accounts.google.com",
	[TOKEN_POOL] = "https://sts.googleapis.com",
	[TOKEN_AWS] = "https://sts.amazonaws.com",
};

void
issuer_init(struct issuer *is)
{
	*is = (struct issuer){ .day = 1 };
	random_bytes(is->key, sizeof(is->key));
}

void
issuer_rotate(struct issuer *is)
{
	is->day++;
	random_bytes(is->key, sizeof(is->key));
}

int64_t
issuer_now_s(const struct issuer *is)
{
	return clock_wall_ns() / NS_PER_S + is->offset_s;
}

static const char *
read_one(struct issuer *is, struct setup *s, const struct json *j)
{
	struct identity *id = &is->identity[is->n];
	const struct slice kind = json_get_str(j, "kind");
	unsigned k;

	if (is->n == ISSUER_IDENTITIES)
		return "too many identities";
	for (k = 0; k < IDENTITY_KINDS; k++)
		if (slice_eq(kind, slice_of(kinds[k])))
			break;
	if (k == IDENTITY_KINDS)
		return "an identity's kind is not known";
	id->kind = (enum identity_kind)k;
	id->credential = setup_credential(s, json_get_str(j, "credential"));
	if (id->credential == NULL)
		return "an identity names no credential";
	id->tenant = json_get_str(j, "tenant");
	id->client = json_get_str(j, "client");
	id->secret = json_get_str(j, "secret");
	id->certificate = json_get_str(j, "certificate");
	id->key_id = json_get_str(j, "key_id");
	id->email = json_get_str(j, "email");
	id->subject_token = json_get_str(j, "subject_token");
	id->audience = json_get_str(j, "audience");
	id->role = json_get_str(j, "role");
	id->external_id = json_get_str(j, "external_id");
	id->trusts = json_get_str(j, "trusts");
	id->token = json_get_str(j, "token");
	id->lifetime_s = 3600;
	(void)json_get_i64(j, "lifetime_s", &id->lifetime_s);
	is->n++;
	return NULL;
}

const char *
issuer_read(struct issuer *is, struct setup *s, const struct json *list)
{
	const struct json *j = list != NULL ? list->child : NULL;
	const char *bad = NULL;

	for (; j != NULL && bad == NULL; j = j->next)
		bad = read_one(is, s, j);
	return bad;
}

/* --- tokens ----------------------------------------------------------------
 */

static void
mac(const struct issuer *is, struct slice s, uint8_t out[DIGEST_LEN])
{
	struct mac_key k;

	mac_key_init(
	    &k, (struct slice){ (const char *)is->key, sizeof(is->key) });
	mac_of(&k, s, out);
}

void
issuer_write(struct issuer *is, const struct token *t, struct buf *out)
{
	struct buf claims = { 0 }, text = { 0 };
	uint8_t sum[DIGEST_LEN];

	json_w_begin(&claims, '{');
	json_w_kstr(&claims, "iss", slice_of(issuers[t->kind]));
	json_w_kstr(&claims, "aud", t->audience);
	json_w_ki64(&claims, "exp", t->expires_s);
	json_w_ki64(&claims, "jti", (int64_t)++is->serial);
	json_w_ki64(&claims, "day", is->day);
	json_w_ki64(&claims, "oid", t->of - is->identity);
	json_w_end(&claims, '}');
	text_base64url_write(&text, S("{\"typ\":\"JWT\",\"alg\":\"HS256\"}"));
	buf_char(&text, '.');
	text_base64url_write(&text, buf_slice(&claims));
	mac(is, buf_slice(&text), sum);
	buf_char(&text, '.');
	text_base64url_write(
	    &text, (struct slice){ (const char *)sum, sizeof(sum) });
	buf_add(out, buf_slice(&text));
	buf_fini(&claims);
	buf_fini(&text);
}

static bool
split(struct slice text, struct slice *claims, struct slice *signed_text,
    struct slice *sum)
{
	struct slice head, rest;

	if (!slice_cut(text, '.', &head, &rest) ||
	    !slice_cut(rest, '.', claims, sum))
		return false;
	*signed_text = (struct slice){ text.p,
		(size_t)(claims->p - text.p) + claims->len };
	return true;
}

static bool
is_signed(const struct issuer *is, struct slice text, struct slice sum)
{
	uint8_t want[DIGEST_LEN];
	struct buf got = { 0 };
	bool good;

	mac(is, text, want);
	good = text_base64url_parse(&got, sum) && got.len == sizeof(want) &&
	       digest_equal(got.p, want, sizeof(want));
	buf_fini(&got);
	return good;
}

static enum token_verdict
judge_claims(struct issuer *is, const struct json *j, enum token_kind kind,
    const struct identity **of)
{
	const struct identity *id;
	int64_t oid, exp;

	if (!json_get_i64(j, "oid", &oid) || !json_get_i64(j, "exp", &exp) ||
	    oid < 0 || oid >= is->n)
		return TOKEN_FORGED;
	*of = id = &is->identity[oid];
	if (!slice_eq(json_get_str(j, "iss"), slice_of(issuers[kind])))
		return TOKEN_ISSUER;
	if (exp <= issuer_now_s(is))
		return TOKEN_EXPIRED;
	if (kind == TOKEN_ENTRA &&
	    !slice_eq(json_get_str(j, "aud"),
		id->audience.len > 0
		    ? id->audience
		    : S("https://cognitiveservices.azure.com")))
		return TOKEN_AUDIENCE;
	return TOKEN_GOOD;
}

static void
count(struct issuer *is, enum token_verdict v)
{
	struct issuer_counts *c = &is->counts;

	c->good += v == TOKEN_GOOD;
	c->expired += v == TOKEN_EXPIRED;
	c->audience += v == TOKEN_AUDIENCE;
	c->issuer += v == TOKEN_ISSUER;
	c->forged += v == TOKEN_FORGED;
}

enum token_verdict
issuer_judge(struct issuer *is, struct arena *a, struct slice text,
    enum token_kind kind, const struct identity **of)
{
	enum token_verdict v = TOKEN_FORGED;
	struct slice claims, signed_text, sum;
	struct buf plain = { 0 };
	struct json *j;

	*of = NULL;
	if (slice_starts(text, S("ya29.")))
		text = (struct slice){ text.p + 5, text.len - 5 };
	if (!split(text, &claims, &signed_text, &sum))
		return TOKEN_NONE;
	if (is_signed(is, signed_text, sum) &&
	    text_base64url_parse(&plain, claims) &&
	    json_parse(a, arena_copy(a, buf_slice(&plain)), &j) == FAULT_NONE)
		v = judge_claims(is, j, kind, of);
	buf_fini(&plain);
	count(is, v);
	return v;
}

void
issuer_secret(const struct issuer *is, struct slice key_id, struct buf *out)
{
	uint8_t sum[DIGEST_LEN];

	mac(is, key_id, sum);
	text_base64_write(
	    out, (struct slice){ (const char *)sum, sizeof(sum) });
}
