/*
 * hold_threads_test.c - the library as threads, each a slot of its own
 *
 * Made for the thread sanitizer, and true without it.  A ghost counts what
 * was admitted: up after hold_open(), down before hold_close(), so it never
 * exceeds what the columns say, and must never exceed the limit.
 */
#include "../shm/table.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "ledger/account.h"
#include "ledger/hold.h"

enum { WORKERS = 4, OWN = 0, SLOTS = WORKERS + 2, ROUNDS = 10000 };

static struct shm m;
static int32_t rows[2];
static int64_t granted[2];
static _Atomic int64_t ghost[2];   /* admitted and not given back */
static _Atomic int64_t settled[2]; /* up before the columns say so */
static _Atomic int64_t wall;
static _Atomic bool broken; /* assertions belong to the main thread */

struct worker {
	pthread_t thread;
	struct shm view;
	struct ledger *ledger;
	unsigned seed;
	int64_t refused, pending;
	_Atomic int64_t journal[2]; /* outcomes of this incarnation */
	bool dies;
};

static struct worker workers[WORKERS];

#define HOLDS(e) \
	do { \
		if (!(e)) { \
			print_error("not so: %s\n", #e); \
			atomic_store(&broken, true); \
		} \
	} while (0)

static void
publish(uint64_t id, int64_t start, int64_t end)
{
	const struct window_spec w = { id, start, end, 0, 0 };
	size_t i;

	for (i = 0; i < 2; i++) {
		struct window_spec v = w;

		v.granted = granted[i];
		while (window_open(&m, (uint32_t)rows[i], OWN, &v) ==
		       FAULT_PENDING)
			sched_yield();
	}
}

static void
worker_start(struct worker *w, void *(*run)(void *))
{
	const uint32_t slot = shm_slot_take(&m, false);

	assert_true(slot < SLOTS);
	w->view = m;
	w->view.slot = slot;
	w->ledger = ledger_new(&w->view);
	assert_int_equal(pthread_create(&w->thread, NULL, run, w), 0);
}

static void
worker_join(struct worker *w)
{
	pthread_join(w->thread, NULL);
	ledger_free(&w->ledger);
}

static void
set_up(int64_t limit_one, int64_t limit_two)
{
	size_t i;

	m = table_new(SLOTS);
	memset(workers, 0, sizeof(workers));
	atomic_store(&broken, false);
	assert_int_equal(shm_slot_take(&m, true), OWN);
	granted[0] = limit_one;
	granted[1] = limit_two;
	for (i = 0; i < 2; i++) {
		rows[i] = (int32_t)account_append(&m, i + 1, ACCOUNT_HARD);
		atomic_store(&ghost[i], 0);
		atomic_store(&settled[i], 0);
	}
	atomic_store(&wall, 5);
	publish(1, 0, INT64_MAX);
	for (i = 0; i < WORKERS; i++)
		workers[i].seed = (unsigned)i + 1;
}

static void
run_all(void *(*run)(void *))
{
	size_t i;

	for (i = 0; i < WORKERS; i++)
		worker_start(&workers[i], run);
	for (i = 0; i < WORKERS; i++)
		worker_join(&workers[i]);
	assert_false(atomic_load(&broken));
}

static void
expect_books(void)
{
	int64_t sum, held;
	size_t i;
	uint32_t s;

	for (i = 0; i < 2; i++) {
		account_sums(&m, (uint32_t)rows[i], 1, &sum, &held);
		assert_int_equal(held, 0);
		assert_int_equal(sum, atomic_load(&settled[i]));
		for (s = 0; s < SLOTS; s++) {
			const struct shm_live *v =
			    shm_live(&m, (uint32_t)rows[i], 1, s);

			assert_int_equal(atomic_load(&v->holds), 0);
			assert_int_equal(
			    atomic_load(
				&shm_column(&m, (uint32_t)rows[i], 1, s)->sum) &
				1,
			    0);
		}
	}
}

/* Asks for both, one or the other account; first is the row index. */
static enum fault
ask(struct worker *w, int64_t most, size_t first, unsigned n,
    struct shm_hold **h)
{
	const int32_t chain[2] = { rows[first], rows[1 - first] };
	const struct hold_spec s = {
		.most = { most },
		.wall_ns = atomic_load(&wall),
		.account = chain,
		.n = n,
	};
	struct hold_short why;
	const enum fault f = hold_open(w->ledger, &s, h, &why);

	if (f == FAULT_BUDGET) {
		size_t i = why.account_id - 1;

		HOLDS(atomic_load(&settled[i]) + most > granted[i]);
		w->refused++;
	}
	if (f == FAULT_PENDING)
		w->pending++;
	return f;
}

static void
admitted(int64_t most, size_t first, unsigned n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const size_t a = i == 0 ? first : 1 - first;

		HOLDS(atomic_fetch_add(&ghost[a], most) + most <= granted[a]);
	}
}

