/*
 * cache.h - plans already made, by the bytes that asked for them
 *
 * The same body for the same account is the same answer, so a benchmark's
 * upstream need not think.  One plan per slot; a collision replaces it.
 */
#ifndef KONTOR_SIM_CACHE_H
#define KONTOR_SIM_CACHE_H

#include "base/base.h"
#include "sim/plan.h"

enum { CACHE_SLOTS = 512, CACHE_BODY_MAX = 64 * 1024 };

struct cached {
	uint64_t hash;
	unsigned credential;
	struct buf key; /* deployment, NUL, body */
	struct plan *plan;
	struct slice model; /* the setup's */
	bool stream;
};

struct cache {
	struct cached slot[CACHE_SLOTS];
};

struct cache_key {
	const struct credential *credential;
	struct slice deployment, body;
};

/* NULL: not there. */
const struct cached *cache_find(
    const struct cache *c, const struct cache_key *key);
/* Takes a reference of its own. */
void cache_put(struct cache *c, const struct cache_key *key, struct plan *plan,
    struct slice model, bool stream);
void cache_fini(struct cache *c);

#endif
