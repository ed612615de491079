/*
 * ring.h - a worker's journal before it is on disk: one writer, one reader
 *
 * The ring of a slot is mapped twice in a row, so a frame is always
 * contiguous.  The writer publishes by a release store of head; the reader
 * gives space back by tail, only behind the durable watermark.  Positions
 * are monotonic 64-bit byte counts.  Room is reserved before money is held:
 * a reservation that stands can be appended without a test.
 *
 * Threads:  one writer process, one reader process.
 */
#ifndef KONTOR_SHM_RING_H
#define KONTOR_SHM_RING_H

#include "shm/shm.h"

struct ring; /* a mapping; private fields in ring.c */

struct ring *ring_open(struct shm *m, uint32_t slot) MUST_USE;
void ring_close(struct ring **r);
/*
 * Empties it.  Not needed for a new incarnation, unless its ring was found
 * damaged: repair drains the ring of a dead one, and positions just go on.
 */
void ring_reset(struct ring *r);

/* --- writer --- */
bool ring_reserve(struct ring *r, size_t len) MUST_USE; /* false: no room */
void ring_unreserve(struct ring *r, size_t len);
/* Bytes free and not reserved, and the ring's size. */
size_t ring_room(const struct ring *r);
size_t ring_size(const struct ring *r);
/*
 * Space for a frame of at most len bytes, which must have been reserved;
 * ring_publish() makes the first `used` (a multiple of 8) visible and gives
 * the rest of that reservation back.
 */
char *ring_begin(struct ring *r, size_t len);
void ring_publish(struct ring *r, size_t used);
uint64_t ring_head(const struct ring *r);
uint64_t ring_durable(const struct ring *r); /* the tail */

/* --- reader --- */
/*
 * Published bytes from position at on; borrowed until freed.  The position is
 * the reader's own; ring_tail() is where a new reader begins.  Whatever a
 * crashed writer left in the ring's words, at most ring_size() bytes.
 */
struct slice ring_read(struct ring *r, uint64_t at);
/* False: no writer of ours leaves head so far from at. */
bool ring_sane(const struct ring *r, uint64_t at);
uint64_t ring_tail(const struct ring *r);
void ring_free_to(struct ring *r, uint64_t tail);

#endif
