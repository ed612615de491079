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
static inline void cbor_w_key(struct cbor_w *w, uint64_t key);
static inline void cbor_w_array(
    struct cbor_w *w, size_t n); /* n values follow */

static inline void cbor_w_u64(struct cbor_w *w, uint64_t v);
static inline void cbor_w_i64(struct cbor_w *w, int64_t v);
static inline void cbor_w_bool(struct cbor_w *w, bool v);
static inline void cbor_w_bytes(struct cbor_w *w, struct slice s);
static inline void cbor_w_text(
    struct cbor_w *w, struct slice s); /* valid UTF-8, yours */

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
static inline bool cbor_r_key(
    struct cbor_r *r, struct cbor_map *m, uint64_t *key);
static inline bool cbor_r_array(struct cbor_r *r, uint64_t *n);

/* False, and bad, when the next value is not of the kind or does not fit. */
static inline bool cbor_r_u64(struct cbor_r *r, uint64_t *out);
static inline bool cbor_r_i64(struct cbor_r *r, int64_t *out);
static inline bool cbor_r_bool(struct cbor_r *r, bool *out);
static inline bool cbor_r_bytes(
    struct cbor_r *r, struct slice *out);              /* borrowed */
bool cbor_r_text(struct cbor_r *r, struct slice *out); /* valid UTF-8 */

/* Checks and passes one value, nested at most CBOR_DEPTH_MAX deep. */
bool cbor_r_skip(struct cbor_r *r);

/* Nothing is left and nothing was bad. */
bool cbor_r_end(const struct cbor_r *r) MUST_USE;

/* --- inline: what a frame calls for every field ------------------------ */

enum {
	CBOR_MAJOR_UINT,
	CBOR_MAJOR_NEGATIVE,
	CBOR_MAJOR_BYTES,
	CBOR_MAJOR_TEXT,
	CBOR_MAJOR_ARRAY,
	CBOR_MAJOR_MAP,
	CBOR_MAJOR_SIMPLE = 7
};
enum { CBOR_SIMPLE_FALSE = 20, CBOR_SIMPLE_TRUE = 21, CBOR_HEAD_MAX = 9 };

static inline bool
cbor_room_(struct cbor_w *w, size_t len)
{
	if ((size_t)(w->end - w->p) >= len)
		return true;
	w->full = true;
	w->end = w->p; /* nothing smaller may slip in behind */
	return false;
}

/* Big endian; compiles to one swap and one store. */
static inline void
cbor_put_be_(uint8_t *to, uint64_t v, size_t len)
{
	v = __builtin_bswap64(v << (64 - 8 * len));
	memcpy(to, &v, len);
}

/* The shortest head; gives its length, for which to must have room. */
static inline size_t
cbor_head_(uint8_t *to, unsigned major, uint64_t v)
{
	const uint8_t top = (uint8_t)(major << 5);

	if (v < 24) {
		to[0] = (uint8_t)(top | v);
		return 1;
	}
	if (v <= UINT8_MAX) {
		to[0] = top | 24;
		to[1] = (uint8_t)v;
		return 2;
	}
	if (v <= UINT16_MAX) {
		to[0] = top | 25;
		cbor_put_be_(to + 1, v, 2);
		return 3;
	}
	if (v <= UINT32_MAX) {
		to[0] = top | 26;
		cbor_put_be_(to + 1, v, 4);
		return 5;
	}
	to[0] = top | 27;
	cbor_put_be_(to + 1, v, 8);
	return 9;
}

/* The same for 24 and more, to has room for the longest: no branches. */
static inline size_t
cbor_long_head_(uint8_t *to, unsigned major, uint64_t v)
{
	const int bits = 64 - __builtin_clzll(v);
	const unsigned size =
	    (unsigned)((bits > 8) + (bits > 16) + (bits > 32));
	const unsigned len = 1u << size;

	to[0] = (uint8_t)(major << 5 | (24 + size));
	v = __builtin_bswap64(v << (64 - 8 * len));
	memcpy(to + 1, &v, 8);
	return 1 + len;
}

static inline void
cbor_put_head_(struct cbor_w *w, unsigned major, uint64_t v)
{
	uint8_t tmp[CBOR_HEAD_MAX];
	size_t n;

	if ((size_t)(w->end - w->p) >= CBOR_HEAD_MAX) {
		if (v < 24)
			*w->p++ = (uint8_t)(major << 5 | v);
		else
			w->p += cbor_long_head_(w->p, major, v);
		return;
	}
	n = cbor_head_(tmp, major, v);
	if (cbor_room_(w, n)) {
		memcpy(w->p, tmp, n);
		w->p += n;
	}
}

