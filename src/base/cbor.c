#include "base/cbor.h"

#include "base/text.h"

enum {
	MAJOR_UINT,
	MAJOR_NEGATIVE,
	MAJOR_BYTES,
	MAJOR_TEXT,
	MAJOR_ARRAY,
	MAJOR_MAP,
	MAJOR_SIMPLE = 7
};
enum { SIMPLE_FALSE = 20, SIMPLE_TRUE = 21, HEAD_MAX = 9 };

/* --- writer ---------------------------------------------------------- */

void
cbor_w_init(struct cbor_w *w, void *out, size_t len)
{
	w->start = w->p = out;
	w->end = w->p + len;
	w->full = false;
	w->depth = 0;
}

struct slice
cbor_w_slice(const struct cbor_w *w)
{
	if (w->full || w->depth > 0)
		return S("");
	return (
	    struct slice){ (const char *)w->start, (size_t)(w->p - w->start) };
}

static inline bool
room(struct cbor_w *w, size_t len)
{
	if ((size_t)(w->end - w->p) >= len)
		return true;
	w->full = true;
	w->end = w->p; /* nothing smaller may slip in behind */
	return false;
}

/* Big endian; compiles to one swap and one store. */
static inline void
put_be(uint8_t *to, uint64_t v, size_t len)
{
	v = __builtin_bswap64(v << (64 - 8 * len));
	memcpy(to, &v, len);
}

/* The shortest head; gives its length, for which to must have room. */
static inline size_t
head(uint8_t *to, unsigned major, uint64_t v)
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
		put_be(to + 1, v, 2);
		return 3;
	}
	if (v <= UINT32_MAX) {
		to[0] = top | 26;
		put_be(to + 1, v, 4);
		return 5;
	}
	to[0] = top | 27;
	put_be(to + 1, v, 8);
	return 9;
}

static inline void
put_head(struct cbor_w *w, unsigned major, uint64_t v)
{
	uint8_t tmp[HEAD_MAX];
	size_t n;

	if ((size_t)(w->end - w->p) >= HEAD_MAX) {
		w->p += head(w->p, major, v);
		return;
	}
	n = head(tmp, major, v);
	if (room(w, n)) {
		memcpy(w->p, tmp, n);
		w->p += n;
	}
}

static inline void
put_string(struct cbor_w *w, unsigned major, struct slice s)
{
	put_head(w, major, s.len);
	if (s.len > 0 && room(w, s.len)) {
		memcpy(w->p, s.p, s.len);
		w->p += s.len;
	}
}

void
cbor_w_map(struct cbor_w *w)
{
	struct cbor_open *m = &w->map[w->depth];

	CHECK(w->depth < CBOR_DEPTH_MAX);
	m->head = w->p;
	m->next = 0;
	m->n = 0;
	w->depth++;
	if (room(w, 1))
		w->p++;
}

void
cbor_w_map_end(struct cbor_w *w)
{
	uint8_t tmp[HEAD_MAX];
	struct cbor_open *m;
	size_t n, body;

	CHECK(w->depth > 0);
	m = &w->map[--w->depth];
	if (w->full)
		return;
	n = head(tmp, MAJOR_MAP, m->n);
	body = (size_t)(w->p - m->head - 1);
	if (n > 1) { /* 24 keys and more: one byte was not enough */
		if (!room(w, n - 1))
			return;
		memmove(m->head + n, m->head + 1, body);
		w->p += n - 1;
	}
	memcpy(m->head, tmp, n);
}

static inline void
put_key(struct cbor_w *w, uint64_t key)
{
	struct cbor_open *m;

	CHECK(w->depth > 0);
	m = &w->map[w->depth - 1];
	CHECK(key >= m->next && key < UINT64_MAX);
	m->next = key + 1;
	m->n++;
	put_head(w, MAJOR_UINT, key);
}

void
cbor_w_key(struct cbor_w *w, uint64_t key)
{
	put_key(w, key);
}

void
cbor_w_array(struct cbor_w *w, size_t n)
{
	put_head(w, MAJOR_ARRAY, n);
}

void
cbor_w_u64(struct cbor_w *w, uint64_t v)
{
	put_head(w, MAJOR_UINT, v);
}

static inline void
put_i64(struct cbor_w *w, int64_t v)
{
	if (v < 0)
		put_head(w, MAJOR_NEGATIVE, ~(uint64_t)v);
	else
		put_head(w, MAJOR_UINT, (uint64_t)v);
}

