#include "crypto/sigv4.h"

#include <stdlib.h>
#include <time.h>

#include "base/text.h"

static const char algorithm[] = "AWS4-HMAC-SHA256";

void
sigv4_time(int64_t unix_s, char out[SIGV4_TIME + 1])
{
	const time_t t = (time_t)unix_s;
	struct tm tm;

	CHECK(gmtime_r(&t, &tm) != NULL);
	CHECK(
	    strftime(out, SIGV4_TIME + 1, "%Y%m%dT%H%M%SZ", &tm) == SIGV4_TIME);
}

/* --- encoding -------------------------------------------------------- */

/* Decodes what is encoded and encodes what must be: one form for all. */
static void
put_reencoded(struct buf *b, struct slice s)
{
	char byte;
	size_t i;

	for (i = 0; i < s.len; i++) {
		byte = s.p[i];
		if (byte == '%' && s.len - i > 2 &&
		    text_hex_parse((struct slice){ s.p + i + 1, 2 }, &byte, 1))
			i += 2;
		text_percent_write(b, (struct slice){ &byte, 1 }, '\0');
	}
}

/* Back to before the last segment, never before from. */
static void
drop_segment(struct buf *b, size_t from)
{
	while (b->len > from && b->p[b->len - 1] != '/')
		b->len--;
	if (b->len > from)
		b->len--;
}

/* RFC 3986 5.2.4, and runs of slashes count as one. */
static void
put_normal_path(struct buf *b, struct slice path)
{
	const size_t from = b->len;
	const bool slash = path.len > 0 && path.p[path.len - 1] == '/';
	struct slice seg;
	bool more = true;

	while (more) {
		more = slice_cut(path, '/', &seg, &path);
		if (!more)
			seg = path;
		if (slice_eq(seg, S("..")))
			drop_segment(b, from);
		if (seg.len == 0 || slice_eq(seg, S(".")) ||
		    slice_eq(seg, S("..")))
			continue;
		buf_char(b, '/');
		text_percent_write(b, seg, '\0');
	}
	if (b->len == from || slash)
		buf_char(b, '/');
}

/* --- query ----------------------------------------------------------- */

struct pair {
	struct slice name, value;
};

static int
by_bytes(struct slice a, struct slice b)
{
	const size_t n = a.len < b.len ? a.len : b.len;
	const int d = n > 0 ? memcmp(a.p, b.p, n) : 0;

	if (d != 0)
		return d;
	return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

static int
by_name_and_value(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	const int d = by_bytes(x->name, y->name);

	return d != 0 ? d : by_bytes(x->value, y->value);
}

/* Fills pairs with encoded names and values, whose text goes to b. */
static size_t
split_query(struct slice query, struct pair *pairs, struct buf *b)
{
	struct slice one, name, value;
	size_t n = 0, at;
	bool more = true;

	while (more) {
		more = slice_cut(query, '&', &one, &query);
		if (!more)
			one = query;
		if (one.len == 0)
			continue;
		if (!slice_cut(one, '=', &name, &value)) {
			name = one;
			value = S("");
		}
		at = b->len;
		put_reencoded(b, name);
		pairs[n].name = (struct slice){ b->p + at, b->len - at };
		at = b->len;
		put_reencoded(b, value);
		pairs[n].value = (struct slice){ b->p + at, b->len - at };
		n++;
	}
	return n;
}

static void
put_query(struct buf *b, struct slice query)
{
	struct buf text = { 0 };
	struct pair *pairs;
	size_t n = 1, i;

	if (query.len == 0)
		return;
	for (i = 0; i < query.len; i++)
		n += query.p[i] == '&';
	pairs = mem_new(n * sizeof(*pairs));
	buf_reserve(&text, 3 * query.len + 1); /* so that it does not move */
	n = split_query(query, pairs, &text);
	qsort(pairs, n, sizeof(*pairs), by_name_and_value);
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_char(b, '&');
		buf_add(b, pairs[i].name);
		buf_char(b, '=');
		buf_add(b, pairs[i].value);
	}
	buf_fini(&text);
	mem_free(pairs);
}

/* --- headers --------------------------------------------------------- */

static int
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : (unsigned char)c;
}

