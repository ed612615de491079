/*
 * key.h - the table of keys: lock-free to read, one writer
 *
 * Rows are handed out in order, so that few keys touch few pages; an index of
 * one word for each, open addressing by id, says which row is a key's.  A row
 * is published whole by a release store of its number there and never taken
 * back; revocation is one word, which control may set as well as the recorder.
 */
#ifndef KONTOR_SHM_KEY_H
#define KONTOR_SHM_KEY_H

#include "shm/shm.h"

/* NULL: no such key.  The row may be revoked or expired: look. */
const struct shm_key *key_find(const struct shm *m, uint64_t id);
bool key_live(const struct shm_key *k, int64_t wall_ns);
bool key_may_use(const struct shm_key *k, uint64_t model_hash);
/*
 * Recorder only.  Fields of *row are copied (state KEY_REVOKED stays so, every
 * other is KEY_LIVE); false: the table is full (7/8).  A key that is there
 * already is changed by a new row, so a reader sees all of the old or all of
 * the new.  What was revoked stays so.
 */
bool key_publish(struct shm *m, const struct shm_key *row) MUST_USE;
bool key_revoke(struct shm *m, uint64_t id); /* false: no such key */
bool key_revoked(const struct shm *m, uint64_t id);

#endif