void
cbor_w_i64(struct cbor_w *w, int64_t v)
{
	put_i64(w, v);
}

void
cbor_w_bool(struct cbor_w *w, bool v)
{
	put_head(w, MAJOR_SIMPLE, v ? SIMPLE_TRUE : SIMPLE_FALSE);
}

void
cbor_w_bytes(struct cbor_w *w, struct slice s)
{
	put_string(w, MAJOR_BYTES, s);
}

void
cbor_w_text(struct cbor_w *w, struct slice s)
{
	put_string(w, MAJOR_TEXT, s);
}

void
cbor_w_ku64(struct cbor_w *w, uint64_t key, uint64_t v)
{
	put_key(w, key);
	put_head(w, MAJOR_UINT, v);
}

void
cbor_w_ki64(struct cbor_w *w, uint64_t key, int64_t v)
{
	put_key(w, key);
	put_i64(w, v);
}

void
cbor_w_kbool(struct cbor_w *w, uint64_t key, bool v)
{
	put_key(w, key);
	put_head(w, MAJOR_SIMPLE, v ? SIMPLE_TRUE : SIMPLE_FALSE);
}

void
cbor_w_kbytes(struct cbor_w *w, uint64_t key, struct slice s)
{
	put_key(w, key);
	put_string(w, MAJOR_BYTES, s);
}

void
cbor_w_ktext(struct cbor_w *w, uint64_t key, struct slice s)
{
	put_key(w, key);
	put_string(w, MAJOR_TEXT, s);
}

/* --- reader ---------------------------------------------------------- */

struct cbor_r
cbor_r(struct slice s)
{
	const uint8_t *p = (const uint8_t *)s.p;

	/* Not NULL, so that pointers may be added to. */
	if (s.len == 0)
		p = (const uint8_t *)"";
	return (struct cbor_r){ p, p + s.len, false };
}

static bool
bad(struct cbor_r *r)
{
	r->bad = true;
	return false;
}

/* Sizes that the compiler knows make each a load and a swap. */
static inline uint64_t
get_be(const uint8_t *p, size_t len)
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

/* The argument of more than 23: 1, 2, 4 or 8 bytes, as few as will do. */
static inline bool
long_argument(struct cbor_r *r, unsigned info, uint64_t *v)
{
	static const uint64_t least[4] = { 24, UINT64_C(1) << 8,
		UINT64_C(1) << 16, UINT64_C(1) << 32 };
	size_t len;

	if (info > 27)
		return bad(r); /* reserved, or of no stated length */
	len = (size_t)1 << (info - 24);
	if ((size_t)(r->end - r->p) < len)
		return bad(r);
	*v = get_be(r->p, len);
	if (*v < least[info - 24])
		return bad(r);
	r->p += len;
	return true;
}

static inline bool
take_head(struct cbor_r *r, unsigned *major, uint64_t *v)
{
	unsigned first;

	if (r->bad || r->p == r->end)
		return bad(r);
	first = *r->p++;
	*major = first >> 5;
	*v = first & 31;
	return *v < 24 || long_argument(r, (unsigned)*v, v);
}

static inline bool
take(struct cbor_r *r, unsigned want, uint64_t *v)
{
	unsigned major;

	return take_head(r, &major, v) && (major == want || bad(r));
}

static bool
is_bool(unsigned major, uint64_t v)
{
	return major == MAJOR_SIMPLE && (v == SIMPLE_FALSE || v == SIMPLE_TRUE);
}

bool
cbor_r_peek(struct cbor_r *r, enum cbor_type *type)
{
	unsigned major;

	if (r->bad || r->p == r->end)
		return false;
	major = *r->p >> 5;
	if (major <= MAJOR_MAP) {
		*type = (enum cbor_type)major;
		return true;
	}
	if (!is_bool(major, *r->p & 31u))
		return bad(r);
	*type = CBOR_BOOL;
	return true;
}

/* A value has a byte at least: no count may promise more than is there. */
bool
cbor_r_map(struct cbor_r *r, struct cbor_map *m)
{
	*m = (struct cbor_map){ 0 };
	if (!take(r, MAJOR_MAP, &m->left))
		return false;
	return m->left <= (size_t)(r->end - r->p) / 2 || bad(r);
}

