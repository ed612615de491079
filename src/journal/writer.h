/*
 * writer.h - a worker's journal: frames into its ring, in order
 *
 * Threads:  the one process that owns the slot.
 */
#ifndef KONTOR_JOURNAL_WRITER_H
#define KONTOR_JOURNAL_WRITER_H

#include "journal/frame.h"
#include "shm/ring.h"

struct journal; /* opaque; writer.c */

/*
 * Borrows m.  The ring was drained after the last incarnation; writes the
 * FRAME_OPEN of this one.
 */
struct journal *journal_open(struct shm *m, uint32_t slot) MUST_USE;
void journal_close(struct journal **j);

/* Room for n frames of FRAME_MAX_RING; false: FAULT_LOG for the caller. */
bool journal_reserve(struct journal *j, unsigned n) MUST_USE;
void journal_unreserve(struct journal *j, unsigned n);
/*
 * The same for a refusal without money: those that are not durable yet take
 * at most 1/8 of the ring.  Its frame is written by journal_final().
 */
bool journal_reserve_small(struct journal *j) MUST_USE;

/*
 * Each uses one reserved frame.  A provider_id that does not fit beside a
 * long chain is left out.
 */
void journal_intent(struct journal *j, const struct intent *v);
void journal_outcome(struct journal *j, const struct outcome *v);
void journal_final(struct journal *j, const struct final *v);
void journal_count(struct journal *j, const struct count *v);

/* Position behind the last frame, and whether it is on disk. */
uint64_t journal_head(const struct journal *j);
bool journal_durable(const struct journal *j, uint64_t position);
/*
 * No log, no call: own frames that stay unsynced for max_lag (seen by asking,
 * at least once within that time), the recorder's own report of that, or a
 * broken log.
 */
bool journal_lagging(struct journal *j, int64_t mono_ns, int64_t max_lag_ns);

#endif
