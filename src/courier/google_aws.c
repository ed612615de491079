#include "courier/google_aws.h"

#include "courier/fetch.h"
#include "crypto/sigv4.h"

/* Counted behind google.c's own. */
enum { AT_SESSION = 100, AT_REGION, AT_ROLE, AT_KEYS };

static enum step
get(struct run *r, unsigned at, const char *url)
{
	if (url[0] == '\0')
		return run_fail(r, SIGNIN_WHY_SETUP);
	r->at = at;
	run_ask(r, S("GET"), url);
	if (r->token.len > 0)
		run_header(r, S("X-aws-ec2-metadata-token"), r->token);
	return STEP_FETCH;
}

static const char *
text_of(struct run *r, const struct json *source, const char *key)
{
	return arena_str(&r->arena, json_get_str(source, key));
}

static enum step
begin(struct run *r, const struct json *source)
{
	const char *url = text_of(r, source, "imdsv2_session_token_url");

	if (url[0] == '\0')
		return get(r, AT_REGION, text_of(r, source, "region_url"));
	r->at = AT_SESSION;
	run_ask(r, S("PUT"), url);
	run_header(r, S("X-aws-ec2-metadata-token-ttl-seconds"), S("300"));
	return STEP_FETCH;
}

/* One word; empty: it is none. */
static struct slice
word_of(struct run *r, const struct run_reply *a)
{
	struct slice s = slice_trim(a->body);
	size_t i;

	while (s.len > 0 && s.p[s.len - 1] == '\n')
		s.len--;
	for (i = 0; i < s.len; i++) {
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || s.p[i] == '/' ||
		    s.p[i] == '?' || s.p[i] == '#' || s.p[i] == '<')
			return S("");
	}
	return s.len <= 256 ? arena_copy(&r->arena, s) : S("");
}

/* "{region}" in the address is where the zone "us-east-1b" lies. */
static struct slice
verification_url(struct run *r, const struct json *source)
{
	static const struct slice mark = S_INIT("{region}");
	const struct slice url =
	    json_get_str(source, "regional_cred_verification_url");
	const char *at = memmem(url.p, url.len, mark.p, mark.len);
	struct slice part[3];

	if (at == NULL)
		return url;
	part[0] = (struct slice){ url.p, (size_t)(at - url.p) };
	part[1] = r->region;
	part[2].p = at + mark.len;
	part[2].len = url.len - part[0].len - mark.len;
	return arena_join(&r->arena, part, NELEM(part));
}

static void
put_header(struct buf *b, struct slice name, struct slice value)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "key", name);
	json_w_kstr(b, "value", value);
	json_w_end(b, '}');
}

static void
sign(struct run *r, const struct url *u, struct sigv4_header host[2],
    struct sigv4_added *added)
{
	struct sigv4_signer signer = { .id = r->keys.id,
		.secret = r->keys.secret,
		.token = r->keys.token,
		.region = r->region,
		.service = S("sts"),
		.path = SIGV4_ENCODE };
	struct sigv4_request req = {
		.method = S("POST"), .headers = host, .n_headers = 2
	};
	char hex[DIGEST_HEX + 1], stamp[SIGV4_TIME + 1];
	uint8_t sum[DIGEST_LEN];

	digest_of(S(""), sum);
	digest_hex(sum, hex);
	sigv4_time(r->now_s, stamp);
	req.path = u->target;
	(void)slice_cut(u->target, '?', &req.path, &req.query);
	req.payload = slice_of(hex);
	sigv4_sign(&signer, &req, slice_of(stamp), &r->arena, added);
	sigv4_signer_fini(&signer);
}

static enum step
prove(struct run *r, const struct json *source)
{
	const struct slice url = verification_url(r, source);
	struct sigv4_header host[2];
	struct sigv4_added added;
	struct buf b = { 0 }, quoted = { 0 };
	struct url u;
	size_t i;

	if (!url_split(&r->arena, url, &u))
		return run_fail(r, SIGNIN_WHY_SETUP);
	host[0] = (struct sigv4_header){ S("host"), u.authority };
	host[1] = (struct sigv4_header){ S("x-goog-cloud-target-resource"),
		json_get_str(r->doc, "audience") };
	sign(r, &u, host, &added);
	json_w_begin(&b, '{');
	json_w_kstr(&b, "url", url);
	json_w_kstr(&b, "method", S("POST"));
	json_w_key(&b, "headers");
	json_w_begin(&b, '[');
	for (i = 0; i < NELEM(host); i++)
		put_header(&b, host[i].name, host[i].value);
	for (i = 0; i < added.n; i++)
		put_header(&b, added.header[i].name, added.header[i].value);
	json_w_end(&b, ']');
	json_w_end(&b, '}');
	/* Quoted once here, and once more by the form it goes into. */
	run_quote(&quoted, buf_slice(&b));
	mem_wipe(b.p, b.cap);
	buf_fini(&b);
	r->token = run_take(r, &quoted);
	return STEP_DONE;
}

static enum step
take_keys(struct run *r, const struct json *source, const struct run_reply *a)
{
	const struct json *j = run_json(r, a);

	if (j == NULL)
		return STEP_FAIL;
	r->keys.id = arena_copy(&r->arena, json_get_str(j, "AccessKeyId"));
	r->keys.secret =
	    arena_copy(&r->arena, json_get_str(j, "SecretAccessKey"));
	r->keys.token = arena_copy(&r->arena, json_get_str(j, "Token"));
	if (r->keys.id.len == 0 || r->keys.secret.len == 0)
		return run_fail(r, SIGNIN_WHY_GARBAGE);
	return prove(r, source);
}

enum step
google_aws_step(
    struct run *r, const struct json *source, const struct run_reply *a)
{
	struct slice word;

	if (a == NULL)
		return begin(r, source);
	if (r->at == AT_KEYS)
		return take_keys(r, source, a);
	if (!run_good(r, a))
		return STEP_FAIL;
	word = word_of(r, a);
	if (word.len < 2 || (r->at != AT_SESSION && !run_plain(word)))
		return run_fail(r, SIGNIN_WHY_GARBAGE);
	switch (r->at) {
	case AT_SESSION:
		r->token = word;
		return get(r, AT_REGION, text_of(r, source, "region_url"));
	case AT_REGION:
		r->region = (struct slice){ word.p, word.len - 1 };
		return get(r, AT_ROLE, text_of(r, source, "url"));
	default:
		return get(r, AT_KEYS,
		    arena_fmt(&r->arena, "%s/%.*s", text_of(r, source, "url"),
			S_FMT(word)));
	}
}
