/*
 * signdesk.c - the endpoints that give out tokens, as strict as the clouds'
 *
 * Entra ID, the machine's metadata services (Azure, AWS version 2, Google),
 * AWS STS and the container's endpoint, Google's token, STS and IAM
 * credentials endpoints.  What may go wrong there: docs/simulator.md.
 */
#include "sim/desk.h"

#include <time.h>

#include "base/json.h"
#include "base/text.h"
#include "sim/awscheck.h"
#include "sim/brand.h"
#include "sim/issuer.h"
#include "sim/proof.h"

enum { IMDS_TTL_S = 300 };

struct ask {
	struct visit *v;
	struct issuer *is;
	struct arena arena;
	int64_t now_s;
};

/* --- requests ------------------------------------------------------------ */

static struct slice
form(struct ask *q, const char *name)
{
	return http_unescape(
	    &q->arena, http_query_get(q->v->body, slice_of(name)), true);
}

static struct slice
query(struct ask *q, const char *name)
{
	return http_unescape(&q->arena,
	    http_query_get(http_query(q->v->head), slice_of(name)), true);
}

static struct slice
header(const struct ask *q, struct slice name)
{
	return slice_trim(http_value(q->v->head, name));
}

static bool
method_is(const struct ask *q, struct slice m)
{
	return slice_eq(q->v->head->method, m);
}

/* This endpoint, as the caller knows it. */
static struct slice
own_url(struct ask *q)
{
	return slice_of(arena_fmt(&q->arena, "http://%.*s%.*s",
	    S_FMT(header(q, S("host"))), S_FMT(q->v->path)));
}

/* --- answers ------------------------------------------------------------- */

static struct plan *
oauth_error(struct ask *q, int status, const char *error, int64_t number,
    const char *say)
{
	struct plan *p = plan_plain(status);

	q->is->counts.refused++;
	json_w_begin(&p->body, '{');
	json_w_kstr(&p->body, "error", slice_of(error));
	if (number != 0) {
		buf_fmt(&p->body,
		    ",\"error_description\":\"AADSTS%lld: ", (long long)number);
		buf_str(&p->body, say);
		buf_fmt(
		    &p->body, "\",\"error_codes\":[%lld]", (long long)number);
	} else {
		json_w_kstr(&p->body, "error_description", slice_of(say));
	}
	json_w_end(&p->body, '}');
	return p;
}

static struct plan *
refused(struct ask *q, int status, const char *say)
{
	return oauth_error(q, status, "invalid_request", 0, say);
}

static int64_t
lifetime(const struct ask *q, const struct identity *id)
{
	return q->is->lifetime_s != 0 ? q->is->lifetime_s : id->lifetime_s;
}

static bool
fault_is(const struct ask *q, const char *word)
{
	return slice_eq(q->is->fault, slice_of(word));
}

static void
put_token(struct ask *q, struct buf *b, enum token_kind kind,
    const struct identity *id, struct slice audience)
{
	const struct token t = { .kind =
				     fault_is(q, "issuer") ? TOKEN_AWS : kind,
		.of = id,
		.audience = fault_is(q, "audience") ? S("https://other.example")
						    : audience,
		.expires_s = q->now_s + lifetime(q, id) };

	q->is->counts.given++;
	issuer_write(q->is, &t, b);
}

/* --- Entra --------------------------------------------------------------- */

static struct slice
without(struct slice s, struct slice tail)
{
	if (s.len >= tail.len &&
	    memcmp(s.p + s.len - tail.len, tail.p, tail.len) == 0)
		s.len -= tail.len;
	return s;
}

static struct plan *
entra_token(struct ask *q, const struct identity *id, struct slice resource,
    bool managed)
{
	struct plan *p = plan_plain(200);
	struct buf token = { 0 };
	const long long life = (long long)lifetime(q, id);

	put_token(q, &token, TOKEN_ENTRA, id, resource);
	json_w_begin(&p->body, '{');
	json_w_kstr(&p->body, "token_type", S("Bearer"));
	json_w_key(&p->body, "expires_in");
	/* The machine's service writes its numbers as strings. */
	buf_fmt(&p->body, managed ? "\"%lld\"" : "%lld", life);
	if (managed) {
		buf_fmt(&p->body, ",\"expires_on\":\"%lld\"",
		    (long long)q->now_s + life);
		json_w_kstr(&p->body, "resource",
		    fault_is(q, "audience") ? S("https://other.example")
					    : resource);
	} else {
		buf_fmt(&p->body, ",\"ext_expires_in\":%lld", life);
	}
	json_w_kstr(&p->body, "access_token", buf_slice(&token));
	json_w_end(&p->body, '}');
	buf_fini(&token);
	return p;
}

