#include "../shm/table.h"

#include "ledger/account.h"
#include "ledger/hold.h"

enum { OWN = 0, A = 1, B = 2, SLOTS = 4, HOUR = 100 };

static struct shm m, ma, mb;
static struct ledger *a, *b;
static int32_t one, two;

static void
open_window(int32_t row, uint64_t id, int64_t granted, int64_t settled)
{
	const struct window_spec w = {
		.id = id,
		.start_ns = (int64_t)id * HOUR,
		.end_ns = (int64_t)(id + 1) * HOUR,
		.granted = granted,
		.settled = settled,
	};

	assert_int_equal(window_open(&m, (uint32_t)row, OWN, &w), FAULT_NONE);
}

static int
fresh(void **state)
{
	(void)state;
	m = table_new(SLOTS);
	assert_int_equal(shm_slot_take(&m, true), OWN);
	assert_int_equal(shm_slot_take(&m, false), A);
	assert_int_equal(shm_slot_take(&m, false), B);
	ma = mb = m;
	m.slot = OWN;
	ma.slot = A;
	mb.slot = B;
	a = ledger_new(&ma);
	b = ledger_new(&mb);
	one = (int32_t)account_append(&m, 1001, ACCOUNT_HARD);
	two = (int32_t)account_append(&m, 1002, ACCOUNT_HARD);
	open_window(one, 5, 100, 0);
	open_window(two, 5, 60, 0);
	return 0;
}

static int
stale(void **state)
{
	(void)state;
	ledger_free(&a);
	ledger_free(&b);
	table_free(&m);
	return 0;
}

static struct hold_short why;

static enum fault
ask(struct ledger *l, int64_t most, const int32_t *rows, unsigned n,
    int64_t wall, struct shm_hold **out)
{
	const struct hold_spec s = {
		.attempt = 1,
		.most = { most },
		.wall_ns = wall,
		.account = rows,
		.n = n,
	};

	return hold_open(l, &s, out, &why);
}

static enum fault
ask_one(struct ledger *l, int64_t most, struct shm_hold **out)
{
	return ask(l, most, &one, 1, 550, out);
}

static int64_t
sum(int32_t row, unsigned side)
{
	int64_t settled, held;

	account_sums(&m, (uint32_t)row, side, &settled, &held);
	return settled + held;
}

static void
close_at(struct ledger *l, struct shm_hold **h, int64_t cost)
{
	hold_close(l, h, (struct money){ cost });
	assert_null(*h);
}

static void
a_hold_takes_from_every_account_and_gives_the_rest_back(void **state)
{
	const int32_t chain[] = { one, two };
	struct shm_hold *h;

	(void)state;
	assert_int_equal(ask(a, 50, chain, 2, 550, &h), FAULT_NONE);
	assert_int_equal(atomic_load(&h->step), HOLD_OPEN);
	assert_int_equal(h->chain[1].account_id, 1002);
	assert_int_equal(h->chain[1].window_id, 5);
	assert_int_equal(sum(one, 1), 50);
	assert_int_equal(sum(two, 1), 50);
	hold_sent(h);
	close_at(a, &h, 7);
	assert_int_equal(sum(one, 1), 7);
	assert_int_equal(sum(two, 1), 7);
	assert_int_equal(
	    atomic_load(&shm_live(&m, (uint32_t)one, 1, A)->holds), 0);
}

static void
one_short_account_leaves_all_untouched(void **state)
{
	const int32_t chain[] = { one, two };
	struct shm_hold *h;

	(void)state;
	assert_int_equal(ask(a, 61, chain, 2, 550, &h), FAULT_BUDGET);
	assert_null(h);
	assert_int_equal(why.account_id, 1002);
	assert_int_equal(why.granted, 60);
	assert_int_equal(why.reset_ns, 600);
	assert_int_equal(sum(one, 1), 0);
	assert_int_equal(sum(two, 1), 0);
}

static void
the_last_nano_can_be_spent_and_not_one_more(void **state)
{
	struct shm_hold *h;
	int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		struct ledger *l = i & 1 ? a : b;

		assert_int_equal(ask_one(l, 1, &h), FAULT_NONE);
		close_at(l, &h, 1);
	}
	assert_int_equal(ask_one(a, 1, &h), FAULT_BUDGET);
	assert_int_equal(why.settled, 100);
	assert_int_equal(why.pending, 0);
	assert_int_equal(ask_one(a, 0, &h), FAULT_NONE);
	close_at(a, &h, 0);
}

