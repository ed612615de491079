/*
 * account.h - accounts with a limit and their windows, as workers see them
 *
 * Rows are handed out in order and never reused; a row belongs to one stable
 * id.  A window is published in side id & 1, so the next one can stand ready
 * while this one is in force.  A side is given to another window only when
 * no hold names it any more; until then window_open() says FAULT_PENDING.
 *
 * Threads:  the recorder alone.
 */
#ifndef KONTOR_LEDGER_ACCOUNT_H
#define KONTOR_LEDGER_ACCOUNT_H

#include "base/base.h"
#include "base/fault.h"
#include "shm/shm.h"

/* The new row of an id that has none, with these flags (enum account_flags,
 * ACCOUNT_USED is implied).  UINT32_MAX: the table is full. */
uint32_t account_append(struct shm *m, uint64_t id, uint32_t flags) MUST_USE;
void account_flags(struct shm *m, uint32_t row, uint32_t flags);

/* What a budget says beside its flags. */
struct account_terms {
	uint64_t downgrade;    /* hash64 of a model's id; 0: none */
	int64_t admit_wait_ns; /* below 0: the configuration's */
	struct slice label;    /* "team ml, month" */
};
void account_terms(struct shm *m, uint32_t row, const struct account_terms *t);

/*
 * id > 0 and rising; own: the recorder's slot; settled: what books_f gives
 * (ledger/hold.h).  The same id again renews granted and settled.
 */
struct window_spec {
	uint64_t id;
	int64_t start_ns, end_ns; /* wall; end INT64_MAX: never */
	int64_t granted, settled; /* nano */
};
enum fault window_open(struct shm *m, uint32_t row, uint32_t own,
    const struct window_spec *w) MUST_USE;

/* The limit changed: for the windows that are open. */
void account_grant(struct shm *m, uint32_t row, int64_t granted);
/*
 * A correction, an overdue count: sets the recorder's column of that window;
 * false when the window is not published (then only the books know).
 */
bool account_settled(struct shm *m, uint32_t row, uint32_t own,
    uint64_t window_id, int64_t settled);

#endif
