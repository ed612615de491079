/*
 * csv.h - cells of RFC 4180
 */
#ifndef KONTOR_BOOKS_CSV_H
#define KONTOR_BOOKS_CSV_H

#include "base/base.h"
#include "base/buf.h"

/* Quoted where it must be. */
void csv_cell(struct buf *b, struct slice s);
/* The same for people: a leading = + - @ is a formula to spreadsheets, so
 * it gets a '. */
void csv_name(struct buf *b, struct slice s);

#endif