static void
money_that_is_only_pending_is_worth_waiting_for(void **state)
{
	struct shm_hold *h, *g;

	(void)state;
	assert_int_equal(ask_one(a, 80, &h), FAULT_NONE);
	assert_int_equal(ask_one(b, 30, &g), FAULT_PENDING);
	assert_int_equal(why.pending, 80);
	assert_int_equal(why.settled, 0);
	assert_int_equal(ask_one(b, 101, &g), FAULT_BUDGET);
	close_at(a, &h, 71);
	assert_int_equal(ask_one(b, 30, &g), FAULT_BUDGET);
	assert_int_equal(why.settled, 71);
	assert_int_equal(ask_one(b, 29, &g), FAULT_NONE);
	close_at(b, &g, 0);
}

static void
anothers_mark_makes_a_shortage_not_final(void **state)
{
	struct shm_column *c;
	struct shm_hold *h;

	(void)state;
	c = shm_column(&m, (uint32_t)one, 1, B);
	atomic_store(&c->sum, 60 * 2 + 1);
	assert_int_equal(ask_one(a, 50, &h), FAULT_PENDING);
	assert_int_equal(ask_one(a, 40, &h), FAULT_NONE);
	close_at(a, &h, 0);
	atomic_store(&c->sum, 60 * 2);
	assert_int_equal(ask_one(a, 50, &h), FAULT_BUDGET);
}

static void
a_dead_slots_money_is_not_final_before_its_repair(void **state)
{
	struct shm_hold *h;

	(void)state;
	atomic_store(&shm_column(&m, (uint32_t)one, 1, B)->sum, 60 * 2);
	shm_slot_dead(&m, B);
	assert_int_equal(ask_one(a, 50, &h), FAULT_PENDING);
	assert_int_equal(ask_one(a, 40, &h), FAULT_NONE);
	close_at(a, &h, 0);
}

static void
what_costs_more_than_its_hold_is_booked_in_full(void **state)
{
	struct shm_hold *h;

	(void)state;
	assert_int_equal(ask_one(a, 10, &h), FAULT_NONE);
	close_at(a, &h, 130);
	assert_int_equal(sum(one, 1), 130);
	assert_int_equal(ask_one(b, 0, &h), FAULT_BUDGET);
	assert_int_equal(ask_one(a, 10, &h), FAULT_BUDGET);
}

static void
a_hold_without_money_has_a_record(void **state)
{
	struct shm_hold *h;

	(void)state;
	assert_int_equal(ask(a, 0, NULL, 0, 550, &h), FAULT_NONE);
	assert_int_equal(atomic_load(&h->step), HOLD_OPEN);
	close_at(a, &h, 0);
}

static void
records_run_out_and_come_back(void **state)
{
	struct shm_hold *h[8], *more;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(h); i++)
		assert_int_equal(ask_one(a, 1, &h[i]), FAULT_NONE);
	assert_int_equal(ask_one(a, 1, &more), FAULT_OVERLOAD);
	close_at(a, &h[3], 0);
	assert_int_equal(ask_one(a, 1, &more), FAULT_NONE);
	h[3] = more;
	for (i = 0; i < NELEM(h); i++)
		close_at(a, &h[i], 1);
	assert_int_equal(sum(one, 1), 8);
}

static void
a_closed_account_refuses_and_a_soft_one_counts(void **state)
{
	struct shm_hold *h;

	(void)state;
	account_flags(&m, (uint32_t)one, 0);
	assert_int_equal(ask_one(a, 500, &h), FAULT_NONE);
	close_at(a, &h, 400);
	assert_int_equal(sum(one, 1), 400);
	account_flags(&m, (uint32_t)one, ACCOUNT_CLOSED);
	assert_int_equal(ask_one(a, 1, &h), FAULT_BUDGET);
	assert_int_equal(why.account_id, 1001);
}

static void
rows_that_are_not_there_are_a_fault(void **state)
{
	const int32_t bad[] = { -1, 2, INT32_MAX, INT32_MIN };
	struct shm_hold *h;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++)
		assert_int_equal(
		    ask(a, 1, &bad[i], 1, 550, &h), FAULT_INTERNAL);
}

static void
amounts_beyond_reason_are_refused(void **state)
{
	struct shm_hold *h;

	(void)state;
	assert_int_equal(ask_one(a, INT64_MAX, &h), FAULT_BUDGET);
	account_flags(&m, (uint32_t)one, 0);
	assert_int_equal(ask_one(a, INT64_MAX, &h), FAULT_BUDGET);
	assert_int_equal(ask_one(a, 1, &h), FAULT_NONE);
	close_at(a, &h, INT64_MAX);
	assert_true(sum(one, 1) > 0);
	assert_int_equal(ask_one(a, 1, &h), FAULT_BUDGET);
}

