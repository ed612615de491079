/*
 * tally.h - usage by hour, key and dimension, added up from the log again
 *
 * What the recorder rolls up (recorder/dim.c, db/0003) said a second time,
 * from frames alone: two tallies of the same log are the same.
 */
#ifndef KONTOR_BOOKS_TALLY_H
#define KONTOR_BOOKS_TALLY_H

#include "base/base.h"
#include "base/buf.h"
#include "base/map.h"
#include "books/scan.h"
#include "journal/frame.h"
#include "store/store.h"

/* Zeroed is empty. */
struct tally {
	struct map rows;
	struct buf key;
};

/* One that was sent and is not void. */
void tally_outcome(
    struct tally *t, const struct scan *s, const struct outcome *o);
void tally_correction(
    struct tally *t, const struct scan *s, const struct correction *c);
/* What the store has, by its hours or by its minutes. */
void tally_load(struct tally *t, struct store *s, bool minutes);
/* How many rows differ. */
size_t tally_differences(const struct tally *a, const struct tally *b);
void tally_fini(struct tally *t);

#endif
