/*
 * pace.h - how long a deployment takes to its first byte, decayed
 */
#ifndef KONTOR_ROUTE_PACE_H
#define KONTOR_ROUTE_PACE_H

#include "base/base.h"
#include "shm/shm.h"

/* Microseconds; 0: not known. */
uint64_t pace_of(const struct shm_breaker *b, int64_t mono_ns);
/* As it was last measured; 0: not known. */
uint64_t pace_last(const struct shm_breaker *b);
void pace_saw(struct shm_breaker *b, uint64_t us, int64_t mono_ns);

#endif
