#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "shm/ticket.h"

static const struct shm_sizes sizes = { .slots = 1,
	.accounts = 1,
	.keys = 64,
	.breakers = 64,
	.holds = 1,
	.subjects = 64,
	.limits = 64,
	.ring_bytes = 4096 };

static void
put(struct shm *m, uint8_t n)
{
	uint8_t fresh[TICKET_LEN];

	memset(fresh, n, sizeof(fresh));
	ticket_put(m, fresh);
}

static int
find(const struct shm *m, uint8_t n, bool *newest)
{
	uint8_t name[TICKET_NAME], out[TICKET_LEN];

	memset(name, n, sizeof(name));
	if (!ticket_find(m, n == 0 ? NULL : name, out, newest))
		return -1;
	return out[TICKET_LEN - 1];
}

static void
three_keys_are_known_and_the_newest_is_given(void **state)
{
	bool newest = false;
	struct shm m;
	uint8_t n;

	(void)state;
	assert_int_equal(shm_create(&sizes, 1, 1, &m), FAULT_NONE);
	assert_int_equal(find(&m, 0, &newest), -1);
	for (n = 1; n <= 5; n++) {
		put(&m, n);
		assert_int_equal(find(&m, 0, &newest), n);
		assert_true(newest);
	}
	assert_int_equal(find(&m, 5, &newest), 5);
	assert_true(newest);
	assert_int_equal(find(&m, 4, &newest), 4);
	assert_false(newest);
	assert_int_equal(find(&m, 3, &newest), 3);
	assert_int_equal(find(&m, 2, &newest), -1);
	assert_int_equal(find(&m, 9, &newest), -1);
	shm_detach(&m);
}

static void
a_row_half_written_is_not_taken(void **state)
{
	bool newest;
	struct shm m;

	(void)state;
	assert_int_equal(shm_create(&sizes, 1, 1, &m), FAULT_NONE);
	put(&m, 1);
	atomic_fetch_add(&m.head->tickets.version, 1);
	assert_int_equal(find(&m, 0, &newest), -1);
	shm_detach(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_keys_are_known_and_the_newest_is_given),
		cmocka_unit_test(a_row_half_written_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
