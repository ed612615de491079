#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

const char *check_context = "";

_Noreturn void
check_failed(const char *expr, const char *file, int line)
{
	fprintf(
	    stderr, "%s:%d: CHECK(%s) %s\n", file, line, expr, check_context);
	abort();
}

static unsigned char
lower(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

/* Eight bytes at once: where they differ, it is a letter's case. */
static bool
ieq8(const char *p, const char *q)
{
	uint64_t x, y, low, from_a, above_z, letter;

	memcpy(&x, p, 8);
	memcpy(&y, q, 8);
	y ^= x;
	if (y == 0)
		return true;
	if ((y & ~EACH(0x20)) != 0)
		return false;
	low = (x | EACH(0x20)) & EACH(0x7f);
	from_a = low + EACH(0x80 - 'a');
	above_z = low + EACH(0x80 - 'z' - 1);
	letter = from_a & ~above_z & ~x;
	return ((y << 2) & EACH(0x80) & ~letter) == 0;
}

bool
slice_ieq_same_len(struct slice a, struct slice b)
{
	size_t i = 0;

	if (a.len >= 8) {
		for (; i + 8 < a.len; i += 8) {
			if (!ieq8(a.p + i, b.p + i))
				return false;
		}
		/* The last eight overlap. */
		return ieq8(a.p + a.len - 8, b.p + a.len - 8);
	}
	for (; i < a.len; i++) {
		if (a.p[i] != b.p[i] && lower(a.p[i]) != lower(b.p[i]))
			return false;
	}
	return true;
}

bool
slice_has(struct slice s, struct slice part)
{
	const char *p = s.p, *end;

	if (part.len == 0 || part.len > s.len)
		return part.len == 0;
	end = s.p + s.len - part.len + 1;
	while (p < end && (p = memchr(p, part.p[0], (size_t)(end - p)))) {
		if (memcmp(p, part.p, part.len) == 0)
			return true;
		p++;
	}
	return false;
}

struct slice
slice_trim(struct slice s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

bool
slice_cut(struct slice s, char c, struct slice *head, struct slice *tail)
{
	const char *at = s.len > 0 ? memchr(s.p, c, s.len) : NULL;

	if (at == NULL)
		return false;
	*head = (struct slice){ s.p, (size_t)(at - s.p) };
	*tail = (struct slice){ at + 1, s.len - head->len - 1 };
	return true;
}

bool
slice_u64(struct slice s, uint64_t *out)
{
	uint64_t v = 0;
	size_t i;

	if (s.len == 0)
		return false;
	for (i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' ||
		    __builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

static void *
must(void *p)
{
	if (p == NULL) {
		fputs("kontor: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *
mem_new(size_t len)
{
	return must(calloc(1, len > 0 ? len : 1));
}

void *
mem_grow(void *p, size_t len)
{
	return must(realloc(p, len > 0 ? len : 1));
}

char *
mem_dup(struct slice s)
{
	char *p = must(malloc(s.len + 1));

	if (s.len > 0)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return p;
}

void
mem_free(void *p)
{
	free(p);
}

void
mem_wipe(void *p, size_t len)
{
	volatile unsigned char *v = p;

	while (len-- > 0)
		*v++ = 0;
}
