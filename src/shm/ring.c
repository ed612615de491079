#include "shm/ring.h"

#include <sys/mman.h>

#include "shm/atomic.h"

enum { PAGE = 4096 };

/* The first page of a ring's region; the two words on lines of their own. */
struct ring_head {
	_Atomic uint64_t head __attribute__((aligned(128)));
	_Atomic uint64_t tail __attribute__((aligned(128)));
};

struct ring {
	struct ring_head *words;
	char *data; /* size bytes, and the same again */
	size_t size;
	size_t reserved;   /* the writer's */
	size_t begun;      /* of these, the frame being written */
	uint64_t tail_was; /* the writer's last look at tail */
};

/* Both halves over one reservation, so nothing else can land between. */
static char *
map_twice(int fd, off_t at, size_t size)
{
	char *p = mmap(NULL, 2 * size, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const int prot = PROT_READ | PROT_WRITE;
	const int flags = MAP_SHARED | MAP_FIXED;

	if (p == MAP_FAILED)
		return NULL;
	if (mmap(p, size, prot, flags, fd, at) == MAP_FAILED ||
	    mmap(p + size, size, prot, flags, fd, at) == MAP_FAILED) {
		munmap(p, 2 * size);
		return NULL;
	}
	return p;
}

struct ring *
ring_open(struct shm *m, uint32_t slot)
{
	const size_t size = m->sizes.ring_bytes;
	const uint64_t at = m->off_rings + (uint64_t)slot * (PAGE + size);
	struct ring *r;
	void *words;

	CHECK(slot < m->sizes.slots);
	words = mmap(
	    NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, (off_t)at);
	CHECK(words != MAP_FAILED);
	r = NEW(struct ring);
	r->words = words;
	r->data = map_twice(m->fd, (off_t)at + PAGE, size);
	CHECK(r->data != NULL);
	r->size = size;
	return r;
}

void
ring_close(struct ring **r)
{
	if (*r == NULL)
		return;
	munmap((*r)->words, PAGE);
	munmap((*r)->data, 2 * (*r)->size);
	mem_free(*r);
	*r = NULL;
}

void
ring_reset(struct ring *r)
{
	at_store(&r->words->tail, 0);
	at_store(&r->words->head, 0);
	r->reserved = 0;
	r->tail_was = 0;
}

/* --- writer ------------------------------------------------------------- */

/* Of the ring's bytes, those in use; an impossible tail counts as full. */
static size_t
used(const struct ring *r, uint64_t tail)
{
	const uint64_t n = at_peek(&r->words->head) - tail;

	return n > r->size ? r->size : (size_t)n;
}

size_t
ring_room(const struct ring *r)
{
	const size_t busy = used(r, at_load(&r->words->tail)) + r->reserved;

	return busy >= r->size ? 0 : r->size - busy;
}

size_t
ring_size(const struct ring *r)
{
	return r->size;
}

/* The tail is the reader's cache line: looked at only when it matters. */
bool
ring_reserve(struct ring *r, size_t len)
{
	if (len > r->size)
		return false;
	if (used(r, r->tail_was) + r->reserved > r->size - len) {
		r->tail_was = at_load(&r->words->tail);
		if (used(r, r->tail_was) + r->reserved > r->size - len)
			return false;
	}
	r->reserved += len;
	return true;
}

void
ring_unreserve(struct ring *r, size_t len)
{
	CHECK(len <= r->reserved);
	r->reserved -= len;
}

char *
ring_begin(struct ring *r, size_t len)
{
	CHECK(len <= r->reserved);
	r->begun = len;
	return r->data + (at_peek(&r->words->head) & (r->size - 1));
}

void
ring_publish(struct ring *r, size_t used_bytes)
{
	CHECK(used_bytes <= r->begun && used_bytes % 8 == 0);
	r->reserved -= r->begun;
	r->begun = 0;
	at_store(&r->words->head, at_peek(&r->words->head) + used_bytes);
}

uint64_t
ring_head(const struct ring *r)
{
	return at_load(&r->words->head);
}

uint64_t
ring_durable(const struct ring *r)
{
	return at_load(&r->words->tail);
}

/* --- reader ------------------------------------------------------------- */

bool
ring_sane(const struct ring *r, uint64_t at)
{
	return at_load(&r->words->head) - at <= r->size;
}

/*
 * A writer that crashed may have left anything in both words: the reader
 * keeps its position to itself, and a head that cannot be reads as nothing.
 */
struct slice
ring_read(struct ring *r, uint64_t at)
{
	const uint64_t n = at_load(&r->words->head) - at;

	return (struct slice){ r->data + (at & (r->size - 1)),
		n > r->size ? 0 : (size_t)n };
}

uint64_t
ring_tail(const struct ring *r)
{
	return at_load(&r->words->tail);
}

void
ring_free_to(struct ring *r, uint64_t tail)
{
	at_store(&r->words->tail, tail);
}
