#include "sim/squeeze.h"

#include <zlib.h>

#include "sim/plan.h"

enum { BLOCK = 1024 * 1024, BLOCKS = 1024, GZIP = 16 + 15 };

static void
deflate_some(z_stream *z, struct slice in, int flush, struct buf *out)
{
	z->next_in = (Bytef *)(uintptr_t)in.p;
	z->avail_in = (uInt)in.len;
	do {
		buf_reserve(out, 16384);
		z->next_out = (Bytef *)out->p + out->len;
		z->avail_out = 16384;
		CHECK(deflate(z, flush) != Z_STREAM_ERROR);
		out->len += 16384 - z->avail_out;
	} while (z->avail_out == 0);
}

static void
put_chunk(struct buf *to, const struct buf *data)
{
	buf_fmt(to, "%zx\r\n", data->len);
	buf_add(to, buf_slice(data));
	buf_add(to, S("\r\n"));
}

/* The data of the event between two marks, without its chunk framing. */
static struct slice
event(const struct plan *p, size_t i)
{
	const char *at = p->body.p + (i > 0 ? p->mark[i - 1].end : 0);
	const char *end = p->body.p + p->mark[i].end;
	const char *line = memchr(at, '\n', (size_t)(end - at));

	return (struct slice){ line + 1, (size_t)(end - line) - 3 };
}

static void
squeeze_stream(struct plan *p, z_stream *z)
{
	struct buf out = { 0 }, piece = { 0 };
	size_t i, done = 0;
	struct slice data;

	for (i = 0; i < p->nmark; i++) {
		data = event(p, i);
		if (i > 0)
			p->mark[i - 1].end = done;
		buf_clear(&piece);
		deflate_some(z, data,
		    i + 1 == p->nmark ? Z_FINISH : Z_SYNC_FLUSH, &piece);
		put_chunk(&out, &piece);
		done = out.len;
	}
	p->mark[p->nmark - 1].end = done;
	buf_add(&out, S("0\r\n\r\n"));
	buf_fini(&piece);
	buf_fini(&p->body);
	p->body = out;
}

void
squeeze_plan(struct plan *p)
{
	struct buf out = { 0 };
	z_stream z = { 0 };

	CHECK(deflateInit2(&z, 6, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) ==
	      Z_OK);
	if (p->stream) {
		squeeze_stream(p, &z);
	} else {
		deflate_some(&z, buf_slice(&p->body), Z_FINISH, &out);
		buf_fini(&p->body);
		p->body = out;
	}
	deflateEnd(&z);
	p->gzip = true;
}

/* One full-flushed block of blanks repeats: each stands for itself. */
void
squeeze_bomb(struct plan *p)
{
	struct buf block = { 0 };
	char *blanks = mem_new(BLOCK);
	z_stream z = { 0 };
	uLong crc = crc32(0, NULL, 0), one;
	unsigned i;

	memset(blanks, ' ', BLOCK);
	one = crc32(crc, (const Bytef *)blanks, BLOCK);
	CHECK(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) ==
	      Z_OK);
	deflate_some(&z, (struct slice){ blanks, BLOCK }, Z_FULL_FLUSH, &block);
	deflateEnd(&z);
	mem_free(blanks);
	buf_clear(&p->body);
	p->nmark = 0;
	p->stream = false;
	p->gzip = true;
	buf_add(&p->body, S("\x1f\x8b\x08\0\0\0\0\0\0\x03"));
	for (i = 0; i < BLOCKS; i++) {
		buf_add(&p->body, buf_slice(&block));
		crc = crc32_combine(crc, one, BLOCK);
	}
	buf_add(&p->body, S("\x03\0"));
	for (i = 0; i < 4; i++)
		buf_char(&p->body, (char)(crc >> 8 * i));
	buf_add(&p->body, S("\0\0\0\x40"));
	buf_fini(&block);
}
