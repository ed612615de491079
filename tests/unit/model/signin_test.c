#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/signin.h"

static void
only_a_machines_own_identity_may_dial_a_metadata_address(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < SIGNIN_METHODS; i++) {
		const char *text = signin_method_text((enum signin_method)i);
		const bool machine = strstr(text, "managed") != NULL ||
				     strstr(text, "metadata") != NULL ||
				     strstr(text, "instance") != NULL ||
				     strstr(text, "container") != NULL ||
				     /* its file may say so */
				     strstr(text, "profile") != NULL;

		assert_true(signin_method_dials_metadata(
				(enum signin_method)i) == machine);
	}
}

static void
every_reason_has_a_code_and_a_text_and_no_other_has(void **state)
{
	unsigned i;

	(void)state;
	for (i = 1; i < SIGNIN_WHYS; i++) {
		assert_true(strlen(signin_why_code((enum signin_why)i)) > 2);
		assert_true(strlen(signin_why_text((enum signin_why)i)) > 10);
	}
	assert_string_equal(signin_why_code((enum signin_why)1000), "?");
	assert_string_equal(signin_why_text((enum signin_why)1000), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    only_a_machines_own_identity_may_dial_a_metadata_address),
		cmocka_unit_test(
		    every_reason_has_a_code_and_a_text_and_no_other_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
