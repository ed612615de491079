/*
 * breaker.h - which deployments rest after failures, shared by all workers
 *
 * Closed: calls pass.  After BREAKER_FAILURES failures in a row that were
 * the provider's fault it opens for a time that doubles from 1 s to 60 s;
 * when that is over one call at a time goes through as a probe (half open);
 * its success closes the breaker, its failure opens it again.  A timeout
 * counts only when two principals suffered it or it was a probe: one tenant
 * cannot close a provider for all.
 */
#ifndef KONTOR_SHM_BREAKER_H
#define KONTOR_SHM_BREAKER_H

#include "shm/atomic.h"
#include "shm/shm.h"

enum {
	BREAKER_FAILURES = 5,
	BREAKER_REST_MIN_MS = 1000,
	BREAKER_REST_MAX_MS = 60000,
	/* A probe that says nothing for so long is lost; another may go. */
	BREAKER_PROBE_MS = 120000,
	/* Of a principal: 1 s, doubled up to this. */
	BREAKER_SHUN_MAX_MS = 30000
};

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF };

/*
 * Finds or makes the row; NULL: the table is full.  All below take NULL for a
 * breaker that is always closed.
 */
struct shm_breaker *breaker_get(struct shm *m, uint64_t deployment);

/* May a call go now?  *probe: it is the half-open one; tell the result. */
bool breaker_may(struct shm_breaker *b, int64_t mono_ns, bool *probe);
/* A word of 0: closed, and nothing failed lately. */
enum breaker_state breaker_state_of(uint64_t word, int64_t mono_ns);
static inline enum breaker_state
breaker_state(const struct shm_breaker *b, int64_t mono_ns)
{
	const uint64_t word = b == NULL ? 0 : at_load(&b->word);

	return word == 0 ? BREAKER_CLOSED : breaker_state_of(word, mono_ns);
}
void breaker_good(struct shm_breaker *b, bool probe);
void breaker_bad(struct shm_breaker *b, int64_t mono_ns, bool probe);
void breaker_timeout(
    struct shm_breaker *b, int64_t mono_ns, bool probe, uint64_t principal);
/*
 * Its timeouts do not close a provider for others, but a principal whose own
 * calls it left waiting twice in a row is sent elsewhere for a while, the
 * longer the more often.
 */
static inline bool
breaker_shuns(const struct shm_breaker *b, int64_t mono_ns, uint64_t principal)
{
	return b != NULL && at_peek(&b->shun_principal) == principal &&
	       at_peek(&b->shun_ns) > mono_ns;
}
/* Its own deadline was over before the provider could be called slow. */
void breaker_hurried(
    struct shm_breaker *b, int64_t mono_ns, bool probe, uint64_t principal);
/* That principal had an answer. */
void breaker_answered(struct shm_breaker *b, uint64_t principal);
/* The call ended without a verdict (client gone, 4xx): a probe token goes
 * back. */
void breaker_neutral(struct shm_breaker *b, bool probe);

/* Calls under way, by slot; each slot counts its own. */
void breaker_enter(struct shm_breaker *b, uint32_t slot);
void breaker_leave(struct shm_breaker *b, uint32_t slot);
uint32_t breaker_inflight(const struct shm_breaker *b, uint32_t nslots);
/* Repair: a dead slot has no calls under way. */
void breaker_forget_slot(struct shm *m, uint32_t slot);

#endif
