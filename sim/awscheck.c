#include "sim/awscheck.h"

#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "crypto/digest.h"

enum { HASH = DIGEST_LEN, PARAMS = 64, SKEW_S = 300 };

struct claim {
	struct slice key_id, day, region, service, last;
	struct slice signed_headers, signature;
};

struct param {
	struct slice name, value;
};

static void
put_encoded(struct buf *b, struct slice s, bool keep_slash)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		    c == '.' || c == '~' || (keep_slash && c == '/')) {
			buf_char(b, (char)c);
		} else {
			buf_char(b, '%');
			buf_char(b, hex[c >> 4]);
			buf_char(b, hex[c & 15]);
		}
	}
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void
put_decoded(struct buf *b, struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] == '%' && i + 2 < s.len && nibble(s.p[i + 1]) >= 0 &&
		    nibble(s.p[i + 2]) >= 0) {
			buf_char(b, (char)(nibble(s.p[i + 1]) << 4 |
					   nibble(s.p[i + 2])));
			i += 2;
		} else {
			buf_char(b, s.p[i]);
		}
}

static struct slice
recoded(struct arena *a, struct slice s)
{
	struct buf plain = { 0 }, out = { 0 };
	struct slice r;

	put_decoded(&plain, s);
	put_encoded(&out, buf_slice(&plain), false);
	r = arena_copy(a, buf_slice(&out));
	buf_fini(&plain);
	buf_fini(&out);
	return r;
}

static int
compare(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int c = len > 0 ? memcmp(a.p, b.p, len) : 0;

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static int
by_name(const void *x, const void *y)
{
	const struct param *a = x, *b = y;
	int c = compare(a->name, b->name);

	return c != 0 ? c : compare(a->value, b->value);
}

static void
put_query(struct buf *b, struct slice query)
{
	struct param param[PARAMS];
	struct arena a = { 0 };
	struct slice one, value;
	size_t n = 0, i;
	bool more = query.len > 0;

	while (more && n < PARAMS) {
		more = slice_cut(query, '&', &one, &query);
		if (!more)
			one = query;
		if (!slice_cut(one, '=', &one, &value))
			value = S("");
		param[n].name = recoded(&a, one);
		param[n++].value = recoded(&a, value);
	}
	qsort(param, n, sizeof(param[0]), by_name);
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_char(b, '&');
		buf_add(b, param[i].name);
		buf_char(b, '=');
		buf_add(b, param[i].value);
	}
	arena_fini(&a);
}

/* Trimmed, with runs of blanks (and folded lines) as one. */
static void
put_value(struct buf *b, struct slice v)
{
	bool blank = false;
	size_t i;

	v = slice_trim(v);
	for (i = 0; i < v.len; i++) {
		bool now = v.p[i] == ' ' || v.p[i] == '\t' || v.p[i] == '\r' ||
			   v.p[i] == '\n';

		if (now && !blank)
			buf_char(b, ' ');
		else if (!now)
			buf_char(b, v.p[i]);
		blank = now;
	}
}

static void
put_headers(struct buf *b, const struct http_head *head, struct slice names)
{
	struct slice name;
	bool more = true, first;
	unsigned i;

	while (more) {
		more = slice_cut(names, ';', &name, &names);
		if (!more)
			name = names;
		buf_add(b, name);
		buf_char(b, ':');
		for (first = true, i = 0; i < head->nhdr; i++) {
			if (!slice_ieq(head->hdr[i].name, name))
				continue;
			if (!first)
				buf_char(b, ',');
			first = false;
			put_value(b, head->hdr[i].value);
		}
		buf_char(b, '\n');
	}
}

static void
put_hash(struct buf *b, struct slice s)
{
	uint8_t hash[HASH];

	digest_of(s, hash);
	buf_hex(b, hash, HASH);
}

void
aws_canonical(struct buf *out, const struct http_head *head,
    struct slice signed_headers, struct slice body)
{
	buf_add(out, head->method);
	buf_char(out, '\n');
	put_encoded(out, http_path(head), true);
	buf_char(out, '\n');
	put_query(out, http_query(head));
	buf_char(out, '\n');
	put_headers(out, head, signed_headers);
	buf_char(out, '\n');
	buf_add(out, signed_headers);
	buf_char(out, '\n');
	put_hash(out, body);
}

/* --- the Authorization header ------------------------------------------ */

/* The text behind "name=" up to a comma or the end. */
static struct slice
part(struct slice auth, const char *name)
{
	struct slice head = auth, rest = auth, n = slice_of(name);
	bool more = true;

	while (more) {
		more = slice_cut(rest, ',', &head, &rest);
		if (!more)
			head = rest;
		head = slice_trim(head);
		if (slice_starts(head, n))
			return (
			    struct slice){ head.p + n.len, head.len - n.len };
	}
	return S("");
}

static bool
read_claim(struct slice auth, struct claim *c)
{
	struct slice scope;

	if (!slice_starts(auth, S("AWS4-HMAC-SHA256 ")))
		return false;
	auth = (struct slice){ auth.p + 17, auth.len - 17 };
	scope = part(auth, "Credential=");
	c->signed_headers = part(auth, "SignedHeaders=");
	c->signature = part(auth, "Signature=");
	return slice_cut(scope, '/', &c->key_id, &scope) &&
	       slice_cut(scope, '/', &c->day, &scope) &&
	       slice_cut(scope, '/', &c->region, &scope) &&
	       slice_cut(scope, '/', &c->service, &c->last) &&
	       c->signature.len == 2 * HASH && c->signed_headers.len > 0;
}

