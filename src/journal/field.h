/*
 * field.h - payloads: structs to deterministic CBOR and back, by table
 *
 * A table row says which field of fields.def a member of a struct is.  Rows
 * stand in rising order of the number, so what is written is canonical
 * (base/cbor.h).  The reader takes only what is: keys that a table does not
 * know are passed over, a mandatory one that is missing is FAULT_DATA.
 *
 * Threads:  pure functions.
 */
#ifndef KONTOR_JOURNAL_FIELD_H
#define KONTOR_JOURNAL_FIELD_H

#include "base/arena.h"
#include "base/base.h"
#include "base/cbor.h"
#include "base/fault.h"
#include "model/price.h"

enum field {
#define FIELD(number, name, type, text) FIELD_##name = number,
#include "journal/fields.def"
#undef FIELD
};

enum field_type {
	TYPE_U64,
	TYPE_UINT, /* unsigned, also enums */
	TYPE_I64,
	TYPE_BOOL,
	TYPE_B16, /* bytes of that many */
	TYPE_B32,
	TYPE_BYTES, /* struct slice; also text */
	TYPE_FAULT,
	TYPE_AS,    /* i64, left out when equal to the member at other */
	TYPE_OPT,   /* i64, there when the bool at other says so */
	TYPE_PAIRS, /* count at other, then struct field_list */
	TYPE_U64S,  /* count at other; array in place, at most max */
	TYPE_MAPS,  /* count at other; pointer to an array of structs */
	TYPE_LANE,  /* of the struct rates at: the lane other, when it has it */
	TYPE_STEPS, /* those of the struct price at */
	/* Read and never written: what earlier versions wrote. */
	TYPE_U64_OLD,
	TYPE_LANE_OLD
};

struct field_row {
	uint8_t field;
	uint8_t type;
	bool must;
	uint16_t at, other;
	const struct field_list *list;
};

/* How the elements of an array lie and what they are. */
struct field_list {
	size_t size, max;
	/* Pairs: two members; maps: their rows. */
	struct field_row first, second;
	const struct field_row *rows;
	size_t nrows;
};

/* --- writing ------------------------------------------------------------ */

void field_write(
    struct cbor_w *w, const void *v, const struct field_row *rows, size_t n);

/*
 * The same in a straight line, where the compiler sees the table: for what
 * every call writes.
 */
static inline void field_write_here(
    struct cbor_w *w, const void *v, const struct field_row *rows, size_t n);

/* --- reading ------------------------------------------------------------ */

/*
 * Fills *v, which the caller zeroed.  Slices borrow from payload; maps need
 * an arena (else NULL).
 */
enum fault field_read(struct slice payload, void *v,
    const struct field_row *rows, size_t n, struct arena *a) MUST_USE;

/* The same in a straight line, without maps: for what every call wrote. */
static inline enum fault field_read_here(struct slice payload, void *v,
    const struct field_row *rows, size_t n) MUST_USE;

/* --- private ------------------------------------------------------------- */

void field_put_(
    struct cbor_w *w, const void *v, const struct field_row *r, uint64_t n);

static inline const void *
field_at_(const void *v, size_t at)
{
	return (const char *)v + at;
}

static inline uint64_t
field_count_(const void *v, const struct field_row *r)
{
	unsigned n;

	memcpy(&n, field_at_(v, r->other), sizeof(n));
	return n;
}

/* A member as the number it is written as; what has none is 1 or 0. */
static inline uint64_t
field_number_(const void *v, const struct field_row *r)
{
	const void *p = field_at_(v, r->at);
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
		memcpy(&b, field_at_(v, r->other), sizeof(b));
		return b;
	case TYPE_AS:
		return memcmp(p, field_at_(v, r->other), sizeof(int64_t)) != 0;
	case TYPE_BYTES:
		return ((const struct slice *)p)->len;
	case TYPE_PAIRS:
	case TYPE_U64S:
	case TYPE_MAPS:
		return field_count_(v, r);
	case TYPE_LANE:
		return (((const struct rates *)p)->has >> r->other) & 1;
	case TYPE_STEPS:
		return ((const struct price *)p)->nsteps;
	case TYPE_U64_OLD:
	case TYPE_LANE_OLD:
		return 0;
	case TYPE_B16:
	case TYPE_B32:
		return 1;
	}
	return 0;
}

#define FIELD_INLINE_ static inline __attribute__((always_inline))

/* What is all head, a key and a number, is written without a call. */
FIELD_INLINE_ bool
field_is_plain_(const struct field_row *r)
{
	return r->type == TYPE_U64 || r->type == TYPE_UINT ||
	       r->type == TYPE_I64;
}

FIELD_INLINE_ void
field_write_row_(struct cbor_w *w, struct cbor_run *run, const void *v,
    const struct field_row *r)
{
	const uint64_t value = field_number_(v, r);

	if (value == 0 && !r->must)
		return;
	if (field_is_plain_(r) && cbor_run_has_room_(run)) {
		cbor_run_put_(run, r->field, value,
		    r->type == TYPE_I64 && (int64_t)value < 0);
		return;
	}
	cbor_run_end_(w, run);
	field_put_(w, v, r, value);
	*run = cbor_run_(w);
}

FIELD_INLINE_ void
field_write_here(
    struct cbor_w *w, const void *v, const struct field_row *rows, size_t n)
{
	struct cbor_run run;
	size_t i;

