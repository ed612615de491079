#include "shm/limit.h"

#include "shm/atomic.h"
#include "shm/label.h"

static int64_t
scaled(int64_t v, int64_t by, int64_t of)
{
	const int128 up = ((int128)v * by + of - 1) / of;

	return up > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)up;
}

/* As many units as before lie ahead of now, at the new pace; a limit that is
 * lowered asks nobody to wait for more than a burst on that account. */
static int64_t
ahead_at(const struct limit_spec *s, int64_t amount, int64_t period_ns,
    int64_t ahead)
{
	const int64_t now =
	    scaled(scaled(ahead, amount, s->amount), s->period_ns, period_ns);
	const int64_t burst = scaled(s->period_ns, s->burst, s->amount);
	const int64_t most = ahead > burst ? ahead : burst;

	return now < most ? now : most;
}

/* The word is another in any case: who took by the old pace looks again. */
static void
repace(struct shm_limit *l, const struct limit_spec *s, int64_t amount,
    int64_t period_ns)
{
	int64_t tat = at_load(&l->tat_ns), to;

	do {
		to = s->mono_ns;
		if (tat > to)
			to += ahead_at(s, amount, period_ns, tat - to);
		to += to == tat;
	} while (!at_cas(&l->tat_ns, &tat, to));
}

static void
set_pace(struct shm_limit *l, const struct limit_spec *s)
{
	const int64_t amount = at_peek(&l->amount);
	const int64_t period_ns = at_peek(&l->period_ns);

	at_poke(&l->amount, s->amount);
	at_poke(&l->period_ns, s->period_ns);
	at_poke(&l->burst, s->burst);
	if ((amount != s->amount || period_ns != s->period_ns) && amount > 0 &&
	    period_ns > 0 && s->amount > 0 && s->period_ns > 0)
		repace(l, s, amount, period_ns);
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
	set_pace(l, s);
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
