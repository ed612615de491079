/*
 * pace.h - how long a deployment keeps callers waiting, decayed
 *
 * Of a stream: until its first token; of an answer in one piece: until it is
 * there.  The two are no measure for each other and are kept apart.
 */
#ifndef KONTOR_ROUTE_PACE_H
#define KONTOR_ROUTE_PACE_H

#include "base/base.h"
#include "shm/shm.h"

enum pace { PACE_WHOLE, PACE_STREAM };

/* Microseconds; 0: not known. */
uint64_t pace_of(const struct shm_breaker *b, enum pace kind, int64_t mono_ns);
/* As it was last measured; 0: not known. */
uint64_t pace_last(const struct shm_breaker *b, enum pace kind);
void pace_saw(
    struct shm_breaker *b, enum pace kind, uint64_t us, int64_t mono_ns);

#endif