static const struct identity *
entra_client(struct ask *q, struct slice tenant, bool *tenant_known)
{
	const struct slice client = form(q, "client_id");
	unsigned i;

	*tenant_known = false;
	for (i = 0; i < q->is->n; i++) {
		const struct identity *id = &q->is->identity[i];

		if (id->kind != IDENTITY_ENTRA || !slice_eq(id->tenant, tenant))
			continue;
		*tenant_known = true;
		if (slice_eq(id->client, client))
			return id;
	}
	return NULL;
}

/* NULL: it proves the client. */
static struct plan *
check_assertion(struct ask *q, const struct identity *id, struct slice text)
{
	const struct slice client = id->client;
	int64_t exp = 0, nbf = 0;
	struct slice print;
	struct jwt jwt;

	if (!slice_eq(form(q, "client_assertion_type"),
		S("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")))
		return oauth_error(q, 400, "invalid_request", 900144,
		    "The request body must contain client_assertion_type.");
	if (id->subject_token.len > 0)
		return slice_eq(text, id->subject_token)
			   ? NULL
			   : oauth_error(q, 401, "invalid_client", 700213,
				 "No matching federated identity record "
				 "found.");
	if (!jwt_check(&q->arena, text, id->certificate, "PS256", &jwt) ||
	    !jwt_thumbprint(&q->arena, id->certificate, &print) ||
	    !slice_eq(json_get_str(jwt.head, "x5t#S256"), print))
		return oauth_error(q, 401, "invalid_client", 700027,
		    "Client assertion failed signature validation.");
	(void)json_get_i64(jwt.claims, "exp", &exp);
	(void)json_get_i64(jwt.claims, "nbf", &nbf);
	if (exp <= q->now_s || nbf > q->now_s + 5 || exp - nbf > 86400)
		return oauth_error(q, 401, "invalid_client", 700024,
		    "Client assertion is not within its valid time range.");
	if (!slice_eq(json_get_str(jwt.claims, "aud"), own_url(q)))
		return oauth_error(q, 401, "invalid_client", 700023,
		    "Client assertion audience claim does not match Realm "
		    "issuer.");
	if (!slice_eq(json_get_str(jwt.claims, "iss"), client) ||
	    !slice_eq(json_get_str(jwt.claims, "sub"), client) ||
	    json_get_str(jwt.claims, "jti").len == 0)
		return oauth_error(q, 401, "invalid_client", 700021,
		    "Client assertion issuer or subject is not the client.");
	return NULL;
}

static struct plan *
entra(struct ask *q, struct slice tenant)
{
	const struct slice scope = form(q, "scope");
	const struct slice secret = form(q, "client_secret");
	const struct slice proof = form(q, "client_assertion");
	const struct slice resource = without(scope, S("/.default"));
	const struct identity *id;
	struct plan *no = NULL;
	bool known;

	if (!method_is(q, S("POST")) ||
	    !slice_eq(form(q, "grant_type"), S("client_credentials")))
		return oauth_error(q, 400, "unsupported_grant_type", 70003,
		    "The app requested an unsupported grant type.");
	id = entra_client(q, tenant, &known);
	if (!known)
		return oauth_error(
		    q, 400, "invalid_request", 90002, "Tenant not found.");
	if (id == NULL)
		return oauth_error(q, 400, "unauthorized_client", 700016,
		    "Application was not found in the directory.");
	if (proof.len > 0)
		no = check_assertion(q, id, proof);
	else if (id->secret.len == 0 || !slice_eq(secret, id->secret))
		no = oauth_error(q, 401, "invalid_client", 7000215,
		    "Invalid client secret provided.");
	if (no != NULL)
		return no;
	if (resource.len == scope.len)
		return oauth_error(q, 400, "invalid_scope", 1002012,
		    "The provided value for scope is not valid.");
	return entra_token(q, id, resource, false);
}

static const struct identity *
first(const struct ask *q, enum identity_kind kind)
{
	unsigned i;

	for (i = 0; i < q->is->n; i++)
		if (q->is->identity[i].kind == kind)
			return &q->is->identity[i];
	return NULL;
}

