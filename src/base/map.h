/*
 * map.h - names and numbers to pointers, by open addressing
 *
 * For what an operator names and we count, not for keys that a peer may
 * choose to collide.  Zeroed is empty.  Keys of a struct map are borrowed:
 * they must outlive the entry.  Values are never NULL.
 */
#ifndef KONTOR_BASE_MAP_H
#define KONTOR_BASE_MAP_H

#include "base/base.h"

struct map_slot {
	struct slice key;
	void *value; /* NULL: empty */
};

struct map {
	struct map_slot *slots;
	size_t n, cap; /* cap is 0 or a power of two */
};

/* What was there before, or NULL; then the key is the new one. */
void *map_put(struct map *m, struct slice key, void *value);
void *map_find(const struct map *m, struct slice key); /* may be NULL */
void *map_drop(struct map *m, struct slice key);       /* what was there */
/* All entries in no order: start with *at = 0; NULL at the end. */
const struct map_slot *map_next(const struct map *m, size_t *at);
void map_fini(struct map *m); /* not the values */

struct map64_slot {
	uint64_t key;
	void *value; /* NULL: empty */
};

struct map64 {
	struct map64_slot *slots;
	size_t n, cap;
};

void *map64_put(struct map64 *m, uint64_t key, void *value);
void *map64_find(const struct map64 *m, uint64_t key);
void *map64_drop(struct map64 *m, uint64_t key);
const struct map64_slot *map64_next(const struct map64 *m, size_t *at);
void map64_fini(struct map64 *m);

#endif
