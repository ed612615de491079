#include "sim/tariff.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int64_t
rate(const char *text)
{
	int64_t r = -1;

	assert_true(tariff_rate(slice_of(text), &r));
	return r;
}

static void
a_rate_is_read_exactly(void **state)
{
	(void)state;
	assert_int_equal(rate("2.50"), 2500000000);
	assert_int_equal(rate("15"), 15000000000);
	assert_int_equal(rate("0.000000001"), 1);
	assert_int_equal(rate("0"), 0);
}

static void
what_is_not_a_rate_is_refused(void **state)
{
	static const char *const bad[] = { "", ".", "1.", ".5", "-1", "1e3",
		" 1", "1 ", "0.0000000001", "12345678", "1,5", "0x1" };
	int64_t r;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++)
		if (tariff_rate(slice_of(bad[i]), &r))
			fail_msg("took \"%s\"", bad[i]);
}

static void
a_line_is_rounded_half_to_even(void **state)
{
	static const struct {
		const char *rate;
		int64_t tokens, nano;
	} row[] = {
		{ "2.50", 1, 2500 },
		{ "2.50", 1000000, 2500000000 },
		{ "0.0005", 1, 0 }, /* 0.5 to 0 */
		{ "0.0005", 3, 2 }, /* 1.5 to 2 */
		{ "0.0005", 5, 2 }, /* 2.5 to 2 */
		{ "0.0005", 7, 4 }, /* 3.5 to 4 */
		{ "0.000501", 1, 1 },
		{ "0.000499", 1, 0 },
		{ "0.275", 7, 1925 },
		{ "1000000", INT64_C(9000000), INT64_C(9000000000000000) },
	};
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(row); i++)
		assert_int_equal(
		    tariff_line(rate(row[i].rate), row[i].tokens), row[i].nano);
}

static struct tariff
gpt(void)
{
	return (struct tariff){ .base = { rate("2.50"), rate("0.25"),
				    rate("3.125"), rate("15.00") },
		.above = 1000,
		.beyond = {
		    rate("5.00"), rate("0.50"), rate("6.25"), rate("22.50") } };
}

static void
each_component_has_its_own_line(void **state)
{
	struct tariff t = gpt();
	struct tokens n = {
		.input = 1000, .cached = 300, .cache_write = 100, .output = 10
	};

	(void)state;
	assert_int_equal(tariff_bill(&t, &n),
	    600 * 2500 + 300 * 250 + 100 * 3125 + 10 * 15000);
}

static void
lines_are_rounded_before_they_are_added(void **state)
{
	struct tariff t = { .base = { rate("0.0005"), rate("0.0005"),
				rate("0.0005"), rate("0.0005") } };
	struct tokens n = {
		.input = 9, .cached = 3, .cache_write = 3, .output = 3
	};

	(void)state;
	assert_int_equal(tariff_bill(&t, &n), 2 + 2 + 2 + 2);
}

static void
a_long_prompt_costs_the_other_rates_throughout(void **state)
{
	struct tariff t = gpt();
	struct tokens n = { .input = 1001, .output = 1 };

	(void)state;
	assert_int_equal(tariff_bill(&t, &n), 1001 * 5000 + 22500);
}

static void
money_is_written_with_nine_decimals(void **state)
{
	struct buf b = { 0 };

	(void)state;
	tariff_write(&b, INT64_C(12000000345));
	assert_string_equal(buf_cstr(&b), "12.000000345");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_is_read_exactly),
		cmocka_unit_test(what_is_not_a_rate_is_refused),
		cmocka_unit_test(a_line_is_rounded_half_to_even),
		cmocka_unit_test(each_component_has_its_own_line),
		cmocka_unit_test(lines_are_rounded_before_they_are_added),
		cmocka_unit_test(
		    a_long_prompt_costs_the_other_rates_throughout),
		cmocka_unit_test(money_is_written_with_nine_decimals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
