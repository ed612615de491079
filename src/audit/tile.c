#include "audit/tile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "audit/files.h"
#include "base/buf.h"

enum { LEVEL_PATH = 32 };

void
tile_path(unsigned level, uint64_t n, unsigned width, char out[TILE_PATH])
{
	unsigned part[8], k = 0;
	int len;

	do {
		part[k++] = (unsigned)(n % 1000);
		n /= 1000;
	} while (n > 0);
	len = snprintf(out, TILE_PATH, "tile/%u", level);
	while (k-- > 0)
		len += snprintf(out + len, TILE_PATH - (size_t)len,
		    k > 0 ? "/x%03u" : "/%03u", part[k]);
	if (width < MERKLE_WIDTH)
		(void)snprintf(
		    out + len, TILE_PATH - (size_t)len, ".p/%u", width);
}

/* Digits up to the mark, which is passed over. */
static bool
take_number(struct slice *s, uint64_t *out)
{
	size_t i = 0;

	for (*out = 0; i < s->len && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
		if (*out > UINT64_MAX / 1000)
			return false;
		*out = *out * 10 + (uint64_t)(s->p[i] - '0');
	}
	*s = (struct slice){ s->p + i, s->len - i };
	return i > 0;
}

static bool
take_mark(struct slice *s, const char *mark)
{
	const size_t n = strlen(mark);

	if (s->len < n || memcmp(s->p, mark, n) != 0)
		return false;
	*s = (struct slice){ s->p + n, s->len - n };
	return true;
}

bool
tile_path_parse(
    struct slice name, unsigned *level, uint64_t *n, unsigned *width)
{
	char again[TILE_PATH];
	const struct slice all = name;
	uint64_t v, part;

	if (!take_number(&name, &v) || v >= MERKLE_LEVELS)
		return false;
	*level = (unsigned)v;
	*n = 0;
	*width = MERKLE_WIDTH;
	while (take_mark(&name, "/x")) {
		if (!take_number(&name, &part) || *n > UINT64_MAX / 1000000)
			return false;
		*n = (*n + part) * 1000;
	}
	if (!take_mark(&name, "/") || !take_number(&name, &part))
		return false;
	*n += part;
	if (take_mark(&name, ".p/")) {
		if (!take_number(&name, &v) || v == 0 || v >= MERKLE_WIDTH)
			return false;
		*width = (unsigned)v;
	}
	/* One spelling: the one we write. */
	tile_path(*level, *n, *width, again);
	return name.len == 0 && slice_eq(all, slice_of(again + 5));
}

static void
level_path(unsigned level, char out[LEVEL_PATH])
{
	(void)snprintf(out, LEVEL_PATH, FILES_LEVELS "/%u", level);
}

enum fault
tile_hashes(const char *dir, unsigned level, uint64_t first, unsigned count,
    struct merkle_hash *out)
{
	char path[LEVEL_PATH];

	level_path(level, path);
	return files_read_at(
	    dir, path, first * MERKLE_HASH, (size_t)count * MERKLE_HASH, out);
}

unsigned
tile_width(uint64_t size, unsigned level, uint64_t n)
{
	const uint64_t whole = size >> (8 * level) >> 8;

	if (n > whole)
		return 0;
	return n < whole ? MERKLE_WIDTH : merkle_width(size, level);
}

enum fault
tile_read(const char *dir, uint64_t size, unsigned level, uint64_t n,
    struct merkle_hash *out, unsigned *width)
{
	*width = tile_width(size, level, n);
	if (*width == 0)
		return FAULT_NOT_FOUND;
	return tile_hashes(dir, level, n * MERKLE_WIDTH, *width, out);
}

/* --- whole subtrees ------------------------------------------------------- */

static bool
node(void *arg, unsigned level, uint64_t index, struct merkle_hash *out)
{
	struct tile_cache *c = arg;
	const unsigned l = level / 8, width = 1u << level % 8;
	const uint64_t first = index << level % 8, n = first / MERKLE_WIDTH;
	const unsigned at = (unsigned)(first % MERKLE_WIDTH);

	CHECK(l < MERKLE_LEVELS);
	if (!c->have[l] || c->n[l] != n) {
		c->have[l] = false;
		if (tile_read(c->dir, c->size, l, n, c->tile[l],
			&c->width[l]) != FAULT_NONE)
			return false;
		c->have[l] = true;
		c->n[l] = n;
	}
	if (at + width > c->width[l])
		return false;
	merkle_whole(c->tile[l] + at, width, out);
	return true;
}

struct merkle_source
tile_source(struct tile_cache *c, const char *dir, uint64_t size)
{
	memset(c->have, 0, sizeof(c->have));
	c->dir = dir;
	c->size = size;
	return (struct merkle_source){ node, c };
}

enum fault
tile_load(const char *dir, uint64_t size, struct merkle *t)
{
	enum fault fault = FAULT_NONE;
	unsigned l, width;

	t->size = size;
	for (l = 0; l < MERKLE_LEVELS && fault == FAULT_NONE; l++) {
		if (merkle_width(size, l) > 0)
			fault = tile_read(dir, size, l, size >> (8 * l) >> 8,
			    t->tile[l], &width);
	}
	return fault;
}

/* --- writing -------------------------------------------------------------- */

struct tile_file {
	int fd;
	bool dirty;
};

static enum fault
open_level(const char *dir, unsigned level, struct tile_file **out)
{
	char path[LEVEL_PATH];
	enum fault fault;
	int fd;

	level_path(level, path);
	fault = files_make_folders(dir, path);
	if (fault == FAULT_NONE)
		fault = files_open(dir, path, &fd);
	if (fault != FAULT_NONE)
		return fault;
	*out = NEW(struct tile_file);
	(*out)->fd = fd;
	return FAULT_NONE;
}

enum fault
tiles_put(struct tiles *t, const char *dir, unsigned level, uint64_t first,
    const struct merkle_hash *hash, unsigned count)
{
	enum fault fault = FAULT_NONE;
	struct tile_file *f;

	if (t->level[level] == NULL)
		fault = open_level(dir, level, &t->level[level]);
	if (fault != FAULT_NONE)
		return fault;
	f = t->level[level];
	f->dirty = true;
	return files_write_at(f->fd, first * MERKLE_HASH,
	    (struct slice){ (const char *)hash, (size_t)count * MERKLE_HASH });
}

enum fault
tiles_sync(struct tiles *t)
{
	unsigned l;

	for (l = 0; l < MERKLE_LEVELS; l++) {
		struct tile_file *f = t->level[l];

		if (f == NULL || !f->dirty)
			continue;
		if (files_sync(f->fd) != 0)
			return FAULT_DISK;
		f->dirty = false;
	}
	return FAULT_NONE;
}

void
tiles_close(struct tiles *t)
{
	unsigned l;

	for (l = 0; l < MERKLE_LEVELS; l++) {
		if (t->level[l] == NULL)
			continue;
		close(t->level[l]->fd);
		mem_free(t->level[l]);
		t->level[l] = NULL;
	}
}
