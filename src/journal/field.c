#include "journal/field.h"

/* Major types of CBOR. */
enum { UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };

enum { HEAD_MAX = 9, FALSE_BYTE = 0xf4, TRUE_BYTE = 0xf5, SHORT_MAP = 23 };

static const void *
member(const void *v, size_t at)
{
	return (const char *)v + at;
}

static void *
member_rw(void *v, size_t at)
{
	return (char *)v + at;
}

/* --- writing ------------------------------------------------------------ */

/* Room for the longest head is asked for, so one test does for most. */
static void
put_head(struct field_out *o, unsigned major, uint64_t v)
{
	unsigned char *u = (unsigned char *)o->p;
	unsigned len, i;

	if (o->end - o->p < HEAD_MAX) {
		o->full = true;
		return;
	}
	if (v < 24) {
		u[0] = (unsigned char)(major << 5 | v);
		o->p += 1;
		return;
	}
	i = v <= 0xff ? 0 : v <= 0xffff ? 1 : v <= 0xffffffff ? 2 : 3;
	len = 1u << i;
	u[0] = (unsigned char)(major << 5 | (24 + i));
	v = __builtin_bswap64(v << (64 - 8 * len));
	memcpy(u + 1, &v, len);
	o->p += 1 + len;
}

static void
put_int(struct field_out *o, int64_t v)
{
	if (v < 0)
		put_head(o, NEGATIVE, ~(uint64_t)v);
	else
		put_head(o, UINT, (uint64_t)v);
}

static void
put_string(struct field_out *o, unsigned major, const void *p, size_t len)
{
	put_head(o, major, len);
	if (o->full || (size_t)(o->end - o->p) < len) {
		o->full = true;
		return;
	}
	memcpy(o->p, p, len);
	o->p += len;
}

static void
put_bool(struct field_out *o, bool v)
{
	put_head(o, SIMPLE, v ? 21 : 20);
}

static uint64_t
count_at(const void *v, const struct field_row *r)
{
	unsigned n;

	memcpy(&n, member(v, r->other), sizeof(n));
	return n;
}

/* A member as the number it is written as; what has none is 1 or 0. */
static uint64_t
number(const void *v, const struct field_row *r)
{
	const void *p = member(v, r->at);
	uint64_t u64;
	unsigned u;
	bool b;

	switch ((enum field_type)r->type) {
	case TYPE_U64:
	case TYPE_I64:
		memcpy(&u64, p, sizeof(u64));
		return u64;
	case TYPE_UINT:
	case TYPE_FAULT:
		memcpy(&u, p, sizeof(u));
		return u;
	case TYPE_BOOL:
		memcpy(&b, p, sizeof(b));
		return b;
	case TYPE_OPT:
		memcpy(&b, member(v, r->other), sizeof(b));
		return b;
	case TYPE_AS:
		return memcmp(p, member(v, r->other), sizeof(int64_t)) != 0;
	case TYPE_BYTES:
		return ((const struct slice *)p)->len;
	case TYPE_PAIRS:
	case TYPE_U64S:
	case TYPE_MAPS:
		return count_at(v, r);
	case TYPE_B16:
	case TYPE_B32:
		return 1;
	}
	return 0;
}

static bool
is_text(unsigned field)
{
	switch (field) {
#define TEXT_uint false
#define TEXT_int false
#define TEXT_bool false
#define TEXT_bytes false
#define TEXT_chain false
#define TEXT_tries false
#define TEXT_maps false
#define TEXT_uints false
#define TEXT_text true
#define FIELD(no, name, type, text) \
	case no: \
		return TEXT_##type;
#include "journal/fields.def"
#undef FIELD
	default:
		return false;
	}
}

static void
put_pairs(struct field_out *o, const void *v, const struct field_row *r)
{
	const struct field_list *l = r->list;
	const char *p = member(v, r->at);
	uint64_t i, n = count_at(v, r);

	CHECK(n <= l->max);
	put_head(o, ARRAY, 2 * n);
	for (i = 0; i < n; i++, p += l->size) {
		put_head(o, UINT, number(p, &l->first));
		put_head(o, UINT, number(p, &l->second));
	}
}

