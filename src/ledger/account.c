#include "ledger/account.h"

#include "shm/atomic.h"
#include "shm/label.h"

uint32_t
account_append(struct shm *m, uint64_t id, uint32_t flags)
{
	const uint32_t row = at_peek(&m->head->naccounts);

	CHECK(id != 0);
	if (row >= m->sizes.accounts)
		return UINT32_MAX;
	account_flags(m, row, flags);
	at_poke(&m->accounts[row].admit_wait_ns, -1);
	at_store(&m->accounts[row].id, id);
	at_store(&m->head->naccounts, row + 1);
	return row;
}

void
account_flags(struct shm *m, uint32_t row, uint32_t flags)
{
	CHECK(row < m->sizes.accounts);
	at_store(&m->accounts[row].flags, flags | ACCOUNT_USED);
}

void
account_terms(struct shm *m, uint32_t row, const struct account_terms *t)
{
	struct shm_account *a;

	CHECK(row < m->sizes.accounts);
	a = &m->accounts[row];
	at_poke(&a->downgrade, t->downgrade);
	at_poke(&a->admit_wait_ns, t->admit_wait_ns);
	label_set(&a->label, t->label);
}

static bool
has_holds(struct shm *m, uint32_t row, unsigned side)
{
	uint32_t s;

	for (s = 0; s < m->sizes.slots; s++) {
		if (at_load(&shm_live(m, row, side, s)->holds) != 0)
			return true;
	}
	return false;
}

/*
 * Takes a side from its window.  Between the two fences, ours and that of
 * hold.c, either we see a worker's count or it sees the id gone: once this
 * says yes nobody touches the side's columns, and they may be zeroed though
 * they belong to living slots.
 */
static bool
retire(struct shm *m, uint32_t row, unsigned side)
{
	struct shm_window *w = &m->accounts[row].window[side];
	const uint64_t old = at_peek(&w->id);
	uint32_t s;

	at_store(&w->id, 0);
	at_fence();
	if (has_holds(m, row, side)) {
		at_store(&w->id, old);
		return false;
	}
	for (s = 0; s < m->sizes.slots; s++)
		at_poke(&shm_column(m, row, side, s)->sum, 0);
	return true;
}

enum fault
window_open(
    struct shm *m, uint32_t row, uint32_t own, const struct window_spec *spec)
{
	const unsigned side = spec->id & 1;
	struct shm_window *w;

	CHECK(row < m->sizes.accounts && spec->id != 0);
	w = &m->accounts[row].window[side];
	if (at_peek(&w->id) != spec->id && !retire(m, row, side))
		return FAULT_PENDING;
	at_poke(&w->start_ns, spec->start_ns);
	at_poke(&w->end_ns, spec->end_ns);
	at_poke(&w->granted, spec->granted);
	at_poke(&shm_column(m, row, side, own)->sum, spec->settled * 2);
	at_store(&w->id, spec->id);
	return FAULT_NONE;
}

void
account_grant(struct shm *m, uint32_t row, int64_t granted)
{
	unsigned side;

	CHECK(row < m->sizes.accounts);
	for (side = 0; side < 2; side++)
		at_poke(&m->accounts[row].window[side].granted, granted);
}

bool
account_settled(struct shm *m, uint32_t row, uint32_t own, uint64_t window_id,
    int64_t settled)
{
	const unsigned side = window_id & 1;

	CHECK(row < m->sizes.accounts);
	if (at_peek(&m->accounts[row].window[side].id) != window_id)
		return false;
	at_store(&shm_column(m, row, side, own)->sum, settled * 2);
	return true;
}
