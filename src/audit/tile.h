/*
 * tile.h - the tiles on disk: c2sp.org/tlog-tiles below data_dir/tiles
 *
 * tile/L/N has the 256 hashes of tile N of level L, 8192 bytes; the last of a
 * level, while it has fewer, is tile/L/N.p/W.  N is written in groups of
 * three digits, x before each but the last: 1234067 is x001/x234/067.
 */
#ifndef KONTOR_AUDIT_TILE_H
#define KONTOR_AUDIT_TILE_H

#include "audit/merkle.h"
#include "base/base.h"
#include "base/fault.h"

enum { TILE_PATH = 80 };

/* Relative to data_dir.  width MERKLE_WIDTH: the whole tile. */
void tile_path(unsigned level, uint64_t n, unsigned width, char out[TILE_PATH]);

/* Exactly width hashes: FAULT_NOT_FOUND, FAULT_DATA (another length). */
enum fault tile_read(const char *dir, unsigned level, uint64_t n,
    unsigned width, struct merkle_hash *out) MUST_USE;
/*
 * The tile as a tree of `size` has it, where the newest tree has `now` leaves:
 * a partial one may be longer or whole by now, then its beginning.
 */
enum fault tile_read_at(const char *dir, uint64_t size, uint64_t now,
    unsigned level, uint64_t n, struct merkle_hash *out,
    unsigned *width) MUST_USE;

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
enum fault tile_load(
    const char *dir, uint64_t size, uint64_t now, struct merkle *t) MUST_USE;

/* --- writing -------------------------------------------------------------- */

struct tile_staged;

/* Tiles that wait to be written.  Zeroed is empty. */
struct tiles {
	struct tile_staged *first, **last;
	unsigned n;
};

void tiles_stage(struct tiles *t, unsigned level, uint64_t n, unsigned width,
    const struct merkle_hash *hash);
/* The first of them, at most `most`, durably; those that are there already
 * are left alone.  On a fault they still wait. */
enum fault tiles_write(
    struct tiles *t, const char *dir, unsigned most) MUST_USE;
/* All of `from` behind those of t. */
void tiles_join(struct tiles *t, struct tiles *from);
void tiles_fini(struct tiles *t);
void tiles_forget_partial(struct tiles *t); /* that wait */
/* Partial tiles of a tree of this size that another has no use for. */
void tiles_drop_partial(const char *dir, uint64_t size, uint64_t now);

#endif
