#include "recorder/table.h"

static void
grow(struct table *t)
{
	const size_t cap = t->cap == 0 ? 64 : t->cap * 2;
	struct node **slot = mem_new(cap * sizeof(*slot));
	struct node *n, *next;
	size_t i;

	for (i = 0; i < t->cap; i++) {
		for (n = t->slot[i]; n != NULL; n = next) {
			next = n->next;
			n->next = slot[n->hash & (cap - 1)];
			slot[n->hash & (cap - 1)] = n;
		}
	}
	mem_free(t->slot);
	t->slot = slot;
	t->cap = cap;
}

void
table_add(struct table *t, struct node *node, uint64_t hash)
{
	struct node **at;

	if (t->n == t->cap)
		grow(t);
	at = &t->slot[hash & (t->cap - 1)];
	node->hash = hash;
	node->next = *at;
	*at = node;
	t->n++;
}

void
table_remove(struct table *t, struct node *node)
{
	struct node **at = &t->slot[node->hash & (t->cap - 1)];

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	t->n--;
}

static void *
match(struct node *n, uint64_t hash)
{
	while (n != NULL && n->hash != hash)
		n = n->next;
	return n;
}

void *
table_first(const struct table *t, uint64_t hash)
{
	return t->cap == 0 ? NULL : match(t->slot[hash & (t->cap - 1)], hash);
}

void *
table_same(void *node)
{
	const struct node *n = node;

	return match(n->next, n->hash);
}

void
table_each(struct table *t, table_f *fn, void *arg)
{
	struct node *n, *next;
	size_t i;

	for (i = 0; i < t->cap; i++) {
		for (n = t->slot[i]; n != NULL; n = next) {
			next = n->next;
			fn(arg, n);
		}
	}
}

static void
free_node(void *arg, void *node)
{
	(void)arg;
	mem_free(node);
}

void
table_free(struct table *t)
{
	table_each(t, free_node, NULL);
	mem_free(t->slot);
	*t = (struct table){ 0 };
}

uint64_t
table_hash(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t h = a * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ h >> 32 ^ b) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 32 ^ c) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}