static struct plan *
entra_managed(struct ask *q)
{
	const struct slice client = query(q, "client_id");
	const struct identity *id = first(q, IDENTITY_ENTRA_MANAGED);

	if (!slice_eq(header(q, S("metadata")), S("true")) ||
	    http_find(q->v->head, S("x-forwarded-for")) != NULL)
		return refused(
		    q, 400, "Required metadata header not specified");
	if (!slice_eq(query(q, "api-version"), S("2018-02-01")) ||
	    query(q, "resource").len == 0)
		return refused(q, 400, "api-version or resource is missing");
	if (id == NULL || (client.len > 0 && !slice_eq(client, id->client)))
		return refused(q, 400, "Identity not found");
	return entra_token(q, id, query(q, "resource"), true);
}

/* App Service's endpoint: until when, not for how long. */
static struct plan *
entra_app(struct ask *q)
{
	const struct identity *id = first(q, IDENTITY_ENTRA_MANAGED);
	struct plan *p;
	struct buf token = { 0 };

	if (id == NULL || id->token.len == 0 ||
	    !slice_eq(header(q, S("x-identity-header")), id->token) ||
	    !slice_eq(query(q, "api-version"), S("2019-08-01")))
		return refused(q, 401, "no identity");
	p = plan_plain(200);
	put_token(q, &token, TOKEN_ENTRA, id, query(q, "resource"));
	json_w_begin(&p->body, '{');
	json_w_kstr(&p->body, "access_token", buf_slice(&token));
	buf_fmt(&p->body, ",\"expires_on\":\"%lld\"",
	    (long long)(q->now_s + lifetime(q, id)));
	json_w_kstr(&p->body, "resource", query(q, "resource"));
	json_w_kstr(&p->body, "token_type", S("Bearer"));
	json_w_end(&p->body, '}');
	buf_fini(&token);
	return p;
}

/* --- AWS ----------------------------------------------------------------- */

static void
put_iso(struct buf *b, int64_t unix_s)
{
	const time_t t = (time_t)unix_s;
	char text[40];
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL &&
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		buf_str(b, text);
}

struct aws_given {
	struct buf id, secret, token, expires;
};

static void
aws_give(struct ask *q, const struct identity *id, struct aws_given *g)
{
	*g = (struct aws_given){ 0 };
	buf_fmt(
	    &g->id, "ASIASIM%013llu", (unsigned long long)(q->is->serial + 1));
	put_token(q, &g->token, TOKEN_AWS, id, buf_slice(&g->id));
	issuer_secret(q->is, buf_slice(&g->id), &g->secret);
	put_iso(&g->expires, q->now_s + lifetime(q, id));
}

static void
aws_given_fini(struct aws_given *g)
{
	buf_fini(&g->id);
	buf_fini(&g->secret);
	buf_fini(&g->token);
	buf_fini(&g->expires);
}

static struct plan *
sts_error(struct ask *q, int status, const char *code, const char *say)
{
	struct plan *p = plan_plain(status);

	q->is->counts.refused++;
	p->type = "text/xml";
	buf_fmt(&p->body,
	    "<ErrorResponse "
	    "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
	    "\n  <Error>\n    <Type>Sender</Type>\n    <Code>%s</Code>\n"
	    "    <Message>%s</Message>\n  </Error>\n</ErrorResponse>\n",
	    code, say);
	return p;
}

static struct plan *
sts_keys(struct ask *q, const struct identity *id, const char *action)
{
	struct plan *p = plan_plain(200);
	struct aws_given g;

	aws_give(q, id, &g);
	p->type = "text/xml";
	buf_fmt(&p->body,
	    "<%sResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"
	    "  <%sResult>\n    <Credentials>\n"
	    "      <AccessKeyId>%s</AccessKeyId>\n"
	    "      <SecretAccessKey>%s</SecretAccessKey>\n"
	    "      <SessionToken>%s</SessionToken>\n"
	    "      <Expiration>%s</Expiration>\n"
	    "    </Credentials>\n  </%sResult>\n</%sResponse>\n",
	    action, action, buf_cstr(&g.id), buf_cstr(&g.secret),
	    buf_cstr(&g.token), buf_cstr(&g.expires), action, action);
	aws_given_fini(&g);
	return p;
}

