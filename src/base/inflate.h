/*
 * inflate.h - content encodings undone, as far as a limit allows
 *
 * Input comes in pieces of any size; output is appended to a buf of the
 * caller's, never more than the limit in all.  Concatenated gzip members and
 * zstd frames are one text.
 *
 * Errors:  FAULT_ENCODING for a name we do not know, FAULT_INFLATE for what
 *          is damaged, truncated or expands beyond all reason,
 *          FAULT_BODY_TOO_LARGE above the limit.
 */
#ifndef KONTOR_BASE_INFLATE_H
#define KONTOR_BASE_INFLATE_H

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"

enum encoding {
	ENCODING_IDENTITY,
	ENCODING_GZIP,
	ENCODING_DEFLATE, /* zlib's format, as RFC 9110 has it */
	ENCODING_ZSTD
};

enum {
	/* Behind the first free bytes, output per byte of input. */
	INFLATE_RATIO_MAX = 100,
	INFLATE_RATIO_FREE = 1 << 20
};

struct inflater; /* opaque; inflate.c */

/* "gzip", "x-gzip", "deflate", "zstd", "identity" in any case; empty is
 * identity. */
enum fault encoding_parse(struct slice name, enum encoding *out) MUST_USE;

/* Owned by the caller. */
struct inflater *inflater_new(enum encoding encoding, size_t most) MUST_USE;

/* Takes all of in, or fails for good. */
enum fault inflater_feed(
    struct inflater *z, struct slice in, struct buf *out) MUST_USE;

/* Whether the input was whole; after the last feed. */
enum fault inflater_end(const struct inflater *z) MUST_USE;

void inflater_free(struct inflater *z); /* NULL is fine */

#endif
