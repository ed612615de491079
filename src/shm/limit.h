/*
 * limit.h - the table of limits: how much in how much time
 *
 * Rows are handed out in order and never reused; a changed limit keeps its
 * row, and what was let pass counts as many units as before.  ledger/rate.h
 * takes from them.
 *
 * Threads:  the recorder writes, anybody reads; the pace by CAS.
 */
#ifndef KONTOR_SHM_LIMIT_H
#define KONTOR_SHM_LIMIT_H

#include "shm/shm.h"

struct limit_spec {
	uint64_t id;
	enum limit_kind kind;
	int64_t amount, period_ns; /* period 0 for kinds without */
	int64_t burst;             /* >= 1 for kinds with a period */
	int64_t mono_ns;           /* now; a new limit needs none */
	struct slice label;
};

/* The row, for good.  row UINT32_MAX: it has none yet; returned: the table is
 * full. */
uint32_t limit_set(
    struct shm *m, uint32_t row, const struct limit_spec *s) MUST_USE;
void limit_close(struct shm *m, uint32_t row);

#endif
