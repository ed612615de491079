#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/money.h"

static void
lines_round_half_to_even(void **state)
{
	static const struct {
		int64_t pico;
		uint64_t quantity;
		bool good;
		int64_t nano;
	} cases[] = {
		{ 0, 5, true, 0 },
		{ 1250000, 1000000, true, 1250000000 },
		{ 1, 499, true, 0 },
		{ 1, 500, true, 0 },
		{ 1, 501, true, 1 },
		{ 1, 1499, true, 1 },
		{ 1, 1500, true, 2 },
		{ 1, 2500, true, 2 },
		{ 1, 2501, true, 3 },
		{ 500, 3, true, 2 },
		{ 500, 5, true, 2 },
		{ -1, 500, true, 0 },
		{ -1, 501, true, -1 },
		{ -1, 1500, true, -2 },
		{ -1, 2500, true, -2 },
		{ INT64_MAX, 1000, true, INT64_MAX },
		{ INT64_MAX, 1001, false, 0 },
		{ INT64_MIN, 1000, true, INT64_MIN },
		{ INT64_MIN, 1001, false, 0 },
		{ INT64_MAX, UINT64_MAX, false, 0 },
		{ INT64_MIN, UINT64_MAX, false, 0 },
	};
	struct money m;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		bool good = money_line(
		    (struct rate){ cases[i].pico }, cases[i].quantity, &m);

		assert_int_equal(good, cases[i].good);
		if (good)
			assert_int_equal(m.nano, cases[i].nano);
	}
}

/* --- the same on paper: decimal digits, least first ------------------ */

enum { PAPER = 48 };

static void
paper_of(uint8_t d[PAPER], uint64_t v)
{
	size_t i;

	for (i = 0; i < PAPER; i++, v /= 10)
		d[i] = (uint8_t)(v % 10);
}

static void
paper_times(uint8_t out[PAPER], const uint8_t a[PAPER], const uint8_t b[PAPER])
{
	unsigned sum[PAPER] = { 0 }, carry = 0;
	size_t i, k;

	for (i = 0; i < PAPER; i++) {
		for (k = 0; i + k < PAPER; k++)
			sum[i + k] += (unsigned)(a[i] * b[k]);
	}
	for (i = 0; i < PAPER; i++) {
		carry += sum[i];
		out[i] = (uint8_t)(carry % 10);
		carry /= 10;
	}
}

/* Drops three digits, half to even. */
static void
paper_round(uint8_t d[PAPER])
{
	const unsigned rest = d[2] * 100u + d[1] * 10u + d[0];
	size_t i;

	for (i = 0; i + 3 < PAPER; i++)
		d[i] = d[i + 3];
	d[PAPER - 3] = d[PAPER - 2] = d[PAPER - 1] = 0;
	if (rest < 500 || (rest == 500 && d[0] % 2 == 0))
		return;
	for (i = 0; d[i] == 9; i++)
		d[i] = 0;
	d[i]++;
}

/* False when it is above most. */
static bool
paper_value(const uint8_t d[PAPER], uint64_t most, uint64_t *out)
{
	uint64_t v = 0;
	size_t i;

	for (i = PAPER; i-- > 0;) {
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d[i], &v))
			return false;
	}
	*out = v;
	return v <= most;
}

static void
check_line(int64_t pico, uint64_t quantity)
{
	const bool minus = pico < 0;
	const uint64_t size = minus ? 0 - (uint64_t)pico : (uint64_t)pico;
	uint8_t a[PAPER], b[PAPER], p[PAPER];
	struct money m = { 0 };
	uint64_t v = 0;
	bool good;

	paper_of(a, size);
	paper_of(b, quantity);
	paper_times(p, a, b);
	paper_round(p);
	good = paper_value(p, (uint64_t)INT64_MAX + minus, &v);
	if (money_line((struct rate){ pico }, quantity, &m) != good ||
	    (good && m.nano != (int64_t)(minus ? 0 - v : v)))
		fail_msg("%lld x %llu", (long long)pico,
		    (unsigned long long)quantity);
}

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void
random_lines_agree_with_paper(void **state)
{
	uint64_t seed = 42, a, b;
	int i;

	(void)state;
	for (i = 0; i < 60000; i++) {
		a = next_random(&seed);
		b = next_random(&seed);
		/* Of all sizes, halves often. */
		a >>= next_random(&seed) % 64;
		b >>= next_random(&seed) % 64;
		if (i % 3 == 0)
			b = b / 500 * 500;
		check_line((int64_t)(i % 2 != 0 ? 0 - a : a), b);
	}
}

static void
sums_are_checked(void **state)
{
	struct money m;

	(void)state;
	assert_true(money_add((struct money){ 5 }, (struct money){ -7 }, &m));
	assert_int_equal(m.nano, -2);
	assert_true(money_add(
	    (struct money){ INT64_MAX }, (struct money){ INT64_MIN }, &m));
	assert_int_equal(m.nano, -1);
	assert_false(
	    money_add((struct money){ INT64_MAX }, (struct money){ 1 }, &m));
	assert_false(
	    money_add((struct money){ INT64_MIN }, (struct money){ -1 }, &m));
}