static int
by_folded(struct slice a, struct slice b)
{
	size_t i;
	int d;

	for (i = 0; i < a.len && i < b.len; i++) {
		d = lower(a.p[i]) - lower(b.p[i]);
		if (d != 0)
			return d;
	}
	return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

/* The headers in canonical order; the few that a request signs need no
 * memory of the heap. */
struct order {
	const struct sigv4_header *few[16], **v;
};

static const struct sigv4_header **
order_begin(struct order *o, const struct sigv4_request *req)
{
	const struct sigv4_header *h;
	size_t i, k;

	o->v = o->few;
	if (req->n_headers > NELEM(o->few))
		o->v = mem_new(req->n_headers * sizeof(o->v[0]));
	/* Of one name, the one that came first stays first. */
	for (i = 0; i < req->n_headers; i++) {
		h = &req->headers[i];
		for (k = i; k > 0 && by_folded(o->v[k - 1]->name, h->name) > 0;
		     k--)
			o->v[k] = o->v[k - 1];
		o->v[k] = h;
	}
	return o->v;
}

static void
order_end(struct order *o)
{
	if (o->v != o->few)
		mem_free(o->v);
}

static void
put_lower(struct buf *b, struct slice s)
{
	size_t i;

	buf_reserve(b, s.len);
	for (i = 0; i < s.len; i++)
		b->p[b->len++] = (char)lower(s.p[i]);
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Trimmed, and runs of white space made one space.  A session token is long
 * and has none. */
static void
put_value(struct buf *b, struct slice s)
{
	bool gap = false, some = false;
	size_t i;

	for (i = 0; i < s.len && !blank(s.p[i]);)
		i++;
	if (i == s.len) {
		buf_add(b, s);
		return;
	}

	for (i = 0; i < s.len; i++) {
		if (blank(s.p[i])) {
			gap = some;
			continue;
		}
		if (gap)
			buf_char(b, ' ');
		buf_char(b, s.p[i]);
		gap = false;
		some = true;
	}
}

static bool
repeats(const struct sigv4_header *const *v, size_t i)
{
	return i > 0 && by_folded(v[i]->name, v[i - 1]->name) == 0;
}

static void
put_names(struct buf *b, const struct sigv4_header *const *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (repeats(v, i))
			continue;
		if (i > 0)
			buf_char(b, ';');
		put_lower(b, v[i]->name);
	}
}

static void
put_headers(struct buf *b, const struct sigv4_header *const *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (repeats(v, i)) {
			b->p[b->len - 1] = ','; /* instead of the line's end */
		} else {
			put_lower(b, v[i]->name);
			buf_char(b, ':');
		}
		put_value(b, v[i]->value);
		buf_char(b, '\n');
	}
}

void
sigv4_names(struct buf *b, const struct sigv4_request *req)
{
	struct order o;

	put_names(b, order_begin(&o, req), req->n_headers);
	order_end(&o);
}

void
sigv4_canonical(
    struct buf *b, const struct sigv4_request *req, enum sigv4_path path)
{
	const struct slice wire = req->path.len > 0 ? req->path : S("/");
	struct order o;
	const struct sigv4_header **v = order_begin(&o, req);

	buf_add(b, req->method);
	buf_char(b, '\n');
	if (path == SIGV4_AS_IS)
		buf_add(b, wire);
	else if (path == SIGV4_NORMALIZE)
		put_normal_path(b, wire);
	else
		text_percent_write(b, wire, '/');
	buf_char(b, '\n');
	put_query(b, req->query);
	buf_char(b, '\n');
	put_headers(b, v, req->n_headers);
	buf_char(b, '\n');
	put_names(b, v, req->n_headers);
	buf_char(b, '\n');
	buf_add(b, req->payload);
	order_end(&o);
}

/* --- signature ------------------------------------------------------- */

static struct slice
date_of(const struct sigv4_scope *scope)
{
	CHECK(scope->time.len == SIGV4_TIME);
	return (struct slice){ scope->time.p, 8 };
}

/* "20150830/us-east-1/service/aws4_request" */
static void
put_scope(struct buf *b, const struct sigv4_scope *scope)
{
	buf_add(b, date_of(scope));
	buf_char(b, '/');
	buf_add(b, scope->region);
	buf_char(b, '/');
	buf_add(b, scope->service);
	buf_add(b, S("/aws4_request"));
}

void
sigv4_string_to_sign(
    struct buf *b, const struct sigv4_scope *scope, struct slice canonical)
{
	uint8_t sum[DIGEST_LEN];

	digest_of(canonical, sum); /* first: it may lie in b */
	buf_str(b, algorithm);
	buf_char(b, '\n');
	buf_add(b, scope->time);
	buf_char(b, '\n');
	put_scope(b, scope);
	buf_char(b, '\n');
	buf_hex(b, sum, sizeof(sum));
}