struct slice
aws_key_of(struct slice authorization)
{
	struct claim c;

	return read_claim(authorization, &c) ? c.key_id : S("");
}

static bool
lists(struct slice names, struct slice want)
{
	struct slice name;

	while (slice_cut(names, ';', &name, &names))
		if (slice_eq(name, want))
			return true;
	return slice_eq(names, want);
}

/* Host, and every x-amz-* that is sent, must be among the signed; and what
 * is listed must be there. */
static bool
covers(const struct http_head *head, struct slice names)
{
	struct slice name, left = names, lower;
	struct buf b = { 0 };
	bool more = true, good = lists(names, S("host"));
	unsigned i;
	size_t k;

	while (more && good) {
		more = slice_cut(left, ';', &name, &left);
		good = http_find(head, more ? name : left) != NULL;
	}
	for (i = 0; i < head->nhdr && good; i++) {
		buf_clear(&b);
		buf_add(&b, head->hdr[i].name);
		for (k = 0; k < b.len; k++)
			if (b.p[k] >= 'A' && b.p[k] <= 'Z')
				b.p[k] = (char)(b.p[k] | 0x20);
		lower = buf_slice(&b);
		if (slice_starts(lower, S("x-amz-")))
			good = lists(names, lower);
	}
	buf_fini(&b);
	return good;
}

/* "20261123T043047Z"; -1: not that */
static int64_t
moment(struct slice s)
{
	char text[17];
	struct tm tm = { 0 };
	const char *end;

	if (s.len != 16)
		return -1;
	memcpy(text, s.p, 16);
	text[16] = '\0';
	end = strptime(text, "%Y%m%dT%H%M%SZ", &tm);
	return end == NULL || *end != '\0' ? -1 : (int64_t)timegm(&tm);
}

static void
hmac(struct slice key, struct slice data, uint8_t out[HASH])
{
	struct mac_key k;

	mac_key_init(&k, key);
	mac_of(&k, data, out);
}

static void
step(uint8_t key[HASH], struct slice data)
{
	uint8_t out[HASH];

	hmac((struct slice){ (const char *)key, HASH }, data, out);
	memcpy(key, out, HASH);
}

static void
expected(const struct http_head *head, struct slice body, const struct claim *c,
    struct slice secret, struct buf *hex)
{
	struct buf text = { 0 }, canon = { 0 };
	uint8_t key[HASH];

	aws_canonical(&canon, head, c->signed_headers, body);
	buf_str(&text, "AWS4");
	buf_add(&text, secret);
	hmac(buf_slice(&text), c->day, key);
	step(key, c->region);
	step(key, c->service);
	step(key, S("aws4_request"));
	buf_clear(&text);
	buf_str(&text, "AWS4-HMAC-SHA256\n");
	buf_add(&text, http_value(head, S("x-amz-date")));
	buf_fmt(&text, "\n%.*s/%.*s/%.*s/aws4_request\n", S_FMT(c->day),
	    S_FMT(c->region), S_FMT(c->service));
	put_hash(&text, buf_slice(&canon));
	step(key, buf_slice(&text));
	buf_hex(hex, key, HASH);
	buf_fini(&text);
	buf_fini(&canon);
}

static bool
token_good(
    const struct http_head *head, const struct claim *c, struct slice want)
{
	struct slice token = http_value(head, S("x-amz-security-token"));

	if (want.len == 0)
		return token.len == 0;
	return slice_eq(token, want) &&
	       lists(c->signed_headers, S("x-amz-security-token"));
}

static bool
body_good(const struct http_head *head, struct slice body)
{
	struct slice said = http_value(head, S("x-amz-content-sha256"));
	struct buf b = { 0 };
	bool good = true;

	if (said.p != NULL) {
		put_hash(&b, body);
		good = slice_eq(said, buf_slice(&b));
		buf_fini(&b);
	}
	return good;
}

enum aws_verdict
aws_check(const struct http_head *head, struct slice body,
    const struct aws_account *account, int64_t now_s)
{
	struct slice date = http_value(head, S("x-amz-date"));
	struct buf hex = { 0 };
	struct claim c;
	int64_t at = moment(date);
	bool same;

	if (!read_claim(http_value(head, S("authorization")), &c) || at < 0 ||
	    !covers(head, c.signed_headers))
		return AWS_INCOMPLETE;
	if (!slice_eq(c.last, S("aws4_request")) ||
	    !slice_eq(c.region, account->region) ||
	    !slice_eq(c.service, account->service) ||
	    !slice_starts(date, c.day) || c.day.len != 8)
		return AWS_SCOPE;
	if (at > now_s + SKEW_S || at < now_s - SKEW_S)
		return AWS_EXPIRED;
	if (!token_good(head, &c, account->session_token))
		return AWS_TOKEN;
	if (!body_good(head, body))
		return AWS_BODY;
	expected(head, body, &c, account->secret, &hex);
	same = slice_eq(c.signature, buf_slice(&hex));
	buf_fini(&hex);
	return same ? AWS_OK : AWS_MISMATCH;
}
