#include "audit/tile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "audit/files.h"
#include "base/buf.h"

enum { BATCH = 64 };

void
tile_path(unsigned level, uint64_t n, unsigned width, char out[TILE_PATH])
{
	unsigned part[8], k = 0;
	int len;

	do {
		part[k++] = (unsigned)(n % 1000);
		n /= 1000;
	} while (n > 0);
	len = snprintf(out, TILE_PATH, "tiles/tile/%u", level);
	while (k-- > 0)
		len += snprintf(out + len, TILE_PATH - (size_t)len,
		    k > 0 ? "/x%03u" : "/%03u", part[k]);
	if (width < MERKLE_WIDTH)
		(void)snprintf(
		    out + len, TILE_PATH - (size_t)len, ".p/%u", width);
}

enum fault
tile_read(const char *dir, unsigned level, uint64_t n, unsigned width,
    struct merkle_hash *out)
{
	struct buf b = { 0 };
	char path[TILE_PATH];
	enum fault fault;

	tile_path(level, n, width, path);
	fault = files_read(dir, path, width * MERKLE_HASH, &b);
	if (fault == FAULT_NONE && b.len != width * MERKLE_HASH)
		fault = FAULT_DATA;
	if (fault == FAULT_NONE)
		memcpy(out, b.p, b.len);
	buf_fini(&b);
	return fault;
}

/* Of tile n of a level, in a tree of this size. */
static unsigned
width_in(uint64_t size, unsigned level, uint64_t n)
{
	const uint64_t whole = size >> (8 * level) >> 8;

	if (n > whole)
		return 0;
	return n < whole ? MERKLE_WIDTH : merkle_width(size, level);
}

