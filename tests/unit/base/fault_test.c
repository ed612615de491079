/* fault_test.c - the table of faults */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>

#include "base/fault.h"

static void
every_fault_has_a_whole_row(void **state)
{
	const struct fault_row *row;
	unsigned i;

	(void)state;
	for (i = 0; i < FAULT_MAX; i++) {
		row = fault_get((enum fault)i);
		assert_non_null(row);
		assert_true(strlen(row->name) > 0);
		assert_true(strlen(row->text) > 0);
		assert_true(row->status == 200 ||
			    (row->status >= 400 && row->status < 600));
	}
}

static void
codes_can_stand_in_json_as_they_are(void **state)
{
	const char *c;
	unsigned i;

	(void)state;
	for (i = 0; i < FAULT_MAX; i++) {
		c = fault_get((enum fault)i)->code;
		assert_true(*c != '\0');
		for (; *c != '\0'; c++)
			assert_true(islower((unsigned char)*c) ||
				    isdigit((unsigned char)*c) || *c == '_');
	}
}

static void
the_status_fits_whose_fault_it_is(void **state)
{
	const struct fault_row *row;
	unsigned i;

	(void)state;
	assert_int_equal(fault_get(FAULT_NONE)->blame, BLAME_NOBODY);
	for (i = 1; i < FAULT_MAX; i++) {
		row = fault_get((enum fault)i);
		assert_int_not_equal(row->blame, BLAME_NOBODY);
		if (row->blame == BLAME_CLIENT)
			assert_true(row->status < 500);
		else if (i == FAULT_UP_FULL)
			assert_int_equal(row->status, 429); /* SDKs wait */
		else
			assert_true(row->status >= 500);
	}
	assert_int_equal(fault_get(FAULT_BUDGET)->status, 429);
	assert_int_equal(fault_get(FAULT_KEY)->status, 401);
	assert_int_equal(fault_get(FAULT_UP_TIMEOUT)->status, 504);
	assert_int_equal(fault_get(FAULT_UP_CREDENTIAL)->status, 502);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_has_a_whole_row),
		cmocka_unit_test(codes_can_stand_in_json_as_they_are),
		cmocka_unit_test(the_status_fits_whose_fault_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