/* The outcome: into the journal, then out of the ghost, then the columns. */
static void
settle(struct worker *w, struct shm_hold **h, int64_t most, int64_t cost,
    size_t first, unsigned n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const size_t a = i == 0 ? first : 1 - first;

		atomic_fetch_add(&w->journal[a], cost);
		atomic_fetch_add(&settled[a], cost);
		atomic_fetch_sub(&ghost[a], most - cost);
	}
	hold_close(w->ledger, h, (struct money){ cost });
}

static void *
hammer(void *arg)
{
	struct worker *w = arg;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		const int64_t most = rand_r(&w->seed) % 100;
		const size_t first = rand_r(&w->seed) & 1;
		const unsigned n = 1 + (rand_r(&w->seed) & 1);
		struct shm_hold *h;

		if (ask(w, most, first, n, &h) != FAULT_NONE)
			continue;
		admitted(most, first, n);
		hold_sent(h);
		if (rand_r(&w->seed) % 4 == 0)
			sched_yield();
		settle(
		    w, &h, most, most * (rand_r(&w->seed) % 3) / 100, first, n);
	}
	return NULL;
}

static void
random_holds_never_pass_the_limit_and_all_is_accounted_for(void **state)
{
	(void)state;
	set_up(500, 700);
	run_all(hammer);
	expect_books();
	table_free(&m);
}

/* One unit each until it is final: then every unit was spent. */
static void *
spend_units(void *arg)
{
	struct worker *w = arg;
	struct shm_hold *h;
	enum fault f;

	for (;;) {
		f = ask(w, 1, 0, 2, &h);
		if (f == FAULT_BUDGET)
			return NULL;
		if (f == FAULT_NONE) {
			admitted(1, 0, 2);
			settle(w, &h, 1, 1, 0, 2);
		} else {
			sched_yield();
		}
	}
}

static void
unit_by_unit_exactly_the_limit_is_spent(void **state)
{
	(void)state;
	set_up(5000, 5001);
	run_all(spend_units);
	assert_int_equal(atomic_load(&settled[0]), 5000);
	expect_books();
	table_free(&m);
}

/* --- with deaths and repair --------------------------------------------- */

static _Atomic int64_t dead_books[2];

static void *
hammer_and_die(void *arg)
{
	struct worker *w = arg;
	struct shm_hold *h;
	unsigned how;

	hammer(w);
	if (!w->dies || ask(w, 30, 0, 2, &h) != FAULT_NONE)
		return NULL;
	how = (unsigned)rand_r(&w->seed) % 3;
	if (how > 0)
		hold_sent(h);
	if (how == 2) /* its outcome is in the ring, the columns are not done */
		atomic_store(&h->step, HOLD_SETTLED);
	return NULL;
}

/* Sent and unsettled: booked at the bound. */
static enum fault
resolve(void *arg, struct shm_hold *h)
{
	size_t i;

	(void)arg;
	for (i = 0; i < 2 && hold_left(h) != HOLD_LEFT_VOID; i++) {
		atomic_fetch_add(&dead_books[i], h->most);
		atomic_fetch_add(&settled[i], h->most);
	}
	return FAULT_NONE;
}

