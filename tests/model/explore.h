/*
 * explore.h - every interleaving of a few actors over the real code
 *
 * Each actor runs on a stack of its own.  Built with KONTOR_EXPLORE, every
 * access of shm/atomic.h comes here.  The memory is that of x86 (TSO), which
 * is weaker than sequential consistency: a store waits in its actor's buffer
 * and reaches memory later, in order, by a step of its own; a fence waits
 * for the buffer.  A load of a word that another actor may write is a step.
 * A crash may come before any step: what is still in the buffer then was
 * never written, which is a crash between two stores.
 *
 * The search is depth first over snapshots of memory, stacks and buffers, and
 * visits each state once, by a 64-bit hash.
 */
#ifndef KONTOR_TESTS_EXPLORE_H
#define KONTOR_TESTS_EXPLORE_H

#include "shm/atomic.h"
#include "shm/shm.h"

enum { ACTORS_MAX = 5, RANGES_MAX = 32 };

struct explore {
	unsigned nactors;
	void (*body[ACTORS_MAX])(void *arg);
	/* Whether the actor's load of p is a step. */
	bool (*is_shared)(unsigned actor, const volatile void *p);
	/* Whether anybody, a check or a later repair, looks at p. */
	bool (*is_seen)(const volatile void *p);
	/* Whether a waiting actor may go on, and who may crash now. */
	bool (*may_start)(unsigned actor);
	bool (*may_crash)(unsigned actor);
	void (*on_crash)(unsigned actor);
	/* Step i of nobody, the supervisor's; false: not possible now. */
	bool (*other)(unsigned i, bool doit);
	/* NULL: all is well; else what is wrong. */
	const char *(*check)(void);
	const char *(*check_end)(void);
	uint64_t states_max;
	/* Results. */
	uint64_t states, steps, ends;
	unsigned deepest;
	const char *wrong;
};

/* Memory that is part of the state. */
void explore_range(void *p, size_t len);
/* For actors: wait for may_start(); run a ghost step in store order. */
void explore_wait(void);
void explore_ghost(void (*run)(uint64_t arg), uint64_t arg);
unsigned explore_self(void); /* ACTORS_MAX: outside */
/* For ghosts: an error found on the way. */
void explore_wrong(const char *what);

void explore_run(struct explore *x);
void explore_reset(void);

#endif
