#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "model/sum.h"

static const struct price some = { .base = { .has = (1u << LANES) - 1 } };

static uint64_t
below(unsigned *seed, uint64_t n)
{
	return n == 0 ? 0 : (uint64_t)rand_r(seed) % (n + 1);
}

static struct usage
some_usage(unsigned *seed)
{
	struct usage u = { .input = below(seed, 3000),
		.output = below(seed, 900) };

	u.cached = below(seed, u.input);
	u.cache_write = below(seed, u.input - u.cached);
	u.cache_write_1h = below(seed, u.cache_write);
	u.audio_input = below(seed, u.input);
	u.image_input = below(seed, u.input - u.audio_input);
	u.reasoning = below(seed, u.output);
	u.audio_output = below(seed, u.output - u.reasoning);
	u.image_output = below(seed, u.output - u.reasoning - u.audio_output);
	return u;
}

/* Lanes of a sum are the sum of the lanes, whatever was cached. */
static void
lanes_follow_from_sums(void **state)
{
	int64_t sum[SUMS] = { 0 }, one[SUMS], lane[LANES] = { 0 };
	struct price_line line[PRICE_LINES];
	unsigned seed = 7, i, k, step;

	(void)state;
	for (i = 0; i < 2000; i++) {
		const struct usage u = some_usage(&seed);

		assert_true(price_lines(&some, &u, line, &step));
		memset(one, 0, sizeof(one));
		sum_usage(&u, one);
		for (k = 0; k < SUMS; k++)
			sum[k] += one[k];
		for (k = 0; k < LANES; k++)
			lane[k] += (int64_t)line[k].quantity;
	}
	assert_int_equal(sum[SUM_ATTEMPTS], 2000);
	for (k = 0; k < LANES; k++)
		assert_int_equal(sum_lane(sum, (enum lane)k), lane[k]);
}

static void
there_is_a_column_for_each_sum(void **state)
{
	const char *p;
	unsigned n = 1;

	(void)state;
	for (p = SUM_COLUMNS; *p != '\0'; p++)
		n += *p == ',';
	assert_int_equal(n, SUMS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lanes_follow_from_sums),
		cmocka_unit_test(there_is_a_column_for_each_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
