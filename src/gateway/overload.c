#include "gateway/overload.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/worker_priv.h"

enum { LEAST = 96 * 1024 * 1024 };
/* Strangers fill a gigabyte a second on a fast line. */
#define LOOK_NS (5 * NS_PER_MS)

/* --- memory ----------------------------------------------------------------
 */

/* The number a file begins with; UINT64_MAX: it has none ("max"). */
static uint64_t
read_number(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32];
	struct slice s;
	ssize_t n;
	uint64_t v;

	if (fd < 0)
		return UINT64_MAX;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n <= 0)
		return UINT64_MAX;
	s = slice_trim((struct slice){ text, (size_t)n });
	return slice_u64(s, &v) ? v : UINT64_MAX;
}

static uint64_t
machine_memory(void)
{
	const uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
	uint64_t all = pages * (uint64_t)sysconf(_SC_PAGESIZE), group;

	/* In a container its own group is the root of what is seen. */
	group = read_number("/sys/fs/cgroup/memory.max");
	if (group < all)
		all = group;
	group = read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes");
	return group < all ? group : all;
}

void
overload_open(struct overload *o, uint64_t most, unsigned workers)
{
	*o = (struct overload){ .fd = -1, .most = most };
	if (most == 0)
		o->most = machine_memory() / 2 / (workers > 0 ? workers : 1);
	if (most == 0 && o->most < LEAST)
		o->most = LEAST;
#ifndef KONTOR_INSTRUMENTED
	/* A sanitizer's shadow is no memory of ours. */
	o->fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
#endif
}

/* "size resident shared ...", in pages: what is resident and ours alone. */
static uint64_t
own_bytes(const struct overload *o)
{
	static const uint64_t page = 4096;
	struct slice s, word;
	uint64_t resident, shared;
	char text[128];
	ssize_t n = pread(o->fd, text, sizeof(text), 0);

	if (n <= 0)
		return 0;
	s = (struct slice){ text, (size_t)n };
	if (!slice_cut(s, ' ', &word, &s) || !slice_cut(s, ' ', &word, &s) ||
	    !slice_u64(word, &resident) || !slice_cut(s, ' ', &word, &s) ||
	    !slice_u64(word, &shared))
		return 0;
	return (resident - (shared < resident ? shared : resident)) * page;
}

enum overload_level
overload_level_of(const struct overload *o, uint64_t bytes)
{
	if (bytes >= o->most / 10 * 9)
		return OVERLOAD_FULL;
	return bytes >= o->most / 10 * 8 ? OVERLOAD_TIGHT : OVERLOAD_NONE;
}

bool
overload_look(struct overload *o, int64_t now_ns, size_t more)
{
	const enum overload_level before = o->level;
	struct mallinfo2 info;

	if (o->fd < 0 || now_ns < o->next_ns)
		return false;
	o->next_ns = now_ns + LOOK_NS;
	o->level = overload_level_of(o, own_bytes(o));
	if (o->level != OVERLOAD_NONE) {
		/* Free, but not given back: it can be used again. */
		info = mallinfo2();
		o->level =
		    overload_level_of(o, info.uordblks + info.hblkhd + more);
		if (o->level == OVERLOAD_NONE && now_ns >= o->trim_ns) {
			o->trim_ns = now_ns + NS_PER_S;
			malloc_trim(0);
		}
	}
	return o->level != before || o->level != OVERLOAD_NONE;
}

/* --- calls ------------------------------------------------------------------
 */

static size_t
row_of(const struct req *req)
{
	return (size_t)(req->key - req->w->shm.keys);
}

enum fault
overload_enter(struct req *req)
{
	struct worker *w = req->w;
	uint32_t *mine = &w->by_key[row_of(req)];

	if (w->overload.level == OVERLOAD_FULL ||
	    w->open > req->snap->max_open_requests)
		return FAULT_OVERLOAD;
	if (*mine >= req->snap->max_open_per_key)
		return FAULT_CROWD;
	(*mine)++;
	req->counted = true;
	return FAULT_NONE;
}

void
overload_leave(struct req *req)
{
	if (!req->counted)
		return;
	req->counted = false;
	req->w->by_key[row_of(req)]--;
}
