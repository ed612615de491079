/*
 * usage_priv.h - rows of a usage report, between who adds and who writes
 */
#ifndef KONTOR_BOOKS_USAGE_PRIV_H
#define KONTOR_BOOKS_USAGE_PRIV_H

#include "base/map.h"
#include "books/usage.h"

/* As JSON and CSV have them, in this order. */
enum figure {
#define FIGURE(NAME, text, kind, sum) FIGURE_##NAME,
#include "books/figures.def"
#undef FIGURE
	FIGURES
};

struct usage_row {
	struct slice key; /* the cells, a NUL behind each */
	struct slice cell[USAGE_COLUMNS];
	int128 figure[FIGURES];
};

struct usage_rows {
	const struct usage_query *q;
	struct map by_cells; /* to rows */
	struct usage_row **row;
	size_t n, cap;
	struct usage_row total;
	bool widened; /* to whole hours: its minutes are not kept any more */
};

/* "team", "tag:env" */
void usage_title(const struct usage_column *c, struct buf *out);
void usage_write(
    const struct usage_rows *r, enum usage_format format, struct buf *out);

#endif