/* One step of the derivation: key = HMAC(key, text). */
static void
derive(uint8_t key[DIGEST_LEN], struct slice text)
{
	struct mac_key k;

	mac_key_init(&k, (struct slice){ (char *)key, DIGEST_LEN });
	mac_of(&k, text, key);
	mem_wipe(&k, sizeof(k));
}

/* "AWS4" and the secret are the first key, the date the first text. */
static void
derive_day(
    struct sigv4_day *day, struct slice secret, const struct sigv4_scope *scope)
{
	uint8_t key[DIGEST_LEN];
	struct buf first = { 0 };
	struct mac_key k;

	buf_reserve(&first, secret.len + 4);
	buf_str(&first, "AWS4");
	buf_add(&first, secret);
	mac_key_init(&k, buf_slice(&first));
	mac_of(&k, date_of(scope), key);
	derive(key, scope->region);
	derive(key, scope->service);
	derive(key, S("aws4_request"));
	mac_key_init(&day->key, (struct slice){ (char *)key, sizeof(key) });
	mem_wipe(first.p, first.len);
	buf_fini(&first);
	mem_wipe(&k, sizeof(k));
	mem_wipe(key, sizeof(key));
}

/* What a day's key is of; false: longer than any that AWS gives. */
static bool
name_day(struct sigv4_day_name *n, struct slice secret,
    const struct sigv4_scope *scope)
{
	const struct slice part[] = { secret, date_of(scope), scope->region,
		scope->service };
	size_t i;

	n->len = 0;
	for (i = 0; i < NELEM(part); i++) {
		if (part[i].len >= sizeof(n->text) - n->len)
			return false;
		if (part[i].len > 0)
			memcpy(n->text + n->len, part[i].p, part[i].len);
		n->len += part[i].len;
		n->text[n->len++] = '\0';
	}
	return true;
}

static void
use_day(
    struct sigv4_day *day, struct slice secret, const struct sigv4_scope *scope)
{
	UNSET struct sigv4_day_name now;
	const bool named = name_day(&now, secret, scope);

	if (!named || day->of.len != now.len ||
	    !digest_equal(now.text, day->of.text, now.len)) {
		derive_day(day, secret, scope);
		day->of.len = named ? now.len : 0;
		memcpy(day->of.text, now.text, day->of.len);
	}
	mem_wipe(now.text, now.len);
}

void
sigv4_signature(struct sigv4_day *day, struct slice secret,
    const struct sigv4_scope *scope, struct slice string_to_sign,
    char out[DIGEST_HEX + 1])
{
	uint8_t sum[DIGEST_LEN];

	use_day(day, secret, scope);
	mac_of(&day->key, string_to_sign, sum);
	digest_hex(sum, out);
}

/* --- to sign --------------------------------------------------------- */

/* The signature of req, by way of the signer's scratch. */
static void
sign(struct sigv4_signer *s, const struct sigv4_request *req,
    const struct sigv4_scope *scope, char out[DIGEST_HEX + 1])
{
	size_t at;

	buf_clear(&s->scratch);
	sigv4_canonical(&s->scratch, req, s->path);
	at = s->scratch.len;
	sigv4_string_to_sign(&s->scratch, scope, buf_slice(&s->scratch));
	sigv4_signature(&s->day, s->secret, scope,
	    (struct slice){ s->scratch.p + at, s->scratch.len - at }, out);
}

static void
add(struct sigv4_added *out, struct slice name, struct slice value)
{
	CHECK(out->n < SIGV4_ADDED_MAX);
	out->header[out->n++] = (struct sigv4_header){ name, value };
}

static struct slice
authorization(struct sigv4_signer *s, const struct sigv4_request *req,
    const struct sigv4_scope *scope, struct arena *a)
{
	char hex[DIGEST_HEX + 1];
	struct buf *b = &s->scratch;

	sign(s, req, scope, hex);
	buf_clear(b);
	buf_str(b, algorithm);
	buf_add(b, S(" Credential="));
	buf_add(b, s->id);
	buf_char(b, '/');
	put_scope(b, scope);
	buf_add(b, S(", SignedHeaders="));
	sigv4_names(b, req);
	buf_add(b, S(", Signature="));
	buf_str(b, hex);
	return arena_copy(a, buf_slice(b));
}

void
sigv4_sign(struct sigv4_signer *s, const struct sigv4_request *req,
    struct slice time, struct arena *a, struct sigv4_added *out)
{
	const struct sigv4_scope scope = { time, s->region, s->service };
	struct sigv4_request all = *req;
	struct sigv4_header *v;

