/* date_test.c - one reader of days and times */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/date.h"

static void
days_and_times_are_read_as_utc(void **state)
{
	static const struct {
		const char *text;
		int64_t second;
	} good[] = {
		{ "1970-01-01", 0 },
		{ "2026-11-01", 1793491200 },
		{ "2024-02-29", 1709164800 },
		{ "2026-11-01T00:01Z", 1793491260 },
		{ "2026-11-01T00:00:01Z", 1793491201 },
		{ "2200-12-31T23:59:59Z", DATE_LAST_S },
	};
	int64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(good); i++) {
		assert_true(date_parse(slice_of(good[i].text), &ns));
		assert_int_equal(ns, good[i].second * NS_PER_S);
	}
}

static void
what_is_no_day_or_beyond_what_is_held_is_refused(void **state)
{
	static const char *const bad[] = { "", "2026-02-29", "2026-13-01",
		"2026-00-10", "2026-1-1", "1969-12-31", "2201-01-01",
		"2611-06-01", "9999-12-31", "2026-11-01T24:00:00Z",
		"2026-11-01T00:60Z", "2026-11-01T00:00:60Z",
		"2026-11-01T00:00:00+", "2026-11-01T00:00", "2026-11-01T00:00+",
		"2026-11-01 00:00Z", "2026-11-01T0000:00Z",
		"2026-11-01T00:00:0xZ" };
	int64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++) {
		if (date_parse(slice_of(bad[i]), &ns))
			fail_msg("%s", bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_and_times_are_read_as_utc),
		cmocka_unit_test(
		    what_is_no_day_or_beyond_what_is_held_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
