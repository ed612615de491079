#include "journal/segment_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, ALIGN = 8 };

struct log_reader {
	char *dir;
	uint32_t number;
	int fd;
	uint64_t base;   /* of this segment */
	uint64_t offset; /* of the next frame, from the base */
	uint64_t limit;  /* UINT64_MAX while there is no next segment */
	uint32_t next;   /* number of the next segment; 0: none yet */
	uint64_t torn, first;
	/* bytes of the segment from offset `have_at` on */
	char *have;
	uint64_t have_at;
	size_t have_len, have_cap;
};

/*
 * The first later segment with a whole header; the very last may still be
 * without one, and then it does not count yet.
 */
static enum fault
look_ahead(struct log_reader *r)
{
	struct segment_head h;
	uint32_t *list;
	enum fault fault;
	size_t i, n;

	if (r->next != 0)
		return FAULT_NONE;
	fault = segment_list(r->dir, &list, &n);
	if (fault != FAULT_NONE)
		return fault;
	for (i = 0; i < n && r->next == 0; i++) {
		if (list[i] <= r->number ||
		    segment_head_read(r->dir, list[i], &h) != FAULT_NONE)
			continue;
		r->next = list[i];
		r->limit = h.base > r->base ? h.base - r->base : 0;
	}
	mem_free(list);
	return FAULT_NONE;
}

/*
 * Enters a segment, at `place` or its beginning: a reader of a log that is
 * being written may have read frames behind a failed write's seal, which
 * the next segment has again.
 */
static enum fault
enter(struct log_reader *r, uint32_t number, uint64_t place)
{
	struct segment_head h;
	char path[4096];
	enum fault fault = segment_head_read(r->dir, number, &h);
	int fd;

	if (fault != FAULT_NONE)
		return fault;
	if (!segment_path(r->dir, number, path, sizeof(path)))
		return FAULT_DISK;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? FAULT_NOT_FOUND : FAULT_DISK;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = fd;
	r->number = number;
	r->base = h.base;
	r->offset = r->have_at = place > h.base ? place - h.base : 0;
	r->have_len = 0;
	r->limit = UINT64_MAX;
	r->next = 0;
	return look_ahead(r);
}

/* The segment that holds `from`: the last whose base is not above it. */
static uint32_t
find_start(struct log_reader *r, const uint32_t *list, size_t n, uint64_t from)
{
	struct segment_head h;
	uint32_t found = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (segment_head_read(r->dir, list[i], &h) != FAULT_NONE)
			continue;
		if (found == 0)
			r->first = h.base;
		if (found != 0 && h.base > from)
			break;
		found = list[i];
	}
	return found;
}

enum fault
log_reader_open(const char *dir, uint64_t from, struct log_reader **out)
{
	struct log_reader *r = NEW(struct log_reader);
	uint32_t *list = NULL, start;
	enum fault fault;
	size_t n;

	*out = NULL;
	r->dir = mem_dup(slice_of(dir));
	r->fd = -1;
	fault = segment_list(dir, &list, &n);
	if (fault == FAULT_NONE) {
		start = find_start(r, list, n, from);
		fault = start == 0 ? FAULT_NOT_FOUND : enter(r, start, from);
	}
	mem_free(list);
	if (fault != FAULT_NONE) {
		log_reader_close(&r);
		return fault;
	}
	*out = r;
	return FAULT_NONE;
}

void
log_reader_close(struct log_reader **rp)
{
	struct log_reader *r = *rp;

	if (r == NULL)
		return;
	*rp = NULL;
	if (r->fd >= 0)
		close(r->fd);
	mem_free(r->have);
	mem_free(r->dir);
	mem_free(r);
}

uint64_t
log_reader_torn(const struct log_reader *r)
{
	return r->torn;
}

uint64_t
log_reader_base(const struct log_reader *r)
{
	return r->first;
}

