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
/*
 * Minutes are kept for so many days (recorder/prune.c), then only hours: the
 * first minute (since 1970) that there may still be a row of.
 */
int64_t tally_minutes_from(struct store *s);
/* What the store has, by its hours or by its minutes. */
void tally_load(struct tally *t, struct store *s, bool minutes);
/* How many rows differ, of this hour (since 1970) and later. */
size_t tally_differences(
    const struct tally *a, const struct tally *b, int64_t from_hour);
void tally_fini(struct tally *t);

#endif
