#include "base/slab.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include "base/log.h"

enum { CHUNK = 64 * 1024, HEAD = 64, ALIGN = 16, SIZE_MAX_ = 8 * 1024 };

struct piece {
	struct piece *next;
};

/* At the beginning of CHUNK bytes that are aligned as much. */
struct slab_chunk {
	struct slab_chunk *next, *prev;
	struct piece *free;
	unsigned used, cut; /* pieces; ever handed out */
};

_Static_assert(sizeof(struct slab_chunk) <= HEAD, "a chunk's head");

void
slab_init(struct slab *s, size_t size)
{
	CHECK(size <= SIZE_MAX_);
	*s = (struct slab){ .size = (size + ALIGN - 1) / ALIGN * ALIGN };
}

static unsigned
capacity(const struct slab *s)
{
	return (unsigned)((CHUNK - HEAD) / s->size);
}

static void
push(struct slab_chunk **list, struct slab_chunk *c)
{
	c->prev = NULL;
	c->next = *list;
	if (c->next != NULL)
		c->next->prev = c;
	*list = c;
}

static void
drop(struct slab_chunk **list, struct slab_chunk *c)
{
	if (c->next != NULL)
		c->next->prev = c->prev;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		*list = c->next;
}

/* Twice as much is mapped, and what lies before and behind goes again. */
static struct slab_chunk *
chunk_new(void)
{
	char *p = mmap(NULL, 2 * CHUNK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (p == MAP_FAILED)
		fatal("out of memory");
	before = CHUNK - (uintptr_t)p % CHUNK;
	if (before < CHUNK)
		munmap(p, before);
	else
		before = 0;
	munmap(p + before + CHUNK, CHUNK - before);
	return (struct slab_chunk *)(void *)(p + before);
}

static struct slab_chunk *
chunk_with_room(struct slab *s)
{
	struct slab_chunk *c = s->room;

	if (c != NULL)
		return c;
	c = s->empty;
	if (c == NULL) {
		c = chunk_new();
		s->nchunks++;
	} else {
		drop(&s->empty, c);
		s->nempty--;
		if (s->nempty < s->least)
			s->least = s->nempty;
	}
	push(&s->room, c);
	return c;
}

void *
slab_new(struct slab *s)
{
	struct slab_chunk *c = chunk_with_room(s);
	struct piece *p = c->free;

	if (p != NULL)
		c->free = p->next;
	else
		p = (void *)((char *)c + HEAD + c->cut++ * s->size);
	if (++c->used == capacity(s))
		drop(&s->room, c);
	ASAN_UNPOISON_MEMORY_REGION(p, s->size);
	return p;
}

void
slab_free(struct slab *s, void *at)
{
	struct slab_chunk *c =
	    (void *)((uintptr_t)at & ~(uintptr_t)(CHUNK - 1));
	struct piece *p = at;

	if (c->used-- == capacity(s))
		push(&s->room, c);
	p->next = c->free;
	c->free = p;
	/* Whoever still uses it is found by a build that looks. */
	ASAN_POISON_MEMORY_REGION(p + 1, s->size - sizeof(*p));
	if (c->used > 0)
		return;
	drop(&s->room, c);
	push(&s->empty, c);
	s->nempty++;
}

static void
free_empty(struct slab *s, size_t n)
{
	struct slab_chunk *c;

	for (; n > 0; n--) {
		c = s->empty;
		drop(&s->empty, c);
		s->nempty--;
		s->nchunks--;
		ASAN_UNPOISON_MEMORY_REGION(c, CHUNK);
		munmap(c, CHUNK);
	}
	s->least = s->nempty;
}

void
slab_trim(struct slab *s)
{
	free_empty(s, s->least > 1 ? s->least - 1 : 0);
}

size_t
slab_used(const struct slab *s)
{
	return (s->nchunks - s->nempty) * CHUNK;
}

void
slab_fini(struct slab *s)
{
	CHECK(s->nchunks == s->nempty);
	free_empty(s, s->nempty);
}