/* Reads on until `need` bytes from offset are in memory, or the file ends. */
static enum fault
fill(struct log_reader *r, size_t need)
{
	size_t skip = (size_t)(r->offset - r->have_at), want;
	ssize_t n;

	if (r->offset < r->have_at || skip > r->have_len)
		skip = r->have_len;
	if (r->have_len - skip >= need && r->have_at + skip == r->offset)
		return FAULT_NONE;
	if (r->have_len > skip)
		memmove(r->have, r->have + skip, r->have_len - skip);
	r->have_len -= skip;
	r->have_at = r->offset;
	want = need > CHUNK ? need : CHUNK;
	if (want > r->have_cap) {
		r->have = mem_grow(r->have, want);
		r->have_cap = want;
	}
	while (r->have_len < need) {
		n = pread(r->fd, r->have + r->have_len, want - r->have_len,
		    (off_t)(SEGMENT_HEAD + r->have_at + r->have_len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FAULT_DISK;
		if (n == 0)
			break;
		r->have_len += (size_t)n;
	}
	return FAULT_NONE;
}

/* What is in memory from offset on, not beyond the segment's end. */
static struct slice
window(const struct log_reader *r)
{
	const size_t skip = (size_t)(r->offset - r->have_at);
	struct slice s = { r->have + skip, r->have_len - skip };

	if (r->limit != UINT64_MAX && s.len > r->limit - r->offset)
		s.len = (size_t)(r->limit - r->offset);
	return s;
}

/* The frame at offset; FAULT_PENDING when the segment ends within it. */
static enum fault
read_here(struct log_reader *r, struct frame *out)
{
	enum fault fault = fill(r, FRAME_HEAD);
	uint32_t len;

	if (fault != FAULT_NONE)
		return fault;
	if (window(r).len < FRAME_HEAD)
		return FAULT_PENDING;
	memcpy(&len, window(r).p, sizeof(len));
	if (len > FRAME_MAX - FRAME_HEAD - ALIGN)
		return FAULT_DATA;
	fault = fill(r, (FRAME_HEAD + (size_t)len + ALIGN - 1) & ~7u);
	if (fault != FAULT_NONE)
		return fault;
	return frame_read(window(r), out);
}

/* Moves to the next whole frame of this segment; false: there is none. */
static bool
resync(struct log_reader *r)
{
	const uint64_t was = r->offset;
	struct frame f;
	enum fault fault;

	for (r->offset += ALIGN; r->offset < r->limit; r->offset += ALIGN) {
		fault = read_here(r, &f);
		if (fault == FAULT_NONE)
			return true;
		if (window(r).len < FRAME_HEAD)
			break;
	}
	r->offset = was;
	return false;
}

/* Whether the file, as it is now, has a whole frame there. */
static bool
holds(struct log_reader *r, uint64_t offset)
{
	const uint64_t was = r->offset;
	struct frame f;
	bool whole;

	r->offset = r->have_at = offset;
	r->have_len = 0; /* read again */
	whole = read_here(r, &f) == FAULT_NONE;
	r->offset = was;
	return whole;
}

/*
 * A log that grows may have had its end at `was` when we looked, and whole
 * frames behind it when we looked further: is there one now?  Or a write failed
 * meanwhile, and what we saw was cut off: the next segment has it again.
 */
static bool
has_changed(struct log_reader *r, uint64_t was, bool last)
{
	if (holds(r, was))
		return true;
	if (!last)
		return false;
	return !holds(r, r->offset) ||
	       (look_ahead(r) == FAULT_NONE && r->limit <= was);
}

static void
end_here(struct log_reader *r)
{
	struct stat st;
	const uint64_t at = SEGMENT_HEAD + r->offset;

	r->torn = fstat(r->fd, &st) == 0 && (uint64_t)st.st_size > at
		      ? (uint64_t)st.st_size - at
		      : 0;
	r->have_len = 0; /* the file may change: read it again */
	r->have_at = r->offset;
}

/* A segment that could not be begun was taken away, and another has its
 * number. */
static bool
is_another(struct log_reader *r)
{
	struct stat st;

	return fstat(r->fd, &st) == 0 && st.st_nlink == 0 &&
	       enter(r, r->number, r->base + r->offset) == FAULT_NONE;
}

/* No whole frame at offset: the end, the torn end, or damage. */
static enum fault
judge(struct log_reader *r, uint64_t *at)
{
	const bool last = r->limit == UINT64_MAX;
	enum fault fault;
	uint64_t was;

	if (is_another(r))
		return FAULT_NONE;
	if (last) {
		fault = look_ahead(r);
		if (fault != FAULT_NONE)
			return fault;
		if (r->limit != UINT64_MAX)
			return FAULT_NONE; /* look again */
	}
	was = r->offset;
	*at = r->base + was;
	if (resync(r)) {
		if (!has_changed(r, was, last))
			return FAULT_DATA;
		r->offset = was;
		return FAULT_NONE;
	}
	if (last) {
		end_here(r);
		if (r->torn == 0 || !holds(r, was))
			return FAULT_PENDING;
		r->torn = 0;
		return FAULT_NONE;
	}
	r->offset = r->limit;
	return FAULT_DATA;
}

/* The next segment; one that could not be begun is taken away again. */
static enum fault
go_on(struct log_reader *r)
{
	const enum fault fault = enter(r, r->next, r->base + r->offset);

	if (fault != FAULT_NOT_FOUND)
		return fault;
	r->next = 0;
	r->limit = UINT64_MAX;
	return look_ahead(r);
}

enum fault
log_next(struct log_reader *r, struct frame *out, uint64_t *at)
{
	enum fault fault;

	r->torn = 0;
	for (;;) {
		while (r->limit != UINT64_MAX && r->offset >= r->limit) {
			fault = go_on(r);
			if (fault != FAULT_NONE)
				return fault;
		}
		fault = read_here(r, out);
		if (fault == FAULT_NONE) {
			*at = r->base + r->offset;
			r->offset += out->size;
			return FAULT_NONE;
		}
		if (fault == FAULT_DISK)
			return fault;
		fault = judge(r, at);
		if (fault != FAULT_NONE)
			return fault;
	}
}
