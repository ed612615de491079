#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "shm/replay.h"

static int
set_up(void **state)
{
	static struct shm m;
	const struct shm_sizes sizes = { .slots = 1,
		.accounts = 8,
		.keys = 8,
		.breakers = 8,
		.holds = 8,
		.subjects = 8,
		.limits = 8,
		.ring_bytes = 65536 };

	*state = &m;
	return shm_create(&sizes, 1, 1, &m) == FAULT_NONE ? 0 : -1;
}

static int
tear_down(void **state)
{
	shm_detach(*state);
	return 0;
}

/* place: which words it may lie in. */
static bool
take(struct shm *m, uint64_t mark, uint64_t place, int64_t now, int64_t until)
{
	uint8_t s[16];

	memcpy(s, &mark, 8);
	memcpy(s + 8, &place, 8);
	return replay_take(m, s, now, until) == 0;
}

static void
a_signature_is_taken_once(void **state)
{
	struct shm *m = *state;
	const int64_t now = 1790000000;

	assert_true(take(m, 77, 5, now, now + 300));
	assert_false(take(m, 77, 5, now, now + 300));
	assert_false(take(m, 77, 5, now + 299, now + 300));
	assert_true(take(m, 78, 5, now, now + 300));
	assert_true(take(m, 77, 6, now, now + 300));
	assert_false(take(m, 77, 6, now + 1, now + 300));
	/* By then its date refuses it. */
	assert_true(take(m, 77, 5, now + 301, now + 700));
}

static void
a_full_place_forgets_the_oldest(void **state)
{
	struct shm *m = *state;
	const int64_t now = 1790001000;
	unsigned i;

	for (i = 0; i < 8; i++)
		assert_true(take(m, 100 + i, 9, now, now + 300 + i));
	for (i = 0; i < 8; i++)
		assert_false(take(m, 100 + i, 9, now, now + 300 + i));
	assert_true(take(m, 200, 9, now, now + 400));
	assert_false(take(m, 200, 9, now, now + 400));
	assert_false(take(m, 107, 9, now, now + 307));
	assert_true(take(m, 100, 9, now, now + 300));
}

static void
the_clock_of_the_table_may_wrap(void **state)
{
	struct shm *m = *state;
	const int64_t now = (INT64_C(1) << 20) * 1707 - 100;

	assert_true(take(m, 300, 11, now, now + 300));
	assert_false(take(m, 300, 11, now + 200, now + 300));
	assert_true(take(m, 300, 11, now + 301, now + 600));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_signature_is_taken_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_full_place_forgets_the_oldest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    the_clock_of_the_table_may_wrap, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
