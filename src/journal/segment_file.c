#include "journal/segment_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crc.h"

enum {
	VERSION = 1,
	AT_VERSION = 8,
	AT_NUMBER = 12,
	AT_NODE = 16,
	AT_BOOT = 20,
	AT_BASE = 24,
	AT_CREATED = 32,
	AT_CRC = 40,
	NAME_DIGITS = 8
};

static const char magic[8] = { 'k', 't', 's', 'e', 'g', '\r', '\n', 0x1a };

bool
segment_path(const char *dir, uint32_t number, char *out, size_t cap)
{
	const int n = snprintf(out, cap, "%s/%08u.seg", dir, number);

	return n > 0 && (size_t)n < cap;
}

void
segment_head_write(const struct segment_head *h, char out[SEGMENT_HEAD])
{
	const uint32_t version = VERSION;
	uint32_t crc;

	memset(out, 0, SEGMENT_HEAD);
	memcpy(out, magic, sizeof(magic));
	memcpy(out + AT_VERSION, &version, 4);
	memcpy(out + AT_NUMBER, &h->number, 4);
	memcpy(out + AT_NODE, &h->node, 4);
	memcpy(out + AT_BOOT, &h->boot, 4);
	memcpy(out + AT_BASE, &h->base, 8);
	memcpy(out + AT_CREATED, &h->created_ns, 8);
	crc = crc32c(0, out, AT_CRC);
	memcpy(out + AT_CRC, &crc, 4);
}

static enum fault
parse(const char *p, uint32_t number, struct segment_head *out)
{
	uint32_t version, crc;

	memcpy(&version, p + AT_VERSION, 4);
	memcpy(&out->number, p + AT_NUMBER, 4);
	memcpy(&out->node, p + AT_NODE, 4);
	memcpy(&out->boot, p + AT_BOOT, 4);
	memcpy(&out->base, p + AT_BASE, 8);
	memcpy(&out->created_ns, p + AT_CREATED, 8);
	memcpy(&crc, p + AT_CRC, 4);
	if (memcmp(p, magic, sizeof(magic)) != 0 || version != VERSION ||
	    crc != crc32c(0, p, AT_CRC) || out->number != number ||
	    out->base > INT64_MAX)
		return FAULT_DATA;
	return FAULT_NONE;
}

enum fault
segment_head_read(const char *dir, uint32_t number, struct segment_head *out)
{
	char path[4096], bytes[SEGMENT_HEAD];
	ssize_t n;
	int fd;

	if (!segment_path(dir, number, path, sizeof(path)))
		return FAULT_DISK;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? FAULT_NOT_FOUND : FAULT_DISK;
	n = pread(fd, bytes, sizeof(bytes), 0);
	close(fd);
	if (n < 0)
		return FAULT_DISK;
	if (n < (ssize_t)sizeof(bytes))
		return FAULT_PENDING;
	return parse(bytes, number, out);
}

/* "00000012.seg"; 0: another file. */
static uint32_t
number_of(const char *name)
{
	struct slice digits = { name, NAME_DIGITS };
	uint64_t v;

	if (strlen(name) != NAME_DIGITS + 4 ||
	    strcmp(name + NAME_DIGITS, ".seg") != 0 || !slice_u64(digits, &v))
		return 0;
	return (uint32_t)v;
}

static int
by_number(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

enum fault
segment_list(const char *dir, uint32_t **out, size_t *n)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	uint32_t *list = NULL, number;
	size_t cap = 0;

	*out = NULL;
	*n = 0;
	if (d == NULL)
		return errno == ENOENT ? FAULT_NOT_FOUND : FAULT_DISK;
	while ((e = readdir(d)) != NULL) {
		number = number_of(e->d_name);
		if (number == 0)
			continue;
		if (*n == cap) {
			cap = cap == 0 ? 16 : cap * 2;
			list = mem_grow(list, cap * sizeof(*list));
		}
		list[(*n)++] = number;
	}
	closedir(d);
	if (*n > 1)
		qsort(list, *n, sizeof(*list), by_number);
	*out = list;
	return FAULT_NONE;
}
