#include "shm/key.h"

#include "shm/atomic.h"

static uint32_t
home(uint64_t id)
{
	return (uint32_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

/*
 * The row of id from probe *at on; NULL at the first free one.  *at moves
 * behind what was found.
 */
static struct shm_key *
next(const struct shm *m, uint64_t id, uint32_t *at)
{
	const uint32_t mask = m->sizes.keys - 1;

	while (*at < m->sizes.keys) {
		struct shm_key *k = &m->keys[(home(id) + *at) & mask];
		const uint64_t there = at_load(&k->id);

		++*at;
		if (there == id)
			return k;
		if (there == 0)
			return NULL;
	}
	return NULL;
}

/* A row in state KEY_FREE was replaced by a later one of the same id. */
static struct shm_key *
find(const struct shm *m, uint64_t id)
{
	struct shm_key *k;
	uint32_t at = 0;

	if (id == 0)
		return NULL;
	while ((k = next(m, id, &at)) != NULL) {
		if (at_load(&k->state) != KEY_FREE)
			return k;
	}
	return NULL;
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
	       a->is_admin == b->is_admin && a->principal == b->principal &&
	       a->team == b->team && a->nsubjects == b->nsubjects &&
	       memcmp(a->subject, b->subject, sizeof(a->subject)) == 0 &&
	       memcmp(a->secret_sha256, b->secret_sha256,
		   sizeof(a->secret_sha256)) == 0 &&
	       memcmp(a->models, b->models, sizeof(a->models)) == 0;
}

/* The first row without an id on id's way.  NULL: 7/8 of all are in use. */
static struct shm_key *
free_row(struct shm *m, uint64_t id)
{
	const uint32_t mask = m->sizes.keys - 1;
	uint32_t i;

	if (at_peek(&m->head->nkeys) >= m->sizes.keys - m->sizes.keys / 8)
		return NULL;
	for (i = 0; i < m->sizes.keys; i++) {
		struct shm_key *k = &m->keys[(home(id) + i) & mask];

		if (at_load(&k->id) == 0)
			return k;
	}
	return NULL;
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

	CHECK(id != 0 && row->nmodels <= KEY_MODELS_MAX &&
	      row->nsubjects <= KEY_SUBJECTS);
	if (old != NULL && same(old, row)) {
		if (at_peek(&row->state) == KEY_REVOKED)
			at_store(&old->state, KEY_REVOKED);
		return true;
	}
	to = free_row(m, id);
	if (to == NULL)
		return false;
	fill(to, row,
	    at_peek(&row->state) == KEY_REVOKED ? KEY_REVOKED : KEY_LIVE);
	at_store(&to->id, id);
	(void)at_add(&m->head->nkeys, 1);
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
