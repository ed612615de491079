#include "base/text.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

static const char std_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int
text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
	       c == '~';
}

void
text_percent_write(struct buf *b, struct slice s, char keep)
{
	static const char digits[] = "0123456789ABCDEF";
	char *to;
	size_t i;

	buf_reserve(b, 3 * s.len);
	to = b->p + b->len;
	for (i = 0; i < s.len; i++) {
		const unsigned u = (unsigned char)s.p[i];

		if (is_unreserved(s.p[i]) || (s.p[i] == keep && keep != '\0')) {
			*to++ = s.p[i];
			continue;
		}
		*to++ = '%';
		*to++ = digits[u >> 4];
		*to++ = digits[u & 15];
	}
	b->len = (size_t)(to - b->p);
}

bool
text_hex_parse(struct slice s, void *out, size_t len)
{
	unsigned char *u = out;
	int hi, lo;
	size_t i;

	if (s.len % 2 != 0 || s.len / 2 != len)
		return false;
	for (i = 0; i < len; i++) {
		hi = text_hex_digit(s.p[2 * i]);
		lo = text_hex_digit(s.p[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		u[i] = (unsigned char)(hi << 4 | lo);
	}
	return true;
}

/* Writes n + 1 digits for n bytes. */
static char *
put_group(char *to, const unsigned char *u, size_t n, const char *digits)
{
	unsigned v = (unsigned)u[0] << 16;

	if (n > 1)
		v |= (unsigned)u[1] << 8;
	if (n > 2)
		v |= u[2];
	*to++ = digits[v >> 18];
	*to++ = digits[v >> 12 & 63];
	if (n > 1)
		*to++ = digits[v >> 6 & 63];
	if (n > 2)
		*to++ = digits[v & 63];
	return to;
}

static void
encode(struct buf *b, struct slice s, const char *digits, bool pad)
{
	const unsigned char *u = (const unsigned char *)s.p;
	size_t i, left = s.len % 3;
	char *to;

	CHECK(s.len < SIZE_MAX / 2);
	buf_reserve(b, (s.len + 2) / 3 * 4);
	to = b->p + b->len;
	for (i = 0; i + 3 <= s.len; i += 3)
		to = put_group(to, u + i, 3, digits);
	if (left > 0) {
		to = put_group(to, u + i, left, digits);
		for (; pad && left < 3; left++)
			*to++ = '=';
	}
	b->len = (size_t)(to - b->p);
}

static int
digit64(char c, const char *digits)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == digits[62])
		return 62;
	return c == digits[63] ? 63 : -1;
}

/* n digits (2 to 4) to n - 1 bytes; false when one is no digit or when the
 * bits left over are not zero. */
static bool
get_group(struct buf *b, const char *p, size_t n, const char *digits)
{
	unsigned v = 0;
	size_t i;
	int d;

	for (i = 0; i < 4; i++) {
		d = i < n ? digit64(p[i], digits) : 0;
		if (d < 0)
			return false;
		v = v << 6 | (unsigned)d;
	}
	for (i = 0; i < n - 1; i++)
		b->p[b->len++] = (char)(v >> (16 - 8 * i) & 0xff);
	return n == 4 || (v & (0xffffu >> (8 * (n - 2)))) == 0;
}

/* s: digits only, no padding. */
static bool
decode(struct buf *b, struct slice s, const char *digits)
{
	const size_t before = b->len;
	size_t i, n;

	if (s.len % 4 == 1)
		return false;
	buf_reserve(b, s.len / 4 * 3 + 3);
	for (i = 0; i < s.len; i += n) {
		n = s.len - i < 4 ? s.len - i : 4;
		if (!get_group(b, s.p + i, n, digits)) {
			b->len = before;
			return false;
		}
	}
	return true;
}

void
text_base64_write(struct buf *b, struct slice bytes)
{
	encode(b, bytes, std_digits, true);
}

bool
text_base64_parse(struct buf *b, struct slice text)
{
	size_t pad = 0;

	if (text.len % 4 != 0)
		return false;
	while (pad < 2 && pad < text.len && text.p[text.len - 1 - pad] == '=')
		pad++;
	text.len -= pad;
	return decode(b, text, std_digits);
}

void
text_base64url_write(struct buf *b, struct slice bytes)
{
	encode(b, bytes, url_digits, false);
}

bool
text_base64url_parse(struct buf *b, struct slice text)
{
	return decode(b, text, url_digits);
}

static size_t
ascii_run(const char *p, size_t len)
{
	size_t i = 0;

#ifdef __SSE2__
	for (; i + 16 <= len; i += 16) {
		int mask = _mm_movemask_epi8(
		    _mm_loadu_si128((const __m128i *)(const void *)(p + i)));

		if (mask != 0)
			return i + (size_t)__builtin_ctz((unsigned)mask);
	}
#endif
	while (i < len && (signed char)p[i] >= 0)
		i++;
	return i;
}

bool
utf8_valid(struct slice s)
{
	size_t i = 0, n;

	while (i < s.len) {
		if ((signed char)s.p[i] >= 0) {
			i += ascii_run(s.p + i, s.len - i);
			continue;
		}
		n = utf8_sequence(s.p + i, s.len - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

/* --- long runs --------------------------------------------------------- */

#ifdef __x86_64__
static inline __attribute__((target("avx2"))) __m256i
special32(const char *p)
{
	const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
	const __m256i quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
	const __m256i slash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
	/* Signed: control characters and everything from 0x80 at once. */
	const __m256i odd = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), v);

	return _mm256_or_si256(odd, _mm256_or_si256(quote, slash));
}

static __attribute__((target("avx2"))) size_t
run_avx2(const char *p, size_t len)
{
	size_t i = 0;
	__m256i a, b;

	for (; i + 64 <= len; i += 64) {
		a = special32(p + i);
		b = special32(p + i + 32);
		if (_mm256_movemask_epi8(_mm256_or_si256(a, b)) != 0)
			break;
	}
	return i;
}
#endif

size_t
text_plain_run_long(const char *p, size_t len)
{
	size_t i = 0, n;

#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		i = run_avx2(p, len);
#endif
	/* Pieces short enough not to come back here. */
	do {
		n = len - i < 64 ? len - i : 64;
		n = text_plain_run(p + i, n);
		i += n;
	} while (n == 64);
	return i;
}