static inline uint8_t *
cbor_head_at_(uint8_t *to, unsigned major, uint64_t v)
{
	if (v < 24) {
		*to = (uint8_t)(major << 5 | v);
		return to + 1;
	}
	return to + cbor_long_head_(to, major, v);
}

/*
 * Keys and numbers of the open map in a straight line: where the writer is
 * stays in registers.  Ascending keys are the caller's to see to.
 */
struct cbor_run {
	uint8_t *p, *end;
	uint32_t n;
};

static inline struct cbor_run
cbor_run_(const struct cbor_w *w)
{
	return (struct cbor_run){ w->p, w->end, 0 };
}

/* For one key and its number, however long. */
static inline bool
cbor_run_has_room_(const struct cbor_run *run)
{
	return run->end - run->p >= 2 * CBOR_HEAD_MAX;
}

static inline void
cbor_run_put_(struct cbor_run *run, uint64_t key, uint64_t v, bool negative)
{
	run->p = cbor_head_at_(run->p, CBOR_MAJOR_UINT, key);
	run->p = cbor_head_at_(run->p,
	    negative ? CBOR_MAJOR_NEGATIVE : CBOR_MAJOR_UINT,
	    negative ? ~v : v);
	run->n++;
}

static inline void
cbor_run_end_(struct cbor_w *w, const struct cbor_run *run)
{
	w->p = run->p;
	w->map[w->depth - 1].n += run->n;
}

static inline void
cbor_put_string_(struct cbor_w *w, unsigned major, struct slice s)
{
	cbor_put_head_(w, major, s.len);
	if (s.len > 0 && cbor_room_(w, s.len)) {
		memcpy(w->p, s.p, s.len);
		w->p += s.len;
	}
}

static inline void
cbor_put_key_(struct cbor_w *w, uint64_t key)
{
	struct cbor_open *m;

	CHECK(w->depth > 0);
	m = &w->map[w->depth - 1];
	CHECK(key >= m->next && key < UINT64_MAX);
	m->next = key + 1;
	m->n++;
	cbor_put_head_(w, CBOR_MAJOR_UINT, key);
}

static inline void
cbor_w_key(struct cbor_w *w, uint64_t key)
{
	cbor_put_key_(w, key);
}

static inline void
cbor_w_array(struct cbor_w *w, size_t n)
{
	cbor_put_head_(w, CBOR_MAJOR_ARRAY, n);
}

static inline void
cbor_w_u64(struct cbor_w *w, uint64_t v)
{
	cbor_put_head_(w, CBOR_MAJOR_UINT, v);
}

static inline void
cbor_put_i64_(struct cbor_w *w, int64_t v)
{
	if (v < 0)
		cbor_put_head_(w, CBOR_MAJOR_NEGATIVE, ~(uint64_t)v);
	else
		cbor_put_head_(w, CBOR_MAJOR_UINT, (uint64_t)v);
}

static inline void
cbor_w_i64(struct cbor_w *w, int64_t v)
{
	cbor_put_i64_(w, v);
}

static inline void
cbor_w_bool(struct cbor_w *w, bool v)
{
	cbor_put_head_(
	    w, CBOR_MAJOR_SIMPLE, v ? CBOR_SIMPLE_TRUE : CBOR_SIMPLE_FALSE);
}

static inline void
cbor_w_bytes(struct cbor_w *w, struct slice s)
{
	cbor_put_string_(w, CBOR_MAJOR_BYTES, s);
}

static inline void
cbor_w_text(struct cbor_w *w, struct slice s)
{
	cbor_put_string_(w, CBOR_MAJOR_TEXT, s);
}

/* reading */

static inline bool
cbor_bad_(struct cbor_r *r)
{
	r->bad = true;
	return false;
}

/* Sizes that the compiler knows make each a load and a swap. */
static inline uint64_t
cbor_get_be_(const uint8_t *p, size_t len)
{
	uint16_t two;
	uint32_t four;
	uint64_t eight;

	switch (len) {
	case 1:
		return p[0];
	case 2:
		memcpy(&two, p, sizeof(two));
		return __builtin_bswap16(two);
	case 4:
		memcpy(&four, p, sizeof(four));
		return __builtin_bswap32(four);
	default:
		memcpy(&eight, p, sizeof(eight));
		return __builtin_bswap64(eight);
	}
}

