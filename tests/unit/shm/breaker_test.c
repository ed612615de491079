#include "table.h"

#include "base/clock.h"
#include "shm/breaker.h"

#define T(s) ((int64_t)(s)*NS_PER_S + NS_PER_S)

static struct shm m;
static struct shm_breaker *b;

static int
fresh(void **state)
{
	(void)state;
	m = table_new(2);
	b = breaker_get(&m, 42);
	assert_non_null(b);
	return 0;
}

static int
stale(void **state)
{
	(void)state;
	table_free(&m);
	return 0;
}

static void
failures(int n, int64_t now)
{
	while (n-- > 0)
		breaker_bad(b, now, false);
}

static bool
may(int64_t now, bool *probe)
{
	return breaker_may(b, now, probe);
}

static void
it_opens_after_five_failures_in_a_row(void **state)
{
	bool probe;

	(void)state;
	failures(4, T(0));
	breaker_good(b, false);
	failures(4, T(0));
	assert_true(may(T(0), &probe));
	assert_false(probe);
	failures(1, T(0));
	assert_false(may(T(0), &probe));
	assert_int_equal(breaker_state(b, T(0)), BREAKER_OPEN);
}

static void
one_probe_goes_after_the_rest_and_its_success_closes(void **state)
{
	bool probe;

	(void)state;
	failures(5, T(0));
	assert_false(may(T(0) + NS_PER_S - NS_PER_MS, &probe));
	assert_int_equal(breaker_state(b, T(1)), BREAKER_HALF);
	assert_true(may(T(1), &probe));
	assert_true(probe);
	assert_false(may(T(1), &probe));
	assert_false(probe);
	breaker_good(b, false); /* began before it opened */
	assert_false(may(T(1), &probe));
	breaker_good(b, true);
	assert_true(may(T(1), &probe));
	assert_false(probe);
}

static void
the_rest_doubles_up_to_a_minute(void **state)
{
	static const int rest[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	int64_t now = T(0);
	bool probe;
	size_t i;

	(void)state;
	failures(5, now);
	for (i = 0; i < NELEM(rest); i++) {
		assert_false(may(now + rest[i] * NS_PER_S - NS_PER_MS, &probe));
		now += rest[i] * NS_PER_S;
		assert_true(may(now, &probe));
		assert_true(probe);
		breaker_bad(b, now, true);
	}
	now += 60 * NS_PER_S;
	assert_true(may(now, &probe));
	breaker_good(b, true);
	failures(5, now);
	assert_true(may(now + NS_PER_S, &probe));
}

static void
a_lost_probe_is_replaced(void **state)
{
	bool probe;

	(void)state;
	failures(5, T(0));
	assert_true(may(T(1), &probe));
	assert_false(may(T(120), &probe));
	assert_true(may(T(121), &probe));
	assert_true(probe);
}

static void
a_probe_without_a_verdict_goes_back(void **state)
{
	bool probe;

	(void)state;
	failures(5, T(0));
	assert_true(may(T(1), &probe));
	breaker_neutral(b, true);
	breaker_neutral(b, false);
	assert_true(may(T(1), &probe));
	assert_true(probe);
}

static void
one_tenants_timeouts_do_not_count(void **state)
{
	bool probe;
	int i;

	(void)state;
	for (i = 0; i < 20; i++)
		breaker_timeout(b, T(0), false, 7);
	assert_true(may(T(0), &probe));
	for (i = 0; i < 5; i++)
		breaker_timeout(b, T(0), false, 8 + (uint64_t)(i & 1));
	assert_false(may(T(0), &probe));
	assert_true(may(T(1), &probe));
	breaker_timeout(b, T(1), true, 7);
	assert_false(may(T(1), &probe));
}

static void
a_callers_haste_does_not_count(void **state)
{
	bool probe;
	uint64_t i;

	(void)state;
	for (i = 0; i < 20; i++)
		breaker_hurried(b, T(0), false, i);
	assert_true(may(T(0), &probe));
	failures(5, T(0));
	assert_true(may(T(1), &probe) && probe);
	/* The probe goes to somebody with more time. */
	breaker_hurried(b, T(1), true, 1);
	assert_true(may(T(1), &probe) && probe);
}

static void
a_scribbled_word_does_not_wedge_it(void **state)
{
	bool probe;

	(void)state;
	atomic_store(&b->word, 3);
	assert_true(may(T(0), &probe));
	breaker_bad(b, T(0), false);
	breaker_good(b, false);
	assert_true(may(T(0), &probe));
}

static void
rows_are_found_again_and_a_full_table_is_always_closed(void **state)
{
	uint64_t i;
	bool probe;

	(void)state;
	assert_ptr_equal(breaker_get(&m, 42), b);
	for (i = 1; i < 8; i++)
		assert_non_null(breaker_get(&m, 42 + i * 8));
	assert_null(breaker_get(&m, 4242));
	assert_ptr_equal(breaker_get(&m, 42), b);
	assert_true(breaker_may(NULL, T(0), &probe));
	breaker_bad(NULL, T(0), true);
	assert_int_equal(breaker_state(NULL, T(0)), BREAKER_CLOSED);
}

static void
a_dead_slot_has_nothing_under_way(void **state)
{
	(void)state;
	breaker_enter(b, 0);
	breaker_enter(b, 1);
	breaker_enter(b, 1);
	breaker_leave(b, 1);
	assert_int_equal(breaker_inflight(b, 2), 2);
	breaker_forget_slot(&m, 1);
	assert_int_equal(breaker_inflight(b, 2), 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, stale)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_opens_after_five_failures_in_a_row),
		CASE(one_probe_goes_after_the_rest_and_its_success_closes),
		CASE(the_rest_doubles_up_to_a_minute),
		CASE(a_lost_probe_is_replaced),
		CASE(a_probe_without_a_verdict_goes_back),
		CASE(one_tenants_timeouts_do_not_count),
		CASE(a_callers_haste_does_not_count),
		CASE(a_scribbled_word_does_not_wedge_it),
		CASE(rows_are_found_again_and_a_full_table_is_always_closed),
		CASE(a_dead_slot_has_nothing_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
