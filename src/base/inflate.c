#include "base/inflate.h"

#include <zlib.h>
#include <zstd.h>

enum {
	STEP = 16384,
	GZIP_ONLY = 16 + MAX_WBITS,
	ZSTD_WINDOW_LOG = 23 /* 8 MiB, all that RFC 9659 lets a sender use */
};

struct inflater {
	enum encoding encoding;
	enum fault fault; /* sticky */
	bool whole;       /* the input so far ends where a member ends */
	size_t most, in, out;
	z_stream z;
	ZSTD_DCtx *zstd;
};

enum fault
encoding_parse(struct slice name, enum encoding *out)
{
	static const struct {
		struct slice name;
		enum encoding encoding;
	} rows[] = {
		{ S_INIT(""), ENCODING_IDENTITY },
		{ S_INIT("identity"), ENCODING_IDENTITY },
		{ S_INIT("gzip"), ENCODING_GZIP },
		{ S_INIT("x-gzip"), ENCODING_GZIP },
		{ S_INIT("deflate"), ENCODING_DEFLATE },
		{ S_INIT("zstd"), ENCODING_ZSTD },
	};
	size_t i;

	name = slice_trim(name);
	for (i = 0; i < NELEM(rows); i++) {
		if (slice_ieq(name, rows[i].name)) {
			*out = rows[i].encoding;
			return FAULT_NONE;
		}
	}
	return FAULT_ENCODING;
}

struct inflater *
inflater_new(enum encoding encoding, size_t most)
{
	struct inflater *z = NEW(struct inflater);
	const int bits = encoding == ENCODING_GZIP ? GZIP_ONLY : MAX_WBITS;

	z->encoding = encoding;
	z->most = most;
	if (encoding == ENCODING_IDENTITY) {
		z->whole = true;
	} else if (encoding == ENCODING_ZSTD) {
		z->zstd = ZSTD_createDCtx();
		CHECK(z->zstd != NULL);
		CHECK(!ZSTD_isError(ZSTD_DCtx_setParameter(
		    z->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)));
	} else {
		CHECK(inflateInit2(&z->z, bits) == Z_OK);
	}
	return z;
}

void
inflater_free(struct inflater *z)
{
	if (z == NULL)
		return;
	if (z->encoding == ENCODING_GZIP || z->encoding == ENCODING_DEFLATE)
		inflateEnd(&z->z);
	ZSTD_freeDCtx(z->zstd);
	mem_free(z);
}

/* Room for the next step, one byte above the limit included: whoever fills
 * that byte is over. */
static size_t
room(struct inflater *z, struct buf *out)
{
	size_t len = z->most - z->out;

	if (len >= STEP)
		len = STEP;
	else
		len++;
	buf_reserve(out, len);
	return len;
}

/* Books what a step took and gave. */
static enum fault
book(struct inflater *z, struct slice *in, size_t took, struct buf *out,
    size_t gave)
{
	in->p += took;
	in->len -= took;
	z->in += took;
	z->out += gave;
	if (z->out > z->most)
		return FAULT_BODY_TOO_LARGE;
	out->len += gave;
	if (z->out > INFLATE_RATIO_FREE && z->out / INFLATE_RATIO_MAX > z->in)
		return FAULT_INFLATE;
	return FAULT_NONE;
}

/* Behind the end of a gzip member another may begin; zlib stands alone. */
static enum fault
next_member(struct inflater *z)
{
	if (z->encoding != ENCODING_GZIP || inflateReset(&z->z) != Z_OK)
		return FAULT_INFLATE;
	return FAULT_NONE;
}

static enum fault
step_zlib(struct inflater *z, struct slice *in, struct buf *out, bool *more)
{
	const size_t len = room(z, out);
	const size_t some = in->len < STEP ? in->len : STEP;
	enum fault fault;
	int rc;

	if (z->whole && (fault = next_member(z)) != FAULT_NONE)
		return fault;
	z->z.next_in = (Bytef *)(uintptr_t)in->p;
	z->z.avail_in = (uInt)some;
	z->z.next_out = (Bytef *)out->p + out->len;
	z->z.avail_out = (uInt)len;
	rc = inflate(&z->z, Z_NO_FLUSH);
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return FAULT_INFLATE;
	z->whole = rc == Z_STREAM_END;
	*more = z->z.avail_out == 0 && !z->whole;
	return book(z, in, some - z->z.avail_in, out, len - z->z.avail_out);
}

static enum fault
step_zstd(struct inflater *z, struct slice *in, struct buf *out, bool *more)
{
	const size_t len = room(z, out);
	const size_t some = in->len < STEP ? in->len : STEP;
	ZSTD_inBuffer from = { in->p, some, 0 };
	ZSTD_outBuffer to = { out->p + out->len, len, 0 };
	size_t rc = ZSTD_decompressStream(z->zstd, &to, &from);

	if (ZSTD_isError(rc))
		return FAULT_INFLATE;
	z->whole = rc == 0;
	*more = to.pos == to.size && !z->whole;
	return book(z, in, from.pos, out, to.pos);
}

static enum fault
step_identity(struct inflater *z, struct slice *in, struct buf *out)
{
	if (in->len > z->most - z->out)
		return FAULT_BODY_TOO_LARGE;
	buf_add(out, *in);
	z->out += in->len;
	in->len = 0;
	return FAULT_NONE;
}

enum fault
inflater_feed(struct inflater *z, struct slice in, struct buf *out)
{
	bool more = false;

	while (z->fault == FAULT_NONE && (in.len > 0 || more)) {
		if (z->encoding == ENCODING_IDENTITY)
			z->fault = step_identity(z, &in, out);
		else if (z->encoding == ENCODING_ZSTD)
			z->fault = step_zstd(z, &in, out, &more);
		else
			z->fault = step_zlib(z, &in, out, &more);
	}
	return z->fault;
}

enum fault
inflater_end(const struct inflater *z)
{
	if (z->fault != FAULT_NONE)
		return z->fault;
	return z->whole ? FAULT_NONE : FAULT_INFLATE;
}
