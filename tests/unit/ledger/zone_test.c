#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "ledger/zone.h"

static void
the_calendar_goes_both_ways(void **state)
{
	int64_t d;

	(void)state;
	assert_int_equal(civil_days((struct civil){ 1970, 1, 1 }), 0);
	assert_int_equal(civil_days((struct civil){ 2000, 2, 29 }), 11016);
	for (d = -800000; d < 800000; d += 7)
		assert_int_equal(civil_days(civil_from_days(d)), d);
}

/* Against libc, every 11 hours over 80 years, the rule's years included. */
static void
offsets_agree_with_libc(void **state)
{
	static const char *const zones[] = { "Europe/Berlin", "Europe/Dublin",
		"America/New_York", "America/St_Johns", "Asia/Kolkata",
		"Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tehran",
		"America/Nuuk", "Asia/Jerusalem", "Pacific/Chatham",
		"America/Santiago", "Africa/Cairo" };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(zones); i++) {
		struct zone *z = zone_open(slice_of(zones[i]));
		time_t t;

		if (z == NULL) {
			print_message("no time zone %s here\n", zones[i]);
			continue;
		}
		setenv("TZ", zones[i], 1);
		tzset();
		for (t = 0; t < 2524608000; t += 11 * 3600) {
			struct tm tm;

			assert_non_null(localtime_r(&t, &tm));
			assert_int_equal(zone_offset(z, t), tm.tm_gmtoff);
		}
		zone_free(&z);
	}
}

static void
names_cannot_leave_the_folder(void **state)
{
	static const char *const bad[] = { "../../../etc/passwd", "/etc/passwd",
		"Europe/../../passwd", "Europe/Atlantis", ".", "a b", "Europe",
		"localtime", "posixrules", "right/UTC", "posix/Europe/Berlin" };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++)
		assert_null(zone_open(slice_of(bad[i])));
}

static void
a_zone_is_asked_for_by_one_spelling(void **state)
{
	static const char *const bad[] = { "Europe//Berlin", "/Europe/Berlin",
		"Europe/Berlin/", "UTC/", "/", "//", "Europe/Atlantis",
		"America/Argentina//Salta" };
	static const char *const good[] = { "", "UTC", "Europe/Berlin",
		"America/Argentina/Salta" };
	struct zone *z;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++)
		assert_false(zone_known(slice_of(bad[i])));
	for (i = 0; i < NELEM(good); i++) {
		z = zone_open(slice_of(good[i]));
		assert_int_equal(zone_known(slice_of(good[i])), z != NULL);
		if (z == NULL)
			print_message("no time zone %s here\n", good[i]);
		else
			zone_free(&z);
	}
}

static void
head(struct buf *b, unsigned times, unsigned types)
{
	const char counts[24] = { [15] = (char)times, [19] = (char)types };

	buf_add(b, S("TZif2"));
	buf_add(b, (struct slice){ "\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15 });
	buf_add(b, (struct slice){ counts, sizeof(counts) });
}

/* One type of UTC+1, no transitions, then the rule. */
static struct zone *
with_rule(const char *rule)
{
	struct buf b = { 0 };
	struct zone *z;

	head(&b, 0, 0);
	head(&b, 0, 1);
	buf_add(&b, (struct slice){ "\0\0\x0e\x10\0\0", 6 });
	buf_fmt(&b, "\n%s\n", rule);
	z = zone_parse(buf_slice(&b));
	buf_fini(&b);
	return z;
}

static void
rules_are_read_as_posix_writes_them(void **state)
{
	static const struct {
		const char *rule;
		int64_t january, july;
	} good[] = {
		{ "CET-1CEST,M3.5.0,M10.5.0/3", 3600, 7200 },
		{ "<+0330>-3:30", 12600, 12600 },
		{ "EST5EDT,M3.2.0,M11.1.0", -18000, -14400 },
		{ "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7200, -3600 },
		{ "NZST-12NZDT,M9.5.0,M4.1.0/3", 46800, 43200 },
		{ "IST-1GMT0,M10.5.0,M3.5.0/1", 0, 3600 },
		{ "AAA3BBB,J60/0,J300", -10800, -7200 },
		{ "AAA3BBB,59/0,299", -10800, -7200 },
		{ "", 3600, 3600 },
	};
	static const char *const bad[] = { "C", "CET", "CET-1CEST",
		"CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
		"CET-1CEST,M3.0.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
		"<CET-1", "CET-1CEST,J0,J5", "CET-1CEST,M3.5.0,M10.5.0x",
		"CET-999", "CET-1CEST,366,1" };
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(good); i++) {
		struct zone *z = with_rule(good[i].rule);

		assert_non_null(z);
		assert_int_equal(zone_offset(z, 1768435200), good[i].january);
		assert_int_equal(zone_offset(z, 1784073600), good[i].july);
		zone_free(&z);
	}
	for (i = 0; i < NELEM(bad); i++)
		assert_null(with_rule(bad[i]));
}

/* A whole file cut at every length, and with every byte changed. */
static void
damaged_files_do_no_harm(void **state)
{
	FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "re");
	char whole[8192], copy[8192];
	size_t len, i;
	struct zone *z;

	(void)state;
	if (f == NULL) {
		print_message("no time zones here\n");
		skip();
	}
	len = fread(whole, 1, sizeof(whole), f);
	fclose(f);
	for (i = 0; i < len; i++) {
		z = zone_parse((struct slice){ whole, i });
		assert_null(z);
		memcpy(copy, whole, len);
		copy[i] = (char)~copy[i];
		z = zone_parse((struct slice){ copy, len });
		if (z != NULL)
			(void)zone_instant(z, 1768435200);
		zone_free(&z);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_calendar_goes_both_ways),
		cmocka_unit_test(offsets_agree_with_libc),
		cmocka_unit_test(names_cannot_leave_the_folder),
		cmocka_unit_test(a_zone_is_asked_for_by_one_spelling),
		cmocka_unit_test(rules_are_read_as_posix_writes_them),
		cmocka_unit_test(damaged_files_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