/* --- windows ------------------------------------------------------------ */

static void
each_instant_belongs_to_one_window(void **state)
{
	struct shm_hold *h;

	(void)state;
	open_window(one, 6, 100, 0);
	assert_int_equal(ask(a, 1, &one, 1, 599, &h), FAULT_NONE);
	assert_int_equal(h->chain[0].window_id, 5);
	close_at(a, &h, 1);
	assert_int_equal(ask(a, 1, &one, 1, 600, &h), FAULT_NONE);
	assert_int_equal(h->chain[0].window_id, 6);
	close_at(a, &h, 1);
	assert_int_equal(sum(one, 1), 1);
	assert_int_equal(sum(one, 0), 1);
}

static void
between_windows_is_pending_and_past_the_last_is_final(void **state)
{
	struct shm_hold *h;

	(void)state;
	assert_int_equal(ask(a, 1, &one, 1, 600, &h), FAULT_PENDING);
	open_window(one, 6, 100, 0);
	assert_int_equal(ask(a, 1, &one, 1, 700, &h), FAULT_BUDGET);
	assert_int_equal(why.reset_ns, 700);
	assert_true(why.no_window);
	assert_int_equal(ask(a, 101, &one, 1, 650, &h), FAULT_BUDGET);
	assert_false(why.no_window);
}

static void
a_window_with_live_holds_is_not_recycled(void **state)
{
	const struct window_spec next = {
		.id = 7, .start_ns = 700, .end_ns = 800, .granted = 100
	};
	struct shm_hold *h;

	(void)state;
	assert_int_equal(ask_one(a, 10, &h), FAULT_NONE);
	assert_int_equal(
	    window_open(&m, (uint32_t)one, OWN, &next), FAULT_PENDING);
	close_at(a, &h, 4); /* however late, it settles where it began */
	assert_int_equal(sum(one, 1), 4);
	assert_int_equal(
	    window_open(&m, (uint32_t)one, OWN, &next), FAULT_NONE);
	assert_int_equal(sum(one, 1), 0);
	assert_int_equal(ask(a, 100, &one, 1, 750, &h), FAULT_NONE);
	close_at(a, &h, 0);
}

static void
a_renewed_window_keeps_what_workers_spent(void **state)
{
	struct shm_hold *h;

	(void)state;
	assert_int_equal(ask_one(a, 10, &h), FAULT_NONE);
	open_window(one, 5, 15, 5);
	assert_int_equal(sum(one, 1), 15);
	assert_int_equal(ask_one(b, 1, &h), FAULT_PENDING);
	account_grant(&m, (uint32_t)one, 16);
	assert_int_equal(ask_one(b, 1, &h), FAULT_NONE);
	assert_true(account_settled(&m, (uint32_t)one, OWN, 5, 2));
	assert_false(account_settled(&m, (uint32_t)one, OWN, 6, 2));
	assert_int_equal(sum(one, 1), 13);
}

/* --- repair ------------------------------------------------------------- */

static int64_t booked[2];
static int resolved;
static enum fault resolve_says;

static enum fault
resolve(void *arg, struct shm_hold *h)
{
	assert_ptr_equal(arg, &resolved);
	resolved++;
	if (hold_left(h) != HOLD_LEFT_VOID)
		booked[h->chain[0].account_id == 1002] += h->most;
	return resolve_says;
}

static int64_t
books(void *arg, uint64_t account, uint64_t window)
{
	(void)arg;
	return window == 5 ? booked[account == 1002] : 0;
}

static enum fault
repair(uint32_t dead)
{
	return repair_slot(&m, dead, OWN, resolve, books, &resolved);
}

static int
fresh_for_repair(void **state)
{
	booked[0] = booked[1] = 0;
	resolved = 0;
	resolve_says = FAULT_NONE;
	return fresh(state);
}

static void
repair_books_what_was_sent_and_frees_what_was_not(void **state)
{
	struct shm_hold *settled, *open, *sent;
	size_t i;

	(void)state;
	assert_int_equal(ask_one(b, 30, &settled), FAULT_NONE);
	assert_int_equal(ask_one(b, 20, &open), FAULT_NONE);
	assert_int_equal(ask_one(b, 10, &sent), FAULT_NONE);
	hold_sent(sent);
	close_at(b, &settled, 3);
	booked[0] = 3; /* its outcome was in the ring */
	shm_slot_dead(&m, B);
	assert_int_equal(repair(B), FAULT_NONE);
	assert_int_equal(resolved, 2);
	assert_int_equal(sum(one, 1), 13);
	assert_int_equal(
	    atomic_load(&shm_column(&m, (uint32_t)one, 1, B)->sum), 0);
	assert_int_equal(shm_slot_state(&m, B), SLOT_FREE);
	for (i = 0; i < 8; i++)
		assert_int_equal(
		    atomic_load(&shm_hold_at(&m, B, (uint32_t)i)->step),
		    HOLD_FREE);
	assert_int_equal(repair(B), FAULT_NONE); /* nothing left to do */
	assert_int_equal(resolved, 2);
}

