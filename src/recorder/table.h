/*
 * table.h - hash tables of things that carry their own node
 *
 * A node is embedded first in its owner, so a node is the owner's address.
 * The table owns nothing; equal hashes are told apart by the caller, who
 * walks table_first() and table_same().
 */
#ifndef KONTOR_RECORDER_TABLE_H
#define KONTOR_RECORDER_TABLE_H

#include "base/base.h"

struct node {
	struct node *next;
	uint64_t hash;
};

/* Zeroed is empty. */
struct table {
	struct node **slot;
	size_t cap, n;
};

void table_add(struct table *t, struct node *node, uint64_t hash);
void table_remove(struct table *t, struct node *node);
void *table_first(const struct table *t, uint64_t hash);
void *table_same(void *node); /* the next with the same hash */
/* Calls fn for each, which may remove and free that one. */
typedef void table_f(void *arg, void *node);
void table_each(struct table *t, table_f *fn, void *arg);
/* Frees every node by mem_free and the table's memory. */
void table_free(struct table *t);

/* Mixes numbers into a hash. */
uint64_t table_hash(uint64_t a, uint64_t b, uint64_t c);

#endif
