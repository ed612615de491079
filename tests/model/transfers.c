/*
 * transfers.c - random transfers, and the whole book added up after each
 *
 *	transfers [COUNT [SEED]]
 *
 * Four slots hold, settle, void and overdraw on chains of up to five of forty
 * accounts (orgs, teams, keys ...), at costs by random price rows and usage;
 * slots die with holds open and are repaired; windows roll.  A book of double
 * entries is kept beside it in 128 bits: every transfer debits the account
 * and credits who is owed.  After each transfer the accounts it touched and
 * the sum of all are compared; every 10,000 the whole book is added up anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger/account.h"
#include "ledger/hold.h"
#include "model/price.h"

enum {
	WORKERS = 4,
	SLOTS = 10,
	OWN = 0,
	ACCOUNTS = 40,
	CHAIN = 5,
	OPEN = 32,
	PRICES = 50,
	HOUR = 1000
};

/* The book beside it: of one account, its window in force. */
struct entry {
	int128 debit;  /* settled in this window */
	int128 ever;   /* in all windows */
	int128 credit; /* owed to providers for it, ever */
	int128 over;   /* costs above their holds, in this window */
	int64_t granted;
	uint64_t window;
};

/* One hold as the book knows it. */
struct pending {
	struct shm_hold *h;
	int64_t most;
	unsigned n, price;
	int32_t row[CHAIN];
	uint64_t window[CHAIN];
	uint64_t input, output; /* its bounds */
};

struct worker {
	struct shm view;
	struct ledger *ledger;
	struct pending open[OPEN];
	unsigned n;
};

static struct shm m;
static struct entry book[ACCOUNTS];
static struct worker worker[WORKERS];
static struct price price[PRICES];
static uint64_t seed;
static int64_t wall;
static int128 owed, spent; /* both sides of the whole book */
static uint64_t done, refused, voided, deaths, rolled, overages;