	cbor_w_map(w);
	run = cbor_run_(w);
#pragma GCC unroll 64
	for (i = 0; i < n; i++)
		field_write_row_(w, &run, v, &rows[i]);
	cbor_run_end_(w, &run);
	cbor_w_map_end(w);
}

/*
 * Where a reader is in a map: its members live in registers, so no call gets
 * its address.  The functions with a bool give false for what is not written
 * so; nothing is read after that.
 */
struct field_at {
	const uint8_t *p, *end;
	uint64_t left, key;
};

#define FIELD_NO_KEY UINT64_MAX

/* What is no number: its value, by the row's type; NULL: bad. */
const uint8_t *field_get_(const uint8_t *p, const uint8_t *end, void *v,
    const struct field_row *row, struct arena *a);
/* Passes the fields below that the table has no row for. */
bool field_pass_(struct field_at *c, uint64_t below);
/* A head near the end; NULL: bad. */
const uint8_t *field_head_(
    const uint8_t *p, const uint8_t *end, unsigned *major, uint64_t *n);

/* The next value's head. */
FIELD_INLINE_ bool
field_take_head_(struct field_at *c, unsigned *major, uint64_t *n)
{
	unsigned m, size;
	uint64_t v;

	if (__builtin_expect(
		c->end - c->p < CBOR_HEAD_MAX || (*c->p & 31) > 27, 0)) {
		c->p = field_head_(c->p, c->end, &m, &v);
		*major = m;
		*n = v;
		return c->p != NULL;
	}
	*major = *c->p >> 5;
	*n = *c->p++ & 31;
	if (*n < 24)
		return true;
	size = (unsigned)*n - 24;
	*n = cbor_get_wide_(c->p, size);
	c->p += 1u << size;
	return !cbor_too_long_(size, *n);
}

/* least: no key below it may come. */
FIELD_INLINE_ bool
field_key_(struct field_at *c, uint64_t least)
{
	unsigned major;

	if (c->left == 0) {
		c->key = FIELD_NO_KEY;
		return true;
	}
	c->left--;
	if (c->p < c->end && *c->p < 24)
		c->key = *c->p++;
	else if (!field_take_head_(c, &major, &c->key) ||
		 major != CBOR_MAJOR_UINT)
		return false;
	return c->key >= least && c->key != FIELD_NO_KEY;
}

FIELD_INLINE_ bool
field_take_plain_(struct field_at *c, void *v, const struct field_row *r)
{
	void *p = (char *)v + r->at;
	unsigned major, u;
	uint64_t n;

	if (!field_take_head_(c, &major, &n))
		return false;
	if (r->type == TYPE_I64) {
		if (major > CBOR_MAJOR_NEGATIVE || n > INT64_MAX)
			return false;
		n = major == CBOR_MAJOR_NEGATIVE ? ~n : n;
	} else if (major != CBOR_MAJOR_UINT) {
		return false;
	}
	if (r->type == TYPE_UINT) {
		u = (unsigned)n;
		memcpy(p, &u, sizeof(u));
		return n <= UINT32_MAX;
	}
	memcpy(p, &n, sizeof(n));
	return true;
}

/* A row whose field is not there: a fault, or its default. */
FIELD_INLINE_ bool
field_may_lack_(void *v, const struct field_row *r)
{
	if (r->type == TYPE_AS)
		memcpy(
		    (char *)v + r->at, field_at_(v, r->other), sizeof(int64_t));
	return !r->must;
}

FIELD_INLINE_ bool
field_reach_(struct field_at *c, uint64_t key)
{
	struct field_at at;

	if (__builtin_expect(c->key >= key, 1))
		return true;
	at = *c;
	if (!field_pass_(&at, key))
		return false;
	*c = at;
	return true;
}

FIELD_INLINE_ bool
field_read_row_(
    struct field_at *c, void *v, const struct field_row *r, struct arena *a)
{
	if (!field_reach_(c, r->field))
		return false;
	if (c->key != r->field)
		return field_may_lack_(v, r);
	if (field_is_plain_(r)) {
		if (!field_take_plain_(c, v, r))
			return false;
	} else {
		c->p = field_get_(c->p, c->end, v, r, a);
		if (c->p == NULL)
			return false;
	}
	return field_key_(c, r->field + 1u);
}

FIELD_INLINE_ bool
field_begin_(struct field_at *c, const uint8_t *p, const uint8_t *end)
{
	unsigned major;

	*c = (struct field_at){ .p = p, .end = end };
	return field_take_head_(c, &major, &c->left) &&
	       major == CBOR_MAJOR_MAP && field_key_(c, 0);
}

/* Where the map ends; NULL: bad. */
FIELD_INLINE_ const uint8_t *
field_end_(struct field_at *c)
{
	return field_reach_(c, FIELD_NO_KEY) ? c->p : NULL;
}

FIELD_INLINE_ enum fault
field_read_here(
    struct slice payload, void *v, const struct field_row *rows, size_t n)
{
	const uint8_t *p = (const uint8_t *)payload.p, *end = p + payload.len;
	struct field_at c;
	size_t i;

	if (payload.len == 0 || !field_begin_(&c, p, end))
		return FAULT_DATA;
#pragma GCC unroll 64
	for (i = 0; i < n; i++) {
		if (!field_read_row_(&c, v, &rows[i], NULL))
			return FAULT_DATA;
	}
	return field_end_(&c) == end ? FAULT_NONE : FAULT_DATA;
}

#endif
