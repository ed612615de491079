/*
 * table.h - lists of JSON objects as text for people
 */
#ifndef KONTOR_MAIN_TABLE_H
#define KONTOR_MAIN_TABLE_H

#include "base/base.h"
#include "base/buf.h"

struct json;

enum column_kind {
	COL_TEXT,
	COL_NUMBER, /* to the right */
	COL_TIME    /* seconds since 1970 */
};

struct column {
	const char *key, *title;
	enum column_kind kind;
};

/* Rows are objects; what is absent is empty, a list is joined by commas. */
void table_write(struct buf *out, const struct json *rows,
    const struct column *column, size_t n);

#endif