/* Who signed: an access key id of an account, or a role that was assumed. */
static struct plan *
sts_caller(struct ask *q, struct slice *who)
{
	const struct setup *s = q->v->desk->setup;
	const struct slice auth = http_value(q->v->head, S("authorization"));
	const struct slice key = aws_key_of(auth);
	struct aws_account account = { .access_key_id = key,
		.service = S("sts") };
	const struct identity *of = NULL;
	struct buf secret = { 0 };
	enum aws_verdict verdict;
	unsigned i;

	*who = S("");
	for (i = 0; i < s->ncredential; i++) {
		const struct credential *c = &s->credential[i];

		if (key.len == 0 || !slice_eq(c->access_key_id, key))
			continue;
		account.secret = c->secret;
		account.session_token = c->session_token;
		account.region = c->region;
		*who = c->access_key_id;
	}
	if (who->len == 0) {
		account.session_token = header(q, S("x-amz-security-token"));
		if (issuer_judge(q->is, &q->arena, account.session_token,
			TOKEN_AWS, &of) != TOKEN_GOOD)
			return sts_error(q, 403, "InvalidClientTokenId",
			    "The security token included in the request is "
			    "invalid.");
		issuer_secret(q->is, key, &secret);
		account.secret = arena_copy(&q->arena, buf_slice(&secret));
		account.region = of->credential->region;
		*who = of->role;
	}
	buf_fini(&secret);
	verdict = aws_check(q->v->head, q->v->body, &account, q->now_s);
	if (verdict == AWS_OK)
		return NULL;
	return sts_error(q, 403,
	    verdict == AWS_EXPIRED ? "RequestExpired" : "SignatureDoesNotMatch",
	    "The request signature does not match or has expired.");
}

static bool
session_formed(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		const char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') ||
			(c != '\0' && strchr("_=,.@-", c) != NULL)))
			return false;
	}
	return s.len >= 2 && s.len <= 64;
}

static const struct identity *
role_named(const struct ask *q, struct slice arn)
{
	unsigned i;

	for (i = 0; i < q->is->n; i++)
		if (q->is->identity[i].kind == IDENTITY_AWS_ROLE &&
		    slice_eq(q->is->identity[i].role, arn))
			return &q->is->identity[i];
	return NULL;
}

static struct plan *
sts(struct ask *q)
{
	const struct slice action = form(q, "Action");
	const struct slice span = form(q, "DurationSeconds");
	const struct identity *id = role_named(q, form(q, "RoleArn"));
	const bool web = slice_eq(action, S("AssumeRoleWithWebIdentity"));
	struct plan *no = NULL;
	struct slice who = S("");
	uint64_t n = 3600;

	if (!slice_eq(form(q, "Version"), S("2011-06-15")) ||
	    (!web && !slice_eq(action, S("AssumeRole"))))
		return sts_error(q, 400, "InvalidAction", "No such action.");
	if (!web)
		no = sts_caller(q, &who);
	if (no != NULL)
		return no;
	if (!session_formed(form(q, "RoleSessionName")) ||
	    (span.len > 0 && !slice_u64(span, &n)) || n < 900 || n > 43200)
		return sts_error(
		    q, 400, "ValidationError", "A value is out of range.");
	if (id == NULL ||
	    (web ? id->subject_token.len == 0 : !slice_eq(id->trusts, who)) ||
	    (id->external_id.len > 0 &&
		!slice_eq(id->external_id, form(q, "ExternalId"))))
		return sts_error(q, 403, "AccessDenied",
		    "The caller is not authorized to assume the role.");
	if (web && !slice_eq(form(q, "WebIdentityToken"), id->subject_token))
		return sts_error(q, 400, "InvalidIdentityToken",
		    "The web identity token is not valid.");
	return sts_keys(
	    q, id, web ? "AssumeRoleWithWebIdentity" : "AssumeRole");
}

static struct plan *
machine_keys(struct ask *q, const struct identity *id, bool instance)
{
	struct plan *p = plan_plain(200);
	struct aws_given g;

	aws_give(q, id, &g);
	json_w_begin(&p->body, '{');
	if (instance) {
		json_w_kstr(&p->body, "Code", S("Success"));
		json_w_kstr(&p->body, "Type", S("AWS-HMAC"));
	}
	json_w_kstr(&p->body, "AccessKeyId", buf_slice(&g.id));
	json_w_kstr(&p->body, "SecretAccessKey", buf_slice(&g.secret));
	json_w_kstr(&p->body, "Token", buf_slice(&g.token));
	json_w_kstr(&p->body, "Expiration", buf_slice(&g.expires));
	json_w_end(&p->body, '}');
	aws_given_fini(&g);
	return p;
}

static struct plan *
text(int status, struct slice s)
{
	struct plan *p = plan_plain(status);

	p->type = "text/plain";
	buf_add(&p->body, s);
	return p;
}

static struct plan *
imds_token(struct ask *q)
{
	uint64_t ttl;

	if (!method_is(q, S("PUT")))
		return text(405, S(""));
	if (!slice_u64(
		header(q, S("x-aws-ec2-metadata-token-ttl-seconds")), &ttl) ||
	    ttl < 1 || ttl > 21600)
		return text(400, S(""));
	return text(200, S("AQAEALsimulatedmetadatatoken=="));
}

