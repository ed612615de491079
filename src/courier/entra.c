/*
 * entra.c - Microsoft Entra ID: client credentials, and managed identities
 *
 * A client proves itself by a secret, by a certificate (a JWT that only its
 * key can sign), or by the token of another issuer that Entra was told to
 * trust (a file that Kubernetes or a pipeline keeps fresh).
 */
#include "courier/run.h"

#include "crypto/digest.h"
#include "crypto/rsasig.h"
#include "base/text.h"

enum { ASSERTION_S = 600, EARLIER_S = 30 };

static const char assertion_type[] =
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

static const char *
token_url(struct run *r)
{
	return arena_fmt(&r->arena, "%s/%s/oauth2/v2.0/token",
	    r->conf->endpoint, r->conf->tenant);
}

/* The header names the certificate, RFC 7515 4.1.8. */
static bool
write_head(const struct run *r, struct buf *b)
{
	const struct slice pem = slice_of(r->conf->document);
	struct rsasig *k = rsasig_new(pem, NULL);
	uint8_t sum[DIGEST_LEN];
	bool good = k != NULL && rsasig_thumbprint(k, pem, sum);

	if (k != NULL)
		rsasig_free(&k);
	if (!good)
		return false;
	buf_str(b, "{\"alg\":\"PS256\",\"typ\":\"JWT\",\"x5t#S256\":\"");
	text_base64url_write(b, (struct slice){ (char *)sum, sizeof(sum) });
	buf_str(b, "\"}");
	return true;
}

static void
write_claims(const struct run *r, const char *url, struct buf *b)
{
	const struct slice client = slice_of(r->conf->client);
	char jti[33];
	uint8_t raw[16];
	struct buf hex = { 0 };

	random_bytes(raw, sizeof(raw));
	buf_hex(&hex, raw, sizeof(raw));
	memcpy(jti, buf_cstr(&hex), sizeof(jti));
	buf_fini(&hex);
	json_w_begin(b, '{');
	json_w_kstr(b, "aud", slice_of(url));
	json_w_kstr(b, "iss", client);
	json_w_kstr(b, "sub", client);
	json_w_kstr(b, "jti", slice_of(jti));
	json_w_ki64(b, "nbf", r->now_s - EARLIER_S);
	json_w_ki64(b, "iat", r->now_s);
	json_w_ki64(b, "exp", r->now_s + ASSERTION_S);
	json_w_end(b, '}');
}

static struct slice
own_assertion(struct run *r, const char *url)
{
	struct buf head = { 0 }, claims = { 0 };
	struct slice out = S("");

	if (write_head(r, &head)) {
		write_claims(r, url, &claims);
		out = run_jwt(r, buf_slice(&head), buf_slice(&claims),
		    slice_of(r->conf->document), true);
	}
	buf_fini(&head);
	buf_fini(&claims);
	return out;
}

static enum step
ask(struct run *r)
{
	const char *url = token_url(r);
	struct slice proof;
	struct buf b = { 0 };

	if (r->conf->method == SIGNIN_ENTRA_CERTIFICATE)
		proof = own_assertion(r, url);
	else if (r->conf->method == SIGNIN_ENTRA_FEDERATED)
		proof = run_file(r, r->conf->token_file);
	else
		proof = slice_of(r->conf->secret);
	if (proof.len == 0)
		return run_fail(r, r->conf->method == SIGNIN_ENTRA_FEDERATED
				       ? SIGNIN_WHY_FILE
				       : SIGNIN_WHY_SETUP);
	run_ask(r, S("POST"), url);
	run_header(
	    r, S("content-type"), S("application/x-www-form-urlencoded"));
	run_form(&b, "grant_type", S("client_credentials"));
	run_form(&b, "client_id", slice_of(r->conf->client));
	run_form(&b, "scope", slice_of(r->conf->scope));
	if (r->conf->method == SIGNIN_ENTRA_SECRET) {
		run_form(&b, "client_secret", proof);
	} else {
		run_form(&b, "client_assertion_type", slice_of(assertion_type));
		run_form(&b, "client_assertion", proof);
	}
	r->errand.body = run_take(r, &b);
	return STEP_FETCH;
}

/* How long, or until when. */
static int64_t
lifetime(const struct run *r, const struct json *j, const struct run_reply *a)
{
	const int64_t now = a->date_s != 0 ? a->date_s : r->now_s;
	const struct json *on = json_get(j, "expires_on");
	uint64_t at;

	if (json_get(j, "expires_in") != NULL || on == NULL ||
	    !slice_u64(on->text, &at) || at > INT64_MAX / 4)
		return run_seconds(j, "expires_in");
	return (int64_t)at - now;
}

static enum step
take(struct run *r, const struct json *j, const struct run_reply *a)
{
	if (!slice_ieq(json_get_str(j, "token_type"), S("Bearer")))
		return run_fail(r, SIGNIN_WHY_GARBAGE);
	return run_bearer(
	    r, json_get_str(j, "access_token"), lifetime(r, j, a));
}

enum step
run_entra(struct run *r, const struct run_reply *a)
{
	const struct json *j;

	if (a == NULL)
		return ask(r);
	j = run_json(r, a);
	return j != NULL ? take(r, j, a) : STEP_FAIL;
}

/* --- managed identity ---------------------------------------------------- */

/* A scope is a resource with "/.default" behind it. */
static struct slice
resource(const struct run *r)
{
	static const struct slice tail = S_INIT("/.default");
	struct slice s = slice_of(r->conf->scope);

	if (s.len > tail.len &&
	    memcmp(s.p + s.len - tail.len, tail.p, tail.len) == 0)
		s.len -= tail.len;
	return s;
}

static struct slice
bare(struct slice s)
{
	while (s.len > 0 && s.p[s.len - 1] == '/')
		s.len--;
	return s;
}

static enum step
ask_managed(struct run *r)
{
	const bool app = r->conf->container != NULL;
	struct buf b = { 0 };

	/* App Service and its kin have an endpoint of their own. */
	if (app)
		buf_fmt(&b, "%s?", r->conf->container);
	else
		buf_fmt(&b, "%s/metadata/identity/oauth2/token?",
		    r->conf->metadata);
	run_form(&b, "api-version", app ? S("2019-08-01") : S("2018-02-01"));
	run_form(&b, "resource", resource(r));
	if (r->conf->client != NULL)
		run_form(&b, "client_id", slice_of(r->conf->client));
	run_ask(r, S("GET"), run_take(r, &b).p);
	if (!app)
		run_header(r, S("Metadata"), S("true"));
	else if (r->conf->token != NULL)
		run_header(r, S("X-IDENTITY-HEADER"), slice_of(r->conf->token));
	return STEP_FETCH;
}

enum step
run_entra_managed(struct run *r, const struct run_reply *a)
{
	const struct json *j;
	struct slice of;

	if (a == NULL)
		return ask_managed(r);
	j = run_json(r, a);
	if (j == NULL)
		return STEP_FAIL;
	of = json_get_str(j, "resource");
	if (of.len > 0 && !slice_ieq(bare(of), bare(resource(r))))
		return run_fail(r, SIGNIN_WHY_AUDIENCE);
	return take(r, j, a);
}
