#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

void
buf_grow(struct buf *b, size_t more)
{
	size_t need, cap = b->cap > 0 ? b->cap : 64;

	CHECK(!__builtin_add_overflow(b->len, more, &need));
	if (need <= b->cap)
		return;
	while (cap < need)
		cap += cap / 2;
	b->p = mem_grow(b->p, cap);
	b->cap = cap;
}

void
buf_u64(struct buf *b, uint64_t v)
{
	char tmp[20];
	size_t i = sizeof(tmp);

	do {
		tmp[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	buf_add(b, (struct slice){ tmp + i, sizeof(tmp) - i });
}

void
buf_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_char(b, '-');
	buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void
buf_hex(struct buf *b, const void *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *u = p;
	size_t i;

	buf_reserve(b, 2 * len);
	for (i = 0; i < len; i++) {
		b->p[b->len++] = digits[u[i] >> 4];
		b->p[b->len++] = digits[u[i] & 15];
	}
}

void
buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	buf_reserve(b, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){ b->p, b->len };
}

const char *
buf_cstr(struct buf *b)
{
	buf_reserve(b, 1);
	b->p[b->len] = '\0';
	return b->p;
}

void
buf_drop(struct buf *b, size_t len)
{
	CHECK(len <= b->len);
	b->len -= len;
	if (b->len > 0 && len > 0)
		memmove(b->p, b->p + len, b->len);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
}

void
buf_fini(struct buf *b)
{
	mem_free(b->p);
	*b = (struct buf){ 0 };
}
