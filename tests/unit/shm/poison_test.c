#include "table.h"

#include <signal.h>

#include "shm/poison.h"

#define NOW (1000 * NS_PER_S)

static struct shm m;

static int
fresh(void **state)
{
	(void)state;
	m = table_new(4);
	return 0;
}

static int
stale(void **state)
{
	(void)state;
	table_free(&m);
	return 0;
}

/* A worker dies at a call; its slot is free again. */
static uint64_t
die(uint64_t key, uint64_t print, int64_t now)
{
	const uint32_t slot = shm_slot_take(&m, false);
	uint64_t id;

	assert_int_not_equal(slot, UINT32_MAX);
	atomic_store(&m.slots[slot].parsing_key, key);
	atomic_store(&m.slots[slot].parsing, print);
	id = poison_note(&m, slot, SIGSEGV, now);
	assert_true(atomic_load(&m.slots[slot].crash) == id);
	assert_int_equal(atomic_load(&m.slots[slot].crash_signal), SIGSEGV);
	atomic_store(&m.slots[slot].state, SLOT_FREE);
	return id;
}

static void
a_crash_is_its_own_doing_and_a_kill_is_not(void **state)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT,
		SIGSYS };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(own); i++)
		assert_true(poison_signal(own[i]));
	assert_false(poison_signal(SIGKILL));
	assert_false(poison_signal(SIGTERM));
}

static void
a_call_is_refused_to_its_key_for_ten_minutes(void **state)
{
	uint64_t id;

	(void)state;
	assert_false(poison_any(&m));
	id = die(7, 99, NOW);
	assert_true(id != 0 && poison_any(&m));
	assert_true(poison_find(&m, 7, 99, NOW) == id);
	assert_true(poison_find(&m, 7, 99, NOW + POISON_NS - 1) == id);
	assert_true(poison_find(&m, 7, 99, NOW + POISON_NS) == 0);
	assert_true(poison_find(&m, 8, 99, NOW) == 0);
	assert_true(poison_find(&m, 7, 98, NOW) == 0);
}

static void
a_crash_at_no_call_refuses_nobody(void **state)
{
	(void)state;
	assert_true(die(0, 0, NOW) != 0);
	assert_false(poison_any(&m));
	assert_true(poison_find(&m, 0, 0, NOW) == 0);
}

static void
a_second_crash_takes_the_same_row_and_many_displace_the_oldest(void **state)
{
	const uint64_t first = die(1, 1, NOW), again = die(1, 1, NOW + 5);
	uint64_t i;

	(void)state;
	assert_true(first != again);
	assert_true(poison_find(&m, 1, 1, NOW + POISON_NS) == again);
	for (i = 0; i < POISON_ROWS; i++)
		(void)die(2, 100 + i, NOW + 10 + (int64_t)i);
	assert_true(poison_find(&m, 1, 1, NOW) == 0);
	for (i = 0; i < POISON_ROWS; i++)
		assert_true(poison_find(&m, 2, 100 + i, NOW) != 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crash_is_its_own_doing_and_a_kill_is_not),
		cmocka_unit_test_setup_teardown(
		    a_call_is_refused_to_its_key_for_ten_minutes, fresh, stale),
		cmocka_unit_test_setup_teardown(
		    a_crash_at_no_call_refuses_nobody, fresh, stale),
		cmocka_unit_test_setup_teardown(
		    a_second_crash_takes_the_same_row_and_many_displace_the_oldest,
		    fresh, stale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
