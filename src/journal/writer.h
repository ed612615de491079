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

/* Writes the FRAME_OPEN of this incarnation. */
struct journal *journal_open(struct shm *m, uint32_t slot) MUST_USE;
void journal_close(struct journal **j);

/* Room for n frames of FRAME_MAX_RING; false: FAULT_LOG for the caller. */
bool journal_reserve(struct journal *j, unsigned n) MUST_USE;
void journal_unreserve(struct journal *j, unsigned n);
/* The same within the 1/8 share for refusals without money. */
bool journal_reserve_small(struct journal *j) MUST_USE;

/* Each uses one reserved frame. */
void journal_intent(struct journal *j, const struct intent *v);
void journal_outcome(struct journal *j, const struct outcome *v);
void journal_final(struct journal *j, const struct final *v);
void journal_count(struct journal *j, const struct count *v);

/* Position behind the last frame, and whether it is on disk. */
uint64_t journal_head(const struct journal *j);
bool journal_durable(const struct journal *j, uint64_t position);
/* No log, no call: unsynced frames older than max_lag, or a broken log. */
bool journal_lagging(const struct journal *j, int64_t mono_ns,
    int64_t max_lag_ns);

#endif
