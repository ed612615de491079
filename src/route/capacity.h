/*
 * capacity.h - headroom of deployments, shared by all workers
 *
 * What a minute takes is configured or learned from the provider's rate-limit
 * headers; without either there is nothing to look at.  A word for tokens and
 * one for requests hold, as limits do (GCRA), when all that was let pass would
 * have come at an even pace; they may run ahead of now by the burst.  A call
 * takes what it is expected to need and gives back the difference when its
 * usage is known.  A provider that says less is left moves the word ahead; it
 * never moves it back, for what is under way it may not have counted yet.
 *
 * Threads:  any; one CAS.
 */
#ifndef KONTOR_ROUTE_CAPACITY_H
#define KONTOR_ROUTE_CAPACITY_H

#include "base/base.h"
#include "model/snapshot.h"
#include "shm/atomic.h"
#include "shm/shm.h"

/* keep: percent of the burst that stays free. */
bool capacity_has(const struct deployment_conf *d, const struct shm_breaker *b,
    uint64_t tokens, unsigned keep, int64_t mono_ns, int64_t *wait_ns);
/* The same, and takes it; false: nothing was taken. */
bool capacity_take(const struct deployment_conf *d, struct shm_breaker *b,
    uint64_t tokens, unsigned keep, int64_t mono_ns, int64_t *wait_ns) MUST_USE;
/* Takes it whether there is room or not. */
void capacity_force(const struct deployment_conf *d, struct shm_breaker *b,
    uint64_t tokens, int64_t mono_ns);
/* Of what was taken, so much was used; nothing: the call never left. */
void capacity_settle(const struct deployment_conf *d, struct shm_breaker *b,
    uint64_t taken, uint64_t used, bool left);

/* What a provider's headers say; -1: nothing. */
struct capacity_said {
	int64_t limit_tokens, left_tokens;
	int64_t limit_requests, left_requests;
};
void capacity_learn(const struct deployment_conf *d, struct shm_breaker *b,
    const struct capacity_said *said, int64_t mono_ns);

/* Not before: the latest that was said. */
void capacity_floor(struct shm_breaker *b, int64_t until_ns);
/* It had no room a moment ago, and did not say for how long. */
static inline bool
capacity_is_full(const struct shm_breaker *b, int64_t mono_ns)
{
	return b != NULL && at_peek(&b->full_ns) > mono_ns;
}
static inline int64_t
capacity_floor_of(const struct shm_breaker *b)
{
	return b == NULL ? 0 : at_peek(&b->floor_ns);
}

/* Output tokens that a call there may be expected to have. */
enum { CAPACITY_FIRST_OUTPUT = 256, CAPACITY_OUTPUT_SHIFT = 8 };
static inline uint64_t
capacity_expected_output(const struct shm_breaker *b)
{
	const uint64_t v = b == NULL ? 0 : at_peek(&b->output);

	return v == 0 ? CAPACITY_FIRST_OUTPUT
		      : (v >> CAPACITY_OUTPUT_SHIFT) + 1;
}
void capacity_saw_output(struct shm_breaker *b, uint64_t tokens);

/* In all slots together, tokens and requests that fit now; -1: no limit. */
int64_t capacity_left_tokens(const struct deployment_conf *d,
    const struct shm_breaker *b, int64_t mono_ns);

#endif
