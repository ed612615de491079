#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/json.h"

static void
escapes_decode_and_lone_surrogates_become_the_replacement(void **state)
{
	static const struct {
		struct slice raw, want;
	} cases[] = {
		{ S_INIT(""), S_INIT("") },
		{ S_INIT("plain"), S_INIT("plain") },
		{ S_INIT("\\\"\\\\\\/\\b\\f\\n\\r\\t"),
		    S_INIT("\"\\/\b\f\n\r\t") },
		{ S_INIT("a\\u0041b\\u00e9\\u20ACz"),
		    S_INIT("aAb\xc3\xa9\xe2\x82\xacz") },
		{ S_INIT("\\u0000x"), S_INIT("\0x") },
		{ S_INIT("\\ud83d\\ude00"), S_INIT("\xf0\x9f\x98\x80") },
		{ S_INIT("\\ud83d"), S_INIT("\xef\xbf\xbd") },
		{ S_INIT("\\ude00\\ud83d"),
		    S_INIT("\xef\xbf\xbd\xef\xbf\xbd") },
		{ S_INIT("\\ud83dx"), S_INIT("\xef\xbf\xbdx") },
		{ S_INIT("\\ud83d\\n"), S_INIT("\xef\xbf\xbd\n") },
		{ S_INIT("\\ud83d\\u0041"), S_INIT("\xef\xbf\xbd"
						   "A") },
		{ S_INIT("\\udbff\\udfff"), S_INIT("\xf4\x8f\xbf\xbf") },
	};
	struct arena a = { 0 };
	struct slice got;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		got = json_unescape(&a, cases[i].raw);
		if (!slice_eq(got, cases[i].want))
			fail_msg("case %zu: %.*s", i, S_FMT(got));
	}
	arena_fini(&a);
}

static void
exact_integers_are_taken_and_others_are_not(void **state)
{
	static const struct {
		struct slice text;
		bool good;
		int64_t v;
	} cases[] = {
		{ S_INIT("0"), true, 0 },
		{ S_INIT("-0"), true, 0 },
		{ S_INIT("-0.000e99999999999999999999"), true, 0 },
		{ S_INIT("42"), true, 42 },
		{ S_INIT("1e3"), true, 1000 },
		{ S_INIT("1E+3"), true, 1000 },
		{ S_INIT("10.0"), true, 10 },
		{ S_INIT("-1.50e1"), true, -15 },
		{ S_INIT("1500e-2"), true, 15 },
		{ S_INIT("0.00012e5"), true, 12 },
		{ S_INIT("9223372036854775807"), true, INT64_MAX },
		{ S_INIT("-9223372036854775808"), true, INT64_MIN },
		{ S_INIT("9223372036854775808"), false, 0 },
		{ S_INIT("-9223372036854775809"), false, 0 },
		{ S_INIT("92233720368547758070e-1"), true, INT64_MAX },
		{ S_INIT("1e18"), true, 1000000000000000000 },
		{ S_INIT("1e19"), false, 0 },
		{ S_INIT("1e999999999999999999999999"), false, 0 },
		{ S_INIT("1e-999999999999999999999999"), false, 0 },
		{ S_INIT("0.5"), false, 0 },
		{ S_INIT("1.05e1"), false, 0 },
		{ S_INIT("15e-1"), false, 0 },
		{ S_INIT("18446744073709551616"), false, 0 },
	};
	int64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(cases); i++) {
		v = 0;
		if (json_i64(cases[i].text, &v) != cases[i].good ||
		    (cases[i].good && v != cases[i].v))
			fail_msg(
			    "%.*s: %lld", S_FMT(cases[i].text), (long long)v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    escapes_decode_and_lone_surrogates_become_the_replacement),
		cmocka_unit_test(exact_integers_are_taken_and_others_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