/* Of 1 << size bytes: would fewer have done? */
static inline __attribute__((always_inline)) bool
cbor_too_long_(unsigned size, uint64_t v)
{
	static const uint64_t least[4] = { 24, UINT64_C(1) << 8,
		UINT64_C(1) << 16, UINT64_C(1) << 32 };

	return v < least[size];
}

/* Of 1 << size bytes, where eight can be read: no branch for the size. */
static inline __attribute__((always_inline)) uint64_t
cbor_get_wide_(const uint8_t *p, unsigned size)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v) >> (64 - (8u << size));
}

/* The argument of more than 23: 1, 2, 4 or 8 bytes, as few as will do. */
static inline bool
cbor_long_argument_(struct cbor_r *r, unsigned info, uint64_t *v)
{
	const unsigned size = info - 24;
	size_t len;

	if (info > 27)
		return cbor_bad_(r); /* reserved, or of no stated length */
	len = (size_t)1 << size;
	if ((size_t)(r->end - r->p) < len)
		return cbor_bad_(r);
	*v = r->end - r->p >= 8 ? cbor_get_wide_(r->p, size)
				: cbor_get_be_(r->p, len);
	if (cbor_too_long_(size, *v))
		return cbor_bad_(r);
	r->p += len;
	return true;
}

static inline bool
cbor_take_head_(struct cbor_r *r, unsigned *major, uint64_t *v)
{
	unsigned first;

	if (r->bad || r->p == r->end)
		return cbor_bad_(r);
	first = *r->p++;
	*major = first >> 5;
	*v = first & 31;
	return *v < 24 || cbor_long_argument_(r, (unsigned)*v, v);
}

static inline bool
cbor_take_(struct cbor_r *r, unsigned want, uint64_t *v)
{
	unsigned major;

	return cbor_take_head_(r, &major, v) && (major == want || cbor_bad_(r));
}

static inline bool
cbor_is_bool_(unsigned major, uint64_t v)
{
	return major == CBOR_MAJOR_SIMPLE &&
	       (v == CBOR_SIMPLE_FALSE || v == CBOR_SIMPLE_TRUE);
}

static inline bool
cbor_r_array(struct cbor_r *r, uint64_t *n)
{
	if (!cbor_take_(r, CBOR_MAJOR_ARRAY, n))
		return false;
	return *n <= (size_t)(r->end - r->p) || cbor_bad_(r);
}

static inline bool
cbor_r_key(struct cbor_r *r, struct cbor_map *m, uint64_t *key)
{
	if (r->bad || m->left == 0)
		return false;
	if (r->p < r->end && *r->p < 24)
		*key = *r->p++;
	else if (!cbor_take_(r, CBOR_MAJOR_UINT, key))
		return false;
	if (*key < m->next || m->last)
		return cbor_bad_(r);
	m->last = *key == UINT64_MAX;
	m->next = *key + 1;
	m->left--;
	return true;
}

static inline bool
cbor_r_u64(struct cbor_r *r, uint64_t *out)
{
	if (!r->bad && r->p < r->end && *r->p < 24) {
		*out = *r->p++;
		return true;
	}
	return cbor_take_(r, CBOR_MAJOR_UINT, out);
}

static inline bool
cbor_r_i64(struct cbor_r *r, int64_t *out)
{
	unsigned major;
	uint64_t v;

	if (!cbor_take_head_(r, &major, &v))
		return false;
	if (major > CBOR_MAJOR_NEGATIVE || v > INT64_MAX)
		return cbor_bad_(r);
	*out = (int64_t)(major == CBOR_MAJOR_NEGATIVE ? ~v : v);
	return true;
}

static inline bool
cbor_r_bool(struct cbor_r *r, bool *out)
{
	unsigned major;
	uint64_t v;

	if (!cbor_take_head_(r, &major, &v))
		return false;
	*out = v == CBOR_SIMPLE_TRUE;
	return cbor_is_bool_(major, v) || cbor_bad_(r);
}

static inline bool
cbor_take_string_(struct cbor_r *r, unsigned major, struct slice *out)
{
	uint64_t len;

	if (!cbor_take_(r, major, &len))
		return false;
	if (len > (size_t)(r->end - r->p))
		return cbor_bad_(r);
	*out = (struct slice){ (const char *)r->p, (size_t)len };
	r->p += len;
	return true;
}

static inline bool
cbor_r_bytes(struct cbor_r *r, struct slice *out)
{
	return cbor_take_string_(r, CBOR_MAJOR_BYTES, out);
}

#endif
