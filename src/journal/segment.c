#include "journal/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "journal/segment_file.h"

const struct disk disk_real = { pwrite, fdatasync, ftruncate };

struct log {
	char *dir;
	uint32_t node, boot, number;
	uint64_t rotate;
	const struct disk *disk;
	void (*flushed)(void *arg, struct slice frames, uint64_t at);
	void *arg;
	int fd; /* -1: sealed; the next flush begins a new one */
	uint64_t base, durable;
	struct buf pending; /* frames from `durable` on */
};

static bool
sync_dir(const char *dir)
{
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool
write_all(const struct disk *d, int fd, struct slice s, uint64_t at)
{
	ssize_t n;

	while (s.len > 0) {
		n = d->pwrite(fd, s.p, s.len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = ENOSPC;
			return false;
		}
		s.p += n;
		s.len -= (size_t)n;
		at += (uint64_t)n;
	}
	return true;
}

/* --- segments come and go ------------------------------------------------- */

static void
seal(struct log *l)
{
	if (l->fd < 0)
		return;
	/* Bytes behind the durable end do not count anyway: may fail. */
	(void)l->disk->truncate(
	    l->fd, (off_t)(SEGMENT_HEAD + l->durable - l->base));
	close(l->fd);
	l->fd = -1;
}

/* A new segment whose first frame is the one at `durable`. */
static enum fault
begin_segment(struct log *l)
{
	const struct segment_head h = { .number = l->number + 1,
		.node = l->node,
		.boot = l->boot,
		.base = l->durable,
		.created_ns = clock_wall_ns() };
	char path[4096], bytes[SEGMENT_HEAD];
	int fd, saved;

	if (!segment_path(l->dir, h.number, path, sizeof(path)))
		return FAULT_DISK;
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return FAULT_DISK;
	segment_head_write(&h, bytes);
	if (!write_all(
		l->disk, fd, (struct slice){ bytes, sizeof(bytes) }, 0) ||
	    l->disk->sync(fd) != 0 || !sync_dir(l->dir)) {
		saved = errno;
		close(fd);
		unlink(path);
		errno = saved;
		return FAULT_DISK;
	}
	l->fd = fd;
	l->number = h.number;
	l->base = h.base;
	return FAULT_NONE;
}

/* What is cut off is evidence: it is kept unless it is zeros. */
static void
keep_torn(struct log *l, uint64_t at, uint64_t len)
{
	char path[4096], bytes[4096];
	uint64_t done = 0;
	size_t i;
	ssize_t n;
	bool any = false;
	int fd;

	if (snprintf(path, sizeof(path), "%s/%08u.torn", l->dir, l->number) >=
	    (int)sizeof(path))
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return;
	while (done < len) {
		n = pread(l->fd, bytes, sizeof(bytes), (off_t)(at + done));
		if (n <= 0 || write(fd, bytes, (size_t)n) != n)
			break;
		for (i = 0; i < (size_t)n; i++)
			any = any || bytes[i] != 0;
		done += (uint64_t)n;
	}
	close(fd);
	if (!any)
		unlink(path);
}

/* Goes over the last segment; *end: the place behind its last whole frame. */
static enum fault
find_end(struct log *l, uint64_t *end)
{
	struct log_reader *r;
	struct frame f;
	enum fault fault;
	uint64_t at;

	*end = l->base;
	fault = log_reader_open(l->dir, l->base, &r);
	if (fault != FAULT_NONE)
		return fault;
	while ((fault = log_next(r, &f, &at)) == FAULT_NONE)
		*end = at + f.size;
	log_reader_close(&r);
	return fault == FAULT_DISK ? fault : FAULT_NONE;
}

static enum fault
resume(struct log *l, const struct segment_head *h, uint64_t *torn)
{
	char path[4096];
	enum fault fault;
	struct stat st;
	uint64_t end;

	l->number = h->number;
	l->base = h->base;
	if (!segment_path(l->dir, l->number, path, sizeof(path)))
		return FAULT_DISK;
	fault = find_end(l, &end);
	if (fault != FAULT_NONE)
		return fault;
	l->fd = open(path, O_RDWR | O_CLOEXEC);
	if (l->fd < 0 || fstat(l->fd, &st) != 0)
		return FAULT_DISK;
	l->durable = end;
	end = SEGMENT_HEAD + end - l->base;
	if ((uint64_t)st.st_size > end) {
		*torn = (uint64_t)st.st_size - end;
		keep_torn(l, end, *torn);
		if (l->disk->truncate(l->fd, (off_t)end) != 0)
			return FAULT_DISK;
	}
	return l->disk->sync(l->fd) == 0 ? FAULT_NONE : FAULT_DISK;
}

/* A last segment whose header is not whole: normally it never held a frame. */
static enum fault
put_aside(struct log *l, uint32_t number)
{
	char path[4096], torn[4096];
	struct stat st;

	if (!segment_path(l->dir, number, path, sizeof(path)) ||
	    snprintf(torn, sizeof(torn), "%s/%08u.torn", l->dir, number) >=
		(int)sizeof(torn) ||
	    stat(path, &st) != 0)
		return FAULT_DISK;
	if (st.st_size <= SEGMENT_HEAD) {
		log_warn("removed %s: its header is not whole", path);
		return unlink(path) == 0 ? FAULT_NONE : FAULT_DISK;
	}
	log_error("moved %s to %s: its header is damaged", path, torn);
	return rename(path, torn) == 0 ? FAULT_NONE : FAULT_DISK;
}

/* The last segment with a whole header is the active one. */
static enum fault
find_active(struct log *l, uint64_t *torn)
{
	struct segment_head h;
	uint32_t *list;
	enum fault fault;
	size_t n;

	fault = segment_list(l->dir, &list, &n);
	if (fault != FAULT_NONE)
		return fault;
	for (; n > 0; n--) {
		fault = segment_head_read(l->dir, list[n - 1], &h);
		if (fault == FAULT_NONE) {
			fault = resume(l, &h, torn);
			break;
		}
		if (fault != FAULT_PENDING && fault != FAULT_DATA)
			break;
		fault = put_aside(l, list[n - 1]);
		if (fault != FAULT_NONE)
			break;
	}
	mem_free(list);
	return fault;
}

enum fault
log_open(const struct log_conf *conf, struct log **out, uint64_t *torn,
    uint64_t *lost)
{
	struct log *l = NEW(struct log);
	enum fault fault = FAULT_NONE;

	*out = NULL;
	*torn = *lost = 0;
	l->dir = mem_dup(slice_of(conf->dir));
	l->node = conf->node;
	l->boot = conf->boot;
	l->rotate = conf->rotate != 0 ? conf->rotate : SEGMENT_ROTATE;
	l->disk = conf->disk != NULL ? conf->disk : &disk_real;
	l->flushed = conf->flushed;
	l->arg = conf->arg;
	l->fd = -1;
	if (mkdir(conf->dir, 0750) != 0 && errno != EEXIST)
		fault = FAULT_DISK;
	if (fault == FAULT_NONE)
		fault = find_active(l, torn);
	if (fault != FAULT_NONE) {
		log_close(&l);
		return fault;
	}
	if (l->durable < conf->at_least) {
		/* A new segment with this base shows the hole for ever. */
		*lost = conf->at_least - l->durable;
		seal(l);
		l->durable = conf->at_least;
	}
	*out = l;
	return FAULT_NONE;
}

void
log_close(struct log **lp)
{
	struct log *l = *lp;

	if (l == NULL)
		return;
	*lp = NULL;
	if (l->fd >= 0)
		close(l->fd);
	buf_fini(&l->pending);
	mem_free(l->dir);
	mem_free(l);
}

/* --- frames --------------------------------------------------------------- */

void
log_append(struct log *l, struct slice frame)
{
	CHECK(frame.len % 8 == 0);
	buf_add(&l->pending, frame);
}

uint64_t
log_end(const struct log *l)
{
	return l->durable + l->pending.len;
}

uint64_t
log_durable(const struct log *l)
{
	return l->durable;
}

/* Somebody deleted it: what is written there nobody will read. */
static bool
is_deleted(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

enum fault
log_flush(struct log *l)
{
	enum fault fault;
	int saved;

	if (l->pending.len == 0)
		return FAULT_NONE;
	/* Not begun again elsewhere: that would hide what is missing. */
	if (l->fd >= 0 && is_deleted(l->fd)) {
		errno = ENOENT;
		return FAULT_DISK;
	}
	if (l->fd >= 0 && l->durable - l->base >= l->rotate) {
		close(l->fd);
		l->fd = -1;
	}
	if (l->fd < 0) {
		fault = begin_segment(l);
		if (fault != FAULT_NONE)
			return fault;
	}
	if (!write_all(l->disk, l->fd, buf_slice(&l->pending),
		SEGMENT_HEAD + l->durable - l->base) ||
	    l->disk->sync(l->fd) != 0) {
		saved = errno;
		seal(l);
		errno = saved;
		return FAULT_DISK;
	}
	l->durable += l->pending.len;
	if (l->flushed != NULL)
		l->flushed(l->arg, buf_slice(&l->pending),
		    l->durable - l->pending.len);
	buf_clear(&l->pending);
	return FAULT_NONE;
}
