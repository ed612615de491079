/*
 * google.c - Google Cloud: service accounts, federation, the metadata server
 *
 * The credentials file says what it is by its "type": a service account's key
 * signs a JWT (RFC 7523), a user's refresh token is exchanged, an external
 * account's token of another issuer goes through Google's STS (RFC 8693) and,
 * where the file says so, on to a service account it may act for.
 */
#include "courier/run.h"

#include "courier/google_aws.h"
#include "courier/stamp.h"

enum { JWT_S = 3600, AT_SUBJECT = 1, AT_TOKEN, AT_ACT };

#define GRANT "urn:ietf:params:oauth:grant-type:"

static enum step
post_form(struct run *r, struct slice url, struct buf *form)
{
	r->at = AT_TOKEN;
	run_ask(r, S("POST"), arena_str(&r->arena, url));
	run_header(
	    r, S("content-type"), S("application/x-www-form-urlencoded"));
	r->errand.body = run_take(r, form);
	return STEP_FETCH;
}

/* --- service account --------------------------------------------------------
 */

static struct slice
assertion(struct run *r)
{
	struct buf head = { 0 }, claims = { 0 };
	struct slice out;

	json_w_begin(&head, '{');
	json_w_kstr(&head, "alg", S("RS256"));
	json_w_kstr(&head, "typ", S("JWT"));
	json_w_kstr(&head, "kid", json_get_str(r->doc, "private_key_id"));
	json_w_end(&head, '}');
	json_w_begin(&claims, '{');
	json_w_kstr(&claims, "iss", json_get_str(r->doc, "client_email"));
	json_w_kstr(&claims, "aud", json_get_str(r->doc, "token_uri"));
	json_w_kstr(&claims, "scope", slice_of(r->conf->scope));
	json_w_ki64(&claims, "iat", r->now_s);
	json_w_ki64(&claims, "exp", r->now_s + JWT_S);
	json_w_end(&claims, '}');
	out = run_jwt(r, buf_slice(&head), buf_slice(&claims),
	    json_get_str(r->doc, "private_key"), false);
	buf_fini(&head);
	buf_fini(&claims);
	return out;
}

static enum step
begin_service(struct run *r)
{
	const struct slice jwt = assertion(r);
	struct buf b = { 0 };

	if (jwt.len == 0)
		return STEP_FAIL;
	run_form(&b, "grant_type", S(GRANT "jwt-bearer"));
	run_form(&b, "assertion", jwt);
	return post_form(r, json_get_str(r->doc, "token_uri"), &b);
}

static enum step
begin_user(struct run *r)
{
	struct slice url = json_get_str(r->doc, "token_uri");
	struct buf b = { 0 };

	if (url.len == 0)
		url = S("https://oauth2.googleapis.com/token");
	run_form(&b, "grant_type", S("refresh_token"));
	run_form(&b, "client_id", json_get_str(r->doc, "client_id"));
	run_form(&b, "client_secret", json_get_str(r->doc, "client_secret"));
	run_form(&b, "refresh_token", json_get_str(r->doc, "refresh_token"));
	return post_form(r, url, &b);
}

/* --- federation --------------------------------------------------------------
 */

static enum step
exchange(struct run *r, struct slice subject)
{
	struct buf b = { 0 };

	if (subject.len == 0)
		return run_fail(r, SIGNIN_WHY_FILE);
	run_form(&b, "grant_type", S(GRANT "token-exchange"));
	run_form(&b, "audience", json_get_str(r->doc, "audience"));
	run_form(&b, "scope", slice_of(r->conf->scope));
	run_form(&b, "requested_token_type",
	    S("urn:ietf:params:oauth:token-type:access_token"));
	run_form(&b, "subject_token", subject);
	run_form(&b, "subject_token_type",
	    json_get_str(r->doc, "subject_token_type"));
	return post_form(r, json_get_str(r->doc, "token_url"), &b);
}

/* The text itself, or a field of it. */
static struct slice
subject_in(struct run *r, const struct json *source, struct slice text)
{
	const struct json *format = json_get(source, "format");
	struct slice field;
	struct json *j;

	if (!slice_eq(json_get_str(format, "type"), S("json")))
		return slice_trim(text);
	field = json_get_str(format, "subject_token_field_name");
	if (json_parse(&r->arena, text, &j) != FAULT_NONE)
		return S("");
	return json_get_str(j, arena_str(&r->arena, field));
}

/* What a source of AWS says, step by step. */
static enum step
step_aws(struct run *r, const struct run_reply *a)
{
	const enum step step =
	    google_aws_step(r, json_get(r->doc, "credential_source"), a);

	return step == STEP_DONE ? exchange(r, r->token) : step;
}

static enum step
begin_external(struct run *r)
{
	const struct json *source = json_get(r->doc, "credential_source");
	const struct slice file = json_get_str(source, "file");
	const struct slice url = json_get_str(source, "url");
	const struct json *h;

	if (json_get_str(source, "environment_id").len > 0)
		return step_aws(r, NULL);
	if (file.len > 0)
		return exchange(
		    r, subject_in(
			   r, source, run_file(r, arena_str(&r->arena, file))));
	r->at = AT_SUBJECT;
	run_ask(r, S("GET"), arena_str(&r->arena, url));
	h = json_get(source, "headers");
	for (h = h != NULL ? h->child : NULL;
	     h != NULL && r->errand.nhdr < ERRAND_HDRS; h = h->next)
		run_header(r, h->key, h->text);
	return STEP_FETCH;
}