	out->n = 0;
	add(out, S("x-amz-date"), arena_copy(a, time));
	if (s->body_header)
		add(out, S("x-amz-content-sha256"),
		    arena_copy(a, req->payload));
	if (s->token.len > 0 && !s->omit_token)
		add(out, S("x-amz-security-token"), arena_copy(a, s->token));
	v = ARENA_ARRAY(a, struct sigv4_header, req->n_headers + out->n);
	if (req->n_headers > 0)
		memcpy(v, req->headers, req->n_headers * sizeof(*v));
	memcpy(v + req->n_headers, out->header, out->n * sizeof(*v));
	all.headers = v;
	all.n_headers = req->n_headers + out->n;
	if (s->token.len > 0 && s->omit_token)
		add(out, S("x-amz-security-token"), arena_copy(a, s->token));
	add(out, S("authorization"), authorization(s, &all, &scope, a));
}

void
sigv4_signer_fini(struct sigv4_signer *s)
{
	mem_wipe(&s->day, sizeof(s->day));
	buf_fini(&s->scratch);
}

/* --- to verify ------------------------------------------------------- */

/* Cuts the last "/part" off *s. */
static bool
cut_last(struct slice *s, struct slice *part)
{
	size_t i = s->len;

	while (i > 0 && s->p[i - 1] != '/')
		i--;
	if (i == 0)
		return false;
	*part = (struct slice){ s->p + i, s->len - i };
	s->len = i - 1;
	return part->len > 0;
}

static bool
parse_credential(struct slice s, struct sigv4_auth *out)
{
	struct slice end;
	size_t i;

	if (!cut_last(&s, &end) || !slice_eq(end, S("aws4_request")) ||
	    !cut_last(&s, &out->service) || !cut_last(&s, &out->region) ||
	    !cut_last(&s, &out->date) || s.len == 0 || out->date.len != 8)
		return false;
	for (i = 0; i < 8; i++) {
		if (out->date.p[i] < '0' || out->date.p[i] > '9')
			return false;
	}
	out->id = s;
	return true;
}

static bool
parse_signature(struct slice s, struct sigv4_auth *out)
{
	size_t i;

	if (s.len != DIGEST_HEX)
		return false;
	for (i = 0; i < s.len; i++) {
		if (text_hex_digit(s.p[i]) < 0 ||
		    lower(s.p[i]) != (unsigned char)s.p[i])
			return false;
	}
	out->signature = s;
	return true;
}

/* One "Name=value"; each may come once. */
static bool
parse_field(struct slice field, struct sigv4_auth *out)
{
	struct slice name, value;

	if (!slice_cut(slice_trim(field), '=', &name, &value))
		return false;
	if (slice_eq(name, S("Credential")))
		return out->id.p == NULL && parse_credential(value, out);
	if (slice_eq(name, S("Signature")))
		return out->signature.p == NULL && parse_signature(value, out);
	if (!slice_eq(name, S("SignedHeaders")) || out->names.p != NULL)
		return false;
	out->names = value;
	return value.len > 0;
}

bool
sigv4_auth_parse(struct slice value, struct sigv4_auth *out)
{
	struct slice scheme, field;
	bool more = true;

	*out = (struct sigv4_auth){ 0 };
	if (!slice_cut(slice_trim(value), ' ', &scheme, &value) ||
	    !slice_eq(scheme, slice_of(algorithm)))
		return false;
	while (more) {
		more = slice_cut(value, ',', &field, &value);
		if (!parse_field(more ? field : value, out))
			return false;
	}
	return out->id.p != NULL && out->names.p != NULL &&
	       out->signature.p != NULL;
}

/* As the signer must have written it, so that no case hides a repeat. */
static bool
is_lower(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (lower(s.p[i]) != (unsigned char)s.p[i])
			return false;
	}
	return true;
}

bool
sigv4_pick(struct slice names, const struct sigv4_header *all, size_t n_all,
    struct sigv4_header *out, size_t *n_out)
{
	struct slice name, last = S("");
	bool more = true;
	size_t i, before;

	*n_out = 0;
	while (more) {
		more = slice_cut(names, ';', &name, &names);
		if (!more)
			name = names;
		if (by_bytes(last, name) >= 0 || !is_lower(name))
			return false;
		before = *n_out;
		for (i = 0; i < n_all; i++) {
			if (slice_ieq(all[i].name, name)) {
				if (*n_out == n_all)
					return false;
				out[(*n_out)++] = all[i];
			}
		}
		if (*n_out == before)
			return false;
		last = name;
	}
	return true;
}
