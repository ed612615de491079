/*
 * cbor.h - deterministic CBOR (RFC 8949 4.2.1): the payload of frames
 *
 * What we write and take: unsigned and negative integers of 64 bits, byte
 * and text strings, arrays, booleans, and maps whose keys are unsigned and
 * ascend.  The writer fills a buffer of the caller's and never allocates;
 * the reader refuses whatever the writer would not have written.
 *
 * Errors:  both stick: full once the buffer is too small, bad once the bytes
 *          are not what was asked for.  Look once, at the end.
 */
#ifndef KONTOR_BASE_CBOR_H
#define KONTOR_BASE_CBOR_H

#include "base/base.h"

enum { CBOR_DEPTH_MAX = 8 };

enum cbor_type {
	CBOR_UINT,
	CBOR_NEGATIVE,
	CBOR_BYTES,
	CBOR_TEXT,
	CBOR_ARRAY,
	CBOR_MAP,
	CBOR_BOOL
};

/* --- writer ---------------------------------------------------------- */

struct cbor_open {
	uint8_t *head; /* the map's first byte, patched at its end */
	uint64_t next; /* the least key that may come */
	uint32_t n;
};

struct cbor_w {
	uint8_t *start, *p, *end;
	bool full;
	unsigned depth;
	struct cbor_open map[CBOR_DEPTH_MAX];
};

/* Borrows out until the last call. */
void cbor_w_init(struct cbor_w *w, void *out, size_t len);
/* Everything so far; empty when it did not fit or a map is still open. */
struct slice cbor_w_slice(const struct cbor_w *w);

/* A map counts its own keys, which must ascend (CHECK). */
void cbor_w_map(struct cbor_w *w);
void cbor_w_map_end(struct cbor_w *w);
void cbor_w_key(struct cbor_w *w, uint64_t key);
void cbor_w_array(struct cbor_w *w, size_t n); /* n values follow */

void cbor_w_u64(struct cbor_w *w, uint64_t v);
void cbor_w_i64(struct cbor_w *w, int64_t v);
void cbor_w_bool(struct cbor_w *w, bool v);
void cbor_w_bytes(struct cbor_w *w, struct slice s);
void cbor_w_text(struct cbor_w *w, struct slice s); /* valid UTF-8, yours */

/* key and value in one. */
void cbor_w_ku64(struct cbor_w *w, uint64_t key, uint64_t v);
void cbor_w_ki64(struct cbor_w *w, uint64_t key, int64_t v);
void cbor_w_kbool(struct cbor_w *w, uint64_t key, bool v);
void cbor_w_kbytes(struct cbor_w *w, uint64_t key, struct slice s);
void cbor_w_ktext(struct cbor_w *w, uint64_t key, struct slice s);

/* --- reader ---------------------------------------------------------- */

struct cbor_r {
	const uint8_t *p, *end;
	bool bad;
};

/* Where the reader is in a map; one per nesting. */
struct cbor_map {
	uint64_t left;
	uint64_t next; /* the least key that may come */
	bool last;     /* no key can follow UINT64_MAX */
};

struct cbor_r cbor_r(struct slice s);

/* What comes next; false at the end and for what we do not take. */
bool cbor_r_peek(struct cbor_r *r, enum cbor_type *type);

/*
 *	if (cbor_r_map(&r, &m))
 *		while (cbor_r_key(&r, &m, &key))
 *			switch (key) { ... default: cbor_r_skip(&r); }
 *	if (!cbor_r_end(&r)) ...
 *
 * The value must be taken or skipped before the next key.
 */
bool cbor_r_map(struct cbor_r *r, struct cbor_map *m);
bool cbor_r_key(struct cbor_r *r, struct cbor_map *m, uint64_t *key);
bool cbor_r_array(struct cbor_r *r, uint64_t *n);

/* False, and bad, when the next value is not of the kind or does not fit. */
bool cbor_r_u64(struct cbor_r *r, uint64_t *out);
bool cbor_r_i64(struct cbor_r *r, int64_t *out);
bool cbor_r_bool(struct cbor_r *r, bool *out);
bool cbor_r_bytes(struct cbor_r *r, struct slice *out); /* borrowed */
bool cbor_r_text(struct cbor_r *r, struct slice *out);  /* valid UTF-8 */

/* Checks and passes one value, nested at most CBOR_DEPTH_MAX deep. */
bool cbor_r_skip(struct cbor_r *r);

/* Nothing is left and nothing was bad. */
bool cbor_r_end(const struct cbor_r *r) MUST_USE;

#endif
