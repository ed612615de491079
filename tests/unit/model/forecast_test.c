#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "model/forecast.h"

enum { DOLLAR = 1000 * 1000 * 1000, PERCENT = 1000 * 1000 };

static int64_t day[FORECAST_DAYS_MAX + 1];

static void
too_little_history_says_nothing(void **state)
{
	struct forecast f;

	(void)state;
	assert_false(forecast_make(day, FORECAST_DAYS_LEAST - 1, 0, 10, &f));
	assert_false(forecast_make(day, FORECAST_DAYS_MAX + 1, 0, 10, &f));
	assert_true(forecast_make(day, FORECAST_DAYS_LEAST, 0, 10, &f));
}

/* Mondays cost 7 and Sundays nothing, for ever: so it will go on. */
static void
a_week_that_repeats_is_forecast_exactly(void **state)
{
	int128 p[FORECAST_POINTS];
	struct forecast f;
	unsigned i, k;

	(void)state;
	for (i = 0; i < 70; i++)
		day[i] = (7 - (i + 3) % 7) % 7 * (int64_t)DOLLAR;
	assert_true(forecast_make(day, 70, 3, 30, &f));
	assert_int_equal(f.mape, 0);
	assert_int_equal(f.tests, 70 - 14 - f.horizon + 1);
	for (k = 1; k <= 30; k++) {
		int64_t want = 0;

		for (i = 70; i < 70 + k; i++)
			want += (7 - (i + 3) % 7) % 7 * (int64_t)DOLLAR;
		forecast_sum(&f, k, p);
		assert_true(p[FORECAST_P10] == want);
		assert_true(p[FORECAST_P50] == want);
		assert_true(p[FORECAST_P90] == want);
	}
}

static void
the_largest_amounts_do_not_overflow(void **state)
{
	int128 p[FORECAST_POINTS];
	struct forecast f;
	unsigned i;

	(void)state;
	for (i = 0; i < FORECAST_DAYS_MAX; i++)
		day[i] = i % 2 != 0 ? INT64_MAX : INT64_MIN;
	assert_true(forecast_make(day, FORECAST_DAYS_MAX, 6, 7, &f));
	forecast_sum(&f, FORECAST_DAYS_MAX * 2, p);
	assert_true(p[FORECAST_P10] == 0);
	assert_true(p[FORECAST_P90] > p[FORECAST_P50]);
	for (i = 0; i < FORECAST_DAYS_MAX; i++)
		day[i] = INT64_MAX;
	assert_true(forecast_make(day, FORECAST_DAYS_MAX, 6, 4000, &f));
	forecast_sum(&f, 4000, p);
	assert_true(p[FORECAST_P50] / 4000 >> 30 == INT64_MAX >> 30);
}

static void
nothing_burned_is_nothing_forecast(void **state)
{
	int128 p[FORECAST_POINTS];
	struct forecast f;

	(void)state;
	memset(day, 0, sizeof(day));
	assert_true(forecast_make(day, 100, 0, 50, &f));
	assert_int_equal(f.mape, 0);
	forecast_sum(&f, 50, p);
	assert_true(p[FORECAST_P10] == 0 && p[FORECAST_P90] == 0);
}

/* --- synthetic histories ---------------------------------------------- */

/* Near to a bell: 0 on average, a deviation of size. */
static int64_t
bell(int64_t size)
{
	int64_t sum = 0;
	int i;

	for (i = 0; i < 12; i++)
		sum += lrand48() % 2000001 - 1000000;
	return sum * size / 2000000;
}

enum kind { STEADY, WALK, GROWTH, BURSTS, KINDS };

static void
make_history(enum kind kind, unsigned n)
{
	static const int64_t week[] = { 100, 110, 105, 100, 90, 30, 25 };
	static const int64_t noise[] = { 100, 200, 350 };
	const int64_t loud = noise[lrand48() % 3];
	int64_t level = INT64_C(1000) * DOLLAR, v;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (kind == WALK)
			level += level / 1000 * bell(15);
		if (kind == GROWTH)
			level += level / 500;
		v = level / 100 * week[i % 7];
		v += v / 1000 * bell(loud);
		if (kind == BURSTS && lrand48() % 20 == 0)
			v *= 4;
		day[i] = v < 0 ? 0 : v;
	}
}

/* Three quarters of a year known, the last one not. */
static void
p10_to_p90_covers_what_came(void **state)
{
	enum { KNOWN = 273, AHEAD = 92, TESTS = 52 };
	int128 p[FORECAST_POINTS], actual, width = 0, whole = 0;
	unsigned covered = 0, i, test;
	struct forecast f;

	(void)state;
	for (test = 0; test < TESTS; test++) {
		srand48(1000 + test);
		make_history((enum kind)(test % KINDS), KNOWN + AHEAD);
		actual = 0;
		for (i = KNOWN; i < KNOWN + AHEAD; i++)
			actual += day[i];
		assert_true(forecast_make(day, KNOWN, 0, AHEAD, &f));
		assert_true(f.mape > 0 && f.mape < 40 * PERCENT);
		forecast_sum(&f, AHEAD, p);
		covered +=
		    p[FORECAST_P10] <= actual && actual <= p[FORECAST_P90];
		width += p[FORECAST_P90] - p[FORECAST_P10];
		whole += actual;
	}
	print_message("covered %u of %u, mean width %d%% of the sum\n", covered,
	    (unsigned)TESTS, (int)(width * 100 / whole));
	assert_true(covered * 100 >= 75 * TESTS);
	/* It covers because it is right, not because it says everything. */
	assert_true(covered < TESTS && width * 100 < 60 * whole);
}

static void
the_farther_the_wider(void **state)
{
	int128 near[FORECAST_POINTS], far[FORECAST_POINTS];
	struct forecast f;
	unsigned k;

	(void)state;
	srand48(3);
	make_history(STEADY, 200);
	assert_true(forecast_make(day, 200, 0, 300, &f));
	forecast_sum(&f, 1, near);
	for (k = 2; k < 300; k++) {
		forecast_sum(&f, k, far);
		assert_true(far[FORECAST_P90] - far[FORECAST_P10] >=
			    near[FORECAST_P90] - near[FORECAST_P10]);
		assert_true(far[FORECAST_P90] > near[FORECAST_P90]);
		memcpy(near, far, sizeof(near));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_little_history_says_nothing),
		cmocka_unit_test(a_week_that_repeats_is_forecast_exactly),
		cmocka_unit_test(the_largest_amounts_do_not_overflow),
		cmocka_unit_test(nothing_burned_is_nothing_forecast),
		cmocka_unit_test(p10_to_p90_covers_what_came),
		cmocka_unit_test(the_farther_the_wider),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
