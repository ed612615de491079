/*
 * hold.h - money set aside for one attempt before it is sent upstream
 *
 * A hold is opened at admission for the most the attempt can cost, on every
 * account of its chain or on none, and closed exactly once.  Opening never
 * blocks and never overspends, even for a moment: money-protocol 3.  The
 * caller appends the intent after it and the outcome before hold_close().
 *
 * Only ACCOUNT_HARD accounts refuse; the others count what passes.  The
 * window is the side that is open at wall_ns; between windows (a side is
 * being prepared) the answer is to ask again, and when no side will come
 * (its next one still has live holds) the budget refuses.
 *
 * Threads:  the process that owns the slot; others see the record.
 * Errors:   FAULT_BUDGET (final: settled money and the need pass the limit,
 *           or the account is closed), FAULT_PENDING (short only because of
 *           live or tentative holds, a repair or a change of window: ask
 *           again), FAULT_OVERLOAD (no record), FAULT_INTERNAL (no such row).
 */
#ifndef KONTOR_LEDGER_HOLD_H
#define KONTOR_LEDGER_HOLD_H

#include "base/base.h"
#include "base/fault.h"
#include "model/ident.h"
#include "model/money.h"
#include "shm/shm.h"

struct ledger; /* this process's view: shm, own slot, free hold records */

/* Borrows m, whose own slot is set. */
struct ledger *ledger_new(struct shm *m) MUST_USE;
void ledger_free(struct ledger **l);

struct hold_spec {
	struct reqid req;
	unsigned attempt;
	unsigned deployment;
	uint64_t generation, key, price;
	struct money most;      /* >= 0 */
	int64_t wall_ns;        /* picks the window */
	const int32_t *account; /* rows, leaf to root */
	unsigned n;             /* 0: a hold without money */
};

/* What a refusal tells: of the account that was short. */
struct hold_short {
	uint32_t row;
	uint32_t flags; /* enum account_flags */
	uint64_t account_id;
	int64_t granted, settled, pending; /* nano */
	int64_t need;                      /* what did not fit */
	int64_t reset_ns;                  /* wall; INT64_MAX: never */
	bool no_window; /* none is open now: the amounts say nothing */
};

/*
 * *out is owned by the caller when FAULT_NONE, else NULL.  *why is filled on
 * FAULT_BUDGET and FAULT_PENDING.
 */
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

/* What the record of a dead slot says about its attempt. */
enum hold_left {
	HOLD_LEFT_NOTHING,  /* no intent was written, or it is settled */
	HOLD_LEFT_VOID,     /* nothing was sent */
	HOLD_LEFT_PROGRESS, /* sent; input_seen and output_seen are known */
	HOLD_LEFT_UNKNOWN   /* sent; nothing is known */
};

enum hold_left hold_left(const struct shm_hold *h);

/*
 * Books the outcome of a hold that HOLD_LEFT something, unless its outcome is
 * in the books already (found in the ring, or appended before a crash: see
 * repair_seq).  The record may be scribbled: the intent's frame is the truth
 * about accounts and amounts.
 */
typedef enum fault repair_f(void *arg, struct shm_hold *h);

/*
 * What is settled in that window by every journal but those of living workers
 * (slot live, with this incarnation): their own columns have it.
 */
typedef int64_t books_f(void *arg, uint64_t account_id, uint64_t window_id);

/*
 * Calls resolve for every hold that the dead slot left something of.  Before
 * repair_slot() gives their room back, what it wrote must survive us: else a
 * successor finds the holds gone and books what is open at its bound.
 */
enum fault repair_holds(
    struct shm *m, uint32_t dead, repair_f *resolve, void *arg) MUST_USE;

/*
 * After the dead slot's ring was drained into the books: calls resolve for
 * every hold that left something, sets the recorder's own column of every
 * account from books, then zeroes the dead columns, live counts and calls
 * under way, and frees records and slot.  Everything is set, nothing added:
 * repeatable after a crash at any step, by whatever recorder comes next.
 * A fault of resolve ends it, to be called again.
 */
enum fault repair_slot(struct shm *m, uint32_t dead, uint32_t own,
    repair_f *resolve, books_f *books, void *arg) MUST_USE;

#endif
