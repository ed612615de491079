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
static inline void field_write_rows(
    struct cbor_w *w, const void *v, const struct field_row *rows, size_t n);

/* --- reading ------------------------------------------------------------ */

/*
 * Fills *v, which the caller zeroed.  Slices borrow from payload; maps need
 * an arena (else NULL).
 */
enum fault field_read(struct slice payload, void *v,
    const struct field_row *rows, size_t n, struct arena *a) MUST_USE;

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

static inline __attribute__((always_inline)) void
field_write_rows(
    struct cbor_w *w, const void *v, const struct field_row *rows, size_t n)
{
	uint64_t value;
	size_t i;

	cbor_w_map(w);
#pragma GCC unroll 64
	for (i = 0; i < n; i++) {
		value = field_number_(v, &rows[i]);
		if (value != 0 || rows[i].must)
			field_put_(w, v, &rows[i], value);
	}
	cbor_w_map_end(w);
}

#endif
