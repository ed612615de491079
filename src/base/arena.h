/*
 * arena.h - memory that is given back in one stroke
 *
 * Blocks double from 1 KiB up to 64 KiB; a larger wish gets a block of its
 * own.  Nothing is freed singly.  Not for sizes that a peer chose unchecked.
 */
#ifndef KONTOR_BASE_ARENA_H
#define KONTOR_BASE_ARENA_H

#include "base/base.h"

struct arena_block;

/* Zeroed is empty. */
struct arena {
	struct arena_block *head;
	char *at, *end;
	size_t total; /* bytes asked of the system so far */
};

/* Begins an empty arena in memory of the caller's, aligned 16, that outlives
 * it: nothing is asked of the system until that is used up. */
void arena_start(struct arena *a, void *room, size_t len);
void *arena_new(struct arena *a, size_t len) MUST_USE; /* zeroed, aligned 16 */
struct slice arena_copy(struct arena *a, struct slice s) MUST_USE;
char *arena_str(struct arena *a, struct slice s) MUST_USE; /* with a NUL */
/* The parts one after the other, with a NUL. */
struct slice arena_join(
    struct arena *a, const struct slice *part, size_t n) MUST_USE;
char *arena_fmt(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
void arena_fini(struct arena *a); /* everything; a is empty again */
/* The same, and nothing of what was there stays in memory: for an arena that
 * held secrets.  Not for one that arena_start() began. */
void arena_wipe(struct arena *a);

#define ARENA_NEW(a, type) ((type *)arena_new((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_new((a), sizeof(type) * (n)))

#endif
