/*
 * replay.h - signatures that were taken already, for as long as they would be
 * good: one table for all workers
 *
 * A word has the signature's fingerprint and the second it is good until;
 * eight words are one place.  Where all eight are still good, the oldest
 * gives way: a table that is too small forgets, it never refuses.
 */
#ifndef KONTOR_SHM_REPLAY_H
#define KONTOR_SHM_REPLAY_H

#include "shm/shm.h"

/* signature: random bytes, 16 of them count.  0: it is taken now, good until
 * then; else it was taken before, and this many seconds of it are left. */
int64_t replay_take(
    struct shm *m, const uint8_t signature[16], int64_t now_s, int64_t until_s);

#endif
