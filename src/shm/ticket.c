#include "shm/ticket.h"

#include "shm/atomic.h"

enum { TRIES = 1000 };

static void
copy_row(struct shm_tickets *t, unsigned to, unsigned from)
{
	unsigned i;

	for (i = 0; i < TICKET_WORDS; i++)
		atomic_store_explicit(&t->key[to][i],
		    atomic_load_explicit(
			&t->key[from][i], memory_order_relaxed),
		    memory_order_relaxed);
}

void
ticket_put(struct shm *m, const uint8_t fresh[TICKET_LEN])
{
	struct shm_tickets *t = &m->head->tickets;
	const uint32_t version = atomic_load(&t->version);
	const uint32_t n = atomic_load(&t->n);
	uint64_t word;
	unsigned i;

	atomic_store(&t->version, version + 1);
	at_fence();
	for (i = TICKET_KEYS - 1; i > 0; i--)
		copy_row(t, i, i - 1);
	for (i = 0; i < TICKET_WORDS; i++) {
		memcpy(&word, fresh + i * sizeof(word), sizeof(word));
		atomic_store_explicit(
		    &t->key[0][i], word, memory_order_relaxed);
	}
	atomic_store(&t->n, n < TICKET_KEYS ? n + 1 : n);
	atomic_store(&t->version, version + 2);
}

static void
read_row(const struct shm_tickets *t, unsigned row, uint8_t out[TICKET_LEN])
{
	uint64_t word;
	unsigned i;

	for (i = 0; i < TICKET_WORDS; i++) {
		word =
		    atomic_load_explicit(&t->key[row][i], memory_order_relaxed);
		memcpy(out + i * sizeof(word), &word, sizeof(word));
	}
}

static bool
find(const struct shm_tickets *t, const uint8_t *name, uint8_t out[TICKET_LEN],
    bool *newest)
{
	const uint32_t n = atomic_load(&t->n);
	unsigned i;

	for (i = 0; i < n && i < TICKET_KEYS; i++) {
		read_row(t, i, out);
		if (name != NULL && memcmp(name, out, TICKET_NAME) != 0)
			continue;
		*newest = i == 0;
		return true;
	}
	return false;
}

/* A writer that died in the middle leaves no key that can be trusted. */
bool
ticket_find(const struct shm *m, const uint8_t *name, uint8_t out[TICKET_LEN],
    bool *newest)
{
	const struct shm_tickets *t = &m->head->tickets;
	uint32_t version;
	unsigned i;
	bool found;

	for (i = 0; i < TRIES; i++) {
		version = atomic_load(&t->version);
		if (version % 2 != 0)
			continue;
		found = find(t, name, out, newest);
		at_fence();
		if (atomic_load(&t->version) == version)
			return found;
	}
	return false;
}
