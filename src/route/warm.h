/*
 * warm.h - where a session is, and where the beginning of a prompt is cached
 *
 * A direct-mapped table that all workers share.  It is a hint: a row may be
 * taken by another at any time, and a reader that meets two writers at once
 * may read the one's key with the other's place, which costs a cache and
 * nothing else, for residency has filtered before.
 */
#ifndef KONTOR_ROUTE_WARM_H
#define KONTOR_ROUTE_WARM_H

#include "base/base.h"
#include "shm/shm.h"

/* 32 bits of a deployment's id; 0: it is nowhere, or it was too long ago. */
uint32_t warm_find(
    const struct shm *m, uint64_t key, int64_t wall_ns, int64_t keep_ns);
void warm_put(
    struct shm *m, uint64_t key, uint64_t deployment, int64_t wall_ns);
uint32_t warm_id(uint64_t deployment); /* never 0 */

#endif
