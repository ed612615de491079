#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ALIGN = 16, SMALLEST = 1024, LARGEST = 65536 };

struct arena_block {
	struct arena_block *next;
	size_t len;
};

static void
more(struct arena *a, size_t len)
{
	size_t size = a->head == NULL ? SMALLEST : a->head->len * 2;
	struct arena_block *b;

	if (size > LARGEST)
		size = LARGEST;
	if (size < len + ALIGN)
		size = len + ALIGN;
	b = malloc(size);
	CHECK(b != NULL);
	b->next = a->head;
	b->len = size;
	a->head = b;
	a->at = (char *)b + ALIGN;
	a->end = (char *)b + size;
	a->total += size;
}

void
arena_start(struct arena *a, void *room, size_t len)
{
	CHECK(((uintptr_t)room & (ALIGN - 1)) == 0);
	*a = (struct arena){ .at = room, .end = (char *)room + len };
}

void *
arena_new(struct arena *a, size_t len)
{
	size_t need = (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	void *p;

	CHECK(need >= len);
	if ((size_t)(a->end - a->at) < need)
		more(a, need);
	p = a->at;
	a->at += need;
	memset(p, 0, need);
	return p;
}

struct slice
arena_copy(struct arena *a, struct slice s)
{
	return (struct slice){ arena_str(a, s), s.len };
}

char *
arena_str(struct arena *a, struct slice s)
{
	char *p = arena_new(a, s.len + 1);

	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return p;
}

struct slice
arena_join(struct arena *a, const struct slice *part, size_t n)
{
	struct slice out = { NULL, 0 };
	char *p;
	size_t i;

	for (i = 0; i < n; i++)
		out.len += part[i].len;
	out.p = p = arena_new(a, out.len + 1);
	for (i = 0; i < n; i++) {
		if (part[i].len > 0)
			memcpy(p, part[i].p, part[i].len);
		p += part[i].len;
	}
	return out;
}

char *
arena_fmt(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	p = arena_new(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void
arena_fini(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->head; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){ 0 };
}

void
arena_wipe(struct arena *a)
{
	struct arena_block *b;

	for (b = a->head; b != NULL; b = b->next)
		mem_wipe((char *)b + ALIGN, b->len - ALIGN);
	arena_fini(a);
}
