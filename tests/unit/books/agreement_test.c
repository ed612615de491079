#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "books/agreement.h"

#define DAY_NS (INT64_C(86400) * NS_PER_S)
#define UNIT INT64_C(1000000000)

enum { YEAR = 364, FIRST = 20000 /* days since 1970 */ };

static int64_t burn[YEAR];

/* Weeks with quiet ends, a tenth of noise, another level from `change` on. */
static void
make_year(unsigned seed, unsigned change, int64_t then)
{
	static const int64_t week[] = { 120, 125, 130, 125, 110, 50, 40 };
	int64_t level;
	unsigned i;

	srand48(seed);
	for (i = 0; i < YEAR; i++) {
		level = i < change ? 1000 : then;
		burn[i] = level * UNIT / 100 * week[(FIRST + 3 + i) % 7] /
			  1000 * (900 + lrand48() % 201);
	}
}

static struct commitment_view
look_at(int64_t amount, unsigned n)
{
	struct commitment_view c = { .amount = { amount * UNIT },
		.in = { FIRST * DAY_NS, (FIRST + YEAR) * DAY_NS } };
	struct money before = { 0 }, today = { 0 };
	unsigned i;

	for (i = 0; i < n; i++)
		before.nano += burn[i];
	if (n < YEAR)
		today.nano = burn[n] / 2;
	agreement_look(
	    &c, burn, n, before, today, (FIRST + n) * DAY_NS + DAY_NS / 2);
	return c;
}

/* The first day of the year on which it warns; YEAR: never. */
static unsigned
first_alert(int64_t amount, enum commitment_alert alert, unsigned *other)
{
	struct commitment_view c;
	unsigned n, first = YEAR;

	*other = 0;
	for (n = 0; n < YEAR; n++) {
		c = look_at(amount, n);
		if (c.alert == alert && first == YEAR)
			first = n;
		else if (c.alert != ALERT_NONE && c.alert != alert)
			(*other)++;
	}
	return first;
}

/* 52 weeks of 7,000: on the way, until half a year in less is burned. */
static void
a_shortfall_is_seen_in_time(void **state)
{
	unsigned seed, first, other;
	struct commitment_view c;

	(void)state;
	for (seed = 1; seed <= 8; seed++) {
		make_year(seed, 240, 600);
		first = first_alert(364000, ALERT_SHORTFALL, &other);
		print_message("planted on day 240, seen on day %u\n", first);
		assert_true(first >= 240 && first <= YEAR - 14);
		assert_true(first - 240 <= 28);
		c = look_at(364000, first);
		assert_int_equal(c.alert_days, YEAR - first);
		c = look_at(364000, YEAR - 14);
		assert_true(c.alert == ALERT_SHORTFALL && c.alert_sure);
	}
}

static void
an_early_end_is_seen_in_time(void **state)
{
	struct commitment_view c;
	unsigned seed, first, other, gone;
	int64_t left;

	(void)state;
	for (seed = 1; seed <= 8; seed++) {
		make_year(seed, 150, 1500);
		left = 364000 * UNIT;
		for (gone = 0; left > 0; gone++)
			left -= burn[gone];
		first = first_alert(364000, ALERT_EXHAUSTION, &other);
		print_message("gone on day %u, seen on day %u\n", gone, first);
		assert_true(first >= 150 && first + 14 <= gone);
		c = look_at(364000, gone - 14);
		assert_true(c.exhausted_ns[FORECAST_P10] <=
			    (FIRST + gone + 1) * DAY_NS);
		assert_true(c.exhausted_ns[FORECAST_P90] >=
			    (FIRST + gone - 1) * DAY_NS);
	}
}

static void
what_goes_as_agreed_is_left_alone(void **state)
{
	unsigned seed, n;

	(void)state;
	for (seed = 1; seed <= 8; seed++) {
		make_year(seed, YEAR, 0);
		for (n = 56; n < YEAR; n++)
			assert_true(look_at(364000, n).alert == ALERT_NONE);
	}
}

static void
sums_add_up_at_any_time(void **state)
{
	struct commitment_view c;
	int64_t sum = 0;
	unsigned n;

	(void)state;
	make_year(1, YEAR, 0);
	for (n = 0; n < YEAR; n++) {
		c = look_at(364000, n);
		assert_int_equal(c.burned.nano, sum + burn[n] / 2);
		assert_int_equal(c.days, n);
		assert_true(c.forecast == (n >= FORECAST_DAYS_LEAST &&
					      c.burned.nano < c.amount.nano));
		assert_false(c.ended);
		if (c.forecast)
			assert_true(c.end_balance[FORECAST_P10] <=
					c.end_balance[FORECAST_P50] &&
				    c.end_balance[FORECAST_P50] <=
					c.end_balance[FORECAST_P90] &&
				    c.end_balance[FORECAST_P90] <=
					c.amount.nano - c.burned.nano);
		sum += burn[n];
	}
	c = look_at(364000, YEAR);
	assert_true(c.ended && !c.forecast && c.alert == ALERT_NONE);
	c = look_at(100, 200);
	assert_true(!c.forecast && c.burned.nano > c.amount.nano);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shortfall_is_seen_in_time),
		cmocka_unit_test(an_early_end_is_seen_in_time),
		cmocka_unit_test(what_goes_as_agreed_is_left_alone),
		cmocka_unit_test(sums_add_up_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
