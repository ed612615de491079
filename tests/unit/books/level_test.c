#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "books/level.h"

static void
buckets_grow_by_a_quarter_of_an_octave(void **state)
{
	uint64_t us;
	unsigned i;

	(void)state;
	assert_int_equal(level_bucket(0), 0);
	assert_int_equal(level_bucket(255), 0);
	assert_int_equal(level_bucket(256), 1);
	assert_int_equal(level_bucket(319), 1);
	assert_int_equal(level_bucket(320), 2);
	assert_int_equal(level_bucket(UINT64_MAX), LEVEL_BUCKETS - 1);
	for (i = 1; i < LEVEL_BUCKETS; i++) {
		us = level_bucket_us(i);
		assert_int_equal(level_bucket(us), i);
		assert_int_equal(level_bucket(us - 1), i - 1);
	}
}

static void
percentiles_are_within_their_bucket(void **state)
{
	uint64_t n[LEVEL_BUCKETS] = { 0 };
	uint64_t p;
	unsigned i;

	(void)state;
	assert_int_equal(level_percentile(n, 500), 0);
	for (i = 1; i <= 1000; i++)
		n[level_bucket(i * 1000)]++;
	p = level_percentile(n, 500);
	assert_true(p > 450000 && p < 550000);
	p = level_percentile(n, 950);
	assert_true(p > 880000 && p < 1050000);
	p = level_percentile(n, 1);
	assert_true(p > 800 && p < 1300);
	p = level_percentile(n, 1000);
	assert_true(p > 900000 && p < 1100000);
}

static void
bytes_of_another_version_add_nothing(void **state)
{
	uint64_t n[LEVEL_BUCKETS] = { 0 };
	uint32_t bytes[LEVEL_BUCKETS] = { 0 };

	(void)state;
	bytes[3] = 7;
	level_add_bytes(
	    n, (struct slice){ (const char *)bytes, sizeof(bytes) });
	level_add_bytes(
	    n, (struct slice){ (const char *)bytes, sizeof(bytes) });
	assert_int_equal(n[3], 14);
	level_add_bytes(
	    n, (struct slice){ (const char *)bytes, sizeof(bytes) - 4 });
	level_add_bytes(n, (struct slice){ "", 0 });
	assert_int_equal(n[3], 14);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_grow_by_a_quarter_of_an_octave),
		cmocka_unit_test(percentiles_are_within_their_bucket),
		cmocka_unit_test(bytes_of_another_version_add_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
