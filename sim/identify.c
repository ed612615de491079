#include "sim/desk.h"

#include "sim/awscheck.h"
#include "sim/brand.h"
#include "sim/issuer.h"
#include "sim/proof.h"

static const struct credential *
first_of(const struct setup *s, enum venue venue)
{
	unsigned i;

	for (i = 0; i < s->ncredential; i++)
		if (s->credential[i].venue == venue)
			return &s->credential[i];
	return NULL;
}

/* x-goog-api-key, or the key of the query. */
static struct slice
google_key(const struct visit *v)
{
	struct slice key = http_value(v->head, S("x-goog-api-key"));

	return key.len > 0 ? key
			   : http_query_get(http_query(v->head), S("key"));
}

/* Who would answer a caller that nobody knows. */
static enum venue
guess(const struct visit *v)
{
	if (slice_starts(v->path, S("/openai/deployments/")))
		return VENUE_AZURE;
	if (slice_starts(v->path, S("/model/")))
		return VENUE_BEDROCK_NATIVE;
	if (memmem(v->path.p, v->path.len, "publishers/", 11) != NULL)
		return VENUE_VERTEX;
	if (slice_starts(v->path, S("/v1/messages")) ||
	    slice_starts(v->path, S("/anthropic/")))
		return VENUE_ANTHROPIC;
	if (google_key(v).len > 0 ||
	    (slice_starts(v->path, S("/v1")) &&
		memmem(v->path.p, v->path.len, "/models/", 8) != NULL &&
		memchr(v->path.p, ':', v->path.len) != NULL))
		return VENUE_GEMINI;
	if (!slice_starts(v->path, S("/openai/")))
		return VENUE_OPENAI;
	if (http_find(v->head, S("api-key")) == NULL &&
	    first_of(v->desk->setup, VENUE_BEDROCK) != NULL)
		return VENUE_BEDROCK;
	return VENUE_AZURE;
}

/* Every byte is looked at, as who checks keys should. */
static bool
same_secret(struct slice a, struct slice b)
{
	unsigned diff = a.len != b.len;
	size_t i;

	for (i = 0; i < a.len && i < b.len; i++)
		diff |= (unsigned char)(a.p[i] ^ b.p[i]);
	return diff == 0;
}

static const struct credential *
by_key(const struct setup *s, struct slice key, bool azure_only)
{
	const struct credential *c;
	unsigned i;

	for (i = 0; i < s->ncredential; i++) {
		c = &s->credential[i];
		if (c->key.len > 0 && same_secret(c->key, key) &&
		    (!azure_only || c->venue == VENUE_AZURE))
			return c;
	}
	return NULL;
}

/* Google's API keys are no bearer tokens. */
static const struct credential *
by_bearer(const struct visit *v, struct slice auth)
{
	const struct credential *c = by_key(v->desk->setup,
	    slice_trim((struct slice){ auth.p + 7, auth.len - 7 }), false);

	return c != NULL && c->venue == VENUE_GEMINI ? NULL : c;
}

static struct plan *
trouble(enum venue venue, enum trouble t)
{
	return brand_trouble(venue, t, 0, S(""));
}

static struct plan *
judge(enum aws_verdict verdict)
{
	switch (verdict) {
	case AWS_OK:
		return NULL;
	case AWS_EXPIRED:
		return trouble(VENUE_BEDROCK, TROUBLE_EXPIRED);
	case AWS_TOKEN:
		return trouble(VENUE_BEDROCK, TROUBLE_TOKEN);
	case AWS_INCOMPLETE:
	case AWS_SCOPE:
	case AWS_BODY:
	case AWS_MISMATCH:
		break;
	}
	return trouble(VENUE_BEDROCK, TROUBLE_SIGNATURE);
}

/* Keys that STS or a machine gave: the session token says whose they are. */
static struct plan *
identify_role(struct visit *v, struct slice id, int64_t now_s)
{
	struct issuer *is = v->desk->issuer;
	struct aws_account account = { .service = S("bedrock"),
		.access_key_id = id,
		.session_token = slice_trim(
		    http_value(v->head, S("x-amz-security-token"))) };
	const struct identity *of = NULL;
	enum token_verdict verdict;
	struct arena a = { 0 };
	struct buf secret = { 0 };
	struct plan *no;

	verdict = issuer_judge(is, &a, account.session_token, TOKEN_AWS, &of);
	arena_fini(&a);
	if (verdict != TOKEN_GOOD)
		return trouble(VENUE_BEDROCK,
		    verdict == TOKEN_EXPIRED ? TROUBLE_EXPIRED : TROUBLE_TOKEN);
	issuer_secret(is, id, &secret);
	account.secret = buf_slice(&secret);
	account.region = of->credential->region;
	v->credential = of->credential;
	no = judge(aws_check(v->head, v->body, &account, now_s));
	buf_fini(&secret);
	return no;
}

