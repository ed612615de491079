#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "courier/stamp.h"

static void
moments_are_read_in_both_forms(void **state)
{
	int64_t s = 0;

	(void)state;
	assert_true(stamp_iso(S("1970-01-01T00:00:00Z"), &s) && s == 0);
	assert_true(
	    stamp_iso(S("2026-11-25T19:34:47Z"), &s) && s == 1795635287);
	assert_true(
	    stamp_iso(S("2024-02-29T23:59:59.123Z"), &s) && s == 1709251199);
	assert_true(stamp_http(S("Wed, 25 Nov 2026 19:34:47 GMT"), &s) &&
		    s == 1795635287);
	assert_true(stamp_http(S("Thu, 29 Feb 2024 00:00:00 GMT"), &s) &&
		    s == 1709164800);
}

static void
what_is_no_moment_is_refused(void **state)
{
	static const char *const iso[] = { "", "2026-11-25", "2026-11-25T19:34",
		"2026-11-25T19:34:47", "2026-13-25T19:34:47Z",
		"2026-11-25T24:34:47Z", "2026-11-25T19:34:47+01:00Z",
		"2026-11-25T19:34:47.1x3Z", "1969-11-25T19:34:47Z" };
	static const char *const http[] = { "", "now",
		"Wed, 25 Nov 2026 19:34:47 CET",
		"Wed, 25 Now 2026 19:34:47 GMT",
		"Wed, xx Nov 2026 19:34:47 GMT",
		"Wed, 25 Nov 2026 19-34-47 GMT" };
	int64_t s;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(iso); i++)
		assert_false(stamp_iso(slice_of(iso[i]), &s));
	for (i = 0; i < NELEM(http); i++)
		assert_false(stamp_http(slice_of(http[i]), &s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments_are_read_in_both_forms),
		cmocka_unit_test(what_is_no_moment_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
