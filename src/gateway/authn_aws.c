#include "gateway/authn_aws.h"

#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "crypto/awspair.h"
#include "crypto/sigv4.h"
#include "gateway/worker_priv.h"
#include "shm/key.h"
#include "shm/replay.h"

enum {
	SKEW_S = 300,
	KEPT_S = 2 * SKEW_S + 1, /* then no date is good any more */
	TWIN_S = 2
};

static const struct slice scheme = S_INIT("AWS4-");

bool
authn_aws_is(const struct http_head *head)
{
	const struct slice query = http_query(head);

	return slice_starts(http_value(head, S("authorization")), scheme) ||
	       (query.len > 0 &&
		   http_query_get(query, S("X-Amz-Signature")).len > 0);
}

/* "20260101T000000Z" in seconds; -1: it is no such time. */
static int64_t
moment(struct slice s)
{
	static const char form[] = "ddddddddTddddddZ";
	struct tm tm = { 0 };
	char text[SIGV4_TIME + 1];
	unsigned i;

	if (s.len != SIGV4_TIME)
		return -1;
	for (i = 0; i < SIGV4_TIME; i++) {
		if (form[i] == 'd' ? s.p[i] < '0' || s.p[i] > '9'
				   : s.p[i] != form[i])
			return -1;
	}
	memcpy(text, s.p, SIGV4_TIME);
	text[SIGV4_TIME] = '\0';
	if (strptime(text, "%Y%m%dT%H%M%SZ", &tm) == NULL)
		return -1;
	return (int64_t)timegm(&tm);
}

static bool
lists(struct slice names, struct slice want)
{
	struct slice name;
	bool more = true;

	while (more) {
		more = slice_cut(names, ';', &name, &names);
		if (slice_eq(more ? name : names, want))
			return true;
	}
	return false;
}

/* More than one header of a name that decides: which one would count? */
static bool
is_single(const struct http_head *head, struct slice name)
{
	unsigned i, n = 0;

	for (i = 0; i < head->nhdr; i++)
		n += slice_ieq(head->hdr[i].name, name);
	return n == 1;
}

struct claim {
	struct sigv4_auth auth;
	int64_t at_s;
	uint64_t id;
};

static enum fault
read_claim(
    const struct worker *w, const struct http_head *head, struct claim *c)
{
	const struct slice date = http_value(head, S("x-amz-date"));
	const int64_t now = worker_wall_ns(w) / NS_PER_S;

	if (!is_single(head, S("authorization")) ||
	    !is_single(head, S("x-amz-date")) ||
	    http_value(head, S("x-amz-security-token")).len > 0)
		return FAULT_SIGNATURE;
	if (!sigv4_auth_parse(http_value(head, S("authorization")), &c->auth))
		return FAULT_SIGNATURE;
	c->at_s = moment(date);
	if (c->at_s < 0 || !slice_starts(date, c->auth.date) ||
	    (!slice_eq(c->auth.service, S("bedrock")) &&
		!slice_eq(c->auth.service, S("bedrock-mantle"))))
		return FAULT_SIGNATURE;
	if (!lists(c->auth.names, S("x-amz-date")) ||
	    (!lists(c->auth.names, S("host")) &&
		!lists(c->auth.names, S(":authority"))))
		return FAULT_SIGNATURE;
	if (c->at_s > now + SKEW_S || c->at_s < now - SKEW_S)
		return FAULT_SIGNATURE_TIME;
	return awspair_parse(c->auth.id, &c->id) ? FAULT_NONE : FAULT_KEY;
}

static const struct shm_key *
find_key(const struct worker *w, uint64_t id)
{
	const struct shm_key *k = key_find(&w->shm, id);

	return k != NULL && k->has_aws != 0 && key_live(k, worker_wall_ns(w))
		   ? k
		   : NULL;
}

enum fault
authn_aws_head(const struct worker *w, const struct http_head *head,
    const struct shm_key **key)
{
	struct claim c;
	enum fault f = read_claim(w, head, &c);

	*key = f == FAULT_NONE ? find_key(w, c.id) : NULL;
	if (f == FAULT_NONE && *key == NULL)
		f = FAULT_KEY;
	return f;
}

/* --- the signature ----------------------------------------------------------
 */

