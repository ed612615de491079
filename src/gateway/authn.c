/*
 * authn.c - who calls: a key, wherever the caller's SDK puts it
 *
 * No, wrong, expired and revoked keys get the same words.  Two different
 * credentials are refused: which one would be charged is not ours to guess.
 */
#include "gateway/authn.h"

#include "crypto/digest.h"
#include "gateway/authn_aws.h"
#include "gateway/counts.h"
#include "gateway/crash.h"
#include "gateway/endpoint.h"
#include "gateway/stages.h"
#include "gateway/worker_priv.h"
#include "http/msg.h"
#include "httpio/server.h"
#include "shm/key.h"

static struct slice
bearer(struct slice v)
{
	static const struct slice scheme = S_INIT("bearer ");

	if (v.len < scheme.len ||
	    !slice_ieq((struct slice){ v.p, scheme.len }, scheme))
		return v;
	return slice_trim(
	    (struct slice){ v.p + scheme.len, v.len - scheme.len });
}

static const struct slice places[] = {
	S_INIT("authorization"),
	S_INIT("x-api-key"),
	S_INIT("api-key"),
	S_INIT("x-goog-api-key"),
};

static enum fault
find_credential(const struct http_head *head, struct slice *out)
{
	struct slice v;
	unsigned h;
	size_t i;

	*out = S("");
	for (h = 0; h < head->nhdr; h++) {
		for (i = 0; i < NELEM(places) &&
			    !slice_ieq(head->hdr[h].name, places[i]);
		     i++)
			;
		if (i == NELEM(places))
			continue;
		v = slice_trim(head->hdr[h].value);
		if (i == 0)
			v = bearer(v);
		if (v.len == 0)
			continue;
		if (out->len > 0 && !slice_eq(*out, v))
			return FAULT_KEY_CONFLICT;
		*out = v;
	}
	return out->len > 0 ? FAULT_NONE : FAULT_KEY;
}

static const struct shm_key *
check_key(const struct worker *w, struct slice credential)
{
	const struct shm_key *k;
	struct slice secret;
	uint8_t sum[DIGEST_LEN];
	uint64_t id;

	if (!key_parse(credential, &id, &secret))
		return NULL;
	digest_of(secret, sum);
	k = key_find(&w->shm, id);
	if (k == NULL || !digest_equal(sum, k->secret_sha256, sizeof(sum)) ||
	    !key_live(k, worker_wall_ns(w)))
		return NULL;
	return k;
}

enum fault
authn_head(const struct worker *w, const struct http_head *head,
    const struct shm_key **key)
{
	struct slice credential;
	enum fault f;

	if (authn_aws_is(head))
		return authn_aws_head(w, head, key);
	f = find_credential(head, &credential);
	*key = f == FAULT_NONE ? check_key(w, credential) : NULL;
	if (f == FAULT_NONE && *key == NULL)
		f = FAULT_KEY;
	return f;
}

uint64_t
authn_claimed(const struct http_head *head)
{
	struct slice credential, secret;
	uint64_t id;

	if (find_credential(head, &credential) != FAULT_NONE ||
	    !key_parse(credential, &id, &secret))
		return 0;
	return id;
}

enum next
stage_authn(struct req *req, enum wake wake)
{
	enum fault f;

	if (wake == WAKE_GONE)
		return req_fail(req, FAULT_GONE, STAGE_REFUSE);
	if (authn_aws_is(req->x->head))
		f = authn_aws(req->w, req->x->head, req->x->body, &req->key);
	else
		f = authn_head(req->w, req->x->head, &req->key);
	if (f != FAULT_NONE)
		return req_fail(req, f, STAGE_REFUSE);
	f = overload_enter(req);
	if (f != FAULT_NONE)
		return req_fail(req, f, STAGE_REFUSE);
	if (crash_poisoned(req))
		return req_fail(req, FAULT_POISON, STAGE_REFUSE);
	if (req->endpoint->dialect == NULL)
		return req_goto(req, STAGE_LOCAL);
	return req_goto(req, STAGE_ROUTE);
}
