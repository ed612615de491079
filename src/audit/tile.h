/*
 * tile.h - the hashes of the tree on disk, and the tiles that they are
 *
 * tiles/level/L is a file of all hashes of level L, in their order: 32 bytes
 * each, appended.  A tile of c2sp.org/tlog-tiles is 256 of them, or the last
 * few: a piece of that file, whatever the size of the tree was.  Its name in
 * that specification is what `kontor audit export` and the admin API give it.
 */
#ifndef KONTOR_AUDIT_TILE_H
#define KONTOR_AUDIT_TILE_H

#include "audit/merkle.h"
#include "base/base.h"
#include "base/fault.h"

enum { TILE_PATH = 80 };

/*
 * tile/L/N, tile/L/N.p/W when partial.  N is written in groups of three
 * digits, x before each but the last: 1234067 is x001/x234/067.
 */
void tile_path(unsigned level, uint64_t n, unsigned width, char out[TILE_PATH]);
/* The same from its name behind "tile/": strict, width 1 to MERKLE_WIDTH. */
bool tile_path_parse(
    struct slice name, unsigned *level, uint64_t *n, unsigned *width) MUST_USE;

/* The hashes first, first + 1, ... of a level.  FAULT_NOT_FOUND: there is no
 * such file; FAULT_DATA: it ends before. */
enum fault tile_hashes(const char *dir, unsigned level, uint64_t first,
    unsigned count, struct merkle_hash *out) MUST_USE;
/* Tile n as a tree of `size` has it. */
enum fault tile_read(const char *dir, uint64_t size, unsigned level, uint64_t n,
    struct merkle_hash *out, unsigned *width) MUST_USE;
/* How many hashes that is; 0: it has no such tile. */
unsigned tile_width(uint64_t size, unsigned level, uint64_t n);

/* --- whole subtrees, for proofs ------------------------------------------- */

struct tile_cache {
	const char *dir;
	uint64_t size; /* of the tree */
	bool have[MERKLE_LEVELS];
	uint64_t n[MERKLE_LEVELS];
	unsigned width[MERKLE_LEVELS];
	struct merkle_hash tile[MERKLE_LEVELS][MERKLE_WIDTH];
};

/* dir is borrowed; the source lives as long as the cache. */
struct merkle_source tile_source(
    struct tile_cache *c, const char *dir, uint64_t size);
/* The last tile of each level; *t is a tree that can grow. */
enum fault tile_load(const char *dir, uint64_t size, struct merkle *t) MUST_USE;

/* --- writing -------------------------------------------------------------- */

struct tile_file; /* opaque; tile.c: one level's file */

/* The files of all levels, open.  Zeroed: none is. */
struct tiles {
	struct tile_file *level[MERKLE_LEVELS];
};

/* Over what stood there.  Not yet durable: tiles_sync() makes it so. */
enum fault tiles_put(struct tiles *t, const char *dir, unsigned level,
    uint64_t first, const struct merkle_hash *hash, unsigned count) MUST_USE;
/* All that was put.  On a fault it may be called again. */
enum fault tiles_sync(struct tiles *t) MUST_USE;
void tiles_close(struct tiles *t);

#endif
