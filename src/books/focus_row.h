/*
 * focus_row.h - one row of a FOCUS export: cells, and how they are written
 */
#ifndef KONTOR_BOOKS_FOCUS_ROW_H
#define KONTOR_BOOKS_FOCUS_ROW_H

#include "base/base.h"
#include "base/buf.h"

enum focus_column {
#define FOCUS(NAME, text, kind) FOCUS_##NAME,
#include "books/focus.def"
#undef FOCUS
	FOCUS_COLUMNS
};

/* Decimals that a cost may have: 12 of a rate, 8 of a percentage. */
enum { FOCUS_DECIMALS = 20 };

/* Zeroed is empty: every cell is null. */
struct focus_row {
	struct buf cell[FOCUS_COLUMNS]; /* empty: null */
};

void focus_row_clear(struct focus_row *r);
void focus_row_fini(struct focus_row *r);
/* An empty text is null. */
void focus_set(struct focus_row *r, enum focus_column c, struct slice text);
/* In units of 10^-decimals; 0 is a number, not null. */
void focus_set_number(
    struct focus_row *r, enum focus_column c, int128 v, unsigned decimals);
/* "2026-11-25T10:00:00Z" */
void focus_set_time(struct focus_row *r, enum focus_column c, int64_t second);

void focus_write_header(struct buf *out);
void focus_write_csv(const struct focus_row *r, struct buf *out);
void focus_write_json(const struct focus_row *r, struct buf *out);

#endif
