#include "ledger/rate.h"

#include "shm/atomic.h"

enum { TRIES = 4, SPINS = 16 };

/* Far above any amount of tokens, far below an overflow of sums. */
#define UNITS_MAX (INT64_C(1) << 52)

int64_t
rate_burst(int64_t amount)
{
	if (amount >= 300)
		return amount / 100;
	return amount > 1 ? 2 : 1;
}

static int64_t
clip(int128 v)
{
	return v > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)v;
}

/* How long units take at the limit's pace, rounded up. */
static int64_t
pace_ns(const struct shm_limit *l, int64_t units)
{
	const int64_t amount = at_peek(&l->amount);
	const int64_t period = at_peek(&l->period_ns);

	if (amount <= 0)
		return INT64_MAX / 4;
	return clip(((int128)units * period + amount - 1) / amount);
}

/* Units that come within ns. */
static int64_t
units_in(const struct shm_limit *l, int64_t ns)
{
	const int64_t period = at_peek(&l->period_ns);

	if (period <= 0 || ns <= 0)
		return 0;
	return clip((int128)ns * at_peek(&l->amount) / period);
}

/* --- the pace ------------------------------------------------------------- */

static bool
pace_take(struct shm_limit *l, int64_t mono_ns, int64_t *step, int64_t *wait_ns)
{
	int64_t tat = at_load(&l->tat_ns), base, ahead;

	for (;;) {
		*step = pace_ns(l, 1);
		ahead = pace_ns(l, at_peek(&l->burst) - 1);
		base = tat > mono_ns ? tat : mono_ns;
		if (base - mono_ns > ahead || at_peek(&l->amount) <= 0) {
			*wait_ns = base - mono_ns - ahead;
			return false;
		}
		if (at_cas(&l->tat_ns, &tat, base + *step))
			return true;
	}
}

/*
 * A step drains while its call waits, however many stand before it: what is
 * given back is never more than what the step still holds, so that calls which
 * come to nothing let nobody pass ahead of the pace.
 */
static void
pace_back(struct shm_limit *l, int64_t taken_ns, int64_t step, int64_t mono_ns)
{
	const int64_t today = pace_ns(l, 1); /* a limit may have changed */
	const int64_t rest = taken_ns + (step < today ? step : today) - mono_ns;

	if (rest > 0)
		(void)at_add(&l->tat_ns, -rest);
}

static void
pace_add(struct shm_limit *l, int64_t units, int64_t mono_ns)
{
	int64_t tat = at_load(&l->tat_ns), base, step;

	do {
		step = pace_ns(l, units);
		base = tat > mono_ns ? tat : mono_ns;
		if (base > INT64_MAX / 2 - step)
			return;
	} while (!at_cas(&l->tat_ns, &tat, base + step));
}

/* --- gauges ----------------------------------------------------------------
 */

static int64_t
gauge_sum(struct shm *m, uint32_t limit, bool *tried)
{
	int64_t sum = 0, v;
	uint32_t s;

	*tried = false;
	for (s = 0; s < m->sizes.slots; s++) {
		v = at_load(&shm_gauge(m, limit, s)->sum);
		sum += v >> 1;
		*tried = *tried || ((v & 1) != 0 && s != m->slot);
	}
	return sum;
}

static void
gauge_set(struct shm *m, uint32_t limit, int64_t units, bool tentative)
{
	at_store(&shm_gauge(m, limit, m->slot)->sum, units * 2 + tentative);
}

static int64_t
gauge_own(struct shm *m, uint32_t limit)
{
	return at_peek(&shm_gauge(m, limit, m->slot)->sum) >> 1;
}

/* Two who met in their marks must not meet again. */
static void
back_off(uint32_t slot, unsigned tries)
{
	unsigned i, n = (slot + 1) * SPINS * (tries + 1);

	for (i = 0; i < n; i++)
		__builtin_ia32_pause();
}

/*
 * Never above most, not even for a moment: marked, fenced, read again.  alone:
 * what is larger than most may pass when nothing else is under way.
 */
static bool
gauge_take(
    struct shm *m, uint32_t limit, int64_t units, int64_t most, bool alone)
{
	const int64_t own = gauge_own(m, limit);
	bool tried;
	int64_t sum;
	unsigned i;

	for (i = 0; i < TRIES; i++, back_off(m->slot, i)) {
		sum = gauge_sum(m, limit, &tried);
		if (sum + units > most && !(alone && sum == 0)) {
			if (tried)
				continue;
			return false;
		}
		gauge_set(m, limit, own + units, true);
		at_fence();
		sum = gauge_sum(m, limit, &tried);
		if (sum <= most || (alone && sum == units)) {
			gauge_set(m, limit, own + units, false);
			return true;
		}
		gauge_set(m, limit, own, false);
	}
	return false;
}

static void
gauge_back(struct shm *m, uint32_t limit, int64_t units)
{
	const int64_t own = gauge_own(m, limit);

	gauge_set(m, limit, own > units ? own - units : 0, false);
}

/* --- one limit ------------------------------------------------------------ */

static bool
is_tokens(uint32_t kind)
{
	return kind == LIMIT_INPUT_TOKENS || kind == LIMIT_OUTPUT_TOKENS ||
	       kind == LIMIT_TOKENS;
}

