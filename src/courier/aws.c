/*
 * aws.c - AWS credentials: keys, roles by STS, and what the machine gives
 *
 * Where it begins is one of: keys, a web identity (STS exchanges a token of
 * another issuer), the container's endpoint, the instance's metadata service
 * (version 2 only: a PUT for a token first).  From there roles are assumed,
 * one after the other.
 */
#include "courier/run.h"

#include <stdio.h>

#include "courier/awsfile.h"
#include "courier/fetch.h"
#include "courier/stamp.h"
#include "crypto/sigv4.h"

enum {
	AT_TOKEN = 1, /* instance: the session token */
	AT_NAME,      /* instance: the role's name */
	AT_KEYS,      /* instance and container: the keys */
	AT_STS
};

#define METADATA_ROLES "/latest/meta-data/iam/security-credentials/"

/* --- STS ------------------------------------------------------------------ */

static const char *
sts_url(struct run *r)
{
	const char *region = r->conf->region;

	if (r->conf->endpoint != NULL)
		return arena_fmt(&r->arena, "%s/", r->conf->endpoint);
	return arena_fmt(&r->arena, "https://sts.%s.amazonaws.com%s/", region,
	    strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

static void
add_role(struct run *r, struct buf *b, const struct aws_role *role)
{
	const struct slice session =
	    role->session.len > 0 ? role->session : S("kontor");

	run_form(b, "Version", S("2011-06-15"));
	run_form(b, "RoleArn", role->arn);
	run_form(b, "RoleSessionName", session);
	if (role->lifetime_s > 0)
		run_form(b, "DurationSeconds",
		    slice_of(arena_fmt(
			&r->arena, "%lld", (long long)role->lifetime_s)));
	if (role->external_id.len > 0)
		run_form(b, "ExternalId", role->external_id);
}

static void
sign(struct run *r)
{
	struct sigv4_signer signer = { .id = r->keys.id,
		.secret = r->keys.secret,
		.token = r->keys.token,
		.region = slice_of(r->conf->region),
		.service = S("sts"),
		.path = SIGV4_ENCODE };
	struct sigv4_header headers[2];
	struct sigv4_request req = { 0 };
	struct sigv4_added added;
	char hex[DIGEST_HEX + 1], stamp[SIGV4_TIME + 1];
	uint8_t sum[DIGEST_LEN];
	struct url u;
	size_t i;

	CHECK(url_split(&r->arena, r->errand.url, &u));
	digest_of(r->errand.body, sum);
	digest_hex(sum, hex);
	sigv4_time(r->now_s, stamp);
	headers[0] = (struct sigv4_header){ S("host"), u.authority };
	headers[1] = (struct sigv4_header){ S("content-type"),
		S("application/x-www-form-urlencoded") };
	req.method = r->errand.method;
	req.path = u.target;
	req.headers = headers;
	req.n_headers = NELEM(headers);
	req.payload = slice_of(hex);
	sigv4_sign(&signer, &req, slice_of(stamp), &r->arena, &added);
	for (i = 0; i < added.n; i++)
		run_header(r, added.header[i].name, added.header[i].value);
	sigv4_signer_fini(&signer);
}

static enum step
ask_sts(struct run *r, struct buf *form, bool signing)
{
	r->at = AT_STS;
	run_ask(r, S("POST"), sts_url(r));
	run_header(
	    r, S("content-type"), S("application/x-www-form-urlencoded"));
	r->errand.body = run_take(r, form);
	if (signing)
		sign(r);
	return STEP_FETCH;
}

static enum step
ask_web(struct run *r, const struct aws_role *role, const char *token_file)
{
	const struct slice token = run_file(r, token_file);
	struct buf b = { 0 };

	if (token.len == 0)
		return run_fail(r, SIGNIN_WHY_FILE);
	run_form(&b, "Action", S("AssumeRoleWithWebIdentity"));
	add_role(r, &b, role);
	run_form(&b, "WebIdentityToken", token);
	return ask_sts(r, &b, false);
}

static int64_t
left(const struct run *r)
{
	const int64_t now = r->keys.date_s != 0 ? r->keys.date_s : r->now_s;

	return r->keys.expires_s - now;
}

/* The next role, or the end. */
static enum step
next(struct run *r)
{
	struct buf b = { 0 };

	if (r->nassumed < r->nroles) {
		run_form(&b, "Action", S("AssumeRole"));
		add_role(r, &b, &r->role[r->nassumed++]);
		return ask_sts(r, &b, true);
	}
	if (r->keys.expires_s != 0 && left(r) <= 0)
		return run_fail(r, SIGNIN_WHY_STALE);
	r->kind = PASS_AWS;
	r->part[0] = r->keys.id;
	r->part[1] = r->keys.secret;
	r->part[2] = r->keys.token;
	r->lifetime_s = r->keys.expires_s != 0 ? left(r) : 0;
	return STEP_DONE;
}

/* What stands between <tag> and </tag>; STS escapes nothing in these. */
static struct slice
xml_text(struct slice xml, const char *tag)
{
	char open[48], end[48];
	const char *from, *to;
	size_t n;

	n = (size_t)snprintf(open, sizeof(open), "<%s>", tag);
	snprintf(end, sizeof(end), "</%s>", tag);
	from = memmem(xml.p, xml.len, open, n);
	if (from == NULL)
		return S("");
	from += n;
	to = memmem(from, xml.len - (size_t)(from - xml.p), end, n + 1);
	if (to == NULL || memchr(from, '<', (size_t)(to - from)) != NULL)
		return S("");
	return slice_trim((struct slice){ from, (size_t)(to - from) });
}

static bool
keys_formed(const struct aws_keys *k)
{
	size_t i;

	for (i = 0; i < k->token.len; i++) {
		if (k->token.p[i] <= 0x20 || k->token.p[i] >= 0x7f)
			return false;
	}
	return k->id.len >= 16 && k->id.len <= 128 && k->secret.len > 0 &&
	       k->secret.len <= 256 && k->token.len > 0 &&
	       k->id.len + k->secret.len + k->token.len <= WALLET_ROOM;
}

static enum step
take_keys(struct run *r, const struct run_reply *a, struct aws_keys *k,
    struct slice expires)
{
	k->date_s = a->date_s;
	if (!keys_formed(k) || !stamp_iso(expires, &k->expires_s))
		return run_fail(r, SIGNIN_WHY_GARBAGE);
	k->id = arena_copy(&r->arena, k->id);
	k->secret = arena_copy(&r->arena, k->secret);
	k->token = arena_copy(&r->arena, k->token);
	r->keys = *k;
	return next(r);
}

static enum step
take_sts(struct run *r, const struct run_reply *a)
{
	struct aws_keys k = { .id = xml_text(a->body, "AccessKeyId"),
		.secret = xml_text(a->body, "SecretAccessKey"),
		.token = xml_text(a->body, "SessionToken") };

	if (!a->html && a->status >= 400)
		run_code(r, xml_text(a->body, "Code"));
	if (!run_good(r, a))
		return STEP_FAIL;
	return take_keys(r, a, &k, xml_text(a->body, "Expiration"));
}

/* --- the machine ---------------------------------------------------------- */

/* The container's endpoint and the instance's name the fields alike. */
static enum step
take_json(struct run *r, const struct run_reply *a)
{
	const struct json *j = run_json(r, a);
	struct aws_keys k = { 0 };
	struct slice code;

	if (j == NULL)
		return STEP_FAIL;
	code = json_get_str(j, "Code");
	if (code.len > 0 && !slice_eq(code, S("Success"))) {
		run_code(r, code);
		return run_fail(r, SIGNIN_WHY_REFUSED);
	}
	k.id = json_get_str(j, "AccessKeyId");
	k.secret = json_get_str(j, "SecretAccessKey");
	k.token = json_get_str(j, "Token");
	return take_keys(r, a, &k, json_get_str(j, "Expiration"));
}

static enum step
ask_container(struct run *r)
{
	struct slice token = S("");

	if (r->conf->container == NULL)
		return run_fail(r, SIGNIN_WHY_SETUP);
	if (r->conf->token_file != NULL) {
		token = run_file(r, r->conf->token_file);
		if (token.len == 0)
			return run_fail(r, SIGNIN_WHY_FILE);
	} else if (r->conf->token != NULL) {
		token = slice_of(r->conf->token);
	}
	r->at = AT_KEYS;
	run_ask(r, S("GET"), r->conf->container);
	if (token.len > 0)
		run_header(r, S("Authorization"), token);
	return STEP_FETCH;
}

static enum step
ask_instance(struct run *r)
{
	r->at = AT_TOKEN;
	run_ask(r, S("PUT"),
	    arena_fmt(&r->arena, "%s/latest/api/token", r->conf->metadata));
	run_header(r, S("X-aws-ec2-metadata-token-ttl-seconds"), S("21600"));
	return STEP_FETCH;
}

static enum step
ask_metadata(struct run *r, unsigned at, struct slice name)
{
	r->at = at;
	run_ask(r, S("GET"),
	    arena_fmt(&r->arena, "%s" METADATA_ROLES "%.*s", r->conf->metadata,
		S_FMT(name)));
	run_header(r, S("X-aws-ec2-metadata-token"), r->token);
	return STEP_FETCH;
}

static bool
is_word(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || s.p[i] == '/' ||
		    s.p[i] == '?' || s.p[i] == '#' || s.p[i] == '<')
			return false;
	}
	return s.len > 0 && s.len <= 256;
}