static enum step
act_for(struct run *r, struct slice url, struct slice token)
{
	const struct slice bearer[] = { S_INIT("Bearer "), token };
	int64_t life =
	    run_seconds(json_get(r->doc, "service_account_impersonation"),
		"token_lifetime_seconds");
	struct buf b = { 0 };

	r->at = AT_ACT;
	run_ask(r, S("POST"), arena_str(&r->arena, url));
	run_header(r, S("content-type"), S("application/json"));
	run_header(r, S("Authorization"),
	    arena_join(&r->arena, bearer, NELEM(bearer)));
	json_w_begin(&b, '{');
	json_w_key(&b, "scope");
	json_w_begin(&b, '[');
	json_w_str(&b, slice_of(r->conf->scope));
	json_w_end(&b, ']');
	buf_fmt(&b, ",\"lifetime\":\"%llds\"",
	    (long long)(life >= 600 && life <= 43200 ? life : 3600));
	json_w_end(&b, '}');
	r->errand.body = run_take(r, &b);
	return STEP_FETCH;
}

/* --- answers ------------------------------------------------------------- */

static enum step
take(struct run *r, const struct json *j)
{
	const struct slice token = json_get_str(j, "access_token");
	const struct slice url =
	    r->act_url.len > 0
		? r->act_url
		: json_get_str(r->doc, "service_account_impersonation_url");
	const int64_t life = run_seconds(j, "expires_in");

	if (r->doc != NULL && url.len > 0 && token.len > 0)
		return act_for(r, url, token);
	if (!slice_ieq(json_get_str(j, "token_type"), S("Bearer")))
		return run_fail(r, SIGNIN_WHY_GARBAGE);
	return run_bearer(r, token, life);
}

static enum step
take_acting(struct run *r, const struct run_reply *a)
{
	const struct json *j = run_json(r, a);
	int64_t expires;

	if (j == NULL)
		return STEP_FAIL;
	if (!stamp_iso(json_get_str(j, "expireTime"), &expires))
		return run_fail(r, SIGNIN_WHY_GARBAGE);
	return run_bearer(r, json_get_str(j, "accessToken"),
	    expires - (a->date_s != 0 ? a->date_s : r->now_s));
}

/* What gcloud leaves for a person who acts for a service account: inside
 * stands how the person signs in. */
static enum step
begin_impersonated(struct run *r)
{
	r->act_url = json_get_str(r->doc, "service_account_impersonation_url");
	r->doc = json_get(r->doc, "source_credentials");
	return slice_eq(json_get_str(r->doc, "type"), S("service_account"))
		   ? begin_service(r)
		   : begin_user(r);
}

static enum step
begin(struct run *r)
{
	struct json *doc;
	struct slice type;

	if (r->conf->document == NULL ||
	    json_parse(&r->arena,
		arena_copy(&r->arena, slice_of(r->conf->document)),
		&doc) != FAULT_NONE)
		return run_fail(r, SIGNIN_WHY_SETUP);
	r->doc = doc;
	type = json_get_str(doc, "type");
	if (slice_eq(type, S("service_account")))
		return begin_service(r);
	if (slice_eq(type, S("authorized_user")))
		return begin_user(r);
	if (slice_eq(type, S("external_account")))
		return begin_external(r);
	if (slice_eq(type, S("impersonated_service_account")))
		return begin_impersonated(r);
	return run_fail(r, SIGNIN_WHY_SETUP);
}

enum step
run_google(struct run *r, const struct run_reply *a)
{
	const struct json *j;

	if (a == NULL)
		return begin(r);
	if (r->at == AT_ACT)
		return take_acting(r, a);
	if (r->at > AT_ACT)
		return step_aws(r, a);
	if (r->at == AT_SUBJECT) {
		if (!run_good(r, a))
			return STEP_FAIL;
		return exchange(
		    r, arena_copy(&r->arena,
			   subject_in(r, json_get(r->doc, "credential_source"),
			       a->body)));
	}
	j = run_json(r, a);
	return j != NULL ? take(r, j) : STEP_FAIL;
}

enum step
run_google_metadata(struct run *r, const struct run_reply *a)
{
	const struct json *j;
	struct buf b = { 0 };

	if (a == NULL) {
		buf_fmt(&b,
		    "%s/computeMetadata/v1/instance/service-accounts/%s/token?",
		    r->conf->metadata, r->conf->account);
		run_form(&b, "scopes", slice_of(r->conf->scope));
		run_ask(r, S("GET"), run_take(r, &b).p);
		run_header(r, S("Metadata-Flavor"), S("Google"));
		return STEP_FETCH;
	}
	j = run_json(r, a);
	if (j == NULL)
		return STEP_FAIL;
	/* Whoever answers there without the header is not Google's server. */
	if (!a->google)
		return run_fail(r, SIGNIN_WHY_GARBAGE);
	return take(r, j);
}