/* Of input and output, what the kind counts. */
static int64_t
tokens_of(uint32_t kind, int64_t input, int64_t output)
{
	int64_t units = 0;

	if (kind != LIMIT_OUTPUT_TOKENS)
		units += input < UNITS_MAX ? input : UNITS_MAX;
	if (kind != LIMIT_INPUT_TOKENS)
		units += output < UNITS_MAX ? output : UNITS_MAX;
	return units;
}

static bool
tokens_take(struct shm *m, uint32_t row, int64_t units, int64_t mono_ns,
    int64_t *wait_ns)
{
	struct shm_limit *l = &m->limits[row];
	const int64_t ahead = at_load(&l->tat_ns) - mono_ns;
	const int64_t most = pace_ns(l, at_peek(&l->burst));

	*wait_ns = ahead > most ? ahead - most : 0;
	return ahead <= most && at_peek(&l->amount) > 0 &&
	       gauge_take(m, row, units, at_peek(&l->amount), true);
}

/* What cannot be taken any more is what FAULT_RATE says of it. */
static enum fault
take_one(struct shm *m, uint32_t row, uint32_t kind, int64_t *units,
    int64_t mono_ns, int64_t *wait_ns)
{
	*wait_ns = 0;
	if (kind == LIMIT_REQUESTS)
		return pace_take(&m->limits[row], mono_ns, units, wait_ns)
			   ? FAULT_NONE
			   : FAULT_RATE;
	if (kind == LIMIT_CONCURRENCY)
		return gauge_take(
			   m, row, 1, at_peek(&m->limits[row].amount), false)
			   ? FAULT_NONE
			   : FAULT_CONCURRENCY;
	return tokens_take(m, row, *units, mono_ns, wait_ns) ? FAULT_NONE
							     : FAULT_RATE;
}

enum fault
rate_take(struct shm *m, const struct chain *c, const struct rate_need *need,
    int64_t mono_ns, struct rate_taken *out, struct rate_short *why)
{
	enum fault f;
	unsigned i;

	out->n = 0;
	out->mono_ns = mono_ns;
	for (i = 0; i < c->nlimits; i++) {
		const uint32_t row = (uint32_t)c->limit[i];
		const uint32_t kind = at_load(&m->limits[row].kind);
		int64_t units = tokens_of(kind, need->input, need->output);

		if (kind == 0 || kind == LIMIT_COST_PER_CALL)
			continue;
		f = take_one(m, row, kind, &units, mono_ns, &why->wait_ns);
		if (f != FAULT_NONE) {
			why->limit = row;
			why->kind = (enum limit_kind)kind;
			rate_back(m, out, mono_ns);
			return f;
		}
		out->item[out->n].limit = row;
		out->item[out->n].kind = kind;
		out->item[out->n++].units = units;
	}
	return FAULT_NONE;
}

void
rate_settle(struct shm *m, struct rate_taken *t, int64_t input, int64_t output,
    int64_t mono_ns)
{
	unsigned i;

	for (i = 0; i < t->n; i++) {
		const uint32_t row = t->item[i].limit, kind = t->item[i].kind;

		if (kind == LIMIT_CONCURRENCY)
			gauge_back(m, row, 1);
		if (!is_tokens(kind))
			continue;
		/* Counted first: for a moment too much is taken, never too
		 * little. */
		pace_add(
		    &m->limits[row], tokens_of(kind, input, output), mono_ns);
		gauge_back(m, row, t->item[i].units);
	}
	t->n = 0;
}

void
rate_back(struct shm *m, struct rate_taken *t, int64_t mono_ns)
{
	unsigned i;

	for (i = 0; i < t->n; i++) {
		const uint32_t row = t->item[i].limit, kind = t->item[i].kind;

		if (kind == LIMIT_REQUESTS)
			pace_back(&m->limits[row], t->mono_ns, t->item[i].units,
			    mono_ns);
		else
			gauge_back(m, row,
			    kind == LIMIT_CONCURRENCY ? 1 : t->item[i].units);
	}
	t->n = 0;
}

int32_t
rate_cost_refused(const struct shm *m, const struct chain *c, int64_t most)
{
	unsigned i;

	for (i = 0; i < c->nlimits; i++) {
		const struct shm_limit *l = &m->limits[c->limit[i]];

		if (at_load(&l->kind) == LIMIT_COST_PER_CALL &&
		    most > at_peek(&l->amount))
			return c->limit[i];
	}
	return -1;
}

/* --- for headers and lists ------------------------------------------------ */

struct rate_state
rate_state(struct shm *m, uint32_t limit, int64_t mono_ns)
{
	const struct shm_limit *l = &m->limits[limit];
	const uint32_t kind = at_load(&l->kind);
	const int64_t tat = at_load(&l->tat_ns);
	const int64_t ahead = tat > mono_ns ? tat - mono_ns : 0;
	struct rate_state s = { .kind = (enum limit_kind)kind,
		.amount = at_peek(&l->amount),
		.period_ns = at_peek(&l->period_ns),
		.reset_ns = ahead };
	bool tried;
	int64_t taken;

	if (kind == LIMIT_REQUESTS) {
		s.left = units_in(l, pace_ns(l, at_peek(&l->burst)) - ahead);
	} else if (kind == LIMIT_CONCURRENCY) {
		s.left = s.amount - gauge_sum(m, limit, &tried);
	} else if (is_tokens(kind)) {
		taken = units_in(l, ahead);
		s.left = s.amount - taken - gauge_sum(m, limit, &tried);
	} else {
		s.left = s.amount;
	}
	if (s.left < 0)
		s.left = 0;
	if (s.left > s.amount)
		s.left = s.amount;
	return s;
}
