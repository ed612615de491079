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

static struct rates
four(const char *input, const char *cached, const char *write,
    const char *output)
{
	return (struct rates){ .input = rate(input),
		.cached = rate(cached),
		.cache_write = rate(write),
		.output = rate(output),
		.reasoning = rate(output) };
}

static struct tariff
gpt(void)
{
	return (struct tariff){ .base = four("2.50", "0.25", "3.125", "15.00"),
		.step = { { 1000, four("5.00", "0.50", "6.25", "22.50") },
		    { 2000, four("7.00", "0.70", "8.75", "30.00") } },
		.nstep = 2 };
}

static void
audio_images_and_thoughts_have_rates_of_their_own(void **state)
{
	const struct tariff t = { .base = { 1000000, 2000000, 3000000, 4000000,
				      5000000, 6000000, 7000000, 8000000,
				      9000000 },
		.per_call = 11 };
	const struct tokens n = { .input = 100,
		.cached = 2,
		.cache_write = 3,
		.audio_in = 4,
		.image_in = 5,
		.output = 200,
		.reasoning = 7,
		.audio_out = 8,
		.image_out = 9 };

	(void)state;
	assert_int_equal(tariff_bill(&t, &n), 11 + 86 + 2 * 2 + 3 * 3 + 4 * 4 +
						  5 * 5 + 176 * 6 + 7 * 7 +
						  8 * 8 + 9 * 9);
}

static void
what_was_cut_off_is_not_sold(void **state)
{
	struct tokens n = {
		.output = 100, .reasoning = 30, .audio_out = 20, .image_out = 10
	};

	(void)state;
	tariff_cut(&n, 55);
	assert_int_equal(n.output, 55);
	assert_int_equal(n.reasoning, 30);
	assert_int_equal(n.audio_out, 20);
	assert_int_equal(n.image_out, 5);
	tariff_cut(&n, 10);
	assert_int_equal(n.reasoning, 10);
	assert_int_equal(n.audio_out + n.image_out, 0);
}

static void
a_tier_has_a_word(void **state)
{
	enum service s;

	(void)state;
	assert_true(service_find(S(""), &s) && s == SERVICE_DEFAULT);
	assert_true(service_find(S("auto"), &s) && s == SERVICE_DEFAULT);
	assert_true(service_find(S("flex"), &s) && s == SERVICE_FLEX);
	assert_true(service_find(S("fast"), &s) && s == SERVICE_PRIORITY);
	assert_string_equal(service_word(s), "priority");
	assert_false(service_find(S("scale"), &s));
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
	struct tariff t = { .base =
				four("0.0005", "0.0005", "0.0005", "0.0005") };
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
	n.input = 2001;
	assert_int_equal(tariff_bill(&t, &n), 2001 * 7000 + 30000);
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
		cmocka_unit_test(
		    audio_images_and_thoughts_have_rates_of_their_own),
		cmocka_unit_test(what_was_cut_off_is_not_sold),
		cmocka_unit_test(a_tier_has_a_word),
		cmocka_unit_test(money_is_written_with_nine_decimals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