static void
a_repair_that_could_not_book_is_repeated(void **state)
{
	struct shm_hold *h;

	(void)state;
	assert_int_equal(ask_one(b, 30, &h), FAULT_NONE);
	shm_slot_dead(&m, B);
	resolve_says = FAULT_DISK;
	assert_int_equal(repair(B), FAULT_DISK);
	assert_int_equal(shm_slot_state(&m, B), SLOT_DEAD);
	assert_int_equal(sum(one, 1), 30);
	resolve_says = FAULT_NONE;
	assert_int_equal(repair(B), FAULT_NONE);
	assert_int_equal(sum(one, 1), 0);
}

static void
a_record_tells_what_is_left_of_it(void **state)
{
	struct shm_hold *h;

	(void)state;
	assert_int_equal(ask_one(a, 1, &h), FAULT_NONE);
	assert_int_equal(hold_left(h), HOLD_LEFT_VOID);
	hold_sent(h);
	assert_int_equal(hold_left(h), HOLD_LEFT_UNKNOWN);
	hold_progress(h, 10, 3);
	assert_int_equal(hold_left(h), HOLD_LEFT_PROGRESS);
	assert_int_equal(atomic_load(&h->output_seen), 3);
	atomic_store(&h->step, 77); /* scribbled */
	assert_int_equal(hold_left(h), HOLD_LEFT_PROGRESS);
	atomic_store(&h->step, HOLD_MARKING);
	assert_int_equal(hold_left(h), HOLD_LEFT_NOTHING);
	close_at(a, &h, 0);
}

static void
a_dead_recorders_column_moves_to_its_successor(void **state)
{
	const uint32_t next = 3;

	(void)state;
	assert_true(account_settled(&m, (uint32_t)one, OWN, 5, 40));
	booked[0] = 40;
	assert_int_equal(shm_slot_take(&m, true), next);
	shm_slot_dead(&m, OWN);
	assert_int_equal(
	    repair_slot(&m, OWN, next, resolve, books, &resolved), FAULT_NONE);
	assert_int_equal(
	    atomic_load(&shm_column(&m, (uint32_t)one, 1, next)->sum), 80);
	assert_int_equal(sum(one, 1), 40);
	assert_int_equal(resolved, 0);
}

static void
counters_outlive_their_slot(void **state)
{
	(void)state;
	atomic_store(&m.slots[B].counters[3], 5);
	atomic_store(&m.slots[OWN].counters[3], 2);
	shm_slot_dead(&m, B);
	assert_int_equal(repair(B), FAULT_NONE);
	assert_int_equal(atomic_load(&m.slots[OWN].counters[3]), 7);
	assert_int_equal(atomic_load(&m.slots[B].counters[3]), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh_for_repair, stale)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_hold_takes_from_every_account_and_gives_the_rest_back),
		CASE(one_short_account_leaves_all_untouched),
		CASE(the_last_nano_can_be_spent_and_not_one_more),
		CASE(money_that_is_only_pending_is_worth_waiting_for),
		CASE(anothers_mark_makes_a_shortage_not_final),
		CASE(a_dead_slots_money_is_not_final_before_its_repair),
		CASE(what_costs_more_than_its_hold_is_booked_in_full),
		CASE(a_hold_without_money_has_a_record),
		CASE(records_run_out_and_come_back),
		CASE(a_closed_account_refuses_and_a_soft_one_counts),
		CASE(rows_that_are_not_there_are_a_fault),
		CASE(amounts_beyond_reason_are_refused),
		CASE(each_instant_belongs_to_one_window),
		CASE(between_windows_is_pending_and_past_the_last_is_final),
		CASE(a_window_with_live_holds_is_not_recycled),
		CASE(a_renewed_window_keeps_what_workers_spent),
		CASE(repair_books_what_was_sent_and_frees_what_was_not),
		CASE(a_repair_that_could_not_book_is_repeated),
		CASE(a_record_tells_what_is_left_of_it),
		CASE(a_dead_recorders_column_moves_to_its_successor),
		CASE(counters_outlive_their_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
