/*
 * buf.h - bytes that grow
 *
 * A zeroed struct buf is an empty one.  Growth is for text we write; what a
 * peer sizes is checked against a limit before it comes here.
 */
#ifndef KONTOR_BASE_BUF_H
#define KONTOR_BASE_BUF_H

#include "base/base.h"

struct buf {
	char *p;
	size_t len, cap;
};

static inline void buf_reserve(
    struct buf *b, size_t more); /* room for more bytes */
static inline void buf_add(struct buf *b, struct slice s);
static inline void buf_str(struct buf *b, const char *s);
static inline void buf_char(struct buf *b, char c);
void buf_u64(struct buf *b, uint64_t v);
void buf_i64(struct buf *b, int64_t v);
void buf_hex(struct buf *b, const void *p, size_t len); /* lower case */
void buf_fmt(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The bytes so far; borrowed until the next change. */
struct slice buf_slice(const struct buf *b);
/* The same, NUL-terminated (the NUL does not count). */
const char *buf_cstr(struct buf *b);
/* Takes the bytes off the front. */
void buf_drop(struct buf *b, size_t len);

void buf_clear(struct buf *b); /* keeps the memory */
void buf_fini(struct buf *b);  /* gives it back; b is empty again */

/* --- inline: what is there already is most often enough --------------- */

void buf_grow(struct buf *b, size_t more);

static inline void
buf_reserve(struct buf *b, size_t more)
{
	if (b->cap - b->len < more)
		buf_grow(b, more);
}

static inline void
buf_add(struct buf *b, struct slice s)
{
	if (s.len == 0)
		return;
	buf_reserve(b, s.len);
	memcpy(b->p + b->len, s.p, s.len);
	b->len += s.len;
}

static inline void
buf_str(struct buf *b, const char *s)
{
	buf_add(b, slice_of(s));
}

static inline void
buf_char(struct buf *b, char c)
{
	buf_reserve(b, 1);
	b->p[b->len++] = c;
}

#endif
