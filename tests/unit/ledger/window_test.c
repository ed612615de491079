#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/clock.h"
#include "ledger/window.h"

static int64_t
at(int64_t year, int month, int day, int hour, int min)
{
	const int64_t days = civil_days((struct civil){ year, month, day });

	return (days * 86400 + hour * 3600 + min * 60) * NS_PER_S;
}

/* NULL and a printed word when the machine has no zone files. */
static struct zone *
zone(const char *name)
{
	struct zone *z = zone_open(slice_of(name));

	if (z == NULL)
		print_message("no time zone %s here\n", name);
	return z;
}

static void
expect(const struct zone *z, enum window_unit unit, int64_t wall, uint64_t id,
    int64_t start, int64_t end)
{
	const struct window w = window_at(z, unit, wall);

	assert_int_equal(w.id, id);
	assert_int_equal(w.start_ns, start);
	assert_int_equal(w.end_ns, end);
}

static void
utc_windows_are_exact_without_any_file(void **state)
{
	struct zone *z = zone_open(S(""));
	const int64_t t = at(2026, 11, 23, 7, 21);

	(void)state;
	expect(z, WINDOW_HOUR, t, 498728, at(2026, 11, 23, 7, 0),
	    at(2026, 11, 23, 8, 0));
	expect(z, WINDOW_DAY, t, 20781, at(2026, 11, 23, 0, 0),
	    at(2026, 11, 24, 0, 0));
	expect(z, WINDOW_WEEK, t, 2970, at(2026, 11, 23, 0, 0),
	    at(2026, 11, 30, 0, 0));
	expect(z, WINDOW_MONTH, t, 56 * 12 + 11, at(2026, 11, 1, 0, 0),
	    at(2026, 12, 1, 0, 0));
	expect(z, WINDOW_QUARTER, t, 56 * 4 + 4, at(2026, 10, 1, 0, 0),
	    at(2027, 1, 1, 0, 0));
	expect(
	    z, WINDOW_YEAR, t, 57, at(2026, 1, 1, 0, 0), at(2027, 1, 1, 0, 0));
	expect(z, WINDOW_TOTAL, t, 1, INT64_MIN, INT64_MAX);
	zone_free(&z);
}

static void
a_window_is_half_open(void **state)
{
	struct zone *z = zone_open(S("UTC"));
	const int64_t end = at(2026, 3, 1, 0, 0);
	struct window w;

	(void)state;
	w = window_at(z, WINDOW_MONTH, end - 1);
	assert_int_equal(w.end_ns, end);
	assert_int_equal(window_at(z, WINDOW_MONTH, end).id, w.id + 1);
	zone_free(&z);
}

static void
summer_time_makes_short_and_long_days(void **state)
{
	struct zone *z = zone("Europe/Berlin");
	struct window w;

	(void)state;
	if (z == NULL)
		skip();
	w = window_at(z, WINDOW_DAY, at(2026, 3, 29, 12, 0));
	assert_int_equal(w.start_ns, at(2026, 3, 28, 23, 0));
	assert_int_equal(w.end_ns, at(2026, 3, 29, 22, 0));
	w = window_at(z, WINDOW_DAY, at(2026, 10, 25, 12, 0));
	assert_int_equal(w.start_ns, at(2026, 10, 24, 22, 0));
	assert_int_equal(w.end_ns, at(2026, 10, 25, 23, 0));
	w = window_at(z, WINDOW_MONTH, at(2026, 10, 31, 22, 59));
	assert_int_equal(w.end_ns, at(2026, 10, 31, 23, 0));
	w = window_at(z, WINDOW_YEAR, at(2060, 7, 1, 0, 0)); /* by the rule */
	assert_int_equal(w.start_ns, at(2059, 12, 31, 23, 0));
	zone_free(&z);
}

static void
a_midnight_that_is_skipped_is_where_the_clock_jumps(void **state)
{
	struct zone *z = zone("America/Sao_Paulo");
	struct window w;

	(void)state;
	if (z == NULL)
		skip();
	/* 2018-11-04: 00:00 became 01:00 (-03 to -02). */
	w = window_at(z, WINDOW_DAY, at(2018, 11, 4, 12, 0));
	assert_int_equal(w.start_ns, at(2018, 11, 4, 3, 0));
	assert_int_equal(w.end_ns, at(2018, 11, 5, 2, 0));
	zone_free(&z);
}

static void
a_midnight_that_comes_twice_is_the_first(void **state)
{
	struct zone *z = zone("America/Havana");
	struct window w;

	(void)state;
	if (z == NULL)
		skip();
	/* 2025-11-02: 01:00 became 00:00 (-04 to -05). */
	w = window_at(z, WINDOW_DAY, at(2025, 11, 2, 5, 30));
	assert_int_equal(w.start_ns, at(2025, 11, 2, 4, 0));
	assert_int_equal(w.end_ns, at(2025, 11, 3, 5, 0));
	zone_free(&z);
}

static void
a_day_that_never_was_is_empty(void **state)
{
	struct zone *z = zone("Pacific/Apia");
	struct window w, next;

	(void)state;
	if (z == NULL)
		skip();
	w = window_at(z, WINDOW_DAY, at(2011, 12, 30, 9, 0)); /* 29 December */
	next = window_next(z, WINDOW_DAY, w);
	assert_int_equal(next.start_ns, next.end_ns);
	w = window_at(z, WINDOW_DAY, w.end_ns);
	assert_int_equal(w.id, next.id + 1);
	zone_free(&z);
}

