#include "audit/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pass.h"

int (*files_sync)(int fd) = fsync;

bool
files_path(const char *dir, const char *name, char out[FILES_PATH])
{
	const int n = name[0] == '/'
			  ? snprintf(out, FILES_PATH, "%s", name)
			  : snprintf(out, FILES_PATH, "%s/%s", dir, name);

	return n > 0 && n < FILES_PATH;
}

static int
open_in(const char *dir, const char *name, int flags, mode_t mode)
{
	char path[FILES_PATH];

	if (!files_path(dir, name, path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, flags | O_CLOEXEC, mode);
}

static enum fault
by_errno(void)
{
	return errno == ENOENT || errno == ENOTDIR ? FAULT_NOT_FOUND
						   : FAULT_DISK;
}

static bool
read_all(int fd, off_t at, size_t len, struct buf *b)
{
	ssize_t n;

	buf_reserve(b, len);
	while (len > 0) {
		n = pread(fd, b->p + b->len, len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0; /* it became shorter: what there is */
		b->len += (size_t)n;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static enum fault
read_some(const char *dir, const char *name, size_t max, bool tail,
    struct buf *b, bool *whole)
{
	const int fd = open_in(dir, name, O_RDONLY, 0);
	enum fault fault = FAULT_NONE;
	struct stat st;
	off_t from = 0;

	if (fd < 0)
		return by_errno();
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		fault = FAULT_DISK;
	} else if ((uint64_t)st.st_size > max) {
		from = tail ? st.st_size - (off_t)max : 0;
		fault = tail ? FAULT_NONE : FAULT_DATA;
	}
	*whole = from == 0;
	if (fault == FAULT_NONE &&
	    !read_all(fd, from, (size_t)(st.st_size - from), b))
		fault = FAULT_DISK;
	close(fd);
	return fault;
}

enum fault
files_read(const char *dir, const char *name, size_t max, struct buf *b)
{
	bool whole;

	return read_some(dir, name, max, false, b, &whole);
}

enum fault
files_read_tail(
    const char *dir, const char *name, size_t max, struct buf *b, bool *whole)
{
	return read_some(dir, name, max, true, b, whole);
}

enum fault
files_size(const char *dir, const char *name, uint64_t *out)
{
	char path[FILES_PATH];
	struct stat st;

	if (!files_path(dir, name, path))
		return FAULT_DISK;
	if (stat(path, &st) != 0)
		return by_errno();
	*out = (uint64_t)st.st_size;
	return FAULT_NONE;
}

enum fault
files_read_at(
    const char *dir, const char *name, uint64_t at, size_t len, void *out)
{
	const int fd = open_in(dir, name, O_RDONLY, 0);
	char *p = out;
	ssize_t n = 0;

	if (fd < 0)
		return by_errno();
	while (len > 0) {
		n = pread(fd, p, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	close(fd);
	if (len == 0)
		return FAULT_NONE;
	return n == 0 ? FAULT_DATA : FAULT_DISK;
}

static bool
sync_parent(const char *path)
{
	const char *const slash = strrchr(path, '/');
	const int n = slash == NULL || slash == path ? 1 : (int)(slash - path);
	char parent[FILES_PATH];
	bool good;
	int fd;

	(void)snprintf(
	    parent, sizeof(parent), "%.*s", n, slash != NULL ? path : ".");
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	good = fd >= 0 && files_sync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return good;
}

static bool
make_folder(const char *path)
{
	if (mkdir(path, 0750) == 0)
		return sync_parent(path);
	return errno == EEXIST;
}

enum fault
files_make_folder(const char *dir)
{
	return make_folder(dir) ? FAULT_NONE : FAULT_DISK;
}

enum fault
files_make_folders(const char *dir, const char *name)
{
	char path[FILES_PATH];
	size_t i;

	if (!files_path(dir, name, path))
		return FAULT_DISK;
	for (i = strlen(dir) + 1; path[i] != '\0'; i++) {
		if (path[i] != '/')
			continue;
		path[i] = '\0';
		if (!make_folder(path))
			return FAULT_DISK;
		path[i] = '/';
	}
	return FAULT_NONE;
}

/* The folder that holds NAME. */
static enum fault
files_sync_folder(const char *dir, const char *name)
{
	char path[FILES_PATH];

	return files_path(dir, name, path) && sync_parent(path) ? FAULT_NONE
								: FAULT_DISK;
}

enum fault
files_replace(const char *dir, const char *name, struct slice text, mode_t mode)
{
	char path[FILES_PATH], temp[FILES_PATH];
	int n, fd;
	bool good;

	if (!files_path(dir, name, path))
		return FAULT_DISK;
	n = snprintf(temp, sizeof(temp), "%s.tmp", path);
	if (n < 0 || n >= (int)sizeof(temp))
		return FAULT_DISK;
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return FAULT_DISK;
	good = fchmod(fd, mode) == 0 && pass_write(fd, text) &&
	       files_sync(fd) == 0;
	good = close(fd) == 0 && good;
	if (!good || rename(temp, path) != 0) {
		(void)unlink(temp);
		return FAULT_DISK;
	}
	return files_sync_folder(dir, name);
}

enum fault
files_append(const char *dir, const char *name, uint64_t at, struct slice text)
{
	const int fd = open_in(dir, name, O_WRONLY | O_CREAT, 0640);
	bool good;

	if (fd < 0)
		return FAULT_DISK;
	good = ftruncate(fd, (off_t)at) == 0 &&
	       lseek(fd, (off_t)at, SEEK_SET) == (off_t)at &&
	       pass_write(fd, text) && files_sync(fd) == 0;
	close(fd);
	if (good && at == 0)
		return files_sync_folder(dir, name);
	return good ? FAULT_NONE : FAULT_DISK;
}

enum fault
files_open(const char *dir, const char *name, int *out)
{
	int fd = open_in(dir, name, O_WRONLY, 0);

	if (fd < 0 && errno == ENOENT) {
		fd = open_in(dir, name, O_WRONLY | O_CREAT, 0640);
		if (fd >= 0 && files_sync_folder(dir, name) != FAULT_NONE) {
			close(fd);
			return FAULT_DISK;
		}
	}
	*out = fd;
	return fd < 0 ? FAULT_DISK : FAULT_NONE;
}

enum fault
files_write_at(int fd, uint64_t at, struct slice bytes)
{
	ssize_t n;

	while (bytes.len > 0) {
		n = pwrite(fd, bytes.p, bytes.len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FAULT_DISK;
		bytes.p += n;
		bytes.len -= (size_t)n;
		at += (uint64_t)n;
	}
	return FAULT_NONE;
}
