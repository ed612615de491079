/*
 * chain.h - the accounts and limits that bind one call, leaf to root
 *
 * Gathered once per request from the subjects of its key and of its tags.  An
 * account that two subjects name stands there once.
 *
 * Threads:  pure over shared memory.
 */
#ifndef KONTOR_LEDGER_CHAIN_H
#define KONTOR_LEDGER_CHAIN_H

#include "shm/shm.h"

enum { CHAIN_LIMITS = 32, CHAIN_TAGS = 8 };

struct chain {
	unsigned naccounts, nlimits;
	int32_t account[HOLD_CHAIN_MAX]; /* rows */
	int32_t limit[CHAIN_LIMITS];     /* rows */
	bool hard; /* an account, or a limit on a call's cost, refuses */
};

/* False: they are more than one call can carry, or a row cannot be read; then
 * the call must not pass. */
bool chain_gather(const struct shm *m, const struct shm_key *k,
    const int32_t *tag, unsigned ntags, struct chain *out) MUST_USE;

#endif