static bool
imds_knows(const struct ask *q)
{
	return slice_eq(header(q, S("x-aws-ec2-metadata-token")),
	    S("AQAEALsimulatedmetadatatoken=="));
}

static struct plan *
imds_zone(struct ask *q)
{
	return imds_knows(q) ? text(200, S("us-east-1b")) : text(401, S(""));
}

static struct plan *
imds_keys(struct ask *q, struct slice name)
{
	const struct identity *id = first(q, IDENTITY_AWS_INSTANCE);

	if (!imds_knows(q))
		return text(401, S(""));
	if (id == NULL)
		return text(404, S(""));
	if (name.len == 0)
		return text(200, id->role);
	return slice_eq(name, id->role) ? machine_keys(q, id, true)
					: text(404, S(""));
}

static struct plan *
container(struct ask *q)
{
	const struct identity *id = first(q, IDENTITY_AWS_CONTAINER);

	if (id == NULL || !slice_eq(header(q, S("authorization")), id->token))
		return text(401, S(""));
	return machine_keys(q, id, false);
}

/* --- Google -------------------------------------------------------------- */

static struct plan *
google_token(struct ask *q, const struct identity *id, enum token_kind kind)
{
	struct plan *p = plan_plain(200);
	struct buf token = { 0 };

	buf_str(&token, "ya29.");
	put_token(q, &token, kind, id, S("https://www.googleapis.com/auth"));
	json_w_begin(&p->body, '{');
	json_w_kstr(&p->body, "access_token", buf_slice(&token));
	json_w_ki64(&p->body, "expires_in", lifetime(q, id));
	json_w_kstr(&p->body, "token_type", S("Bearer"));
	if (kind == TOKEN_POOL)
		json_w_kstr(&p->body, "issued_token_type",
		    S("urn:ietf:params:oauth:token-type:access_token"));
	json_w_end(&p->body, '}');
	buf_fini(&token);
	return p;
}

static struct plan *
google_jwt(struct ask *q)
{
	const struct slice assertion = form(q, "assertion");
	int64_t iat = 0, exp = 0;
	const struct identity *id;
	struct jwt jwt;
	unsigned i;

	for (i = 0; i < q->is->n; i++) {
		id = &q->is->identity[i];
		if (id->kind != IDENTITY_GOOGLE ||
		    !jwt_check(
			&q->arena, assertion, id->certificate, "RS256", &jwt) ||
		    !slice_eq(json_get_str(jwt.head, "kid"), id->key_id) ||
		    !slice_eq(json_get_str(jwt.claims, "iss"), id->email))
			continue;
		(void)json_get_i64(jwt.claims, "iat", &iat);
		(void)json_get_i64(jwt.claims, "exp", &exp);
		if (iat > q->now_s + 60 || exp <= q->now_s || exp - iat > 3600)
			return oauth_error(q, 400, "invalid_grant", 0,
			    "Invalid JWT: Token must be a short-lived token "
			    "(60 minutes) and in a reasonable timeframe.");
		if (!slice_eq(json_get_str(jwt.claims, "aud"), own_url(q)))
			return oauth_error(q, 400, "invalid_grant", 0,
			    "Invalid JWT: Failed audience check.");
		if (json_get_str(jwt.claims, "scope").len == 0)
			return oauth_error(q, 400, "invalid_scope", 0,
			    "Invalid OAuth scope or ID token audience "
			    "provided.");
		return google_token(q, id, TOKEN_GOOGLE);
	}
	return oauth_error(
	    q, 400, "invalid_grant", 0, "Invalid JWT Signature.");
}

static struct plan *
google(struct ask *q)
{
	const struct slice grant = form(q, "grant_type");
	const struct identity *id = first(q, IDENTITY_GOOGLE_USER);

	if (slice_eq(grant, S("urn:ietf:params:oauth:grant-type:jwt-bearer")))
		return google_jwt(q);
	if (!slice_eq(grant, S("refresh_token")))
		return oauth_error(q, 400, "unsupported_grant_type", 0, "");
	if (id == NULL || !slice_eq(form(q, "client_id"), id->client) ||
	    !slice_eq(form(q, "client_secret"), id->secret))
		return oauth_error(q, 401, "invalid_client", 0,
		    "The OAuth client was not found.");
	if (!slice_eq(form(q, "refresh_token"), id->subject_token))
		return oauth_error(q, 400, "invalid_grant", 0,
		    "Token has been expired or revoked.");
	return google_token(q, id, TOKEN_GOOGLE);
}