bool
cbor_r_array(struct cbor_r *r, uint64_t *n)
{
	if (!take(r, MAJOR_ARRAY, n))
		return false;
	return *n <= (size_t)(r->end - r->p) || bad(r);
}

bool
cbor_r_key(struct cbor_r *r, struct cbor_map *m, uint64_t *key)
{
	if (r->bad || m->left == 0)
		return false;
	if (!take(r, MAJOR_UINT, key))
		return false;
	if (*key < m->next || m->last)
		return bad(r);
	m->last = *key == UINT64_MAX;
	m->next = *key + 1;
	m->left--;
	return true;
}

bool
cbor_r_u64(struct cbor_r *r, uint64_t *out)
{
	return take(r, MAJOR_UINT, out);
}

bool
cbor_r_i64(struct cbor_r *r, int64_t *out)
{
	unsigned major;
	uint64_t v;

	if (!take_head(r, &major, &v))
		return false;
	if (major > MAJOR_NEGATIVE || v > INT64_MAX)
		return bad(r);
	*out = (int64_t)(major == MAJOR_NEGATIVE ? ~v : v);
	return true;
}

bool
cbor_r_bool(struct cbor_r *r, bool *out)
{
	unsigned major;
	uint64_t v;

	if (!take_head(r, &major, &v))
		return false;
	*out = v == SIMPLE_TRUE;
	return is_bool(major, v) || bad(r);
}

static inline bool
take_string(struct cbor_r *r, unsigned major, struct slice *out)
{
	uint64_t len;

	if (!take(r, major, &len))
		return false;
	if (len > (size_t)(r->end - r->p))
		return bad(r);
	*out = (struct slice){ (const char *)r->p, (size_t)len };
	r->p += len;
	return true;
}

bool
cbor_r_bytes(struct cbor_r *r, struct slice *out)
{
	return take_string(r, MAJOR_BYTES, out);
}

bool
cbor_r_text(struct cbor_r *r, struct slice *out)
{
	return take_string(r, MAJOR_TEXT, out) && (utf8_valid(*out) || bad(r));
}

/* One container that cbor_r_skip() is in. */
struct level {
	struct cbor_map map;
	uint64_t items; /* of an array */
};

static bool
skip_scalar(struct cbor_r *r, enum cbor_type type)
{
	struct slice s;
	uint64_t u;
	int64_t i;
	bool b;

	switch (type) {
	case CBOR_UINT:
		return cbor_r_u64(r, &u);
	case CBOR_NEGATIVE:
		return cbor_r_i64(r, &i);
	case CBOR_BYTES:
		return cbor_r_bytes(r, &s);
	case CBOR_TEXT:
		return cbor_r_text(r, &s);
	case CBOR_BOOL:
		return cbor_r_bool(r, &b);
	case CBOR_ARRAY:
	case CBOR_MAP:
	default:
		return bad(r);
	}
}

static bool
skip_one(struct cbor_r *r, struct level *levels, unsigned *depth)
{
	enum cbor_type type;
	struct level *l;

	if (!cbor_r_peek(r, &type))
		return bad(r);
	if (type != CBOR_ARRAY && type != CBOR_MAP)
		return skip_scalar(r, type);
	if (*depth == CBOR_DEPTH_MAX)
		return bad(r);
	l = &levels[(*depth)++];
	*l = (struct level){ 0 };
	return type == CBOR_MAP ? cbor_r_map(r, &l->map)
				: cbor_r_array(r, &l->items);
}

/* Leaves what is full; true when a value is due. */
static bool
due(struct cbor_r *r, struct level *levels, unsigned *depth)
{
	struct level *l;
	uint64_t key;

	for (; *depth > 0; (*depth)--) {
		l = &levels[*depth - 1];
		if (l->items > 0) {
			l->items--;
			return true;
		}
		if (cbor_r_key(r, &l->map, &key))
			return true;
		if (r->bad)
			return false;
	}
	return false;
}

bool
cbor_r_skip(struct cbor_r *r)
{
	struct level levels[CBOR_DEPTH_MAX];
	unsigned depth = 0;

	do {
		if (!skip_one(r, levels, &depth))
			return false;
	} while (due(r, levels, &depth));
	return !r->bad;
}

bool
cbor_r_end(const struct cbor_r *r)
{
	return !r->bad && r->p == r->end;
}