static struct plan *
identify_oci(struct visit *v, struct slice auth, int64_t now_s)
{
	const struct setup *s = v->desk->setup;
	const struct slice id = proof_key_id(auth);
	struct arena a = { 0 };
	const char *bad = "no such key";
	unsigned i;

	for (i = 0; i < s->ncredential && v->credential == NULL; i++)
		if (id.len > 0 && slice_eq(s->credential[i].key_id, id))
			v->credential = &s->credential[i];
	if (v->credential != NULL)
		bad = proof_oci(
		    &a, v->head, v->body, v->credential->public_key, now_s);
	/* Whom it charges stands in no signature, but it must stand there. */
	if (bad == NULL && http_value(v->head, S("compartmentid")).len == 0)
		bad = "no compartment";
	arena_fini(&a);
	return bad != NULL ? trouble(VENUE_OCI, TROUBLE_BAD_KEY) : NULL;
}

/* Entra's and Google's access tokens. */
static const struct credential *
by_token(struct visit *v, struct slice token)
{
	const enum token_kind kind =
	    slice_starts(token, S("ya29.")) ? TOKEN_GOOGLE : TOKEN_ENTRA;
	const struct identity *of = NULL;
	enum token_verdict verdict;
	struct arena a = { 0 };

	verdict = issuer_judge(v->desk->issuer, &a, token, kind, &of);
	arena_fini(&a);
	return verdict == TOKEN_GOOD ? of->credential : NULL;
}

/* An organization or project that is not the key's is refused. */
static bool
scoped(const struct visit *v)
{
	const struct credential *c = v->credential;
	const struct slice o = http_value(v->head, S("openai-organization"));
	const struct slice p = http_value(v->head, S("openai-project"));

	return c->venue != VENUE_OPENAI ||
	       ((c->organization.len == 0 || slice_eq(c->organization, o)) &&
		   (c->project.len == 0 || slice_eq(c->project, p)));
}

static struct plan *
identify_aws(struct visit *v, struct slice auth, int64_t now_s)
{
	const struct setup *s = v->desk->setup;
	struct slice id = aws_key_of(auth);
	const struct credential *c = NULL;
	struct aws_account account = { .service = S("bedrock") };
	unsigned i;

	for (i = 0; i < s->ncredential && c == NULL; i++)
		if (id.len > 0 && slice_eq(s->credential[i].access_key_id, id))
			c = &s->credential[i];
	if (c == NULL && slice_starts(id, S("ASIASIM")))
		return identify_role(v, id, now_s);
	if (c == NULL)
		return trouble(VENUE_BEDROCK,
		    id.len > 0 ? TROUBLE_BAD_KEY : TROUBLE_SIGNATURE);
	account.access_key_id = c->access_key_id;
	account.secret = c->secret;
	account.session_token = c->session_token;
	account.region = c->region;
	if (c->mantle)
		account.service = S("bedrock-mantle");
	v->credential = c;
	return judge(aws_check(v->head, v->body, &account, now_s));
}

struct plan *
desk_identify(struct visit *v, int64_t now_s)
{
	struct slice auth = http_value(v->head, S("authorization"));
	struct slice api_key = http_value(v->head, S("api-key"));
	struct slice x_api_key = http_value(v->head, S("x-api-key"));

	if (slice_starts(auth, S("AWS4-")))
		return identify_aws(v, auth, now_s);
	if (slice_starts(auth, S("Signature ")))
		return identify_oci(v, auth, now_s);
	if (google_key(v).len > 0) {
		v->credential = by_key(v->desk->setup, google_key(v), false);
		if (v->credential != NULL &&
		    v->credential->venue != VENUE_GEMINI &&
		    v->credential->venue != VENUE_VERTEX)
			v->credential = NULL;
	} else if (x_api_key.len > 0) {
		/* Where both are sent, this one counts. */
		v->credential = by_key(v->desk->setup, x_api_key, false);
		if (v->credential != NULL &&
		    v->credential->venue != VENUE_ANTHROPIC &&
		    (v->credential->venue != VENUE_AZURE ||
			!slice_starts(v->path, S("/anthropic/"))))
			v->credential = NULL;
	} else if (api_key.len > 0)
		v->credential = by_key(v->desk->setup, api_key, true);
	else if (slice_starts(auth, S("Bearer ")))
		v->credential = by_bearer(v, auth);
	else
		return trouble(guess(v), TROUBLE_NO_KEY);
	if (v->credential == NULL && slice_starts(auth, S("Bearer ")))
		v->credential =
		    by_token(v, (struct slice){ auth.p + 7, auth.len - 7 });
	if (v->credential == NULL)
		return trouble(guess(v), TROUBLE_BAD_KEY);
	if (!scoped(v))
		return trouble(v->credential->venue, TROUBLE_BAD_KEY);
	return NULL;
}
