/*
 * text.h - bytes as text and back: hex, base64, UTF-8
 *
 * Every parser here is strict: one text per value.  Base64 wants its padding,
 * base64url wants none, and unused bits must be zero; hex takes either case.
 */
#ifndef KONTOR_BASE_TEXT_H
#define KONTOR_BASE_TEXT_H

#include "base/base.h"
#include "base/buf.h"

/* Exactly 2 * len digits into len bytes; false else. */
bool text_hex_parse(struct slice s, void *out, size_t len) MUST_USE;

/* These append to b; on false b is as it was. */
void text_base64_write(struct buf *b, struct slice bytes);
bool text_base64_parse(struct buf *b, struct slice text) MUST_USE;
void text_base64url_write(struct buf *b, struct slice bytes);
bool text_base64url_parse(struct buf *b, struct slice text) MUST_USE;

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_valid(struct slice s);

/* Percent-encoded but for RFC 3986's unreserved characters and keep, which may
 * be '\0'. */
void text_percent_write(struct buf *b, struct slice s, char keep);

/* The value of a hex digit, or -1. */
int text_hex_digit(char c);

/* How many bytes at p the printable ASCII run goes on, up to len: stops at
 * a byte below 0x20, at '"', at a backslash, and at 0x80 and above. */
static inline size_t text_plain_run(const char *p, size_t len);
/* The same, for runs of hundreds of bytes. */
size_t text_plain_run_long(const char *p, size_t len);

/* A stretch of whole characters that may stand in a JSON text as they are, of
 * any script: at most as long as it goes on, 0 when the first bytes must be
 * looked at. */
static inline size_t text_script_run(const char *p, size_t len);

/* Length (2 to 4) of the valid sequence at p that starts with a byte of 0x80
 * or more, 0 when it is not valid. */
static inline size_t utf8_sequence(const char *p, size_t len);

/* --- the two inner loops, inline ------------------------------------- */

#ifdef __SSE2__
#include <emmintrin.h>

static inline unsigned
text_special16_(const char *p)
{
	const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	const __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
	const __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
	/* Signed: control characters and everything from 0x80 at once. */
	const __m128i odd = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));

	return (unsigned)_mm_movemask_epi8(
	    _mm_or_si128(odd, _mm_or_si128(quote, slash)));
}
#endif

#ifdef __SSE2__
static inline unsigned
text_is_(__m128i v, int mask, int value)
{
	return (unsigned)_mm_movemask_epi8(
	    _mm_cmpeq_epi8(_mm_and_si128(v, _mm_set1_epi8((char)mask)),
		_mm_set1_epi8((char)value)));
}

/*
 * How many of 16 bytes are, without a look at one by itself, whole characters
 * of one to three bytes that may stand in a JSON text.  What must be looked at
 * (E0 and ED, whose second byte is bound, and all of four bytes) ends it.
 */
static inline size_t
text_script16_(const char *p)
{
	const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	const unsigned high = (unsigned)_mm_movemask_epi8(v);
	const unsigned two = text_is_(v, 0xe0, 0xc0);
	const unsigned three = text_is_(v, 0xf0, 0xe0);
	const unsigned follow = text_is_(v, 0xc0, 0x80);
	const unsigned bad = (text_special16_(p) & ~high) |
			     text_is_(v, 0xfe, 0xc0) | /* overlong */
			     text_is_(v, 0xff, 0xe0) | text_is_(v, 0xff, 0xed) |
			     text_is_(v, 0xf0, 0xf0);
	const unsigned due = two << 1 | three << 1 | three << 2;
	const unsigned n =
	    (unsigned)__builtin_ctz(bad | (due ^ follow) | 0x10000);

	/* A character that goes on behind n does not count. */
	if (n > 0 && ((two | three) >> (n - 1) & 1) != 0)
		return n - 1;
	if (n > 1 && (three >> (n - 2) & 1) != 0)
		return n - 2;
	return n;
}
#endif

/* The same of any length; less than there is where that is not 16 bytes. */
static inline size_t
text_script_run(const char *p, size_t len)
{
	size_t i = 0;

#ifdef __SSE2__
	size_t n = 16;

	/* Less than 14 means that something is in the way. */
	for (; len - i >= 16 && n >= 14; i += n)
		n = text_script16_(p + i);
#else
	(void)p;
	(void)len;
#endif
	return i;
}

static inline size_t
text_plain_run(const char *p, size_t len)
{
	size_t i = 0;

#ifdef __SSE2__
	for (; i + 16 <= len; i += 16) {
		unsigned mask;

		/* Most strings are short, and most bytes in long ones. */
		if (i == 64)
			return i + text_plain_run_long(p + i, len - i);
		mask = text_special16_(p + i);
		if (mask != 0)
			return i + (size_t)__builtin_ctz(mask);
	}
#endif
	for (; i < len; i++) {
		if ((signed char)p[i] < 0x20 || p[i] == '"' || p[i] == '\\')
			break;
	}
	return i;
}

static inline size_t
utf8_sequence(const char *p, size_t len)
{
	const unsigned char *u = (const unsigned char *)p;
	const unsigned a = u[0];

	if (len < 2 || a < 0xc2 || a > 0xf4 || (u[1] & 0xc0) != 0x80)
		return 0;
	if (a < 0xe0)
		return 2;
	if (len < 3 || (u[2] & 0xc0) != 0x80)
		return 0;
	if (a < 0xf0) {
		if ((a == 0xe0 && u[1] < 0xa0) || (a == 0xed && u[1] > 0x9f))
			return 0;
		return 3;
	}
	if (len < 4 || (u[3] & 0xc0) != 0x80 || (a == 0xf0 && u[1] < 0x90) ||
	    (a == 0xf4 && u[1] > 0x8f))
		return 0;
	return 4;
}

#endif
