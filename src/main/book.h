/*
 * book.h - the built-in price book: data/prices.json inside the binary
 *
 * Effective-dated rows by (provider type, region, tier, the provider's name
 * for the model).  A row in force may be overruled by the operator's.
 */
#ifndef KONTOR_MAIN_BOOK_H
#define KONTOR_MAIN_BOOK_H

#include "base/arena.h"
#include "base/base.h"
#include "model/price.h"

struct book_row {
	struct slice type, region, tier, model;
	const struct json *aliases; /* NULL: none */
	const struct json *uplift;  /* percent by region; NULL: none */
	struct slice source;
	uint64_t context, max_output; /* 0: not known */
	struct price price;
};

struct book {
	struct arena arena;
	struct slice currency;
	const struct book_row *row;
	size_t n;
};

struct book_query {
	struct slice type, region, tier; /* tier empty: any */
	/* Names to look for, the best first; the first with rows decides. */
	struct slice name[3];
	unsigned nname;
};

/* CHECKs its own data. */
void book_open(struct book *b);
void book_close(struct book *b);

/*
 * Every row that can apply, newest first, at most max; returns how many.
 */
size_t book_find(const struct book *b, const struct book_query *q,
    const struct book_row **out, size_t max);

/* What calls in that region cost on top, in 10^-6 percent. */
int64_t book_uplift(const struct book_row *r, struct slice region);

/* Sets p->id from the canonical text of the row. */
void price_name(struct price *p, struct slice type, struct slice region,
    struct slice tier, struct slice model);

#endif
