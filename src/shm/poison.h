/*
 * poison.h - calls that crashed a worker, refused for a while
 *
 * A worker that crashes, or hangs and is told to abort, leaves in its slot the
 * fingerprint of the call it worked on and the key that the call came with. The
 * supervisor, who learns of the death, notes both; whoever meets the pair again
 * within POISON_NS refuses it.  A kill from outside notes nothing: it says
 * nothing about a call.
 *
 * Threads: the supervisor notes, every worker looks.
 */
#ifndef KONTOR_SHM_POISON_H
#define KONTOR_SHM_POISON_H

#include "base/clock.h"
#include "shm/shm.h"

#define POISON_NS (600 * NS_PER_S)

/* Is it a signal by which a process ends through its own doing? */
bool poison_signal(int signal);
/* A worker's slot, after the worker died by such a signal and before the slot
 * is given away.  The id of the incident. */
uint64_t poison_note(struct shm *m, uint32_t slot, int signal, int64_t now_ns);
/* 0: may be served; else the id of the incident. */
uint64_t poison_find(
    const struct shm *m, uint64_t key, uint64_t print, int64_t now_ns);
/* Is there any to be compared with? */
static inline bool
poison_any(const struct shm *m)
{
	return atomic_load_explicit(&m->head->poisons, memory_order_relaxed) !=
	       0;
}

#endif
