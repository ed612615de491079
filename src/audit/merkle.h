/*
 * merkle.h - the Merkle tree of RFC 6962 (9162), in tiles of 256 hashes
 *
 * A leaf's hash is SHA-256(0 || leaf), a node's SHA-256(1 || left || right).
 * Tile number n of level l holds the roots of 256 whole subtrees of 256^l
 * leaves each.  A struct merkle holds what is not whole yet: the last tile of
 * each level, 64 KiB, enough to go on and to know the root.
 *
 * Pure: no files.  Proofs ask a source for the roots of whole subtrees.
 */
#ifndef KONTOR_AUDIT_MERKLE_H
#define KONTOR_AUDIT_MERKLE_H

#include "base/base.h"

enum {
	MERKLE_HASH = 32,
	MERKLE_LEVELS = 8, /* of tiles */
	MERKLE_WIDTH = 256,
	MERKLE_PATH_MAX = 64
};

struct merkle_hash {
	uint8_t b[MERKLE_HASH];
};

struct merkle {
	uint64_t size; /* leaves; below 2^63 */
	struct merkle_hash tile[MERKLE_LEVELS][MERKLE_WIDTH];
};

struct merkle_path {
	unsigned n;
	struct merkle_hash hash[MERKLE_PATH_MAX];
};

void merkle_leaf(struct slice leaf, struct merkle_hash *out);
void merkle_node(const struct merkle_hash *left,
    const struct merkle_hash *right, struct merkle_hash *out);
bool merkle_same(const struct merkle_hash *a, const struct merkle_hash *b);
/* Of width hashes, a power of two. */
void merkle_whole(
    const struct merkle_hash *hash, size_t width, struct merkle_hash *out);

/* How many hashes the last tile of a level has in a tree of this size. */
unsigned merkle_width(uint64_t size, unsigned level);

/*
 * Returns how many levels' tiles became whole with this leaf: tile[0] to
 * tile[n - 1] may be taken until the next leaf is added.
 */
unsigned merkle_add(struct merkle *t, const struct merkle_hash *leaf);
/* Of no leaves: the hash of nothing. */
void merkle_root(const struct merkle *t, struct merkle_hash *out);

/* --- proofs --------------------------------------------------------------- */

/* The root of the subtree number index of 2^level leaves; false: not there. */
struct merkle_source {
	bool (*node)(
	    void *arg, unsigned level, uint64_t index, struct merkle_hash *out);
	void *arg;
};

/* False: the source failed, or the numbers make no sense. */
bool merkle_root_of(const struct merkle_source *s, uint64_t size,
    struct merkle_hash *out) MUST_USE;
bool merkle_inclusion(const struct merkle_source *s, uint64_t index,
    uint64_t size, struct merkle_path *out) MUST_USE;
bool merkle_consistency(const struct merkle_source *s, uint64_t from,
    uint64_t to, struct merkle_path *out) MUST_USE;

/* Is the leaf number index of the tree with this root? */
bool merkle_includes(const struct merkle_hash *leaf, uint64_t index,
    uint64_t size, const struct merkle_path *path,
    const struct merkle_hash *root) MUST_USE;
/* Does the second tree begin with all of the first? */
bool merkle_continues(uint64_t from, const struct merkle_hash *first,
    uint64_t to, const struct merkle_hash *second,
    const struct merkle_path *path) MUST_USE;

#endif