/* Nothing lies between two windows, and numbers have no gap. */
static void
windows_follow_each_other_in_every_zone(void **state)
{
	static const char *const zones[] = { "UTC", "Europe/Berlin",
		"America/New_York", "America/St_Johns", "Asia/Kolkata",
		"Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca",
		"Asia/Tehran", "America/Nuuk", "Asia/Gaza" };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(zones); i++) {
		struct zone *z = zone(zones[i]);
		unsigned u;

		for (u = WINDOW_HOUR; z != NULL && u < WINDOW_TOTAL; u++) {
			const enum window_unit unit = (enum window_unit)u;
			struct window w =
			    window_at(z, unit, at(2005, 1, 15, 0, 0));
			int n;

			for (n = 0;
			     n < 20000 && w.end_ns < at(2070, 1, 1, 0, 0);
			     n++) {
				struct window v = window_next(z, unit, w);

				assert_int_equal(v.id, w.id + 1);
				assert_int_equal(v.start_ns, w.end_ns);
				assert_true(v.end_ns >= v.start_ns);
				w = window_at(z, unit, v.start_ns);
				assert_true(w.id >= v.id);
				if (v.end_ns > v.start_ns)
					assert_int_equal(
					    window_at(z, unit, v.end_ns - 1).id,
					    v.id);
			}
		}
		zone_free(&z);
	}
}

static uint64_t random_state = 1;

static int64_t
random_below(int64_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) +
		       UINT64_C(1442695040888963407);
	return (int64_t)((random_state >> 11) % (uint64_t)n);
}

/* Every instant lies in one window, and later ones in later windows. */
static void
instants_have_one_window(const struct zone *z, enum window_unit unit)
{
	const int64_t since = at(1971, 1, 2, 0, 0);
	const int64_t until = at(2100, 1, 1, 0, 0);
	int i;

	for (i = 0; i < 200; i++) {
		/* What is local 1969 counts as 1970. */
		const int64_t s = since + random_below(until - since);
		const int64_t t = s + random_below(400 * 86400 * NS_PER_S);
		const struct window a = window_at(z, unit, s);
		const struct window b = window_at(z, unit, t);

		assert_true(a.start_ns <= s && s < a.end_ns);
		assert_true(b.id >= a.id);
		assert_true((b.id == a.id) == (t < a.end_ns));
		assert_int_equal(window_at(z, unit, a.end_ns - 1).id, a.id);
		assert_int_equal(
		    window_at(z, unit, a.end_ns).start_ns, a.end_ns);
		assert_int_equal(window_next(z, unit, a).id, a.id + 1);
		assert_int_equal(window_next(z, unit, a).start_ns, a.end_ns);
		assert_true(window_at(z, unit, a.start_ns - 1).id < a.id);
	}
}

static void
every_instant_has_one_window_in_a_hundred_zones(void **state)
{
	FILE *f = fopen("/usr/share/zoneinfo/zone1970.tab", "re");
	char line[512], name[128];
	unsigned u, n = 0;
	struct zone *z;

	(void)state;
	if (f == NULL) {
		print_message("no list of time zones here\n");
		skip();
	}
	while (fgets(line, sizeof(line), f) != NULL && n < 100) {
		if (line[0] == '#' || sscanf(line, "%*s %*s %127s", name) != 1)
			continue;
		/* Spread over the list of some 310. */
		if (random_below(5) < 3)
			continue;
		z = zone(name);
		for (u = WINDOW_HOUR; z != NULL && u < WINDOW_TOTAL; u++)
			instants_have_one_window(z, (enum window_unit)u);
		zone_free(&z);
		n++;
	}
	(void)fclose(f);
	assert_true(n >= 90);
}

static void
limits_are_amount_and_unit(void **state)
{
	static const char *const bad[] = { "25", "25/", "/month",
		"25/fortnight", "-1/day", "1e3/day", "25 /month",
		"25/month/day", "25/Month", "0.0000000001/day" };
	struct money m;
	enum window_unit u;
	size_t i;

	(void)state;
	assert_true(window_limit_parse(S("25.00/month"), &m, &u));
	assert_int_equal(m.nano, INT64_C(25000000000));
	assert_int_equal(u, WINDOW_MONTH);
	assert_true(window_limit_parse(S("0/total"), &m, &u));
	assert_int_equal(u, WINDOW_TOTAL);
	for (i = 0; i < NELEM(bad); i++)
		assert_false(window_limit_parse(slice_of(bad[i]), &m, &u));
	assert_string_equal(window_unit_name(WINDOW_QUARTER), "quarter");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utc_windows_are_exact_without_any_file),
		cmocka_unit_test(a_window_is_half_open),
		cmocka_unit_test(summer_time_makes_short_and_long_days),
		cmocka_unit_test(
		    a_midnight_that_is_skipped_is_where_the_clock_jumps),
		cmocka_unit_test(a_midnight_that_comes_twice_is_the_first),
		cmocka_unit_test(a_day_that_never_was_is_empty),
		cmocka_unit_test(windows_follow_each_other_in_every_zone),
		cmocka_unit_test(
		    every_instant_has_one_window_in_a_hundred_zones),
		cmocka_unit_test(limits_are_amount_and_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
