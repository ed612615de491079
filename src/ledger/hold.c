#include "ledger/hold.h"

#include "shm/atomic.h"
#include "shm/breaker.h"

/* Retries within one call, and how long a slot's number spins before each. */
#ifdef KONTOR_EXPLORE
#define TRIES explore_tries
enum { SPINS = 0 };
#else
enum { TRIES = 4, SPINS = 16 };
#endif

/* What a column can hold: far above any budget, far below overflow. */
#define COLUMN_MAX (INT64_C(1) << 60)

struct ledger {
	struct shm *m;
	uint32_t slot;
	uint32_t fresh;  /* records from here on were never used */
	uint32_t nfree;  /* used before, free again: the last one first */
	uint32_t free[]; /* by number */
};

struct ledger *
ledger_new(struct shm *m)
{
	struct ledger *l;

	CHECK(m->slot < m->sizes.slots);
	l = mem_new(sizeof(*l) + m->sizes.holds * sizeof(l->free[0]));
	l->m = m;
	l->slot = m->slot;
	return l;
}

void
ledger_free(struct ledger **l)
{
	mem_free(*l);
	*l = NULL;
}

/* --- records ------------------------------------------------------------ */

static struct shm_hold *
take_record(struct ledger *l)
{
	_Atomic uint32_t *top = &l->m->slots[l->slot].holds_top;

	if (l->nfree > 0)
		return shm_hold_at(l->m, l->slot, l->free[--l->nfree]);
	if (l->fresh == l->m->sizes.holds)
		return NULL;
	if (at_peek(top) <= l->fresh)
		at_store(top, l->fresh + 1);
	return shm_hold_at(l->m, l->slot, l->fresh++);
}

static void
free_record(struct ledger *l, struct shm_hold *h)
{
	const ptrdiff_t i = h - shm_hold_at(l->m, l->slot, 0);

	CHECK(i >= 0 && i < (ptrdiff_t)l->m->sizes.holds);
	if (MUTANT(KEEP_RECORD) && at_peek(&h->step) == HOLD_SETTLED)
		return;
	at_store(&h->step, HOLD_FREE);
	l->free[l->nfree++] = (uint32_t)i;
}

static void
fill_record(struct shm_hold *h, const struct hold_spec *s)
{
	memcpy(h->req, s->req.b, sizeof(h->req));
	h->attempt = s->attempt;
	h->deployment = s->deployment;
	h->generation = s->generation;
	h->key = s->key;
	h->price = s->price;
	h->most = s->most.nano;
	h->n = s->n;
	at_poke(&h->cost, 0);
	at_poke(&h->input_seen, 0);
	at_poke(&h->output_seen, 0);
	at_poke(&h->progress, 0);
	at_poke(&h->repair_seq, 0);
}

/* --- looking ------------------------------------------------------------ */

/* One account of a chain, while it is being decided. */
struct look {
	struct shm *m;
	uint32_t row, own;
	unsigned side;
	uint64_t window;
	int64_t need;
	struct hold_short *why;
};

enum verdict { FITS, AGAIN, SHORT_PENDING, SHORT_FINAL };

