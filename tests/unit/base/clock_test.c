/* clock_test.c - two clocks in nanoseconds */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"

static void
the_monotonic_clock_does_not_go_back(void **state)
{
	int64_t last = clock_mono_ns(), now;
	int i;

	(void)state;
	assert_true(last > 0);
	for (i = 0; i < 1000; i++, last = now) {
		now = clock_mono_ns();
		assert_true(now >= last);
	}
}

static void
the_wall_clock_counts_from_1970(void **state)
{
	const int64_t in_2024 = INT64_C(1704067200) * NS_PER_S;

	(void)state;
	assert_true(clock_wall_ns() > in_2024);
	assert_int_equal(NS_PER_S, 1000 * NS_PER_MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_monotonic_clock_does_not_go_back),
		cmocka_unit_test(the_wall_clock_counts_from_1970),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
