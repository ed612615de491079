#include "shm/subject.h"

#include "shm/atomic.h"

/* A reader that meets so many changes meets a writer that died in one. */
enum { TRIES = 100000 };

uint32_t
subject_set(struct shm *m, uint32_t row, uint64_t id, enum subject_kind kind,
    uint64_t name_hash)
{
	const uint32_t n = at_peek(&m->head->nsubjects);
	struct shm_subject *s;

	CHECK(id != 0);
	if (row > n)
		row = n;
	if (row >= m->sizes.subjects)
		return UINT32_MAX;
	s = &m->subjects[row];
	at_poke(&s->kind, (uint32_t)kind);
	at_poke(&s->name_hash, name_hash);
	if (row == n) {
		at_store(&s->id, id);
		at_store(&m->head->nsubjects, row + 1);
	}
	return row;
}

/*
 * An odd version says that a change is under way.  A recorder that died in
 * one leaves it odd: its successor sets all lists again and ends with even.
 */
static void
set(struct shm_subject *s, _Atomic uint32_t *count, _Atomic int32_t *list,
    const int32_t *row, unsigned n)
{
	const uint32_t version = at_peek(&s->version) | 1;
	unsigned i;

	at_store(&s->version, version);
	at_fence();
	for (i = 0; i < n; i++)
		at_poke(&list[i], row[i]);
	at_poke(count, n);
	at_store(&s->version, version + 1);
}

void
subject_set_budgets(
    struct shm *m, uint32_t row, const int32_t *account, unsigned n)
{
	struct shm_subject *s = &m->subjects[row];

	CHECK(row < m->sizes.subjects && n <= SUBJECT_BUDGETS);
	set(s, &s->nbudgets, s->budget, account, n);
}

void
subject_set_limits(
    struct shm *m, uint32_t row, const int32_t *limit, unsigned n)
{
	struct shm_subject *s = &m->subjects[row];

	CHECK(row < m->sizes.subjects && n <= SUBJECT_LIMITS);
	set(s, &s->nlimits, s->limit, limit, n);
}

static unsigned
at_most(uint32_t n, unsigned max)
{
	return n < max ? n : max;
}

bool
subject_read(const struct shm *m, int32_t row, struct subject_lists *out)
{
	const struct shm_subject *s;
	uint32_t before;
	unsigned i, tries;

	if (row < 0 || (uint32_t)row >= m->sizes.subjects)
		return false;
	s = &m->subjects[row];
	for (tries = 0; tries < TRIES; tries++) {
		before = at_load(&s->version);
		out->nbudgets = at_most(at_load(&s->nbudgets), SUBJECT_BUDGETS);
		out->nlimits = at_most(at_load(&s->nlimits), SUBJECT_LIMITS);
		for (i = 0; i < out->nbudgets; i++)
			out->budget[i] = at_load(&s->budget[i]);
		for (i = 0; i < out->nlimits; i++)
			out->limit[i] = at_load(&s->limit[i]);
		if ((before & 1) == 0 && at_load(&s->version) == before)
			return true;
		__builtin_ia32_pause();
	}
	return false;
}

int32_t
subject_tag(const struct shm *m, uint64_t name_hash)
{
	const uint32_t n = at_load(&m->head->nsubjects);
	uint32_t i;

	for (i = 0; i < n && i < m->sizes.subjects; i++) {
		const struct shm_subject *s = &m->subjects[i];

		if (at_peek(&s->name_hash) == name_hash &&
		    at_peek(&s->kind) == SUBJECT_TAG)
			return (int32_t)i;
	}
	return -1;
}
