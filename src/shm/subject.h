/*
 * subject.h - the table of subjects: whose budgets and limits bind a call
 *
 * Rows are handed out in order and never reused.  The lists of a row change
 * under a version word: a reader that meets a change reads again, so it sees
 * all of the old or all of the new.  Tags are found by the hash of their name.
 *
 * Threads:  the recorder writes, anybody reads.
 */
#ifndef KONTOR_SHM_SUBJECT_H
#define KONTOR_SHM_SUBJECT_H

#include "shm/shm.h"

/* The row, for good.  row UINT32_MAX: it has none yet; returned: the table is
 * full. */
uint32_t subject_set(struct shm *m, uint32_t row, uint64_t id,
    enum subject_kind kind, uint64_t name_hash) MUST_USE;
/* The rows of its accounts and limits, as they are from now on. */
void subject_set_budgets(
    struct shm *m, uint32_t row, const int32_t *account, unsigned n);
void subject_set_limits(
    struct shm *m, uint32_t row, const int32_t *limit, unsigned n);

struct subject_lists {
	unsigned nbudgets, nlimits;
	int32_t budget[SUBJECT_BUDGETS], limit[SUBJECT_LIMITS];
};
/* False: no such row, or a writer died in the middle of a change. */
bool subject_read(
    const struct shm *m, int32_t row, struct subject_lists *out) MUST_USE;
/* The row of a tag by hash64 of "name=value"; -1: there is none. */
int32_t subject_tag(const struct shm *m, uint64_t name_hash);

#endif
