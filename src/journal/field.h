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

/* --- reading ------------------------------------------------------------ */

/*
 * Fills *v, which the caller zeroed.  Slices borrow from payload; maps need
 * an arena (else NULL).
 */
enum fault field_read(struct slice payload, void *v,
    const struct field_row *rows, size_t n, struct arena *a) MUST_USE;

#endif
