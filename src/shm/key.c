#include "shm/key.h"

#include "shm/atomic.h"

enum { TRIES = 1000 }; /* of a reader who meets a replacement */

static uint32_t
home(uint64_t id)
{
	return (uint32_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

/*
 * Where id stands in the index: the word that names its row, or the first
 * free one on its way.  NULL: neither, the index is full.
 */
static _Atomic uint32_t *
place_of(const struct shm *m, uint64_t id)
{
	const uint32_t mask = m->sizes.keys - 1;
	uint32_t i, row;

	for (i = 0; i < m->sizes.keys; i++) {
		_Atomic uint32_t *at = &m->key_index[(home(id) + i) & mask];

		row = at_load(at);
		if (row == 0 || row > m->sizes.keys ||
		    at_load(&m->keys[row - 1].id) == id)
			return at;
	}
	return NULL;
}

static struct shm_key *
row_at(const struct shm *m, _Atomic uint32_t *at)
{
	const uint32_t row = at != NULL ? at_load(at) : 0;

	return row == 0 || row > m->sizes.keys ? NULL : &m->keys[row - 1];
}

/* A row in state KEY_FREE has a successor, named in its place before. */
static struct shm_key *
find(const struct shm *m, uint64_t id)
{
	_Atomic uint32_t *at = id != 0 ? place_of(m, id) : NULL;
	struct shm_key *k = row_at(m, at);
	unsigned i;

	for (i = 0; i < TRIES && k != NULL && at_load(&k->state) == KEY_FREE;
	     i++)
		k = row_at(m, at);
	return i < TRIES ? k : NULL;
}

const struct shm_key *
key_find(const struct shm *m, uint64_t id)
{
	return find(m, id);
}

bool
key_live(const struct shm_key *k, int64_t wall_ns)
{
	return at_load(&k->state) == KEY_LIVE &&
	       (k->expires_ns == 0 || wall_ns < k->expires_ns);
}

bool
key_may_use(const struct shm_key *k, uint64_t model_hash)
{
	uint32_t i;

	if (k->nmodels == 0)
		return true;
	for (i = 0; i < k->nmodels && i < KEY_MODELS_MAX; i++) {
		if (k->models[i] == model_hash)
			return true;
	}
	return false;
}

static void
fill(struct shm_key *to, const struct shm_key *from, uint32_t state)
{
	to->nmodels = from->nmodels;
	memcpy(
	    to->secret_sha256, from->secret_sha256, sizeof(to->secret_sha256));
	to->expires_ns = from->expires_ns;
	to->is_admin = from->is_admin;
	to->has_aws = from->has_aws;
	to->principal = from->principal;
	to->team = from->team;
	to->nsubjects = from->nsubjects;
	memcpy(to->subject, from->subject, sizeof(to->subject));
	memcpy(to->models, from->models, sizeof(to->models));
	at_poke(&to->state, state);
}

/* All but the state, which is a word of its own. */
static bool
same(const struct shm_key *a, const struct shm_key *b)
{
	return a->nmodels == b->nmodels && a->expires_ns == b->expires_ns &&
	       a->is_admin == b->is_admin && a->has_aws == b->has_aws &&
	       a->principal == b->principal && a->team == b->team &&
	       a->nsubjects == b->nsubjects &&
	       memcmp(a->subject, b->subject, sizeof(a->subject)) == 0 &&
	       memcmp(a->secret_sha256, b->secret_sha256,
		   sizeof(a->secret_sha256)) == 0 &&
	       memcmp(a->models, b->models, sizeof(a->models)) == 0;
}

/* The next row in order.  NULL: 7/8 of all are in use. */
static struct shm_key *
free_row(struct shm *m, uint32_t *number)
{
	const uint32_t n = at_peek(&m->head->nkeys);

	if (n >= m->sizes.keys - m->sizes.keys / 8)
		return NULL;
	*number = n + 1;
	return &m->keys[n];
}

/* Revoked here may not be in the books yet, and is live at no instant. */
static uint32_t
state_of(const struct shm_key *row, const struct shm_key *old)
{
	const bool revoked =
	    at_peek(&row->state) == KEY_REVOKED ||
	    (old != NULL && at_load(&old->state) == KEY_REVOKED);

	return revoked ? KEY_REVOKED : KEY_LIVE;
}

/* Whoever revoked the old row while it was copied is heard here. */
static void
replace(struct shm_key *old, struct shm_key *row)
{
	if (at_swap(&old->state, KEY_FREE) == KEY_REVOKED)
		at_store(&row->state, KEY_REVOKED);
}

bool
key_publish(struct shm *m, const struct shm_key *row)
{
	const uint64_t id = at_peek(&row->id);
	struct shm_key *old = find(m, id), *to;
	_Atomic uint32_t *at;
	uint32_t number;

	CHECK(id != 0 && row->nmodels <= KEY_MODELS_MAX &&
	      row->nsubjects <= KEY_SUBJECTS);
	if (old != NULL && same(old, row)) {
		if (at_peek(&row->state) == KEY_REVOKED)
			at_store(&old->state, KEY_REVOKED);
		return true;
	}
	to = free_row(m, &number);
	at = place_of(m, id);
	if (to == NULL || at == NULL)
		return false;
	fill(to, row, state_of(row, old));
	at_store(&to->id, id);
	at_store(&m->head->nkeys, number);
	at_store(at, number);
	if (old != NULL)
		replace(old, to);
	return true;
}

/*
 * A row that was replaced under our hands has a successor, published before:
 * look again.
 */
bool
key_revoke(struct shm *m, uint64_t id)
{
	struct shm_key *k;

	while ((k = find(m, id)) != NULL) {
		uint32_t live = KEY_LIVE;

		if (at_cas(&k->state, &live, KEY_REVOKED) ||
		    live == KEY_REVOKED)
			return true;
	}
	return false;
}

bool
key_revoked(const struct shm *m, uint64_t id)
{
	const struct shm_key *k = find(m, id);

	return k != NULL && at_load(&k->state) == KEY_REVOKED;
}