static int64_t
books(void *arg, uint64_t account, uint64_t window)
{
	(void)arg;
	return window == 1 ? atomic_load(&dead_books[account - 1]) : 0;
}

static void
bury(struct worker *w)
{
	const uint32_t slot = w->view.slot;
	size_t i;

	worker_join(w);
	shm_slot_dead(&m, slot);
	for (i = 0; i < 2; i++)
		atomic_fetch_add(&dead_books[i], atomic_load(&w->journal[i]));
	assert_int_equal(
	    repair_slot(&m, slot, OWN, resolve, books, NULL), FAULT_NONE);
	assert_int_equal(shm_slot_state(&m, slot), SLOT_FREE);
}

static void
repair_beside_living_slots_loses_and_invents_nothing(void **state)
{
	size_t i;
	int round;

	(void)state;
	set_up(3000, 4000);
	atomic_store(&dead_books[0], 0);
	atomic_store(&dead_books[1], 0);
	for (i = 0; i < WORKERS; i++) {
		workers[i].dies = true;
		worker_start(&workers[i], hammer_and_die);
	}
	for (round = 0; round < 12; round++) {
		struct worker *w = &workers[round % WORKERS];

		bury(w);
		atomic_store(&w->journal[0], 0);
		atomic_store(&w->journal[1], 0);
		worker_start(w, hammer_and_die);
	}
	for (i = 0; i < WORKERS; i++)
		bury(&workers[i]);
	assert_false(atomic_load(&broken));
	expect_books();
	table_free(&m);
}

/* --- with windows that change ------------------------------------------- */

enum { WINDOWS = 40 };
static _Atomic int64_t by_window[WINDOWS + 3];
static _Atomic bool over;

static void *
spend_through_windows(void *arg)
{
	struct worker *w = arg;
	struct shm_hold *h;

	while (!atomic_load(&over)) {
		const int64_t most = 1 + rand_r(&w->seed) % 40;
		const struct hold_spec s = {
			.most = { most },
			.wall_ns = atomic_load(&wall),
			.account = rows,
			.n = 1,
		};
		uint64_t id;

		if (hold_open(w->ledger, &s, &h, NULL) != FAULT_NONE) {
			sched_yield();
			continue;
		}
		id = h->chain[0].window_id;
		HOLDS(id >= 1 && id <= WINDOWS + 1);
		HOLDS(atomic_fetch_add(&by_window[id], most) + most <=
		      granted[0]);
		if (rand_r(&w->seed) % 8 == 0)
			sched_yield();
		atomic_fetch_sub(&by_window[id], most - most / 2);
		hold_close(w->ledger, &h, (struct money){ most / 2 });
	}
	return NULL;
}

static void
each_window_has_the_whole_limit_and_no_more(void **state)
{
	int64_t id;
	size_t i;

	(void)state;
	set_up(1000, 1000);
	memset(by_window, 0, sizeof(by_window));
	publish(1, 0, 10);
	publish(2, 10, 20);
	atomic_store(&over, false);
	for (i = 0; i < WORKERS; i++)
		worker_start(&workers[i], spend_through_windows);
	for (id = 1; id <= WINDOWS; id++) {
		while (atomic_load(&by_window[id]) < 900)
			sched_yield();
		atomic_store(&wall, id * 10 + 5);
		publish((uint64_t)id + 2, (id + 1) * 10, (id + 2) * 10);
	}
	atomic_store(&over, true);
	for (i = 0; i < WORKERS; i++)
		worker_join(&workers[i]);
	assert_false(atomic_load(&broken));
	for (i = 0; i < 2; i++) {
		int64_t sum, held;

		account_sums(&m, (uint32_t)rows[0], (unsigned)i, &sum, &held);
		assert_int_equal(held, 0);
		assert_true(sum <= 1000);
	}
	table_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    random_holds_never_pass_the_limit_and_all_is_accounted_for),
		cmocka_unit_test(unit_by_unit_exactly_the_limit_is_spent),
		cmocka_unit_test(
		    repair_beside_living_slots_loses_and_invents_nothing),
		cmocka_unit_test(each_window_has_the_whole_limit_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
