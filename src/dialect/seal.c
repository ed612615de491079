#include "dialect/seal.h"

#include "base/buf.h"
#include "base/text.h"

/* Base64 of "kontor/N/" and the bytes; N is the vendor's number. */
static const struct slice stamp = S_INIT("kontor/");

struct slice
seal_standard(struct arena *a, struct slice text)
{
	struct buf b = { 0 };
	struct slice out;
	size_t i;

	if (text.len == 0 ||
	    (text.len % 4 == 0 && memchr(text.p, '-', text.len) == NULL &&
		memchr(text.p, '_', text.len) == NULL))
		return text;
	buf_add(&b, text);
	for (i = 0; i < b.len; i++)
		b.p[i] = b.p[i] == '-' ? '+' : b.p[i] == '_' ? '/' : b.p[i];
	while (b.len % 4 != 0)
		buf_char(&b, '=');
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return out;
}

struct slice
seal_write(
    struct arena *a, enum vendor own, enum vendor origin, struct slice opaque)
{
	struct buf plain = { 0 }, b = { 0 };
	struct slice out;

	if (origin == own || opaque.len == 0)
		return opaque;
	buf_add(&plain, stamp);
	buf_fmt(&plain, "%u/", (unsigned)origin);
	buf_add(&plain, opaque);
	text_base64_write(&b, buf_slice(&plain));
	out = arena_copy(a, buf_slice(&b));
	buf_fini(&plain);
	buf_fini(&b);
	return out;
}

struct slice
seal_read(
    struct arena *a, enum vendor own, struct slice field, enum vendor *origin)
{
	struct buf b = { 0 };
	struct slice out = field;

	*origin = field.len > 0 ? own : VENDOR_NONE;
	/* Base64 of the stamp's first six bytes: most need no more look. */
	if (!slice_starts(field, S("a29udG9y")) ||
	    !text_base64_parse(&b, seal_standard(a, field)))
		return field;
	if (b.len > stamp.len + 2 && slice_starts(buf_slice(&b), stamp) &&
	    b.p[stamp.len] > '0' && b.p[stamp.len] <= '0' + VENDOR_AMAZON &&
	    b.p[stamp.len + 1] == '/') {
		*origin = (enum vendor)(b.p[stamp.len] - '0');
		out = arena_copy(a, (struct slice){ b.p + stamp.len + 2,
					b.len - stamp.len - 2 });
	}
	buf_fini(&b);
	return out;
}
