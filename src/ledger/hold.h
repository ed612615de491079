/*
 * hold.h - money set aside for one attempt before it is sent upstream
 *
 * A hold is opened at admission for the most the attempt can cost, on every
 * account of its chain or on none, and closed exactly once.  Opening never
 * blocks and never overspends, even for a moment: money-protocol 3.  The
 * caller appends the intent after it and the outcome before hold_close().
 *
 * Threads:  the process that owns the slot; others see the record.
 * Errors:   FAULT_BUDGET (final), FAULT_PENDING (short only because of other
 *           live or tentative holds: ask again), FAULT_OVERLOAD (no record).
 */
#ifndef KONTOR_LEDGER_HOLD_H
#define KONTOR_LEDGER_HOLD_H

#include "base/base.h"
#include "base/fault.h"
#include "model/ident.h"
#include "model/money.h"
#include "shm/shm.h"

struct ledger; /* this process's view: shm, own slot, free hold records */

struct ledger *ledger_new(struct shm *m) MUST_USE;
void ledger_free(struct ledger **l);

struct hold_spec {
	struct reqid req;
	unsigned attempt;
	unsigned deployment;
	uint64_t generation, key, price;
	struct money most;
	int64_t wall_ns;             /* picks the window */
	const int32_t *account;      /* rows, leaf to root */
	unsigned n;                  /* 0: a hold without money */
};

/* What a refusal tells: of the account that was short. */
struct hold_short {
	uint64_t account_id;
	int64_t granted, settled, pending; /* nano */
	int64_t reset_ns;                  /* wall; INT64_MAX: never */
};

/* *out is owned by the caller when FAULT_NONE, else NULL. */
enum fault hold_open(struct ledger *l, const struct hold_spec *spec,
    struct shm_hold **out, struct hold_short *why) MUST_USE;

/* Before the first byte is given to the kernel or to TLS. */
void hold_sent(struct shm_hold *h);
/* What is known to have passed, for a repair to book. */
void hold_progress(struct shm_hold *h, uint64_t input, uint64_t output);
/*
 * After the outcome is in the ring: books cost in the hold's windows, gives
 * the rest back, frees the record.  Takes the hold.
 */
void hold_close(struct ledger *l, struct shm_hold **h, struct money cost);

/* For reports: (nano) of one side of an account. */
void account_sums(struct shm *m, uint32_t account, unsigned side,
    int64_t *settled, int64_t *held);

/* --- the recorder's part: repair of a dead slot (money-protocol 5) ------ */

typedef enum fault repair_f(void *arg, struct shm_hold *h);

/*
 * For every hold of the dead slot that is neither free nor settled by an
 * outcome already in the books: calls resolve, which books an outcome and
 * returns.  Then sets the recorder's own column of each account from books
 * (nano settled in that window by all dead slots and before), zeroes the
 * dead columns, and frees the slot.  Repeatable after a crash at any step.
 */
typedef int64_t books_f(void *arg, uint64_t account_id, uint64_t window_id);
void repair_slot(struct shm *m, uint32_t dead, uint32_t own,
    repair_f *resolve, books_f *books, void *arg);

#endif
