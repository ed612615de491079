/*
 * json_text.c - what checked spans mean: escapes and exact integers
 */
#include "base/json.h"

#include "base/text.h"

static unsigned
hex4(const char *p)
{
	unsigned v = 0;
	int i;

	for (i = 0; i < 4; i++)
		v = v << 4 | (unsigned)text_hex_digit(p[i]);
	return v;
}

static char *
put_utf8(char *to, unsigned v)
{
	if (v < 0x80) {
		*to++ = (char)v;
	} else if (v < 0x800) {
		*to++ = (char)(0xc0 | v >> 6);
		*to++ = (char)(0x80 | (v & 63));
	} else if (v < 0x10000) {
		*to++ = (char)(0xe0 | v >> 12);
		*to++ = (char)(0x80 | (v >> 6 & 63));
		*to++ = (char)(0x80 | (v & 63));
	} else {
		*to++ = (char)(0xf0 | v >> 18);
		*to++ = (char)(0x80 | (v >> 12 & 63));
		*to++ = (char)(0x80 | (v >> 6 & 63));
		*to++ = (char)(0x80 | (v & 63));
	}
	return to;
}

/* p is behind "\u"; sets *used to the digits and, for a pair, the rest. */
static unsigned
code_point(const char *p, const char *end, size_t *used)
{
	unsigned v = hex4(p), low;

	*used = 4;
	if (v < 0xd800 || v > 0xdfff)
		return v;
	if (v < 0xdc00 && end - p >= 10 && p[4] == '\\' && p[5] == 'u') {
		low = hex4(p + 6);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*used = 10;
			return 0x10000 + ((v & 0x3ff) << 10 | (low & 0x3ff));
		}
	}
	return 0xfffd;
}

static char
short_escape(char c)
{
	switch (c) {
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return c;
	}
}

struct slice
json_unescape(struct arena *a, struct slice raw)
{
	const char *p = raw.p, *end = raw.p + raw.len, *at;
	char *out = arena_new(a, raw.len + 1), *to = out;
	size_t n;

	while (p < end) {
		at = memchr(p, '\\', (size_t)(end - p));
		n = (size_t)((at != NULL ? at : end) - p);
		memcpy(to, p, n);
		to += n;
		if (at == NULL)
			break;
		p = at + 2;
		if (at[1] == 'u') {
			to = put_utf8(to, code_point(p, end, &n));
			p += n;
		} else {
			*to++ = short_escape(at[1]);
		}
	}
	return (struct slice){ out, (size_t)(to - out) };
}

/* --- numbers --------------------------------------------------------- */

/* A number span taken apart: sign, digits around the point, exponent. */
struct parts {
	bool minus;
	struct slice whole, part;
	int64_t exp;
};

/* Far above any length of text, far below overflow. */
#define EXP_FAR (INT64_C(1) << 56)

static struct parts
take_apart(struct slice s)
{
	struct parts n = { 0 };
	struct slice exp = { s.p, 0 };
	bool down;

	if (s.p[0] == '-') {
		n.minus = true;
		s.p++;
		s.len--;
	}
	if (!slice_cut(s, 'e', &s, &exp))
		slice_cut(s, 'E', &s, &exp);
	n.whole = s;
	n.part = (struct slice){ s.p, 0 };
	slice_cut(s, '.', &n.whole, &n.part);
	down = exp.len > 0 && exp.p[0] == '-';
	for (; exp.len > 0; exp.p++, exp.len--) {
		if (exp.p[0] >= '0' && n.exp < EXP_FAR)
			n.exp = n.exp * 10 + (exp.p[0] - '0');
	}
	if (down)
		n.exp = -n.exp;
	return n;
}

static char
digit_at(const struct parts *n, size_t i)
{
	return i < n->whole.len ? n->whole.p[i] : n->part.p[i - n->whole.len];
}

/* v * 10^zeros with the sign; false when it does not fit. */
static bool
finish(uint64_t v, int64_t zeros, bool minus, int64_t *out)
{
	for (; zeros > 0; zeros--) {
		if (__builtin_mul_overflow(v, 10u, &v))
			return false;
	}
	if (v > (uint64_t)INT64_MAX + minus)
		return false;
	*out = (int64_t)(minus ? 0 - v : v);
	return true;
}

static bool
exact_i64(struct slice number, int64_t *out)
{
	const struct parts n = take_apart(number);
	const size_t all = n.whole.len + n.part.len;
	size_t from = 0, to = all, i;
	uint64_t v = 0;

	while (from < all && digit_at(&n, from) == '0')
		from++;
	while (to > from && digit_at(&n, to - 1) == '0')
		to--;
	if (from == to) {
		*out = 0;
		return true;
	}
	for (i = from; i < to; i++) {
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(
			v, (uint64_t)(digit_at(&n, i) - '0'), &v))
			return false;
	}
	/* The digits end at to; the point stands behind whole.len + exp. */
	if ((int64_t)to > (int64_t)n.whole.len + n.exp)
		return false;
	return finish(
	    v, (int64_t)n.whole.len + n.exp - (int64_t)to, n.minus, out);
}

/* Digits only, and no more than fit: nearly all of them. */
static bool
plain_i64(struct slice s, int64_t *out)
{
	int64_t v = 0;
	size_t i;

	if (s.len == 0 || s.len > 18)
		return false;
	for (i = 0; i < s.len; i++) {
		const unsigned d = (unsigned char)s.p[i] - (unsigned)'0';

		if (d > 9)
			return false;
		v = v * 10 + (int64_t)d;
	}
	*out = v;
	return true;
}

bool
json_i64(struct slice number, int64_t *out)
{
	return plain_i64(number, out) || exact_i64(number, out);
}