static void
put_u64s(struct field_out *o, const void *v, const struct field_row *r)
{
	const uint64_t *p = member(v, r->at);
	uint64_t i, n = count_at(v, r);

	CHECK(n <= r->list->max);
	put_head(o, ARRAY, n);
	for (i = 0; i < n; i++)
		put_head(o, UINT, p[i]);
}

static void put_map(
    struct field_out *o, const void *v, const struct field_row *rows, size_t n);

/* One level deep: a list inside a list would need a table of ours. */
static void
put_maps(struct field_out *o, const void *v, const struct field_row *r)
{
	const struct field_list *l = r->list;
	const char *p = *(const char *const *)member(v, r->at);
	uint64_t i, n = count_at(v, r);

	CHECK(n <= l->max);
	put_head(o, ARRAY, n);
	for (i = 0; i < n; i++, p += l->size)
		put_map(o, p, l->rows, l->nrows);
}

static void
put_value(
    struct field_out *o, const void *v, const struct field_row *r, uint64_t n)
{
	const void *p = member(v, r->at);
	const struct slice *s = p;
	const char *name;

	switch ((enum field_type)r->type) {
	case TYPE_U64:
	case TYPE_UINT:
		put_head(o, UINT, n);
		return;
	case TYPE_I64:
	case TYPE_AS:
	case TYPE_OPT:
		put_int(o, *(const int64_t *)p);
		return;
	case TYPE_BOOL:
		put_bool(o, n != 0);
		return;
	case TYPE_B16:
		put_string(o, BYTES, p, 16);
		return;
	case TYPE_B32:
		put_string(o, BYTES, p, 32);
		return;
	case TYPE_BYTES:
		put_string(o, is_text(r->field) ? TEXT : BYTES, s->p, s->len);
		return;
	case TYPE_FAULT:
		name = fault_get((enum fault)n)->name;
		put_string(o, TEXT, name, strlen(name));
		return;
	case TYPE_PAIRS:
		put_pairs(o, v, r);
		return;
	case TYPE_U64S:
		put_u64s(o, v, r);
		return;
	case TYPE_MAPS:
		put_maps(o, v, r);
		return;
	}
}

/*
 * The count is known last: one byte is left for it, and the rare map of more
 * than 23 pairs is moved up by one.
 */
static void
put_map(struct field_out *o, const void *v, const struct field_row *rows,
    size_t nrows)
{
	char *start = o->p;
	size_t i, n = 0;

	if (o->end - o->p < 2) {
		o->full = true;
		return;
	}
	o->p++;
	for (i = 0; i < nrows; i++) {
		const uint64_t value = number(v, &rows[i]);

		if (value == 0 && !rows[i].must)
			continue;
		put_head(o, UINT, rows[i].field);
		put_value(o, v, &rows[i], value);
		n++;
	}
	if (n > SHORT_MAP && !o->full) {
		if (o->end == o->p) {
			o->full = true;
			return;
		}
		memmove(start + 2, start + 1, (size_t)(o->p - start - 1));
		o->p++;
		start[1] = (char)n;
		n = 24;
	}
	*start = (char)(MAP << 5 | n);
}

void
field_write(
    struct field_out *o, const void *v, const struct field_row *rows, size_t n)
{
	put_map(o, v, rows, n);
}

/* --- reading ------------------------------------------------------------ */

struct in {
	const unsigned char *p, *end;
	struct arena *arena;
	bool bad; /* sticky */
};

/* The next head, in its shortest form and of a definite length. */
static uint64_t
take_head(struct in *in, unsigned *major)
{
	uint64_t v;
	unsigned len, i;

	*major = SIMPLE;
	if (in->bad || in->p == in->end) {
		in->bad = true;
		return 0;
	}
	*major = *in->p >> 5;
	v = *in->p++ & 31;
	if (v < 24)
		return v;
	len = 1u << (v - 24);
	if (v > 27 || (size_t)(in->end - in->p) < len) {
		in->bad = true;
		return 0;
	}
	for (v = 0, i = 0; i < len; i++)
		v = v << 8 | *in->p++;
	/* A shorter head would have done. */
	if (v < 24 || (len > 1 && v >> (4 * len) == 0))
		in->bad = true;
	return v;
}

