#include "sim/proof.h"

#include <time.h>

#include "base/buf.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/rsasig.h"

enum { OCI_SKEW_S = 300 };

static const struct json *
part(struct arena *a, struct slice text)
{
	struct buf plain = { 0 };
	struct json *j = NULL;

	if (!text_base64url_parse(&plain, text) ||
	    json_parse(a, arena_copy(a, buf_slice(&plain)), &j) != FAULT_NONE)
		j = NULL;
	buf_fini(&plain);
	return j;
}

bool
jwt_check(struct arena *a, struct slice text, struct slice pem, const char *alg,
    struct jwt *out)
{
	struct slice head, claims, rest, sum, covered;
	struct buf raw = { 0 };
	bool good;

	*out = (struct jwt){ 0 };
	if (!slice_cut(text, '.', &head, &rest) ||
	    !slice_cut(rest, '.', &claims, &sum))
		return false;
	covered = (struct slice){ text.p, (size_t)(sum.p - text.p) - 1 };
	out->head = part(a, head);
	out->claims = part(a, claims);
	good = out->head != NULL && out->claims != NULL &&
	       slice_eq(json_get_str(out->head, "alg"), slice_of(alg)) &&
	       text_base64url_parse(&raw, sum) &&
	       rsasig_verify(pem, alg[0] == 'P' ? RSASIG_PSS : RSASIG_PKCS1,
		   covered, buf_slice(&raw));
	buf_fini(&raw);
	return good;
}

bool
jwt_thumbprint(struct arena *a, struct slice pem, struct slice *out)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	static const char end[] = "-----END CERTIFICATE-----";
	const char *from = memmem(pem.p, pem.len, begin, sizeof(begin) - 1);
	const char *to = memmem(pem.p, pem.len, end, sizeof(end) - 1);
	struct buf text = { 0 }, der = { 0 };
	uint8_t sum[DIGEST_LEN];
	bool good = from != NULL && to != NULL && from < to;

	for (from = good ? from + sizeof(begin) - 1 : to; from < to; from++)
		if (*from != '\n' && *from != '\r')
			buf_char(&text, *from);
	good = good && text_base64_parse(&der, buf_slice(&text));
	if (good) {
		digest_of(buf_slice(&der), sum);
		buf_clear(&text);
		text_base64url_write(
		    &text, (struct slice){ (const char *)sum, sizeof(sum) });
		*out = arena_copy(a, buf_slice(&text));
	}
	buf_fini(&text);
	buf_fini(&der);
	return good;
}

/* --- OCI ---------------------------------------------------------------------
 */

static struct slice
field(struct slice auth, const char *name)
{
	struct buf want = { 0 };
	struct slice out = S("");
	const char *at, *end;

	buf_fmt(&want, "%s=\"", name);
	at = memmem(auth.p, auth.len, want.p, want.len);
	if (at != NULL) {
		at += want.len;
		end = memchr(at, '"', auth.len - (size_t)(at - auth.p));
		if (end != NULL)
			out = (struct slice){ at, (size_t)(end - at) };
	}
	buf_fini(&want);
	return out;
}

struct slice
proof_key_id(struct slice authorization)
{
	return slice_starts(authorization, S("Signature "))
		   ? field(authorization, "keyId")
		   : S("");
}

static void
put_target(struct buf *b, const struct http_head *head)
{
	size_t i;

	for (i = 0; i < head->method.len; i++)
		buf_char(b, (char)(head->method.p[i] | 0x20));
	buf_char(b, ' ');
	buf_add(b, head->target);
}

/* "date: ...\nhost: ..." in the order that the caller gave. */
static bool
rebuild(const struct http_head *head, struct slice names, struct buf *b)
{
	struct slice rest = names, one;
	const struct http_hdr *h;

	while (rest.len > 0) {
		if (!slice_cut(rest, ' ', &one, &rest)) {
			one = rest;
			rest = S("");
		}
		if (b->len > 0)
			buf_char(b, '\n');
		buf_add(b, one);
		buf_str(b, ": ");
		if (slice_eq(one, S("(request-target)"))) {
			put_target(b, head);
			continue;
		}
		h = http_find(head, one);
		if (h == NULL)
			return false;
		buf_add(b, slice_trim(h->value));
	}
	return true;
}

static bool
covers(struct slice names, const char *want)
{
	struct slice rest = names, one;

	while (rest.len > 0) {
		if (!slice_cut(rest, ' ', &one, &rest)) {
			one = rest;
			rest = S("");
		}
		if (slice_eq(one, slice_of(want)))
			return true;
	}
	return false;
}

static bool
in_time(const struct http_head *head, struct arena *a, int64_t now_s)
{
	struct tm tm = { 0 };
	const char *date = arena_str(a, http_value(head, S("date")));
	const char *end = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	int64_t at;

	if (end == NULL || *end != '\0')
		return false;
	at = (int64_t)timegm(&tm) - now_s;
	return at <= OCI_SKEW_S && at >= -OCI_SKEW_S;
}

static bool
body_good(const struct http_head *head, struct slice body)
{
	uint8_t sum[DIGEST_LEN];
	struct buf b = { 0 };
	bool good;

	digest_of(body, sum);
	text_base64_write(&b, (struct slice){ (const char *)sum, sizeof(sum) });
	good = slice_eq(
	    slice_trim(http_value(head, S("x-content-sha256"))), buf_slice(&b));
	buf_fini(&b);
	return good;
}

const char *
proof_oci(struct arena *a, const struct http_head *head, struct slice body,
    struct slice pem, int64_t now_s)
{
	static const char *const must[] = { "date", "(request-target)", "host",
		"content-length", "content-type", "x-content-sha256" };
	const struct slice auth = http_value(head, S("authorization"));
	const struct slice names = field(auth, "headers");
	const bool bare = slice_eq(head->method, S("GET"));
	struct buf text = { 0 }, raw = { 0 };
	const char *bad = NULL;
	size_t i;

	if (!slice_eq(field(auth, "version"), S("1")) ||
	    !slice_eq(field(auth, "algorithm"), S("rsa-sha256")))
		bad = "version or algorithm";
	/* The last three are of a body. */
	for (i = 0; i < NELEM(must) - (bare ? 3 : 0) && bad == NULL; i++)
		if (!covers(names, must[i]))
			bad = must[i];
	if (bad == NULL && !in_time(head, a, now_s))
		bad = "the date is more than five minutes away";
	if (bad == NULL && !bare && !body_good(head, body))
		bad = "x-content-sha256 is of another body";
	if (bad == NULL &&
	    (!rebuild(head, names, &text) ||
		!text_base64_parse(&raw, field(auth, "signature")) ||
		!rsasig_verify(
		    pem, RSASIG_PKCS1, buf_slice(&text), buf_slice(&raw))))
		bad = "the signature is another one";
	buf_fini(&text);
	buf_fini(&raw);
	return bad;
}