/* The answer is a word in itself: the session token, then the role's name. */
static enum step
take_word(struct run *r, const struct run_reply *a)
{
	struct slice word, rest;

	if (!run_good(r, a))
		return STEP_FAIL;
	word = a->body;
	if (slice_cut(word, '\n', &word, &rest))
		word = slice_trim(word);
	if (!is_word(word) || (r->at == AT_NAME && !run_plain(word)))
		return run_fail(r, SIGNIN_WHY_GARBAGE);
	if (r->at == AT_NAME)
		return ask_metadata(r, AT_KEYS, word);
	r->token = arena_copy(&r->arena, word);
	return ask_metadata(r, AT_NAME, S(""));
}

/* --- where it begins --------------------------------------------------------
 */

static struct slice
maybe(const char *s)
{
	return s != NULL ? slice_of(s) : S("");
}

static void
own_role(struct run *r)
{
	if (r->conf->role == NULL)
		return;
	CHECK(r->nroles < RUN_ROLES);
	r->role[r->nroles++] = (struct aws_role){ maybe(r->conf->role),
		maybe(r->conf->external_id), maybe(r->conf->session),
		r->conf->lifetime_s };
}

static enum step
begin_profile(struct run *r)
{
	const struct slice credentials = run_file(r, r->conf->credentials_file);
	const struct slice config = run_file(r, r->conf->config_file);
	struct aws_plan plan;

	if (awsfile_plan(&r->arena, credentials, config,
		slice_of(r->conf->profile), &plan) != NULL ||
	    plan.nroles == RUN_ROLES)
		return run_fail(r, SIGNIN_WHY_FILE);
	memcpy(r->role, plan.role, sizeof(r->role));
	r->nroles = plan.nroles;
	own_role(r);
	switch (plan.base) {
	case AWS_BASE_WEB:
		return ask_web(r, &plan.web, plan.token_file);
	case AWS_BASE_CONTAINER:
		return ask_container(r);
	case AWS_BASE_INSTANCE:
		return ask_instance(r);
	case AWS_BASE_KEYS:
		break;
	}
	r->keys =
	    (struct aws_keys){ plan.key_id, plan.secret, plan.token, 0, 0 };
	return next(r);
}

static enum step
begin(struct run *r)
{
	const struct signin_conf *c = r->conf;
	const struct aws_role web = { maybe(c->role), S(""), maybe(c->session),
		c->lifetime_s };

	if (c->method == SIGNIN_AWS_PROFILE)
		return begin_profile(r);
	if (c->method == SIGNIN_AWS_WEB_IDENTITY)
		return ask_web(r, &web, c->token_file);
	own_role(r);
	if (c->method == SIGNIN_AWS_CONTAINER)
		return ask_container(r);
	if (c->method == SIGNIN_AWS_INSTANCE)
		return ask_instance(r);
	if (c->key_id == NULL || c->secret == NULL)
		return run_fail(r, SIGNIN_WHY_SETUP);
	r->keys = (struct aws_keys){ maybe(c->key_id), maybe(c->secret),
		maybe(c->token), 0, 0 };
	return next(r);
}

enum step
run_aws(struct run *r, const struct run_reply *a)
{
	if (a == NULL)
		return begin(r);
	switch (r->at) {
	case AT_TOKEN:
	case AT_NAME:
		return take_word(r, a);
	case AT_KEYS:
		return take_json(r, a);
	default:
		return take_sts(r, a);
	}
}