/*
 * Google sends the signed GetCallerIdentity on to AWS, as it is; AWS knows
 * whose keys these are.
 */
static bool
aws_vouches(struct ask *q, struct slice subject, struct slice audience)
{
	struct aws_account account = { .service = S("sts") };
	struct http_head head = { .method = S("POST") };
	const struct identity *of = NULL;
	struct slice text = http_unescape(&q->arena, subject, false), rest;
	struct buf secret = { 0 };
	const struct json *h;
	struct json *j;
	bool good;

	if (json_parse(&q->arena, text, &j) != FAULT_NONE ||
	    !slice_eq(json_get_str(j, "method"), S("POST")))
		return false;
	rest = json_get_str(j, "url");
	if (memmem(rest.p, rest.len, "Action=GetCallerIdentity", 24) == NULL ||
	    !slice_cut(rest, '?', &text, &rest))
		return false;
	head.target = slice_of(arena_fmt(&q->arena, "/?%.*s", S_FMT(rest)));
	h = json_get(j, "headers");
	for (h = h != NULL ? h->child : NULL; h != NULL; h = h->next)
		(void)http_add(
		    &head, json_get_str(h, "key"), json_get_str(h, "value"));
	account.access_key_id =
	    aws_key_of(http_value(&head, S("authorization")));
	account.session_token = http_value(&head, S("x-amz-security-token"));
	if (!slice_eq(http_value(&head, S("x-goog-cloud-target-resource")),
		audience) ||
	    issuer_judge(q->is, &q->arena, account.session_token, TOKEN_AWS,
		&of) != TOKEN_GOOD)
		return false;
	issuer_secret(q->is, account.access_key_id, &secret);
	account.secret = buf_slice(&secret);
	account.region = of->credential->region;
	good = aws_check(&head, S(""), &account, q->now_s) == AWS_OK;
	buf_fini(&secret);
	return good;
}

static bool
subject_good(struct ask *q, const struct identity *id)
{
	const struct slice type = form(q, "subject_token_type");
	const struct slice subject = form(q, "subject_token");

	if (slice_eq(type, S("urn:ietf:params:aws:token-type:aws4_request")))
		return aws_vouches(q, subject, id->audience);
	return slice_eq(type, S("urn:ietf:params:oauth:token-type:jwt")) &&
	       id->subject_token.len > 0 &&
	       slice_eq(subject, id->subject_token);
}

static struct plan *
google_sts(struct ask *q)
{
	const struct identity *id = NULL;
	unsigned i;

	for (i = 0; i < q->is->n; i++)
		if (q->is->identity[i].kind == IDENTITY_GOOGLE_POOL &&
		    slice_eq(q->is->identity[i].audience, form(q, "audience")))
			id = &q->is->identity[i];
	if (!slice_eq(form(q, "grant_type"),
		S("urn:ietf:params:oauth:grant-type:token-exchange")) ||
	    !slice_eq(form(q, "requested_token_type"),
		S("urn:ietf:params:oauth:token-type:access_token")))
		return oauth_error(q, 400, "invalid_request", 0,
		    "The grant or a token type is not supported.");
	if (id == NULL)
		return oauth_error(q, 400, "invalid_target", 0,
		    "The target service indicated by the audience is invalid.");
	if (!subject_good(q, id))
		return oauth_error(q, 400, "invalid_grant", 0,
		    "The subject token is invalid.");
	return google_token(q, id, TOKEN_POOL);
}

static struct plan *
google_act(struct ask *q, struct slice email)
{
	const struct slice auth = header(q, S("authorization"));
	const struct identity *pool = NULL;
	struct plan *p;
	struct buf token = { 0 };

	if (!slice_starts(auth, S("Bearer ")) ||
	    issuer_judge(q->is, &q->arena,
		(struct slice){ auth.p + 7, auth.len - 7 }, TOKEN_POOL,
		&pool) != TOKEN_GOOD ||
	    !slice_eq(pool->email, email))
		return oauth_error(q, 403, "permission_denied", 0,
		    "Permission iam.serviceAccounts.getAccessToken denied.");
	p = plan_plain(200);
	buf_str(&token, "ya29.");
	put_token(q, &token, TOKEN_GOOGLE, pool,
	    S("https://www.googleapis.com/auth"));
	json_w_begin(&p->body, '{');
	json_w_kstr(&p->body, "accessToken", buf_slice(&token));
	json_w_key(&p->body, "expireTime");
	buf_char(&p->body, '"');
	put_iso(&p->body, q->now_s + lifetime(q, pool));
	buf_char(&p->body, '"');
	json_w_end(&p->body, '}');
	buf_fini(&token);
	return p;
}

