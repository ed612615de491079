/*
 * slab.h - pieces of one size that come and go in crowds
 *
 * Pieces lie in chunks of their own, so that a chunk nobody uses any more can
 * go back to the kernel whatever else the process has allocated meanwhile.
 * Until slab_trim() finds that one was not needed, it waits for the next crowd.
 *
 * Threads:  one at a time.
 */
#ifndef KONTOR_BASE_SLAB_H
#define KONTOR_BASE_SLAB_H

#include "base/base.h"

struct slab_chunk;

struct slab {
	size_t size;              /* of a piece */
	struct slab_chunk *room;  /* chunks with a free piece and a used one */
	struct slab_chunk *empty; /* with nothing but free ones */
	size_t nchunks;
	size_t nempty, least; /* now, and since the last slab_trim() */
};

/* size: of a piece, at most 8 KiB. */
void slab_init(struct slab *s, size_t size);
void *slab_new(struct slab *s) MUST_USE; /* aligned 16; not zeroed */
void slab_free(struct slab *s, void *p);
/* Gives back all but one of the chunks that nobody needed since the last call.
 */
void slab_trim(struct slab *s);
/* Bytes of the chunks in which pieces are in use. */
size_t slab_used(const struct slab *s);
/* All pieces must be free. */
void slab_fini(struct slab *s);

#endif