static void
amounts_parse_and_write_in_one_form(void **state)
{
	static const struct {
		struct slice in;
		int64_t nano;
		const char *out;
	} cases[] = {
		{ S_INIT("0"), 0, "0" },
		{ S_INIT("-0"), 0, "0" },
		{ S_INIT("25"), 25000000000, "25" },
		{ S_INIT("0.000012345"), 12345, "0.000012345" },
		{ S_INIT("-1.5"), -1500000000, "-1.5" },
		{ S_INIT("1.50"), 1500000000, "1.5" },
		{ S_INIT("0.000000001"), 1, "0.000000001" },
		{ S_INIT("-0.1"), -100000000, "-0.1" },
		{ S_INIT("100.010000000"), 100010000000, "100.01" },
		{ S_INIT("9223372036.854775807"), INT64_MAX,
		    "9223372036.854775807" },
		{ S_INIT("-9223372036.854775808"), INT64_MIN,
		    "-9223372036.854775808" },
	};
	struct buf b = { 0 };
	struct money m;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		assert_true(money_parse(cases[i].in, &m));
		assert_int_equal(m.nano, cases[i].nano);
		buf_clear(&b);
		money_write(&b, m);
		assert_string_equal(buf_cstr(&b), cases[i].out);
	}
	buf_fini(&b);
}

static void
what_is_no_amount_is_refused(void **state)
{
	static const struct slice bad[] = {
		S_INIT(""),
		S_INIT("-"),
		S_INIT("."),
		S_INIT("1."),
		S_INIT(".5"),
		S_INIT("-.5"),
		S_INIT("+1"),
		S_INIT("--1"),
		S_INIT("1e3"),
		S_INIT("1,000"),
		S_INIT("1 "),
		S_INIT(" 1"),
		S_INIT("01"),
		S_INIT("00"),
		S_INIT("1.0.0"),
		S_INIT("1.-5"),
		S_INIT("0x1"),
		S_INIT("NaN"),
		S_INIT("1_000"),
		S_INIT("0.0000000001"),
		S_INIT("9223372036.854775808"),
		S_INIT("-9223372036.854775809"),
		S_INIT("9223372037"),
		S_INIT("99999999999999999999999999999999999999999999999"),
		S_INIT("1\0"),
		S_INIT("\xd9\xa1"),
	};
	struct money m;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		if (money_parse(bad[i], &m))
			fail_msg("%.*s", S_FMT(bad[i]));
	}
}

static void
random_amounts_come_back(void **state)
{
	struct buf b = { 0 };
	uint64_t seed = 7, v;
	struct money m, back;
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		v = next_random(&seed);
		m.nano = (int64_t)v >> next_random(&seed) % 64;
		buf_clear(&b);
		money_write(&b, m);
		assert_true(money_parse(buf_slice(&b), &back));
		assert_int_equal(back.nano, m.nano);
	}
	buf_fini(&b);
}

static void
sums_of_128_bits_are_written_whole(void **state)
{
	const int128 most = (int128)(~(uint128)0 >> 1);
	struct buf b = { 0 };

	(void)state;
	money_write_sum(&b, (int128)INT64_MAX * 10);
	buf_char(&b, ' ');
	money_write_sum(&b, most);
	buf_char(&b, ' ');
	money_write_sum(&b, -most - 1);
	assert_string_equal(buf_cstr(&b),
	    "92233720368.54775807 "
	    "170141183460469231731687303715.884105727 "
	    "-170141183460469231731687303715.884105728");
	buf_fini(&b);
}

static void
rates_hold_six_decimals_per_million_and_twelve_each(void **state)
{
	struct buf b = { 0 };
	struct rate r;

	(void)state;
	assert_true(rate_parse_per_million(S("1.25"), &r));
	assert_int_equal(r.pico, 1250000);
	assert_true(rate_parse_per_million(S("0.000001"), &r));
	assert_int_equal(r.pico, 1);
	assert_false(rate_parse_per_million(S("0.0000001"), &r));
	assert_false(rate_parse_per_million(S("-1"), &r));
	assert_true(rate_parse_per_million(S("9223372036854.775807"), &r));
	assert_int_equal(r.pico, INT64_MAX);
	assert_false(rate_parse_per_million(S("9223372036854.775808"), &r));
	rate_write_per_million(&b, (struct rate){ 1250000 });
	buf_char(&b, ' ');
	rate_write_per_million(&b, (struct rate){ 1 });
	buf_char(&b, ' ');
	rate_write_per_million(&b, (struct rate){ -75000000 });
	assert_string_equal(buf_cstr(&b), "1.25 0.000001 -75");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_round_half_to_even),
		cmocka_unit_test(random_lines_agree_with_paper),
		cmocka_unit_test(sums_are_checked),
		cmocka_unit_test(amounts_parse_and_write_in_one_form),
		cmocka_unit_test(what_is_no_amount_is_refused),
		cmocka_unit_test(random_amounts_come_back),
		cmocka_unit_test(sums_of_128_bits_are_written_whole),
		cmocka_unit_test(
		    rates_hold_six_decimals_per_million_and_twelve_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