enum fault
tile_read_at(const char *dir, uint64_t size, uint64_t now, unsigned level,
    uint64_t n, struct merkle_hash *out, unsigned *width)
{
	const unsigned may[] = { width_in(now, level, n), MERKLE_WIDTH };
	struct merkle_hash longer[MERKLE_WIDTH];
	enum fault fault;
	size_t i;

	*width = width_in(size, level, n);
	fault = tile_read(dir, level, n, *width, out);
	for (i = 0; i < NELEM(may) && fault == FAULT_NOT_FOUND; i++) {
		if (may[i] <= *width)
			continue;
		fault = tile_read(dir, level, n, may[i], longer);
		if (fault == FAULT_NONE)
			memcpy(out, longer, *width * MERKLE_HASH);
	}
	return fault;
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
		if (n > c->size >> (8 * l) >> 8 ||
		    tile_read_at(c->dir, c->size, c->size, l, n, c->tile[l],
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
tile_load(const char *dir, uint64_t size, uint64_t now, struct merkle *t)
{
	enum fault fault = FAULT_NONE;
	unsigned l, width;

	t->size = size;
	for (l = 0; l < MERKLE_LEVELS && fault == FAULT_NONE; l++) {
		if (merkle_width(size, l) > 0)
			fault = tile_read_at(dir, size, now, l,
			    size >> (8 * l) >> 8, t->tile[l], &width);
	}
	return fault;
}

/* --- writing -------------------------------------------------------------- */

struct tile_staged {
	struct tile_staged *next;
	unsigned level, width;
	uint64_t n;
	int fd;
	bool there;                /* the file is as it should be */
	struct merkle_hash hash[]; /* width */
};

void
tiles_stage(struct tiles *t, unsigned level, uint64_t n, unsigned width,
    const struct merkle_hash *hash)
{
	struct tile_staged *s = mem_new(sizeof(*s) + width * MERKLE_HASH);

	s->level = level;
	s->n = n;
	s->width = width;
	s->fd = -1;
	memcpy(s->hash, hash, width * MERKLE_HASH);
	if (t->first == NULL)
		t->last = &t->first;
	*t->last = s;
	t->last = &s->next;
	t->n++;
}

static void
drop_first(struct tiles *t)
{
	struct tile_staged *s = t->first;

	t->first = s->next;
	t->n--;
	mem_free(s);
}

void
tiles_fini(struct tiles *t)
{
	while (t->first != NULL)
		drop_first(t);
}

void
tiles_forget_partial(struct tiles *t)
{
	struct tile_staged **at = &t->first, *s;

	while ((s = *at) != NULL) {
		if (s->width == MERKLE_WIDTH) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		t->n--;
		mem_free(s);
	}
	t->last = at;
}

static bool
temp_path(const char *dir, const struct tile_staged *s, char out[FILES_PATH])
{
	char name[TILE_PATH], temp[TILE_PATH + 8];

	tile_path(s->level, s->n, s->width, name);
	(void)snprintf(temp, sizeof(temp), "%s.tmp", name);
	return files_path(dir, temp, out);
}

static int
open_new(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
}

/* Written, not yet synced. */
static enum fault
begin_file(struct tile_staged *s, const char *dir)
{
	struct merkle_hash was[MERKLE_WIDTH];
	const size_t len = s->width * MERKLE_HASH;
	char temp[FILES_PATH], name[TILE_PATH];

	s->there =
	    tile_read(dir, s->level, s->n, s->width, was) == FAULT_NONE &&
	    memcmp(was, s->hash, len) == 0;
	if (s->there)
		return FAULT_NONE;
	tile_path(s->level, s->n, s->width, name);
	if (!temp_path(dir, s, temp))
		return FAULT_DISK;
	s->fd = open_new(temp);
	/* Folders are there but for one tile in a thousand. */
	if (s->fd < 0 && errno == ENOENT &&
	    files_make_folders(dir, name) == FAULT_NONE)
		s->fd = open_new(temp);
	if (s->fd < 0)
		return FAULT_DISK;
	return write(s->fd, s->hash, len) == (ssize_t)len ? FAULT_NONE
							  : FAULT_DISK;
}

static enum fault
end_file(struct tile_staged *s, const char *dir)
{
	char temp[FILES_PATH], path[FILES_PATH], name[TILE_PATH];

	if (s->there)
		return FAULT_NONE;
	tile_path(s->level, s->n, s->width, name);
	if (!temp_path(dir, s, temp) || !files_path(dir, name, path) ||
	    files_sync(s->fd) != 0 || rename(temp, path) != 0)
		return FAULT_DISK;
	return FAULT_NONE;
}

/* Folders of what was renamed; those of one folder follow each other. */
static enum fault
sync_folders(const struct tile_staged *s, unsigned n, const char *dir)
{
	char name[TILE_PATH], last[TILE_PATH] = "";
	enum fault fault = FAULT_NONE;

	for (; n > 0 && fault == FAULT_NONE; n--, s = s->next) {
		const char *slash;

		if (s->there)
			continue;
		tile_path(s->level, s->n, s->width, name);
		slash = strrchr(name, '/');
		if (strncmp(name, last, (size_t)(slash - name) + 1) == 0)
			continue;
		memcpy(last, name, sizeof(last));
		fault = files_sync_folder(dir, name);
	}
	return fault;
}

/* All begun before the first is waited for: the disk sees them together. */
static enum fault
write_batch(struct tiles *t, const char *dir, unsigned n)
{
	struct tile_staged *s;
	enum fault fault = FAULT_NONE;
	unsigned i;
	int saved;

	for (i = 0, s = t->first; i < n && fault == FAULT_NONE;
	     i++, s = s->next)
		fault = begin_file(s, dir);
	for (i = 0, s = t->first; i < n && fault == FAULT_NONE;
	     i++, s = s->next)
		fault = end_file(s, dir);
	saved = errno;
	for (i = 0, s = t->first; i < n; i++, s = s->next) {
		if (s->fd >= 0)
			close(s->fd);
		s->fd = -1;
	}
	errno = saved;
	return fault != FAULT_NONE ? fault : sync_folders(t->first, n, dir);
}

enum fault
tiles_write(struct tiles *t, const char *dir, unsigned most)
{
	enum fault fault;
	unsigned n;

	while (t->n > 0 && most > 0) {
		n = t->n < most ? t->n : most;
		if (n > BATCH)
			n = BATCH;
		fault = write_batch(t, dir, n);
		if (fault != FAULT_NONE)
			return fault;
		most -= n;
		while (n-- > 0)
			drop_first(t);
	}
	return FAULT_NONE;
}

void
tiles_join(struct tiles *t, struct tiles *from)
{
	if (from->first == NULL)
		return;
	if (t->first == NULL)
		t->last = &t->first;
	*t->last = from->first;
	t->last = from->last;
	t->n += from->n;
	*from = (struct tiles){ 0 };
}

/* Every file of a folder N.p, and it. */
static void
remove_folder(const char *path)
{
	char name[FILES_PATH];
	const struct dirent *e;
	DIR *d = opendir(path);

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.' && files_path(path, e->d_name, name))
			(void)unlink(name);
	}
	closedir(d);
	(void)rmdir(path);
}

void
tiles_drop_partial(const char *dir, uint64_t size, uint64_t now)
{
	char name[TILE_PATH], path[FILES_PATH];
	unsigned l;

	for (l = 0; l < MERKLE_LEVELS; l++) {
		const uint64_t n = size >> (8 * l) >> 8;
		const unsigned width = merkle_width(size, l);

		if (width == 0 || size >> (8 * l) == now >> (8 * l))
			continue;
		tile_path(l, n, width, name);
		if (!files_path(dir, name, path))
			continue;
		if (now >> (8 * l) >> 8 > n) { /* whole by now */
			*strrchr(path, '/') = '\0';
			remove_folder(path);
		} else {
			(void)unlink(path);
		}
	}
}