static struct plan *
google_metadata(struct ask *q)
{
	const struct identity *id = first(q, IDENTITY_GOOGLE_METADATA);
	struct plan *p;

	if (!slice_eq(header(q, S("metadata-flavor")), S("Google")) ||
	    http_find(q->v->head, S("x-forwarded-for")) != NULL)
		return text(403, S("Missing Metadata-Flavor:Google header."));
	if (id == NULL)
		return text(404, S(""));
	p = google_token(q, id, TOKEN_GOOGLE);
	p->google = true;
	return p;
}

/* --- faults -------------------------------------------------------------- */

/* What the endpoints do instead; NULL: nothing. */
static struct plan *
misbehave(struct ask *q)
{
	struct plan *p = NULL;

	if (fault_is(q, "hang")) {
		p = plan_plain(200);
		p->mute = true;
		p->stop_at = 0;
		p->ending = END_HANG;
	} else if (fault_is(q, "reset")) {
		p = plan_plain(200);
		p->mute = true;
		p->stop_at = 0;
		p->ending = END_RST;
	} else if (fault_is(q, "error")) {
		p = text(503, S("busy"));
	} else if (fault_is(q, "throttle")) {
		p = oauth_error(q, 429, "temporarily_unavailable", 0, "");
	} else if (fault_is(q, "html")) {
		p = plan_plain(200);
		p->type = "text/html; charset=utf-8";
		buf_str(&p->body,
		    "<!DOCTYPE html><html><body>Please sign in to the "
		    "network.</body></html>");
	} else if (fault_is(q, "redirect")) {
		p = text(302, S(""));
	} else if (fault_is(q, "garbage")) {
		p = plan_plain(200);
		buf_str(&p->body, "{\"access_token\":");
	} else if (fault_is(q, "empty")) {
		p = plan_plain(200);
		buf_str(&p->body, "{}");
	} else if (fault_is(q, "large")) {
		p = plan_plain(200);
		while (p->body.len < 200000)
			buf_str(&p->body, "                                ");
	} else if (fault_is(q, "echo")) {
		/* A careless server that repeats what it was sent. */
		p = plan_plain(400);
		json_w_begin(&p->body, '{');
		json_w_kstr(&p->body, "error", form(q, "client_secret"));
		json_w_kstr(&p->body, "error_description", q->v->body);
		json_w_end(&p->body, '}');
	}
	if (p != NULL)
		q->is->counts.failed++;
	return p;
}

static void
wear_off(struct issuer *is)
{
	if (is->fault.len > 0 && is->fault_left > 0 && --is->fault_left == 0)
		is->fault = S("");
}

/* --- which endpoint ------------------------------------------------------ */

static bool
between(struct slice path, struct slice head, struct slice tail,
    struct slice *middle)
{
	if (path.len <= head.len + tail.len || !slice_starts(path, head) ||
	    memcmp(path.p + path.len - tail.len, tail.p, tail.len) != 0)
		return false;
	*middle =
	    (struct slice){ path.p + head.len, path.len - head.len - tail.len };
	return true;
}

enum endpoint {
	AT_NONE,
	AT_ENTRA,
	AT_ENTRA_MANAGED,
	AT_ENTRA_APP,
	AT_STS,
	AT_IMDS_ZONE,
	AT_IMDS_TOKEN,
	AT_IMDS_KEYS,
	AT_CONTAINER,
	AT_GOOGLE,
	AT_GOOGLE_STS,
	AT_GOOGLE_ACT,
	AT_GOOGLE_METADATA
};

#define IMDS_ROLES_BARE "/latest/meta-data/iam/security-credentials"
#define IMDS_ROLES IMDS_ROLES_BARE "/"