static uint64_t
rnd(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static void
wrong(const char *what, unsigned account)
{
	printf("wrong after %llu transfers: %s (account %u)\n",
	    (unsigned long long)done, what, account);
	exit(1);
}

/* --- setting up ------------------------------------------------------------
 */

/* Accounts of even number roll every HOUR, the others never do. */
static struct window_spec
window_of(unsigned i, uint64_t id)
{
	return (struct window_spec){ .id = id,
		.start_ns = i % 2 ? 0 : (int64_t)(id - 1) * HOUR,
		.end_ns = i % 2 ? INT64_MAX : (int64_t)id * HOUR,
		.granted = book[i].granted };
}

static void
make_accounts(void)
{
	unsigned i;

	for (i = 0; i < ACCOUNTS; i++) {
		const uint32_t flags = i % 7 == 0 ? 0 : ACCOUNT_HARD;
		struct window_spec w;

		book[i].granted = (int64_t)rnd(INT64_C(1) << 44);
		book[i].window = 1;
		if (account_append(&m, i + 1, flags) != i)
			wrong("no row", i);
		w = window_of(i, 1);
		if (window_open(&m, i, OWN, &w) != FAULT_NONE)
			wrong("no window", i);
		w = window_of(i, 2);
		if (i % 2 == 0 && window_open(&m, i, OWN, &w) != FAULT_NONE)
			wrong("no next window", i);
	}
}

static void
make_prices(void)
{
	unsigned i;

	for (i = 0; i < PRICES; i++) {
		struct price *p = &price[i];

		p->id = i + 1;
		p->base.has =
		    1u << LANE_INPUT | 1u << LANE_OUTPUT | 1u << LANE_CACHED;
		p->base.rate[LANE_INPUT].pico = (int64_t)rnd(75000000);
		p->base.rate[LANE_CACHED].pico = (int64_t)rnd(7500000);
		p->base.rate[LANE_OUTPUT].pico = (int64_t)rnd(600000000);
		p->per_request.nano = (int64_t)rnd(3) * 1000;
	}
}

static void
start(struct worker *w)
{
	const uint32_t slot = shm_slot_take(&m, false);

	if (slot == UINT32_MAX)
		wrong("no slot", 0);
	w->view = m;
	w->view.slot = slot;
	w->ledger = ledger_new(&w->view);
	w->n = 0;
}

/* --- what must be ----------------------------------------------------------
 */

static void
check_account(unsigned i)
{
	const struct entry *e = &book[i];
	const bool hard = atomic_load(&m.accounts[i].flags) & ACCOUNT_HARD;
	int64_t settled, held;

	account_sums(&m, i, (unsigned)(e->window & 1), &settled, &held);
	if (e->ever != e->credit)
		wrong("debit is not credit", i);
	if (settled != e->debit)
		wrong("the columns are not the book", i);
	if (hard && (int128)settled + held > e->granted + e->over)
		wrong("the limit is passed", i);
}

static void
check_all(void)
{
	int128 debits = 0, credits = 0;
	unsigned i;

	for (i = 0; i < ACCOUNTS; i++) {
		check_account(i);
		debits += book[i].ever;
		credits += book[i].credit;
	}
	if (debits != spent || credits != owed || spent != owed)
		wrong("the whole book does not balance", 0);
}

/* Books a cost on every account of a hold: one debit and one credit each. */
static void
post(const struct pending *p, int64_t cost)
{
	unsigned i;

	for (i = 0; i < p->n; i++) {
		struct entry *e = &book[p->row[i]];

		if (e->window == p->window[i]) {
			e->debit += cost;
			e->over += cost > p->most ? cost - p->most : 0;
		}
		e->ever += cost;
		e->credit += cost;
		spent += cost;
		owed += cost;
	}
}

static void
check_touched(const struct pending *p)
{
	unsigned i;

	for (i = 0; i < p->n; i++)
		check_account((unsigned)p->row[i]);
	if (spent != owed)
		wrong("the whole book does not balance", 0);
	done++;
}

/* --- transfers -------------------------------------------------------------
 */

static void
pick_chain(struct pending *p)
{
	unsigned i;
	int32_t row;

	p->n = 0;
	while (p->n < 1 + rnd(CHAIN)) {
		row = (int32_t)rnd(ACCOUNTS);
		for (i = 0; i < p->n && p->row[i] != row; i++)
			;
		if (i == p->n)
			p->row[p->n++] = row;
		if (p->n == CHAIN)
			return;
	}
}

static void
hold(struct worker *w)
{
	struct pending *p = &w->open[w->n];
	struct money most;
	unsigned i;

	*p = (struct pending){ .price = (unsigned)rnd(PRICES),
		.input = rnd(200000),
		.output = rnd(16000) };
	pick_chain(p);
	if (!price_bound(
		&price[p->price], LANES_TEXT, p->input, p->output, &most))
		wrong("no bound", 0);
	p->most = most.nano;
	{
		const struct hold_spec spec = { .attempt = 1,
			.most = most,
			.wall_ns = wall,
			.account = p->row,
			.n = p->n };

		if (hold_open(w->ledger, &spec, &p->h, NULL) != FAULT_NONE) {
			refused++;
			return;
		}
	}
	for (i = 0; i < p->n; i++)
		p->window[i] = p->h->chain[i].window_id;
	hold_sent(p->h);
	w->n++;
}

static int64_t
cost_of(const struct pending *p)
{
	struct usage u = { .input = rnd(p->input + 1),
		.output = rnd(p->output + 1) };
	const bool over = rnd(200) == 0; /* more than was held for */
	struct money cost;

	u.cached = rnd(u.input + 1);
	if (over)
		u.output += 4 * p->output;
	if (!price_cost(&price[p->price], &u, &cost))
		wrong("no cost", 0);
	if (!over && cost.nano > p->most)
		wrong("a cost above its bound", 0);
	overages += cost.nano > p->most;
	return cost.nano;
}

static void
settle(struct worker *w)
{
	const unsigned k = (unsigned)rnd(w->n);
	struct pending p = w->open[k];
	int64_t cost = rnd(10) == 0 ? 0 : cost_of(&p);

	voided += cost == 0;
	w->open[k] = w->open[--w->n];
	hold_close(w->ledger, &p.h, (struct money){ cost });
	post(&p, cost);
	check_touched(&p);
}

/* --- deaths ----------------------------------------------------------------
 */

static struct worker *dead;

/* What was sent and not answered is booked at its bound. */
static enum fault
resolve(void *arg, struct shm_hold *h)
{
	unsigned i;

	(void)arg;
	for (i = 0; i < dead->n; i++) {
		if (dead->open[i].h == h) {
			post(&dead->open[i], dead->open[i].most);
			return FAULT_NONE;
		}
	}
	wrong("a hold that nobody opened", 0);
	return FAULT_DATA;
}

static int64_t
living(uint64_t account, unsigned side)
{
	int64_t sum = 0;
	unsigned i, k, j;

	for (i = 0; i < WORKERS; i++) {
		const struct worker *w = &worker[i];

		if (w == dead)
			continue;
		sum += atomic_load(&shm_column(
			   &m, (uint32_t)account - 1, side, w->view.slot)
					->sum) >>
		       1;
		for (k = 0; k < w->n; k++) {
			for (j = 0; j < w->open[k].n; j++) {
				if (w->open[k].row[j] + 1 == (int32_t)account &&
				    (w->open[k].window[j] & 1) == side)
					sum -= w->open[k].most;
			}
		}
	}
	return sum;
}

static int64_t
books(void *arg, uint64_t account, uint64_t window)
{
	const struct entry *e = &book[account - 1];

	(void)arg;
	if (window != e->window)
		return 0;
	return (int64_t)e->debit - living(account, (unsigned)(window & 1));
}

static void
die(struct worker *w)
{
	dead = w;
	shm_slot_dead(&m, w->view.slot);
	if (repair_slot(&m, w->view.slot, OWN, resolve, books, NULL) !=
	    FAULT_NONE)
		wrong("no repair", 0);
	ledger_free(&w->ledger);
	start(w);
	dead = NULL;
	deaths++;
	check_all();
}

/* --- windows ---------------------------------------------------------------
 */

/* All that is open is settled first: what is late goes to the books only. */
static void
roll(void)
{
	unsigned i;

	for (i = 0; i < WORKERS; i++) {
		while (worker[i].n > 0)
			settle(&worker[i]);
	}
	wall += HOUR;
	for (i = 0; i < ACCOUNTS; i += 2) {
		struct window_spec w;

		book[i].window++;
		book[i].debit = book[i].over = 0;
		w = window_of(i, book[i].window + 1);
		if (window_open(&m, i, OWN, &w) != FAULT_NONE)
			wrong("a window that does not roll", i);
	}
	rolled++;
	check_all();
}

int
main(int argc, char **argv)
{
	const struct shm_sizes z = { SLOTS, ACCOUNTS, 1, 1, OPEN, 1, 1, 4096 };
	const uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
	struct worker *w;
	unsigned i;

	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20261125;
	if (shm_create(&z, 1, 1, &m) != FAULT_NONE)
		wrong("no tables", 0);
	if (shm_slot_take(&m, true) != OWN)
		wrong("no slot", OWN);
	m.slot = OWN;
	wall = 5;
	make_accounts();
	make_prices();
	for (i = 0; i < WORKERS; i++)
		start(&worker[i]);
	while (done < count) {
		w = &worker[rnd(WORKERS)];
		if (rnd(20000) == 0)
			die(w);
		else if (rnd(30000) == 0)
			roll();
		else if (w->n > 0 && (w->n == OPEN || rnd(2) == 0))
			settle(w);
		else
			hold(w);
		if (done % 10000 == 0)
			check_all();
	}
	check_all();
	printf("%llu transfers balance: %llu refused, %llu void, %llu above "
	       "their hold, %llu deaths, %llu windows rolled\n",
	    (unsigned long long)done, (unsigned long long)refused,
	    (unsigned long long)voided, (unsigned long long)overages,
	    (unsigned long long)deaths, (unsigned long long)rolled);
	return 0;
}
