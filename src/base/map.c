#include "base/map.h"

enum { SMALLEST = 16 };

static uint64_t
mix(uint64_t h)
{
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

static size_t
hash(struct slice s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	size_t i;

	for (i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	return (size_t)mix(h);
}

/* Whether an entry whose home is home may move from at to hole: its home is
 * not behind the hole on the way to at. */
static bool
may_move(size_t home, size_t hole, size_t at, size_t mask)
{
	return ((at - home) & mask) >= ((at - hole) & mask);
}

/* --- by name --------------------------------------------------------- */

/* The slot of key, or the empty one where it would be; cap is not 0. */
static struct map_slot *
slot(const struct map *m, struct slice key)
{
	size_t i = hash(key);

	for (;; i++) {
		struct map_slot *s = &m->slots[i & (m->cap - 1)];

		if (s->value == NULL || slice_eq(s->key, key))
			return s;
	}
}

/* Three quarters full is full. */
static void
grow(struct map *m)
{
	struct map old = *m;
	size_t i;

	if (m->n + 1 <= m->cap / 4 * 3)
		return;
	m->cap = m->cap > 0 ? m->cap * 2 : SMALLEST;
	m->slots = mem_new(m->cap * sizeof(*m->slots));
	for (i = 0; i < old.cap; i++) {
		if (old.slots[i].value != NULL)
			*slot(m, old.slots[i].key) = old.slots[i];
	}
	mem_free(old.slots);
}

void *
map_put(struct map *m, struct slice key, void *value)
{
	struct map_slot *s;
	void *old;

	CHECK(value != NULL);
	grow(m);
	s = slot(m, key);
	old = s->value;
	*s = (struct map_slot){ key, value };
	m->n += old == NULL;
	return old;
}

void *
map_find(const struct map *m, struct slice key)
{
	return m->n > 0 ? slot(m, key)->value : NULL;
}

void *
map_drop(struct map *m, struct slice key)
{
	const size_t mask = m->cap - 1;
	size_t hole, at;
	void *old;

	if (m->n == 0)
		return NULL;
	hole = (size_t)(slot(m, key) - m->slots);
	old = m->slots[hole].value;
	if (old == NULL)
		return NULL;
	for (at = hole + 1; m->slots[at & mask].value != NULL; at++) {
		if (may_move(hash(m->slots[at & mask].key), hole, at, mask)) {
			m->slots[hole & mask] = m->slots[at & mask];
			hole = at;
		}
	}
	m->slots[hole & mask] = (struct map_slot){ 0 };
	m->n--;
	return old;
}

const struct map_slot *
map_next(const struct map *m, size_t *at)
{
	while (*at < m->cap) {
		const struct map_slot *s = &m->slots[(*at)++];

		if (s->value != NULL)
			return s;
	}
	return NULL;
}

void
map_fini(struct map *m)
{
	mem_free(m->slots);
	*m = (struct map){ 0 };
}

/* --- by number ------------------------------------------------------- */

static struct map64_slot *
slot64(const struct map64 *m, uint64_t key)
{
	size_t i = (size_t)mix(key);

	for (;; i++) {
		struct map64_slot *s = &m->slots[i & (m->cap - 1)];

		if (s->value == NULL || s->key == key)
			return s;
	}
}

static void
grow64(struct map64 *m)
{
	struct map64 old = *m;
	size_t i;

	if (m->n + 1 <= m->cap / 4 * 3)
		return;
	m->cap = m->cap > 0 ? m->cap * 2 : SMALLEST;
	m->slots = mem_new(m->cap * sizeof(*m->slots));
	for (i = 0; i < old.cap; i++) {
		if (old.slots[i].value != NULL)
			*slot64(m, old.slots[i].key) = old.slots[i];
	}
	mem_free(old.slots);
}

void *
map64_put(struct map64 *m, uint64_t key, void *value)
{
	struct map64_slot *s;
	void *old;

	CHECK(value != NULL);
	grow64(m);
	s = slot64(m, key);
	old = s->value;
	*s = (struct map64_slot){ key, value };
	m->n += old == NULL;
	return old;
}

void *
map64_find(const struct map64 *m, uint64_t key)
{
	return m->n > 0 ? slot64(m, key)->value : NULL;
}

void *
map64_drop(struct map64 *m, uint64_t key)
{
	const size_t mask = m->cap - 1;
	size_t hole, at;
	void *old;

	if (m->n == 0)
		return NULL;
	hole = (size_t)(slot64(m, key) - m->slots);
	old = m->slots[hole].value;
	if (old == NULL)
		return NULL;
	for (at = hole + 1; m->slots[at & mask].value != NULL; at++) {
		if (may_move(
			(size_t)mix(m->slots[at & mask].key), hole, at, mask)) {
			m->slots[hole & mask] = m->slots[at & mask];
			hole = at;
		}
	}
	m->slots[hole & mask] = (struct map64_slot){ 0 };
	m->n--;
	return old;
}

const struct map64_slot *
map64_next(const struct map64 *m, size_t *at)
{
	while (*at < m->cap) {
		const struct map64_slot *s = &m->slots[(*at)++];

		if (s->value != NULL)
			return s;
	}
	return NULL;
}

void
map64_fini(struct map64 *m)
{
	mem_free(m->slots);
	*m = (struct map64){ 0 };
}
