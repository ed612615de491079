#include "shm/limit.h"

#include "shm/atomic.h"
#include "shm/label.h"

uint32_t
limit_publish(struct shm *m, const struct limit_spec *s)
{
	const uint32_t n = at_peek(&m->head->nlimits);
	uint32_t row;

	for (row = 0; row < n && row < m->sizes.limits; row++) {
		if (at_peek(&m->limits[row].id) == s->id)
			break;
	}
	return limit_set(m, row, s);
}

uint32_t
limit_set(struct shm *m, uint32_t row, const struct limit_spec *s)
{
	const uint32_t n = at_peek(&m->head->nlimits);
	struct shm_limit *l;

	CHECK(s->id != 0 && s->amount >= 0 && s->period_ns >= 0);
	if (row > n)
		row = n;
	if (row >= m->sizes.limits)
		return UINT32_MAX;
	l = &m->limits[row];
	at_poke(&l->amount, s->amount);
	at_poke(&l->period_ns, s->period_ns);
	at_poke(&l->burst, s->burst);
	label_set(&l->label, s->label);
	at_store(&l->kind, (uint32_t)s->kind);
	if (row == n) {
		at_store(&l->id, s->id);
		at_store(&m->head->nlimits, row + 1);
	}
	return row;
}

void
limit_close(struct shm *m, uint32_t row)
{
	CHECK(row < m->sizes.limits);
	at_store(&m->limits[row].kind, 0);
}
