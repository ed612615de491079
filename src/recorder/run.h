/*
 * run.h - the recorder as a library: open, turn, control, close
 *
 * recorder.c gives it descriptors and a loop; tests give it a directory and
 * shared tables of their own.
 *
 * Threads:  one; it owns its slot of m.
 */
#ifndef KONTOR_RECORDER_RUN_H
#define KONTOR_RECORDER_RUN_H

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "journal/segment.h"
#include "model/snapshot.h"
#include "shm/shm.h"

struct recorder; /* state.h */

struct recorder_conf {
	struct shm *m; /* borrowed; m->slot is ours */
	const char *data_dir;
	struct snapshot *snapshot;                  /* shared; NULL: none yet */
	const struct disk *disk;                    /* NULL: the real one */
	uint64_t rotate;                            /* 0: the default */
	void (*step)(void *arg, const char *where); /* tests */
	void *step_arg;
};

/*
 * Waits for the lock of data_dir, brings the store up to the log, publishes
 * accounts, windows and keys, drains and repairs what it finds.  FAULT_DISK,
 * FAULT_DATA: said in the log.
 */
enum fault recorder_open(
    const struct recorder_conf *conf, struct recorder **out) MUST_USE;
/* Without a last commit: as a kill would end it; the lock is given back. */
void recorder_close(struct recorder **r);

/* One turn of everything that is due; true: something of it is left. */
bool recorder_turn(struct recorder *r);
/* How long it may sleep before the next turn; more: as the last one said. */
int recorder_pause_ms(const struct recorder *r, bool more);
/* Rings drained, log synced, store committed. */
enum fault recorder_barrier(struct recorder *r) MUST_USE;
/* A new generation, logged and synced.  Takes a reference. */
enum fault recorder_config(struct recorder *r, struct snapshot *s) MUST_USE;
/* A last checkpoint over all that is synced. */
void recorder_sign(struct recorder *r);
void recorder_repair(struct recorder *r, uint32_t slot);
/* No slot but ours is live any more; those whose process is gone are marked
 * dead first (the supervisor may be gone). */
bool recorder_alone(struct recorder *r);

/* control.c: one request of model/ipc.h; appends the answer. */
void recorder_control(
    struct recorder *r, struct slice request, struct buf *answer);

#endif