static uint64_t
take(struct in *in, unsigned wanted)
{
	unsigned major;
	const uint64_t v = take_head(in, &major);

	if (major != wanted)
		in->bad = true;
	return in->bad ? 0 : v;
}

static struct slice
take_string(struct in *in, unsigned major)
{
	const uint64_t len = take(in, major);
	struct slice s = { (const char *)in->p, 0 };

	if (len > (size_t)(in->end - in->p)) {
		in->bad = true;
		return s;
	}
	s.len = len;
	in->p += len;
	return s;
}

static int64_t
take_int(struct in *in)
{
	unsigned major;
	const uint64_t v = take_head(in, &major);

	if (v > INT64_MAX || major > NEGATIVE)
		in->bad = true;
	if (in->bad)
		return 0;
	return major == NEGATIVE ? -1 - (int64_t)v : (int64_t)v;
}

/* Passes one item of any kind; nesting is counted, not followed. */
static void
skip(struct in *in)
{
	uint64_t left = 1, v;
	unsigned major;

	while (left > 0 && !in->bad) {
		const size_t most = (size_t)(in->end - in->p);

		v = take_head(in, &major);
		left--;
		if (major == BYTES || major == TEXT) {
			if (v > (size_t)(in->end - in->p))
				in->bad = true;
			else
				in->p += v;
		} else if (major == ARRAY || major == MAP) {
			if (v > most)
				in->bad = true;
			else
				left += major == MAP ? 2 * v : v;
		} else if (major == TAG) {
			left++;
		}
		if (left > most)
			in->bad = true;
	}
}

static void
store(struct in *in, void *v, const struct field_row *r, uint64_t n)
{
	void *p = member_rw(v, r->at);
	const unsigned u = (unsigned)n;
	const bool b = n != 0;

	if (r->type == TYPE_BOOL)
		memcpy(p, &b, sizeof(b));
	else if (r->type == TYPE_U64)
		memcpy(p, &n, sizeof(n));
	else if (n <= UINT32_MAX)
		memcpy(p, &u, sizeof(u));
	else
		in->bad = true;
}

static void
get_fixed(struct in *in, void *p, size_t len)
{
	const struct slice s = take_string(in, BYTES);

	if (s.len != len)
		in->bad = true;
	else
		memcpy(p, s.p, len);
}

/* A name that a later version made is a fault we have no better word for. */
static void
get_fault(struct in *in, void *v, const struct field_row *r)
{
	const struct slice s = take_string(in, TEXT);
	unsigned i;

	for (i = 0; i < FAULT_MAX; i++) {
		if (slice_eq(s, slice_of(fault_get((enum fault)i)->name)))
			break;
	}
	store(in, v, r, i < FAULT_MAX ? i : FAULT_INTERNAL);
}

static void
set_count(void *v, const struct field_row *r, uint64_t n)
{
	const unsigned u = (unsigned)n;

	memcpy(member_rw(v, r->other), &u, sizeof(u));
}

static void
get_pairs(struct in *in, void *v, const struct field_row *r)
{
	const struct field_list *l = r->list;
	char *p = member_rw(v, r->at);
	uint64_t i, n = take(in, ARRAY);

	if (n % 2 != 0 || n / 2 > l->max)
		in->bad = true;
	for (i = 0; i < n / 2 && !in->bad; i++, p += l->size) {
		store(in, p, &l->first, take(in, UINT));
		store(in, p, &l->second, take(in, UINT));
	}
	set_count(v, r, n / 2);
}

