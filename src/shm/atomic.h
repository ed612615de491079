/*
 * atomic.h - every access to a word that processes share, by its order
 *
 * at_load/at_store are acquire/release, at_peek/at_poke relaxed; at_cas,
 * at_add and at_swap are read-modify-writes; at_fence is the one sequentially
 * consistent fence of admission.  Why each is enough:
 * docs/decisions/0001-memory-order.md.
 *
 * With KONTOR_EXPLORE (tests/model/explore.c) each of them is a step of the
 * explorer, which interleaves actors, delays stores and plants mutants; in
 * every other build they are the plain C11 operations and a mutant is false.
 */
#ifndef KONTOR_SHM_ATOMIC_H
#define KONTOR_SHM_ATOMIC_H

#include <stdatomic.h>

#include "base/base.h"

/* The errors that the explorer must find when they are planted. */
enum mutant {
	MUTANT_NONE,
	MUTANT_NO_FENCE,       /* columns are read before the mark is visible */
	MUTANT_NO_REREAD,      /* the reading before the mark decides */
	MUTANT_TENTATIVE,      /* tentative bits are taken for spent money */
	MUTANT_CLEAR_FIRST,    /* the mark is cleared before it was checked */
	MUTANT_EARLY_SUBTRACT, /* columns go down before the outcome is written
				*/
	MUTANT_REPAIR_ADDS,    /* repair adds to the own column */
	MUTANT_REPAIR_ZEROES,  /* repair clears the dead column first */
	MUTANT_KEEP_RECORD,    /* a closed hold keeps its record */
	MUTANT_NO_REPAIR_SEQ,  /* a repair outcome is appended unannounced */
	MUTANT_NO_WINDOW,      /* the window is not looked at again */
	MUTANT_MAX
};

#ifdef KONTOR_EXPLORE

uint64_t explore_load(const volatile void *p, size_t len);
void explore_store(volatile void *p, size_t len, uint64_t v);
void explore_fence(void);
bool explore_cas(
    volatile void *p, size_t len, uint64_t *expected, uint64_t desired);
extern enum mutant explore_mutant;
extern unsigned explore_tries; /* of admission within one call */

#define AT_SIZE_(p) sizeof(*(p))
#define at_load(p) ((__typeof__(+*(p)))explore_load((p), AT_SIZE_(p)))
#define at_peek(p) at_load(p)
#define at_store(p, v) explore_store((p), AT_SIZE_(p), (uint64_t)(v))
#define at_poke(p, v) at_store((p), (v))
#define at_cas(p, e, v) explore_cas((p), AT_SIZE_(p), (e), (v))
#define at_fence() explore_fence()
#define MUTANT(name) (explore_mutant == MUTANT_##name)

#else

#define at_load(p) atomic_load_explicit((p), memory_order_acquire)
#define at_peek(p) atomic_load_explicit((p), memory_order_relaxed)
#define at_store(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define at_poke(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define at_cas(p, e, v) \
	atomic_compare_exchange_strong_explicit( \
	    (p), (e), (v), memory_order_acq_rel, memory_order_acquire)
#define MUTANT(name) false

#ifdef __SANITIZE_THREAD__
/* The sanitizer knows no fences; a read-modify-write on one word orders as
 * much as our use of the fence needs. */
extern _Atomic uint32_t at_fence_word;
#define at_fence() ((void)atomic_fetch_add(&at_fence_word, 1))
#else
#define at_fence() atomic_thread_fence(memory_order_seq_cst)
#endif

#endif

#define at_add(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)
#define at_swap(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)

#endif