/* What was hashed: this very body, or it is refused. */
static bool
hash_body(
    const struct http_head *head, struct slice body, char hex[DIGEST_HEX + 1])
{
	const struct slice said = http_value(head, S("x-amz-content-sha256"));
	uint8_t sum[DIGEST_LEN];

	digest_of(body, sum);
	digest_hex(sum, hex);
	return said.len == 0 || slice_eq(said, slice_of(hex));
}

/* HTTP/2's :authority is kept as host; a client may have signed either. */
static size_t
all_headers(const struct http_head *head, struct sigv4_header *out)
{
	const struct slice host = http_value(head, S("host"));
	size_t n = 0;
	unsigned i;

	for (i = 0; i < head->nhdr; i++)
		out[n++] = (struct sigv4_header){ head->hdr[i].name,
			head->hdr[i].value };
	if (host.len > 0)
		out[n++] = (struct sigv4_header){ S(":authority"), host };
	return n;
}

static bool
verify(const struct worker *w, const struct http_head *head,
    const struct claim *c, const char *payload)
{
	static struct sigv4_header all[HTTP_HDR_MAX + 1],
	    picked[HTTP_HDR_MAX + 1];
	const struct sigv4_scope scope = { http_value(head, S("x-amz-date")),
		c->auth.region, c->auth.service };
	struct sigv4_request req = { .method = head->method,
		.path = http_path(head),
		.query = http_query(head),
		.headers = picked,
		.payload = slice_of(payload) };
	struct buf text = { 0 };
	struct sigv4_day day = { .of = { 0 } };
	char secret[AWSPAIR_SECRET + 1], hex[DIGEST_HEX + 1];
	size_t at;
	bool good;

	if (!sigv4_pick(c->auth.names, all, all_headers(head, all), picked,
		&req.n_headers))
		return false;
	awspair_secret(w->shm.head->aws_root, c->id, secret);
	sigv4_canonical(&text, &req, SIGV4_ENCODE);
	at = text.len;
	sigv4_string_to_sign(&text, &scope, buf_slice(&text));
	sigv4_signature(&day, slice_of(secret), &scope,
	    (struct slice){ text.p + at, text.len - at }, hex);
	good = c->auth.signature.len == DIGEST_HEX &&
	       digest_equal(hex, c->auth.signature.p, DIGEST_HEX);
	buf_fini(&text);
	mem_wipe(&day, sizeof(day));
	mem_wipe(secret, sizeof(secret));
	return good;
}

/*
 * boto3 signs neither the call's own id nor anything else that tells two like
 * calls of one second apart.  So the same signature is taken again, within a
 * moment of the first time, for a call that names itself otherwise.
 */
static bool
is_replay(struct worker *w, const struct http_head *head,
    const uint8_t signature[DIGEST_LEN])
{
	const int64_t now = worker_wall_ns(w) / NS_PER_S;
	const struct slice id = http_value(head, S("amz-sdk-invocation-id"));
	const struct slice attempt = http_value(head, S("amz-sdk-request"));
	uint8_t named[DIGEST_LEN];
	struct digest d;
	int64_t left;

	digest_init(&d);
	digest_add(&d, (struct slice){ (const char *)signature, DIGEST_LEN });
	digest_add(&d, id);
	digest_add(&d, attempt);
	digest_end(&d, named);
	left = replay_take(&w->shm, signature, now, now + KEPT_S);
	if (replay_take(&w->shm, named, now, now + KEPT_S) != 0)
		return true;
	return left != 0 && (id.len == 0 || left < KEPT_S - TWIN_S);
}

enum fault
authn_aws(struct worker *w, const struct http_head *head, struct slice body,
    const struct shm_key **key)
{
	char payload[DIGEST_HEX + 1];
	uint8_t signature[DIGEST_LEN];
	struct claim c;
	enum fault f;

	*key = NULL;
	f = read_claim(w, head, &c);
	if (f != FAULT_NONE)
		return f;
	if (find_key(w, c.id) == NULL)
		return FAULT_KEY;
	if (!hash_body(head, body, payload) || !verify(w, head, &c, payload) ||
	    !text_hex_parse(c.auth.signature, signature, sizeof(signature)))
		return FAULT_SIGNATURE;
	if (is_replay(w, head, signature))
		return FAULT_SIGNATURE_REPLAY;
	*key = find_key(w, c.id);
	return *key != NULL ? FAULT_NONE : FAULT_KEY;
}