static int64_t
add_capped(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return a < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

static int64_t
column(const struct look *k, uint32_t slot)
{
	return at_load(&shm_column(k->m, k->row, k->side, slot)->sum);
}

/* Sum of the columns; what was seen in each when asked for. */
static int64_t
sum_columns(const struct look *k, int64_t *seen)
{
	const struct shm_column *c = shm_column(k->m, k->row, k->side, 0);
	int64_t v, sum = 0;
	uint32_t s;

	for (s = 0; s < k->m->sizes.slots; s++) {
		v = at_load(&c[s].sum);
		if (seen != NULL)
			seen[s] = v;
		sum = add_capped(sum, v >> 1);
	}
	return sum;
}

static int64_t
sum_held(const struct look *k)
{
	int64_t sum = 0;
	uint32_t s;

	for (s = 0; s < k->m->sizes.slots; s++)
		sum = add_capped(
		    sum, at_load(&shm_live(k->m, k->row, k->side, s)->held));
	return sum;
}

/*
 * Whether what was seen may still turn out to be nothing: another's mark, or
 * a dead slot whose money repair is moving to the recorder's column.
 */
static bool
unsettled(const struct look *k, const int64_t *seen)
{
	uint32_t s;

	for (s = 0; s < k->m->sizes.slots; s++) {
		if (s == k->own || seen[s] == 0)
			continue;
		if ((seen[s] & 1) && !MUTANT(TENTATIVE))
			return true;
		if (at_load(&k->m->slots[s].state) == SLOT_DEAD)
			return true;
	}
	return false;
}

static bool
same_columns(const struct look *k, const int64_t *seen)
{
	uint32_t s;

	for (s = 0; s < k->m->sizes.slots; s++) {
		if (column(k, s) != seen[s])
			return false;
	}
	return true;
}

static void
explain(const struct look *k, int64_t sum, int64_t held)
{
	const struct shm_account *a = &k->m->accounts[k->row];
	const struct shm_window *w = &a->window[k->side];

	if (k->why == NULL)
		return;
	*k->why = (struct hold_short){
		.row = k->row,
		.flags = at_peek(&a->flags),
		.account_id = at_peek(&a->id),
		.granted = at_peek(&w->granted),
		.settled = add_capped(sum, -held),
		.pending = held,
		.need = k->need,
		.reset_ns = at_peek(&w->end_ns),
	};
}

/*
 * The slow half, when the first glance was short.  Held money is read before
 * and after the columns and a holder counts it up before and down after its
 * column, so the larger reading is at least what the columns hold of it: a
 * final shortage is one of settled money alone.
 */
static enum verdict
judge_short(const struct look *k)
{
	int64_t seen[SLOTS_MAX], sum, after, held = sum_held(k);
	const int64_t granted =
	    at_peek(&k->m->accounts[k->row].window[k->side].granted);

	sum = sum_columns(k, seen);
	if (add_capped(sum, k->need) <= granted)
		return FITS;
	if (unsettled(k, seen)) {
		explain(k, sum, held);
		return AGAIN;
	}
	after = sum_held(k);
	held = after > held ? after : held;
	explain(k, sum, held);
	if (!same_columns(k, seen))
		return AGAIN;
	if (add_capped(add_capped(sum, -held), k->need) <= granted)
		return SHORT_PENDING;
	return SHORT_FINAL;
}

/* Nothing is marked by us. */
static enum verdict
judge(const struct look *k)
{
	const struct shm_account *a = &k->m->accounts[k->row];
	const uint32_t flags = at_load(&a->flags);

	if ((flags & ACCOUNT_CLOSED) || k->need > COLUMN_MAX ||
	    (column(k, k->own) >> 1) > COLUMN_MAX - k->need) {
		explain(k, sum_columns(k, NULL), sum_held(k));
		return SHORT_FINAL;
	}
	if (!(flags & ACCOUNT_HARD) ||
	    add_capped(sum_columns(k, NULL), k->need) <=
		at_peek(&a->window[k->side].granted))
		return FITS;
	return judge_short(k);
}

/* Our need is in our column already. */
static bool
fits_marked(const struct look *k)
{
	const struct shm_account *a = &k->m->accounts[k->row];
	const struct shm_window *w = &a->window[k->side];
	const uint32_t flags = at_load(&a->flags);

	if ((at_load(&w->id) != k->window && !MUTANT(NO_WINDOW)) ||
	    (flags & ACCOUNT_CLOSED))
		return false;
	return !(flags & ACCOUNT_HARD) ||
	       sum_columns(k, NULL) <= at_peek(&w->granted);
}

/* --- windows ------------------------------------------------------------ */

/* The side that is open at wall_ns, or what to answer. */
static enum verdict
pick_window(struct look *k, int64_t wall_ns)
{
	struct shm_account *a = &k->m->accounts[k->row];
	bool between = false;
	uint64_t id;

	for (k->side = 0; k->side < 2; k->side++) {
		struct shm_window *w = &a->window[k->side];

		id = at_load(&w->id);
		if (id == 0)
			between = true;
		else if (at_peek(&w->start_ns) <= wall_ns &&
			 wall_ns < at_peek(&w->end_ns)) {
			k->window = id;
			return FITS;
		}
	}
	k->side = at_peek(&a->window[0].end_ns) < at_peek(&a->window[1].end_ns);
	explain(k, sum_columns(k, NULL), sum_held(k));
	if (k->why != NULL)
		k->why->no_window = true;
	return between ? SHORT_PENDING : SHORT_FINAL;
}

static struct look
look_at(struct ledger *l, const struct shm_hold *h, unsigned i,
    struct hold_short *why)
{
	return (struct look){
		.m = l->m,
		.row = h->chain[i].account,
		.own = l->slot,
		.side = h->chain[i].side,
		.window = h->chain[i].window_id,
		.need = h->most,
		.why = why,
	};
}

/* Names the windows in the record and takes the first glance. */
static enum verdict
look_chain(struct ledger *l, struct shm_hold *h, const struct hold_spec *s,
    struct hold_short *why)
{
	enum verdict v;
	unsigned i;

	for (i = 0; i < s->n; i++) {
		struct look k;

		h->chain[i].account = (uint32_t)s->account[i];
		k = look_at(l, h, i, why);
		v = pick_window(&k, s->wall_ns);
		if (v == FITS)
			v = judge(&k);
		if (v != FITS)
			return v;
		h->chain[i].side = k.side;
		h->chain[i].window_id = k.window;
		h->chain[i].account_id = at_peek(&l->m->accounts[k.row].id);
	}
	return FITS;
}

/* --- marking ------------------------------------------------------------ */

static void
column_set(struct shm_column *c, int64_t value, bool tentative)
{
	at_store(&c->sum, value * 2 + tentative);
}

/* Value of an own column, changed by delta and kept within its bounds. */
static int64_t
column_plus(struct shm_column *c, int64_t delta)
{
	const int64_t v = add_capped(at_peek(&c->sum) >> 1, delta);
	const int64_t most = 2 * COLUMN_MAX;

	return v > most ? most : v < -most ? -most : v;
}

/*
 * Says that we are here, before any column is touched: who recycles a window
 * (account.c) sees the count, or we see that the window is gone.
 */
static bool
announce(struct ledger *l, struct shm_hold *h)
{
	unsigned i;

	at_store(&h->step, HOLD_MARKING);
	for (i = 0; i < h->n; i++) {
		struct shm_live *v = shm_live(
		    l->m, h->chain[i].account, h->chain[i].side, l->slot);

		at_poke(&v->held, at_peek(&v->held) + h->most);
		at_poke(&v->holds, at_peek(&v->holds) + 1);
	}
	at_fence();
	for (i = 0; i < h->n; i++) {
		struct shm_account *a = &l->m->accounts[h->chain[i].account];

		if (at_load(&a->window[h->chain[i].side].id) !=
			h->chain[i].window_id &&
		    !MUTANT(NO_WINDOW))
			return false;
	}
	return true;
}

static void
withdraw(struct ledger *l, struct shm_hold *h, int64_t most)
{
	unsigned i;

	for (i = 0; i < h->n; i++) {
		struct shm_live *v = shm_live(
		    l->m, h->chain[i].account, h->chain[i].side, l->slot);

		at_store(&v->held, at_peek(&v->held) - most);
		at_store(&v->holds, at_peek(&v->holds) - 1);
	}
}

static void
mark(struct ledger *l, struct shm_hold *h)
{
	unsigned i;

	for (i = 0; i < h->n; i++) {
		struct shm_column *c = shm_column(
		    l->m, h->chain[i].account, h->chain[i].side, l->slot);

		column_set(c, column_plus(c, h->most), !MUTANT(CLEAR_FIRST));
	}
	if (!MUTANT(NO_FENCE))
		at_fence();
}

static void
unmark(struct ledger *l, struct shm_hold *h)
{
	unsigned i;

	for (i = 0; i < h->n; i++) {
		struct shm_column *c = shm_column(
		    l->m, h->chain[i].account, h->chain[i].side, l->slot);

		column_set(c, column_plus(c, -h->most), false);
	}
}

static bool
check_marked(struct ledger *l, const struct shm_hold *h)
{
	unsigned i;

	for (i = 0; i < h->n && !MUTANT(NO_REREAD); i++) {
		const struct look k = look_at(l, h, i, NULL);

		if (!fits_marked(&k))
			return false;
	}
	return true;
}

/* The money is ours: others see it as spent or pending, no longer as a try. */
static void
commit(struct ledger *l, struct shm_hold *h)
{
	unsigned i;

	for (i = 0; i < h->n; i++) {
		struct shm_column *c = shm_column(
		    l->m, h->chain[i].account, h->chain[i].side, l->slot);

		column_set(c, at_peek(&c->sum) >> 1, false);
	}
	at_store(&h->step, HOLD_OPEN);
}

/* One try: all accounts of the chain or none. */
static bool
try_marked(struct ledger *l, struct shm_hold *h)
{
	if (!announce(l, h)) {
		withdraw(l, h, h->most);
		return false;
	}
	mark(l, h);
	if (!check_marked(l, h)) {
		unmark(l, h);
		withdraw(l, h, h->most);
		return false;
	}
	commit(l, h);
	return true;
}

/* Two who met in their marks must not meet again. */
static void
back_off(uint32_t slot, unsigned tries)
{
	unsigned i, n = (slot + 1) * SPINS * (tries + 1);

	for (i = 0; i < n; i++)
		__builtin_ia32_pause();
}

static enum fault
admit(struct ledger *l, struct shm_hold *h, const struct hold_spec *s,
    struct hold_short *why)
{
	enum verdict v;
	unsigned tries;

	for (tries = 0; tries < TRIES; tries++) {
		v = look_chain(l, h, s, why);
		if (v == SHORT_FINAL)
			return FAULT_BUDGET;
		if (v == SHORT_PENDING)
			return FAULT_PENDING;
		if (v == FITS && try_marked(l, h))
			return FAULT_NONE;
		back_off(l->slot, tries);
	}
	return FAULT_PENDING;
}

static bool
rows_known(const struct ledger *l, const struct hold_spec *s)
{
	const uint32_t n = at_load(&l->m->head->naccounts);
	unsigned i;

	for (i = 0; i < s->n; i++) {
		if (s->account[i] < 0 || (uint32_t)s->account[i] >= n ||
		    (uint32_t)s->account[i] >= l->m->sizes.accounts)
			return false;
	}
	return true;
}

enum fault
hold_open(struct ledger *l, const struct hold_spec *spec, struct shm_hold **out,
    struct hold_short *why)
{
	struct shm_hold *h;
	enum fault fault;

	CHECK(spec->n <= HOLD_CHAIN_MAX && spec->most.nano >= 0);
	*out = NULL;
	if (!rows_known(l, spec))
		return FAULT_INTERNAL;
	h = take_record(l);
	if (h == NULL)
		return FAULT_OVERLOAD;
	fill_record(h, spec);
	fault = admit(l, h, spec, why);
	if (fault != FAULT_NONE) {
		free_record(l, h);
		return fault;
	}
	*out = h;
	return FAULT_NONE;
}

/* --- after admission ---------------------------------------------------- */

void
hold_sent(struct shm_hold *h)
{
	at_store(&h->step, HOLD_SENT);
}

void
hold_progress(struct shm_hold *h, uint64_t input, uint64_t output)
{
	at_poke(&h->input_seen, input);
	at_poke(&h->output_seen, output);
	at_store(&h->progress, 1);
}

void
hold_close(struct ledger *l, struct shm_hold **hp, struct money cost)
{
	struct shm_hold *h = *hp;
	unsigned i;

	CHECK(h != NULL && cost.nano >= 0);
	*hp = NULL;
	at_poke(&h->cost, cost.nano);
	at_store(&h->step, HOLD_SETTLED);
	for (i = 0; i < h->n; i++) {
		struct shm_column *c = shm_column(
		    l->m, h->chain[i].account, h->chain[i].side, l->slot);

		column_set(c, column_plus(c, cost.nano - h->most), false);
	}
	withdraw(l, h, h->most);
	free_record(l, h);
}

void
account_sums(struct shm *m, uint32_t account, unsigned side, int64_t *settled,
    int64_t *held)
{
	const struct look k = { .m = m, .row = account, .side = side };

	*held = sum_held(&k);
	*settled = add_capped(sum_columns(&k, NULL), -*held);
}

/* --- repair ------------------------------------------------------------- */

/* A step that cannot be is the worst that can be. */
enum hold_left
hold_left(const struct shm_hold *h)
{
	switch (at_load(&h->step)) {
	case HOLD_FREE:
	case HOLD_MARKING:
	case HOLD_SETTLED:
		return HOLD_LEFT_NOTHING;
	case HOLD_OPEN:
		return HOLD_LEFT_VOID;
	default:
		return at_load(&h->progress) != 0 ? HOLD_LEFT_PROGRESS
						  : HOLD_LEFT_UNKNOWN;
	}
}

static uint32_t
records_used(struct shm *m, uint32_t slot)
{
	const uint32_t top = at_load(&m->slots[slot].holds_top);

	return top < m->sizes.holds ? top : m->sizes.holds;
}

enum fault
repair_holds(struct shm *m, uint32_t dead, repair_f *resolve, void *arg)
{
	const uint32_t n = records_used(m, dead);
	enum fault fault;
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct shm_hold *h = shm_hold_at(m, dead, i);

		if (hold_left(h) == HOLD_LEFT_NOTHING)
			continue;
		fault = resolve(arg, h);
		if (fault != FAULT_NONE)
			return fault;
	}
	return FAULT_NONE;
}