static enum endpoint
endpoint_of(const struct visit *v, struct slice *middle)
{
	static const struct {
		const char *path;
		enum endpoint at;
	} fixed[] = {
		{ "/metadata/identity/oauth2/token", AT_ENTRA_MANAGED },
		{ "/msi/token", AT_ENTRA_APP },
		{ "/latest/meta-data/placement/availability-zone",
		    AT_IMDS_ZONE },
		{ "/", AT_STS },
		{ "/latest/api/token", AT_IMDS_TOKEN },
		{ IMDS_ROLES, AT_IMDS_KEYS },
		{ IMDS_ROLES_BARE, AT_IMDS_KEYS },
		{ "/v2/credentials", AT_CONTAINER },
		{ "/token", AT_GOOGLE },
		{ "/v1/token", AT_GOOGLE_STS },
	};
	size_t i;

	*middle = S("");
	for (i = 0; i < NELEM(fixed); i++)
		if (slice_eq(v->path, slice_of(fixed[i].path)))
			return fixed[i].at;
	if (slice_starts(v->path, S(IMDS_ROLES))) {
		*middle = (struct slice){ v->path.p + sizeof(IMDS_ROLES) - 1,
			v->path.len - (sizeof(IMDS_ROLES) - 1) };
		return AT_IMDS_KEYS;
	}
	if (between(v->path, S("/"), S("/oauth2/v2.0/token"), middle))
		return AT_ENTRA;
	if (between(v->path, S("/v1/projects/-/serviceAccounts/"),
		S(":generateAccessToken"), middle))
		return AT_GOOGLE_ACT;
	if (between(v->path,
		S("/computeMetadata/v1/instance/service-accounts/"),
		S("/token"), middle))
		return AT_GOOGLE_METADATA;
	return AT_NONE;
}

static struct plan *
serve(struct ask *q, enum endpoint at, struct slice middle)
{
	switch (at) {
	case AT_ENTRA:
		return entra(q, middle);
	case AT_ENTRA_MANAGED:
		return entra_managed(q);
	case AT_ENTRA_APP:
		return entra_app(q);
	case AT_STS:
		return sts(q);
	case AT_IMDS_ZONE:
		return imds_zone(q);
	case AT_IMDS_TOKEN:
		return imds_token(q);
	case AT_IMDS_KEYS:
		return imds_keys(q, middle);
	case AT_CONTAINER:
		return container(q);
	case AT_GOOGLE:
		return google(q);
	case AT_GOOGLE_STS:
		return google_sts(q);
	case AT_GOOGLE_ACT:
		return google_act(q, middle);
	case AT_GOOGLE_METADATA:
		return google_metadata(q);
	case AT_NONE:
		break;
	}
	return text(404, S(""));
}

struct plan *
desk_sign_in(struct visit *v)
{
	struct ask q = { .v = v, .is = v->desk->issuer };
	struct slice middle;
	const enum endpoint at = endpoint_of(v, &middle);
	struct plan *p;

	if (at == AT_NONE || q.is->n == 0)
		return NULL;
	q.now_s = issuer_now_s(q.is);
	q.is->counts.asked++;
	p = misbehave(&q);
	if (p == NULL)
		p = serve(&q, at, middle);
	wear_off(q.is);
	arena_fini(&q.arena);
	return p;
}

/* --- /sim/sign-in -------------------------------------------------------- */

static void
put_state(const struct issuer *is, struct buf *b)
{
	const struct issuer_counts *c = &is->counts;

	json_w_begin(b, '{');
	json_w_ku64(b, "asked", c->asked);
	json_w_ku64(b, "given", c->given);
	json_w_ku64(b, "refused", c->refused);
	json_w_ku64(b, "failed", c->failed);
	json_w_key(b, "shown");
	json_w_begin(b, '{');
	json_w_ku64(b, "good", c->good);
	json_w_ku64(b, "expired", c->expired);
	json_w_ku64(b, "audience", c->audience);
	json_w_ku64(b, "issuer", c->issuer);
	json_w_ku64(b, "forged", c->forged);
	json_w_end(b, '}');
	json_w_kstr(b, "fault", is->fault);
	json_w_ki64(b, "clock_offset_s", is->offset_s);
	json_w_ki64(b, "keys", is->day);
	json_w_end(b, '}');
}

static void
take_fault(struct issuer *is, const struct json *j)
{
	const struct slice word = json_get_str(j, "fault");

	if (json_get(j, "fault") == NULL || word.len >= sizeof(is->fault_text))
		return;
	if (word.len > 0)
		memcpy(is->fault_text, word.p, word.len);
	is->fault = (struct slice){ is->fault_text, word.len };
	is->fault_left = -1;
	(void)json_get_i64(j, "count", &is->fault_left);
}

struct plan *
desk_sign_in_control(struct visit *v)
{
	struct issuer *is = v->desk->issuer;
	struct plan *p = plan_plain(200);
	struct arena a = { 0 };
	struct json *j;

	if (v->body.len > 0 && json_parse(&a, v->body, &j) == FAULT_NONE) {
		take_fault(is, j);
		(void)json_get_i64(j, "clock_offset_s", &is->offset_s);
		brand_clock_s = is->offset_s;
		(void)json_get_i64(j, "lifetime_s", &is->lifetime_s);
		if (json_get_bool(j, "rotate", false))
			issuer_rotate(is);
	}
	put_state(is, &p->body);
	arena_fini(&a);
	return p;
}