static void
get_u64s(struct in *in, void *v, const struct field_row *r)
{
	uint64_t *p = member_rw(v, r->at);
	uint64_t i, n = take(in, ARRAY);

	if (n > r->list->max)
		in->bad = true;
	for (i = 0; i < n && !in->bad; i++)
		p[i] = take(in, UINT);
	set_count(v, r, n);
}

static void get_map(
    struct in *in, void *v, const struct field_row *rows, size_t n);

/* Each map is a byte at least: what is allocated stays within 500 x that. */
static void
get_maps(struct in *in, void *v, const struct field_row *r)
{
	const struct field_list *l = r->list;
	uint64_t i, n = take(in, ARRAY);
	char *p;

	if (n > l->max || n > (size_t)(in->end - in->p))
		in->bad = true;
	if (in->bad || in->arena == NULL) {
		in->bad = true;
		return;
	}
	p = arena_new(in->arena, n * l->size);
	*(char **)member_rw(v, r->at) = p;
	set_count(v, r, n);
	for (i = 0; i < n && !in->bad; i++, p += l->size)
		get_map(in, p, l->rows, l->nrows);
}

static void
get_opt(struct in *in, void *v, const struct field_row *r)
{
	const bool there = true;

	*(int64_t *)member_rw(v, r->at) = take_int(in);
	memcpy(member_rw(v, r->other), &there, sizeof(there));
}

static void
get_bool(struct in *in, void *v, const struct field_row *r)
{
	const uint64_t n = take(in, SIMPLE);

	if (n != 20 && n != 21)
		in->bad = true;
	store(in, v, r, n == 21);
}

static void
get_value(struct in *in, void *v, const struct field_row *r)
{
	void *p = member_rw(v, r->at);

	switch ((enum field_type)r->type) {
	case TYPE_U64:
	case TYPE_UINT:
		store(in, v, r, take(in, UINT));
		return;
	case TYPE_I64:
	case TYPE_AS:
		*(int64_t *)p = take_int(in);
		return;
	case TYPE_OPT:
		get_opt(in, v, r);
		return;
	case TYPE_BOOL:
		get_bool(in, v, r);
		return;
	case TYPE_B16:
		get_fixed(in, p, 16);
		return;
	case TYPE_B32:
		get_fixed(in, p, 32);
		return;
	case TYPE_BYTES:
		*(struct slice *)p =
		    take_string(in, is_text(r->field) ? TEXT : BYTES);
		return;
	case TYPE_FAULT:
		get_fault(in, v, r);
		return;
	case TYPE_PAIRS:
		get_pairs(in, v, r);
		return;
	case TYPE_U64S:
		get_u64s(in, v, r);
		return;
	case TYPE_MAPS:
		get_maps(in, v, r);
		return;
	}
}

/* A row whose field is not there: a fault, or its default. */
static void
absent(struct in *in, void *v, const struct field_row *r)
{
	if (r->must)
		in->bad = true;
	else if (r->type == TYPE_AS)
		memcpy(
		    member_rw(v, r->at), member(v, r->other), sizeof(int64_t));
}

static void
get_map(struct in *in, void *v, const struct field_row *rows, size_t n)
{
	uint64_t pairs = take(in, MAP), key, before = 0, i;
	size_t at = 0;

	for (i = 0; i < pairs && !in->bad; i++) {
		key = take(in, UINT);
		if (i > 0 && key <= before)
			in->bad = true;
		before = key;
		while (at < n && rows[at].field < key)
			absent(in, v, &rows[at++]);
		if (at < n && rows[at].field == key)
			get_value(in, v, &rows[at++]);
		else
			skip(in);
	}
	while (at < n)
		absent(in, v, &rows[at++]);
}

enum fault
field_read(struct slice payload, void *v, const struct field_row *rows,
    size_t n, struct arena *a)
{
	struct in in = {
		.p = (const unsigned char *)payload.p,
		.end = (const unsigned char *)payload.p + payload.len,
		.arena = a,
	};

	get_map(&in, v, rows, n);
	return in.bad || in.p != in.end ? FAULT_DATA : FAULT_NONE;
}
