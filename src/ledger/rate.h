/*
 * rate.h - limits: requests, tokens, calls at a time, cost of one call
 *
 * REQUESTS is GCRA (ITU-T I.371; RFC 9333's "leaky bucket as a meter"): one
 * CAS word per limit, the time at which all that was let pass would have come
 * at an even pace.  At most `burst` may come at once, so that no period sees
 * more than amount + burst - 1.  A call that is not made gives back what is
 * left of its step: nothing when it waited longer than that.
 *
 * Tokens are known when a call is over.  A call is let pass while what was
 * counted so far is not ahead of its pace by more than `burst`, and while the
 * bounds of the calls under way do not pass the amount of one period; at its
 * end what it used moves the pace.  So the pace follows what was used and not
 * what was feared, and a call larger than the limit passes when it is alone.
 *
 * CONCURRENCY is a gauge per slot: add, fence, read all, as money is held.
 * COST_PER_CALL looks at the bound of each attempt.
 *
 * The default burst is 1 % of the amount, at least 2 (rate_burst): with 1 a
 * caller that comes a moment too early loses its turn.
 *
 * Threads:  any worker; the gauges are those of its own slot.  What a dead
 *           worker had taken: its gauges are zeroed by repair_slot(), the
 *           pace is not turned back and drains by itself.
 */
#ifndef KONTOR_LEDGER_RATE_H
#define KONTOR_LEDGER_RATE_H

#include "base/fault.h"
#include "ledger/chain.h"

/* What one call may need. */
struct rate_need {
	int64_t input, output; /* tokens, at most */
};

/* What was taken for a call; zeroed is nothing. */
struct rate_taken {
	int64_t mono_ns; /* when */
	unsigned n;
	struct {
		uint32_t limit;
		uint32_t kind;
		int64_t units; /* tokens; of REQUESTS its step, in ns */
	} item[CHAIN_LIMITS];
};

/* Of the limit that was reached. */
struct rate_short {
	uint32_t limit;
	enum limit_kind kind;
	int64_t wait_ns; /* after that it may pass; 0: not known */
};

/* Bytes that suffice for a chain of that many limits. */
static inline size_t
rate_taken_len(unsigned nlimits)
{
	const struct rate_taken *t = NULL;

	return offsetof(struct rate_taken, item) + nlimits * sizeof(t->item[0]);
}

int64_t rate_burst(int64_t amount);

/*
 * All limits of the chain or none; m's own slot is set.  FAULT_RATE,
 * FAULT_CONCURRENCY: *why says which.
 */
enum fault rate_take(struct shm *m, const struct chain *c,
    const struct rate_need *need, int64_t mono_ns, struct rate_taken *out,
    struct rate_short *why) MUST_USE;
/* The call is over: counts what it used and gives the rest back. */
void rate_settle(struct shm *m, struct rate_taken *t, int64_t input,
    int64_t output, int64_t mono_ns);
/* The call is not made after all: what time has not drained goes back. */
void rate_back(struct shm *m, struct rate_taken *t, int64_t mono_ns);

/* May one attempt cost so much?  The limit's row, or -1: it may. */
int32_t rate_cost_refused(
    const struct shm *m, const struct chain *c, int64_t most);

/* For headers and lists: how a limit stands. */
struct rate_state {
	enum limit_kind kind; /* 0: closed */
	int64_t amount, period_ns;
	int64_t left;     /* units that would pass now */
	int64_t reset_ns; /* from now until all of it is there again */
};
struct rate_state rate_state(struct shm *m, uint32_t limit, int64_t mono_ns);

#endif
