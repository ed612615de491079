#include "base/cbor.h"

#include "base/text.h"

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

void
cbor_w_map(struct cbor_w *w)
{
	struct cbor_open *m = &w->map[w->depth];

	CHECK(w->depth < CBOR_DEPTH_MAX);
	m->head = w->p;
	m->next = 0;
	m->n = 0;
	w->depth++;
	if (cbor_room_(w, 1))
		w->p++;
}

void
cbor_w_map_end(struct cbor_w *w)
{
	uint8_t tmp[CBOR_HEAD_MAX];
	struct cbor_open *m;
	size_t n, body;

	CHECK(w->depth > 0);
	m = &w->map[--w->depth];
	if (w->full)
		return;
	n = cbor_head_(tmp, CBOR_MAJOR_MAP, m->n);
	body = (size_t)(w->p - m->head - 1);
	if (n > 1) { /* 24 keys and more: one byte was not enough */
		if (!cbor_room_(w, n - 1))
			return;
		memmove(m->head + n, m->head + 1, body);
		w->p += n - 1;
	}
	memcpy(m->head, tmp, n);
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

bool
cbor_r_peek(struct cbor_r *r, enum cbor_type *type)
{
	unsigned major;

	if (r->bad || r->p == r->end)
		return false;
	major = *r->p >> 5;
	if (major <= CBOR_MAJOR_MAP) {
		*type = (enum cbor_type)major;
		return true;
	}
	if (!cbor_is_bool_(major, *r->p & 31u))
		return cbor_bad_(r);
	*type = CBOR_BOOL;
	return true;
}

/* A value has a byte at least: no count may promise more than is there. */
bool
cbor_r_map(struct cbor_r *r, struct cbor_map *m)
{
	*m = (struct cbor_map){ 0 };
	if (!cbor_take_(r, CBOR_MAJOR_MAP, &m->left))
		return false;
	return m->left <= (size_t)(r->end - r->p) / 2 || cbor_bad_(r);
}

bool
cbor_r_text(struct cbor_r *r, struct slice *out)
{
	return cbor_take_string_(r, CBOR_MAJOR_TEXT, out) &&
	       (utf8_valid(*out) || cbor_bad_(r));
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
		return cbor_bad_(r);
	}
}

static bool
skip_one(struct cbor_r *r, struct level *levels, unsigned *depth)
{
	enum cbor_type type;
	struct level *l;

	if (!cbor_r_peek(r, &type))
		return cbor_bad_(r);
	if (type != CBOR_ARRAY && type != CBOR_MAP)
		return skip_scalar(r, type);
	if (*depth == CBOR_DEPTH_MAX)
		return cbor_bad_(r);
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