/* For a moment both columns count: too much is reserved, never too little. */
static void
move_column(struct shm *m, uint32_t row, unsigned side, uint32_t dead,
    uint32_t own, int64_t settled)
{
	struct shm_column *to = shm_column(m, row, side, own);
	struct shm_column *from = shm_column(m, row, side, dead);
	const int64_t before = MUTANT(REPAIR_ADDS) ? at_peek(&to->sum) : 0;

	if (MUTANT(REPAIR_ADDS))
		settled = at_peek(&from->sum) >> 1;
	if (MUTANT(REPAIR_ZEROES))
		at_store(&from->sum, 0);
	at_store(&to->sum, before + settled * 2);
	at_store(&from->sum, 0);
}

static void
move_account(struct shm *m, uint32_t row, uint32_t dead, uint32_t own,
    books_f *books, void *arg)
{
	struct shm_account *a = &m->accounts[row];
	const uint64_t id = at_load(&a->id);
	unsigned side;

	for (side = 0; side < 2; side++) {
		struct shm_live *live = shm_live(m, row, side, dead);
		const uint64_t window = at_load(&a->window[side].id);

		if (window != 0)
			move_column(
			    m, row, side, dead, own, books(arg, id, window));
		else
			at_store(&shm_column(m, row, side, dead)->sum, 0);
		at_store(&live->held, 0);
		at_store(&live->holds, 0);
	}
}

