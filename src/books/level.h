/*
 * level.h - service levels: how often and how fast, from the store
 *
 * Times are counted in buckets that grow by a quarter of an octave: four to
 * each doubling from 256 us to nine minutes, so a percentile is within a
 * tenth.  A failure is what the provider has to answer for (a status of 500
 * or above, 429, or a connection that failed), of a whole request any status
 * of 400 or above.
 */
#ifndef KONTOR_BOOKS_LEVEL_H
#define KONTOR_BOOKS_LEVEL_H

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "books/roll.h"
#include "store/store.h"

enum { LEVEL_BUCKETS = 86, LEVEL_COLUMNS = 3 };

/* Of a time in microseconds. */
unsigned level_bucket(uint64_t us);
/* Where a bucket begins. */
uint64_t level_bucket_us(unsigned bucket);

/* Counts in buckets, added up; 0 is nothing. */
struct level {
	uint64_t tries, failures;
	uint64_t first[LEVEL_BUCKETS], total[LEVEL_BUCKETS];
};

/* As the store has them: 4 bytes each; a longer or shorter one is another
 * version's and adds nothing. */
void level_add_bytes(uint64_t bucket[LEVEL_BUCKETS], struct slice bytes);
/* p in per mille.  Microseconds, interpolated; 0: nothing was counted. */
uint64_t level_percentile(const uint64_t bucket[LEVEL_BUCKETS], unsigned p);

/*
 * {"rows":[{<by>..., "calls", "errors", "first_p50_ms", "first_p95_ms",
 * "total_p50_ms", "total_p95_ms"}], "total":{"calls", "errors",
 * "total_p50_ms", "total_p95_ms"}}.  Rows are attempts at deployments, the
 * total is requests.  by: columns of usage (books/by.def) that a key or a
 * deployment has, and hour, day, month; separated by commas.  FAULT_FIELD:
 * by is none of them.
 */
enum fault level_read(struct store *s, const struct roll_span *span,
    struct slice by, struct buf *out) MUST_USE;

#endif