/* Only for display: a crash between may lose a count, never double one. */
static void
move_counters(struct shm *m, uint32_t dead, uint32_t own)
{
	struct shm_slot *from = &m->slots[dead], *to = &m->slots[own];
	size_t i;

	for (i = 0; i < NELEM(from->counters); i++) {
		const uint64_t n = at_peek(&from->counters[i]);

		at_poke(&from->counters[i], 0);
		at_poke(&to->counters[i], at_peek(&to->counters[i]) + n);
	}
}

/* What it had under way is over; its pace drains by itself. */
static void
forget_gauges(struct shm *m, uint32_t dead)
{
	const uint32_t n = at_load(&m->head->nlimits);
	uint32_t i;

	for (i = 0; i < n && i < m->sizes.limits; i++)
		at_store(&shm_gauge(m, i, dead)->sum, 0);
}

enum fault
repair_slot(struct shm *m, uint32_t dead, uint32_t own, repair_f *resolve,
    books_f *books, void *arg)
{
	enum fault fault;
	uint32_t i, n;

	CHECK(dead < m->sizes.slots && own < m->sizes.slots && dead != own);
	if (at_load(&m->slots[dead].state) != SLOT_DEAD)
		return FAULT_NONE;
	fault = repair_holds(m, dead, resolve, arg);
	if (fault != FAULT_NONE)
		return fault;
	n = at_load(&m->head->naccounts);
	for (i = 0; i < n && i < m->sizes.accounts; i++)
		move_account(m, i, dead, own, books, arg);
	breaker_forget_slot(m, dead);
	forget_gauges(m, dead);
	move_counters(m, dead, own);
	n = records_used(m, dead);
	for (i = 0; i < n; i++)
		at_store(&shm_hold_at(m, dead, i)->step, HOLD_FREE);
	at_store(&m->slots[dead].state, SLOT_FREE);
	return FAULT_NONE;
}
